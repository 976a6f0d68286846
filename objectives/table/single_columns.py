"""How well one column alone predicts the target.

    n   rows      K   classes      L   levels of a column
    c   (L, K) rows of each class at each level

Every figure is a ROC-AUC, of each class against the others, averaged over the classes, and every
one is had from such counts. A measured column is tried twice: by its order, upwards or downwards
for each class, and cut into bins, since the middle of a scale can tell a class too. A column of
levels, bins among them, is scored by the share of each class at a level; the shares come from one
half of the rows and judge the other, so that many levels of few rows do not fool it. A column whose
levels are all its own is then worth 0.5.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BINS = 64


def halve(y: Ints, random: np.random.RandomState) -> npt.NDArray[np.bool_]:
    """Return which rows are in the first half, (n,): half of the rows of each class."""
    first = np.empty(len(y), dtype=bool)
    first[np.lexsort((random.permutation(len(y)), y))] = np.arange(len(y)) % 2 == 0
    return first


def column_area(column: pd.Series, y: Ints, first: npt.NDArray[np.bool_]) -> float:
    """Return the ROC-AUC of a typed column: float64, or a category of text.

    Args:
        column: (n,) cells; infinite ones are missing. The gaps of numbers count as their median,
            the gaps of a category as a level.
        y: (n,) classes in [0, K), at least two rows of each.
        first: (n,) from `halve`.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _levels_area(np.asarray(column.cat.codes, dtype=np.int64) + 1, y, first)
    x = column.to_numpy(np.float64)
    missing = ~np.isfinite(x)
    if missing.all():
        return 0.5
    x = np.where(missing, np.median(x[~missing]), x)
    values, ranks = np.unique(x, return_inverse=True)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    bins = np.searchsorted(edges, values, side="right")[ranks] + 1
    codes: Ints = np.where(missing, 0, bins).astype(np.int64)
    return max(_order_area(ranks.astype(np.int64), y), _levels_area(codes, y, first))


def gaps_area(column: pd.Series, y: Ints, first: npt.NDArray[np.bool_]) -> float:
    """Return the ROC-AUC of whether the cells of a column are missing; arguments as above."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        missing = column.isna().to_numpy()
    else:
        missing = ~np.isfinite(column.to_numpy(np.float64))
    return _levels_area(missing.astype(np.int64), y, first) if missing.any() else 0.5


def _order_area(ranks: Ints, y: Ints) -> float:
    counts = _counts(ranks, y, int(ranks.max()) + 1)
    up = np.array([_area(c, counts.sum(axis=1) - c) for c in counts.T])
    return float(np.maximum(up, 1 - up).mean())


def _levels_area(codes: Ints, y: Ints, first: npt.NDArray[np.bool_]) -> float:
    n_levels = int(codes.max()) + 1
    halves = [_counts(codes[half], y[half], n_levels) for half in (first, ~first)]
    areas = [_judged(halves[0], halves[1]), _judged(halves[1], halves[0])]
    return float(np.mean(areas))


def _judged(seen: Ints, judged: Ints) -> float:
    """Return the ROC-AUC at which the shares of the classes in `seen` rank the rows of `judged`."""
    prior = seen.sum(axis=0) / seen.sum()
    shares = (seen + prior) / (seen.sum(axis=1, keepdims=True) + 1)  # unseen levels get the prior
    areas = []
    for k in range(seen.shape[1]):
        scores, place = np.unique(shares[:, k], return_inverse=True)
        rows = np.bincount(place, weights=judged[:, k], minlength=len(scores))
        others = np.bincount(place, weights=judged.sum(axis=1) - judged[:, k])
        areas.append(_area(rows, others))
    return float(np.mean(areas))


def _counts(codes: Ints, y: Ints, n_levels: int) -> Ints:
    n_classes = int(y.max()) + 1
    flat = np.bincount(codes * n_classes + y, minlength=n_levels * n_classes)
    return flat.reshape(n_levels, n_classes)


def _area(rows: npt.NDArray[np.number], others: npt.NDArray[np.number]) -> float:
    """Return the Mann-Whitney statistic of rows against others by ascending score, ties one half.

    Args:
        rows, others: (L,) how many of each have the score; at least one of each in all.
    """
    below = np.cumsum(others) - others
    return float((rows * (below + others / 2)).sum() / (float(rows.sum()) * float(others.sum())))
