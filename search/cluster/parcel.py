"""What a node needs of the launching machine: the prepared data, and a study's own objective.

They go into Ray's object store once, and from there to each node once, where they are unpacked into
a folder of the node's own, named by their content; whoever comes later finds them there.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OBJECTIVES = "objective"  # the folder in a parcel of a study's own objective

Content = Mapping[str, NDArray[np.uint8]]  # the bytes of files by their relative paths


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcel:
    """Files, and the hash of all of them."""

    digest: str
    sizes: Mapping[str, int]  # bytes of each file
    content: Content = field(repr=False)


def pack(folder: Path, objective: Path | None) -> Parcel:
    """Read the files of a folder of prepared data, and an objective's."""
    files = {file.name: file for file in sorted(folder.iterdir()) if not file.name.startswith(".")}
    if objective is not None:
        files[f"{OBJECTIVES}/{objective.name}"] = objective
    content = {name: np.fromfile(file, dtype=np.uint8) for name, file in files.items()}
    digest = hashlib.sha256()
    for name, each in content.items():
        digest.update(f"{name}\0{len(each)}\0".encode())
        digest.update(each.data)
    sizes = {name: len(each) for name, each in content.items()}
    return Parcel(digest=digest.hexdigest(), sizes=sizes, content=content)


def unpack(
    digest: str,
    sizes: Mapping[str, int],
    fetch: Callable[[], Content],
    cache: Path | None = None,
) -> Path:
    """Return the folder of a parcel on this machine, which is fetched where it is not there.

    One that has lost files, as to whatever cleans temporary folders, is fetched again.

    Several processes may do so at once: each writes beside, and the first to rename wins.

    Args:
        digest: of the parcel.
        sizes: of the parcel.
        fetch: returns its content.
        cache: where parcels lie; in the temporary folder unless told.

    Raises:
        OSError: the disk is full, or the cache is another user's.
    """
    cache = cache or Path(tempfile.gettempdir()) / f"dampen-{os.getuid()}"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    if cache.stat().st_uid != os.getuid():  # who else could put data there
        raise PermissionError(f"{cache} belongs to another user; remove it")
    folder = cache / digest
    if _is_whole(folder, sizes):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    content = fetch()
    beside = Path(tempfile.mkdtemp(prefix=".", dir=cache))
    try:
        for name, each in content.items():
            file = beside / name
            file.parent.mkdir(exist_ok=True)
            each.tofile(file)
        try:
            beside.rename(folder)
        except OSError:
            if not _is_whole(folder, sizes):  # else another process was first
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _is_whole(folder: Path, sizes: Mapping[str, int]) -> bool:
    files = {folder / name: size for name, size in sizes.items()}
    return all(file.is_file() and file.stat().st_size == size for file, size in files.items())


def objective_in(folder: Path) -> Path | None:
    """Return the objective of an unpacked parcel, if it has one."""
    return next((folder / OBJECTIVES).iterdir(), None) if (folder / OBJECTIVES).is_dir() else None
