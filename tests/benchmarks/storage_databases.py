"""Where the studies of `storage_cost.py` lie: SQLite files, or databases of one PostgreSQL server.

A study is made once and copied for every measurement, which changes it. What copying left to be
written is on the disk before a copy is handed out.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from children import HERE
from psycopg import connect

if TYPE_CHECKING:
    from postgresql import Server


class Databases(Protocol):
    """Named databases of one kind."""

    version: str  # such as "SQLite 3.45"

    def create(self, name: str) -> str:
        """Make an empty database and return its URL."""
        ...

    def settle(self, name: str) -> None:
        """Bring a database, which nobody has open, into the state of one that is long in use."""
        ...

    def copied(self, name: str) -> AbstractContextManager[str]:
        """Give the URL of a copy, which is gone after the block; nobody may have `name` open."""
        ...


@contextmanager
def sqlite_files(folder: Path) -> Iterator[Databases]:
    """Give databases that are files of the folder."""
    yield _Files(folder)


@contextmanager
def postgresql_databases(folder: Path) -> Iterator[Databases]:
    """Give databases of a PostgreSQL server that runs for as long as the block."""
    sys.path.append(str(HERE.parent))  # tests/
    from postgresql import running_server

    with running_server() as server:
        yield _Served(server)


class _Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.version = f"SQLite {sqlite3.sqlite_version}"

    def create(self, name: str) -> str:
        return self._url(name)

    def settle(self, name: str) -> None:
        """Nothing to do: SQLite has folded its log into the file when the last one closed it."""

    @contextmanager
    def copied(self, name: str) -> Iterator[str]:
        shutil.copy(self._folder / f"{name}.db", self._folder / "copy.db")
        os.sync()
        yield self._url("copy")
        (self._folder / "copy.db").unlink()

    def _url(self, name: str) -> str:
        return f"sqlite:///{self._folder}/{name}.db"


class _Served:
    def __init__(self, server: "Server") -> None:
        self._server = server
        with connect(server.url("postgres")) as connection:
            number: int = connection.info.server_version  # 180001 is 18.1
        self.version = f"PostgreSQL {number // 10_000}.{number % 10_000}"

    def create(self, name: str) -> str:
        self._execute("postgres", f"CREATE DATABASE {name}")
        return self._server.url(name)

    def settle(self, name: str) -> None:
        self._execute(name, "VACUUM ANALYZE")  # as the server does within a minute by itself

    @contextmanager
    def copied(self, name: str) -> Iterator[str]:
        self._execute("postgres", f"CREATE DATABASE copy_of_{name} TEMPLATE {name}")
        self._execute("postgres", "CHECKPOINT")
        os.sync()
        yield self._server.url(f"copy_of_{name}")
        self._execute("postgres", f"DROP DATABASE copy_of_{name}")

    def _execute(self, database: str, statement: str) -> None:
        with connect(self._server.url(database), autocommit=True) as connection:
            connection.execute(statement)
