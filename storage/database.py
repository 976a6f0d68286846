"""Opens the database: the only place where an engine is made.

One engine serves Optuna's tables and the project's own. What each SQLite connection is told:

- **BEGIN IMMEDIATE.** A deferred transaction that reads and then writes fails at once, whatever the
  busy timeout, when another process wrote in between; one that takes the write lock first waits
  its turn. Blocks under `deferred_transactions` only read (or retry), and begin plainly, so that a
  browser full of charts never holds up a worker, nor a worker that reads a long history all others.
- **WAL**, so that readers and the writer do not wait for each other.
- **synchronous=FULL.** NORMAL would survive any kill, but a power cut could take back trials whose
  results were already printed. FULL costs one fsync a commit: measured on a virtual disk, 0.24 ms
  against 0.02 ms a commit, which makes 10 ms instead of 9 a trial.
- **busy_timeout 60 s** and **foreign_keys=ON**; the latter carries the project's rows along when
  a study is deleted.

What a PostgreSQL connection is told: to notice within half a minute that the server's machine is
gone, and to be looked at before each use, so that a restarted server is met with a new connection.
A process that has `Patience` waits, when it connects, for a database that is away.

Next: `studies.py` and `claims.py` for what is written through `writing` and `reading`.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import CreateEnginePlugin, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from storage.errors import DatabaseUnreadableError, StorageMissingError
from storage.migrations import migrate
from storage.patience import Patience
from storage.place import Place
from storage.place_choice import place_of
from storage.proxied import proxied_storage
from storage.refusal import BUSY_TIMEOUT_SECONDS, refusal, sentences, speak_in_sentences
from storage.schema import SCHEMA_VERSION, Base, schema_version, studies
from storage.url import artifact_folder, database_file, proxy_address, redact, resolve_url

# libpq's own names and units: seconds, but milliseconds for tcp_user_timeout.
_POSTGRESQL = {
    "application_name": "dampen",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_deferred: ContextVar[bool] = ContextVar("deferred", default=False)


@dataclass(frozen=True, kw_only=True)
class Database:
    """An open storage. `optuna` goes to `optuna.load_study(storage=...)`; close with `close`."""

    url: str = field(repr=False)  # may carry a password: show it through `storage.url.redact`
    engine: Engine = field(repr=False)
    optuna: BaseStorage = field(repr=False)
    artifacts: Path  # the folder for prepared data and the like; it may not exist yet
    place: Place  # of the trials' files: the same folder, or a bucket
    patience: Patience = field(repr=False)  # of connections made from now on, and of the bucket


def open_database(
    url: str | None = None,
    *,
    create: bool = True,
    patience: Patience | None = None,
    artifacts: str | None = None,
    proxied: bool = True,
) -> Database:
    """Opens the storage, and makes its tables where they are missing, or brings them forward.

    Args:
        url: as for `storage.url.resolve_url`.
        create: whether a missing storage is made. Commands that only read pass False.
        patience: how to wait for a server or bucket that is away; without it, nothing is awaited.
        artifacts: the bucket for the files of a new storage, as s3://BUCKET/PREFIX; without it the
            environment's DAMPEN_ARTIFACTS may name one.
        proxied: whether `optuna` goes through the proxy that DAMPEN_PROXY names, if it is set and
            the database is a server.

    Raises:
        StorageURLError: the URL or its folder cannot be used, or DAMPEN_PROXY cannot be; or its
            files are elsewhere than it is said.
        StorageMissingError: nothing is stored there and `create` is False.
        DatabaseUnreadableError: it is damaged, foreign, from a newer release, or refuses the user.
        DatabaseUnreachableError: its server does not answer, or the proxy.
        DatabaseBusyError: another process held it for too long.
    """
    resolved = resolve_url(url)
    proxy = proxy_address() if proxied and database_file(resolved) is None else None
    patience = patience or Patience()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with sentences(resolved):
        _check_file(resolved, create=create)
        if not create and database_file(resolved) is None:
            _check_server(resolved, patience)
        backend = _open_in_turn(resolved, patience)
    speak_in_sentences(backend.engine, resolved)
    storage = optuna.storages.get_storage(backend)
    try:
        with deferred_transactions(), backend.engine.connect() as connection:
            place = place_of(connection, resolved, artifacts, patience=patience)
        if proxy is not None:
            storage = proxied_storage(proxy, backend.engine, patience)
    except BaseException:
        backend.engine.dispose()
        raise
    return Database(
        url=resolved,
        engine=backend.engine,
        optuna=storage,
        artifacts=artifact_folder(resolved),
        place=place,
        patience=patience,
    )


def close(db: Database) -> None:
    """Closes every idle connection; the database can still be used and reconnects."""
    db.engine.dispose()


@contextmanager
def deferred_transactions() -> Iterator[None]:
    """Within the block, SQLite transactions take no lock until they write."""
    token = _deferred.set(True)
    try:
        yield
    finally:
        _deferred.reset(token)


@contextmanager
def reading(db: Database) -> Iterator[Connection]:
    """A connection for queries that see one consistent state and hold nobody up."""
    with deferred_transactions(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # SQLite's snapshot lasts as long as the transaction; PostgreSQL has to be asked.
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection


@contextmanager
def writing(db: Database) -> Iterator[Connection]:
    """A connection whose statements are all committed at the end of the block, or none.

    On SQLite it holds the only write lock from the start: do not call Optuna's storage inside.
    """
    with db.engine.begin() as connection:
        yield connection


def _check_file(url: str, *, create: bool) -> None:
    file = database_file(url)
    if file is None:
        return
    if not (file.is_file() and file.stat().st_size > 0):
        if create:
            return
        raise StorageMissingError(
            f"There is no storage at {file}. `dampen launch` makes one there; to read another, "
            "add --storage sqlite:///FILE or set DAMPEN_STORAGE."
        )
    page_size, tables = _look_inside(file)
    log = file.with_name(f"{file.name}-wal")
    if file.stat().st_size % page_size != 0 and not (log.exists() and log.stat().st_size > 0):
        # It ends within a page, which SQLite would fill up with zeros at the next write. With a
        # write-ahead log it mends the end of the file itself.
        raise refusal(url, sqlite3.DatabaseError("database disk image is malformed"))
    if "studies" not in tables and tables:
        raise DatabaseUnreadableError(
            f"The storage {redact(url)} must be a database of dampen or Optuna; it belongs to "
            "another program. Choose another --storage."
        )


def _check_server(url: str, patience: Patience) -> None:
    engine = create_engine(url, **_engine_options(url, patience))
    try:
        there = inspect(engine).has_table(studies.name)
    finally:
        engine.dispose()
    if not there:
        raise StorageMissingError(
            f"There is no storage at {redact(url)}. `dampen launch` makes one there; to read "
            "another, change --storage or DAMPEN_STORAGE."
        )


def _look_inside(file: Path) -> tuple[int, set[str]]:
    """The page size in bytes, and the tables, as SQLite says.

    The file is never opened in another way: closing it would drop the locks of this process's
    connections, all of them (sqlite.org/howtocorrupt.html, section 2.2).
    """
    # mode=rw does not create the file, and mode=ro could not read one left by a crash.
    address = f"file:{quote(str(file))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in rows}
        return connection.execute("PRAGMA page_size").fetchone()[0], tables


def _open_in_turn(url: str, patience: Patience) -> RDBStorage:
    """Opens and prepares, again when another process was doing so at the same moment."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            return _construct(url, patience)
        except (SQLAlchemyError, StorageInternalError) as error:
            if not _lost_a_race(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.02, 0.2))


class _Storage(RDBStorage):
    """Optuna's storage, whose reads of trials neither wait for a writer nor hold one up.

    Building the objects of 10,000 trials takes seconds, within the transaction that reads them.
    """

    def get_trial(self, trial_id: int) -> FrozenTrial:
        with deferred_transactions():
            return super().get_trial(trial_id)

    def _get_trials(self, *args: Any, **kwargs: Any) -> list[FrozenTrial]:
        with deferred_transactions():
            return super()._get_trials(*args, **kwargs)


def _construct(url: str, patience: Patience) -> RDBStorage:
    engines: list[Engine] = []
    try:
        # Optuna's constructor holds one transaction open while it begins another, which would wait
        # for itself under BEGIN IMMEDIATE. It is idempotent, so plain BEGIN and a retry do.
        with deferred_transactions():
            backend = _Storage(url, engine_kwargs=_engine_options(url, patience, engines))
        _prepare_own_tables(backend.engine, url)
    except BaseException as error:
        for engine in engines:
            engine.dispose()
        if type(error) is not RuntimeError:
            raise
        # How Optuna says that the tables are of another release of it.
        raise DatabaseUnreadableError(
            f"The storage {redact(url)} must have been written by a release of Optuna that the "
            f"installed one can read; it was not. {error}"
        ) from error
    return backend


def _engine_options(
    url: str, patience: Patience, engines: list[Engine] | None = None
) -> dict[str, Any]:
    """Returns the arguments of `create_engine`, which appends what it makes to `engines`."""
    options = {"plugins": [_PLUGIN], "patience": patience, "engines": engines}
    if database_file(url) is None:
        chosen = make_url(url).query  # what the URL says itself goes before
        connect = {key: value for key, value in _POSTGRESQL.items() if key not in chosen}
        return {**options, "connect_args": connect, "pool_pre_ping": True}
    # isolation_level=None leaves the transactions to the plugin's BEGIN, instead of the driver's
    # own, which it would issue before the first write only.
    connect = {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}
    return {**options, "connect_args": connect}


def _lost_a_race(error: Exception) -> bool:
    text = str(error.__cause__ or error).lower()
    return (
        isinstance(error, IntegrityError)
        or "already exists" in text
        or "locked" in text
        or "duplicate key" in text
    )


def _prepare_own_tables(engine: Engine, url: str) -> None:
    with deferred_transactions(), engine.connect() as connection:
        if _read_version(connection, url) == SCHEMA_VERSION:
            return
    with engine.begin() as connection:
        version = _read_version(connection, url, lock=True)
        if version is None:
            Base.metadata.create_all(connection)
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
        elif version < SCHEMA_VERSION:
            migrate(connection, version)


def _read_version(connection: Connection, url: str, *, lock: bool = False) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    query = select(schema_version.c.version)
    version = connection.scalar(query.with_for_update() if lock else query)
    if version is not None and version > SCHEMA_VERSION:
        raise DatabaseUnreadableError(
            f"The storage {redact(url)} must have schema version {SCHEMA_VERSION} or older; it has "
            f"version {version}, written by a newer release. Type: pip install --upgrade dampen."
        )
    return version


class _Settings(CreateEnginePlugin):
    """Tells an engine's connections what the module's docstring lists.

    A plugin, because Optuna makes the engine and uses it before anyone else sees it.
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        self._patience: Patience = kwargs.pop("patience")
        self._engines: list[Engine] | None = kwargs.pop("engines")

    def update_url(self, url: URL) -> URL:
        return url

    def engine_created(self, engine: Engine) -> None:
        if self._engines is not None:
            self._engines.append(engine)
        event.listen(engine, "do_connect", self._connect)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _settle_connection)
            event.listen(engine, "begin", _begin_transaction)

    def _connect(self, dialect: Dialect, record: object, args: Any, options: Any) -> Any:
        return self._patience.call(lambda: dialect.connect(*args, **options))


_PLUGIN = "dampen_settings"
plugins.register(_PLUGIN, __name__, _Settings.__name__)


def _begin_transaction(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if _deferred.get() else "BEGIN IMMEDIATE")


def _settle_connection(connection: sqlite3.Connection, record: object) -> None:
    _enter_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _enter_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait its busy timeout for this one change, so several processes that open
    # a new file together have to be patient here.
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))
