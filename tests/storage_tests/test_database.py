"""What a storage promises on each kind of database: transactions, opening, no password said."""

import dataclasses
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from storage.database import Database, close, deferred_transactions, reading, writing
from storage.errors import DatabaseUnreadableError
from storage.refusal import refusal
from storage.studies import StudyRecord, create_study, load_study

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def test_reader_neither_waits_for_a_writer_nor_holds_one_up(
    db: Database, study: StudyRecord
) -> None:
    with reading(db) as reader:
        assert reader.scalar(text("SELECT planned_trials FROM dampen_studies")) == 5
        with writing(db) as writer:
            writer.execute(text("UPDATE dampen_studies SET planned_trials = 6"))
            with reading(db) as other:
                assert other.scalar(text("SELECT planned_trials FROM dampen_studies")) == 5
        # One consistent state until the end of the block.
        assert reader.scalar(text("SELECT planned_trials FROM dampen_studies")) == 5
    assert load_study(db, "rooks").planned_trials == 6


def test_trials_are_read_while_another_writes(db: Database, study: StudyRecord) -> None:
    # Sixteen workers that read 10,000 trials under the write lock, one after another, met
    # "database is locked".
    trial_id = db.optuna.create_new_trial(study.study_id)
    with writing(db):
        assert db.optuna.get_trial(trial_id).number == 0
        assert len(db.optuna.get_all_trials(study.study_id)) == 1


def test_failed_block_writes_nothing(db: Database, study: StudyRecord) -> None:
    with pytest.raises(ZeroDivisionError), writing(db) as connection:
        connection.execute(text("UPDATE dampen_studies SET planned_trials = 6"))
        raise ZeroDivisionError
    assert load_study(db, "rooks").planned_trials == 5


def test_optuna_can_write_under_deferred_transactions(db: Database) -> None:
    with deferred_transactions():
        create_study(db, "one", settings={}, planned_trials=1)
        db.optuna.set_study_user_attr(1, "note", "x")
    assert db.optuna.get_study_user_attrs(1) == {"note": "x"}


def test_reopening_keeps_what_was_written(
    db: Database, study: StudyRecord, open_storage: Callable[..., Database]
) -> None:
    close(db)
    assert load_study(open_storage(db.url, create=False), "rooks") == study


_OPEN = """
import sys
from storage.database import close, open_database
print("ready", flush=True)
sys.stdin.readline()
close(open_database(sys.argv[1]))
"""


def test_several_processes_may_make_the_same_storage_at_once(empty_url: str, spawn: Spawn) -> None:
    processes = [spawn(_OPEN, empty_url) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.communicate(timeout=90)[1] == ""
        assert process.returncode == 0


def test_tables_of_another_optuna_are_refused(
    db: Database, query: Query, open_storage: Callable[..., Database]
) -> None:
    close(db)
    query("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    with pytest.raises(DatabaseUnreadableError, match="release of Optuna"):
        open_storage(db.url)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_password_never_stands_in_a_refusal_or_a_repr(db: Database) -> None:
    url = "postgresql+psycopg://ada:s3cret@db/dampen"
    said = str(refusal(url, RuntimeError('connection to "s3cret" failed')))
    assert "s3cret" not in said
    assert "ada:***@db" in said
    assert "s3cret" not in repr(dataclasses.replace(db, url=url))
