"""Files are whole before they are recorded, and never outside their folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta
from optuna.trial import TrialState

from storage.artifacts import (
    StoredFile,
    find_artifact,
    read_artifact,
    save_artifact,
)
from storage.claims import Claim, claim_trial
from storage.database import Database
from storage.errors import ArtifactError, ClaimLostError
from storage.place import Folder, try_out
from storage.studies import StudyRecord

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


def _files(db: Database) -> list[str]:
    return sorted(path.name for path in db.artifacts.iterdir())


def test_optuna_lists_and_downloads_what_was_saved(
    db: Database, claim: Claim, tmp_path: Path
) -> None:
    artifact_id = save_artifact(db, claim, filename="roc.png", content=b"\x89PNG")
    (meta,) = get_all_artifact_meta(db.optuna.get_trial(claim.trial_id), storage=db.optuna)
    assert (meta.artifact_id, meta.filename) == (artifact_id, "roc.png")
    assert (meta.mimetype, meta.encoding) == ("image/png", None)
    download_artifact(
        artifact_store=FileSystemArtifactStore(db.artifacts),
        artifact_id=artifact_id,
        file_path=str(tmp_path / "copy.png"),
    )
    assert (tmp_path / "copy.png").read_bytes() == b"\x89PNG"


def test_writer_is_given_a_path_that_ends_as_the_file_name(db: Database, claim: Claim) -> None:
    given: list[Path] = []

    def write(path: Path) -> None:
        given.append(path)
        path.write_bytes(b"weights")

    artifact_id = save_artifact(db, claim, filename="model.keras", content=write)
    assert given[0].suffix == ".keras"
    assert given[0].parent == db.artifacts
    assert _files(db) == [artifact_id]
    assert read_artifact(db, claim.trial_id, "model.keras") == b"weights"
    assert find_artifact(db, claim.trial_id, "model.keras") == db.artifacts / artifact_id


def test_failing_writer_leaves_neither_record_nor_file(
    db: Database, claim: Claim, query: Query
) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(ArtifactError, match="disk full"):
        save_artifact(db, claim, filename="model.keras", content=fail)
    with pytest.raises(ArtifactError, match="it made none"):
        save_artifact(db, claim, filename="model.keras", content=lambda path: None)
    assert _files(db) == []
    assert query("SELECT * FROM trial_system_attributes") == []


def test_file_is_whole_before_it_is_recorded(
    db: Database, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def look(connection: object, trial_id: int, file: StoredFile) -> None:
        seen.append((db.artifacts / file.artifact_id).read_bytes())
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.artifacts._record", look)
    with pytest.raises(KeyboardInterrupt):
        save_artifact(db, claim, filename="model.keras", content=b"weights")
    assert seen == [b"weights"]
    assert _files(db) == []


def test_file_of_the_same_name_is_replaced(db: Database, claim: Claim) -> None:
    save_artifact(db, claim, filename="model.keras", content=b"first")
    save_artifact(db, claim, filename="model.keras", content=b"second")
    save_artifact(db, claim, filename="roc.png", content=b"roc")
    assert read_artifact(db, claim.trial_id, "model.keras") == b"second"
    assert len(_files(db)) == 2


def test_finished_trial_takes_no_file(db: Database, claim: Claim) -> None:
    db.optuna.set_trial_state_values(claim.trial_id, TrialState.COMPLETE, [0.5])
    with pytest.raises(ClaimLostError):
        save_artifact(db, claim, filename="model.keras", content=b"late")
    assert _files(db) == []


@pytest.mark.parametrize("filename", ["", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "a/"])
def test_file_name_must_be_plain(db: Database, claim: Claim, filename: str) -> None:
    with pytest.raises(ArtifactError, match="must be a plain file name"):
        save_artifact(db, claim, filename=filename, content=b"x")


@pytest.mark.parametrize("artifact_id", ["", "..", "../dampen.db", "/etc/passwd", "a/b"])
def test_identifier_from_a_database_cannot_lead_out_of_the_folder(
    db: Database, claim: Claim, artifact_id: str
) -> None:
    with pytest.raises(ArtifactError, match="leads elsewhere"):
        db.place.fetch(artifact_id)


def test_file_that_was_never_kept_or_is_lost_is_said_so(db: Database, claim: Claim) -> None:
    with pytest.raises(ArtifactError, match="none was kept"):
        read_artifact(db, claim.trial_id, "model.keras")
    artifact_id = save_artifact(db, claim, filename="model.keras", content=b"x")
    (db.artifacts / artifact_id).unlink()
    with pytest.raises(ArtifactError, match="it is gone"):
        read_artifact(db, claim.trial_id, "model.keras")


def test_file_uploaded_through_optuna_is_found_too(
    db: Database, study: StudyRecord, claim: Claim, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    db.artifacts.mkdir()
    optuna.artifacts.upload_artifact(
        artifact_store=FileSystemArtifactStore(db.artifacts),
        file_path=str(tmp_path / "notes.txt"),
        study_or_trial=db.optuna.get_trial(claim.trial_id),
        storage=db.optuna,
    )
    assert read_artifact(db, claim.trial_id, "notes.txt") == b"hello"


def test_file_deleted_in_the_dashboard_is_not_found(db: Database, claim: Claim) -> None:
    kept = save_artifact(db, claim, filename="model.keras", content=b"kept")
    gone = save_artifact(db, claim, filename="curve.png", content=b"gone")
    db.optuna.set_trial_system_attr(claim.trial_id, f"artifacts:{gone}", json.dumps(None))
    with pytest.raises(ArtifactError, match="none was kept"):
        find_artifact(db, claim.trial_id, "curve.png")
    assert find_artifact(db, claim.trial_id, "model.keras").name == kept


def test_a_folder_is_tried_out_by_writing_reading_and_removing(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "files")
    try_out(folder)
    assert list(folder.path.iterdir()) == []
    folder.path.rmdir()
    folder.path.write_text("in the way of the folder")
    with pytest.raises(ArtifactError, match=f"must be kept in {folder.path}"):
        try_out(folder)
