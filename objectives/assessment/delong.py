"""Whether two models' ROC-AUCs on the same rows differ: DeLong's test.

The areas of two models on the same rows rise and fall together, so their difference is known better
than either. DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more
correlated receiver operating characteristic curves", Biometrics 44, 837-845, give its variance;
Sun and Xu 2014, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21,
1389-1393, get it from ranks instead of all pairs. `comparison.py` asks for it.

| symbol | shape | what |
|---|---|---|
| m, n | | positive and negative rows |
| X, Y | (m,), (n,) | scores of the positives and of the negatives |
| T_X, T_Y, T_Z | | mid-ranks among the positives, the negatives and all rows |
| V10 | (m,) | share of the negatives that each positive beats; a tie is half |
| V01 | (n,) | share of the positives that beat each negative |
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.assessment.intervals import LEVEL, Interval, unknown

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating[Any]]


def structural_components(y: npt.NDArray[Any], s: Scores) -> tuple[Floats, Floats]:
    """Return V10 (m,) and V01 (n,), each with the ROC-AUC as its mean.

    Sun and Xu 2014, Theorem 1: V10 = (T_Z - T_X) / n at the positives, V01 = 1 - (T_Z - T_Y) / m
    at the negatives.

    Args:
        y: (n_rows,) 0 or 1, both of them.
        s: (n_rows,) scores; higher means more likely positive.
    """
    is_positive = y > 0.5
    ranks = _mid_ranks(s)
    x, z = s[is_positive], s[~is_positive]
    v10 = (ranks[is_positive] - _mid_ranks(x)) / len(z)
    v01 = 1 - (ranks[~is_positive] - _mid_ranks(z)) / len(x)
    return v10, v01


def delong_difference(
    y: npt.NDArray[Any], s_a: Scores, s_b: Scores, *, level: float = LEVEL
) -> tuple[Interval, float]:
    """Return the ROC-AUC of a minus that of b, with its interval, and the two-sided p value.

    The variance is that of the components' differences over m and over n (DeLong et al. 1988,
    section 2, with the contrast (1, -1)); the interval and the test take it for normal.

    - Scores that rank the rows alike: 0 with bounds 0, p = 1.
    - Both separate the classes: the same, for they rank all pairs alike.
    - One separates them, the other does not: as always; the variance is the other's.
    - Different areas but no variance (one separates, the other is constant): bounds and p are NaN,
      since the rows show no variation to measure the difference by.
    - One row of a class: bounds and p are NaN. No row of a class: all is NaN.

    Args:
        y: (n_rows,) 0 or 1.
        s_a: (n_rows,) scores of the first model.
        s_b: (n_rows,) scores of the second.
        level: of the interval, in (0, 1).
    """
    m = int(np.sum(y > 0.5))
    n = len(y) - m
    if m == 0 or n == 0:
        return unknown(float("nan"), level), float("nan")
    pairs = zip(structural_components(y, s_a), structural_components(y, s_b), strict=True)
    v10, v01 = (a - b for a, b in pairs)  # differences, so that equal ranks leave exact zeros
    difference = float(v10.mean())
    if m == 1 or n == 1:
        return unknown(difference, level), float("nan")
    return normal_test(difference, _variance(v10) / m + _variance(v01) / n, level=level)


def normal_test(difference: float, variance: float, *, level: float) -> tuple[Interval, float]:
    """Return a difference with its interval and two-sided p value, taken for normal.

    Without variance: p = 1 for no difference, NaN for any other, and so the bounds.
    """
    if variance == 0:
        if difference == 0:
            return Interval(value=0.0, low=0.0, high=0.0, level=level), 1.0
        return unknown(difference, level), float("nan")
    error = math.sqrt(variance)
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    p_value = math.erfc(abs(difference) / error / math.sqrt(2))
    low, high = difference - half, difference + half
    return Interval(value=difference, low=low, high=high, level=level), p_value


def _variance(v: Floats) -> float:
    """Return the unbiased variance; exactly 0 for a constant, whatever its mean rounds to."""
    return 0.0 if np.ptp(v) < 1e-12 else float(v.var(ddof=1))


def _mid_ranks(s: Scores) -> Floats:
    """Return the rank of each score from 1, (n,); equal scores share the mean of theirs."""
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])
