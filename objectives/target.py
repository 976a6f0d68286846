"""The binary target: which two labels it has and which of them is the positive one.

The positive class is the one whose probability a model gives, so the choice must be the same for
everyone who reads the same column. The rules, in order:

1. two numbers: the larger;
2. text where one label affirms ("yes", "true", "positive", ...) or the other denies ("no", ...);
3. otherwise the rarer label, since what is looked for is mostly rare;
4. equally frequent labels: the second in alphabetical order.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.columns import cell_text
from objectives.errors import DataError

AFFIRMING = frozenset({"1", "true", "t", "yes", "y", "positive", "pos", "+"})
DENYING = frozenset({"0", "false", "f", "no", "n", "negative", "neg", "-"})

# Rows of each label; the labels are all float or all str.
Counts = dict[Any, int]

# Above this many different numbers, the target is taken for a measured quantity.
MAX_NUMERIC_CLASSES = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """Labels (negative, positive) as text, and y (n_rows,) int8 with 1 for positive."""

    labels: tuple[str, str]
    y: npt.NDArray[np.int8]


def read_target(column: pd.Series, *, minimum: int) -> Target:
    """Read a typed column (see `columns`) as a binary target; missing cells are left out of `y`.

    Args:
        column: float64 or text-category.
        minimum: rows that each class must have.

    Raises:
        DataError: not exactly two classes, or fewer than `minimum` rows of one.
    """
    present = column.dropna()
    cells = present.astype(object)
    counts: Counts = Counter(cells.tolist())
    _check_two_classes(column, counts)
    negative, positive = _order(counts)
    y = (cells == positive).to_numpy().astype(np.int8)
    for label in (negative, positive):
        if counts[label] < minimum:
            raise DataError(
                f"target `{column.name}` must have at least {minimum} rows of each class, so that "
                f"training, validation and test rows each hold one; got {counts[label]} of "
                f"`{cell_text(label)}`. Add rows of that class."
            )
    return Target(labels=(cell_text(negative), cell_text(positive)), y=y)


def _check_two_classes(column: pd.Series, counts: Counts) -> None:
    name, found = column.name, len(counts)
    if found == 0:
        raise DataError(f"target `{name}` must have two classes; every cell of it is empty.")
    if found == 1:
        only = cell_text(next(iter(counts)))
        raise DataError(
            f"target `{name}` must have two classes; every row is `{only}`. "
            "Name another column with --target."
        )
    if found > MAX_NUMERIC_CLASSES and column.dtype == np.float64:
        raise DataError(
            f"target `{name}` must have two classes; got {found} different numbers, which looks "
            "like a regression target. Name a column with two classes with --target."
        )
    if found > 2:
        raise DataError(
            f"target `{name}` must have two classes; got {found}, and multiclass targets are not "
            "supported yet. Keep two of the classes, or name another column with --target."
        )


def _order(counts: Counts) -> tuple[Any, Any]:
    first, second = sorted(counts)
    if not isinstance(first, str):
        return first, second
    words = (first.strip().casefold(), second.strip().casefold())
    said = tuple((word in AFFIRMING) - (word in DENYING) for word in words)
    if said[0] != said[1]:
        return (first, second) if said[1] > said[0] else (second, first)
    if counts[first] < counts[second]:
        return second, first
    return first, second
