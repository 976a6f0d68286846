"""A study's arrays are made once, each fold's from its training rows, and shared by workers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_tables import make_table
from numpy.typing import NDArray

from objectives.errors import DataError
from objectives.features import preparation
from objectives.features.encoding import MAX_LEVELS
from objectives.features.preparation import (
    Prepared,
    load_prepared,
    prepare,
    prepare_into,
    save_prepared,
)
from objectives.hyperparameters import Embedding
from objectives.splitting.split import split_table
from objectives.table.dataset import Table

Ints = NDArray[np.int64]

ROWS = 1200
TOWNS = [f"town {i}" for i in range(50)]


def mixed_table(change: Ints | None = None, **given: Any) -> Table:
    """Return a table of every kind of column; `change` puts noise into these rows, labels too."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, ROWS)
    columns = {
        "n": rng.normal(size=ROWS) + y,
        "gaps": np.where(rng.random(ROWS) < 0.2, np.nan, rng.normal(size=ROWS)),
        "c": rng.choice(["a", "b", "c"], ROWS).astype(object),
        "town": rng.choice(TOWNS, ROWS).astype(object),
        "rare": np.where(np.arange(ROWS) < 4, "once", "often").astype(object),
    }
    weights = rng.uniform(0.5, 3, ROWS).astype(np.float32)
    if change is not None:
        columns["n"][change] = np.inf
        columns["gaps"][change] = 1e6 * rng.normal(size=len(change))
        columns["c"][change] = rng.choice(["z", "y"], len(change))
        columns["town"][change] = "elsewhere"
        columns["rare"][change] = [f"{i}" for i in range(len(change))]
        weights[change] *= 1000
    levels = {"c": ["a", "b", "c", "y", "z"], "town": [*TOWNS, "elsewhere"]}
    levels["rare"] = ["once", "often", *map(str, range(ROWS))]
    frame = pd.DataFrame(
        {
            name: pd.Categorical(cells, levels[name]) if name in levels else cells
            for name, cells in columns.items()
        }
    )
    return make_table(frame, y, **{"weights": weights, **given})


def arrays(prepared: Prepared) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield every array with a name that says fold, part and kind."""
    for k, fold in enumerate(prepared.folds):
        for name, part in (("train", fold.train), ("validation", fold.validation)):
            for scaling, x in part.x.items():
                yield f"{k} {name} {scaling}", x
            for kind in ("codes", "y", "w", "rows"):
                yield f"{k} {name} {kind}", getattr(part, kind)
    yield "test rows", prepared.test_rows


def assert_equal(first: Prepared, second: Prepared, containing: str = "") -> None:
    ours, theirs = dict(arrays(first)), dict(arrays(second))
    assert list(ours) == list(theirs)
    for name in ours:
        if containing in name:
            assert ours[name].dtype == theirs[name].dtype, name
            assert np.array_equal(ours[name], theirs[name]), name


# Shapes and values


@pytest.mark.parametrize("folds", [1, 3])
def test_arrays_have_the_promised_shapes_and_types(folds: int) -> None:
    table = mixed_table()
    prepared = prepare(table, seed=1, folds=folds)
    split = split_table(table, 1, folds)
    assert np.array_equal(prepared.test_rows, split.test)
    assert prepared.labels == table.labels
    assert prepared.n_train == len(split.folds[0][0])
    assert prepared.inputs.n_outputs == 3
    for fold, rows in zip(prepared.folds, split.folds, strict=True):
        for part, numbers in zip((fold.train, fold.validation), rows, strict=True):
            n = len(numbers)
            assert np.array_equal(part.rows, numbers)
            assert np.array_equal(part.y, table.y[numbers])
            assert set(part.x) == set(prepared.scalings) == {"standard", "quantile"}
            for scaling, x in part.x.items():
                assert x.shape == (n, prepared.inputs.n_features) and x.dtype == np.float32
                wanted = fold.preprocessing.transform(table.frame.iloc[numbers], scaling)
                assert np.array_equal(x[:, : wanted.shape[1]], wanted)
                assert not x[:, wanted.shape[1] :].any()
            assert part.codes.shape == (n, 1) and part.codes.dtype == np.int32
            assert part.y.dtype == part.rows.dtype == np.int64 and part.w.dtype == np.float32


def test_rows_are_transformed_some_at_a_time_and_come_out_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = prepare(mixed_table(), seed=1, folds=2)
    monkeypatch.setattr(preparation, "BATCH", 7)
    assert_equal(prepare(mixed_table(), seed=1, folds=2), whole)


def test_weights_have_mean_1_over_the_training_rows_of_each_fold() -> None:
    table = mixed_table()
    assert table.weights is not None
    for fold in prepare(table, seed=1, folds=3).folds:
        assert fold.train.w.mean() == pytest.approx(1, abs=1e-6)
        unit = table.weights[fold.train.rows].mean()
        assert fold.validation.w == pytest.approx(table.weights[fold.validation.rows] / unit)


def test_without_weights_every_row_weighs_1() -> None:
    prepared = prepare(mixed_table(weights=None), seed=1)
    assert (prepared.folds[0].train.w == 1).all() and (prepared.folds[0].validation.w == 1).all()


def test_quantile_arrays_are_there_only_where_there_are_numbers() -> None:
    table = mixed_table()
    frame = table.frame[["c"]]
    prepared = prepare(make_table(frame, table.y), seed=1)
    assert prepared.scalings == ("standard",)
    assert prepared.inputs.embeddings == ()
    part = prepared.folds[0].train
    assert part.codes.shape == (len(part.y), 0)
    assert part.inputs("standard") is part.x["standard"]


def test_with_embeddings_inputs_are_features_and_codes() -> None:
    part = prepare(mixed_table(), seed=1).folds[0].train
    fed = part.inputs("quantile")
    assert isinstance(fed, dict)
    assert fed["features"] is part.x["quantile"] and fed["codes"] is part.codes


def test_folds_that_differ_in_levels_are_brought_to_one_width() -> None:
    # Levels just frequent enough: each fold's training rows keep others of them.
    rng = np.random.default_rng(5)
    y = np.arange(900) % 2
    names = [f"level {i}" for i in range(2 * MAX_LEVELS)]
    many = pd.Categorical(rng.choice(names, 900))
    few = pd.Categorical(rng.choice(names[:MAX_LEVELS], 900, p=np.arange(1, 41) / 820))
    frame = pd.DataFrame({"many": many, "few": few, "n": rng.normal(size=900)})
    prepared = prepare(make_table(frame, y), seed=0, folds=5)
    fitted = [fold.preprocessing for fold in prepared.folds]
    assert len({one.n_features for one in fitted}) > 1
    assert len({one.embeddings for one in fitted}) > 1
    assert prepared.inputs.n_features == max(one.n_features for one in fitted)
    tables = [table for one in fitted for table in one.embeddings[:1]]
    assert prepared.inputs.embeddings[0] == Embedding(
        n_codes=max(table.n_codes for table in tables),
        dimension=max(table.dimension for table in tables),
    )
    width, embedded = prepared.inputs.n_features, len(prepared.inputs.embeddings)
    for fold in prepared.folds:
        for part in (fold.train, fold.validation):
            assert part.x["standard"].shape[1] == width and part.codes.shape[1] == embedded
            for table, codes in zip(prepared.inputs.embeddings, part.codes.T, strict=True):
                assert codes.min() >= 0 and codes.max() < table.n_codes


@pytest.mark.parametrize(
    ("counts", "imbalanced"),
    [((50, 50), False), ((70, 30), False), ((80, 20), True), ((40, 40, 10), True)],
)
def test_imbalanced_is_less_than_half_of_an_equal_share(
    counts: tuple[int, ...], imbalanced: bool
) -> None:
    y = np.repeat(np.arange(len(counts)), 5 * np.array(counts))
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=len(y))})
    prepared = prepare(make_table(frame, y), seed=0)
    assert prepared.imbalanced is imbalanced
    assert prepared.inputs.n_outputs == (1 if len(counts) == 2 else 3)


# Nothing leaks


@pytest.mark.parametrize("folds", [1, 4])
def test_noise_in_the_test_rows_moves_no_statistic_no_array_and_no_weight(folds: int) -> None:
    table = mixed_table()
    noisy = mixed_table(change=split_table(table, 1, folds).test)
    first, second = prepare(table, 1, folds), prepare(noisy, 1, folds)
    for ours, theirs in zip(first.folds, second.folds, strict=True):
        assert ours.preprocessing == theirs.preprocessing
    assert first.inputs == second.inputs
    assert_equal(first, second)


@pytest.mark.parametrize("given", ["times", "groups"])
def test_another_target_in_the_test_rows_moves_nothing_either(given: str) -> None:
    # By time the labels do not decide who is a test row, so they can be changed and split again.
    roles = {"times": {"times": np.arange(float(ROWS))}, "groups": {"groups": np.arange(ROWS) // 3}}
    table = mixed_table(**roles[given])
    test = split_table(table, 1).test
    y = table.y.copy()
    y[test] = np.random.default_rng(9).permutation(y[test])
    if given == "groups":  # here they do: keep the classes of each group, change its rows' order
        y = table.y.copy()
        y[test] = y[test.reshape(-1, 3)[:, ::-1].ravel()]
    assert not np.array_equal(y, table.y)
    changed = mixed_table(change=test, **roles[given])
    first, second = prepare(table, 1), prepare(make_table(changed.frame, y, **_roles(changed)), 1)
    assert first.folds[0].preprocessing == second.folds[0].preprocessing
    assert_equal(first, second)


def _roles(table: Table) -> dict[str, Any]:
    return {"weights": table.weights, "groups": table.groups, "times": table.times}


@pytest.mark.parametrize("folds", [1, 4])
def test_noise_in_a_folds_validation_rows_moves_nothing_that_it_trains_with(folds: int) -> None:
    table = mixed_table()
    first = prepare(table, 1, folds)
    for k, fold in enumerate(first.folds):
        second = prepare(mixed_table(change=fold.validation.rows), 1, folds)
        assert fold.preprocessing == second.folds[k].preprocessing
        ours, theirs = fold.train, second.folds[k].train
        used = fold.preprocessing.n_features
        for scaling in first.scalings:
            assert np.array_equal(ours.x[scaling][:, :used], theirs.x[scaling][:, :used])
        for kind in ("codes", "y", "w", "rows"):
            assert np.array_equal(getattr(ours, kind), getattr(theirs, kind))


def test_noise_in_the_training_rows_does_move_them() -> None:
    # Or else the tests above would show nothing.
    table = mixed_table()
    first = prepare(table, 1)
    second = prepare(mixed_table(change=first.folds[0].train.rows[:50]), 1)
    assert first.folds[0].preprocessing != second.folds[0].preprocessing


# Files


@pytest.mark.parametrize("folds", [1, 3])
def test_saved_prepared_into_and_loaded_are_equal(tmp_path: Path, folds: int) -> None:
    prepared = prepare(mixed_table(), 1, folds)
    save_prepared(prepared, tmp_path / "deep" / "saved")
    seen: list[int] = []
    into = prepare_into(tmp_path / "into", mixed_table(), 1, folds, watch=seen.append)
    for other in (
        load_prepared(tmp_path / "deep" / "saved"),
        into,
        load_prepared(tmp_path / "into"),
    ):
        assert_equal(other, prepared)
        assert other.inputs == prepared.inputs
        assert other.labels == prepared.labels
        assert other.scalings == prepared.scalings
        assert [f.preprocessing for f in other.folds] == [f.preprocessing for f in prepared.folds]
    assert seen == sorted(seen) and seen[-1] == 3 * folds * (ROWS - len(prepared.test_rows))
    names = [sorted(p.name for p in (tmp_path / f).iterdir()) for f in ("deep/saved", "into")]
    assert names[0] == names[1]


def test_loaded_arrays_are_mapped_aligned_and_written_to_by_nobody_else(tmp_path: Path) -> None:
    prepared = prepare_into(tmp_path, mixed_table(), 1)
    for loaded in (prepared, load_prepared(tmp_path)):
        for name, array in arrays(loaded):
            assert isinstance(array, np.memmap), name
            assert array.flags.writeable and array.flags.c_contiguous, name
            assert array.ctypes.data % 64 == 0, name  # what TensorFlow takes uncopied
            array[0] = 0  # copy-on-write: the other workers' pages and the file stay as they are
    assert_equal(load_prepared(tmp_path), prepare(mixed_table(), 1))


def test_preparing_again_leaves_open_maps_and_no_other_files(tmp_path: Path) -> None:
    prepare_into(tmp_path, mixed_table(), 1, 3)
    loaded = load_prepared(tmp_path)
    before = {name: np.array(array) for name, array in arrays(loaded)}
    again = prepare_into(tmp_path, mixed_table(), 2)
    for name, array in arrays(loaded):
        assert np.array_equal(array, before[name])
    kinds = ("x-standard", "x-quantile", "codes", "y", "w", "rows")
    wanted = {f"0-{part}-{kind}.npy" for part in ("train", "validation") for kind in kinds}
    assert {p.name for p in tmp_path.iterdir()} == {*wanted, "test-rows.npy", "prepared.json"}
    assert_equal(load_prepared(tmp_path), again)


def test_a_preparation_that_fails_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare_into(tmp_path, mixed_table(), 1)
    names = {p.name for p in tmp_path.iterdir()}

    def full(rows: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        prepare_into(tmp_path, mixed_table(), 2, watch=full)
    assert {p.name for p in tmp_path.iterdir()} == names
    assert_equal(load_prepared(tmp_path), prepared)


@pytest.mark.parametrize("file", ["0-train-x-standard.npy", "test-rows.npy", "prepared.json"])
def test_a_missing_or_damaged_folder_gets_a_sentence(tmp_path: Path, file: str) -> None:
    with pytest.raises(DataError, match="must hold prepared data"):
        load_prepared(tmp_path / "none")
    save_prepared(prepare(mixed_table(), 1), tmp_path)
    (tmp_path / file).write_bytes(b"damaged")
    with pytest.raises(DataError, match="Prepare it again"):
        load_prepared(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match="Prepare it again"):
        load_prepared(tmp_path)


def test_preparing_into_a_folder_holds_no_copy_of_the_arrays(tmp_path: Path) -> None:
    # In a process of its own: the peak of this one may lie before.
    code = f"""
import resource
import numpy as np
import pandas as pd
from pathlib import Path
from made_tables import make_table
from objectives.features.preparation import prepare_into
rng = np.random.default_rng(0)
levels = list("abcdefghijklmnopqrstuvwxyz")
columns = {{f"c{{i}}": pd.Categorical(rng.choice(levels, 400_000)) for i in range(8)}}
frame = pd.DataFrame(columns)
table = make_table(frame, np.arange(400_000) % 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare_into(Path({str(tmp_path)!r}), table, 0)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    paths = [str(Path.cwd()), str(Path.cwd() / "tests")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    arrays_mb = sum(p.stat().st_size for p in tmp_path.iterdir()) / 2**20
    assert arrays_mb > 250
    assert int(done.stdout) < arrays_mb / 2
