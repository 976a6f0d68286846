"""A study is deleted whole, with nothing of another, and never from under a worker."""

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import event, func, insert, select

from storage.artifacts import read_artifact, save_artifact
from storage.claims import Claim, claim_trial
from storage.database import Database
from storage.deletion import Contents, delete_study, study_contents
from storage.doctor import examine
from storage.errors import ArtifactError, StudyInUseError, StudyNotFoundError
from storage.evaluations import finish_trial
from storage.place import Folder
from storage.schema import Base, studies, trial_user_attributes
from storage.studies import StudyRecord, create_study, load_study
from storage.workers import end_worker, register_worker

Query = Callable[..., list[tuple[Any, ...]]]
Open = Callable[..., Database]


def _finish(db: Database, record: StudyRecord, content: bytes) -> Claim:
    """Runs one trial that leaves something in every table, by a worker that then leaves."""
    worker_id = register_worker(db, record.study_id)
    claim = claim_trial(db, record.study_id, worker_id)
    assert claim is not None
    optuna.trial.Trial(
        optuna.load_study(study_name=record.name, storage=db.optuna), claim.trial_id
    ).suggest_float("dropout", 0, 1)
    db.optuna.set_trial_intermediate_value(claim.trial_id, 1, 0.5)
    save_artifact(db, claim, filename="weights.npz", content=content)
    finish_trial(
        db,
        claim,
        state=TrialState.COMPLETE,
        value=0.5,
        evaluation={"epochs": 1},
        learning_curve=[0.5],
        attributes={"verdict": "healthy"},
    )
    db.optuna.set_study_user_attr(record.study_id, "why", "curious")
    db.optuna.set_study_system_attr(record.study_id, "note", "x")
    end_worker(db, worker_id)
    return claim


def _rows(query: Query) -> dict[str, int]:
    """How many rows each table has that belongs to studies, if it has any."""
    tables = [*studies.metadata.sorted_tables, *Base.metadata.sorted_tables]
    counts = {
        table.name: query(select(func.count()).select_from(table))[0][0]
        for table in tables
        if {"study_id", "trial_id"} & set(table.c.keys())
    }
    return {name: count for name, count in counts.items() if count}


def test_everything_of_the_study_goes_and_everything_else_stays(db: Database, query: Query) -> None:
    queens = create_study(db, "queens", settings={}, planned_trials=2)
    kept = _finish(db, queens, b"kept")
    before = _rows(query)
    assert len(before) >= 12, "rows in every table that can have some"
    rooks = create_study(db, "rooks", settings={"seed": 7}, planned_trials=2)
    _finish(db, rooks, b"gone")
    assert all(count == 2 * before[name] for name, count in _rows(query).items())
    for part in ("data/table.parquet", "prepared/x.npy"):
        (db.artifacts / part).parent.mkdir()
        (db.artifacts / part).touch()

    contents = Contents(name="rooks", trials=1, files=1, size=4)
    assert study_contents(db, "rooks") == contents
    assert delete_study(db, "rooks") == contents

    assert _rows(query) == before
    assert read_artifact(db, kept.trial_id, "weights.npz") == b"kept"
    assert len(list(db.artifacts.iterdir())) == 3, "what is prepared may serve other studies"
    assert {finding.level for finding in examine(db.url)} == {"ok"}
    with pytest.raises(StudyNotFoundError):
        load_study(db, "rooks")


def test_name_and_numbers_can_be_used_again(
    db: Database, study: StudyRecord, open_storage: Open
) -> None:
    _finish(db, study, b"old")
    delete_study(db, "rooks")
    fresh = open_storage(db.url)
    again = create_study(fresh, "rooks", settings={}, planned_trials=1)
    claim = _finish(fresh, again, b"new")
    assert (claim.number, claim.attempt) == (0, 1)
    (trial,) = fresh.optuna.get_all_trials(again.study_id)
    assert trial.user_attrs == {"verdict": "healthy"}
    assert read_artifact(fresh, claim.trial_id, "weights.npz") == b"new"


def test_study_with_a_worker_alive_is_not_deleted(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    save_artifact(db, claim, filename="weights.npz", content=b"x")
    with pytest.raises(StudyInUseError) as caught:
        delete_study(db, "rooks")
    assert worker_id in str(caught.value)
    assert "Ctrl-C" in str(caught.value)
    assert load_study(db, "rooks") == study
    assert read_artifact(db, claim.trial_id, "weights.npz") == b"x"
    end_worker(db, worker_id)
    assert delete_study(db, "rooks").trials == 1


def test_workers_of_other_studies_do_not_matter(db: Database, study: StudyRecord) -> None:
    other = create_study(db, "queens", settings={}, planned_trials=1)
    worker_id = register_worker(db, other.study_id)
    delete_study(db, "rooks")
    assert claim_trial(db, other.study_id, worker_id) is not None


def test_files_that_a_copy_of_the_study_shares_stay(db: Database, study: StudyRecord) -> None:
    _finish(db, study, b"weights")
    optuna.copy_study(
        from_study_name="rooks",
        from_storage=db.optuna,
        to_storage=db.optuna,
        to_study_name="copy",
    )
    assert delete_study(db, "rooks").files == 0
    assert [path.read_bytes() for path in db.artifacts.iterdir()] == [b"weights"]
    assert {finding.level for finding in examine(db.url)} == {"ok"}


def test_files_of_the_study_itself_go_too(db: Database, study: StudyRecord) -> None:
    name = str(uuid.uuid4())
    db.artifacts.mkdir()
    (db.artifacts / name).write_bytes(b"png")
    meta = {"artifact_id": name, "filename": "plot.png", "mimetype": "image/png"}
    db.optuna.set_study_system_attr(study.study_id, f"artifacts:{name}", json.dumps(meta))
    assert delete_study(db, "rooks").files == 1
    assert list(db.artifacts.iterdir()) == []


def test_files_go_last(db: Database, study: StudyRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    _finish(db, study, b"weights")

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ArtifactError, match="The study is deleted, but files of it may still be"):
        delete_study(db, "rooks")
    with pytest.raises(StudyNotFoundError):
        load_study(db, "rooks")
    assert len(list(db.artifacts.iterdir())) == 1


def test_a_place_that_refuses_to_list_says_that_the_study_is_deleted(
    db: Database, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise ArtifactError("the bucket cannot be used.")

    monkeypatch.setattr(Folder, "sizes", refuse)
    with pytest.raises(ArtifactError, match=r"The study is deleted, .*the bucket cannot be used"):
        delete_study(db, "rooks")
    with pytest.raises(StudyNotFoundError):
        load_study(db, "rooks")


def test_files_that_are_gone_already_are_no_error(db: Database, study: StudyRecord) -> None:
    _finish(db, study, b"weights")
    for path in db.artifacts.iterdir():
        path.unlink()
    assert delete_study(db, "rooks") == Contents(name="rooks", trials=1, files=0, size=0)


@pytest.mark.parametrize("act", [study_contents, delete_study])
def test_unknown_and_foreign_studies_are_refused(
    db: Database, study: StudyRecord, act: Callable[[Database, str], Contents]
) -> None:
    optuna.create_study(study_name="theirs", storage=db.optuna)
    with pytest.raises(StudyNotFoundError, match="This storage has: rooks"):
        act(db, "bishops")
    with pytest.raises(StudyNotFoundError, match="made by another program"):
        act(db, "theirs")
    assert set(optuna.get_all_study_names(db.optuna)) == {"rooks", "theirs"}


def test_two_who_delete_at_once_delete_it_once(
    db: Database, study: StudyRecord, at_once: Callable[..., list[Any]]
) -> None:
    _finish(db, study, b"weights")

    def attempt() -> str:
        try:
            return f"{delete_study(db, 'rooks').trials} deleted"
        except StudyNotFoundError:
            return "not there"

    assert sorted(at_once([attempt, attempt])) == ["1 deleted", "not there"]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_program_that_writes_meanwhile_keeps_the_study_whole(
    db: Database, study: StudyRecord, query: Query
) -> None:
    claim = _finish(db, study, b"weights")
    late = {"trial_id": claim.trial_id, "key": "late", "value_json": "1"}

    @event.listens_for(db.engine, "before_cursor_execute")
    def write(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        # As plain Optuna may, which takes no lock of ours.
        if statement.startswith("DELETE FROM trials "):
            query(insert(trial_user_attributes).values(late))

    with pytest.raises(StudyInUseError, match="nothing was deleted"):
        delete_study(db, "rooks")
    assert load_study(db, "rooks") == study
    assert db.optuna.get_trial_user_attrs(claim.trial_id) == {"verdict": "healthy", "late": 1}
    assert read_artifact(db, claim.trial_id, "weights.npz") == b"weights"
