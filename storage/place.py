"""A place where a storage keeps its files: here a folder, and a bucket in `bucket.py`.

A place holds files by identifier, each of them whole or not there, and knows nothing of records.
Next: `artifacts.py` records what is kept, `place_choice.py` says which place is a storage's.
"""

import os
import re
import stat
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.errors import ArtifactError

Content = bytes | Callable[[Path], None]

# What Optuna and `artifacts.py` call a file, and one that is still being written.
_UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
OUR_NAME = re.compile(rf"{_UUID4}|\.{_UUID4}\.partial(\..+)?")


class Place(Protocol):
    """Where files lie; `str` names it as people do. All methods raise ArtifactError."""

    @property
    def address(self) -> str | None:
        """What the database records; None for a folder, whose path each machine has its own of."""

    @property
    def remedy(self) -> str:
        """What to do about a file that is gone."""

    def write(self, artifact_id: str, filename: str, content: Content) -> None:
        """Keeps a file, whole or not at all.

        Args:
            artifact_id: unused so far.
            filename: a plain file name.
            content: the bytes, or a function that writes them to the path it is given, which ends
                as `filename` does.
        """

    def fetch(self, artifact_id: str) -> Path | None:
        """Returns where the file can be read on this machine, or None where it is gone."""

    def sizes(self, artifact_ids: Collection[str]) -> dict[str, int]:
        """Returns how many bytes each file has, of those that are there."""

    def untouched(self, seconds: float) -> dict[str, int]:
        """Returns the bytes of files named as ours are that nobody touched for so long, by name."""

    def remove(self, artifact_id: str) -> None:
        """Removes a file, if it is there."""

    def store(self) -> object:
        """Returns it as one of Optuna's artifact stores."""


@dataclass(frozen=True)
class Folder:
    """A folder, which need not exist yet."""

    path: Path

    address = None
    remedy = "Put the folder back, or name another with DAMPEN_ARTIFACTS."

    def __str__(self) -> str:
        return str(self.path)

    def write(self, artifact_id: str, filename: str, content: Content) -> None:
        """Writes under a temporary name, flushes to the disk and renames."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _write_whole(self._at(artifact_id), filename, content)
        except OSError as error:
            raise ArtifactError(
                f"The file {filename!r} must be kept in {self}; writing it failed: "
                f"{error.strerror or error}. Free some space or mend the folder, then type "
                "`dampen resume`."
            ) from error

    def fetch(self, artifact_id: str) -> Path | None:
        """Returns its path in the folder."""
        file = self._at(artifact_id)
        return file if file.is_file() else None

    def sizes(self, artifact_ids: Collection[str]) -> dict[str, int]:
        """As for every place."""
        files = {each: self._at(each) for each in artifact_ids}
        return {each: file.stat().st_size for each, file in files.items() if file.is_file()}

    def untouched(self, seconds: float) -> dict[str, int]:
        """Links and folders are nobody's leftovers."""
        try:
            names = [name for name in os.listdir(self.path) if OUR_NAME.fullmatch(name)]
        except FileNotFoundError:
            return {}  # nothing was ever kept
        except OSError as error:
            raise ArtifactError(
                f"The files of the storage must be in {self}; reading it failed: "
                f"{error.strerror or error}. Check its permissions."
            ) from error
        found = {}
        for name in sorted(names):
            try:
                status = os.lstat(self.path / name)
            except FileNotFoundError:
                continue  # finished, or removed, since the folder was listed
            if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > seconds:
                found[name] = status.st_size
        return found

    def remove(self, artifact_id: str) -> None:
        """As for every place."""
        file = self._at(artifact_id)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise ArtifactError(
                f"The file {file} must be removable; removing it failed: "
                f"{error.strerror or error}. Change the permissions of its folder."
            ) from error

    def store(self) -> object:
        """Returns a FileSystemArtifactStore; the folder is made."""
        from optuna.artifacts import FileSystemArtifactStore

        self.path.mkdir(parents=True, exist_ok=True)
        return FileSystemArtifactStore(self.path)

    def _at(self, artifact_id: str) -> Path:
        check_identifier(artifact_id, self)
        return self.path / artifact_id


def try_out(place: Place) -> None:
    """Writes a file, reads it back and removes it.

    Raises:
        ArtifactError: one of that cannot be done.
    """
    artifact_id, content = str(uuid.uuid4()), b"dampen"
    place.write(artifact_id, "tried.txt", content)
    file = place.fetch(artifact_id)
    read = None if file is None else file.read_bytes()
    place.remove(artifact_id)
    if read != content:
        raise ArtifactError(
            f"What is written to {place} must be read back; it was not. {place.remedy}"
        )


def check_identifier(artifact_id: str, place: Place) -> None:
    """Makes sure that an identifier, which a database may hold from anywhere, is a plain name.

    Raises:
        ArtifactError: it leads elsewhere.
    """
    if artifact_id in ("", ".", "..") or Path(artifact_id).name != artifact_id:
        raise ArtifactError(
            f"An artifact must lie in {place}; the identifier {artifact_id!r} leads elsewhere. Do "
            "not trust this database."
        )


def write_content(file: Path, filename: str, content: Content) -> None:
    """Writes a file's content to a path that ends as its name does.

    Raises:
        ArtifactError: the content's writer wrote nothing.
    """
    if callable(content):
        content(file)
    else:
        file.write_bytes(content)
    if not file.is_file():
        raise ArtifactError(
            f"The writer of {filename!r} must make the file it is given; it made none."
        )


def _write_whole(file: Path, filename: str, content: Content) -> None:
    # The suffix stays, since some writers choose their format by it.
    partial = file.with_name(f".{file.name}.partial{Path(filename).suffix}")
    try:
        write_content(partial, filename, content)
        _flush(partial)
        os.replace(partial, file)
        _flush(file.parent)  # the rename itself
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
