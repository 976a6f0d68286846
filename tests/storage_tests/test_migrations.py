"""A storage of every released schema opens, comes forward, and can be searched on."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from optuna.trial import TrialState
from sqlalchemy import inspect

from storage.answers import read_answer
from storage.claims import claim_trial
from storage.confirmations import read_confirmations
from storage.database import Database, close, open_database, reading
from storage.evaluations import read_evaluations
from storage.progress import summarise_study
from storage.resume import reclaim_orphans
from storage.schema import SCHEMA_VERSION, Base
from storage.studies import load_study
from storage.workers import list_workers, register_worker

FILES = sorted((Path(__file__).parent / "databases").glob("schema_*.db"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a database as a search that was killed in its middle left it."""
    return shutil.copy(request.param, tmp_path / "dampen.db")


def _columns(db: Database) -> dict[str, set[tuple[str, str, bool, object]]]:
    found = inspect(db.engine)
    return {
        table: {
            (column["name"], str(column["type"]), column["nullable"], column["default"])
            for column in found.get_columns(table)
        }
        for table in Base.metadata.tables
    }


def test_every_schema_has_its_file() -> None:
    assert [file.stem for file in FILES] == [
        f"schema_{version}" for version in range(1, SCHEMA_VERSION + 1)
    ]


def test_old_storage_gets_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{old}", create=False)
    new = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    assert _columns(db) == _columns(new)
    with reading(db) as connection:
        assert connection.exec_driver_sql("SELECT version FROM dampen_schema").all() == [
            (SCHEMA_VERSION,)
        ]
    close(db)
    close(new)


def test_old_study_goes_on(old: Path) -> None:
    db = open_database(f"sqlite:///{old}", create=False)
    record = load_study(db, "rooks")
    before = summarise_study(db, "rooks")
    evaluations = read_evaluations(db, record.study_id, learning_curves=True)
    assert before.state == "interrupted"
    assert before.planned_trials == 8
    assert before.counts.running == 1
    assert len(evaluations) == before.counts.finished >= 4
    assert all(each.learning_curve["validation_roc_auc"] for each in evaluations.values())

    (orphan,) = reclaim_orphans(db, record.study_id)
    with reading(db) as connection:
        assert all(worker.why_dead for worker in list_workers(connection))
    claim = claim_trial(db, record.study_id, register_worker(db, record.study_id))
    assert claim is not None
    assert (claim.number, claim.attempt) == (orphan, 2)
    trial = db.optuna.get_trial(claim.trial_id)
    assert trial.state == TrialState.RUNNING
    assert summarise_study(db, "rooks").counts.finished == before.counts.finished
    close(db)


def test_what_was_confirmed_and_answered_is_still_there(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        ((version,),) = connection.execute("SELECT version FROM dampen_schema")
    db = open_database(f"sqlite:///{old}", create=False)
    if version < 3:  # of which no study was confirmed
        assert load_study(db, "rooks").confirm == 0
    else:
        record = load_study(db, "pawns")
        confirmations = read_confirmations(db, record.study_id)
        assert len(confirmations) == 2 * record.confirm == 2
        answer = read_answer(db, record.study_id)
        assert answer is not None
        assert answer.looks == 1
        assert answer.document["winner"]["trial"] == confirmations[0].number
        assert summarise_study(db, "pawns").state == "finished"
    close(db)


def test_several_processes_may_open_an_old_storage_at_once(old: Path) -> None:
    opened: list[Database] = []
    start = threading.Barrier(4)

    def open_together() -> None:
        start.wait()
        opened.append(open_database(f"sqlite:///{old}", create=False))

    threads = [threading.Thread(target=open_together) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for db in opened:
        close(db)


def test_storage_that_cannot_be_brought_forward_is_left_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(operations: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr("storage.migrations.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr("storage.database.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setitem(
        __import__("storage.migrations", fromlist=["_STEPS"])._STEPS, SCHEMA_VERSION + 1, fail
    )
    before = _dump(old)
    with pytest.raises(ValueError, match="no"):
        open_database(f"sqlite:///{old}", create=False)
    assert _dump(old) == before


def _dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())
