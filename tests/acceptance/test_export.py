"""The model that comes out takes the raw table and stays the one that was validated."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

if TYPE_CHECKING:
    from conftest import Folder


NAMED = 2


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A folder in which the best model was exported and scored `new.csv`."""

    folder: "Folder"
    exported: "subprocess.CompletedProcess[str]"
    predicted: "subprocess.CompletedProcess[str]"
    narrow: "subprocess.CompletedProcess[str]"  # of rows that lack a column
    named: "subprocess.CompletedProcess[str]"  # export of trial NAMED

    @property
    def card(self) -> Any:
        return json.loads((self.folder.path / "model.keras.json").read_text(encoding="utf-8"))

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_csv(self.folder.path / "predictions.csv")


@pytest.fixture(scope="module")
def scored(mixed: "Folder", tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = mixed.copy(tmp_path_factory.mktemp("scored") / "copy")
    exported = folder.run("export", "mixed", "-o", "model.keras")
    rows = pd.read_csv(folder.path / "new.csv")
    rows.drop(columns="town").to_csv(folder.path / "narrow.csv", index=False)
    predicted, narrow, named = folder.run_all(
        ("predict", "model.keras", "new.csv", "-o", "predictions.csv"),
        ("predict", "model.keras", "narrow.csv", "-o", "narrow_predictions.csv"),
        ("export", "mixed", "--trial", str(NAMED), "-o", "named.keras"),
    )
    return Scored(folder=folder, exported=exported, predicted=predicted, narrow=narrow, named=named)


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    return done.stderr.splitlines()[-1]


def test_best_trial_is_exported_and_scores_new_rows(scored: Scored) -> None:
    best = scored.folder.json("show", "mixed")["best"]
    assert scored.exported.returncode == 0, scored.exported.stderr
    assert scored.predicted.returncode == 0, scored.predicted.stderr
    assert _last_line(scored.exported) == (
        f"Wrote trial {best['number']} of mixed to model.keras, "
        "and its model card to model.keras.json"
    )
    assert _last_line(scored.predicted) == "Wrote 200 predictions to predictions.csv"
    assert scored.card["trial"] == best["number"]
    assert scored.card["validation"] == best["metrics"]
    assert (scored.card["folds"], scored.card["standard_error"]) == (5, best["standard_error"])


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
    wanted = keras.ops.convert_to_numpy(model(inputs))

    predictions = scored.predictions
    assert list(predictions.columns) == ["probability_no", "probability_yes", "label"]
    np.testing.assert_allclose(
        predictions[["probability_no", "probability_yes"]], wanted, atol=1e-5
    )
    assert (predictions["label"] == np.where(wanted[:, 1] >= 0.5, "yes", "no")).all()


def test_predictions_of_new_rows_are_good(scored: Scored) -> None:
    answers = pd.read_csv(scored.folder.path / "answers.csv")["bought"] == "yes"
    assert roc_auc_score(answers, scored.predictions["probability_yes"]) > 0.9


def test_named_trial_is_exported_with_its_own_metrics(scored: Scored) -> None:
    assert scored.named.returncode == 0, scored.named.stderr
    card = json.loads((scored.folder.path / "named.keras.json").read_text(encoding="utf-8"))
    assert card["trial"] == NAMED
    assert card["validation"]["roc_auc"] == scored.folder.trials()[NAMED].value


@pytest.mark.slow
def test_refusals_say_why_and_write_nothing(mixed: "Folder", tmp_path: Path) -> None:
    folder = mixed.copy(tmp_path / "copy")
    folder.query("UPDATE trials SET state = 'PRUNED' WHERE number = 1")
    pruned, suffix, unknown, missing = folder.run_all(
        ("export", "mixed", "--trial", "1", "-o", "out.keras"),
        ("export", "mixed", "-o", "out.h5"),
        ("export", "mixed", "--trial", "4", "-o", "out.keras"),
        ("predict", "missing.keras", "new.csv", "-o", "out.csv"),
    )
    for done, sentence in (
        (pruned, "only a complete trial has a trained model; trial 1 of `mixed` is pruned"),
        (suffix, "a model file must end in .keras; got `out.h5`"),
        (unknown, "study `mixed` has no trial 4; it has trials 0 to 3"),
        (missing, "there is no model file `missing.keras`"),
    ):
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in _last_line(done)
    assert list(folder.path.glob("out*")) == []


@pytest.mark.slow
def test_code_is_a_script_that_reaches_what_the_search_reached(mixed: "Folder") -> None:
    printed = mixed.run("code", "mixed")
    assert (printed.returncode, printed.stderr) == (0, "")
    # Away from the project: nothing of it is imported.
    done = subprocess.run(
        [sys.executable, "-P", "-c", printed.stdout],
        cwd=mixed.path,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    reached = re.search(r"validation ROC-AUC (\d\.\d{4})", done.stdout)
    assert reached is not None, done.stdout
    wanted = mixed.json("show", "mixed")["best"]["value"]
    assert abs(float(reached[1]) - wanted) < 0.03, done.stdout


def test_missing_column_is_named_and_nothing_is_written(scored: Scored) -> None:
    assert (scored.narrow.returncode, scored.narrow.stdout) == (2, "")
    assert "it lacks `town`" in _last_line(scored.narrow)
    assert not (scored.folder.path / "narrow_predictions.csv").exists()


def test_tensorflow_says_nothing(scored: Scored) -> None:
    for done in (scored.exported, scored.predicted, scored.narrow):
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""
