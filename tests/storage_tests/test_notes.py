"""Notes, figures and the metric's name are kept as optuna-dashboard reads them."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._note import get_note_from_system_attrs, save_note_with_version
from sqlalchemy import select

from storage.claims import Claim, claim_trial, hold_study
from storage.database import Database, reading, writing
from storage.errors import StudyNotFoundError
from storage.evaluations import finish_trial
from storage.front import Front, save_front
from storage.notes import BELOW, read_note, write_study_note, write_trial_note
from storage.pieces import LENGTH, read_text, write_text
from storage.schema import UNIQUE_KEY, trials
from storage.studies import StudyRecord

Query = Callable[..., list[tuple[Any, ...]]]
LONG = "ŁódźŁódź" * 700  # three pieces


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


def _finish(db: Database, claim: Claim, note: str) -> None:
    finish_trial(
        db,
        claim,
        state=TrialState.COMPLETE,
        value=0.5,
        evaluation={},
        learning_curve={},
        attributes={},
        note=note,
    )


def _show(db: Database, study: StudyRecord, note: str, finished: int = 0, **figures: str) -> bool:
    front = Front(finished=finished, metric="validation ROC-AUC", note=note, figures=figures)
    return save_front(db, study.study_id, front)


def _loaded(db: Database) -> optuna.Study:
    return optuna.load_study(study_name="rooks", storage=db.optuna)


@pytest.mark.parametrize("text", ["", "a", "a" * LENGTH, "a" * (LENGTH + 1), LONG])
def test_text_of_any_length_reads_back_in_the_place_of_a_longer_one(
    db: Database, study: StudyRecord, text: str
) -> None:
    with writing(db) as connection:
        write_text(connection, study.study_id, "x_%:", LONG + LONG)
        write_text(connection, study.study_id, "xyz:", "another's")
        write_text(connection, study.study_id, "x_%:", text)
        assert read_text(connection, study.study_id, "x_%:") == text
        assert read_text(connection, study.study_id, "xyz:") == "another's"
    pieces = db.optuna.get_study_system_attrs(study.study_id).values()
    assert max(map(len, pieces)) <= LENGTH


def test_note_of_a_trial_comes_with_its_value(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    _finish(db, claim, LONG)
    attributes = db.optuna.get_study_system_attrs(study.study_id)
    found = get_note_from_system_attrs(attributes, claim.trial_id)
    assert (found["version"], found["body"]) == (1, LONG)
    assert get_note_from_system_attrs(attributes, None)["body"] == ""
    with reading(db) as connection:
        assert read_note(connection, study.study_id, claim.trial_id) == LONG


def test_trial_that_stays_running_has_no_note(
    db: Database, study: StudyRecord, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(connection: Any, *rest: Any) -> None:
        write_trial_note(connection, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.evaluations.write_trial_note", crash)
    with pytest.raises(KeyboardInterrupt):
        _finish(db, claim, "half")
    assert set(db.optuna.get_study_system_attrs(study.study_id)) == {UNIQUE_KEY}
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.RUNNING


def test_trial_that_ends_does_not_lock_against_one_who_reclaims(
    db: Database, study: StudyRecord, claim: Claim
) -> None:
    # Who reclaims holds the study and then the trials. A trial that ended the other way round,
    # with its note in the study, was a deadlock on PostgreSQL.
    ended = threading.Thread(target=_finish, args=(db, claim, "note"))
    with writing(db) as connection:
        hold_study(connection, study.study_id)
        ended.start()
        time.sleep(0.3)
        connection.execute(
            select(trials.c.trial_id).where(trials.c.study_id == study.study_id).with_for_update()
        )
    ended.join(20)
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.COMPLETE


def test_page_of_a_study_has_metric_note_and_figures(db: Database, study: StudyRecord) -> None:
    figure = json.dumps({"data": [], "layout": {"title": LONG}})
    assert _show(db, study, "## rooks", roc=figure)
    loaded = _loaded(db)
    assert loaded.metric_names == ["validation ROC-AUC"]
    assert get_note(loaded) == f"## rooks\n\n{BELOW}"
    assert get_plotly_graph_objects(db.optuna.get_study_system_attrs(study.study_id)) == {
        "roc": figure
    }


def test_what_a_person_wrote_below_the_line_stays(db: Database, study: StudyRecord) -> None:
    _show(db, study, "first")
    note = get_note(_loaded(db))
    save_note_with_version(db.optuna, study.study_id, None, 2, f"{note}\n\npromising")
    _show(db, study, LONG)
    assert get_note(_loaded(db)) == f"{LONG}\n\n{BELOW}\n\npromising"


def test_note_that_a_person_put_in_its_place_stays(db: Database, study: StudyRecord) -> None:
    _show(db, study, LONG)
    save_note_with_version(db.optuna, study.study_id, None, 2, "mine alone")
    _show(db, study, "another")
    assert get_note(_loaded(db)) == "mine alone"


def test_person_who_is_writing_can_save(db: Database, study: StudyRecord) -> None:
    # The dashboard takes a text only if no other was saved since it was opened.
    _show(db, study, "first")
    _show(db, study, "second", finished=1)
    attributes = db.optuna.get_study_system_attrs(study.study_id)
    assert get_note_from_system_attrs(attributes, None)["version"] == 1


def test_page_never_goes_back(db: Database, study: StudyRecord) -> None:
    assert _show(db, study, "two", finished=2)
    assert not _show(db, study, "one", finished=1)
    assert _show(db, study, "two, interrupted", finished=2)
    assert get_note(_loaded(db)).startswith("two, interrupted")


def test_several_who_keep_one_page_leave_the_latest(
    db: Database, study: StudyRecord, at_once: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    at_once([lambda n=n: _show(db, study, f"{n}" * 3000, n, roc=f"{n}") for n in range(6)])
    assert get_note(_loaded(db)) == "5" * 3000 + f"\n\n{BELOW}"
    assert get_plotly_graph_objects(db.optuna.get_study_system_attrs(study.study_id)) == {
        "roc": "5"
    }


def test_page_of_a_deleted_study_is_not_kept(
    db: Database, study: StudyRecord, query: Query
) -> None:
    db.optuna.delete_study(study.study_id)
    with pytest.raises(StudyNotFoundError):
        _show(db, study, "late")
    assert query("SELECT * FROM study_system_attributes") == []


def test_empty_note_of_a_study_is_ours(db: Database, study: StudyRecord) -> None:
    with writing(db) as connection:
        write_study_note(connection, study.study_id, "a")
        write_study_note(connection, study.study_id, "b")
        assert read_note(connection, study.study_id) == f"b\n\n{BELOW}"
