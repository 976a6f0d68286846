"""Other folds of the rows that are not test rows, by the rules of `split`.

Whoever confirms a trial trains it on other folds than those it was chosen on, and must not touch
the test rows for that. So the test rows of a split stay, and only the rest is dealt out anew.
"""

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from objectives.splitting.dealing import deal
from objectives.splitting.duplicates import rows_together
from objectives.splitting.split import (
    FAR_FROM_SHARE,
    TEST_SHARE,
    VALIDATION_SHARE,
    Rows,
    Split,
)

if TYPE_CHECKING:
    from objectives.table.dataset import Table

Folds = tuple[tuple[Rows, Rows], ...]

_SHARE = VALIDATION_SHARE / (1 - TEST_SHARE)  # of the rest, for a hold-out


def refold(table: "Table", split: Split, seed: int) -> Split:
    """Return a split with the same test rows and as many folds, of other rows.

    By time there is one way to split, so that split comes back as it is; and so does one in which
    no other way is found to give every part every class.

    Args:
        table: the table that was split.
        split: what `split_table` made of it.
        seed: in [0, 2**32), another one for other folds.
    """
    if table.times is not None:
        return split
    y = np.asarray(table.y, dtype=np.int64)
    rest = np.setdiff1d(np.arange(len(y)), split.test)
    together = rows_together(table.frame, table.groups)
    n_folds = len(split.folds)
    found = None
    if table.groups is None:
        found = _alone(y, rest, together, n_folds, seed)
    if found is None:
        groups = np.arange(len(y)) if together is None else together
        found = _together(y, rest, groups, n_folds, seed)
    return Split(test=split.test, folds=found or split.folds)


def _alone(y: Rows, rest: Rows, copies: Rows | None, n_folds: int, seed: int) -> Folds | None:
    """Fold row by row, copies after the first of them; None where a part would be unfit."""
    units = rest
    if copies is not None:
        units = rest[np.sort(np.unique(copies[rest], return_index=True)[1])]
    counts = np.bincount(y[units], minlength=int(y.max()) + 1)
    if counts.min() < max(2, n_folds):
        return None
    folds = _stratified(y, units, n_folds, seed)
    if copies is not None:
        folds = tuple(
            (_with_copies(rest, train, copies), _with_copies(rest, validation, copies))
            for train, validation in folds
        )
        share = len(folds[0][1]) / len(y)
        if n_folds == 1 and abs(share - VALIDATION_SHARE) >= FAR_FROM_SHARE:
            return None
    return folds if _hold_every_class(folds, y) else None


def _stratified(y: Rows, units: Rows, n_folds: int, seed: int) -> Folds:
    if n_folds == 1:
        train, validation = train_test_split(
            units, test_size=_SHARE, stratify=y[units], shuffle=True, random_state=seed
        )
        return ((np.sort(train), np.sort(validation)),)
    parts = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(units, y[units])
    return tuple((units[t], units[v]) for t, v in parts)


def _with_copies(rest: Rows, part: Rows, copies: Rows) -> Rows:
    return rest[np.isin(copies[rest], copies[part])]


def _together(y: Rows, rest: Rows, groups: Rows, n_folds: int, seed: int) -> Folds | None:
    """Fold by whole groups; None where a part would lack a class."""
    shares = [1 / n_folds] * n_folds if n_folds > 1 else [1 - _SHARE, _SHARE]
    numbered = np.unique(groups[rest], return_inverse=True)[1]
    part = deal(y[rest], numbered, shares, needs=[1] * len(shares), seed=seed)
    validating = range(n_folds) if n_folds > 1 else [1]
    folds = tuple((rest[part != k], rest[part == k]) for k in validating)
    return folds if _hold_every_class(folds, y) else None


def _hold_every_class(folds: Folds, y: Rows) -> bool:
    n_classes = int(y.max()) + 1
    return all(len(np.unique(y[part])) == n_classes for fold in folds for part in fold)
