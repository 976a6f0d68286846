"""A winner is confirmed before it is named, and the test rows are looked at once, by the answer."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psutil
import pytest

from objectives.features import preparation
from objectives.features.preparation import Prepared, load_prepared
from objectives.features.preprocessing import Preprocessing
from objectives.metrics import probabilities
from objectives.portable.scoring import predict
from objectives.table.dataset import Table, read_table
from search.answer.answer import make_answer, stored_answer
from search.coding import script
from search.errors import TrialError
from search.exporting import export, export_ensemble
from search.objective.objective import open_objective
from search.objective.trained import trained_networks
from search.settings import Settings
from search.spaces.space import hyperparameters
from search.study import load, resume
from search.weights import WEIGHTS_FILE, unpack_logits
from search.winner.winner import ranked
from storage.artifacts import find_artifact
from storage.database import Database, close, open_database
from storage.errors import ArtifactError
from storage.studies import load_study, set_confirm
from storage.workers import end_worker, register_worker

if TYPE_CHECKING:
    from conftest import Folder, Whole

CONFIRMED = 2
MODELS = ["network", "ensemble", "unregularised", "logistic", "boosting"]
METRICS = [
    *("roc_auc", "average_precision", "accuracy", "balanced_accuracy"),
    *("f1", "log_loss", "brier_score", "calibration_error"),
]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The search of fixture `whole`, confirmed by a resume and answered, in this process."""

    folder: "Folder"
    said: str  # on standard error, by the resume
    exported: int  # the trial that was exported by default
    code: str
    ensemble: dict[int, float]
    seen_before: frozenset[int]  # rows that were fitted on or transformed before the answer
    seen_by_answer: frozenset[int]
    answer: dict[str, Any]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder.path}/dampen.db"

    @property
    def table(self) -> Table:
        return read_table("breast-cancer")

    @property
    def prepared(self) -> Prepared:
        (folder,) = (self.folder.path / "dampen.artifacts" / "prepared").iterdir()
        return load_prepared(folder)


class Spy:
    """Notes which rows of a table are fitted on, or made into what a network is fed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._rows: set[int] = set()
        for name in ("transform", "codes"):
            patch.setattr(Preprocessing, name, self._spied(getattr(Preprocessing, name), 1))
        patch.setattr(
            preparation, "fit_preprocessing", self._spied(preparation.fit_preprocessing, 0)
        )

    def _spied(self, function: Any, place: int) -> Any:
        def spied(*arguments: Any, **named: Any) -> Any:
            self._rows.update(arguments[place].index.tolist())
            return function(*arguments, **named)

        return spied

    def take(self) -> frozenset[int]:
        """The rows since the last time."""
        rows = frozenset(self._rows)
        self._rows.clear()
        return rows


@pytest.fixture(scope="module")
def answered(whole: "Whole", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    folder = whole.folder.copy(tmp_path_factory.mktemp("answered") / "copy")
    url = f"sqlite:///{folder.path}/dampen.db"
    shutil.rmtree(folder.path / "dampen.artifacts" / "prepared")  # to be made under the spy's eyes
    with pytest.MonkeyPatch.context() as patch:
        spy, said = Spy(patch), []
        patch.setattr("search.progress.Progress.say", lambda self, sentence: said.append(sentence))
        resume("rooks", storage=url, confirm=CONFIRMED, workers=2)
        exported = export("rooks", folder.path / "winner.keras", storage=url)
        code = script("rooks", storage=url)
        ensemble = export_ensemble("rooks", folder.path / "ensemble.keras", storage=url)
        assert load("rooks", storage=url).figures.winner is not None
        before = spy.take()
        db = open_database(url, create=False)
        assert stored_answer(db, "rooks") is None
        answer = make_answer(db, "rooks")
        close(db)
        yield Answered(
            folder=folder,
            said="\n".join(said),
            exported=exported,
            code=code,
            ensemble=ensemble,
            seen_before=before,
            seen_by_answer=spy.take(),
            answer=answer,
        )


@pytest.fixture
def db(answered: Answered, tmp_path: Path) -> Iterator[Database]:
    """The answered study, to change at will."""
    copied = answered.folder.copy(tmp_path / "copy")
    opened = open_database(f"sqlite:///{copied.path}/dampen.db", create=False)
    yield opened
    close(opened)


# The confirmation


def test_cost_is_said_before_and_the_winner_after(answered: Answered) -> None:
    lines = answered.said.splitlines()
    assert lines[0].startswith("confirming the best 2: 4 trainings, about ")
    assert [line.partition(":")[0] for line in lines[1:-1]] == [
        f"confirmed {i} of 4" for i in range(1, 5)
    ]
    number = answered.answer["winner"]["trial"]
    assert lines[-1].startswith(f"the winner is trial {number}: 0.")


def test_the_best_are_trained_again_twice_and_the_best_mean_wins(answered: Answered) -> None:
    found = load("rooks", storage=answered.url).figures.to_json()
    assert found["state"] == "finished"
    assert found["settings"]["confirm"] == CONFIRMED
    best = [trial["number"] for trial in found["top"][:CONFIRMED]]
    confirmed = found["confirmed"]
    assert sorted(each["trial"] for each in confirmed) == sorted(best)
    assert [len(each["values"]) for each in confirmed] == [2] * CONFIRMED
    winner = found["winner"]
    assert winner["chosen_by"] == "confirmation"
    assert winner["trial"] == confirmed[0]["trial"]
    assert winner["confirmed"]["mean"] == max(each["mean"] for each in confirmed)
    assert confirmed[0]["mean"] == pytest.approx(sum(confirmed[0]["values"]) / 2)


def test_retrainings_are_fresh(answered: Answered) -> None:
    for each in load("rooks", storage=answered.url).figures.confirmed:
        assert len({each["value"], *each["values"]}) == 3, "other seeds and folds, other values"


def test_prepared_data_of_the_fresh_folds_are_removed(answered: Answered) -> None:
    assert len(list((answered.folder.path / "dampen.artifacts" / "prepared").iterdir())) == 1


def test_winner_is_what_is_exported_and_written_as_code(answered: Answered) -> None:
    winner = answered.answer["winner"]["trial"]
    assert answered.exported == winner
    assert answered.code.startswith(f'"""Trial {winner} of the study "rooks"')


# The ensemble


def test_ensemble_file_gives_the_weighted_mean_of_its_trials(answered: Answered) -> None:
    db, prepared = open_database(answered.url, create=False), answered.prepared
    (fold,) = prepared.folds
    record = load_study(db, "rooks")
    trials = db.optuna.get_all_trials(record.study_id)
    objective = open_objective(Settings.from_json(record.settings), None)
    wanted: Any = 0.0
    for number, weight in answered.ensemble.items():
        chosen = hyperparameters(trials[number].params)
        file = find_artifact(db, trials[number]._trial_id, WEIGHTS_FILE)
        task = objective.task(trials[number].params, prepared)
        (network,) = trained_networks(task, prepared, file)
        logits = np.asarray(network(fold.validation.inputs(chosen.scaling), training=False))[:, 0]
        (stored,) = unpack_logits(file)
        assert np.abs(stored - logits).max() < 1e-3, "the stored logits are the network's"
        wanted = wanted + weight * probabilities(logits)
    close(db)
    rows = answered.table.frame.iloc[fold.validation.rows]
    got = predict(answered.folder.path / "ensemble.keras", rows)["probability_benign"]
    assert np.abs(got.to_numpy() - wanted).max() < 1e-5
    assert sum(answered.ensemble.values()) == pytest.approx(1)
    card = json.loads((answered.folder.path / "ensemble.keras.json").read_text(encoding="utf-8"))
    assert {each["trial"]: each["weight"] for each in card["ensemble"]} == answered.ensemble
    assert answered.answer["ensemble"]["trials"] == list(answered.ensemble)


def test_ensemble_chooses_its_own_trials(answered: Answered) -> None:
    done = answered.folder.run("export", "rooks", "--ensemble", "--trial", "1", "-o", "out.keras")
    assert (done.returncode, done.stdout) == (2, "")
    assert "an ensemble chooses its own trials" in done.stderr


def test_trials_without_stored_predictions_make_no_ensemble(db: Database) -> None:
    for file in db.artifacts.glob("*-*"):
        file.unlink()
    with pytest.raises(TrialError, match="needs two complete trials with stored predictions"):
        export_ensemble("rooks", db.artifacts / "out.keras", storage=db.url)


# The answer


def test_nothing_but_the_answer_touches_test_rows(answered: Answered) -> None:
    rows = set(range(len(answered.table.y)))
    test = set(answered.prepared.test_rows.tolist())
    assert answered.seen_before == rows - test, "all others were seen, so the spy is not blind"
    assert answered.seen_by_answer == test


def test_answer_has_every_model_metric_and_comparison(answered: Answered) -> None:
    answer = json.loads(json.dumps(answered.answer, allow_nan=False))
    assert answer["rows"] == {"training": 341, "validation": 114, "test": 114}
    assert (answer["folds"], answer["looks"]) == (1, 1)
    assert (answer["labels"], answer["positive_label"]) == (["malignant", "benign"], "benign")
    assert [model["name"] for model in answer["models"]] == MODELS
    for model in answer["models"]:
        assert list(model["test"]) == METRICS
        assert model["test"]["roc_auc"]["low"] <= model["test"]["roc_auc"]["value"]
        assert 0.9 < model["test"]["roc_auc"]["value"] <= model["test"]["roc_auc"]["high"] <= 1
        assert model["roc"][0] == [0, 0] and model["roc"][-1] == [1, 1]
        assert len(model["roc"]) <= 200
        assert sum(each["count"] for each in model["calibration"]) == 114
        for matrix in model["confusion"].values():
            assert sum(map(sum, matrix)) == 114
    assert answer["threshold"] == answer["models"][0]["threshold"]
    pairs = [(each["a"], each["b"]) for each in answer["comparisons"]]
    assert pairs == [("network", name) for name in MODELS[1:]]
    values = {model["name"]: model["test"]["roc_auc"]["value"] for model in answer["models"]}
    for each in answer["comparisons"]:
        wanted = values["network"] - values[each["b"]]
        assert each["difference"]["value"] == pytest.approx(wanted)
    assert answer["conclusion"].startswith("On 114 test rows that nothing was chosen by")


def test_answer_judges_the_model_that_is_exported(answered: Answered) -> None:
    table, test = answered.table, answered.prepared.test_rows
    raw = table.frame.iloc[test].reset_index(drop=True)
    p = predict(answered.folder.path / "winner.keras", raw)["probability_benign"].to_numpy()
    called = pd.crosstab(table.y[test], p >= 0.5).to_numpy().tolist()
    assert answered.answer["models"][0]["confusion"]["half"] == called


def test_answer_says_what_regularisation_did(answered: Answered) -> None:
    answer = answered.answer
    complete = answer["trials"]["complete"]
    assert {len(rows) for rows in answer["regularisation"].values()} == {complete}
    assert answer["regularisation"]["dropout"][0][0] == 0, "trial 0 has no dropout"
    for name in ("network", "unregularised"):
        assert answer["curves"][name]["best_epoch"] >= 1
        layers = answer["near_zero"][name]
        assert layers[-1]["layer"] == "logit"
        assert all(0 <= each["share"] <= 1 for each in layers)


def test_answer_is_read_by_whoever_asks_next_and_no_row_is_looked_at(
    answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, spy = open_database(answered.url, create=False), Spy(monkeypatch)
    assert stored_answer(db, "rooks") == make_answer(db, "rooks")
    assert make_answer(db, "rooks") == json.loads(json.dumps(answered.answer))
    assert not spy.take()
    close(db)


def test_second_look_is_counted_and_what_is_gone_is_left_out(db: Database) -> None:
    record = set_confirm(db, "rooks", 0)
    assert stored_answer(db, "rooks") is None, "what it was made from is no longer the same"
    trials = db.optuna.get_all_trials(record.study_id)
    find_artifact(db, trials[0]._trial_id, WEIGHTS_FILE).unlink()
    answer = make_answer(db, "rooks")
    assert answer["looks"] == 2
    assert answer["winner"]["chosen_by"] == "validation"
    assert answer["confirmed"] == []
    assert "unregularised" not in [model["name"] for model in answer["models"]]
    assert "the unregularised trial left no network" in answer["conclusion"]
    assert "looked at 2 times" in answer["conclusion"]


def test_winner_whose_weights_are_gone_is_a_sentence(db: Database) -> None:
    record = set_confirm(db, "rooks", 0)
    complete = [t for t in db.optuna.get_all_trials(record.study_id) if t.value is not None]
    find_artifact(db, ranked(complete)[0]._trial_id, WEIGHTS_FILE).unlink()
    with pytest.raises(ArtifactError, match="it is gone"):
        make_answer(db, "rooks")


def test_running_study_is_not_answered(db: Database) -> None:
    record = set_confirm(db, "rooks", 9)  # so that it has something left to do
    worker_id = register_worker(db, record.study_id)
    with pytest.raises(TrialError, match="looked at once, when study `rooks` is done"):
        make_answer(db, "rooks")
    end_worker(db, worker_id)


# Interruptions


def _rows(folder: "Folder") -> list[tuple[Any, ...]]:
    return folder.query("SELECT * FROM dampen_confirmations ORDER BY recorded_at")


def _start_and_wait(folder: "Folder") -> "tuple[Any, list[psutil.Process]]":
    """Starts a confirmation of 6 trainings, and returns when one is done."""
    process = folder.start("resume", "rooks", "--confirm", "3", "--workers", "1")
    end = time.monotonic() + 60
    while not _rows(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "too slow"
        time.sleep(0.005)
    return process, psutil.Process(process.pid).children(recursive=True)


def _killed_then_resumed(folder: "Folder") -> None:
    process, workers = _start_and_wait(folder)
    for worker in workers:
        worker.suspend()
    process.kill()
    for worker in workers:
        worker.kill()
    process.communicate()
    before = _rows(folder)
    assert 1 <= len(before) < 6
    (line,) = folder.json("studies")
    assert line["state"] == "interrupted"
    done = folder.run("resume")  # which finds the study without being told
    assert done.returncode == 0, done.stderr
    missing = 6 - len(before)
    assert f"confirming the best 3: {missing} training" in done.stderr
    after = _rows(folder)
    assert after[: len(before)] == before, "what was done is not done again"
    assert len(after) == len({row[:2] for row in after}) == 6


def _ctrl_c(folder: "Folder") -> None:
    process, workers = _start_and_wait(folder)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert "rooks is interrupted" in stdout
    assert stderr.splitlines()[-1] == "To go on: dampen resume rooks"
    assert "Traceback" not in stderr
    assert not [worker for worker in workers if worker.is_running()]
    assert 1 <= len(_rows(folder)) < 6


@pytest.mark.slow
def test_confirmation_that_is_interrupted_goes_on_with_what_is_missing(
    whole: "Whole", tmp_path: Path
) -> None:
    scenarios = (_killed_then_resumed, _ctrl_c)
    folders = [whole.folder.copy(tmp_path / scenario.__name__) for scenario in scenarios]
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = [pool.submit(*pair) for pair in zip(scenarios, folders, strict=True)]
    for folder in folders:
        folder.end_all()
    for each in started:
        each.result()
