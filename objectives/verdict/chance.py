"""How far from 0.5 a ROC-AUC must be to mean anything, and how a histogram of scores misreads it.

Symbols: m, n positive and negative rows.    A ROC-AUC.
    y (rows,)            labels: 0 or 1, or a class in [0, K)
    p (rows,) or (rows, K)  probabilities: of class 1, or of each class

With K > 2 classes every figure is the plain mean over the classes, each against all others, as the
ROC-AUC itself is: the classes share their rows, so the mean of their errors is not divided by K.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = 200  # of keras.metrics.AUC unless told


def chance_error(counts: Sequence[int]) -> float:
    """Return the standard error of the ROC-AUC of scores that say nothing.

    sqrt((m + n + 1) / (12 m n)), of the Mann-Whitney statistic without ties (Mann and Whitney 1947,
    "On a test of whether one of two random variables is stochastically larger than the other").
    Infinite where a class has no rows.
    """
    return _mean(counts, lambda m, n: math.sqrt((m + n + 1) / (12 * m * n)))


def sampling_error(auc: float, counts: Sequence[int]) -> float:
    """Return the standard error that the choice of validation rows gives a ROC-AUC.

    Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", eq. 1, with their Q1 = A / (2 - A) and Q2 = 2 A^2 / (1 + A). A is
    kept half a row away from 0 and 1, where the formula would claim to be certain.
    """

    def error(m: int, n: int) -> float:
        edge = 1 / (2 * min(m, n))
        a = min(max(auc, 1 - auc), 1 - edge) if edge < 0.5 else 0.5
        q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
        variance = (a * (1 - a) + (m - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / (m * n)
        return math.sqrt(variance)

    return _mean(counts, error)


def histogram_auc(y: NDArray[Any], p: NDArray[Any]) -> float:
    """Return what `keras.metrics.AUC()` says: the area under the curve of 200 fixed thresholds.

    Scores between two neighbouring thresholds are tied, so scores that rank well but lie close
    together read as chance. NaN where a class has no rows (Keras says 0).
    """
    if p.ndim == 2:
        return float(np.mean([histogram_auc(y == k, p[:, k]) for k in range(p.shape[1])]))
    positive = np.asarray(y) > 0.5
    if positive.all() or not positive.any():
        return float("nan")
    bins = (np.ceil(p * (THRESHOLDS - 1)) - 1).clip(0).astype(np.intp)
    tpr, fpr = (_above(bins[rows]) for rows in (positive, ~positive))
    return float(np.sum((fpr[:-1] - fpr[1:]) * (tpr[:-1] + tpr[1:]) / 2))


def _above(bins: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the share of the rows above each threshold, (THRESHOLDS,); none is above the last."""
    counts = np.bincount(bins, minlength=THRESHOLDS)
    return np.cumsum(counts[::-1])[::-1] / len(bins)


def _mean(counts: Sequence[int], error: Callable[[int, int], float]) -> float:
    """Return the mean over the classes of `error(m, n)`; two classes are one comparison."""
    rows = sum(counts)
    if min(counts) == 0:
        return math.inf
    positives = counts[1:] if len(counts) == 2 else counts
    return float(np.mean([error(m, rows - m) for m in positives]))
