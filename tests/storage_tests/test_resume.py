"""What becomes of the trials of the dead."""

import itertools
import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import select

from storage.claims import Claim, claim_trial
from storage.database import Database
from storage.errors import StudyNotFoundError
from storage.evaluations import read_evaluation
from storage.resume import MAX_ATTEMPTS, reclaim_orphans
from storage.schema import own_workers
from storage.studies import StudyRecord
from storage.workers import end_worker, register_worker

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def _claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    return claim


def test_trial_of_a_living_worker_is_left_alone(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    claim = _claim(db, study, worker_id)
    assert reclaim_orphans(db, study.study_id) == []
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.RUNNING


def test_trial_of_a_killed_process_is_tried_again_with_its_parameters(
    db: Database, study: StudyRecord, spawn: Spawn
) -> None:
    process = spawn(
        "import sys\n"
        "from optuna.distributions import FloatDistribution, distribution_to_json\n"
        "from storage.claims import claim_trial\n"
        "from storage.database import open_database\n"
        "from storage.parameters import record_parameters\n"
        "from storage.workers import register_worker\n"
        "db = open_database(sys.argv[1])\n"
        "worker = register_worker(db, int(sys.argv[2]))\n"
        "claim = claim_trial(db, int(sys.argv[2]), worker)\n"
        "space = distribution_to_json(FloatDistribution(0.0, 1.0))\n"
        "record_parameters(db, claim, {'dropout': (0.25, space)})\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n",
        db.url,
        str(study.study_id),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert reclaim_orphans(db, study.study_id) == []
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert reclaim_orphans(db, study.study_id) == [0]
    again = _claim(db, study, register_worker(db, study.study_id))
    assert (again.number, again.attempt) == (0, 2)
    assert db.optuna.get_trial(again.trial_id).params == {"dropout": 0.25}


def test_trial_of_a_silent_worker_elsewhere_is_reclaimed_with_the_reason(
    db: Database,
    study: StudyRecord,
    worker_id: str,
    query: Query,
    silence: Callable[[float], None],
) -> None:
    _claim(db, study, worker_id)
    query("UPDATE dampen_workers SET machine = 'elsewhere', stale_after_seconds = 3600")
    silence(3000)
    assert reclaim_orphans(db, study.study_id) == []
    query("UPDATE dampen_workers SET stale_after_seconds = 0.01")
    assert reclaim_orphans(db, study.study_id) == [0]
    ((ended_at, reason),) = query(select(own_workers.c.ended_at, own_workers.c.lost_because))
    assert ended_at is not None
    assert re.fullmatch(r"it gave no sign of life for \d+ s", reason)


def test_running_trial_that_nobody_registered_is_reclaimed(
    db: Database, study: StudyRecord
) -> None:
    optuna.load_study(study_name="rooks", storage=db.optuna).ask()
    assert reclaim_orphans(db, study.study_id) == [0]


def test_what_a_pruner_would_take_for_the_new_attempts_is_erased(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    claim = _claim(db, study, worker_id)
    db.optuna.set_trial_intermediate_value(claim.trial_id, 1, 0.5)
    db.optuna.set_trial_system_attr(claim.trial_id, "completed_rung_0", 0.5)
    db.optuna.set_trial_system_attr(claim.trial_id, "fixed_params", {"dropout": 0.0})
    end_worker(db, worker_id)
    assert reclaim_orphans(db, study.study_id) == [0]
    trial = db.optuna.get_trial(claim.trial_id)
    assert trial.state == TrialState.WAITING
    assert trial.intermediate_values == {}
    assert trial.system_attrs == {"fixed_params": {"dropout": 0.0}}
    assert read_evaluation(db, claim.trial_id) is None


def test_finished_trials_and_other_studies_are_untouched(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    other = optuna.create_study(storage=db.optuna, study_name="plain")
    other.ask()
    first, second = _claim(db, study, worker_id), _claim(db, study, worker_id)
    db.optuna.set_trial_state_values(first.trial_id, TrialState.COMPLETE, [0.5])
    end_worker(db, worker_id)
    assert reclaim_orphans(db, study.study_id) == [second.number]
    assert other.trials[0].state == TrialState.RUNNING
    assert db.optuna.get_trial(first.trial_id).value == 0.5


def test_trial_that_took_three_workers_with_it_is_failed_with_the_reason(
    db: Database, study: StudyRecord
) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        worker_id = register_worker(db, study.study_id)
        assert _claim(db, study, worker_id).attempt == attempt
        end_worker(db, worker_id)
        assert reclaim_orphans(db, study.study_id) == [0]
    trial = db.optuna.get_all_trials(study.study_id)[0]
    assert trial.state == TrialState.FAIL
    assert trial.datetime_complete is not None
    assert trial.user_attrs["error"] == (
        f"given up after 3 attempts; the last worker {worker_id} was taken for dead: it has ended"
    )
    assert _claim(db, study, register_worker(db, study.study_id)).number == 1


def test_reclaims_at_once_release_each_trial_once(
    db: Database,
    study: StudyRecord,
    worker_id: str,
    at_once: Callable[..., list[list[int]]],
    query: Query,
) -> None:
    for _ in range(5):
        _claim(db, study, worker_id)
    end_worker(db, worker_id)
    released = at_once([lambda: reclaim_orphans(db, study.study_id)] * 4)
    assert sorted(itertools.chain(*released)) == [0, 1, 2, 3, 4]
    assert query("SELECT DISTINCT attempts FROM dampen_trials") == [(1,)]


def test_deleted_study_has_nothing_to_reclaim(db: Database, study: StudyRecord) -> None:
    db.optuna.delete_study(study.study_id)
    assert reclaim_orphans(db, study.study_id) == []


def test_running_trials_of_a_study_of_another_program_are_none_of_ours(db: Database) -> None:
    plain = optuna.create_study(storage=db.optuna, study_name="plain")
    plain.ask()
    with pytest.raises(StudyNotFoundError):
        reclaim_orphans(db, plain._study_id)
    assert plain.trials[0].state == TrialState.RUNNING
