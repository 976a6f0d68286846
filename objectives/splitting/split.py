"""Which rows train, which validate and which wait for the report.

One split is made per study, from the table and the study's seed alone, so that every trial and
every worker sees the same rows. The test rows belong to the report and to nobody else. The other
rows either fall into training and validation rows once, or into K folds, each of which validates
what the other K - 1 trained. Three ways, one of which serves:

    each row alone     by chance, each part with the classes in the table's proportion
    rows together      the same, with whole groups (`dealing`)
    by time            the latest rows are the test rows, those before them validate

Next: `preparation` turns the training and validation rows into arrays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, train_test_split

from objectives.errors import DataError
from objectives.splitting.dealing import deal
from objectives.splitting.duplicates import rows_together

if TYPE_CHECKING:
    from objectives.table.dataset import Table  # which reads MIN_ROWS_PER_CLASS here

Rows = npt.NDArray[np.int64]

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2

# With five rows, 60/20/20 leaves three, one and one: the fewest that give every part the class.
MIN_ROWS_PER_CLASS = 5
# Below this many rows the luck of one validation part would decide which trial wins.
FEW_ROWS = 2000
FOLDS = 5  # of a table with few rows
FAR_FROM_SHARE = 0.03  # of the rows, by which copies may make a part larger or smaller


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Row numbers, ascending int64; test, training and validation rows of a fold are all rows.

    Attributes:
        test: the rows that no fold holds.
        folds: (training rows, validation rows) of each fold; one fold is a hold-out. In several
            folds, each row validates once.
    """

    test: Rows
    folds: tuple[tuple[Rows, Rows], ...]


def split_table(table: "Table", seed: int, folds: int = 1) -> Split:
    """Split a table; equal rows and rows of a group stay together (`duplicates`).

    By time, equal rows of different times may part: what came before may come again, then as now.

    Raises:
        DataError: as for `split_rows`.
    """
    together = table.groups
    if table.times is None:
        together = rows_together(table.frame, table.groups)
        if together is not None and table.groups is None:
            split = _copies_follow(np.asarray(table.y, dtype=np.int64), together, seed, folds)
            if split is not None:
                return split
    return split_rows(
        table.y, seed, folds=folds, groups=together, times=table.times, labels=table.labels
    )


def _copies_follow(y: Rows, copies: Rows, seed: int, folds: int) -> Split | None:
    """Split the first row of each set of copies row by row, and let the others follow it.

    A few lines of scikit-learn can do the same, which `script_split` counts on. None where a part
    would lack a class or be far from its size, for `dealing` to do better.
    """
    first, second = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    different = np.sort(np.unique(copies, return_index=True)[1])
    if np.bincount(y[different], minlength=int(y.max()) + 1).min() < MIN_ROWS_PER_CLASS:
        return None
    split = _alone(y[different], folds, first, second)
    if split is None:
        return None

    def rows(part: Rows) -> Rows:
        return np.flatnonzero(np.isin(copies, copies[different[part]]))

    whole = Split(test=rows(split.test), folds=tuple((rows(t), rows(v)) for t, v in split.folds))
    parts = [whole.test] + ([whole.folds[0][1]] if folds == 1 else [])
    far = max(abs(len(part) / len(y) - TEST_SHARE) for part in parts)
    return whole if far < FAR_FROM_SHARE and _lacking(whole, y) is None else None


def default_folds(table: "Table") -> int:
    """Return the folds of a study that names none: FOLDS when rows are few, else 1.

    A class in too few rows (or groups of them) for FOLDS folds and a test part lowers the number.
    """
    if table.times is not None or len(table.y) >= FEW_ROWS:
        return 1
    y = np.asarray(table.y, dtype=np.int64)
    groups = rows_together(table.frame, table.groups)
    fewest = int(_groups_of_class(y, np.arange(len(y)) if groups is None else groups).min())
    folds = min(FOLDS, fewest - math.ceil(TEST_SHARE * fewest))
    return folds if folds > 1 else 1


def split_rows(
    y: npt.ArrayLike,
    seed: int,
    *,
    folds: int = 1,
    groups: npt.ArrayLike | None = None,
    times: npt.ArrayLike | None = None,
    labels: Sequence[str] | None = None,
) -> Split:
    """Split rows 60/20/20 into training, validation and test rows, or 80/20 with K folds.

    Args:
        y: (n_rows,) class of each row; at least MIN_ROWS_PER_CLASS rows of each of K >= 2 classes.
        seed: any int >= 0; the same arguments give the same split in every process. The test rows
            of a seed are the same for every number of folds, unless a class is very rare.
        folds: 1 for a hold-out, or how many.
        groups: (n_rows,) rows with the same number stay on one side of every split.
        times: (n_rows,) finite; the latest rows are the test rows, and equal times stay together. A
            group is as late as its latest row, so that nothing later than a test row trains.
        labels: names of the classes for a message, in the order of the numbers in `y`.

    Raises:
        DataError: too few rows, groups or times to give every part every class.
    """
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    names = [f"`{labels[int(c)]}`" for c in classes] if labels else ["one class"] * len(classes)
    _check_classes(codes, folds, names)
    together = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if times is not None:
        return _by_time(codes, np.asarray(times, dtype=np.float64), together, folds, names)
    first, second = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    if together is None or together.max() + 1 == len(codes):
        split = _alone(codes, folds, first, second)
        if split is not None and _lacking(split, codes) is None:
            return split
        together = np.arange(len(codes))  # very few rows of a class: dealt out one by one
    return _together(codes, together, folds, first, second, names)


def _alone(y: Rows, folds: int, first: int, second: int) -> Split | None:
    """Split row by row; None where a class has too few rows for that many folds."""
    rows = np.arange(len(y), dtype=np.int64)
    rest, test = train_test_split(
        rows, test_size=TEST_SHARE, stratify=y, shuffle=True, random_state=first
    )
    if folds == 1:
        share = VALIDATION_SHARE / (1 - TEST_SHARE)
        train, validation = train_test_split(
            rest, test_size=share, stratify=y[rest], shuffle=True, random_state=second
        )
        return Split(test=np.sort(test), folds=((np.sort(train), np.sort(validation)),))
    rest = np.sort(rest)
    if np.bincount(y[rest]).min() < folds:
        return None
    parts = StratifiedKFold(folds, shuffle=True, random_state=second).split(rest, y[rest])
    return Split(test=np.sort(test), folds=tuple((rest[t], rest[v]) for t, v in parts))


def _together(
    y: Rows, groups: Rows, folds: int, first: int, second: int, names: Sequence[str]
) -> Split:
    """Split by whole groups: first the test rows, then the rest."""
    shares = [1 / folds] * folds if folds > 1 else [1 - VALIDATION_SHARE / (1 - TEST_SHARE)]
    shares += [] if folds > 1 else [1 - shares[0]]
    _check_groups(y, groups, 1 + len(shares), names)
    aside = deal(y, groups, [1 - TEST_SHARE, TEST_SHARE], needs=[len(shares), 1], seed=first)
    rest = np.flatnonzero(aside == 0)
    renumbered = np.unique(groups[rest], return_inverse=True)[1]
    part = deal(y[rest], renumbered, shares, needs=[1] * len(shares), seed=second)
    validating = range(folds) if folds > 1 else [1]
    split = Split(
        test=np.flatnonzero(aside == 1),
        folds=tuple((rest[part != k], rest[part == k]) for k in validating),
    )
    if (lacking := _lacking(split, y)) is not None:
        raise DataError(
            "the groups of rows that stay together must give every part every class; no way was "
            f"found to give rows of {names[lacking[1]]} to the {lacking[0]} rows. Take fewer folds "
            "or smaller groups."
        )
    return split


def _by_time(
    y: Rows,
    times: npt.NDArray[np.float64],
    groups: Rows | None,
    folds: int,
    names: Sequence[str],
) -> Split:
    if folds != 1:
        raise DataError(f"a split by time has one fold; got {folds}. Leave the folds out.")
    if not np.isfinite(times).all():
        raise DataError("a split by time needs the time of every row; got gaps. Fill them.")
    if groups is not None:
        latest = np.full(int(groups.max()) + 1, -np.inf)
        np.maximum.at(latest, groups, times)
        times = latest[groups]
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) < 3:
        raise DataError(
            "a split by time needs three different times at least, for training, validation and "
            f"test rows; got {len(moments)}. Name another column with --time, or leave it out."
        )
    until = np.cumsum(counts)[:-1] / len(times)  # share of the rows until each moment but the last
    test_after = 1 + int(np.argmin(np.abs(until[1:] - (1 - TEST_SHARE))))
    trained = 1 - TEST_SHARE - VALIDATION_SHARE
    validation_after = int(np.argmin(np.abs(until[:test_after] - trained)))
    part = np.searchsorted(moments[[validation_after, test_after]], times, side="left")
    split = Split(
        test=np.flatnonzero(part == 2),
        folds=((np.flatnonzero(part == 0), np.flatnonzero(part == 1)),),
    )
    if (lacking := _lacking(split, y)) is not None:
        raise DataError(
            "in a split by time, training, validation and test rows must each hold every class; "
            f"the {lacking[0]} rows hold no row of {names[lacking[1]]}. "
            "Name another column with --time, or leave it out."
        )
    return split


def _lacking(split: Split, y: Rows) -> tuple[str, int] | None:
    """Return the name of a part that lacks a class, and that class; None where all have all."""
    parts = [("test", split.test)]
    for train, validation in split.folds:
        parts += [("training", train), ("validation", validation)]
    for name, rows in parts:
        missing = np.flatnonzero(np.bincount(y[rows], minlength=int(y.max()) + 1) == 0)
        if len(missing):
            return name, int(missing[0])
    return None


def _groups_of_class(y: Rows, groups: Rows) -> Rows:
    """Return how many groups hold each class, (K,)."""
    n_classes = int(y.max()) + 1
    return np.bincount(np.unique(groups * n_classes + y) % n_classes)


def _check_classes(y: Rows, folds: int, names: Sequence[str]) -> None:
    counts = np.bincount(y)
    if len(counts) < 2:
        raise DataError(
            f"a split needs rows of two classes; got {len(counts)}. Give a target with two classes."
        )
    fewest = int(counts.argmin())
    if counts[fewest] < MIN_ROWS_PER_CLASS:
        raise DataError(
            f"a split into training, validation and test rows needs at least {MIN_ROWS_PER_CLASS} "
            f"rows of each class; got {counts[fewest]} of {names[fewest]}. "
            "Add rows of that class."
        )
    if counts[fewest] <= folds:
        raise DataError(
            f"a split into {folds} folds and test rows needs at least {folds + 1} rows of each "
            f"class; got {counts[fewest]} of {names[fewest]}. Take fewer folds."
        )


def _check_groups(y: Rows, groups: Rows, parts: int, names: Sequence[str]) -> None:
    counts = _groups_of_class(y, groups)
    fewest = int(counts.argmin())
    if counts[fewest] < parts:
        raise DataError(
            "rows of one group, and rows equal in every column, stay on one side of a split, so "
            f"each class must be in at least {parts} groups; {names[fewest]} is in "
            f"{counts[fewest]}. Take fewer folds or smaller groups."
        )
