"""A backup is whole and consistent, whatever is written meanwhile, or it is not there."""

import errno
import os
import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from storage.artifacts import read_artifact, save_artifact
from storage.backup import Backup, back_up
from storage.claims import Claim, claim_trial
from storage.database import Database, close, open_database, reading
from storage.doctor import examine
from storage.errors import BackupError
from storage.recorded import recorded_files
from storage.studies import StudyRecord, load_study
from storage.url import artifact_folder, resolve_url

Open = Callable[..., Database]
Spawn = Callable[..., "subprocess.Popen[str]"]

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

# Finishes trials until it is killed; each replaces a file and leaves one.
_WORKER = """
import itertools, sys
from optuna.trial import TrialState
from storage.artifacts import save_artifact
from storage.claims import claim_trial
from storage.database import open_database
from storage.errors import BackupError
from storage.evaluations import finish_trial
from storage.studies import create_study
from storage.workers import register_worker
db = open_database(sys.argv[1])
record = create_study(db, "busy", settings={}, planned_trials=10**6)
worker = register_worker(db, record.study_id)
for number in itertools.count():
    claim = claim_trial(db, record.study_id, worker)
    for content in (b"first", b"second" * 1000):
        save_artifact(db, claim, filename="weights.npz", content=content)
    finish_trial(
        db, claim, state=TrialState.COMPLETE, value=0.5, evaluation={}, learning_curve=[],
        attributes={},
    )
    print(number, flush=True)
"""


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@on_sqlite
@pytest.mark.parametrize("name", ["backup.db", "backup", "a 100% ü#?.db", "x.sqlite"])
def test_copy_opens_with_everything_in_it(
    db: Database, study: StudyRecord, claim: Claim, tmp_path: Path, open_storage: Open, name: str
) -> None:
    save_artifact(db, claim, filename="weights.npz", content=b"weights")
    for part in ("data/table.parquet", "prepared/x.npy", "thesis.docx"):
        (db.artifacts / part).parent.mkdir(exist_ok=True)
        (db.artifacts / part).write_bytes(b"12345")
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / name
    watched: list[tuple[int, int]] = []
    made = back_up(db, file, watch=lambda done, files: watched.append((done, files)))

    size = file.stat().st_size + len(b"weights") + len(b"12345")
    assert made == Backup(
        url=made.url,
        artifacts=artifact_folder(made.url),
        trials=1,
        files=2,
        missing=0,
        size=size,
    )
    assert watched == [(1, 2), (2, 2)]
    assert _names(file.parent) == {name, made.artifacts.name}
    assert (made.artifacts / "data" / "table.parquet").read_bytes() == b"12345"
    assert len(_names(made.artifacts)) == 2, "not what is no part of a study"

    shutil.rmtree(db.artifacts)
    copy = open_storage(made.url, create=False)
    assert load_study(copy, "rooks") == study
    assert read_artifact(copy, claim.trial_id, "weights.npz") == b"weights"
    assert resolve_url(made.url) == made.url


@on_sqlite
def test_storage_without_files_needs_no_folder(
    db: Database, study: StudyRecord, tmp_path: Path
) -> None:
    made = back_up(db, tmp_path / "copy.db")
    assert (made.trials, made.files, made.missing) == (0, 0, 0)
    assert _names(tmp_path) == {"dampen.db", "dampen.db-wal", "dampen.db-shm", "copy.db"}


@on_sqlite
def test_copy_made_while_a_worker_writes_is_consistent(
    db: Database, tmp_path: Path, open_storage: Open, spawn: Spawn
) -> None:
    worker = spawn(_WORKER, db.url)
    assert worker.stdout is not None
    for number in range(3):
        assert int(worker.stdout.readline()) >= number, "it writes"
        made = back_up(db, tmp_path / f"{number}.db")
        copy = open_storage(made.url, create=False)
        found = {finding.check: finding for finding in examine(made.url)}
        assert found["integrity"].level == found["schema"].level == "ok"
        trials = copy.optuna.get_all_trials(load_study(copy, "busy").study_id)
        assert len(trials) == made.trials
        assert [trial.number for trial in trials] == list(range(made.trials))
        # Only the file of the trial that ran may have been replaced before it was copied.
        assert made.missing <= 1
        for trial in trials:
            if trial.state == TrialState.COMPLETE:
                weights = read_artifact(copy, trial._trial_id, "weights.npz")
                assert weights == b"second" * 1000
    assert worker.poll() is None, worker.communicate()


@on_sqlite
def test_files_that_are_gone_are_counted(db: Database, claim: Claim, tmp_path: Path) -> None:
    kept = save_artifact(db, claim, filename="roc.png", content=b"png")
    gone = save_artifact(db, claim, filename="weights.npz", content=b"weights")
    (db.artifacts / gone).unlink()
    made = back_up(db, tmp_path / "copy.db")
    assert (made.files, made.missing) == (1, 1)
    assert _names(made.artifacts) == {kept}


@on_sqlite
@pytest.mark.parametrize("taken", ["copy.db", "copy.db-wal", "copy.db-journal", "copy.artifacts"])
def test_nothing_is_overwritten(
    db: Database, study: StudyRecord, tmp_path: Path, taken: str
) -> None:
    (tmp_path / taken).write_text("mine")
    before = _names(tmp_path)
    with pytest.raises(BackupError, match=f"name that is free; {tmp_path / taken} exists"):
        back_up(db, tmp_path / "copy.db")
    assert _names(tmp_path) == before
    assert (tmp_path / taken).read_text() == "mine"


@on_sqlite
def test_another_backup_to_the_same_file_is_not_disturbed(db: Database, tmp_path: Path) -> None:
    (tmp_path / ".copy.db.partial").mkdir()
    (tmp_path / ".copy.db.partial" / "copy.db").write_text("half")
    with pytest.raises(BackupError, match="Wait for it, or remove that folder"):
        back_up(db, tmp_path / "copy.db")
    assert (tmp_path / ".copy.db.partial" / "copy.db").read_text() == "half"


@on_sqlite
def test_folder_must_be_there(db: Database, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=f"{tmp_path}/nowhere does not"):
        back_up(db, tmp_path / "nowhere" / "copy.db")
    assert not (tmp_path / "nowhere").exists()


@on_sqlite
def test_folder_that_cannot_be_written_to_is_said(
    db: Database, guarded_folder: Path, as_ordinary_user: Callable[[], Any]
) -> None:
    with as_ordinary_user(), pytest.raises(BackupError, match="failed: Permission denied"):
        back_up(db, guarded_folder / "copy.db")


@on_sqlite
@pytest.mark.parametrize("at", ["copyfile", "fsync", "rename"])
def test_full_disk_leaves_nothing_behind(
    db: Database, claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    save_artifact(db, claim, filename="weights.npz", content=b"weights")
    before = _names(tmp_path)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil if at == "copyfile" else os, at, full)
    with pytest.raises(BackupError, match=r"No space left on device\. Free some space"):
        back_up(db, tmp_path / "copy.db")
    assert _names(tmp_path) == before


@on_sqlite
@pytest.mark.parametrize("room", [0.5, 1.05])  # for half of the database; for it, and no more
def test_disk_too_small_leaves_nothing_behind(
    db: Database, claim: Claim, tmp_path: Path, room: float
) -> None:
    save_artifact(db, claim, filename="weights.npz", content=b"x" * 500_000)
    close(db)
    disk = tmp_path / "disk"
    disk.mkdir()
    size = int((tmp_path / "dampen.db").stat().st_size * room)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only the superuser of a real machine may mount a small disk")
    try:
        with pytest.raises(BackupError, match="Free some space"):
            back_up(db, disk / "copy.db")
        assert _names(disk) == set()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@on_sqlite
def test_interrupt_leaves_nothing_behind(db: Database, claim: Claim, tmp_path: Path) -> None:
    save_artifact(db, claim, filename="weights.npz", content=b"weights")
    before = _names(tmp_path)

    def interrupt(done: int, files: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(db, tmp_path / "copy.db", watch=interrupt)
    assert _names(tmp_path) == before


@on_sqlite
def test_damaged_storage_is_not_copied(db: Database, study: StudyRecord, tmp_path: Path) -> None:
    close(db)
    with closing(sqlite3.connect(tmp_path / "dampen.db")) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_studies_study_name'"
        ).fetchone()
    with (tmp_path / "dampen.db").open("r+b") as content:
        content.seek((page - 1) * 4096 + 3)
        content.write(b"\x00\x00")  # no entries
    with pytest.raises(BackupError, match=r"it is damaged\. `dampen doctor`"):
        back_up(db, tmp_path / "copy.db")
    assert not {"copy.db", ".copy.db.partial"} & _names(tmp_path)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_server_is_answered_with_its_own_command(db: Database, tmp_path: Path) -> None:
    with pytest.raises(BackupError) as caught:
        back_up(db, tmp_path / "copy.db")
    said = str(caught.value)
    assert "pg_dump --format=custom --file=dampen.dump postgresql://postgres@127.0.0.1:" in said
    assert f"copy the folder {db.artifacts}" in said
    assert "p@ss" not in said
    assert "p%40ss" not in said
    assert _names(tmp_path) == set()


@on_sqlite
def test_files_go_beside_the_copy_whatever_folder_the_storage_uses(
    db: Database, url: str, study: StudyRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", str(tmp_path / "shared"))
    elsewhere = open_database(url)
    table = tmp_path / "shared" / "data" / f"{uuid.uuid4().hex}.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"12345")
    made = back_up(elsewhere, tmp_path / "copy.db")
    close(elsewhere)
    assert made.artifacts == tmp_path / "copy.artifacts"
    assert (made.artifacts / "data" / table.name).read_bytes() == b"12345"


@on_sqlite
def test_record_that_leads_out_of_the_folder_copies_nothing(
    db: Database, claim: Claim, tmp_path: Path
) -> None:
    db.optuna.set_trial_system_attr(
        claim.trial_id, "artifacts:x", '{"artifact_id": "../secret", "filename": "x"}'
    )
    (tmp_path / "secret").write_text("mine")
    with reading(db) as connection:
        assert recorded_files(connection)[0].artifact_id == "../secret"
    with pytest.raises(Exception, match="leads elsewhere"):
        back_up(db, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
