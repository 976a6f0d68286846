"""Brings a storage of an older release forward, one schema version after the other.

A step is kept for ever once its version is released, and `tests/storage_tests/databases` keeps a
file of each version to prove it on. Steps run inside one transaction, which both SQLite and
PostgreSQL undo whole, and write only what a worker of the older release can live with: a column
that is added has a default. Alembic writes the statements, since the two databases differ.
"""

from collections.abc import Callable
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    Text,
    text,
    update,
)

from storage.schema import SCHEMA_VERSION, schema_version, studies, trials


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


def _to_version_3(operations: Operations) -> None:
    """Leading trials are trained again, and the answer of the test rows is kept."""
    operations.add_column(
        "dampen_studies", Column("confirm", Integer, nullable=False, server_default=text("0"))
    )
    operations.create_table(
        "dampen_confirmations",
        _reference("trial_id", trials.c.trial_id),
        Column("repeat", Integer, primary_key=True, autoincrement=False),
        Column("value", Double, nullable=False),
        Column("result", Text, nullable=False),
        Column("recorded_at", DateTime, nullable=False),
    )
    operations.create_table(
        "dampen_answers",
        _reference("study_id", studies.c.study_id),
        Column("looks", Integer, nullable=False),
        Column("basis", Text, nullable=False),
        Column("document", Text, nullable=False),
        Column("made_at", DateTime, nullable=False),
    )


def _to_version_4(operations: Operations) -> None:
    """Files may lie in a bucket."""
    operations.add_column("dampen_schema", Column("artifacts", Text))


def _reference(name: str, to: Column[Any]) -> Column[Any]:
    """Returns a column of the primary key whose rows go with the rows they refer to."""
    return Column(name, ForeignKey(to, ondelete="CASCADE"), primary_key=True, autoincrement=False)


_STEPS: dict[int, Callable[[Operations], None]] = {
    2: _to_version_2,
    3: _to_version_3,
    4: _to_version_4,
}
