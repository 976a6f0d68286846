"""Training, validation and test rows: disjoint, complete, stratified, whole groups, repeatable."""

import hashlib
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import make_table
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from objectives.errors import DataError
from objectives.splitting.split import (
    FEW_ROWS,
    MIN_ROWS_PER_CLASS,
    Split,
    default_folds,
    split_rows,
    split_table,
)

Ints = NDArray[np.int64]

classes = st.lists(st.integers(MIN_ROWS_PER_CLASS, 80), min_size=2, max_size=6)
seeds = st.integers(0, 2**70)


def rows_of(counts: list[int]) -> Ints:
    """Return classes 0, 1, ... in these numbers, in an order that looks like a file's."""
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(len(y)).permutation(y)


def parts_of(split: Split) -> list[Ints]:
    return [split.test, *(rows for fold in split.folds for rows in fold)]


def assert_sound(split: Split, y: Ints) -> None:
    """Every fold and the test rows make up all rows, and every part holds every class."""
    for train, validation in split.folds:
        together = np.concatenate([train, validation, split.test])
        assert np.array_equal(np.sort(together), np.arange(len(y)))
    if len(split.folds) > 1:
        validated = np.concatenate([validation for _, validation in split.folds])
        assert len(validated) == len(np.unique(validated)) == len(y) - len(split.test)
    for part in parts_of(split):
        assert part.dtype == np.int64
        assert np.all(np.diff(part) > 0)
        assert set(y[part]) == set(y)


def assert_whole(split: Split, groups: Ints) -> None:
    for train, validation in split.folds:
        sides = [set(groups[part]) for part in (train, validation, split.test)]
        assert sum(map(len, sides)) == len(set(groups))


# Each row alone


@given(counts=classes, seed=seeds)
def test_parts_are_disjoint_complete_and_hold_every_class(counts: list[int], seed: int) -> None:
    y = rows_of(counts)
    assert_sound(split_rows(y, seed), y)


@given(counts=classes, seed=seeds, folds=st.integers(2, 7))
def test_each_row_validates_once_in_folds_that_hold_every_class(
    counts: list[int], seed: int, folds: int
) -> None:
    y = rows_of([max(count, folds + 1) for count in counts])
    split = split_rows(y, seed, folds=folds)
    assert len(split.folds) == folds
    assert_sound(split, y)


def test_parts_are_60_20_20_in_the_proportion_of_the_classes() -> None:
    y = np.repeat([0, 1], [900, 100])
    split = split_rows(y, 3)
    ((train, validation),) = split.folds
    assert [len(p) for p in (train, validation, split.test)] == [600, 200, 200]
    assert [int(y[p].sum()) for p in (train, validation, split.test)] == [60, 20, 20]


def test_five_folds_are_the_80_percent_that_are_not_test_rows() -> None:
    y = np.repeat([0, 1], [900, 100])
    split = split_rows(y, 3, folds=5)
    assert np.array_equal(split.test, split_rows(y, 3).test)
    for train, validation in split.folds:
        assert [len(train), len(validation)] == [640, 160]
        assert [int(y[train].sum()), int(y[validation].sum())] == [64, 16]


def test_the_seed_alone_decides() -> None:
    y = np.repeat([0, 1], [50, 50])
    assert np.array_equal(split_rows(y, 7).test, split_rows(y, 7).test)
    assert not np.array_equal(split_rows(y, 7).test, split_rows(y, 8).test)


def test_these_rows_are_the_test_rows_of_seed_0_for_ever() -> None:
    # A study is resumed by splitting again: a change here would leak test rows into training.
    y = np.repeat([0, 1], [10, 10])
    assert split_rows(y, 0).test.tolist() == [1, 2, 12, 18]
    grouped = split_rows(y, 0, groups=np.arange(20) // 2)
    assert grouped.test.tolist() == [2, 3, 14, 15]
    assert grouped.folds[0][1].tolist() == [4, 5, 18, 19]


@given(counts=st.lists(st.integers(20, 80), min_size=2, max_size=2), seed=st.integers(0, 2**40))
def test_a_hold_out_is_row_for_row_what_it_was_before_there_were_folds(
    counts: list[int], seed: int
) -> None:
    y = rows_of(counts)
    first, second = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=first)
    train, validation = train_test_split(
        rest, test_size=0.2 / 0.8, stratify=y[rest], random_state=second
    )
    split = split_rows(y, seed)
    assert np.array_equal(split.test, np.sort(test))
    assert np.array_equal(split.folds[0][0], np.sort(train))
    assert np.array_equal(split.folds[0][1], np.sort(validation))


@pytest.mark.parametrize("y", [[0] * 20, [0] * 20 + [1] * 4])
def test_too_few_rows_of_a_class_are_refused(y: list[int]) -> None:
    with pytest.raises(DataError, match="a split"):
        split_rows(y, 0)


def test_more_folds_than_rows_of_a_class_are_refused_by_its_name() -> None:
    with pytest.raises(DataError, match=r"8 folds .* at least 9 rows .* got 8 of `yes`.*fewer"):
        split_rows([0] * 50 + [1] * 8, 0, folds=8, labels=("no", "yes"))


# Rows together


@given(
    sizes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), min_size=1, max_size=60),
    seed=seeds,
    folds=st.integers(1, 5),
)
def test_groups_of_one_class_each_stay_whole_and_always_find_their_place(
    sizes: list[tuple[int, int]], seed: int, folds: int
) -> None:
    # As many groups of each class as there are parts, at the least.
    sizes = sizes + [(k, 2) for k in range(3) for _ in range(max(3, folds + 1))]
    y = np.repeat([k for k, _ in sizes], [size for _, size in sizes])
    groups = np.repeat(np.arange(len(sizes)), [size for _, size in sizes])
    order = np.random.default_rng(0).permutation(len(y))
    split = split_rows(y[order], seed, groups=groups[order], folds=folds)
    assert_sound(split, y[order])
    assert_whole(split, groups[order])


@given(data=st.data(), seed=seeds, folds=st.integers(1, 3))
def test_groups_of_any_kind_stay_whole_or_get_a_sentence(
    data: st.DataObject, seed: int, folds: int
) -> None:
    n = data.draw(st.integers(20, 120))
    y = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    groups = np.array(data.draw(st.lists(st.integers(-3, 40), min_size=n, max_size=n)))
    try:
        split = split_rows(y, seed, groups=groups, folds=folds)
    except DataError as error:
        assert "class" in str(error)
    else:
        assert_sound(split, y)
        assert_whole(split, groups)


def test_groups_of_one_row_are_no_groups() -> None:
    y = rows_of([70, 30])
    groups = np.random.default_rng(0).permutation(100)
    for folds in (1, 4):
        for ours, theirs in zip(
            parts_of(split_rows(y, 5, groups=groups, folds=folds)),
            parts_of(split_rows(y, 5, folds=folds)),
            strict=True,
        ):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("folds", [1, 5])
def test_parts_of_whole_groups_have_their_shares_of_every_class(folds: int) -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 1000, 10_000)
    y = (rng.random(10_000) < np.where(groups % 7 == 0, 0.5, 0.05)).astype(int)
    split = split_rows(y, 1, groups=groups, folds=folds)
    validation = 0.2 if folds == 1 else 0.16
    for rows, share in ((split.test, 0.2), (split.folds[0][1], validation)):
        assert len(rows) / 10_000 == pytest.approx(share, abs=0.01)
        assert y[rows].sum() / y.sum() == pytest.approx(share, abs=0.01)


def test_another_seed_deals_large_groups_another_way() -> None:
    groups = np.repeat(np.arange(40), np.arange(40, 80))  # all of different sizes
    y = groups % 2
    tests = {tuple(split_rows(y, seed, groups=groups).test) for seed in range(5)}
    assert len(tests) == 5


@pytest.mark.parametrize("rows_of_a_group", [1, 2, 5])
def test_a_million_rows_in_groups_are_split_within_ten_seconds(rows_of_a_group: int) -> None:
    # One group at a time, as scikit-learn does it, they would take minutes.
    rng = np.random.default_rng(0)
    groups = rng.permutation(1_000_000) // rows_of_a_group
    y = (rng.random(1_000_000) < 0.01).astype(np.int64)
    began = time.monotonic()
    split = split_rows(y, 0, groups=groups)
    assert time.monotonic() - began < 10
    assert len(split.test) == pytest.approx(200_000, rel=0.01)


def test_a_class_in_too_few_groups_is_refused_by_its_name() -> None:
    y, groups = np.repeat([0, 1], [60, 20]), np.r_[np.arange(60), np.repeat([60, 61], 10)]
    with pytest.raises(DataError, match=r"in at least 3 groups; `sick` is in 2\..*smaller groups"):
        split_rows(y, 0, groups=groups, labels=("well", "sick"))
    with pytest.raises(DataError, match="in at least 6 groups"):
        split_rows(y, 0, groups=groups, folds=5)


# By time


def test_the_latest_rows_are_the_test_rows_and_those_before_validate() -> None:
    times = np.random.default_rng(0).permutation(100).astype(float)
    y = (times % 3 == 0).astype(int)
    split = split_rows(y, 0, times=times)
    ((train, validation),) = split.folds
    assert set(times[train]) == set(range(60))
    assert set(times[validation]) == set(range(60, 80))
    assert set(times[split.test]) == set(range(80, 100))


@given(data=st.data())
def test_equal_times_stay_together_and_nothing_later_trains(data: st.DataObject) -> None:
    n = data.draw(st.integers(20, 150))
    times = np.array(data.draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)), float)
    groups = data.draw(
        st.none() | st.lists(st.integers(0, 40), min_size=n, max_size=n).map(np.array)
    )
    y = rows_of([n - n // 2, n // 2])
    try:
        split = split_rows(y, 0, times=times, groups=groups)
    except DataError as error:
        assert "by time" in str(error)
        return
    assert_sound(split, y)
    ((train, validation),) = split.folds
    if groups is not None:
        assert_whole(split, groups)
        assert times[train].max() < times[validation].max() < times[split.test].max()
    else:
        assert times[train].max() < times[validation].min()
        assert times[validation].max() < times[split.test].min()


@pytest.mark.parametrize(
    ("times", "folds", "says"),
    [
        (np.repeat([1.0, 2.0], 50), 1, "three different times at least.*got 2"),
        (np.arange(100.0), 1, "the test rows hold no row of `a`"),
        (np.r_[np.nan, np.arange(99.0)], 1, "time of every row"),
        (np.arange(100.0), 5, "one fold; got 5"),
    ],
)
def test_times_that_cannot_serve_get_a_sentence(times: Ints, folds: int, says: str) -> None:
    y = np.repeat([0, 1], [70, 30])
    with pytest.raises(DataError, match=says):
        split_rows(y, 0, times=times, folds=folds, labels=("a", "b"))


# Tables


def table_with_copies(n: int = 300) -> tuple[pd.DataFrame, Ints]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    frame.iloc[n // 2 :] = frame.iloc[: n - n // 2].to_numpy()[::-1]
    return frame, rng.integers(0, 2, n)


@pytest.mark.parametrize("folds", [1, 5])
def test_equal_rows_and_rows_of_a_group_stay_on_one_side(folds: int) -> None:
    frame, y = table_with_copies()
    groups = np.arange(300) // 3
    split = split_table(make_table(frame, y, groups=groups), 0, folds)
    assert_sound(split, y)
    assert_whole(split, groups)
    assert_whole(split, np.unique(frame["a"], return_inverse=True)[1])


def test_by_time_equal_rows_may_part() -> None:
    frame, y = table_with_copies()
    split = split_table(make_table(frame, y, times=np.arange(300.0)), 0)
    assert split.test.tolist() == list(range(240, 300))


def test_small_tables_have_five_folds_and_large_ones_or_those_with_times_one() -> None:
    rng = np.random.default_rng(0)

    def table(n: int, rare: int, **given: object) -> object:
        y = np.repeat([0, 1], [n - rare, rare])
        return make_table(pd.DataFrame({"a": rng.normal(size=n)}), y, **given)

    assert default_folds(table(FEW_ROWS, 900)) == 1
    assert default_folds(table(FEW_ROWS - 1, 900)) == 5
    assert default_folds(table(500, 200, times=np.arange(500.0))) == 1
    assert [default_folds(table(500, rare)) for rare in (5, 6, 7, 8)] == [4, 4, 5, 5]
    assert default_folds(table(500, 200, groups=np.arange(500) // 100)) == 1
    assert default_folds(table(500, 200, groups=np.arange(500) // 50)) == 3


@given(rare=st.integers(5, 12), common=st.integers(5, 60), size=st.integers(1, 4), seed=seeds)
def test_a_table_can_be_split_into_its_default_folds(
    rare: int, common: int, size: int, seed: int
) -> None:
    y = np.repeat([0, 1], [common * size, rare * size])
    frame = pd.DataFrame({"a": np.repeat(np.arange(float(common + rare)), size)})
    table = make_table(frame, y)
    assert_sound(split_table(table, seed, default_folds(table)), y)


# Everywhere the same


def digest_of_splits() -> str:
    """Return a hash of splits of every kind."""
    rng = np.random.default_rng(3)
    y, groups = rng.integers(0, 3, 400), rng.integers(0, 90, 400)
    digest = hashlib.sha256()
    for given_ in ({}, {"folds": 5}, {"groups": groups}, {"groups": groups, "folds": 4}):
        for part in parts_of(split_rows(y, 11, **given_)):
            digest.update(part.tobytes())
    return digest.hexdigest()


def test_another_process_splits_alike() -> None:
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
    code += "import test_split\nprint(test_split.digest_of_splits())"
    paths = [os.getcwd(), os.path.join(os.getcwd(), "tests")]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == digest_of_splits()
