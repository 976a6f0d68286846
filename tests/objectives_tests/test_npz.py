"""Arrays: an .npz file or the digits, from the file to a model that takes them raw."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax  # type: ignore[import-untyped]

from objectives.baselines import boosting, fit_and_predict, logistic
from objectives.errors import DataError
from objectives.features.preparation import load_prepared, prepare, prepare_into, rows_for
from objectives.portable.export import export_model
from objectives.portable.scoring import predict
from objectives.splitting.split import default_folds
from objectives.table.dataset import Table, read_table
from objectives.table.inspection import inspect_table
from objectives.table.roles import Roles
from objectives.verdict.linear import linear_model


@pytest.fixture(scope="module")
def digits() -> Table:
    return read_table("digits")


def _save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def _images(n: int = 60, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 3)).astype(np.uint8)


def test_images_keep_their_values_and_their_shape(tmp_path: Path) -> None:
    x, y = _images(), np.array(["cat", "dog"] * 30)
    table = read_table(_save(tmp_path, x=x, y=y))
    assert (table.shape, table.labels, table.target) == ((4, 3), ("cat", "dog"), "y")
    assert (table.columns, [c.kind for c in table.schema.columns]) == (("x",), ["numeric"])
    prepared = prepare(table, seed=0)
    assert prepared.inputs.shape == (4, 3)
    assert prepared.inputs.n_outputs == 1
    for part in (prepared.folds[0].train, prepared.folds[0].validation):
        fed = part.inputs("none")
        assert fed.dtype == np.float32  # type: ignore[union-attr]
        np.testing.assert_array_equal(fed, x[part.rows])
        np.testing.assert_array_equal(np.array(table.labels)[part.y], y[part.rows])
    np.testing.assert_array_equal(
        rows_for(prepared, 0, table, prepared.test_rows, "none"), x[prepared.test_rows]
    )


def test_prepared_arrays_come_back_from_disk(tmp_path: Path, digits: Table) -> None:
    made = prepare_into(tmp_path / "prepared", digits, 0, 3)
    read = load_prepared(tmp_path / "prepared")
    assert read.inputs == made.inputs
    assert read.inputs.array == (8, 8)
    np.testing.assert_array_equal(read.folds[2].train.x["none"], made.folds[2].train.x["none"])


def test_equal_images_stay_on_one_side_of_every_split(tmp_path: Path) -> None:
    x = np.concatenate([_images(80), _images(80)])
    table = read_table(_save(tmp_path, x=x, y=np.tile([0, 1], 80)))
    prepared = prepare(table, seed=3)
    parts = [prepared.test_rows, prepared.folds[0].train.rows, prepared.folds[0].validation.rows]
    for part in parts:
        assert set(part % 80) == set((part + 80) % 160 % 80)
        assert len(part) == 2 * len(set(part % 80))


def test_digits_are_looked_over_and_folded_as_tables_are(digits: Table) -> None:
    assert (len(digits.y), digits.labels) == (1797, tuple("0123456789"))
    assert default_folds(digits) == 5
    assert inspect_table(digits, 0, 5) == ()


def test_rows_of_numbers_are_a_table_unless_they_are_to_stay_raw(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 4, (60, 3))
    path = _save(tmp_path, x=x, y=[0, 1] * 30)
    table, raw = read_table(path), read_table(path, raw=True)
    assert (table.shape, table.columns) == (None, ("x0", "x1", "x2"))
    assert {column.kind for column in table.schema.columns} == {"numeric"}
    assert (raw.shape, raw.columns) == ((3,), ("x",))
    assert raw.sha256 == table.sha256
    assert read_table(path, roles=Roles(drop=("x1",))).columns == ("x0", "x1", "x2")


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    y = np.array([0.0, 1.0] * 30)
    y[[4, 7]] = np.nan
    table = read_table(_save(tmp_path, x=_images(), y=y))
    assert (table.dropped_rows, len(table.y)) == (2, 58)
    np.testing.assert_array_equal(table.arrays(np.array([4])), _images()[[5]])


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": _images()}, "must hold labels as `y`; it holds `x`"),
        ({"y": [0, 1]}, "must hold the rows' features as `x`; it holds `y`"),
        ({"x": _images(), "y": [0, 1]}, "a label for each of the 60 rows of `x`"),
        ({"x": _images(), "y": np.eye(2)[[0, 1] * 30]}, "not one-hot"),
        ({"x": np.ones(60), "y": [0, 1] * 30}, r"its shape is \(60,\)"),
        ({"x": np.full((60, 2), np.nan), "y": [0, 1] * 30}, "60 of its 60 rows hold NaN"),
        ({"x": np.full((60, 2), 1e300), "y": [0, 1] * 30}, "finite numbers in single precision"),
        ({"x": np.full((60, 2), 1j), "y": [0, 1] * 30}, "must hold numbers; it holds complex128"),
        ({"x": np.full((60, 2), "a"), "y": [0, 1] * 30}, "must hold numbers; it holds <U1"),
        ({"x": np.array([{}] * 60), "y": [0, 1] * 30}, "Python objects, which are not read"),
        ({"x": _images(), "y": np.array([{}] * 60)}, "Python objects, which are not read"),
        ({"x": _images(), "y": [1] * 60}, "every row is `1`"),
    ],
)
def test_arrays_that_cannot_serve_are_refused(
    tmp_path: Path, arrays: dict[str, Any], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        read_table(_save(tmp_path, **arrays))


def test_files_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"must be an \.npz file of arrays"):
        read_table(tmp_path / "t.npz")
    with pytest.raises(DataError, match="there is no file"):
        read_table(tmp_path / "no.npz")
    path = _save(tmp_path, x=_images(), y=[0, 1] * 30)
    with pytest.raises(DataError, match="the target of arrays is `y`; got `z`"):
        read_table(path, "z")
    with pytest.raises(DataError, match="only --positive can be said"):
        read_table(path, roles=Roles(drop=("x",)))
    assert read_table(path, roles=Roles(positive="0")).labels == ("1", "0")


def test_baselines_and_the_yardstick_see_arrays_flat(digits: Table) -> None:
    prepared = prepare(digits, seed=0)
    linear = linear_model(prepared.folds)
    assert linear is not None
    assert linear.validation_auc > 0.99
    rows = [(fold.train.rows[:300], fold.validation.rows) for fold in prepared.folds]
    for make in (logistic, boosting):
        found = fit_and_predict(make, digits, rows, prepared.test_rows)
        right = found.test.argmax(axis=1) == digits.y[prepared.test_rows]
        assert right.mean() > 0.7


def _network(shape: tuple[int, ...], n_outputs: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    image = keras.Input(shape)
    x = keras.layers.Flatten(name="flat")(image)
    return keras.Model(image, keras.layers.Dense(n_outputs, name="logits")(x))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_an_exported_model_takes_raw_arrays_and_gives_the_mean_of_its_networks(
    tmp_path: Path, n_outputs: int
) -> None:
    n_classes = max(2, n_outputs)
    labels = ["a", "b", "c"][:n_classes]
    table = read_table(_save(tmp_path, x=_images(), y=np.array(labels)[np.arange(60) % n_classes]))
    prepared = prepare(table, seed=0, folds=2)
    networks = [_network((4, 3), n_outputs, seed) for seed in (1, 2)]
    path = tmp_path / "m.keras"
    export_model(
        networks,
        [fold.preprocessing for fold in prepared.folds],
        path,
        array=prepared.inputs.array,
        scaling="none",
        card={"target": "y", "labels": labels},
    )
    x = _images(7, seed=5).astype(np.float32)
    logits = [network(x).numpy() for network in networks]
    if n_outputs == 1:
        p = np.mean([expit(z) for z in logits], axis=0)
        wanted = np.concatenate([1 - p, p], axis=1)
    else:
        wanted = np.mean([softmax(z, axis=1) for z in logits], axis=0)
    found = keras.models.load_model(path, safe_mode=True)(x)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.savez(tmp_path / "new.npz", x=x.astype(np.uint8))
    scored = predict(path, tmp_path / "new.npz", batch_rows=3)
    assert list(scored.columns) == [*(f"probability_{label}" for label in labels), "label"]
    np.testing.assert_allclose(scored.iloc[:, :-1].to_numpy(np.float32), wanted, atol=1e-6)
    assert list(scored.index) == list(range(7))
    card = json.loads((tmp_path / "m.keras.json").read_text())
    assert card["array"] == {"input": "x", "shape": [4, 3]}
    np.savez(tmp_path / "other.npz", x=np.ones((3, 5, 5)))
    with pytest.raises(DataError, match=r"takes arrays of 4 x 3 .* are 5 x 5"):
        predict(path, tmp_path / "other.npz")
    (tmp_path / "t.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"new rows come as `x` in an \.npz file; got a table"):
        predict(path, tmp_path / "t.csv")
