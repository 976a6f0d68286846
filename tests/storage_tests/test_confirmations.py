"""What is to be confirmed follows from the values; what was recorded is never done again."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from storage.claims import claim_trial
from storage.confirmations import (
    REPEATS,
    Retraining,
    read_confirmations,
    record_confirmation,
    unconfirmed,
)
from storage.database import Database
from storage.deletion import delete_study
from storage.errors import StudyNotFoundError
from storage.evaluations import finish_trial
from storage.progress import latest_unfinished, list_studies, summarise_study
from storage.studies import StudyRecord, create_study, set_confirm, set_planned_trials
from storage.workers import end_worker, register_worker

Query = Callable[..., list[tuple[Any, ...]]]


def _tell(db: Database, record: StudyRecord, values: list[float | None]) -> None:
    """Finishes trials in the order of the values; None is a trial that was pruned."""
    worker_id = register_worker(db, record.study_id)
    for value in values:
        claim = claim_trial(db, record.study_id, worker_id)
        assert claim is not None
        state = TrialState.PRUNED if value is None else TrialState.COMPLETE
        finish_trial(
            db, claim, state=state, value=value, evaluation={}, learning_curve=[], attributes={}
        )
    end_worker(db, worker_id)


@pytest.fixture
def record(db: Database) -> StudyRecord:
    """A study whose budget is spent, and whose two best trials, 3 and 1, are to be confirmed."""
    made = create_study(db, "rooks", settings={}, planned_trials=5, confirm=2)
    _tell(db, made, [0.7, 0.8, None, 0.9, 0.8])
    return made


def _missing(db: Database, record: StudyRecord) -> list[tuple[int, int]]:
    return [(each.number, each.repeat) for each in unconfirmed(db, record.study_id)]


def _confirm(db: Database, retraining: Retraining, value: float = 0.75) -> None:
    record_confirmation(db, retraining, value=value, result={"seconds": 1.5})


def _confirm_all(db: Database, record: StudyRecord) -> None:
    for retraining in unconfirmed(db, record.study_id):
        _confirm(db, retraining)


def test_the_best_are_missing_until_each_was_trained_again(
    db: Database, record: StudyRecord
) -> None:
    assert _missing(db, record) == [(3, 1), (1, 1), (3, 2), (1, 2)]
    assert REPEATS == 2
    _confirm(db, unconfirmed(db, record.study_id)[1], 0.85)
    assert _missing(db, record) == [(3, 1), (3, 2), (1, 2)]
    (found,) = read_confirmations(db, record.study_id)
    assert (found.number, found.repeat, found.value) == (1, 1, 0.85)
    assert found.result == {"seconds": 1.5}


def test_nothing_is_missing_where_none_are_to_be_confirmed(
    db: Database, record: StudyRecord
) -> None:
    assert set_confirm(db, "rooks", 0).confirm == 0
    assert _missing(db, record) == []
    assert summarise_study(db, "rooks").state == "finished"


def test_fewer_complete_trials_than_are_to_be_confirmed_are_all_that_is_missing(
    db: Database, record: StudyRecord
) -> None:
    set_confirm(db, "rooks", 99)
    assert {number for number, _ in _missing(db, record)} == {0, 1, 3, 4}


def test_of_two_results_of_one_retraining_the_first_is_kept(
    db: Database, record: StudyRecord
) -> None:
    retraining = unconfirmed(db, record.study_id)[0]
    _confirm(db, retraining, 0.85)
    _confirm(db, retraining, 0.95)
    assert [each.value for each in read_confirmations(db, record.study_id)] == [0.85]


def test_study_is_finished_once_its_best_are_confirmed(db: Database, record: StudyRecord) -> None:
    assert summarise_study(db, "rooks").state == "interrupted"
    assert latest_unfinished(db) == record
    worker_id = register_worker(db, record.study_id)
    assert summarise_study(db, "rooks").state == "running"
    end_worker(db, worker_id)
    _confirm_all(db, record)
    assert [summary.state for summary in list_studies(db)] == ["finished"]
    assert latest_unfinished(db) is None


def test_trials_that_come_later_and_lead_are_missing(db: Database, record: StudyRecord) -> None:
    _confirm_all(db, record)
    set_planned_trials(db, "rooks", 6)
    assert summarise_study(db, "rooks").state == "interrupted"
    _tell(db, record, [0.85])
    assert _missing(db, record) == [(5, 1), (5, 2)]
    assert len(read_confirmations(db, record.study_id)) == 4, "what was done is kept"


def test_result_of_a_study_that_was_deleted_meanwhile_is_refused(
    db: Database, record: StudyRecord
) -> None:
    retraining = unconfirmed(db, record.study_id)[0]
    delete_study(db, "rooks")
    with pytest.raises(StudyNotFoundError, match="Trial 3 was deleted while it was trained again"):
        _confirm(db, retraining)


@pytest.mark.parametrize("delete", [delete_study, None], ids=["dampen", "optuna"])
def test_confirmations_go_with_their_study(
    db: Database, record: StudyRecord, query: Query, delete: Callable[..., object] | None
) -> None:
    _confirm_all(db, record)
    if delete is None:
        optuna.delete_study(study_name="rooks", storage=db.optuna)
    else:
        delete(db, "rooks")
    assert query("SELECT * FROM dampen_confirmations") == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_trial_whose_number_was_given_away_again_is_not_confirmed(
    db: Database, record: StudyRecord, query: Query
) -> None:
    # SQLite gives numbers of deleted rows away again; a program that deletes without foreign keys
    # leaves ours behind.
    _confirm_all(db, record)
    left = query("SELECT * FROM dampen_confirmations")
    delete_study(db, "rooks")
    for row in left:
        values = ", ".join(repr(cell) for cell in row)
        query(f"INSERT INTO dampen_confirmations VALUES ({values})")
    again = create_study(db, "rooks", settings={}, planned_trials=5, confirm=2)
    _tell(db, again, [0.7, 0.8, None, 0.9, 0.8])
    assert _missing(db, again) == [(3, 1), (1, 1), (3, 2), (1, 2)]
