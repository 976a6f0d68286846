"""A storage for every test on each kind of database, a second connection to it, real processes."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from optuna.storages._rdb.storage import _VersionManager
from postgresql import Server
from sqlalchemy import Executable, NullPool, create_engine, text, update

from storage.database import Database, close, open_database
from storage.schema import own_workers
from storage.studies import StudyRecord, create_study
from storage.workers import register_worker

_ROOT = Path(__file__).parents[2]
_NOBODY = 65534

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session", autouse=True)
def known_head_version() -> Iterator[None]:
    """Looks up only once which tables this Optuna makes: it executes all its migrations for that.

    It does so whenever a storage is opened, which is three quarters of the time that takes.
    """
    look_up = _VersionManager.get_head_version
    found: list[str] = []

    def head_version(manager: _VersionManager) -> str:
        if not found:
            found.append(look_up(manager))
        return found[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_VersionManager, "get_head_version", head_version)
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite storage with nothing in it; copying it is ten times as fast as making one."""
    file = tmp_path_factory.mktemp("template") / "dampen.db"
    close(open_database(f"sqlite:///{file}"))
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place where no storage is yet, once on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'dampen.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.create_database(empty=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A storage with nothing in it, once on each kind of database.

    A test that is about a file, or that would prove nothing more on a server, takes the first only:
    `@pytest.mark.parametrize("url", ["sqlite"], indirect=True)`.
    """
    monkeypatch.chdir(tmp_path)  # a server's artifacts lie in the current folder
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path)}"
        return
    server: Server = request.getfixturevalue("postgresql")
    with server.lent_database() as url:
        yield url


@pytest.fixture
def open_storage() -> Iterator[Callable[..., Database]]:
    """Opens a storage as `open_database` does, for the length of the test."""
    opened: list[Database] = []

    def open_one(url: str, **options: Any) -> Database:
        opened.append(open_database(url, **options))
        return opened[-1]

    yield open_one
    for database in opened:
        close(database)


@pytest.fixture
def db(url: str, open_storage: Callable[..., Database]) -> Database:
    return open_storage(url)


@pytest.fixture
def study(db: Database) -> StudyRecord:
    return create_study(db, "rooks", settings={"seed": 7}, planned_trials=5)


@pytest.fixture
def worker_id(db: Database, study: StudyRecord) -> str:
    return register_worker(db, study.study_id)


@pytest.fixture
def query(db: Database) -> Iterator[Query]:
    """Executes one statement through a connection of its own, which sees only what is committed."""
    engine = create_engine(db.url, poolclass=NullPool)

    def run(statement: str | Executable, **values: object) -> list[tuple[Any, ...]]:
        clause = text(statement) if isinstance(statement, str) else statement
        with engine.begin() as connection:
            result = connection.execute(clause, values)
            return [tuple(row) for row in result] if result.returns_rows else []

    yield run
    engine.dispose()


@pytest.fixture
def silence(query: Query) -> Callable[[float], None]:
    """Lets every worker's last beat lie that many seconds back."""

    def run(seconds: float) -> None:
        beat_at = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)
        query(update(own_workers).values(beat_at=beat_at))

    return run


@pytest.fixture
def at_once() -> Callable[[Sequence[Callable[[], Any]]], list[Any]]:
    """Calls each function in a thread of its own, all in the same instant."""

    def run(functions: Sequence[Callable[[], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(functions))

        def call(function: Callable[[], Any]) -> Any:
            barrier.wait(10)
            return function()

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(call, functions))

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
