"""Copies a SQLite storage with its files, while workers write to it.

First the database, in one step and so in one consistent state; then the files that the copy
records, which were whole before they were recorded and never change. All of it is made in a hidden
folder beside the copy, flushed to the disk, and only then given its name, the files first: what
bears the name is whole. Next: `database.py` opens the copy as it opens any storage.
"""

import os
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, func, select
from sqlalchemy.engine import make_url

from storage.database import Database, close, open_database, reading
from storage.errors import BackupError, DatabaseUnreadableError
from storage.place import Folder, check_identifier
from storage.recorded import RecordedFile, recorded_files
from storage.refusal import refusal
from storage.schema import trials
from storage.soundness import check_integrity
from storage.url import database_file

Watch = Callable[[int, int], None]

_FLUSHED_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A copy of a storage, which can be opened at `url`."""

    url: str
    artifacts: Path  # where its files are, if it has any
    trials: int
    files: int
    bucket: str | None = None  # where its files stay, being in no folder
    missing: int  # files that the copy records, and that were gone when they were to be copied
    size: int  # bytes: the database and all files


def back_up(db: Database, file: Path, *, watch: Watch = lambda done, files: None) -> Backup:
    """Copies a SQLite storage to `file`, and its files to the folder that belongs to that.

    Tables that were given as data frames are copied too; prepared data are not, since a resume
    makes them again, nor are files in a bucket, where the copy finds them.

    Args:
        file: the folder it lies in must exist; itself and its folder of files must not.
        watch: called after each file with how many are copied, and how many there are.

    Raises:
        BackupError: the storage is no SQLite file or is damaged, or the copy cannot be written.
    """
    source = database_file(db.url)
    if source is None:
        raise BackupError(_say_server(db))
    file = Path(os.path.abspath(file))
    _check_place(file)
    try:
        with _hidden_folder(file) as hidden:
            copy, folder = hidden / file.name, hidden / "files"
            _copy_database(db, copy)
            originals, n_trials = _read_copy(db, copy)
            originals += _tables(db)
            missing = _copy_files(db, originals, folder, watch)
            size = _flush(hidden)
            _give_names(copy, folder, file)
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise BackupError(
            f"The copy {file} must be written whole; that failed: {reason or error}. Free some "
            "space, or choose another FILE. Nothing was left behind."
        ) from error
    return Backup(
        url=_url(file),
        artifacts=_folder_of(file),
        bucket=db.place.address,
        trials=n_trials,
        files=len(originals) - missing,
        missing=missing,
        size=size,
    )


def _check_place(file: Path) -> None:
    if not file.parent.is_dir():
        raise BackupError(
            f"The folder of the copy must exist; {file.parent} does not. Create it (mkdir -p "
            f"{shlex.quote(str(file.parent))}) or choose another FILE."
        )
    beside = [file.with_name(file.name + end) for end in ("", "-wal", "-shm", "-journal")]
    for path in (*beside, _folder_of(file)):
        if os.path.lexists(path):
            raise BackupError(
                f"The copy must have a name that is free; {path} exists. Choose another FILE, or "
                "move that away."
            )


@contextmanager
def _hidden_folder(file: Path) -> Iterator[Path]:
    folder = file.with_name(f".{file.name}.partial")
    try:
        folder.mkdir()
    except FileExistsError:
        raise BackupError(
            f"Another backup must not be writing {file}; {folder} says that one is, or was killed. "
            "Wait for it, or remove that folder."
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _copy_database(db: Database, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as target, closing(db.engine.raw_connection()) as source:
        connection = source.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        try:
            connection.backup(target, pages=-1)
        except sqlite3.OperationalError:
            raise  # the copy's own: what was read is an open database
        except sqlite3.DatabaseError as error:
            raise refusal(db.url, error) from error


def _read_copy(db: Database, copy: Path) -> tuple[list[Path], int]:
    """Where the files that the copy records lie, and how many trials it has."""
    try:
        opened = open_database(_url(copy), create=False)
    except DatabaseUnreadableError as error:
        raise BackupError(
            f"The copy {copy.name} must be readable once it is written; it is not. Free some space "
            "and try again. Nothing was left behind."
        ) from error
    try:
        if check_integrity(opened).level == "problem":
            raise BackupError(
                "The storage must be whole to be copied; it is damaged. `dampen doctor` says more."
            )
        with reading(opened) as connection:
            recorded = recorded_files(connection)
            n_trials = connection.scalar(select(func.count()).select_from(trials))
    finally:
        close(opened)
    return _in_folder(db, recorded), n_trials or 0


def _in_folder(db: Database, recorded: Sequence[RecordedFile]) -> list[Path]:
    if not isinstance(db.place, Folder):
        return []
    for file in recorded:
        check_identifier(file.artifact_id, db.place)
    return [db.place.path / file.artifact_id for file in recorded]


def _tables(db: Database) -> list[Path]:
    """The data that studies search on and that lie nowhere else."""
    folder = db.artifacts / "data"
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _copy_files(db: Database, originals: list[Path], folder: Path, watch: Watch) -> int:
    """Copies the files that are there, and returns how many are not."""
    missing = 0
    for number, original in enumerate(originals, start=1):
        copy = folder / original.relative_to(db.artifacts)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(original, copy)
        except FileNotFoundError:
            missing += 1
        watch(number, len(originals))
    return missing


def _flush(folder: Path) -> int:
    """Waits until all that is below the folder is on the disk, and returns its size in bytes."""
    folders = [Path(path) for path, _, _ in os.walk(folder)]
    files = [path for each in folders for path in each.iterdir() if path.is_file()]
    # A disk takes eight files in hardly more time than one.
    with ThreadPoolExecutor(_FLUSHED_AT_ONCE) as pool:
        size = sum(pool.map(_flush_content, files))
    for each in folders:
        _flush_names(each)
    return size


def _flush_content(path: Path) -> int:
    with path.open("r+b") as file:
        os.fsync(file)
        return os.fstat(file.fileno()).st_size


def _flush_names(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_names(copy: Path, folder: Path, file: Path) -> None:
    if folder.is_dir():
        os.rename(folder, _folder_of(file))
    os.rename(copy, file)
    _flush_names(file.parent)


def _url(file: Path) -> str:
    return URL.create("sqlite", database=str(file)).render_as_string()


def _folder_of(file: Path) -> Path:
    """As `storage.url.artifact_folder`, which may be told of another folder by the environment."""
    return file.with_name(f"{file.stem if file.suffix == '.db' else file.name}.artifacts")


def _say_server(db: Database) -> str:
    url = make_url(db.url)
    # pg_dump asks for the password.
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    return (
        f"A backup copies a SQLite file; the storage is on a server. Type: pg_dump --format=custom "
        f"--file=dampen.dump {shlex.quote(str(address))}; then copy the folder {db.artifacts}"
        + (f", and keep {db.place}." if db.place.address else ".")
    )
