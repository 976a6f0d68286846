"""The tables: versions, and own rows that go where Optuna's go."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from sqlalchemy import inspect, select

from storage.claims import claim_trial
from storage.database import Database, close, open_database, reading
from storage.errors import DatabaseUnreadableError
from storage.schema import OPTUNA_SCHEMA, SCHEMA_VERSION, utc_now
from storage.studies import StudyRecord, create_study
from storage.url import resolve_url

Query = Callable[..., list[tuple[Any, ...]]]


def test_optuna_has_the_layout_these_tables_were_written_for() -> None:
    assert models.SCHEMA_VERSION == OPTUNA_SCHEMA


def test_new_storage_has_the_latest_version(db: Database, query: Query) -> None:
    assert query("SELECT version FROM dampen_schema") == [(SCHEMA_VERSION,)]


def test_newer_schema_is_refused_and_unchanged(db: Database, query: Query) -> None:
    close(db)
    query("UPDATE dampen_schema SET version = 99")
    query("ALTER TABLE dampen_workers RENAME TO gone")
    with pytest.raises(DatabaseUnreadableError) as caught:
        open_database(db.url)
    assert "it has version 99, written by a newer release" in str(caught.value)
    assert "pip install --upgrade dampen" in str(caught.value)
    assert not inspect(db.engine).has_table("dampen_workers")


def test_storage_made_by_plain_optuna_is_taken_up(
    empty_url: str, open_storage: Callable[..., Database]
) -> None:
    plain = RDBStorage(resolve_url(empty_url))
    optuna.create_study(storage=plain, study_name="plain", direction="minimize")
    plain.engine.dispose()
    db = open_storage(empty_url, create=False)
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


def test_clock_is_the_databases_in_utc_with_fractions(db: Database) -> None:
    with reading(db) as connection:
        times: list[Any] = [connection.scalar(select(utc_now())) for _ in range(200)]
    assert any(time.microsecond for time in times)
    assert times == sorted(times)
    assert abs(times[0] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)
