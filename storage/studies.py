"""What was asked for: a study's settings and budget, and how far each study has come.

A study is two rows, Optuna's and ours, written in one transaction. One made by plain Optuna in
the same database has no row of ours, and is left alone. Next: `claims.py` for who runs its trials.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.database import Database, reading, writing
from storage.errors import StudyExistsError, StudyNameError, StudyNotFoundError
from storage.place_choice import settle_place
from storage.schema import (
    UNIQUE_KEY,
    own_answers,
    own_studies,
    studies,
    study_directions,
    study_system_attributes,
    trial_system_attributes,
    trials,
    utc_now,
)

_NAME_LENGTH = 512  # Optuna's column


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as it was launched, with its budget as it stands."""

    study_id: int
    name: str
    settings: dict[str, Any]
    planned_trials: int
    created_at: datetime  # aware, UTC, by the database's clock
    confirm: int = 0  # how many of the best trials are trained again once the budget is spent


def create_study(
    db: Database,
    name: str,
    *,
    settings: Mapping[str, Any],
    planned_trials: int,
    first_trials: Sequence[Mapping[str, Any]] = (),
    confirm: int = 0,
) -> StudyRecord:
    """Makes a study that maximises one value, with its settings, in one transaction.

    Args:
        name: 1 to 512 printable characters.
        settings: anything JSON can hold; returned unchanged by `load_study`.
        planned_trials: how many trials the study shall finish in total, at least 1.
        first_trials: parameters of the trials to begin with, as many as the budget has room for.
        confirm: how many of the best trials `confirmations.py` is to wait for, at least 0.

    Raises:
        StudyNameError, StudyExistsError: and nothing was written.
        StorageURLError: meanwhile another study was made, with its files in another place.
    """
    _check_name(name)
    _check_budget(planned_trials)
    text = json.dumps(dict(settings))
    try:
        with writing(db) as connection:
            settle_place(connection, db.place)
            study_id = _insert_study(connection, name, text, planned_trials, confirm)
            for number, params in enumerate(first_trials[:planned_trials]):
                _enqueue(connection, study_id, number, params)
    except IntegrityError:
        raise _name_taken(db, name) from None
    return load_study(db, name)


def check_free(db: Database, name: str) -> None:
    """Raises StudyNameError or StudyExistsError unless a new study can be called so."""
    _check_name(name)
    with reading(db) as connection:
        if connection.execute(_select_records().where(studies.c.study_name == name)).first():
            raise _name_taken(db, name)


def load_study(db: Database, name: str) -> StudyRecord:
    """Returns the study of that name.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
    """
    with reading(db) as connection:
        row = connection.execute(_select_records().where(studies.c.study_name == name)).first()
        if row is None:
            raise StudyNotFoundError(_no_such_study(connection, name))
    return _record(row)


def set_planned_trials(
    db: Database,
    name: str,
    planned_trials: int,
    *,
    first_trials: Sequence[Mapping[str, Any]] = (),
) -> StudyRecord:
    """Changes a study's budget, counted in trials from its beginning, at least 1.

    Args:
        first_trials: as the study was made with: those that it had no room for until now, wait.
    """
    _check_budget(planned_trials)
    record = load_study(db, name)
    with writing(db) as connection:
        connection.execute(  # first, so that nobody claims a trial meanwhile
            update(own_studies)
            .where(own_studies.c.study_id == record.study_id)
            .values(planned_trials=planned_trials)
        )
        of_study = trials.c.study_id == record.study_id
        there = connection.execute(select(func.count()).where(of_study)).scalar_one()
        for number in range(there, min(planned_trials, len(first_trials))):
            _enqueue(connection, record.study_id, number, first_trials[number])
    return load_study(db, name)


def set_confirm(db: Database, name: str, confirm: int) -> StudyRecord:
    """Changes how many of a study's best trials are to be trained again, at least 0."""
    record = load_study(db, name)
    with writing(db) as connection:
        connection.execute(
            update(own_studies)
            .where(own_studies.c.study_id == record.study_id)
            .values(confirm=confirm)
        )
    return load_study(db, name)


def set_settings(db: Database, name: str, settings: Mapping[str, Any]) -> StudyRecord:
    """Replaces what a study was asked to do, anything JSON can hold."""
    record = load_study(db, name)
    with writing(db) as connection:
        connection.execute(
            update(own_studies)
            .where(own_studies.c.study_id == record.study_id)
            .values(settings=json.dumps(dict(settings)))
        )
    return load_study(db, name)


def load_records(connection: Connection, name: str | None = None) -> list[StudyRecord]:
    """Returns the studies launched by this project, oldest first; only `name` if it is given."""
    query = _select_records().order_by(own_studies.c.created_at, own_studies.c.study_id)
    if name is not None:
        query = query.where(studies.c.study_name == name)
    return [_record(row) for row in connection.execute(query)]


def _insert_study(
    connection: Connection, name: str, settings: str, planned_trials: int, confirm: int
) -> int:
    study_id: int = connection.execute(
        insert(studies).values(study_name=name).returning(studies.c.study_id)
    ).scalar_one()
    connection.execute(
        insert(study_directions).values(
            study_id=study_id, objective=0, direction=StudyDirection.MAXIMIZE
        )
    )
    # SQLite gives a deleted study's number away again, and a program that deletes without foreign
    # keys leaves our rows behind.
    for table in (own_studies, own_answers, study_system_attributes):
        connection.execute(delete(table).where(table.c.study_id == study_id))
    connection.execute(
        insert(study_system_attributes).values(
            study_id=study_id, key=UNIQUE_KEY, value_json=json.dumps(str(uuid.uuid4()))
        )
    )
    connection.execute(
        insert(own_studies).values(
            study_id=study_id,
            settings=settings,
            planned_trials=planned_trials,
            created_at=utc_now(),
            confirm=confirm,
        )
    )
    return study_id


def _enqueue(connection: Connection, study_id: int, number: int, params: Mapping[str, Any]) -> None:
    """Inserts a waiting trial with its parameters, as Optuna's `enqueue_trial` does."""
    trial_id = connection.execute(
        insert(trials)
        .values(study_id=study_id, number=number, state=TrialState.WAITING)
        .returning(trials.c.trial_id)
    ).scalar_one()
    connection.execute(
        insert(trial_system_attributes).values(
            trial_id=trial_id, key="fixed_params", value_json=json.dumps(dict(params))
        )
    )


def _select_records() -> Any:
    return select(
        own_studies.c.study_id,
        studies.c.study_name,
        own_studies.c.settings,
        own_studies.c.planned_trials,
        own_studies.c.created_at,
        own_studies.c.confirm,
    ).join_from(own_studies, studies)


def _record(row: Any) -> StudyRecord:
    return StudyRecord(
        study_id=row.study_id,
        name=row.study_name,
        settings=json.loads(row.settings),
        planned_trials=row.planned_trials,
        created_at=row.created_at.replace(tzinfo=UTC),
        confirm=row.confirm,
    )


def _check_name(name: str) -> None:
    if not (1 <= len(name) <= _NAME_LENGTH and name.isprintable() and name == name.strip()):
        raise StudyNameError(
            f"A study's name must be 1 to {_NAME_LENGTH} printable characters without blanks at "
            f"its ends; got {name[:80]!r}. Choose another --study."
        )


def _check_budget(planned_trials: int) -> None:
    if planned_trials < 1:
        raise ValueError(
            f"`planned_trials` must be an int of at least 1; got {planned_trials}. "
            "Ask for one trial or more."
        )


def _name_taken(db: Database, name: str) -> StudyExistsError:
    with reading(db) as connection:
        ours = load_records(connection, name)
    if ours:
        return StudyExistsError(
            f"A new study needs a new name; {name!r} exists. Go on with it "
            f"(`dampen resume {name}`) or choose another --study."
        )
    return StudyExistsError(
        f"A new study needs a new name; {name!r} was made in this storage by another program. "
        "Choose another --study."
    )


def _no_such_study(connection: Connection, name: str) -> str:
    foreign = connection.scalar(select(studies.c.study_id).where(studies.c.study_name == name))
    names = [record.name for record in load_records(connection)]
    wanted = (
        f"The study {name!r} was made by another program, without the settings dampen needs."
        if foreign is not None
        else f"There is no study {name!r}."
    )
    if not names:
        return f"{wanted} This storage has no studies yet: `dampen launch` makes one."
    shown = ", ".join(names[-10:]) + (f" and {len(names) - 10} older" if len(names) > 10 else "")
    return f"{wanted} This storage has: {shown}. `dampen studies` lists them."
