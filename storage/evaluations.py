"""What came out of a trial: figures, learning curve, note, files and value, in one transaction.

A trial that is finished has all that belongs to it, and a late result of a reclaimed trial is
refused whole: that is why the value is not left to Optuna's `tell`, which cannot know who owns the
trial. Figures that are not finite numbers (a diverged loss) are kept: Python's JSON reads NaN and
Infinity back.
Next: `artifacts.py` for files, `notes.py` for notes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, Select, delete, insert, select, update

from storage.artifacts import record_files, stored_files
from storage.claims import Claim, check_claim, utc_host_now
from storage.database import Database, reading, writing
from storage.notes import write_trial_note
from storage.place import Content
from storage.schema import own_trials, studies, trial_user_attributes, trial_values, trials


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a trial left behind."""

    trial_id: int
    number: int
    worker_id: str | None  # None while the trial waits
    attempts: int
    evaluation: dict[str, Any]
    learning_curve: Any  # as it was recorded: an object or an array; None where it was not read


def finish_trial(
    db: Database,
    claim: Claim,
    *,
    state: TrialState,
    value: float | None,
    evaluation: Mapping[str, Any],
    learning_curve: Mapping[str, Any] | Sequence[Any],
    attributes: Mapping[str, Any],
    note: str = "",
    files: Mapping[str, Content] | None = None,
) -> None:
    """Ends a trial and stores what came out of it, all or nothing.

    Args:
        state: COMPLETE, PRUNED or FAIL.
        value: finite, for a trial that is COMPLETE; None or finite for one that is PRUNED.
        evaluation: the figures, anything JSON can hold.
        learning_curve: one record an epoch, or one array a quantity.
        attributes: a few small values that become Optuna's user attributes, which the dashboard
            shows as columns.
        note: Markdown, which the dashboard shows with the trial.
        files: as for `storage.artifacts.stored_files`; written first, recorded with the rest.

    Raises:
        ArtifactError: a file could not be written; nothing was.
        ClaimLostError: the trial was reclaimed or finished meanwhile; nothing was written.
        ValueError: the state and the value do not go together.
    """
    _check_end(state, value)
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
    with stored_files(db, files or {}) as stored, writing(db) as connection:
        # The study first, as `resume.reclaim_orphans` does: in the other order both would wait.
        study_id = _share_study(connection, claim.trial_id)
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
        record_files(connection, claim.trial_id, stored)
        if study_id is not None:
            write_trial_note(connection, study_id, claim.trial_id, note)
        if value is not None:
            connection.execute(insert(trial_values).values(_value_row(claim.trial_id, value)))
        connection.execute(
            update(trials)
            .where(trials.c.trial_id == claim.trial_id)
            .values(state=state, datetime_complete=utc_host_now())
        )


def _share_study(connection: Connection, trial_id: int) -> int | None:
    """Keeps the trial's study from being held or deleted until the transaction ends."""
    found: int | None = connection.scalar(
        select(studies.c.study_id)
        .join_from(studies, trials)
        .where(trials.c.trial_id == trial_id)
        .with_for_update(read=True, key_share=True, of=studies)
    )
    return found


def _check_end(state: TrialState, value: float | None) -> None:
    if not state.is_finished():
        raise ValueError(f"`state` must be COMPLETE, PRUNED or FAIL; got {state.name}.")
    if value is None and state == TrialState.COMPLETE:
        raise ValueError("`value` must be a finite number for a COMPLETE trial; got None.")
    if value is not None and (state == TrialState.FAIL or not math.isfinite(value)):
        raise ValueError(f"`value` must be finite, or None for FAIL; got {value} ({state.name}).")


def _value_row(trial_id: int, value: float) -> dict[str, Any]:
    finite = trial_values.c.value_type.type.python_type.FINITE
    return {"trial_id": trial_id, "objective": 0, "value": value, "value_type": finite}


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
