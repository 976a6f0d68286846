"""Whether a database is sound: its pages and references, its server, how fast it writes.

Each check takes an open storage and returns one finding. Next: `doctor.py` calls them.
"""

import statistics
import time
from collections import Counter

from sqlalchemy import select, text, update

from storage.database import Database, reading, writing
from storage.finding import Finding, ok, problem, warning
from storage.schema import schema_version

_LINES_OF_DAMAGE = 20
_WRITES_TIMED = 9
_SLOW_WRITE_SECONDS = 0.025  # a trial waits for about ten: a quarter of a second
_MANY_CONNECTIONS = 0.8  # of those that the server allows


def check_integrity(db: Database) -> Finding:
    """Reads every page of a SQLite file, and follows every reference between its rows."""
    with reading(db) as connection:
        said = list(connection.scalars(text(f"PRAGMA integrity_check({_LINES_OF_DAMAGE})")))
        rows = connection.execute(text("PRAGMA foreign_key_check")).all() if said == ["ok"] else []
    if said != ["ok"]:
        return problem(
            "integrity",
            "The database is damaged.",
            "Restore a copy of it, or save what is left with sqlite3's .recover command and open "
            "that.",
            said,
        )
    return _judge_references(Counter(row[0] for row in rows))


def _judge_references(dangling: Counter[str]) -> Finding:
    if not dangling:
        return ok("integrity", "every page and every reference holds")
    details = [f"rows of {table}: {count}" for table, count in sorted(dangling.items())]
    if all(table.startswith("dampen_") for table in dangling):
        return warning(
            "integrity",
            "Rows were left behind of studies that another program deleted; they do no harm.",
            "Delete studies with `dampen delete STUDY` or in `dampen dashboard`.",
            details,
        )
    return problem(
        "integrity",
        "Rows refer to others that are gone: another program changed the database.",
        "Restore a copy of it.",
        details,
    )


def check_journal(db: Database) -> Finding:
    """Asks how a SQLite file keeps readers and the writer apart."""
    with reading(db) as connection:
        mode = str(connection.scalar(text("PRAGMA journal_mode")))
    if mode == "wal":
        return ok("journal", "readers and the writer do not wait for each other (WAL)")
    return warning(
        "journal",
        f"The journal mode must be WAL; this file system allows {mode} only, so that readers and "
        "the writer wait for each other.",
        "Move the database and its folder of files to a local disk.",
    )


def check_server(db: Database) -> Finding:
    """Asks a PostgreSQL server who it is and how many connections it has left."""
    with reading(db) as connection:
        version = connection.scalar(text("SHOW server_version"))
        allowed = int(str(connection.scalar(text("SHOW max_connections"))))
        used = int(connection.scalar(text("SELECT sum(numbackends) FROM pg_stat_database")) or 0)
    says = f"PostgreSQL {version}, {used} of {allowed} connections in use"
    if used <= _MANY_CONNECTIONS * allowed:
        return ok("server", says)
    return warning(
        "server",
        f"{says}; when none is left, workers wait for one.",
        "Raise max_connections in postgresql.conf, or run fewer workers.",
    )


def check_schema(db: Database) -> Finding:
    """Asks for the versions of the tables, which opening has brought up to date."""
    with reading(db) as connection:
        own = connection.scalar(select(schema_version.c.version))
        optunas = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return ok("schema", f"version {own}; Optuna's {optunas}")


def check_latency(db: Database) -> Finding:
    """Times a few committed writes, of a value that is there already."""
    same = update(schema_version).values(version=schema_version.c.version)
    seconds = []
    for _ in range(_WRITES_TIMED):
        began = time.perf_counter()
        with writing(db) as connection:
            connection.execute(same)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds)
    if median <= _SLOW_WRITE_SECONDS:
        return ok("latency", f"a committed write takes {1000 * median:.1f} ms")
    return warning(
        "latency",
        f"A committed write takes {1000 * median:.0f} ms, and a trial waits for about ten.",
        "Keep the database on a faster disk, or its server nearer; other writers count too.",
    )
