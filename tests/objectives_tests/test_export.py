"""The exported file alone turns raw rows into the training process's probabilities."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from raw_rows import raw_rows, schema_of, small_network, trained_probabilities, typed

from objectives.errors import ModelFileError
from objectives.features.preprocessing import Preprocessing, fit_preprocessing
from objectives.portable.array_graph import array_model
from objectives.portable.export import export_model
from objectives.portable.input_names import input_names
from objectives.portable.model_card import card_path, read_card
from objectives.portable.onnx_file import write_onnx
from objectives.portable.scoring import predict

CARD = {"target": "bought", "labels": ["no", "yes"], "metrics": {"roc_auc": 0.9}}
THREE = {"target": "class", "labels": ["red", "green", "blue"]}


def probabilities(scored: pd.DataFrame) -> np.ndarray:
    return scored.filter(like="probability_").to_numpy(np.float64)


def fit(frame: pd.DataFrame) -> Preprocessing:
    return fit_preprocessing(typed(frame), schema_of(list(frame.columns)))


def export(folder: Path, frame: pd.DataFrame) -> tuple[Path, keras.Model, Preprocessing]:
    preprocessing = fit(frame)
    network = small_network(preprocessing)
    export_model([network], [preprocessing], folder / "model.keras", card=CARD)
    return folder / "model.keras", network, preprocessing


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_the_file_gives_the_training_probabilities_for_raw_rows(
    tmp_path: Path, scaling: str
) -> None:
    preprocessing = fit(raw_rows())
    assert preprocessing.embedded and preprocessing.datetimes and preprocessing.text
    network, path = small_network(preprocessing), tmp_path / "model.keras"
    export_model([network], [preprocessing], path, card=CARD, scaling=scaling)
    new = raw_rows(seed=1)
    got = probabilities(predict(path, new))
    wanted = trained_probabilities([network], [preprocessing], new, scaling)
    assert got.shape == (400, 2)
    assert np.abs(got - wanted).max() < 1e-5
    assert got.std() > 0.01


def test_the_folds_of_many_classes_are_averaged_whatever_columns_each_uses(tmp_path: Path) -> None:
    frame = raw_rows(900)
    folds = [fit(frame.iloc[:40]), fit(frame.iloc[40:]), fit(frame[["city", "age", "born"]])]
    assert len({fold.n_features for fold in folds}) == 3
    assert len({len(fold.embedded) for fold in folds}) == 2
    networks = [small_network(fold, 3, seed=i, more=i) for i, fold in enumerate(folds)]
    path = tmp_path / "model.keras"
    export_model(networks, folds, path, card=THREE, scaling="quantile")
    new = raw_rows(seed=1)
    got = predict(path, new)
    wanted = trained_probabilities(networks, folds, new, "quantile")
    assert list(got.columns) == [*(f"probability_{c}" for c in THREE["labels"]), "label"]
    assert np.abs(probabilities(got) - wanted).max() < 1e-5
    assert np.allclose(probabilities(got).sum(axis=1), 1, atol=1e-5)
    assert (got["label"] == np.array(THREE["labels"])[wanted.argmax(axis=1)]).all()


def test_an_ensemble_is_the_weighted_mean_of_networks_of_two_scalings(tmp_path: Path) -> None:
    frame = raw_rows(900)
    folds = [fit(frame.iloc[:450]), fit(frame.iloc[450:])]
    trials = [[small_network(fold, seed=2 * t + k) for k, fold in enumerate(folds)] for t in (0, 1)]
    path = tmp_path / "model.keras"
    export_model(
        [network for networks in trials for network in networks],
        [*folds, *folds],
        path,
        card=CARD,
        scaling=["standard", "standard", "quantile", "quantile"],
        weights=[0.4, 0.4, 0.1, 0.1],
    )
    new = raw_rows(seed=1)
    first, second = (
        trained_probabilities(networks, folds, new, scaling)
        for networks, scaling in zip(trials, ("standard", "quantile"), strict=True)
    )
    assert np.abs(first - second).max() > 0.1
    got = probabilities(predict(path, new))
    assert np.abs(got - (0.8 * first + 0.2 * second)).max() < 1e-5
    card = read_card(path)
    assert card["folds"] == len(card["features"]) == 2, "each fold is described once"


CELLS = st.one_of(st.none(), st.text(max_size=6), st.floats(), st.integers(-(2**70), 2**70))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    numbers=st.lists(st.floats(), min_size=16, max_size=16),
    levels=st.lists(CELLS, min_size=16, max_size=16),
)
@example(numbers=[0.0] * 16, levels=[None] * 14 + ["\x00", "0\x00"])  # numpy drops such ends
def test_any_cells_train_and_score_alike(
    numbers: list[float], levels: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = pd.DataFrame({"gaps": [*numbers, 1.0, 2.0] * 3, "city": [*levels, "a", "b"] * 3})
    preprocessing = fit(frame)
    network = small_network(preprocessing)
    path = tmp_path_factory.mktemp("odd") / "model.keras"
    for scaling in preprocessing.scalings:
        export_model([network], [preprocessing], path, card=CARD, scaling=scaling)
        new = pd.DataFrame({"gaps": numbers[::-1], "city": levels})
        wanted = trained_probabilities([network], [preprocessing], new, scaling)
        assert np.abs(probabilities(predict(path, new)) - wanted).max() < 1e-5


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, keras.Model, Preprocessing]:
    """A model of a column of every kind."""
    preprocessing = fit(raw_rows())
    network, path = small_network(preprocessing), tmp_path_factory.mktemp("r") / "model.keras"
    export_model([network], [preprocessing], path, card=CARD, scaling="quantile")
    return path, network, preprocessing


DATES = st.one_of(
    st.dates().map(str),
    st.datetimes().map(str),
    st.dates().map(lambda day: f"{day:%d.%m.%y}"),
    st.from_regex(
        r"[0-9]{1,4}[-/. ]{1,2}[0-9]{1,2}[-/._ ][0-9]{1,4}( [0-9]{1,2}:[0-9]{2}(Z| UTC)?)?"
    ),
    st.text("0123456789 -:/.TZ+", max_size=30),
    st.text(max_size=3),
)


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(st.floats(), CELLS, CELLS, DATES, DATES), min_size=1, max_size=20))
def test_odd_cells_score_as_in_training(
    rows: list[tuple[object, ...]], trained: tuple[Path, keras.Model, Preprocessing]
) -> None:
    path, network, preprocessing = trained
    new = raw_rows(len(rows), seed=5)
    for name, cells in zip(
        ("income", "city", "shop", "born", "seen"), zip(*rows, strict=True), strict=True
    ):
        new[name] = pd.Series(cells, dtype=float if name == "income" else object)
    wanted = trained_probabilities([network], [preprocessing], new, "quantile")
    assert np.abs(probabilities(predict(path, new)) - wanted).max() < 1e-5


# Isolated mode leaves out the current folder; the finder hides an installed project as well.
LOAD_ALONE = """
import json, sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("objectives", "search", "storage"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hide())
import keras, numpy as np
import tensorflow as tf

model = keras.models.load_model(sys.argv[1], safe_mode=True)
rows = json.load(open(sys.argv[2]))
inputs = {
    name: tf.constant(np.array(cells, dtype="float32" if kind == "numeric" else object)[:, None])
    for name, (kind, cells) in rows.items()
}
called = np.asarray(model(inputs))
assert np.allclose(called, model.predict(inputs, verbose=0), atol=1e-6)
print(json.dumps(called.tolist()))
"""


def cells_by_input(card: Mapping[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """Cells as somebody else would feed them, who has the card alone."""
    return {
        column["input"]: (
            column["kind"],
            [float(cell) for cell in frame[column["name"]]]
            if column["kind"] == "numeric"
            else [str(cell) for cell in frame[column["name"]]],
        )
        for column in card["columns"]
    }


def test_the_file_loads_in_safe_mode_where_the_project_is_not_importable(tmp_path: Path) -> None:
    path, network, preprocessing = export(tmp_path, raw_rows())
    new = raw_rows(seed=2)
    (tmp_path / "rows.json").write_text(json.dumps(cells_by_input(read_card(path), new)))
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
    wanted = trained_probabilities([network], [preprocessing], new)
    known = ~new["code"].isin(["2.00"]).to_numpy()  # 2.0 is as far as another spelling goes
    assert np.abs(got - wanted)[known].max() < 1e-5


def test_the_file_holds_stock_layers_only(tmp_path: Path) -> None:
    path, _, _ = export(tmp_path, raw_rows())
    model = keras.models.load_model(path)
    for layer in model._flatten_layers():
        assert type(layer).__module__.startswith("keras."), layer
        assert type(layer).__name__ != "Lambda"


def test_fifty_categorical_columns_in_five_folds_export_and_load_in_seconds(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    levels = np.array([f"level {i}" for i in range(30)], dtype=object)
    frame = pd.DataFrame({f"c{i}": rng.choice(levels, 1500) for i in range(50)})
    folds = [fit_preprocessing(frame.drop(index=range(i * 300, i * 300 + 300))) for i in range(5)]
    networks = [small_network(fold, 1, seed=i) for i, fold in enumerate(folds)]
    path = tmp_path / "model.keras"
    start = time.perf_counter()
    export_model(networks, folds, path, card=CARD)
    exported = time.perf_counter()
    keras.models.load_model(path)
    loaded = time.perf_counter()
    # Half a second and one, measured; ten times that for a busy machine.
    assert exported - start < 8 and loaded - exported < 8
    wanted = trained_probabilities(networks, folds, frame)
    assert np.abs(probabilities(predict(path, frame)) - wanted).max() < 1e-5


def test_many_levels_are_looked_up_and_not_spelled_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"c": [f"level {i}" for i in range(3000)] * 5})
    preprocessing = fit_preprocessing(frame)
    network, path = small_network(preprocessing), tmp_path / "m.keras"
    export_model([network], [preprocessing], path, card=CARD)
    assert preprocessing.n_features == 0
    new = pd.DataFrame({"c": ["level 7", "none", "", "level 2999"]})
    wanted = trained_probabilities([network], [preprocessing], new)
    assert np.abs(probabilities(predict(path, new)) - wanted).max() < 1e-5


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
    "rows_to_probabilities",
    "column_0",
    "x:0",
    "name",
    "fold_0",
    "features",
]


def test_odd_column_names_export_and_predict(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=40) for name in ODD_NAMES})
    frame["téxt/1"] = ["a", "b"] * 20
    preprocessing = fit_preprocessing(frame)
    network = small_network(preprocessing)
    export_model([network], [preprocessing], tmp_path / "model.keras", card=CARD)
    got = probabilities(predict(tmp_path / "model.keras", frame))
    assert np.abs(got - trained_probabilities([network], [preprocessing], frame)).max() < 1e-5


def test_input_names_are_plain_and_differ_and_plain_columns_keep_theirs() -> None:
    names = input_names(ODD_NAMES)
    assert list(names) == ODD_NAMES
    assert len({name.casefold() for name in names.values()}) == len(ODD_NAMES)
    assert all(name.isascii() and name.isidentifier() for name in names.values())
    assert names["a_b"] == "a_b_2" and names["A_B"] == "A_B"
    assert names["a b"] == "a_b_3" and names["divide"] == "divide"
    assert input_names(["a"], reserved={"a"}) == {"a": "a_2"}


@pytest.mark.parametrize("name", list(raw_rows(1).columns))
def test_a_single_column_of_any_kind_exports(tmp_path: Path, name: str) -> None:
    frame = raw_rows()[[name]]
    path, network, preprocessing = export(tmp_path, frame)
    got = probabilities(predict(path, frame))
    assert np.abs(got - trained_probabilities([network], [preprocessing], frame)).max() < 1e-5


def test_the_card_says_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    frame = raw_rows().assign(far=1)
    path, _, preprocessing = export(tmp_path, frame)
    card = json.loads((tmp_path / "model.keras.json").read_text())
    assert card["format"] == 2 and card["folds"] == 1 and card["scaling"] == "standard"
    assert card["target"] == "bought" and card["labels"] == ["no", "yes"]
    assert card["positive_label"] == "yes" and card["metrics"] == {"roc_auc": 0.9}
    columns = {column["name"]: column for column in card["columns"]}
    assert columns["born"]["kind"] == "datetime" and columns["born"]["order"] == "DMY"
    assert columns["note"]["kind"] == "text"
    assert columns["city"]["kind"] == "categorical" and "Łódź" in columns["city"]["levels"]
    assert columns["shop"]["levels"] == list(preprocessing.embedded[0].levels)
    assert card["dropped"] == {"far": "the same in every training row"}
    assert "(rows, 1)" in card["feed"]
    assert {column["input"] for column in card["columns"]} == {
        tensor.name for tensor in keras.models.load_model(path).inputs
    }


def test_a_card_of_many_classes_has_no_positive_label(tmp_path: Path) -> None:
    preprocessing = fit(raw_rows()[["age"]])
    network = small_network(preprocessing, 3)
    export_model([network], [preprocessing], tmp_path / "m.keras", card=THREE)
    assert "positive_label" not in read_card(tmp_path / "m.keras")


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    export(tmp_path, raw_rows())
    export(tmp_path, raw_rows()[["age", "city"]])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.keras", "model.keras.json"]
    assert len(predict(tmp_path / "model.keras", raw_rows()[["age", "city"]])) == 400


@pytest.mark.slow
def test_a_saved_model_serves_raw_rows_and_is_replaced(tmp_path: Path) -> None:
    preprocessing = fit(raw_rows())
    network, path = small_network(preprocessing), tmp_path / "1"
    for _ in range(2):
        export_model([network], [preprocessing], path, card=CARD, form="savedmodel")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "1.json"]
    new = raw_rows(seed=1)
    new.loc[2, "income"] = np.inf  # NumPy warns of 1e39 when it makes float32 of it
    serve = tf.saved_model.load(path).signatures["serving_default"]
    inputs = {
        name: tf.constant(
            np.array(cells, dtype=np.float32)[:, np.newaxis]
            if kind == "numeric"
            else np.array(cells, dtype=object)[:, np.newaxis],
        )
        for name, (kind, cells) in cells_by_input(read_card(path), new).items()
    }
    (got,) = serve(**inputs).values()
    wanted = trained_probabilities([network], [preprocessing], new)
    known = ~new["code"].isin(["2.00"]).to_numpy()
    assert np.abs(got.numpy() - wanted)[known].max() < 1e-5


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_numbers_go_into_onnx(tmp_path: Path, scaling: str) -> None:
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    names = ["age", "income", "far", "gaps", "flag", "spike"]
    folds = [fit(raw_rows()[names]), fit(raw_rows(seed=3)[names])]
    networks = [small_network(fold, seed=i) for i, fold in enumerate(folds)]
    path = tmp_path / "m.onnx"
    export_model(networks, folds, path, card=CARD, scaling=scaling, form="onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "m.onnx.json"]
    new = raw_rows(seed=1)[names]
    session = runtime.InferenceSession(path)
    with np.errstate(over="ignore"):
        rows = {name: new[[name]].to_numpy(np.float32) for name in names}
    (got,) = session.run(None, rows)
    assert np.abs(got - trained_probabilities(networks, folds, new, scaling)).max() < 1e-5


def test_arrays_go_into_onnx(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    image = keras.Input((4, 3))
    network = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image)))
    model = array_model([network], [1.0], (4, 3))
    path = tmp_path / "m.onnx"
    write_onnx(model, path)
    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    (got,) = runtime.InferenceSession(path).run(None, {"x": x})
    assert np.abs(got - np.asarray(model(x))).max() < 1e-5


def test_what_onnx_cannot_hold_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    preprocessing = fit(raw_rows()[["age", "city", "born"]])
    network = small_network(preprocessing)
    with pytest.raises(ModelFileError, match=r"only when all its columns are numeric; .*`born`"):
        export_model([network], [preprocessing], tmp_path / "m.onnx", card=CARD, form="onnx")
    assert list(tmp_path.iterdir()) == []


def test_onnx_without_its_packages_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    preprocessing = fit(raw_rows()[["age"]])
    network = small_network(preprocessing)
    with pytest.raises(ModelFileError, match=r"pip install 'dampen\[onnx\]'"):
        export_model([network], [preprocessing], tmp_path / "m.onnx", card=CARD, form="onnx")


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    preprocessing = fit(raw_rows()[["age"]])
    network = small_network(preprocessing)
    (tmp_path / "f.keras").mkdir()
    (tmp_path / "folder").mkdir()
    for path, form, words in [
        ("none/m.keras", "keras", "an existing folder"),
        ("m.h5", "keras", "must end in .keras"),
        (".keras", "keras", r"Write -o .*/model\.keras\."),
        ("m.keras", "onnx", "must end in .onnx"),
        ("f.keras", "keras", "is a folder"),
        ("m.keras", "savedmodel", "is the name of a file"),
        ("folder", "savedmodel", "only an earlier SavedModel is replaced"),
        ("m.tflite", "tflite", "must be one of keras, savedmodel, onnx; got `tflite`"),
    ]:
        with pytest.raises(ModelFileError, match=words):
            export_model([network], [preprocessing], tmp_path / path, card=CARD, form=form)


def test_a_network_or_card_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    whole, age = fit(raw_rows()), fit(raw_rows()[["age"]])
    network = small_network(age)
    with pytest.raises(ModelFileError, match="it takes 1 and 0 and gives 1"):
        export_model([network], [whole], path, card=CARD)
    with pytest.raises(ModelFileError, match="and give 3 logits"):
        export_model([network], [age], path, card=THREE)
    with pytest.raises(ModelFileError, match="got 1 networks and 2 preprocessings"):
        export_model([network], [age, age], path, card=CARD)
    with pytest.raises(ModelFileError, match='must hold "target"'):
        export_model([network], [age], path, card={})
    with pytest.raises(ModelFileError, match="different ones"):
        export_model([network], [age], path, card={**CARD, "labels": ["yes", "yes"]})


def test_cards_lie_beside_their_models() -> None:
    assert card_path(Path("a/m.keras")) == Path("a/m.keras.json")
    assert card_path(Path("a/m.onnx")) == Path("a/m.onnx.json")
    assert card_path(Path("a/1.2")) == Path("a/1.2.json")


def test_a_model_and_its_onnx_form_have_a_card_each_and_an_earlier_card_is_read(
    trained: tuple[Path, keras.Model, Preprocessing], tmp_path: Path
) -> None:
    assert len({card_path(tmp_path / name) for name in ("m", "m.keras", "m.onnx")}) == 3
    model = tmp_path / "m.keras"
    model.touch()
    (tmp_path / "m.json").write_text(card_path(trained[0]).read_text())
    assert read_card(model) == read_card(trained[0])
    card_path(model).write_text('{"format": 1}')
    with pytest.raises(ModelFileError, match=r"m\.keras\.json"):
        read_card(model)
