"""What came out of a trial is stored whole, by its owner only, before its value is told."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import TrialState

from storage.artifacts import read_artifact
from storage.claims import Claim, claim_trial
from storage.database import Database
from storage.errors import ArtifactError, ClaimLostError
from storage.evaluations import finish_trial, read_evaluation, read_evaluations
from storage.resume import reclaim_orphans
from storage.studies import StudyRecord
from storage.workers import end_worker, register_worker

Query = Callable[..., list[tuple[Any, ...]]]

_FIGURES = {"accuracy": 0.9, "confusion": [[40, 2], [3, 50]], "verdict": "learned"}
_CURVE = {"loss": [0.7, 0.5], "auc": [0.6, 0.8]}
_COMPLETE: dict[str, Any] = {"state": TrialState.COMPLETE, "value": 0.8}


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


def test_evaluation_reads_back_through_another_connection(
    db: Database, claim: Claim, open_storage: Callable[..., Database]
) -> None:
    finish_trial(
        db,
        claim,
        **_COMPLETE,
        evaluation=_FIGURES,
        learning_curve=_CURVE,
        attributes={"f1": 0.8, "why": "ok"},
    )
    other = open_storage(db.url, create=False)
    found = read_evaluation(other, claim.trial_id)
    assert found is not None
    assert (found.number, found.worker_id, found.attempts) == (0, claim.worker_id, 1)
    assert found.evaluation == _FIGURES
    assert found.learning_curve == _CURVE
    assert other.optuna.get_trial(claim.trial_id).user_attrs == {"f1": 0.8, "why": "ok"}


def test_evaluations_of_a_study_are_read_without_their_curves_unless_asked(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    finish_trial(db, claim, **_COMPLETE, evaluation=_FIGURES, learning_curve=[1, 2], attributes={})
    assert read_evaluations(db, study.study_id)[0].learning_curve is None
    with_curves = read_evaluations(db, study.study_id, learning_curves=True)
    assert with_curves[0].learning_curve == [1, 2]
    assert set(with_curves) == {0}


def test_trial_without_figures_has_no_evaluation(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    assert read_evaluation(db, claim.trial_id) is None
    assert read_evaluations(db, study.study_id) == {}


def test_figures_of_a_diverged_trial_are_kept(db: Database, claim: Claim) -> None:
    curve = {"loss": [1.0, math.inf, math.nan]}
    finish_trial(db, claim, **_COMPLETE, evaluation={}, learning_curve=curve, attributes={})
    found = read_evaluation(db, claim.trial_id)
    assert found is not None
    first, second, third = found.learning_curve["loss"]
    assert (first, second) == (1.0, math.inf)
    assert math.isnan(third)


def test_finished_trial_is_as_optuna_would_have_told_it(db: Database, claim: Claim) -> None:
    finish_trial(
        db,
        claim,
        state=TrialState.PRUNED,
        value=0.625,
        evaluation={},
        learning_curve=[],
        attributes={},
    )
    trial = db.optuna.get_trial(claim.trial_id)
    assert (trial.state, trial.value) == (TrialState.PRUNED, 0.625)
    assert trial.datetime_start is not None
    assert trial.datetime_complete is not None
    assert trial.datetime_complete >= trial.datetime_start


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (TrialState.COMPLETE, None),
        (TrialState.COMPLETE, math.nan),
        (TrialState.PRUNED, math.inf),
        (TrialState.FAIL, 0.5),
        (TrialState.RUNNING, None),
    ],
)
def test_state_and_value_that_do_not_go_together_are_refused(
    db: Database, claim: Claim, state: TrialState, value: float | None
) -> None:
    with pytest.raises(ValueError, match="must be"):
        finish_trial(
            db, claim, state=state, value=value, evaluation={}, learning_curve=[], attributes={}
        )
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.RUNNING


def test_trial_is_finished_once(db: Database, claim: Claim) -> None:
    finish_trial(db, claim, **_COMPLETE, evaluation=_FIGURES, learning_curve=[], attributes={})
    with pytest.raises(ClaimLostError, match="it is COMPLETE"):
        finish_trial(db, claim, **_COMPLETE, evaluation={}, learning_curve=[], attributes={})
    found = read_evaluation(db, claim.trial_id)
    assert found is not None
    assert found.evaluation == _FIGURES


def test_late_result_of_a_reclaimed_trial_is_refused_whole(
    db: Database, study: StudyRecord, claim: Claim, query: Query
) -> None:
    # A laptop sleeps in the middle of a trial: the trial is given away, the laptop wakes up.
    end_worker(db, claim.worker_id)
    assert reclaim_orphans(db, study.study_id) == [0]
    with pytest.raises(ClaimLostError, match="it is WAITING"):
        finish_trial(
            db,
            claim,
            **_COMPLETE,
            evaluation=_FIGURES,
            learning_curve=[],
            attributes={"late": True},
        )
    second = claim_trial(db, study.study_id, register_worker(db, study.study_id))
    assert second is not None
    assert (second.number, second.attempt) == (0, 2)
    with pytest.raises(ClaimLostError, match="was given to"):
        finish_trial(
            db,
            claim,
            **_COMPLETE,
            evaluation=_FIGURES,
            learning_curve=[],
            attributes={"late": True},
        )
    assert query("SELECT evaluation FROM dampen_trials") == [(None,)]
    assert query("SELECT * FROM trial_user_attributes") == []


def test_files_come_with_the_value_and_leave_with_a_refusal(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    given: dict[str, Any] = {"evaluation": {}, "learning_curve": [], "attributes": {}}
    finish_trial(db, claim, **_COMPLETE, **given, files={"curve.csv": b"1", "b.csv": b"2"})
    assert read_artifact(db, claim.trial_id, "curve.csv") == b"1"
    assert len(list(db.artifacts.iterdir())) == 2
    with pytest.raises(ClaimLostError, match="it is COMPLETE"):
        finish_trial(db, claim, **_COMPLETE, **given, files={"curve.csv": b"late"})
    assert sorted(path.read_bytes() for path in db.artifacts.iterdir()) == [b"1", b"2"]


def test_trial_goes_on_when_its_file_cannot_be_written(db: Database, claim: Claim) -> None:
    db.artifacts.write_text("in the way of the folder")
    with pytest.raises(ArtifactError):
        finish_trial(
            db,
            claim,
            **_COMPLETE,
            evaluation={},
            learning_curve=[],
            attributes={},
            note="note",
            files={"curve.csv": b"1"},
        )
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.RUNNING


def test_deleted_trial_takes_no_evaluation(db: Database, study: StudyRecord, claim: Claim) -> None:
    db.optuna.delete_study(study.study_id)
    with pytest.raises(ClaimLostError, match="was deleted"):
        finish_trial(db, claim, **_COMPLETE, evaluation={}, learning_curve=[], attributes={})


def test_what_json_cannot_hold_is_refused_before_anything_is_written(
    db: Database, claim: Claim, query: Query
) -> None:
    with pytest.raises(TypeError):
        finish_trial(
            db, claim, **_COMPLETE, evaluation={"model": object()}, learning_curve=[], attributes={}
        )
    assert query("SELECT evaluation FROM dampen_trials") == [(None,)]
