"""Classes and the positive label are decided by rules that anyone can repeat."""

import numpy as np
import pandas as pd
import pytest

from objectives.errors import DataError
from objectives.table.columns import cell_text, read_column
from objectives.table.target import read_target


def labels_of(values: list[object]) -> tuple[str, ...]:
    return read_target(read_column(pd.Series(values, name="t")), minimum=1).labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 0, 1], ("0", "1")),
        ([1, 2, 2, 2], ("1", "2")),
        ([-1.0, 0.5], ("-1", "0.5")),
        (["0", "1", "1"], ("0", "1")),
        ([True, True, False], ("False", "True")),
        (["yes", "yes", "no"], ("no", "yes")),
        (["T", "T", "F"], ("F", "T")),
        (["negative", "hypothyroid", "hypothyroid"], ("negative", "hypothyroid")),
        (["POSITIVE ", "POSITIVE ", "other"], ("other", "POSITIVE")),
        (["Remote", "Not remote", "Not remote"], ("Not remote", "Remote")),
        (["Not remote", "Remote", "Remote"], ("Remote", "Not remote")),
        (["b", "a"], ("a", "b")),
    ],
)
def test_the_positive_label_follows_the_rules(
    values: list[object], labels: tuple[str, str]
) -> None:
    assert labels_of(values) == labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([10, 9, 2, 10], ("2", "9", "10")),
        (["10", "9", "2"], ("2", "9", "10")),
        ([1.5, -1, 0], ("-1", "0", "1.5")),
        (["b", "c", "a", "c"], ("a", "b", "c")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["01", "02", "10"], ("01", "02", "10")),
        (list(range(20)), tuple(str(i) for i in range(20))),
        ([f"{i:03d}" for i in range(100)], tuple(f"{i:03d}" for i in range(100))),
    ],
)
def test_more_classes_stand_in_the_order_of_their_numbers_or_texts(
    values: list[object], labels: tuple[str, ...]
) -> None:
    read = read_target(read_column(pd.Series(values, name="t")), minimum=1)
    assert read.labels == labels
    as_written = [labels.index(cell_text(value)) for value in values]
    assert read.y.tolist() == as_written and read.y.dtype == np.int64


def test_blanks_around_a_label_are_no_part_of_it() -> None:
    read = read_target(read_column(pd.Series([" yes", "yes ", "no", "  "], name="t")), minimum=1)
    assert (read.labels, read.y.tolist()) == (("no", "yes"), [1, 1, 0])
    assert read.kept.tolist() == [True, True, True, False]


def test_a_category_without_rows_is_no_class() -> None:
    column = pd.Series(pd.Categorical(["a", "b", "a"], categories=["a", "b", "c"]), name="t")
    assert read_target(column, minimum=1).labels == ("a", "b")


@pytest.mark.parametrize(
    ("values", "positive", "labels"),
    [
        (["yes", "no"], "no", ("yes", "no")),
        (["yes", "no"], "yes", ("no", "yes")),
        (["Yes", "No"], "no", ("Yes", "No")),
        ([0, 1], "0", ("1", "0")),
        ([0, 1], "0.0", ("1", "0")),
        ([True, False], "False", ("True", "False")),
        ([" a", "b "], " a", ("b", "a")),
    ],
)
def test_the_positive_label_that_is_said_wins(
    values: list[object], positive: str, labels: tuple[str, str]
) -> None:
    column = read_column(pd.Series(values, name="t"))
    assert read_target(column, minimum=1, positive=positive).labels == labels


@pytest.mark.parametrize(
    ("values", "positive", "words"),
    [
        (["yes", "no"], "yess", "a label of target `t`, `no`, `yes`; got `yess`. Did you mean"),
        (["a", "b", "c"], "a", "--positive chooses between two classes; target `t` has 3"),
    ],
)
def test_a_positive_label_that_is_none_gets_a_sentence(
    values: list[object], positive: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_target(read_column(pd.Series(values, name="t")), minimum=1, positive=positive)


def test_y_marks_the_positive_rows_and_skips_missing_ones() -> None:
    column = read_column(pd.Series(["no", None, "yes", "no"], name="t"))
    assert read_target(column, minimum=1).y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([None, None], "every cell of it is empty"),
        (["a", "a"], "every row is `a`"),
        ([i / 7 for i in range(300)], "got 300 different numbers, which looks like a regression"),
        (list(range(21)), "at most 20 numbers for classes; got 21 different numbers"),
        ([f"name {i}" for i in range(300)], "must have at most 100 classes; got 300"),
        (list("aabbc"), "at least 2 rows of each class.*got 1 of `c`"),
        ([0, 0, 1], "at least 2 rows of each class"),
    ],
)
def test_a_target_of_no_classes_gets_a_sentence(values: list[object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_target(read_column(pd.Series(values, name="t")), minimum=2)
