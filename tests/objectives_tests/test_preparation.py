"""A study's arrays are made once, from training rows, and shared by all workers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from objectives.dataset import Table, read_table
from objectives.errors import DataError
from objectives.preparation import load_prepared, prepare, save_prepared
from objectives.split import split_rows

ARRAYS = ("x_train", "y_train", "x_validation", "y_validation")


def mixed_table(n_rows: int = 200, change: np.ndarray | None = None) -> Table:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "n": rng.normal(size=n_rows),
            "gaps": np.where(rng.random(n_rows) < 0.2, np.nan, rng.normal(size=n_rows)),
            "c": rng.choice(["a", "b", "c"], n_rows),
            "target": rng.integers(0, 2, n_rows),
        }
    )
    if change is not None:
        frame.loc[change, ["n", "gaps"]] = 1e6
        frame.loc[change, "c"] = "z"
    return read_table(frame)


def test_arrays_have_the_promised_shapes_and_types() -> None:
    table = mixed_table()
    prepared = prepare(table, seed=1)
    assert prepared.x_train.shape == (120, len(prepared.feature_names))
    assert prepared.x_validation.shape == (40, len(prepared.feature_names))
    assert all(getattr(prepared, name).dtype == np.float32 for name in ARRAYS)
    split = split_rows(table.y, 1)
    assert np.array_equal(prepared.y_train, table.y[split.train])
    assert np.array_equal(prepared.y_validation, table.y[split.validation])


def test_validation_and_test_rows_move_no_fitted_statistic() -> None:
    table = mixed_table()
    split = split_rows(table.y, 1)
    noisy = mixed_table(change=np.concatenate([split.validation, split.test]))
    first, second = prepare(table, seed=1), prepare(noisy, seed=1)
    assert first.preprocessing == second.preprocessing
    assert np.array_equal(first.x_train, second.x_train)


def test_test_rows_reach_no_array() -> None:
    table = mixed_table()
    noisy = mixed_table(change=split_rows(table.y, 1).test)
    first, second = prepare(table, seed=1), prepare(noisy, seed=1)
    assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ARRAYS)


def test_a_column_that_is_text_in_validation_rows_only_is_no_accident() -> None:
    table = mixed_table()
    row = split_rows(table.y, 1).validation[0]
    codes = pd.Series([str(i % 3) for i in range(200)])
    codes[row] = "unknown"
    frame = table.frame.assign(codes=codes, target=table.y)
    assert "codes" in {c.name for c in prepare(read_table(frame), 1).preprocessing.categorical}


def test_saved_and_loaded_are_equal_and_writing_to_a_map_stays_there(
    tmp_path: Path,
) -> None:
    prepared = prepare(mixed_table(), seed=1)
    save_prepared(prepared, tmp_path / "deep" / "study")
    loaded = load_prepared(tmp_path / "deep" / "study")
    assert loaded.preprocessing == prepared.preprocessing
    assert loaded.feature_names == prepared.feature_names
    for name in ARRAYS:
        array = getattr(loaded, name)
        assert np.array_equal(array, getattr(prepared, name))
        assert isinstance(array, np.memmap)
        array[0] = 0  # copy-on-write: the other workers' pages and the file stay as they are
    assert np.array_equal(load_prepared(tmp_path / "deep" / "study").x_train, prepared.x_train)


def test_saving_again_leaves_open_maps_and_no_other_files(tmp_path: Path) -> None:
    save_prepared(prepare(mixed_table(), seed=1), tmp_path)
    loaded = load_prepared(tmp_path)
    before = loaded.x_train.copy()
    save_prepared(prepare(mixed_table(), seed=2), tmp_path)
    assert np.array_equal(loaded.x_train, before)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*(f"{name}.npy" for name in ARRAYS), "preprocessing.json"]
    )


def test_a_missing_or_damaged_folder_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold prepared data"):
        load_prepared(tmp_path / "none")
    save_prepared(prepare(mixed_table(), seed=1), tmp_path)
    (tmp_path / "x_train.npy").write_bytes(b"damaged")
    with pytest.raises(DataError, match="Prepare it again"):
        load_prepared(tmp_path)
