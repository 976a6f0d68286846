"""Who runs which trial: a claim is taken, kept and given back in single transactions.

The budget lives in the database. Trials of a study are numbered 0 to `planned_trials` - 1; a claim
takes the lowest one that waits, else makes the next number while there is one, so that any number
of workers finish exactly the planned number together, and no trial ever runs without an owner.

A claim is also a fence: whoever writes a trial's results shows it, and a worker that was taken for
dead and whose trial went to another cannot overwrite the other's. Next: `resume.py`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from optuna.trial import TrialState
from sqlalchemy import Connection, delete, func, insert, select, update

from storage.database import Database, reading, writing
from storage.errors import ClaimLostError, StudyNotFoundError, WorkerUnknownError
from storage.schema import (
    own_confirmations,
    own_studies,
    own_trials,
    own_workers,
    studies,
    trial_intermediate_values,
    trial_system_attributes,
    trials,
)
from storage.workers import mark_alive


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A worker's right to run a trial, and the proof of it."""

    trial_id: int
    number: int  # 0 to planned_trials - 1
    attempt: int  # 1 the first time the trial is run
    worker_id: str


def claim_trial(db: Database, study_id: int, worker_id: str) -> Claim | None:
    """Takes the next trial of the study, RUNNING and owned from the same instant.

    Returns:
        The claim, or None when every planned trial is finished or in another worker's hands.

    Raises:
        StudyNotFoundError: the study was deleted.
        WorkerUnknownError: the worker is not registered with this study.
    """
    with writing(db) as connection:
        planned_trials = hold_study(connection, study_id)
        _check_worker(connection, study_id, worker_id)
        mark_alive(connection, worker_id)
        n_trials, number = _survey(connection, study_id)
        if number is not None:
            return _take_waiting(connection, study_id, number, worker_id)
        if n_trials < planned_trials:
            return _create_running(connection, study_id, n_trials, worker_id)
    return None


def read_owner(db: Database, trial_id: int) -> tuple[str | None, int]:
    """Returns a trial's worker, None while it waits, and how often it was begun."""
    query = select(own_trials.c.worker_id, own_trials.c.attempts).where(
        own_trials.c.trial_id == trial_id
    )
    with reading(db) as connection:
        row = connection.execute(query).first()
    return (row.worker_id, row.attempts) if row is not None else (None, 0)


def requeue_trial(db: Database, claim: Claim) -> None:
    """Gives a trial back unharmed: it waits with its parameters, and the attempt does not count.

    For a worker that stops of its own accord.

    Raises:
        ClaimLostError: the trial is no longer this worker's.
    """
    with writing(db) as connection:
        check_claim(connection, claim)
        _give_back(connection, claim)


def release_trials(db: Database, worker_id: str) -> list[int]:
    """Gives back, as `requeue_trial` does, whatever the worker holds, and returns the numbers.

    For a worker whose connection broke while it wrote: whether the write arrived it cannot know,
    but what it holds now it can ask.
    """
    query = (
        select(trials.c.trial_id, trials.c.number, own_trials.c.attempts)
        .join_from(trials, own_trials, trials.c.trial_id == own_trials.c.trial_id)
        .where(own_trials.c.worker_id == worker_id, trials.c.state == TrialState.RUNNING)
        .order_by(trials.c.number)
    )
    released = []
    with writing(db) as connection:
        for trial_id, number, attempts in connection.execute(query).all():
            claim = Claim(trial_id=trial_id, number=number, attempt=attempts, worker_id=worker_id)
            with suppress(ClaimLostError):  # it was reclaimed just now
                check_claim(connection, claim)
                _give_back(connection, claim)
                released.append(number)
    return released


def hold_study(connection: Connection, study_id: int) -> int:
    """Locks the study until the transaction ends and returns its planned number of trials.

    On SQLite the transaction has the write lock already. Optuna locks the same row when it makes
    a trial, so the numbering agrees with its own.
    """
    planned_trials = connection.scalar(
        select(own_studies.c.planned_trials)
        .join_from(own_studies, studies)
        .where(own_studies.c.study_id == study_id)
        .with_for_update(of=studies)
    )
    if planned_trials is None:
        raise StudyNotFoundError(
            f"The study number {study_id} must be in the storage; it was deleted. "
            "`dampen studies` lists what is there."
        )
    return int(planned_trials)


def check_claim(connection: Connection, claim: Claim) -> None:
    """Locks the trial until the transaction ends, and makes sure that the claim still holds.

    Raises:
        ClaimLostError: the trial was reclaimed, finished or deleted meanwhile.
    """
    state = connection.scalar(
        select(trials.c.state).where(trials.c.trial_id == claim.trial_id).with_for_update()
    )
    if state is None:
        raise ClaimLostError(f"Trial {claim.number} was deleted while it ran: drop its result.")
    if state != TrialState.RUNNING:
        raise ClaimLostError(
            f"Trial {claim.number} must be running to be written to; it is {state.name}. "
            "Drop this result."
        )
    # A statement of its own: PostgreSQL's first one saw this table as it was before the lock came.
    owner = connection.execute(
        select(own_trials.c.worker_id, own_trials.c.attempts).where(
            own_trials.c.trial_id == claim.trial_id
        )
    ).first()
    if owner is None or tuple(owner) != (claim.worker_id, claim.attempt):
        raise ClaimLostError(
            f"Trial {claim.number} must belong to {claim.worker_id} to be written to; it was "
            f"given to {owner.worker_id if owner else 'nobody'} meanwhile. Drop this result."
        )


def put_back(connection: Connection, trial_id: int) -> None:
    """Sets a running trial to waiting, without what a pruner would take for this attempt's."""
    connection.execute(
        delete(trial_intermediate_values).where(trial_intermediate_values.c.trial_id == trial_id)
    )
    connection.execute(
        delete(trial_system_attributes).where(
            trial_system_attributes.c.trial_id == trial_id,
            trial_system_attributes.c.key.startswith("completed_rung_", autoescape=True),
        )
    )
    connection.execute(
        update(own_trials).where(own_trials.c.trial_id == trial_id).values(worker_id=None)
    )
    connection.execute(
        update(trials).where(trials.c.trial_id == trial_id).values(state=TrialState.WAITING)
    )


def utc_host_now() -> datetime:
    """The host's clock as Optuna 5 writes a trial's times: naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _give_back(connection: Connection, claim: Claim) -> None:
    put_back(connection, claim.trial_id)
    connection.execute(
        update(own_trials)
        .where(own_trials.c.trial_id == claim.trial_id)
        .values(attempts=claim.attempt - 1)
    )


def _check_worker(connection: Connection, study_id: int, worker_id: str) -> None:
    registered = connection.scalar(
        select(own_workers.c.study_id).where(own_workers.c.worker_id == worker_id)
    )
    if registered != study_id:
        raise WorkerUnknownError(
            f"The worker {worker_id} must be registered with study number {study_id}; it is not. "
            "Register it first."
        )


def _survey(connection: Connection, study_id: int) -> tuple[int, int | None]:
    """How many trials the study has, and the lowest number that waits."""
    ours = trials.c.study_id == study_id
    # Numbers are given in the order of identifiers, so the last one tells, without a count.
    last = connection.scalar(
        select(trials.c.number).where(ours).order_by(trials.c.trial_id.desc()).limit(1)
    )
    waiting = connection.scalar(
        select(func.min(trials.c.number)).where(ours, trials.c.state == TrialState.WAITING)
    )
    return 0 if last is None else last + 1, waiting


def _take_waiting(connection: Connection, study_id: int, number: int, worker_id: str) -> Claim:
    trial_id = connection.execute(
        select(trials.c.trial_id).where(trials.c.study_id == study_id, trials.c.number == number)
    ).scalar_one()
    connection.execute(
        update(trials)
        .where(trials.c.trial_id == trial_id)
        .values(state=TrialState.RUNNING, datetime_start=utc_host_now())
    )
    # A trial that was queued through Optuna has no row of ours yet.
    attempts = connection.scalar(
        select(own_trials.c.attempts).where(own_trials.c.trial_id == trial_id)
    )
    return _own(connection, trial_id, number, worker_id, attempt=(attempts or 0) + 1)


def _create_running(connection: Connection, study_id: int, number: int, worker_id: str) -> Claim:
    trial_id = connection.execute(
        insert(trials)
        .values(
            study_id=study_id,
            number=number,
            state=TrialState.RUNNING,
            datetime_start=utc_host_now(),
        )
        .returning(trials.c.trial_id)
    ).scalar_one()
    return _own(connection, trial_id, number, worker_id, attempt=1)


def _own(
    connection: Connection, trial_id: int, number: int, worker_id: str, *, attempt: int
) -> Claim:
    # Replaced rather than updated: see `studies._insert_study` on numbers given away again.
    for table in (own_trials, own_confirmations):
        connection.execute(delete(table).where(table.c.trial_id == trial_id))
    connection.execute(
        insert(own_trials).values(trial_id=trial_id, worker_id=worker_id, attempts=attempt)
    )
    return Claim(trial_id=trial_id, number=number, attempt=attempt, worker_id=worker_id)
