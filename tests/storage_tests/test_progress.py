"""How far each study has come."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import event, update

from storage.claims import Claim, claim_trial
from storage.database import Database
from storage.errors import StudyNotFoundError
from storage.progress import (
    TrialCounts,
    latest_unfinished,
    list_studies,
    summarise_study,
    summarise_workers,
)
from storage.schema import own_workers
from storage.studies import StudyRecord, create_study, set_planned_trials
from storage.workers import end_worker, register_worker

Query = Callable[..., list[tuple[Any, ...]]]


def _claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    return claim


def _finish(
    db: Database,
    study: StudyRecord,
    worker_id: str,
    state: TrialState = TrialState.COMPLETE,
    value: float = 0.5,
) -> None:
    claim = _claim(db, study, worker_id)
    values = [value] if state == TrialState.COMPLETE else None
    db.optuna.set_trial_state_values(claim.trial_id, state, values)


def test_empty_storage_has_no_studies(db: Database) -> None:
    assert list_studies(db) == []
    assert latest_unfinished(db) is None


def test_trials_are_counted_by_state_and_the_best_value_is_the_largest(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    for value in (0.7, 0.9, 0.8):
        _finish(db, study, worker_id, value=value)
    _finish(db, study, worker_id, TrialState.PRUNED)
    _claim(db, study, worker_id)
    summary = summarise_study(db, "rooks")
    assert summary.counts == TrialCounts(complete=3, pruned=1, running=1)
    assert summary.counts.finished == 4
    assert summary.best_value == 0.9
    assert summary.last_activity >= study.created_at


def test_study_of_another_program_is_left_out(db: Database, study: StudyRecord) -> None:
    optuna.create_study(storage=db.optuna, study_name="plain")
    assert [summary.name for summary in list_studies(db)] == ["rooks"]


def test_state_is_interrupted_until_a_worker_comes_and_after_it_left(
    db: Database, study: StudyRecord
) -> None:
    assert summarise_study(db, "rooks").state == "interrupted"
    worker_id = register_worker(db, study.study_id)
    assert summarise_study(db, "rooks").state == "running"
    end_worker(db, worker_id)
    assert summarise_study(db, "rooks").state == "interrupted"


def test_state_is_finished_when_pruned_and_failed_trials_fill_the_budget(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    for state, _ in zip(itertools.cycle(states), range(5), strict=False):
        _finish(db, study, worker_id, state)
    assert summarise_study(db, "rooks").state == "finished"
    assert latest_unfinished(db) is None
    set_planned_trials(db, "rooks", 6)
    assert latest_unfinished(db) == set_planned_trials(db, "rooks", 6)


def test_latest_unfinished_prefers_what_stands_still_and_then_what_moved_last(
    db: Database, study: StudyRecord, query: Query
) -> None:
    late = create_study(db, "late", settings={}, planned_trials=1)
    assert latest_unfinished(db) == late
    query("UPDATE dampen_studies SET created_at = '2020-01-01 00:00:00.000' WHERE study_id = 2")
    assert latest_unfinished(db) == study
    register_worker(db, study.study_id)
    found = latest_unfinished(db)
    assert found is not None
    assert found.name == "late"


def test_last_activity_follows_the_workers_beats(
    db: Database, study: StudyRecord, worker_id: str, silence: Callable[[float], None]
) -> None:
    silence(-3600)
    ahead = summarise_study(db, "rooks").last_activity - study.created_at
    assert timedelta(minutes=59) < ahead < timedelta(minutes=61)


def test_workers_are_summed_up_with_what_they_did_and_do(
    db: Database, study: StudyRecord, query: Query
) -> None:
    first, second = (register_worker(db, study.study_id) for _ in range(2))
    register_worker(db, create_study(db, "other", settings={}, planned_trials=1).study_id)
    _finish(db, study, first)
    _finish(db, study, second, TrialState.PRUNED)
    _finish(db, study, first, TrialState.FAIL)
    running = _claim(db, study, first)
    now = datetime.now(UTC).replace(tzinfo=None)
    for worker_id, started, ended in ((first, 30, None), (second, 20, 10)):
        query(
            update(own_workers)
            .where(own_workers.c.worker_id == worker_id)
            .values(
                started_at=now - timedelta(seconds=started),
                ended_at=ended and now - timedelta(seconds=ended),
            )
        )
    one, two = summarise_workers(db, study.study_id)
    assert (one.worker.worker_id, two.worker.worker_id) == (first, second)
    assert (one.running_trial, two.running_trial) == (running.number, None)
    assert (one.trials_finished, two.trials_finished) == (2, 1)
    assert one.trials_per_minute == pytest.approx(4, rel=0.2)  # and falls until it finishes one
    assert two.trials_per_minute == pytest.approx(6)


def test_listing_takes_as_many_queries_for_many_studies_as_for_one(
    db: Database, study: StudyRecord
) -> None:
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    list_studies(db)
    for_one = len(statements)
    for number in range(20):
        create_study(db, f"study-{number}", settings={}, planned_trials=1)
    statements.clear()
    assert len(list_studies(db)) == 21
    assert len(statements) == for_one


def test_summary_of_a_missing_study_is_refused(db: Database) -> None:
    with pytest.raises(StudyNotFoundError):
        summarise_study(db, "rooks")
