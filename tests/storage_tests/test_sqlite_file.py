"""A SQLite file: what a connection to it is told, and what is said of one that cannot be used."""

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.claims import claim_trial
from storage.database import Database, close, open_database, reading, writing
from storage.errors import DatabaseBusyError, DatabaseUnreadableError, StorageMissingError
from storage.refusal import refusal
from storage.studies import StudyRecord, create_study, load_study, set_planned_trials

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path / 'dampen.db'}"


def test_every_connection_is_durable_patient_and_guards_foreign_keys(db: Database) -> None:
    with reading(db) as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert told == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "busy_timeout": 60_000,
        "foreign_keys": 1,
    }


def test_what_is_read_and_then_written_survives_a_writer_in_between(
    db: Database, study: StudyRecord, spawn: Spawn
) -> None:
    # A deferred transaction fails here with SQLITE_BUSY_SNAPSHOT, whatever the busy timeout.
    increment = """
import sys
from storage.database import open_database, writing
from sqlalchemy import text
db = open_database(sys.argv[1])
for _ in range(50):
    with writing(db) as c:
        n = c.scalar(text("SELECT planned_trials FROM dampen_studies"))
        c.execute(text("UPDATE dampen_studies SET planned_trials = :n"), {"n": n + 1})
"""
    processes = [spawn(increment, db.url) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=60)[1] == ""
    assert load_study(db, "rooks").planned_trials == 5 + 100


def test_path_with_odd_characters_is_only_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "what? {SCHEMA_VERSION}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    db = open_database("sqlite:///50%25 ü#.db")
    create_study(db, "one", settings={}, planned_trials=1)
    assert (folder / "50% ü#.db").is_file()
    assert db.artifacts == folder / "50% ü#.artifacts"
    assert load_study(open_database(db.url, create=False), "one").planned_trials == 1


def test_reading_a_missing_storage_makes_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(StorageMissingError) as caught:
        open_database(url, create=False)
    assert f"no storage at {tmp_path / 'dampen.db'}" in str(caught.value)
    assert "`dampen launch`" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_file_cut_to_nothing_is_a_missing_storage(tmp_path: Path, url: str) -> None:
    (tmp_path / "dampen.db").touch()
    with pytest.raises(StorageMissingError):
        open_database(url, create=False)


@pytest.mark.parametrize("create", [True, False])
def test_file_of_another_kind_is_refused_and_unchanged(
    tmp_path: Path, url: str, create: bool
) -> None:
    content = b"age,income\n" * 2000
    (tmp_path / "dampen.db").write_bytes(content)
    with pytest.raises(DatabaseUnreadableError, match="a file of another kind"):
        open_database(url, create=create)
    assert (tmp_path / "dampen.db").read_bytes() == content


@pytest.mark.parametrize("create", [True, False])
def test_database_of_another_program_is_refused_and_unchanged(
    tmp_path: Path, url: str, create: bool
) -> None:
    with closing(sqlite3.connect(tmp_path / "dampen.db")) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (title TEXT)")
    before = (tmp_path / "dampen.db").read_bytes()
    with pytest.raises(DatabaseUnreadableError, match="belongs to another program"):
        open_database(url, create=create)
    assert (tmp_path / "dampen.db").read_bytes() == before


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_database_is_refused(db: Database, tmp_path: Path, share: float) -> None:
    create_study(db, "rooks", settings={"text": "x" * 50_000}, planned_trials=1)
    close(db)
    file = tmp_path / "dampen.db"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(DatabaseUnreadableError, match="damaged or cut short"):
        open_database(db.url)


@pytest.mark.parametrize("missing", [1, 100, 4095])
def test_file_that_ends_within_a_page_is_refused_and_unchanged(
    db: Database, tmp_path: Path, missing: int
) -> None:
    # SQLite itself opens it, and fills the last page up with zeros when it writes.
    create_study(db, "rooks", settings={}, planned_trials=1)
    close(db)
    file = tmp_path / "dampen.db"
    file.write_bytes(before := file.read_bytes()[:-missing])
    with pytest.raises(DatabaseUnreadableError, match="damaged or cut short"):
        open_database(db.url)
    assert file.read_bytes() == before


def test_read_only_file_is_refused(
    guarded_folder: Path, as_ordinary_user: Callable[[], Any]
) -> None:
    url = f"sqlite:///{guarded_folder}/dampen.db"
    guarded_folder.chmod(0o755)
    close(open_database(url))
    (guarded_folder / "dampen.db").chmod(0o444)
    guarded_folder.chmod(0o777)
    with as_ordinary_user(), pytest.raises(DatabaseUnreadableError) as caught:
        create_study(open_database(url), "one", settings={}, planned_trials=1)
    assert "cannot be written to" in str(caught.value)


def test_database_held_for_too_long_is_said_to_be_busy(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT_SECONDS", 0.2)
    db = open_database(url)
    with closing(sqlite3.connect(tmp_path / "dampen.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusyError, match="must become free"), writing(db):
            raise AssertionError
        holder.execute("ROLLBACK")


def test_full_disk_is_said_with_what_to_do() -> None:
    said = str(refusal("sqlite:////a.db", sqlite3.OperationalError("database or disk is full")))
    assert "Free some space, then type `dampen resume`" in said


def test_rows_left_by_a_careless_delete_do_not_haunt_the_next_study(
    db: Database, study: StudyRecord, worker_id: str, query: Query
) -> None:
    # Plain SQLite guards no foreign keys, and gives the highest numbers away again.
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    for table in ("study_directions", "trials", "studies"):
        query(f"DELETE FROM {table}")
    again = create_study(db, "again", settings={"seed": 8}, planned_trials=2)
    assert (again.study_id, again.settings) == (study.study_id, {"seed": 8})


def test_storage_opened_twice_in_a_process_keeps_its_locks(
    db: Database, study: StudyRecord, spawn: Spawn
) -> None:
    # Closing any other descriptor of the file would drop them, and then another process's last
    # close takes itself for the last of all and removes the log under this one.
    close(db)
    first = open_database(db.url, create=False)
    load_study(first, "rooks")
    second = open_database(db.url, create=False)
    load_study(second, "rooks")
    set_planned_trials_elsewhere = (
        "import sys\n"
        "from storage.database import close, open_database\n"
        "from storage.studies import load_study, set_planned_trials\n"
        "db = open_database(sys.argv[1])\n"
        "print(load_study(db, 'rooks').planned_trials)\n"
        "set_planned_trials(db, 'rooks', 77)\n"
        "close(db)\n"
    )
    assert spawn(set_planned_trials_elsewhere, db.url).communicate() == ("5\n", "")
    set_planned_trials(second, "rooks", 99)
    assert spawn(set_planned_trials_elsewhere, db.url).communicate() == ("99\n", "")
    assert load_study(first, "rooks").planned_trials == 77
    close(first)
    close(second)
