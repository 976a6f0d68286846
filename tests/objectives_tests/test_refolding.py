"""Fresh folds: the same test rows, other folds of the rest, by the rules of the split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import make_table
from numpy.typing import NDArray

from objectives.features.preparation import prepare
from objectives.splitting.refolding import refold
from objectives.splitting.split import MIN_ROWS_PER_CLASS, Split, split_table
from objectives.table.dataset import Table

Ints = NDArray[np.int64]


def _table(n: int = 300, n_classes: int = 2, **given: object) -> Table:
    rng = np.random.default_rng(n)
    y = rng.permutation(np.arange(n) % n_classes)
    return make_table(pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)}), y, **given)


def _assert_sound(split: Split, y: Ints) -> None:
    """Every fold and the test rows are all rows; every part has every class and ascends."""
    for train, validation in split.folds:
        rows = np.concatenate([train, validation, split.test])
        assert np.array_equal(np.sort(rows), np.arange(len(y)))
        for part in (train, validation):
            assert part.dtype == np.int64
            assert (np.diff(part) > 0).all()
            assert set(y[part]) == set(y)
    if len(split.folds) > 1:
        validated = np.concatenate([validation for _, validation in split.folds])
        assert np.array_equal(np.sort(np.concatenate([validated, split.test])), np.arange(len(y)))


def _same(a: Split, b: Split) -> bool:
    pairs = zip(a.folds, b.folds, strict=True)
    return all(np.array_equal(v, w) for (_, v), (_, w) in pairs)


@pytest.mark.parametrize("n_folds", [1, 5])
def test_folds_are_fresh_and_test_rows_the_same(n_folds: int) -> None:
    table = _table()
    split = split_table(table, 3, n_folds)
    fresh = [refold(table, split, seed) for seed in (1, 2)]
    for each in fresh:
        assert np.array_equal(each.test, split.test)
        assert len(each.folds) == n_folds
        _assert_sound(each, table.y)
        assert not _same(each, split)
    assert not _same(*fresh)
    assert _same(fresh[0], refold(table, split, 1)), "a seed gives the same folds again"
    sizes = [len(validation) for _, validation in split.folds]
    assert [len(validation) for _, validation in fresh[0].folds] == pytest.approx(sizes, abs=2)


@given(
    counts=st.lists(st.integers(MIN_ROWS_PER_CLASS, 30), min_size=2, max_size=4),
    n_folds=st.integers(1, 4),
    copies=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_folds_of_small_tables_are_sound(
    counts: list[int], n_folds: int, copies: bool, seed: int
) -> None:
    counts = [count + 5 * n_folds for count in counts]
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    x = np.arange(len(y), dtype=np.float64)
    if copies:
        x[: len(y) // 4] = x[len(y) // 4 : 2 * (len(y) // 4)]  # a quarter of the rows comes twice
    table = make_table(pd.DataFrame({"x": x, "z": 0.5 * x}), y)
    split = split_table(table, seed, n_folds)
    fresh = refold(table, split, seed + 1)
    assert np.array_equal(fresh.test, split.test)
    _assert_sound(fresh, y)
    for train, validation in fresh.folds:
        assert not np.isin(x[train], x[validation]).any(), "copies stay on one side"


@pytest.mark.parametrize("n_folds", [1, 4])
def test_groups_stay_whole(n_folds: int) -> None:
    groups = np.arange(400) // 4
    table = _table(400, groups=np.random.default_rng(0).permutation(groups))
    split = split_table(table, 0, n_folds)
    fresh = refold(table, split, 1)
    assert np.array_equal(fresh.test, split.test)
    assert not _same(fresh, split)
    _assert_sound(fresh, table.y)
    for train, validation in fresh.folds:
        assert not set(table.groups[train]) & set(table.groups[validation])  # type: ignore[index]


def test_by_time_there_is_one_way() -> None:
    table = _table(times=np.arange(300, dtype=np.float64))
    split = split_table(table, 0)
    assert refold(table, split, 1) is split


def test_prepared_data_have_the_fresh_folds_and_the_same_test_rows() -> None:
    table = _table()
    usual, fresh, again = (prepare(table, 3, 4, refold_seed=seed) for seed in (None, 1, 1))
    assert np.array_equal(usual.test_rows, fresh.test_rows)
    rows = [fold.validation.rows for fold in fresh.folds]
    assert not np.array_equal(rows[0], usual.folds[0].validation.rows)
    assert all(np.array_equal(a, b.validation.rows) for a, b in zip(rows, again.folds, strict=True))
    fitted = [fold.preprocessing for fold in fresh.folds]
    assert fitted != [fold.preprocessing for fold in usual.folds], "fitted on the fresh rows"
