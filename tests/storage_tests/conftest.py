"""A real SQLite file for every test, a second connection to read it back, and real processes."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database, close, open_database
from storage.studies import StudyRecord, create_study
from storage.workers import register_worker

_ROOT = Path(__file__).parents[2]
_NOBODY = 65534

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'dampen.db'}"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    database = open_database(url)
    yield database
    close(database)


@pytest.fixture
def study(db: Database) -> StudyRecord:
    return create_study(db, "rooks", settings={"seed": 7}, planned_trials=5)


@pytest.fixture
def worker_id(db: Database, study: StudyRecord) -> str:
    return register_worker(db, study.study_id)


@pytest.fixture
def query(db: Database, tmp_path: Path) -> Query:
    """Runs one statement through a connection of its own, which sees only what is committed."""

    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(tmp_path / "dampen.db", timeout=10)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    return run


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts Python processes that can import the project; none outlives its test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def guarded_folder() -> Iterator[Path]:
    """A folder in which the current user, acting as an ordinary one, may read and not write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """The superuser may write everywhere, so steps down for the length of the block."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def as_ordinary_user() -> Callable[[], Any]:
    return ordinary_user
