"""What came out of a trial: its figures and its learning curve, written in one transaction.

Nothing can be attached to a trial once its value was told, so this is written just before. Figures
that are not finite numbers (a diverged loss) are kept: Python's JSON reads NaN and Infinity back.
Next: `artifacts.py` for files.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from storage.claims import Claim, check_claim
from storage.database import Database, reading, writing
from storage.schema import own_trials, trial_user_attributes, trials


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a trial left behind."""

    trial_id: int
    number: int
    worker_id: str | None  # None while the trial waits
    attempts: int
    evaluation: dict[str, Any]
    learning_curve: Any  # as it was recorded: an object or an array; None where it was not read


def record_evaluation(
    db: Database,
    claim: Claim,
    *,
    evaluation: Mapping[str, Any],
    learning_curve: Mapping[str, Any] | Sequence[Any],
    attributes: Mapping[str, Any],
) -> None:
    """Stores what came out of a trial, before its value is told.

    Args:
        evaluation: the figures, anything JSON can hold.
        learning_curve: one record an epoch, or one array a quantity.
        attributes: a few small values that become Optuna's user attributes, which the dashboard
            shows as columns.

    Raises:
        ClaimLostError: the trial was reclaimed or finished meanwhile; nothing was written.
    """
    values = {
        "evaluation": json.dumps(dict(evaluation)),
        "learning_curve": json.dumps(
            dict(learning_curve) if isinstance(learning_curve, Mapping) else list(learning_curve)
        ),
    }
    rows = [
        {"trial_id": claim.trial_id, "key": key, "value_json": json.dumps(value)}
        for key, value in attributes.items()
    ]
    own = trial_user_attributes.c
    with writing(db) as connection:
        check_claim(connection, claim)
        connection.execute(
            update(own_trials).where(own_trials.c.trial_id == claim.trial_id).values(values)
        )
        connection.execute(
            delete(trial_user_attributes).where(
                own.trial_id == claim.trial_id, own.key.in_(list(attributes))
            )
        )
        if rows:
            connection.execute(insert(trial_user_attributes), rows)


def read_evaluation(db: Database, trial_id: int) -> Evaluation | None:
    """Returns what a trial left behind, or None when nothing was recorded."""
    query = _select(learning_curves=True).where(own_trials.c.trial_id == trial_id)
    with reading(db) as connection:
        row = connection.execute(query).first()
    return _evaluation(row) if row is not None else None


def read_evaluations(
    db: Database, study_id: int, *, learning_curves: bool = False
) -> dict[int, Evaluation]:
    """Returns what the study's trials left behind, by trial number, in one query.

    Args:
        learning_curves: whether to read the curves too, the bulk of what is stored.
    """
    query = (
        _select(learning_curves=learning_curves)
        .where(trials.c.study_id == study_id)
        .order_by(trials.c.number)
    )
    with reading(db) as connection:
        found = [_evaluation(row) for row in connection.execute(query)]
    return {evaluation.number: evaluation for evaluation in found}


def _select(*, learning_curves: bool) -> Select[Any]:
    columns = [
        trials.c.trial_id,
        trials.c.number,
        own_trials.c.worker_id,
        own_trials.c.attempts,
        own_trials.c.evaluation,
    ]
    if learning_curves:
        columns.append(own_trials.c.learning_curve)
    return (
        select(*columns)
        .join_from(trials, own_trials, trials.c.trial_id == own_trials.c.trial_id)
        .where(own_trials.c.evaluation.is_not(None))
    )


def _evaluation(row: Any) -> Evaluation:
    curve = row._mapping.get("learning_curve")
    return Evaluation(
        trial_id=row.trial_id,
        number=row.number,
        worker_id=row.worker_id,
        attempts=row.attempts,
        evaluation=json.loads(row.evaluation),
        learning_curve=json.loads(curve) if curve is not None else None,
    )
