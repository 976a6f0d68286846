"""The doctor finds what is wrong, says what to type, and removes only what is nobody's."""

import json
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from storage.artifacts import save_artifact
from storage.bucket import Bucket
from storage.claims import Claim, claim_trial
from storage.database import Database, close, writing
from storage.doctor import examine
from storage.errors import ArtifactError, StorageURLError
from storage.finding import Finding
from storage.place import Folder
from storage.recorded import may_serve_others, recorded_files, remove_files, unrecorded_files
from storage.studies import StudyRecord, create_study
from storage.url import artifact_folder
from storage.workers import end_worker, register_worker

Query = Callable[..., list[tuple[Any, ...]]]

HOUR = 3600
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


def _found(url: str, check: str, **options: Any) -> Finding:
    (finding,) = (found for found in examine(url, **options) if found.check == check)
    return finding


def _leave(folder: Path, name: str, *, hours: float) -> Path:
    """Leaves a file of 10 bytes in the folder that nobody touched for some hours."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(b"0123456789")
    then = file.stat().st_mtime - hours * HOUR
    os.utime(file, (then, then))
    return file


def test_healthy_storage_has_nothing_to_do(db: Database, claim: Claim) -> None:
    save_artifact(db, claim, filename="weights.npz", content=b"x")
    found = examine(db.url)
    assert {finding.level for finding in found} == {"ok"}, found
    assert {finding.remedy for finding in found} == {""}
    names = [finding.check for finding in found]
    assert names[0] == "storage"
    assert {"schema", "trials", "files", "leftovers", "latency", "space"} <= set(names)
    of_files, of_servers = {"integrity", "journal", "drive"}, {"server"}
    on_file = db.url.startswith("sqlite")
    assert set(names) & (of_files | of_servers) == (of_files if on_file else of_servers)


def test_password_is_not_said(db: Database) -> None:
    assert "p%40ss" not in str(examine(db.url))


@on_postgresql
def test_server_says_its_version_and_connections(db: Database) -> None:
    assert _found(db.url, "server").says.startswith("PostgreSQL 18")
    assert "of 100 connections in use" in _found(db.url, "server").says


@on_sqlite
def test_storage_that_cannot_be_opened_is_a_finding(db: Database, tmp_path: Path) -> None:
    close(db)
    file = tmp_path / "dampen.db"
    file.write_bytes(file.read_bytes()[:20_000])
    found = examine(db.url)
    assert (found[0].check, found[0].level) == ("storage", "problem")
    assert "damaged or cut short" in found[0].says
    assert {"drive", "space"} <= {finding.check for finding in found}


def test_missing_storage_is_a_finding_and_is_not_made(tmp_path: Path) -> None:
    (found, *_) = examine(f"sqlite:///{tmp_path}/dampen.db")
    assert found.level == "problem"
    assert "There is no storage" in found.says
    assert list(tmp_path.iterdir()) == []


def test_url_that_cannot_be_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(StorageURLError):
        examine(f"sqlite:///{tmp_path}/nowhere/dampen.db")


@on_sqlite
@pytest.mark.parametrize(
    ("at", "damage", "said"),
    [
        (0, b"\xff" * 4096, "it is damaged or cut short"),
        (3, b"\x00\x00", "row 1 missing from index ix_studies_study_name"),  # 0 entries
    ],
)
def test_damage_is_found_though_the_file_opens(
    db: Database, study: StudyRecord, tmp_path: Path, at: int, damage: bytes, said: str
) -> None:
    close(db)
    file = tmp_path / "dampen.db"
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_studies_study_name'"
        ).fetchone()
    with file.open("r+b") as content:
        content.seek((page - 1) * 4096 + at)
        content.write(damage)
    found = _found(db.url, "integrity")
    assert found.level == "problem"
    assert said in " ".join((found.says, *found.details))
    assert "Restore a copy" in found.says + found.remedy


@on_sqlite
def test_rows_left_by_a_program_without_foreign_keys_are_told(
    db: Database, claim: Claim, tmp_path: Path
) -> None:
    def execute(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "dampen.db")) as connection, connection:
            connection.execute(statement)

    execute("DELETE FROM trials")
    found = _found(db.url, "integrity")
    assert found.level == "warning"
    assert found.details == ("rows of dampen_trials: 1",)
    execute("DELETE FROM studies")
    found = _found(db.url, "integrity")
    assert found.level == "problem"
    assert "rows of study_directions: 1" in found.details


@on_sqlite
def test_journal_that_is_not_wal_is_told(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    close(db)
    with closing(sqlite3.connect(db.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    monkeypatch.setattr("storage.database._enter_wal", lambda connection: None)
    found = _found(db.url, "journal")
    assert found.level == "warning"
    assert "allows delete only" in found.says


@on_sqlite
def test_network_drive_is_told(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = [SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **options: mounts)
    found = _found(db.url, "drive")
    assert found.level == "warning"
    assert "(nfs4)" in found.says
    assert "PostgreSQL" in found.remedy


@pytest.mark.parametrize(("megabytes", "level"), [(50, "problem"), (500, "warning"), (5000, "ok")])
@on_sqlite
def test_little_space_is_told(
    db: Database, monkeypatch: pytest.MonkeyPatch, megabytes: int, level: str
) -> None:
    usage = SimpleNamespace(free=megabytes * 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    found = _found(db.url, "space")
    assert found.level == level
    assert (f"{megabytes} MB free" in found.says) == (level != "ok")


def test_trials_of_dead_workers_are_told_with_what_to_type(db: Database, claim: Claim) -> None:
    other = create_study(db, "queens gambit", settings={}, planned_trials=1)
    worker = register_worker(db, other.study_id)
    assert claim_trial(db, other.study_id, worker) is not None
    assert _found(db.url, "trials").level == "ok"
    end_worker(db, worker)
    found = _found(db.url, "trials")
    assert (found.level, found.remedy) == ("warning", "dampen resume 'queens gambit'")
    assert "Study queens gambit has 1 running trial" in found.says
    assert found.details == (f"trial 0: {worker}, it has ended",)


def test_file_that_is_gone_is_a_problem_until_its_record_goes_too(
    db: Database, claim: Claim, query: Query
) -> None:
    save_artifact(db, claim, filename="roc.png", content=b"x")
    gone = save_artifact(db, claim, filename="weights.npz", content=b"x")
    (db.artifacts / gone).unlink()
    found = _found(db.url, "files")
    assert found.level == "problem"
    assert found.says.startswith("1 of 2 recorded files must be in")
    assert found.details == ("weights.npz of trial 0 of study rooks",)
    # As the dashboard deletes a file.
    db.optuna.set_trial_system_attr(claim.trial_id, f"artifacts:{gone}", json.dumps(None))
    assert _found(db.url, "files").level == "ok"


def test_files_of_a_study_and_of_older_dashboards_count_as_recorded(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    names = [str(uuid.uuid4()) for _ in range(2)]
    keys = (f"artifacts:{names[0]}", f"dashboard:artifacts:{claim.trial_id}:{names[1]}")
    for name, key in zip(names, keys, strict=True):
        meta = {"artifact_id": name, "filename": "note.png", "mimetype": "image/png"}
        db.optuna.set_study_system_attr(study.study_id, key, json.dumps(meta))
        _leave(db.artifacts, name, hours=2)
    assert _found(db.url, "files").says == "2 recorded, and there"
    assert unrecorded_files(db) == []


def test_record_that_cannot_be_read_is_a_problem_and_nothing_is_removed(
    db: Database, claim: Claim
) -> None:
    left = _leave(db.artifacts, str(uuid.uuid4()), hours=2)
    db.optuna.set_trial_system_attr(claim.trial_id, "artifacts:x", json.dumps({"name": "y"}))
    found = {finding.check: finding for finding in examine(db.url, clean=True)}
    assert found["files"].level == found["leftovers"].level == "problem"
    assert "'artifacts:x'" in found["files"].says
    assert left.exists()


def test_record_that_leads_out_of_the_folder_is_a_problem(db: Database, claim: Claim) -> None:
    meta = {"artifact_id": "../dampen.db", "filename": "x"}
    db.optuna.set_trial_system_attr(claim.trial_id, "artifacts:x", json.dumps(meta))
    found = _found(db.url, "files")
    assert found.level == "problem"
    assert "leads elsewhere" in found.says


def test_only_files_of_ours_that_nobody_records_are_removed(db: Database, claim: Claim) -> None:
    recorded = db.artifacts / save_artifact(db, claim, filename="weights.npz", content=b"x")
    os.utime(recorded, (0, 0))
    left = [
        _leave(db.artifacts, str(uuid.uuid4()), hours=2),
        _leave(db.artifacts, f".{uuid.uuid4()}.partial.npz", hours=2),
        _leave(db.artifacts, f".{uuid.uuid4()}.partial", hours=2),
    ]
    kept = [
        recorded,
        _leave(db.artifacts, str(uuid.uuid4()), hours=0.9),  # may yet be recorded
        _leave(db.artifacts, str(uuid.uuid1()), hours=2),
        _leave(db.artifacts, "thesis.docx", hours=2),
        _leave(db.artifacts, f"{uuid.uuid4()}.bak", hours=2),
        _leave(db.artifacts / "data", str(uuid.uuid4()), hours=2),
    ]
    folder = db.artifacts / str(uuid.uuid4())
    folder.mkdir()
    link = db.artifacts / str(uuid.uuid4())
    link.symlink_to(recorded)
    for path in (folder, link):
        os.utime(path, (0, 0), follow_symlinks=False)

    found = _found(db.url, "leftovers")
    assert (found.level, found.remedy) == ("warning", "dampen doctor --clean")
    assert sorted(found.details) == sorted(path.name for path in left)
    cleaned = _found(db.url, "leftovers", clean=True)
    assert cleaned.level == "ok"
    assert cleaned.says.startswith("removed 3 files without a record")
    assert sorted(cleaned.details) == sorted(found.details)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (*kept, folder, link))
    assert _found(db.url, "leftovers").says == "no file without a record"


def test_nothing_is_removed_while_there_is_a_problem(db: Database, claim: Claim) -> None:
    # The folder may be another database's, of which this one cannot know the files.
    (db.artifacts / save_artifact(db, claim, filename="weights.npz", content=b"x")).unlink()
    left = _leave(db.artifacts, str(uuid.uuid4()), hours=2)
    assert _found(db.url, "leftovers", clean=True).level == "warning"
    assert left.exists()


@on_sqlite
def test_full_disk_can_be_cleaned(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    left = _leave(db.artifacts, str(uuid.uuid4()), hours=2)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    assert _found(db.url, "space").level == "problem"
    assert _found(db.url, "leftovers", clean=True).level == "ok"
    assert not left.exists()


def test_file_that_vanishes_before_it_is_removed_is_no_error(db: Database) -> None:
    left = _leave(db.artifacts, str(uuid.uuid4()), hours=2)
    found = unrecorded_files(db)
    left.unlink()
    remove_files(db, found)
    assert unrecorded_files(db) == []


@on_sqlite
def test_folder_that_cannot_be_changed_is_said(
    db: Database, tmp_path: Path, as_ordinary_user: Callable[[], Any]
) -> None:
    _leave(db.artifacts, str(uuid.uuid4()), hours=2)
    found = unrecorded_files(db)
    db.artifacts.chmod(0o555)
    try:
        with as_ordinary_user(), pytest.raises(ArtifactError, match="must be removable"):
            remove_files(db, found)
    finally:
        db.artifacts.chmod(0o755)


def test_places_that_may_serve_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def may(url: str) -> bool:
        return may_serve_others(url, Folder(artifact_folder(url)))

    url = f"sqlite:///{tmp_path}/dampen.db"
    assert not may(url)
    assert may("postgresql+psycopg://ada@db/dampen")
    assert may_serve_others(url, Bucket("s3://rooks", tmp_path))
    for name in ("dampen", "dampen.db"):  # both keep their files in dampen.artifacts
        (tmp_path / name).touch()
    assert may(url)
    assert may(f"sqlite:///{tmp_path}/dampen")
    assert not may(f"sqlite:///{tmp_path}/other.db")
    monkeypatch.setenv("DAMPEN_ARTIFACTS", str(tmp_path / "shared"))
    assert may(f"sqlite:///{tmp_path}/other.db")


@on_sqlite
def test_slow_writes_are_told(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.soundness._SLOW_WRITE_SECONDS", 0.0)
    found = _found(db.url, "latency")
    assert found.level == "warning"
    assert "a trial waits for about ten" in found.says


@on_sqlite
def test_timed_writes_reach_the_disk_and_change_nothing(db: Database, tmp_path: Path) -> None:
    def rows() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "dampen.db")) as connection:
            return list(connection.iterdump())

    before, journal = rows(), tmp_path / "dampen.db-wal"
    with writing(db):  # keeps the journal from being emptied
        pass
    size = journal.stat().st_size
    assert _found(db.url, "latency").level in ("ok", "warning")
    assert journal.stat().st_size >= size + 9 * 4096
    assert rows() == before


def test_recorded_files_name_study_and_trial(db: Database, claim: Claim) -> None:
    artifact_id = save_artifact(db, claim, filename="weights.npz", content=b"x")
    with db.engine.connect() as connection:
        (file,) = recorded_files(connection, study_id=1)
        assert recorded_files(connection, study_id=2) == []
    assert (file.artifact_id, file.filename) == (artifact_id, "weights.npz")
    assert (file.study, file.trial) == ("rooks", 0)
