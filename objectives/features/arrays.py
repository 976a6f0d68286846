"""Where the arrays of a study are kept: in memory, or as .npy files that processes share.

Either way an array arrives as blocks of rows, so that no more than one block of it need be in
memory beside what is kept. Next: `preparation` makes the blocks.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# Keeps an array of a name of its own, a shape and a type, from blocks of its rows; returns it.
Keep = Callable[[str, tuple[int, ...], npt.DTypeLike, Iterable[Array]], Array]


def in_memory(
    name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, blocks: Iterable[Array]
) -> Array:
    """Return the blocks as one array."""
    array = np.empty(shape, dtype=dtype)
    start = 0
    for block in blocks:
        array[start : start + len(block)] = block
        start += len(block)
    return array


def open_array(folder: Path, name: str) -> Array:
    """Return an array of a folder memory-mapped, copy-on-write.

    Nobody writes to it; but only what could be written to can be handed to TensorFlow uncopied. The
    file's header is a multiple of 64 bytes long, which TensorFlow's kernels want too.

    Raises:
        OSError, ValueError: there is no such array, or it is damaged.
    """
    return _mapped(_path(folder, name))


class ArrayFolder:
    """A folder of arrays, written anew in a `with` block and complete with a text file.

    Each file is written beside and renamed, so that a process that has the old ones mapped goes on
    undisturbed; the text comes last and marks the folder complete. Arrays of before that have no
    successor are removed.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._mark = folder / mark
        self._names: list[str] = []

    def __enter__(self) -> "ArrayFolder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in self._names:
            _beside(_path(self._folder, name)).unlink(missing_ok=True)

    def keep(
        self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, blocks: Iterable[Array]
    ) -> Array:
        """Write an array from its blocks, and return it memory-mapped."""
        self._names.append(name)
        beside = _beside(_path(self._folder, name))
        kind = np.dtype(dtype)
        header = {
            "descr": np.lib.format.dtype_to_descr(kind),
            "fortran_order": False,
            "shape": shape,
        }
        # Written, not mapped: a full disk is then an error and no fatal signal.
        with beside.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype=kind).tobytes())
        return _mapped(beside)

    def complete(self, text: str) -> None:
        """Put all arrays in their places, and write the text that marks them complete."""
        self._mark.unlink(missing_ok=True)
        for old in self._folder.glob("*.npy"):
            if old.stem not in self._names:
                old.unlink(missing_ok=True)
        for name in self._names:
            path = _path(self._folder, name)
            _beside(path).replace(path)
        with _written_beside(self._mark) as file:
            file.write(text.encode())


@contextmanager
def _written_beside(path: Path) -> Iterator[IO[bytes]]:
    beside = _beside(path)
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _mapped(path: Path) -> Array:
    array: Array = np.load(path, mmap_mode="c", allow_pickle=False)
    return array
