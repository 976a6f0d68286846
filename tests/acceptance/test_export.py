"""The model that comes out takes the raw table and stays the one that was validated."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

if TYPE_CHECKING:
    from conftest import Folder


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A folder in which the best model was exported and scored `new.csv`."""

    folder: "Folder"
    exported: "subprocess.CompletedProcess[str]"
    predicted: "subprocess.CompletedProcess[str]"

    @property
    def card(self) -> Any:
        return json.loads((self.folder.path / "model.json").read_text(encoding="utf-8"))

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_csv(self.folder.path / "predictions.csv")


@pytest.fixture(scope="module")
def scored(mixed: "Folder", tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = mixed.copy(tmp_path_factory.mktemp("scored") / "copy")
    exported = folder.run("export", "mixed", "-o", "model.keras")
    predicted = folder.run("predict", "model.keras", "new.csv", "-o", "predictions.csv")
    return Scored(folder=folder, exported=exported, predicted=predicted)


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    return done.stderr.splitlines()[-1]


def test_best_trial_is_exported_and_scores_new_rows(scored: Scored) -> None:
    best = scored.folder.json("show", "mixed")["best"]
    assert scored.exported.returncode == 0, scored.exported.stderr
    assert scored.predicted.returncode == 0, scored.predicted.stderr
    assert _last_line(scored.exported) == (
        f"Wrote trial {best['number']} of mixed to model.keras, and its model card to model.json"
    )
    assert _last_line(scored.predicted) == "Wrote 200 predictions to predictions.csv"
    assert scored.card["trial"] == best["number"]
    assert scored.card["validation"] == best["metrics"]


def test_predictions_are_those_of_the_exported_model_in_row_order(scored: Scored) -> None:
    import keras

    model = keras.models.load_model(scored.folder.path / "model.keras")
    rows = pd.read_csv(scored.folder.path / "new.csv", dtype=str, keep_default_na=False)
    inputs = {}
    for column in scored.card["columns"]:
        cells = rows[column["name"]]
        if column["kind"] == "numeric":
            values = pd.to_numeric(cells.replace("", None)).to_numpy(np.float32)
            inputs[column["input"]] = keras.ops.convert_to_tensor(values[:, None])
        else:
            texts = cells.to_numpy(object)[:, None].tolist()
            inputs[column["input"]] = keras.ops.convert_to_tensor(texts, dtype="string")
    wanted = keras.ops.convert_to_numpy(model(inputs)).reshape(-1)

    predictions = scored.predictions
    assert list(predictions.columns) == ["probability", "label"]
    np.testing.assert_allclose(predictions["probability"], wanted, atol=1e-5)
    assert (predictions["label"] == np.where(wanted >= 0.5, "yes", "no")).all()


def test_predictions_of_new_rows_are_good(scored: Scored) -> None:
    answers = pd.read_csv(scored.folder.path / "answers.csv")["bought"] == "yes"
    assert roc_auc_score(answers, scored.predictions["probability"]) > 0.9


def test_named_trial_is_exported_with_its_own_metrics(scored: Scored) -> None:
    other = 0 if scored.card["trial"] != 0 else 1
    done = scored.folder.run("export", "mixed", "--trial", str(other), "-o", "other.keras")
    assert done.returncode == 0, done.stderr
    card = json.loads((scored.folder.path / "other.json").read_text(encoding="utf-8"))
    assert card["trial"] == other
    assert card["validation"]["roc_auc"] == scored.folder.trials()[other].value


def test_pruned_trial_has_no_model(mixed: "Folder", tmp_path: Path) -> None:
    folder = mixed.copy(tmp_path / "copy")
    folder.query("UPDATE trials SET state = 'PRUNED' WHERE number = 1")
    done = folder.run("export", "mixed", "--trial", "1", "-o", "model.keras")
    assert (done.returncode, done.stdout) == (2, "")
    assert "only a complete trial has a trained model; trial 1 of `mixed` is pruned" in (
        _last_line(done)
    )
    assert not (folder.path / "model.keras").exists()


def test_wrong_suffix_is_refused(mixed: "Folder") -> None:
    done = mixed.run("export", "mixed", "-o", "model.h5")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a model file must end in .keras; got `model.h5`" in _last_line(done)
    assert not (mixed.path / "model.h5").exists()


def test_missing_column_is_named_and_nothing_is_written(scored: Scored) -> None:
    rows = pd.read_csv(scored.folder.path / "new.csv").drop(columns="town")
    rows.to_csv(scored.folder.path / "narrow.csv", index=False)
    done = scored.folder.run("predict", "model.keras", "narrow.csv", "-o", "narrow_out.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "it lacks `town`" in _last_line(done)
    assert not (scored.folder.path / "narrow_out.csv").exists()


def test_tensorflow_says_nothing(scored: Scored) -> None:
    for done in (scored.exported, scored.predicted):
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""
