"""What was asked for is kept whole, or not at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
import pytest

from storage.database import Database
from storage.errors import StudyExistsError, StudyNameError, StudyNotFoundError
from storage.studies import StudyRecord, create_study, load_study, set_planned_trials

Query = Callable[..., list[tuple[Any, ...]]]


def test_study_reads_back_through_another_connection(
    db: Database, open_storage: Callable[..., Database]
) -> None:
    settings = {"seed": 7, "space": {"dropout": [0.0, 0.6]}, "data": "Gänse.csv", "folds": None}
    made = create_study(db, "rooks", settings=settings, planned_trials=50)
    assert load_study(open_storage(db.url, create=False), "rooks") == made
    assert (made.name, made.settings, made.planned_trials) == ("rooks", settings, 50)
    assert abs(datetime.now(UTC) - made.created_at) < timedelta(minutes=1)


def test_study_maximises_and_optuna_can_load_it(db: Database, study: StudyRecord) -> None:
    loaded = optuna.load_study(study_name="rooks", storage=db.optuna)
    assert loaded.direction == optuna.study.StudyDirection.MAXIMIZE
    assert loaded._study_id == study.study_id


def test_first_trials_wait_as_if_optuna_had_queued_them(db: Database) -> None:
    wanted = [{"dropout": 0.0, "activation": "relu"}, {"dropout": 0.5}, {"dropout": 0.6}]
    ours = create_study(db, "ours", settings={}, planned_trials=2, first_trials=wanted)
    theirs = optuna.create_study(storage=db.optuna, study_name="theirs")
    for params in wanted[:2]:
        theirs.enqueue_trial(params)
    queued, expected = (
        [(trial.number, trial.state, trial.params, trial.system_attrs) for trial in trials]
        for trials in (db.optuna.get_all_trials(ours.study_id), theirs.get_trials())
    )
    assert queued == expected
    assert len(queued) == 2  # as many as the budget has room for


def test_first_trials_without_room_wait_once_the_budget_is_raised(db: Database) -> None:
    wanted = [{"dropout": 0.1 * number} for number in range(4)]
    study = create_study(db, "ours", settings={}, planned_trials=2, first_trials=wanted)
    for _ in range(2):  # raising it again queues nothing twice
        set_planned_trials(db, "ours", 3, first_trials=wanted)
    set_planned_trials(db, "ours", 9, first_trials=wanted)
    found = db.optuna.get_all_trials(study.study_id)
    assert [trial.system_attrs["fixed_params"] for trial in found] == wanted
    assert [trial.number for trial in found] == [0, 1, 2, 3]


def test_second_study_of_a_name_is_told_to_resume(db: Database, study: StudyRecord) -> None:
    with pytest.raises(StudyExistsError, match="`dampen resume rooks`"):
        create_study(db, "rooks", settings={}, planned_trials=1)
    assert load_study(db, "rooks") == study


def test_name_taken_by_another_program_is_not_offered_for_resuming(db: Database) -> None:
    optuna.create_study(storage=db.optuna, study_name="plain")
    with pytest.raises(StudyExistsError, match="by another program") as caught:
        create_study(db, "plain", settings={}, planned_trials=1)
    assert "resume" not in str(caught.value)


def test_no_half_made_study_stays_behind(db: Database, query: Query) -> None:
    query("ALTER TABLE dampen_studies RENAME COLUMN settings TO wishes")
    with pytest.raises(Exception, match="settings"):
        create_study(db, "rooks", settings={}, planned_trials=1)
    assert query("SELECT * FROM studies") == []
    assert query("SELECT * FROM study_directions") == []


@pytest.mark.parametrize("name", ["", " ", "x ", "a\nb", "x" * 513])
def test_name_that_cannot_be_typed_is_refused(db: Database, name: str, query: Query) -> None:
    with pytest.raises(StudyNameError):
        create_study(db, name, settings={}, planned_trials=1)
    assert query("SELECT * FROM studies") == []


def test_budget_below_one_trial_is_refused(db: Database, study: StudyRecord) -> None:
    with pytest.raises(ValueError, match="at least 1; got 0"):
        create_study(db, "none", settings={}, planned_trials=0)
    with pytest.raises(ValueError, match="got -1"):
        set_planned_trials(db, "rooks", -1)


def test_missing_study_is_answered_with_those_that_are_there(
    db: Database, study: StudyRecord
) -> None:
    create_study(db, "knights", settings={}, planned_trials=1)
    with pytest.raises(StudyNotFoundError) as caught:
        load_study(db, "bishops")
    assert "no study 'bishops'" in str(caught.value)
    assert "rooks, knights" in str(caught.value)


def test_missing_study_in_an_empty_storage_is_answered_with_what_to_type(db: Database) -> None:
    with pytest.raises(StudyNotFoundError, match="no studies yet: `dampen launch`"):
        load_study(db, "bishops")


def test_study_of_plain_optuna_is_said_to_be_anothers(db: Database) -> None:
    optuna.create_study(storage=db.optuna, study_name="plain")
    with pytest.raises(StudyNotFoundError, match="made by another program"):
        load_study(db, "plain")


def test_budget_can_be_raised(db: Database, study: StudyRecord) -> None:
    assert set_planned_trials(db, "rooks", 9).planned_trials == 9
    assert load_study(db, "rooks").planned_trials == 9
