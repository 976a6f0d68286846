"""The classes of the target and, where there are two, which of them is the positive one.

The positive class is the one whose probability a model gives, so the choice must be the same for
everyone who reads the same column. A person's word comes first; else the rules, in order:

1. two numbers: the larger;
2. text where one label affirms ("yes", "true", "positive", ...) or the other denies ("no", ...);
3. otherwise the rarer label, since what is looked for is mostly rare;
4. equally frequent labels: the second in alphabetical order.

More than two classes stand in the order of their numbers, or of their texts.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.errors import DataError
from objectives.table.cells import cell_text, level_text
from objectives.table.naming import listed, quoted

Int64 = npt.NDArray[np.int64]

AFFIRMING = frozenset({"1", "true", "t", "yes", "y", "positive", "pos", "+"})
DENYING = frozenset({"0", "false", "f", "no", "n", "negative", "neg", "-"})

# Words that say that a label is not known. "None" is none of them: it may be a grade.
NO_LABELS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "null", "?"})

# Above this many different numbers, the target is taken for a measured quantity.
MAX_NUMERIC_CLASSES = 20
MAX_CLASSES = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """The target of the rows that have one.

    Attributes:
        labels: the K classes as text; (negative, positive) for two.
        y: (n_kept,) int64, the place of each row's class in `labels`.
        kept: (n_rows,) bool, whether a row has a target.
    """

    labels: tuple[str, ...]
    y: Int64
    kept: npt.NDArray[np.bool_]


def read_target(column: pd.Series, *, minimum: int, positive: str | None = None) -> Target:
    """Read a typed column (see `columns.read_column`) as classes; blanks around a label are cut.

    Args:
        column: float64 or text-category.
        minimum: rows that each class must have.
        positive: label of the positive class; None follows the rules.

    Raises:
        DataError: fewer than two classes or too many, fewer than `minimum` rows of one, or
            `positive` is none of them.
    """
    numeric = column.dtype == np.float64
    labels, codes = _numbers(column) if numeric else _texts(column)
    kept = codes >= 0
    counts = np.bincount(codes[kept], minlength=len(labels))
    labels, codes, counts = _met(labels, codes, counts)
    _check_classes(str(column.name), labels, numeric)
    order = _order(str(column.name), labels, counts, numeric, positive)
    labels, counts = tuple(labels[i] for i in order), counts[order]
    _check_rows(str(column.name), labels, counts, minimum)
    y = np.argsort(order)[codes[kept]].astype(np.int64)
    return Target(labels=labels, y=y, kept=kept)


def _numbers(column: pd.Series) -> tuple[tuple[str, ...], Int64]:
    values, codes = np.unique(column.to_numpy(np.float64), return_inverse=True)
    n = int(np.count_nonzero(~np.isnan(values)))  # NaN sorts last
    # A measured quantity may have a million values, whose names nobody wants.
    labels = tuple(cell_text(v) for v in values[: min(n, MAX_NUMERIC_CLASSES)])
    labels += ("",) * (n - len(labels))
    return labels, np.where(codes < n, codes, -1).astype(np.int64)


def _texts(column: pd.Series) -> tuple[tuple[str, ...], Int64]:
    cut = [str(level).strip() for level in column.cat.categories]
    labels = sorted(set(cut) - {""})
    known = [label for label in labels if label.casefold() not in NO_LABELS]
    if len(known) > 1:  # otherwise one of the words may be a class
        labels = known
    place = {label: i for i, label in enumerate(labels)}
    places = np.array([place.get(label, -1) for label in cut] + [-1], dtype=np.int64)
    return tuple(labels), places[column.cat.codes.to_numpy()]


def _met(
    labels: tuple[str, ...], codes: Int64, counts: Int64
) -> tuple[tuple[str, ...], Int64, Int64]:
    """Leave out labels without a row, as a DataFrame's category may have them."""
    met = np.flatnonzero(counts)
    places = np.full(len(labels) + 1, -1, dtype=np.int64)
    places[met] = np.arange(len(met))
    return tuple(labels[i] for i in met), places[codes], counts[met]


def _check_classes(name: str, labels: Sequence[str], numeric: bool) -> None:
    found = len(labels)
    if found == 0:
        raise DataError(
            f"target {quoted(name)} must have two classes or more; every cell of it is empty. "
            "Name another column with --target."
        )
    if found == 1:
        raise DataError(
            f"target {quoted(name)} must have two classes or more; every row is "
            f"{quoted(labels[0])}. Name another column with --target."
        )
    if numeric and found > MAX_NUMERIC_CLASSES:
        raise DataError(
            f"target {quoted(name)} must have at most {MAX_NUMERIC_CLASSES} numbers for classes; "
            f"got {found} different numbers, which looks like a regression target. "
            "Name a column of classes with --target."
        )
    if found > MAX_CLASSES:
        raise DataError(
            f"target {quoted(name)} must have at most {MAX_CLASSES} classes; got {found:,}. "
            "Join rare classes, or name another column with --target."
        )


def _check_rows(name: str, labels: Sequence[str], counts: Int64, minimum: int) -> None:
    rarest = int(np.argmin(counts))
    if counts[rarest] < minimum:
        raise DataError(
            f"target {quoted(name)} must have at least {minimum} rows of each class, so that "
            f"training, validation and test rows each hold one; got {counts[rarest]} of "
            f"{quoted(labels[rarest])}. Add rows of that class."
        )


def _order(
    name: str, labels: Sequence[str], counts: Int64, numeric: bool, positive: str | None
) -> Int64:
    """Return the places of the labels, which are sorted, in the order they are to stand in."""
    if positive is not None:
        last = _said(name, labels, str(positive))
        return np.array([1 - last, last], dtype=np.int64)
    if len(labels) > 2 or numeric:
        return np.arange(len(labels), dtype=np.int64)
    return np.array([0, 1] if _second_is_positive(labels, counts) else [1, 0], dtype=np.int64)


def _said(name: str, labels: Sequence[str], positive: str) -> int:
    if len(labels) != 2:
        raise DataError(
            f"--positive chooses between two classes; target {quoted(name)} has {len(labels)}: "
            f"{listed(labels)}. Leave --positive out."
        )
    text = level_text(positive.strip())
    folded = [label.casefold() for label in labels]
    if text in labels:
        return list(labels).index(text)
    if folded.count(text.casefold()) == 1:
        return folded.index(text.casefold())
    near = difflib.get_close_matches(text, labels, n=1)
    hint = f" Did you mean {quoted(near[0])}?" if near else " Name one of them."
    raise DataError(
        f"--positive must be a label of target {quoted(name)}, {listed(labels)}; "
        f"got {quoted(positive)}.{hint}"
    )


def _second_is_positive(labels: Sequence[str], counts: Int64) -> bool:
    words = [label.casefold() for label in labels]
    said = [(word in AFFIRMING) - (word in DENYING) for word in words]
    if said[0] != said[1]:
        return said[1] > said[0]
    return bool(counts[0] >= counts[1])
