"""The budget, and who runs what."""

import itertools
import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from storage.claims import Claim, claim_trial, release_trials, requeue_trial
from storage.database import Database
from storage.errors import ClaimLostError, StudyNotFoundError, WorkerUnknownError
from storage.evaluations import finish_trial, read_evaluations
from storage.studies import StudyRecord, create_study, set_planned_trials
from storage.workers import register_worker

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def _claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    return claim


def test_claims_number_the_trials_from_zero_to_the_budget(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    assert [_claim(db, study, worker_id).number for _ in range(5)] == [0, 1, 2, 3, 4]
    assert claim_trial(db, study.study_id, worker_id) is None
    set_planned_trials(db, "rooks", 6)
    assert _claim(db, study, worker_id).number == 5


def test_claimed_trial_is_running_and_owned_in_the_database(
    db: Database, study: StudyRecord, worker_id: str, query: Query
) -> None:
    claim = _claim(db, study, worker_id)
    assert claim.attempt == 1
    assert query(
        "SELECT number, state, worker_id, attempts FROM trials JOIN dampen_trials USING (trial_id)"
    ) == [(0, "RUNNING", worker_id, 1)]


def test_optuna_reads_a_claimed_trial_as_one_of_its_own(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    own = optuna.load_study(study_name="rooks", storage=db.optuna)
    claim = _claim(db, study, worker_id)
    trial = own.trials[0]
    assert (trial._trial_id, trial.number, trial.state) == (claim.trial_id, 0, TrialState.RUNNING)
    assert trial.datetime_start is not None
    assert abs(datetime.now() - trial.datetime_start) < timedelta(minutes=1)
    own.tell(claim.number, 0.75)
    assert own.best_value == 0.75
    assert own.ask().number == 1  # Optuna's own numbering goes on from ours


def test_waiting_trial_is_claimed_before_a_new_one_is_made(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    _claim(db, study, worker_id)
    queued = optuna.load_study(study_name="rooks", storage=db.optuna)
    queued.enqueue_trial({"dropout": 0.0})
    queued.enqueue_trial({"dropout": 0.1})
    assert [_claim(db, study, worker_id).number for _ in range(3)] == [1, 2, 3]
    assert queued.trials[1].system_attrs["fixed_params"] == {"dropout": 0.0}


def test_trials_of_another_study_do_not_count(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    other = create_study(db, "knights", settings={}, planned_trials=1)
    other_worker = register_worker(db, other.study_id)
    _claim(db, other, other_worker)
    assert _claim(db, study, worker_id).number == 0
    assert claim_trial(db, other.study_id, other_worker) is None


def test_worker_must_be_registered_with_the_study(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    other = create_study(db, "knights", settings={}, planned_trials=1)
    for name in (worker_id, "nobody"):
        with pytest.raises(WorkerUnknownError, match="Register it first"):
            claim_trial(db, other.study_id, name)


def test_deleted_study_is_said_to_be_gone(db: Database, study: StudyRecord, worker_id: str) -> None:
    db.optuna.delete_study(study.study_id)
    with pytest.raises(StudyNotFoundError, match="was deleted"):
        claim_trial(db, study.study_id, worker_id)


def test_requeued_trial_waits_with_its_parameters_and_costs_no_attempt(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    claim = _claim(db, study, worker_id)
    distribution = optuna.distributions.FloatDistribution(0.0, 1.0)
    db.optuna.get_all_trials(study.study_id)  # Optuna's cache writes to trials it has seen
    db.optuna.set_trial_param(claim.trial_id, "dropout", 0.25, distribution)
    requeue_trial(db, claim)
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.WAITING
    again = _claim(db, study, worker_id)
    assert (again.trial_id, again.number, again.attempt) == (claim.trial_id, 0, 1)
    assert db.optuna.get_trial(claim.trial_id).params == {"dropout": 0.25}


def test_finished_trial_cannot_be_requeued(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    claim = _claim(db, study, worker_id)
    db.optuna.set_trial_state_values(claim.trial_id, TrialState.COMPLETE, [0.5])
    with pytest.raises(ClaimLostError, match="it is COMPLETE"):
        requeue_trial(db, claim)
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.COMPLETE


def test_worker_gives_back_whatever_it_holds_and_nothing_else(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    other = _claim(db, study, register_worker(db, study.study_id))
    finished, held = _claim(db, study, worker_id), _claim(db, study, worker_id)
    db.optuna.set_trial_state_values(finished.trial_id, TrialState.COMPLETE, [0.5])
    assert release_trials(db, worker_id) == [held.number]
    assert release_trials(db, worker_id) == []
    states = [trial.state for trial in db.optuna.get_all_trials(study.study_id)]
    assert states == [TrialState.RUNNING, TrialState.COMPLETE, TrialState.WAITING]
    with pytest.raises(ClaimLostError, match="it is WAITING"):
        requeue_trial(db, held)
    requeue_trial(db, other)
    assert [_claim(db, study, worker_id).attempt for _ in range(2)] == [1, 1]


_WORKER = """
import json, sys
from storage.claims import claim_trial
from storage.database import open_database
from storage.workers import register_worker
import optuna
db = open_database(sys.argv[1])
study = optuna.load_study(study_name="many", storage=db.optuna)
worker = register_worker(db, study._study_id)
sys.stdin.readline()
numbers = []
while (claim := claim_trial(db, study._study_id, worker)) is not None:
    study.tell(claim.number, 0.5)
    numbers.append(claim.number)
print(json.dumps(numbers))
"""


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_four_processes_claim_each_number_exactly_once(db: Database, spawn: Spawn) -> None:
    create_study(db, "many", settings={}, planned_trials=60)
    processes = [spawn(_WORKER, db.url) for _ in range(4)]
    claimed: list[int] = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=90)
        assert err == ""  # above all no "database is locked"
        claimed += json.loads(out)
    assert sorted(claimed) == list(range(60))
    trials = optuna.load_study(study_name="many", storage=db.optuna).trials
    assert [trial.number for trial in trials] == list(range(60))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}


def test_eight_threads_claim_each_number_exactly_once(
    db: Database, at_once: Callable[..., list[list[int]]]
) -> None:
    study = create_study(db, "many", settings={}, planned_trials=60)

    def work() -> list[int]:
        numbers: list[int] = []
        worker_id = register_worker(db, study.study_id)
        while (claim := claim_trial(db, study.study_id, worker_id)) is not None:
            finish_trial(
                db,
                claim,
                state=TrialState.COMPLETE,
                value=0.5,
                evaluation={"number": claim.number},
                learning_curve=[],
                attributes={},
            )
            numbers.append(claim.number)
        return numbers

    claimed = at_once([work] * 8)
    assert sorted(itertools.chain(*claimed)) == list(range(60))
    found = read_evaluations(db, study.study_id)
    assert {number: found[number].evaluation for number in found} == {
        number: {"number": number} for number in range(60)
    }
