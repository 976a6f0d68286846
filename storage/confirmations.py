"""What the leading trials came to when they were trained again: one row a retraining.

The best of many values is partly luck, so a study may ask for its `confirm` best trials to be
trained `REPEATS` times more. Which ones that are follows from the values in the database, and what
is missing from the rows that are there; so whoever is killed, what was recorded is never done
again, and two processes that do the same retraining record it once.
Next: `progress.py`, for which a study is finished when nothing is missing here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database import Database, reading, writing
from storage.errors import StudyNotFoundError
from storage.schema import own_confirmations, own_studies, trial_values, trials, utc_now

REPEATS = 2  # of each trial


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """A trial that is to be trained again."""

    trial_id: int
    number: int
    repeat: int  # 1 to REPEATS


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What came of a retraining."""

    number: int  # of the trial
    repeat: int
    value: float
    result: dict[str, Any]


def unconfirmed(db: Database, study_id: int) -> list[Retraining]:
    """Returns what is missing of the study's best trials, first repeats first, the best first."""
    query = select(own_studies.c.confirm).where(own_studies.c.study_id == study_id)
    with reading(db) as connection:
        return leading_unconfirmed(connection, study_id, connection.scalar(query) or 0)


def leading_unconfirmed(connection: Connection, study_id: int, confirm: int) -> list[Retraining]:
    """As `unconfirmed`, within a transaction, of the `confirm` best complete trials."""
    if confirm < 1:
        return []
    best = connection.execute(
        select(trials.c.trial_id, trials.c.number)
        .join_from(trials, trial_values)
        .where(trials.c.study_id == study_id, trials.c.state == TrialState.COMPLETE)
        .order_by(trial_values.c.value.desc(), trials.c.number)
        .limit(confirm)
    ).all()
    own = own_confirmations.c
    query = select(own.trial_id, own.repeat).where(
        own.trial_id.in_([trial_id for trial_id, _ in best])
    )
    there = {(trial_id, repeat) for trial_id, repeat in connection.execute(query)}
    return [
        Retraining(trial_id=trial_id, number=number, repeat=repeat)
        for repeat in range(1, REPEATS + 1)
        for trial_id, number in best
        if (trial_id, repeat) not in there
    ]


def record_confirmation(
    db: Database, retraining: Retraining, *, value: float, result: Mapping[str, Any]
) -> None:
    """Keeps what came of a retraining; of two results of the same one the first is kept.

    Args:
        value: finite.
        result: the figures, anything JSON can hold.

    Raises:
        StudyNotFoundError: the study was deleted meanwhile.
    """
    row = insert(own_confirmations).values(
        trial_id=retraining.trial_id,
        repeat=retraining.repeat,
        value=value,
        result=json.dumps(dict(result)),
        recorded_at=utc_now(),
    )
    try:
        with writing(db) as connection:
            connection.execute(row)
    except IntegrityError:
        if not _is_there(db, retraining):
            raise StudyNotFoundError(
                f"Trial {retraining.number} was deleted while it was trained again: drop its "
                "result."
            ) from None


def read_confirmations(db: Database, study_id: int) -> list[Confirmation]:
    """Returns the results of a study's retrainings, by trial and repeat."""
    own = own_confirmations.c
    query = (
        select(trials.c.number, own.repeat, own.value, own.result)
        .join_from(own_confirmations, trials, own.trial_id == trials.c.trial_id)
        .where(trials.c.study_id == study_id)
        .order_by(trials.c.number, own.repeat)
    )
    with reading(db) as connection:
        return [
            Confirmation(number=number, repeat=repeat, value=value, result=json.loads(result))
            for number, repeat, value, result in connection.execute(query)
        ]


def _is_there(db: Database, retraining: Retraining) -> bool:
    own = own_confirmations.c
    query = select(own.trial_id).where(
        own.trial_id == retraining.trial_id, own.repeat == retraining.repeat
    )
    with reading(db) as connection:
        return connection.execute(query).first() is not None
