"""The tables: versions, and own rows that go where Optuna's go."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.storages._rdb import models
from sqlalchemy import select

from storage.claims import claim_trial
from storage.database import Database, close, open_database, reading
from storage.errors import DatabaseUnreadableError
from storage.schema import OPTUNA_SCHEMA, utc_now
from storage.studies import StudyRecord, create_study

Query = Callable[..., list[tuple[Any, ...]]]


def test_optuna_has_the_layout_these_tables_were_written_for() -> None:
    assert models.SCHEMA_VERSION == OPTUNA_SCHEMA


def test_new_storage_has_version_one(db: Database, query: Query) -> None:
    assert query("SELECT version FROM dampen_schema") == [(1,)]


def test_newer_schema_is_refused_and_unchanged(db: Database, url: str, query: Query) -> None:
    close(db)
    query("UPDATE dampen_schema SET version = 2")
    query("DROP TABLE dampen_workers")
    with pytest.raises(DatabaseUnreadableError) as caught:
        open_database(url)
    assert "it has version 2, written by a newer release" in str(caught.value)
    assert "pip install --upgrade dampen" in str(caught.value)
    assert query("SELECT name FROM sqlite_master WHERE name = 'dampen_workers'") == []


def test_storage_made_by_plain_optuna_is_taken_up(url: str) -> None:
    optuna.create_study(storage=url, study_name="plain", direction="minimize")
    db = open_database(url, create=False)
    create_study(db, "ours", settings={}, planned_trials=1)
    assert set(optuna.get_all_study_names(storage=db.optuna)) == {"plain", "ours"}


def _rows(query: Query) -> dict[str, int]:
    tables = ("dampen_studies", "dampen_workers", "dampen_trials", "trials", "studies")
    return {table: query(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def test_own_rows_go_with_a_study_that_optuna_deletes(
    db: Database, study: StudyRecord, worker_id: str, query: Query
) -> None:
    for number in range(3):
        claim = claim_trial(db, study.study_id, worker_id)
        assert claim is not None
        db.optuna.set_trial_intermediate_value(claim.trial_id, 1, 0.5)
        db.optuna.set_trial_user_attr(claim.trial_id, "a", number)
    create_study(db, "stays", settings={}, planned_trials=1)
    optuna.delete_study(study_name="rooks", storage=db.optuna)
    assert _rows(query) == {
        "dampen_studies": 1,
        "dampen_workers": 0,
        "dampen_trials": 0,
        "trials": 0,
        "studies": 1,
    }


def test_rows_left_by_a_careless_delete_do_not_haunt_the_next_study(
    db: Database, study: StudyRecord, worker_id: str, query: Query
) -> None:
    # Plain SQLite guards no foreign keys, and gives the highest numbers away again.
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    for table in ("study_directions", "trials", "studies"):
        query(f"DELETE FROM {table}")
    again = create_study(db, "again", settings={"seed": 8}, planned_trials=2)
    assert (again.study_id, again.settings) == (study.study_id, {"seed": 8})


def test_clock_is_the_databases_in_utc_with_fractions(db: Database, query: Query) -> None:
    with reading(db) as connection:
        times: list[Any] = [connection.scalar(select(utc_now())) for _ in range(200)]
    assert any(time.microsecond for time in times)
    assert times == sorted(times)
    assert str(times[0])[:16] == query("SELECT CURRENT_TIMESTAMP")[0][0][:16]
