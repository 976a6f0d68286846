"""What becomes of the trials of the dead: they wait again, with the parameters they had.

Optuna never reclaims a trial whose worker died between taking it and its first heartbeat, nor any
trial under ask and tell, so it is done here, whole, in one transaction that any number of processes
may run at once. Next: `workers.py` for who counts as dead, `claims.py` for who takes it up.
"""

import json
from dataclasses import dataclass

from optuna.trial import TrialState
from sqlalchemy import Connection, delete, insert, select, update

from storage.claims import hold_study, put_back, utc_host_now
from storage.database import Database, reading, writing
from storage.schema import own_trials, trial_user_attributes, trials
from storage.workers import list_workers, mark_ended

MAX_ATTEMPTS = 3  # a trial that took as many workers with it is failed


def reclaim_orphans(db: Database, study_id: int) -> list[int]:
    """Puts the running trials of dead workers back in the queue.

    A trial is an orphan when no worker owns it, or its worker is dead (`storage/workers.py` says
    when). One that was begun `MAX_ATTEMPTS` times is failed instead, with the reason in its user
    attribute `error`.

    Returns:
        The numbers of the trials reclaimed or failed, ascending.

    Raises:
        StudyNotFoundError: the study was deleted.
    """
    with reading(db) as connection:
        if not _orphans(connection, study_id):
            return []  # the common case takes no lock, and waits for nobody who holds it
    with writing(db) as connection:
        hold_study(connection, study_id)
        orphans = _orphans(connection, study_id, lock=True)
        for orphan in orphans:
            _release(connection, orphan)
    return [orphan.number for orphan in orphans]


@dataclass(frozen=True, kw_only=True)
class _Orphan:
    trial_id: int
    number: int
    worker_id: str | None
    attempts: int
    reason: str


def _orphans(connection: Connection, study_id: int, *, lock: bool = False) -> list[_Orphan]:
    why_dead = {worker.worker_id: worker.why_dead for worker in list_workers(connection, study_id)}
    query = (
        select(trials.c.trial_id, trials.c.number, own_trials.c.worker_id, own_trials.c.attempts)
        .join_from(trials, own_trials, trials.c.trial_id == own_trials.c.trial_id, isouter=True)
        .where(trials.c.study_id == study_id, trials.c.state == TrialState.RUNNING)
        .order_by(trials.c.number)
    )
    if lock:  # waits for an owner that is storing its result at this moment
        query = query.with_for_update(of=trials)
    found = []
    for trial_id, number, worker_id, attempts in connection.execute(query):
        reason: str | None = "none owns it"
        if worker_id is not None:
            reason = why_dead.get(worker_id, "it was never registered")
        if reason is not None:
            found.append(
                _Orphan(
                    trial_id=trial_id,
                    number=number,
                    worker_id=worker_id,
                    attempts=attempts or 0,
                    reason=reason,
                )
            )
    return found


def _release(connection: Connection, orphan: _Orphan) -> None:
    if orphan.worker_id is not None:
        mark_ended(connection, orphan.worker_id, lost_because=orphan.reason)
    if orphan.attempts < MAX_ATTEMPTS:
        put_back(connection, orphan.trial_id)
        return
    _fail(
        connection,
        orphan.trial_id,
        f"given up after {orphan.attempts} attempts; the last worker "
        f"{orphan.worker_id or '(unknown)'} was taken for dead: {orphan.reason}",
    )


def _fail(connection: Connection, trial_id: int, error: str) -> None:
    attributes = trial_user_attributes.c
    connection.execute(
        delete(trial_user_attributes).where(
            attributes.trial_id == trial_id, attributes.key == "error"
        )
    )
    connection.execute(
        insert(trial_user_attributes).values(
            trial_id=trial_id, key="error", value_json=json.dumps(error)
        )
    )
    connection.execute(
        update(trials)
        .where(trials.c.trial_id == trial_id)
        .values(state=TrialState.FAIL, datetime_complete=utc_host_now())
    )
