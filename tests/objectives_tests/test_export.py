"""The exported file alone turns raw rows into the training process's probabilities."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from objectives.errors import ModelFileError
from objectives.export import export_model, input_names
from objectives.preprocessing import Preprocessing, fit_preprocessing
from objectives.scoring import predict

CARD = {"target": "bought", "labels": ["no", "yes"], "metrics": {"roc_auc": 0.9}}


def raw_frame(n_rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows),
            "income": rng.lognormal(10, 2, n_rows),
            "far": 1e9 + rng.normal(0, 500, n_rows),
            "gaps": np.where(rng.random(n_rows) < 0.3, np.nan, rng.normal(size=n_rows)),
            "flag": np.where(rng.random(n_rows) < 0.3, np.nan, 1.0),
            "city": rng.choice(["Rome", "Łódź", "", "[UNK]", "x y"], n_rows),
            "rare": rng.choice(["a", "b", *(f"r{i}" for i in range(60))], n_rows),
            "member": rng.random(n_rows) < 0.5,
        }
    )
    frame.loc[3, "income"] = np.inf
    frame.loc[4, "income"] = 1e39
    return frame


def network(preprocessing: Preprocessing) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((preprocessing.n_features,)),
            keras.layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )


def expected(net: keras.Model, preprocessing: Preprocessing, frame: pd.DataFrame) -> np.ndarray:
    logits = net(preprocessing.transform(frame), training=False)
    return np.asarray(keras.ops.sigmoid(logits)).ravel()


def export(folder: Path, frame: pd.DataFrame) -> tuple[Path, keras.Model, Preprocessing]:
    preprocessing = fit_preprocessing(frame)
    net = network(preprocessing)
    export_model(net, preprocessing, folder / "model.keras", card=CARD)
    return folder / "model.keras", net, preprocessing


def test_the_file_gives_the_training_probabilities_for_raw_rows(tmp_path: Path) -> None:
    path, net, preprocessing = export(tmp_path, raw_frame())
    new = raw_frame(seed=1)
    got = predict(path, new)["probability"].to_numpy()
    assert np.abs(got - expected(net, preprocessing, new)).max() < 1e-5
    assert got.std() > 0.01


# Isolated mode leaves out the current folder; the finder hides an installed project as well.
LOAD_ALONE = """
import json, sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("objectives", "search", "storage"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hide())
import keras, numpy as np

model = keras.models.load_model(sys.argv[1], safe_mode=True)
inputs = {
    name: np.array(cells, dtype="float32" if kind == "numeric" else object)
    for name, (kind, cells) in json.load(open(sys.argv[2])).items()
}
called = np.asarray(model(inputs)).ravel()
assert np.allclose(called, model.predict(inputs, verbose=0).ravel(), atol=1e-6)
print(json.dumps(called.tolist()))
"""


def test_the_file_loads_in_safe_mode_where_the_project_is_not_importable(tmp_path: Path) -> None:
    path, net, preprocessing = export(tmp_path, raw_frame())
    new = raw_frame(seed=2)
    rows = {
        column["input"]: (
            column["kind"],
            [float(cell) for cell in new[column["name"]]]
            if column["kind"] == "numeric"
            else [str(cell) for cell in new[column["name"]]],
        )
        for column in json.loads((tmp_path / "model.json").read_text())["columns"]
    }
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOAD_ALONE, str(path), str(tmp_path / "rows.json")],
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    got = np.array(json.loads(done.stdout.splitlines()[-1]))
    assert np.abs(got - expected(net, preprocessing, new)).max() < 1e-5


def test_the_file_holds_stock_layers_only(tmp_path: Path) -> None:
    path, _, _ = export(tmp_path, raw_frame())
    model = keras.models.load_model(path)
    for layer in model._flatten_layers():
        assert type(layer).__module__.startswith("keras."), layer
        assert type(layer).__name__ != "Lambda"


ODD_NAMES = [
    "a b",
    "a/b",
    "A_B",
    "a_b",
    "ünï",
    "日本",
    "",
    "1st",
    "divide",
    "where",
    "sequential",
    "rows_to_probability",
    "column_0",
    "x:0",
    "name",
]


def test_odd_column_names_export_and_predict(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=40) for name in ODD_NAMES})
    frame["téxt/1"] = ["a", "b"] * 20
    path, net, preprocessing = export(tmp_path, frame)
    got = predict(path, frame)["probability"].to_numpy()
    assert np.abs(got - expected(net, preprocessing, frame)).max() < 1e-5


def test_input_names_are_plain_and_differ_and_plain_columns_keep_theirs() -> None:
    names = input_names(ODD_NAMES)
    assert list(names) == ODD_NAMES
    assert len({name.casefold() for name in names.values()}) == len(ODD_NAMES)
    assert all(name.isascii() and name.isidentifier() for name in names.values())
    assert names["a_b"] == "a_b_2" and names["A_B"] == "A_B"
    assert names["a b"] == "a_b_3" and names["divide"] == "divide"


@pytest.mark.parametrize(
    "columns",
    [
        {"n": [1.0, 2.0, 3.0] * 8},
        {"n": [1.0, None] * 12},
        {"c": ["a", "b"] * 12},
        {"c": ["a"] * 20 + list("wxyz")},
    ],
)
def test_a_single_column_of_any_kind_exports(tmp_path: Path, columns: dict[str, object]) -> None:
    frame = pd.DataFrame(columns)
    path, net, preprocessing = export(tmp_path, frame)
    got = predict(path, frame)["probability"].to_numpy()
    assert np.abs(got - expected(net, preprocessing, frame)).max() < 1e-5


def test_the_card_says_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    frame = raw_frame().assign(constant=1)
    export(tmp_path, frame)
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["target"] == "bought" and card["labels"] == ["no", "yes"]
    assert card["positive_label"] == "yes" and card["metrics"] == {"roc_auc": 0.9}
    assert {c["name"]: c["kind"] for c in card["columns"]}["city"] == "categorical"
    assert card["dropped"] == {"constant": "the same in every training row"}


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    export(tmp_path, raw_frame())
    export(tmp_path, raw_frame()[["age", "city"]])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "model.keras"]
    assert len(predict(tmp_path / "model.keras", raw_frame()[["age", "city"]])) == 120


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    preprocessing = fit_preprocessing(raw_frame())
    net = network(preprocessing)
    for path, words in [
        (tmp_path / "none" / "m.keras", "an existing folder"),
        (tmp_path / "m.h5", "must end in .keras"),
    ]:
        with pytest.raises(ModelFileError, match=words):
            export_model(net, preprocessing, path, card=CARD)
    (tmp_path / "f.keras").mkdir()
    with pytest.raises(ModelFileError, match="is a folder"):
        export_model(net, preprocessing, tmp_path / "f.keras", card=CARD)


def test_a_network_or_card_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    preprocessing = fit_preprocessing(raw_frame())
    other = fit_preprocessing(raw_frame()[["age"]])
    with pytest.raises(ModelFileError, match="it takes 1 and gives 1"):
        export_model(network(other), preprocessing, tmp_path / "m.keras", card=CARD)
    with pytest.raises(ModelFileError, match='must hold "target"'):
        export_model(network(preprocessing), preprocessing, tmp_path / "m.keras", card={})
