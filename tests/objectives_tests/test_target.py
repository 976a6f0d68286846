"""Which label is positive is decided by rules that anyone can repeat."""

import pandas as pd
import pytest

from objectives.columns import read_column
from objectives.errors import DataError
from objectives.target import read_target


def labels_of(values: list[object]) -> tuple[str, str]:
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
        (["POSITIVE ", "POSITIVE ", "other"], ("other", "POSITIVE ")),
        (["Remote", "Not remote", "Not remote"], ("Not remote", "Remote")),
        (["Not remote", "Remote", "Remote"], ("Remote", "Not remote")),
        (["b", "a"], ("a", "b")),
    ],
)
def test_the_positive_label_follows_the_rules(
    values: list[object], labels: tuple[str, str]
) -> None:
    assert labels_of(values) == labels


def test_y_marks_the_positive_rows_and_skips_missing_ones() -> None:
    column = read_column(pd.Series(["no", None, "yes", "no"], name="t"))
    assert read_target(column, minimum=1).y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([None, None], "every cell of it is empty"),
        (["a", "a"], "every row is `a`"),
        ([1, 2, 3], "got 3, and multiclass targets are not supported yet"),
        (list("abc"), "multiclass targets are not supported yet"),
        ([i / 7 for i in range(300)], "got 300 different numbers, which looks like a regression"),
        ([f"name {i}" for i in range(300)], "got 300, and multiclass"),
        ([0, 0, 1], "at least 2 rows of each class"),
    ],
)
def test_a_target_without_two_classes_gets_a_sentence(values: list[object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_target(read_column(pd.Series(values, name="t")), minimum=2)
