"""An answer is stored once for what it was made from, and its looks are counted."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.answers import read_answer, save_answer
from storage.database import Database
from storage.deletion import delete_study
from storage.errors import StudyNotFoundError
from storage.studies import StudyRecord, create_study

Query = Callable[..., list[tuple[Any, ...]]]


def test_answer_reads_back_through_another_connection(
    db: Database, study: StudyRecord, open_storage: Callable[..., Database]
) -> None:
    assert read_answer(db, study.study_id) is None
    saved = save_answer(db, study.study_id, basis={"trials": 5}, document={"labels": ["a", "é"]})
    assert (saved.looks, saved.basis, saved.document) == (1, {"trials": 5}, {"labels": ["a", "é"]})
    assert abs(saved.made_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert read_answer(open_storage(db.url, create=False), study.study_id) == saved


def test_another_basis_is_another_look_and_the_same_basis_is_none(
    db: Database, study: StudyRecord
) -> None:
    first = save_answer(db, study.study_id, basis={"trials": 5}, document={"n": 1})
    late = save_answer(db, study.study_id, basis={"trials": 5}, document={"n": 2})
    assert late == first, "of two that looked at once the first stands"
    second = save_answer(db, study.study_id, basis={"trials": 6}, document={"n": 3})
    assert (second.looks, second.document) == (2, {"n": 3})
    assert read_answer(db, study.study_id) == second


def test_what_json_cannot_hold_is_refused_and_the_old_answer_stands(
    db: Database, study: StudyRecord
) -> None:
    first = save_answer(db, study.study_id, basis={}, document={})
    with pytest.raises(ValueError, match="JSON"):
        save_answer(db, study.study_id, basis={"trials": 6}, document={"low": math.nan})
    assert read_answer(db, study.study_id) == first


def test_answer_goes_with_its_study(db: Database, study: StudyRecord, query: Query) -> None:
    save_answer(db, study.study_id, basis={}, document={})
    delete_study(db, study.name)
    assert query("SELECT * FROM dampen_answers") == []
    with pytest.raises(StudyNotFoundError):
        save_answer(db, study.study_id, basis={}, document={})


def test_new_study_has_no_answer_of_an_older_one_of_its_number(
    db: Database, study: StudyRecord, query: Query
) -> None:
    save_answer(db, study.study_id, basis={}, document={})
    left = query("SELECT looks, basis, document FROM dampen_answers")
    delete_study(db, study.name)
    if db.engine.dialect.name == "sqlite":  # which gives numbers away again, and may hold this
        query(
            "INSERT INTO dampen_answers VALUES (1, :looks, :basis, :document, '2026-01-01')",
            **dict(zip(("looks", "basis", "document"), left[0], strict=True)),
        )
    again = create_study(db, study.name, settings={}, planned_trials=1)
    assert read_answer(db, again.study_id) is None
