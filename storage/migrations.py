"""Brings a storage of an older release forward, one schema version after the other.

A step is kept for ever once its version is released, and `tests/storage_tests/databases` keeps a
file of each version to prove it on. Steps run inside one transaction, which both SQLite and
PostgreSQL undo whole, and write only what a worker of the older release can live with: a column
that is added has a default. Alembic writes the statements, since the two databases differ.
"""

from collections.abc import Callable

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Connection, Double, Text, text, update

from storage.schema import SCHEMA_VERSION, schema_version


def migrate(connection: Connection, version: int) -> None:
    """Changes the tables of `version` into those of `SCHEMA_VERSION`, within a transaction."""
    operations = Operations(MigrationContext.configure(connection))
    for step in range(version + 1, SCHEMA_VERSION + 1):
        _STEPS[step](operations)
    connection.execute(update(schema_version).values(version=SCHEMA_VERSION))


def _to_version_2(operations: Operations) -> None:
    """Workers say how long their silence may last, and why they were taken for dead."""
    operations.add_column(
        "dampen_workers",
        Column("stale_after_seconds", Double, nullable=False, server_default=text("60")),
    )
    operations.add_column("dampen_workers", Column("lost_because", Text))


_STEPS: dict[int, Callable[[Operations], None]] = {2: _to_version_2}
