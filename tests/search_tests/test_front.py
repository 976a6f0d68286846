"""A study's page: note, figures and the leader's pictures follow its trials, within bounds."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

import search.page.front
from search.errors import SettingError, TrialError
from search.figures import ENDED_EARLY
from search.page.curves import CURVE_FILE, curve_csv
from search.page.front import Page, both, renew
from search.page.noting import failure_note, trial_note
from search.page.picturing import CONFUSION, CURVE, ROC, draw, picture_trial
from search.settings import DataIdentity, Settings
from search.spaces.space import first_trials, regularization_space
from storage.answers import save_answer
from storage.attachments import attached_files
from storage.claims import claim_trial
from storage.database import Database, close, open_database, reading
from storage.doctor import examine
from storage.evaluations import finish_trial
from storage.notes import read_note
from storage.parameters import record_parameters
from storage.progress import summarise_study
from storage.studies import StudyRecord, create_study, set_planned_trials
from storage.workers import end_worker, register_worker

SPACE = regularization_space(300, l1_bound=0.1)
PLAIN = first_trials(SPACE)[0]
LABELS = ("no|<b>", "*yes*")
SETTINGS = Settings(
    data=DataIdentity(
        source="/data/a.csv",
        name="a|b",
        target="<script>alert(1)</script>",
        labels=LABELS,
        columns=("x", "y"),
        rows=1234,
        sha256="0" * 64,
    ),
    folds=3,
    space={},
    seed=0,
    sampler="tpe",
    pruner="median",
    max_epochs=10,
    patience=3,
    timeout_seconds=600,
    workers=2,
    versions={},
)
CURVE_OF_A_FOLD = {
    "training_loss": [0.7, 0.6, 0.5, 0.4, 0.3],
    "validation_loss": [0.7, 0.65, 0.6, 0.62, 0.64],
    "validation_roc_auc": [0.5, 0.7, 0.9, 0.85, 0.8],
}
EVALUATION: dict[str, Any] = {
    "metrics": {
        "roc_auc": 0.9,
        "accuracy": 0.8,
        "f1": 0.75,
        "log_loss": 0.4,
        "confusion_matrix": [[40, 2], [3, 1500]],
    },
    "standard_error": 0.01,
    "epochs": 5,
    "best_epoch": 1,
    "seconds": 1.25,
    "verdict": "overfit",
    "evidence": "ROC-AUC 1.000 on training rows, 0.900 on validation rows: a gap of 0.1.",
    "reason": None,
    "folds": [{}, {}, {}],
    "roc": [[[0, 0], [0, 0.8], [1, 1]]],
}


class Told:
    """A study to which trials are told without training."""

    def __init__(self, folder: Path) -> None:
        self.db: Database = open_database(f"sqlite:///{folder}/dampen.db")
        self.record: StudyRecord = create_study(
            self.db, "two `rooks`", settings=asdict(SETTINGS), planned_trials=9
        )
        self.worker = register_worker(self.db, self.record.study_id, seconds_between_beats=60)

    def tell(self, value: float | None, verdict: str = "healthy") -> int:
        """End the next trial, pruned for None, and return its identifier."""
        claim = claim_trial(self.db, self.record.study_id, self.worker)
        assert claim is not None
        stored = {
            name: (kind.to_internal_repr(PLAIN[name]), distribution_to_json(kind))
            for name, kind in SPACE.items()
        }
        record_parameters(self.db, claim, stored)
        finish_trial(
            self.db,
            claim,
            state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
            value=value,
            evaluation=EVALUATION,
            learning_curve=CURVE_OF_A_FOLD,
            attributes={"verdict": verdict},
        )
        return claim.trial_id

    def pictures(self, trial_id: int) -> set[str]:
        return set(attached_files(self.db, self.record.study_id, trial_id))

    @property
    def note(self) -> str:
        with reading(self.db) as connection:
            return read_note(connection, self.record.study_id)

    @property
    def attributes(self) -> dict[str, Any]:
        return self.db.optuna.get_study_system_attrs(self.record.study_id)

    def figure(self, name: str) -> Any:
        found = {
            k: v for k, v in self.attributes.items() if k.startswith(f"dashboard:plot_data:{name}:")
        }
        return json.loads("".join(found[key] for key in sorted(found)))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    close(made.db)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that a page sees, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(search.page.front.time, "monotonic", lambda: now[0])
    return now


def _watch(page: Page, told: Told) -> None:
    page.watch(summarise_study(told.db, told.record.name))


def test_page_is_there_before_the_first_trial(told: Told) -> None:
    with Page(told.db, told.record):
        assert "**running**: 0 of 9 trials are finished" in told.note
        assert "none yet" in told.note
        assert "dampen resume 'two `rooks`' --storage" in told.note
        assert told.attributes["study:metric_names"] == ["validation ROC-AUC"]


def test_page_says_what_was_found(told: Told) -> None:
    for value, verdict in ((0.8, "healthy"), (0.9, "healthy"), (None, "collapsed")):
        told.tell(value, verdict)
    renew(told.db, told.record, summarise_study(told.db, told.record.name))
    for said in (
        "a\\|b, 1,234 rows, 2 columns",
        "\\*yes\\* (positive) or no\\|\\<b\\>, in column \\<script\\>alert(1)\\</script\\>",
        "A pruned trial's point in History is the mean of the folds it came to",
        "ROC-AUC on the validation rows of 3 folds",
        "9 trials, 10 min 00 s at a time",
        "2 complete, 1 pruned",
        "2 healthy, 1 collapsed",
        "trial 1, 0.9000 ±0.0100, overfit: 128-128 relu, dropout off",
    ):
        assert said in told.note
    roc, curves = told.figure("roc"), told.figure("learning-curves")
    assert roc["data"][0]["name"] == "trial 1: 0.900"
    assert [line["name"] for line in curves["data"][:2]] == ["trial 1", "trial 0"]
    assert curves["data"][0]["y"] == CURVE_OF_A_FOLD["validation_roc_auc"]


def test_page_says_the_answer_once_there_is_one(told: Told) -> None:
    told.tell(0.9)
    save_answer(told.db, told.record.study_id, basis={}, document={"conclusion": "As good as <x>."})
    renew(told.db, told.record, summarise_study(told.db, told.record.name))
    assert "**Answer**: As good as \\<x\\>." in told.note


def test_page_says_why_a_finished_study_ended_early(told: Told) -> None:
    told.tell(0.8)
    told.db.optuna.set_study_user_attr(
        told.record.study_id, ENDED_EARLY, "rooks ended: it was flat"
    )
    with Page(told.db, told.record):
        assert "it was flat" not in told.note
    set_planned_trials(told.db, told.record.name, 1)
    with Page(told.db, told.record):
        assert "rooks ended: it was flat." in told.note


def test_note_is_renewed_when_there_is_something_new_and_time_for_it(
    told: Told, clock: list[float]
) -> None:
    with Page(told.db, told.record) as page:
        told.tell(0.8)
        _watch(page, told)
        assert "0 of 9" in told.note
        clock[0] += search.page.front.SECONDS_BETWEEN_NOTES
        _watch(page, told)
        assert "1 of 9" in told.note
        told.tell(0.8)
    assert "2 of 9" in told.note


def test_note_that_took_long_is_renewed_less_often(
    told: Told, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(db: Database, *rest: Any) -> None:
        renewed.append(clock[0])
        clock[0] += 2.0

    renewed: list[float] = []
    with Page(told.db, told.record) as page:
        monkeypatch.setattr(search.page.front, "renew", slow)
        for _ in range(1000):
            summary = summarise_study(told.db, told.record.name)
            finished = int(clock[0])
            page.watch(replace(summary, counts=replace(summary.counts, complete=finished)))
            clock[0] += 1.0
    assert len(renewed) - 1 <= 1 + 1000 * search.page.front.SHARE_OF_NOTES / 2.0


def test_leader_has_pictures_when_there_is_time_for_them(told: Told, clock: list[float]) -> None:
    page = Page(told.db, told.record)
    first = told.tell(0.8)
    _watch(page, told)
    assert told.pictures(first) == set()
    clock[0] += search.page.front.SECONDS_OF_PICTURES / search.page.front.SHARE_OF_PICTURES
    _watch(page, told)
    assert told.pictures(first) == {ROC, CONFUSION, CURVE}
    worse, better = told.tell(0.7), told.tell(0.9)
    _watch(page, told)
    assert told.pictures(worse) == set()
    assert told.pictures(better) == {ROC, CONFUSION, CURVE}
    end_worker(told.db, told.worker)
    levels = {finding.level for finding in examine(told.db.url) if finding.check != "space"}
    assert levels == {"ok"}


def test_search_goes_on_when_its_page_cannot_be_drawn(
    told: Told, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*rest: Any) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr(search.page.front, "attach_pictures", fail)
    said: list[str] = []
    page = Page(told.db, told.record, said.append)
    told.tell(0.8)
    clock[0] += 1000
    for _ in range(3):
        _watch(page, told)
    assert "1 of 9" in told.note
    assert said == ["trial 0 could not be drawn for the dashboard: RuntimeError: no fonts"]


def test_watching_draws_nothing_and_loads_nothing_that_draws(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with Page(told.db, told.record) as page:
        told.tell(0.8)
        both(page.watch, page.watch)(summarise_study(told.db, told.record.name))


def test_any_trial_is_drawn_on_demand(told: Told) -> None:
    told.tell(0.8)
    pruned = told.tell(None)
    assert picture_trial(told.db, "two `rooks`", 1) == (
        "Drew roc_curve.png, confusion_matrix.png and learning_curve.png of trial 1; "
        "`dampen dashboard` shows them on its page."
    )
    assert told.pictures(pruned) == {ROC, CONFUSION, CURVE}
    with pytest.raises(SettingError, match="needs --trial N"):
        picture_trial(told.db, "two `rooks`", None)
    with pytest.raises(TrialError, match="has no trial 7"):
        picture_trial(told.db, "two `rooks`", 7)
    claim_trial(told.db, told.record.study_id, told.worker)
    with pytest.raises(TrialError, match=r"trial 2 of .* is running"):
        picture_trial(told.db, "two `rooks`", 2)


def test_pictures_are_what_there_is_to_draw() -> None:
    labels = ("a$x$", "b", "c")
    several = {**EVALUATION, "roc": [EVALUATION["roc"][0], [], EVALUATION["roc"][0]]}
    several["metrics"] = {**EVALUATION["metrics"], "confusion_matrix": [[1] * 3] * 3}
    found = draw(0, several, CURVE_OF_A_FOLD, labels)
    assert set(found) == {ROC, CONFUSION, CURVE}
    assert all(picture.startswith(b"\x89PNG") for picture in found.values())
    older = {key: value for key, value in EVALUATION.items() if key != "roc"}
    assert set(draw(0, {**older, "metrics": {}}, CURVE_OF_A_FOLD, LABELS)) == {CURVE}


def test_trial_is_noted_with_its_verdict_figures_and_the_end_of_its_curve() -> None:
    curve = {**CURVE_OF_A_FOLD, "folds": [CURVE_OF_A_FOLD] * 3}
    note = trial_note(PLAIN, EVALUATION, curve, LABELS)
    lines = [line.replace("\N{EM SPACE}", "") for line in note.splitlines()]
    assert lines[0] == f"**overfit**: {EVALUATION['evidence']}"
    for line in (
        "Network: 128-128 relu, dropout off, L1 off, L2 off, lr 1.0e-03, batch 32",
        "| 0.9000 ±0.0100 | 0.800 | 0.750 | 0.400 |",
        "**Confusion matrix** of 1,545 validation rows, called from 0.5 upwards",
        "|  | called no\\|\\<b\\> | called \\*yes\\* |",
        "| truly no\\|\\<b\\> | 40 | 2 |",
        "**Learning curve**: kept epoch 1 of 5 of the median fold; below, the mean of 3 folds",
        "| 1 (kept) | 0.7000 | 0.7000 | 0.5000 |",
        "| 5 | 0.3000 | 0.6400 | 0.8000 |",
    ):
        assert line in lines
    assert not any(line.startswith("| 2 ") for line in lines)
    assert len(note) < 2045


def test_trial_that_came_to_nothing_is_noted_too() -> None:
    reason = "the loss became NaN or infinite in epoch 1"
    nothing = {**EVALUATION, "metrics": {}, "verdict": "diverged", "reason": reason, "roc": []}
    empty: dict[str, Any] = {name: [] for name in CURVE_OF_A_FOLD}
    note = trial_note(PLAIN, nothing, empty, LABELS)
    assert f"Stopped early: {reason}." in note
    assert "Learning curve" not in note
    assert failure_note("ValueError: <b>") == "**failed**: ValueError: \\<b\\>"
    assert curve_csv(empty) == b"epoch,training_loss,validation_loss,validation_roc_auc\n"


def test_many_classes_are_too_many_for_a_table() -> None:
    labels = tuple(map(str, range(30)))
    metrics = {**EVALUATION["metrics"], "confusion_matrix": [[1] * 30] * 30}
    note = trial_note(PLAIN, {**EVALUATION, "metrics": metrics}, CURVE_OF_A_FOLD, labels)
    assert "900 validation rows of 30 classes" in note


def test_learning_curve_is_a_table_of_epochs() -> None:
    lines = curve_csv(CURVE_OF_A_FOLD).decode().splitlines()
    assert lines[:2] == ["epoch,training_loss,validation_loss,validation_roc_auc", "1,0.7,0.7,0.5"]
    assert len(lines) == 6
    folds = curve_csv({**CURVE_OF_A_FOLD, "folds": [CURVE_OF_A_FOLD] * 2}).decode().splitlines()
    assert folds[0].startswith("fold,epoch,")
    assert [line.split(",")[0] for line in folds[1:]] == ["mean"] * 5 + ["1"] * 5 + ["2"] * 5
    assert CURVE_FILE.endswith(".csv")
