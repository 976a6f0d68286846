"""Training, validation and test rows: disjoint, complete, stratified, repeatable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.errors import DataError
from objectives.split import MIN_ROWS_PER_CLASS, split_rows


@given(
    negatives=st.integers(MIN_ROWS_PER_CLASS, 2000),
    positives=st.integers(MIN_ROWS_PER_CLASS, 60),
    seed=st.integers(0, 2**70),
)
def test_parts_are_disjoint_complete_and_hold_both_classes(
    negatives: int, positives: int, seed: int
) -> None:
    y = np.repeat(np.array([0, 1], dtype=np.int8), [negatives, positives])
    split = split_rows(y, seed)
    parts = (split.train, split.validation, split.test)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    for part in parts:
        assert part.dtype == np.int64
        assert np.all(np.diff(part) > 0)
        assert set(y[part]) == {0, 1}


def test_parts_are_60_20_20_in_the_proportion_of_the_classes() -> None:
    y = np.repeat([0, 1], [900, 100])
    split = split_rows(y, 3)
    assert [len(p) for p in (split.train, split.validation, split.test)] == [600, 200, 200]
    assert [int(y[p].sum()) for p in (split.train, split.validation, split.test)] == [60, 20, 20]


def test_the_seed_alone_decides() -> None:
    y = np.repeat([0, 1], [50, 50])
    assert np.array_equal(split_rows(y, 7).test, split_rows(y, 7).test)
    assert not np.array_equal(split_rows(y, 7).test, split_rows(y, 8).test)


def test_these_rows_are_the_test_rows_of_seed_0_for_ever() -> None:
    # A study is resumed by splitting again: a change here would leak test rows into training.
    y = np.repeat([0, 1], [10, 10])
    assert split_rows(y, 0).test.tolist() == [1, 2, 12, 18]


@pytest.mark.parametrize("y", [[0] * 20, [0] * 20 + [1] * 4])
def test_too_few_rows_of_a_class_are_refused(y: list[int]) -> None:
    with pytest.raises(DataError, match="a split"):
        split_rows(y, 0)
