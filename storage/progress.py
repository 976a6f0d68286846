"""How far each study has come, and what each of its workers has done.

A few queries say it, however many studies and trials there are. Next: `studies.py` for
what was asked for, `workers.py` for who counts as alive.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from optuna.trial import TrialState
from sqlalchemy import Connection, func, select

from storage.confirmations import leading_unconfirmed
from storage.database import Database, reading
from storage.schema import own_trials, trial_values, trials
from storage.studies import StudyRecord, load_records, load_study
from storage.workers import WorkerRecord, list_workers

StudyState = Literal["running", "interrupted", "finished"]


@dataclass(frozen=True, kw_only=True)
class TrialCounts:
    """How many trials of a study are in each state."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0

    @property
    def finished(self) -> int:
        """Trials that will not be run again, whatever came of them."""
        return self.complete + self.pruned + self.failed


@dataclass(frozen=True, kw_only=True)
class StudySummary:
    """One line of the list of studies."""

    name: str
    state: StudyState
    planned_trials: int
    counts: TrialCounts
    best_value: float | None  # the largest value of a complete trial
    last_activity: datetime  # aware, UTC


@dataclass(frozen=True, kw_only=True)
class WorkerSummary:
    """What a worker of a study does and has done."""

    worker: WorkerRecord
    running_trial: int | None  # its number
    trials_finished: int

    @property
    def trials_per_minute(self) -> float:
        """Trials finished over the time since the worker started, until it left."""
        return 60 * self.trials_finished / max(self.worker.seconds, 1e-3)


@dataclass(frozen=True, kw_only=True)
class _Tally:
    """What the trials of one study add up to."""

    counts: TrialCounts
    last_change: datetime | None  # naive, UTC


def list_studies(db: Database) -> list[StudySummary]:
    """Returns the summaries of all studies launched by this project, oldest first."""
    with reading(db) as connection:
        return [summary for _, summary in _summaries(connection, None)]


def summarise_study(db: Database, name: str) -> StudySummary:
    """Returns one study's summary.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
    """
    record = load_study(db, name)
    with reading(db) as connection:
        return next(summary for _, summary in _summaries(connection, record.name))


def summarise_workers(db: Database, study_id: int) -> list[WorkerSummary]:
    """Returns what each worker of a study does and has done, in the order in which they came."""
    query = (
        select(own_trials.c.worker_id, trials.c.state, trials.c.number)
        .join_from(trials, own_trials, trials.c.trial_id == own_trials.c.trial_id)
        .where(trials.c.study_id == study_id, own_trials.c.worker_id.is_not(None))
    )
    finished: Counter[str] = Counter()
    running: dict[str, int] = {}
    with reading(db) as connection:
        for worker_id, state, number in connection.execute(query):
            if state.is_finished():
                finished[worker_id] += 1
            elif state == TrialState.RUNNING:
                running[worker_id] = number
        return [
            WorkerSummary(
                worker=worker,
                running_trial=running.get(worker.worker_id),
                trials_finished=finished[worker.worker_id],
            )
            for worker in list_workers(connection, study_id)
        ]


def latest_unfinished(db: Database) -> StudyRecord | None:
    """Returns the unfinished study with the latest activity, or None when all are finished.

    An interrupted study comes before one that is running: who asks means to go on with something
    that stands still.
    """
    with reading(db) as connection:
        unfinished = [
            (summary.state == "interrupted", summary.last_activity, record.study_id, record)
            for record, summary in _summaries(connection, None)
            if summary.state != "finished"
        ]
    return max(unfinished, key=lambda entry: entry[:3])[3] if unfinished else None


def _summaries(connection: Connection, name: str | None) -> list[tuple[StudyRecord, StudySummary]]:
    records = load_records(connection, name)
    only = records[0].study_id if name is not None and records else None
    tallies = _tally_trials(connection, only)
    best = _best_values(connection, only)
    beats: dict[int, datetime] = {}
    alive: set[int] = set()
    for worker in list_workers(connection, only):
        beats[worker.study_id] = max(worker.beat_at, beats.get(worker.study_id, worker.beat_at))
        if worker.why_dead is None:
            alive.add(worker.study_id)
    return [
        (
            record,
            _summary(
                record,
                tallies.get(record.study_id),
                best.get(record.study_id),
                beats.get(record.study_id),
                record.study_id in alive,
                _is_unconfirmed(connection, record, tallies.get(record.study_id)),
            ),
        )
        for record in records
    ]


def _is_unconfirmed(connection: Connection, record: StudyRecord, tally: _Tally | None) -> bool:
    """Whether the budget of trials is spent, and leading ones are still to be trained again."""
    if tally is None or tally.counts.finished < record.planned_trials:
        return False
    return bool(leading_unconfirmed(connection, record.study_id, record.confirm))


def _summary(
    record: StudyRecord,
    tally: _Tally | None,
    best_value: float | None,
    last_beat: datetime | None,
    alive: bool,
    unconfirmed: bool,
) -> StudySummary:
    counts = tally.counts if tally else TrialCounts()
    changes = [record.created_at]
    if tally and tally.last_change:
        changes.append(tally.last_change.replace(tzinfo=UTC))
    if last_beat:
        changes.append(last_beat)
    return StudySummary(
        name=record.name,
        state=_state(counts, record.planned_trials, alive, unconfirmed),
        planned_trials=record.planned_trials,
        counts=counts,
        best_value=best_value,
        last_activity=max(changes),
    )


def _state(counts: TrialCounts, planned_trials: int, alive: bool, unconfirmed: bool) -> StudyState:
    if counts.finished >= planned_trials and not unconfirmed:
        return "finished"
    return "running" if alive else "interrupted"


def _tally_trials(connection: Connection, only: int | None) -> Mapping[int, _Tally]:
    query = select(
        trials.c.study_id,
        trials.c.state,
        func.count().label("n_trials"),
        func.max(trials.c.datetime_start).label("started"),
        func.max(trials.c.datetime_complete).label("completed"),
    ).group_by(trials.c.study_id, trials.c.state)
    if only is not None:
        query = query.where(trials.c.study_id == only)
    counts: dict[int, Counter[TrialState]] = {}
    changes: dict[int, list[datetime]] = {}
    for row in connection.execute(query):
        counts.setdefault(row.study_id, Counter())[row.state] += row.n_trials
        known = [time for time in (row.started, row.completed) if time is not None]
        changes.setdefault(row.study_id, []).extend(known)
    return {
        study_id: _Tally(
            counts=TrialCounts(
                complete=by_state[TrialState.COMPLETE],
                pruned=by_state[TrialState.PRUNED],
                failed=by_state[TrialState.FAIL],
                running=by_state[TrialState.RUNNING],
                waiting=by_state[TrialState.WAITING],
            ),
            last_change=max(changes[study_id], default=None),
        )
        for study_id, by_state in counts.items()
    }


def _best_values(connection: Connection, only: int | None) -> dict[int, float]:
    query = (
        select(trials.c.study_id, func.max(trial_values.c.value))
        .join_from(trials, trial_values)
        .where(trials.c.state == TrialState.COMPLETE, trial_values.c.objective == 0)
        .group_by(trials.c.study_id)
    )
    if only is not None:
        query = query.where(trials.c.study_id == only)
    return {study_id: value for study_id, value in connection.execute(query) if value is not None}
