"""The ROC curve itself, as few points as an eye can tell apart; of several folds their mean.

Symbols: n rows, K classes.
    y (n,)              classes: 0 or 1 where there are two, in [0, K) otherwise
    z (n,) or (n, K)    logits: one a row for two classes, one a class for more
    fpr, tpr (m,)       false and true positive rates, from (0, 0) up to (1, 1)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from objectives.metrics import Labels, Scores, probabilities

MAX_POINTS = 100  # of a curve; of more than two classes half as many
_DIGITS = 4

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]  # fpr, tpr


def mean_roc_curves(folds: Sequence[tuple[Labels, Scores]]) -> list[list[list[float]]]:
    """Return a ROC curve of two classes, or for each of K > 2 classes its own against the rest.

    The mean of several folds is taken at each false positive rate (Fawcett 2006, "An introduction
    to ROC analysis", section 9.1), so that the area below it is the mean of the folds' areas.

    Args:
        folds: y and z of each, at least one. Folds without a row of a class, or of others, do not
            count for its curve.

    Returns:
        One curve, or K: [[fpr, tpr], ...] from [0, 0] to [1, 1], empty where no fold counts.
    """
    if folds[0][1].ndim == 1:
        return [_mean_curve([(y > 0.5, z) for y, z in folds], MAX_POINTS)]
    scored = [(y, probabilities(z)) for y, z in folds]
    return [
        _mean_curve([(y == k, p[:, k]) for y, p in scored], MAX_POINTS // 2)
        for k in range(scored[0][1].shape[1])
    ]


def _mean_curve(folds: Sequence[tuple[NDArray[Any], Scores]], most: int) -> list[list[float]]:
    curves = [_curve(positive, s) for positive, s in folds if 0 < positive.sum() < len(positive)]
    if not curves:
        return []
    fpr, tpr = curves[0] if len(curves) == 1 else _mean(curves)
    fpr, tpr = _thinned(fpr, tpr, most)
    return np.round(np.stack([fpr, tpr], axis=1), _DIGITS).tolist()  # type: ignore[no-any-return]


def _curve(positive: NDArray[np.bool_], s: Scores) -> Curve:
    """Return where the curve of scores (n,) turns; rows of equal scores are called together."""
    order = np.argsort(-s, kind="stable")
    last = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    found = np.cumsum(positive[order])[last]
    tp, fp = np.append(0, found), np.append(0, last + 1 - found)
    # A point between two others in a line says nothing.
    turns = np.diff(tp[:-1]) * np.diff(fp[1:]) != np.diff(tp[1:]) * np.diff(fp[:-1])
    kept = np.concatenate([[True], turns, [True]])
    return fp[kept] / fp[-1], tp[kept] / tp[-1]


def _mean(curves: Sequence[Curve]) -> Curve:
    """Return the mean of the curves at every rate at which one of them has a point."""
    at = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    ends = np.mean([_ends(fpr, tpr, at) for fpr, tpr in curves], axis=0)  # (2, m)
    return np.repeat(at, 2), ends.T.ravel()


def _ends(fpr: NDArray[np.float64], tpr: NDArray[np.float64], at: NDArray[np.float64]) -> Any:
    """Return where a curve comes in and goes out at each rate: it may rise straight up there."""
    after = np.searchsorted(fpr, at, "left")  # the first point at or after
    before = np.searchsorted(fpr, at, "right") - 1  # the last point at or before
    width = np.maximum(fpr[after] - fpr[before], np.finfo(np.float64).tiny)
    between = tpr[before] + (tpr[after] - tpr[before]) * (at - fpr[before]) / width
    has_point = fpr[after] == at
    return np.where(has_point, tpr[after], between), np.where(has_point, tpr[before], between)


def _thinned(fpr: NDArray[np.float64], tpr: NDArray[np.float64], most: int) -> Curve:
    """Return at most so many of the points, about evenly spread along the curve."""
    moves = np.append(True, np.diff(fpr + tpr) > 0)
    fpr, tpr = fpr[moves], tpr[moves]
    along = fpr + tpr  # rises
    if len(along) > most:
        kept = np.unique(np.searchsorted(along, np.linspace(0.0, 2.0, most)).clip(max=len(fpr) - 1))
        fpr, tpr = fpr[kept], tpr[kept]
    return fpr, tpr
