"""What is kept with a study as optuna-dashboard keeps and reads it, long texts in pieces.

A text is the system attributes `PREFIX0`, `PREFIX1`, ... of its study, each of at most
`LENGTH` characters. Next: `notes.py` and `front.py` say which texts there are.
"""

import json
from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from storage.schema import study_system_attributes

LENGTH = 2045  # of optuna-dashboard, for columns of databases other than ours


def pieces(prefix: str, text: str) -> dict[str, str]:
    """Returns the values that a text becomes; none for an empty one."""
    starts = range(0, len(text), LENGTH)
    return {f"{prefix}{i}": text[start : start + LENGTH] for i, start in enumerate(starts)}


def write_text(connection: Connection, study_id: int, prefix: str, text: str) -> None:
    """Puts a text in the place of the one that is there; an empty one leaves nothing."""
    connection.execute(delete(study_system_attributes).where(_is_of(study_id, prefix)))
    write_values(connection, study_id, pieces(prefix, text))


def read_text(connection: Connection, study_id: int, prefix: str) -> str:
    """Returns the text; an empty one where there is none."""
    own = study_system_attributes.c
    query = select(own.key, own.value_json).where(_is_of(study_id, prefix))
    there = {key.removeprefix(prefix): value for key, value in connection.execute(query)}
    numbers = takewhile(there.__contains__, map(str, count()))
    return "".join(json.loads(there[number]) for number in numbers)


def write_values(connection: Connection, study_id: int, values: Mapping[str, object]) -> None:
    """Puts values, anything JSON can hold, in the place of those that are there by these keys."""
    own = study_system_attributes.c
    rows = [
        {"study_id": study_id, "key": key, "value_json": json.dumps(value)}
        for key, value in values.items()
    ]
    if rows:
        connection.execute(
            delete(study_system_attributes).where(
                own.study_id == study_id, own.key.in_(list(values))
            )
        )
        connection.execute(insert(study_system_attributes), rows)


def read_value(connection: Connection, study_id: int, key: str) -> Any:
    """Returns the value; None where there is none."""
    own = study_system_attributes.c
    text = connection.scalar(select(own.value_json).where(own.study_id == study_id, own.key == key))
    return None if text is None else json.loads(text)


def _is_of(study_id: int, prefix: str) -> ColumnElement[bool]:
    own = study_system_attributes.c
    return (own.study_id == study_id) & own.key.startswith(prefix, autoescape=True)
