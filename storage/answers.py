"""What a study's test rows said: kept once, so that nobody has to look at them again.

A value that was chosen on the rows that judge it flatters itself, and so does one that was looked
at until it pleased. So the answer is stored with what it was made from, and with how often there
was one; who finds it made from what is there now reads it and looks at no row.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from storage.claims import hold_study
from storage.database import Database, reading, writing
from storage.schema import own_answers, utc_now


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer as it is stored."""

    looks: int  # how often the test rows were looked at, for this answer included
    basis: dict[str, Any]  # what it was made from
    document: dict[str, Any]
    made_at: datetime  # aware, UTC, by the database's clock


def read_answer(db: Database, study_id: int) -> StoredAnswer | None:
    """Returns the study's answer, whatever it was made from; None where nobody asked yet."""
    with reading(db) as connection:
        return _read(connection, study_id)


def save_answer(
    db: Database, study_id: int, *, basis: Mapping[str, Any], document: Mapping[str, Any]
) -> StoredAnswer:
    """Keeps an answer in the place of an older one, and counts the look; returns what is stored.

    Where another process stored one of the same basis meanwhile, that one stands.

    Args:
        basis: what it was made from, in JSON values.
        document: in JSON values, all numbers finite.

    Raises:
        StudyNotFoundError: the study was deleted meanwhile.
    """
    text = json.dumps(dict(document), allow_nan=False)
    with writing(db) as connection:
        hold_study(connection, study_id)
        stored = _read(connection, study_id)
        if stored is None or stored.basis != dict(basis):
            connection.execute(delete(own_answers).where(own_answers.c.study_id == study_id))
            connection.execute(
                insert(own_answers).values(
                    study_id=study_id,
                    looks=stored.looks + 1 if stored else 1,
                    basis=json.dumps(dict(basis)),
                    document=text,
                    made_at=utc_now(),
                )
            )
            stored = _read(connection, study_id)
    assert stored is not None
    return stored


def _read(connection: Connection, study_id: int) -> StoredAnswer | None:
    row = connection.execute(select(own_answers).where(own_answers.c.study_id == study_id)).first()
    if row is None:
        return None
    return StoredAnswer(
        looks=row.looks,
        basis=json.loads(row.basis),
        document=json.loads(row.document),
        made_at=row.made_at.replace(tzinfo=UTC),
    )
