"""Files of finished trials are there at once, for the dashboard, the doctor and a deletion."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from optuna_dashboard.artifact._backend import list_trial_artifacts

from storage.attachments import attach_files, attached_files
from storage.backup import back_up
from storage.claims import Claim, claim_trial
from storage.database import Database, reading
from storage.deletion import delete_study, study_contents
from storage.doctor import examine
from storage.errors import ArtifactError, StudyNotFoundError
from storage.evaluations import finish_trial
from storage.recorded import recorded_files
from storage.studies import StudyRecord
from storage.workers import end_worker

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Iterator[Claim]:
    """Of a trial that has ended, with a file."""
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    finish_trial(
        db,
        claimed,
        state=TrialState.COMPLETE,
        value=0.5,
        evaluation={},
        learning_curve={},
        attributes={},
        files={"curve.csv": b"epoch\n1\n"},
    )
    return claimed


def _listed(db: Database, study: StudyRecord, claim: Claim) -> list[tuple[str, str]]:
    trial = db.optuna.get_trial(claim.trial_id)
    attributes = db.optuna.get_study_system_attrs(study.study_id)
    found = list_trial_artifacts(attributes, trial.system_attrs, trial)
    return sorted((meta["filename"], meta["mimetype"]) for meta in found)


def _files(db: Database) -> list[bytes]:
    return sorted(path.read_bytes() for path in db.artifacts.iterdir())


def test_file_of_a_trial_that_has_ended_is_listed_though_optuna_remembers_it_without(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    db.optuna.get_all_trials(study.study_id)
    attach_files(db, study.study_id, claim.trial_id, {"roc.png": b"roc", "b.png": b"b"})
    assert _listed(db, study, claim) == [
        ("b.png", "image/png"),
        ("curve.csv", "text/csv"),
        ("roc.png", "image/png"),
    ]
    found = attached_files(db, study.study_id, claim.trial_id)
    assert (db.artifacts / found["roc.png"]).read_bytes() == b"roc"


def test_file_of_the_same_name_is_replaced(db: Database, study: StudyRecord, claim: Claim) -> None:
    attach_files(db, study.study_id, claim.trial_id, {"roc.png": b"first", "b.png": b"b"})
    attach_files(db, study.study_id, claim.trial_id, {"roc.png": b"second"})
    assert len(_listed(db, study, claim)) == 3
    assert _files(db) == [b"b", b"epoch\n1\n", b"second"]


def test_file_deleted_in_the_dashboard_is_not_there(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    attach_files(db, study.study_id, claim.trial_id, {"roc.png": b"roc"})
    (artifact_id,) = attached_files(db, study.study_id, claim.trial_id).values()
    key = f"dashboard:artifacts:{claim.trial_id}:{artifact_id}"
    db.optuna.set_study_system_attr(study.study_id, key, json.dumps(None))
    assert attached_files(db, study.study_id, claim.trial_id) == {}


def test_nothing_is_kept_where_one_of_several_files_cannot_be(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    def fail(path: Path) -> None:
        raise OSError("disk full")

    with pytest.raises(ArtifactError, match="disk full"):
        attach_files(db, study.study_id, claim.trial_id, {"a.png": b"a", "b.png": fail})
    assert _files(db) == [b"epoch\n1\n"]
    db.optuna.delete_study(study.study_id)
    with pytest.raises(StudyNotFoundError):
        attach_files(db, study.study_id, claim.trial_id, {"a.png": b"a"})
    assert _files(db) == [b"epoch\n1\n"]


def test_doctor_backup_and_deletion_know_the_files(
    db: Database, study: StudyRecord, claim: Claim, tmp_path: Path
) -> None:
    attach_files(db, study.study_id, claim.trial_id, {"roc.png": b"roc"})
    end_worker(db, claim.worker_id)
    findings = {finding.check: finding for finding in examine(db.url)}
    assert findings["files"].says == "2 recorded, and there"
    assert findings["leftovers"].level == "ok"
    with reading(db) as connection:
        owners = {(file.filename, file.trial) for file in recorded_files(connection)}
    assert owners == {("curve.csv", 0), ("roc.png", 0)}
    if db.url.startswith("sqlite"):
        assert back_up(db, tmp_path / "copy.db").files == 2
    assert study_contents(db, "rooks").files == 2
    assert delete_study(db, "rooks").files == 2
    assert _files(db) == []
