"""Which of two models ranks the test rows better, and whether that could be luck.

For two classes the answer is DeLong's test (`delong.py`). It has no form for the mean over K
classes, whose areas share rows, so there both models are evaluated on the same resamples.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from objectives.assessment.assessment import N_RESAMPLES
from objectives.assessment.counted_metrics import check_rows, counted_ranking
from objectives.assessment.delong import delong_difference, normal_test
from objectives.assessment.intervals import LEVEL, Interval, unknown
from objectives.assessment.resampling import resample

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The ROC-AUC of one model minus another's on the same rows, macro for K classes."""

    difference: Interval  # [-1, 1], above 0 where the first is better
    p_value: float  # two-sided, of no difference; NaN where the rows cannot say
    method: str  # "delong" or "bootstrap"


def compare_roc_auc(
    y: npt.ArrayLike,
    p_a: npt.ArrayLike,
    p_b: npt.ArrayLike,
    *,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Return the difference of two models' ROC-AUCs, with its interval and p value.

    Two classes: `delong.delong_difference`, which also says what comes of degenerate rows.
    K classes: the standard deviation of the difference over resamples stratified by class, widened
    for few rows, with the same normal interval and test, so that p < 1 - level exactly where the
    interval leaves out 0. All NaN where a class has no row, bounds and p where a class has one.

    Args:
        y: (n,) class of each row, an int from 0 to K - 1.
        p_a: (n,) probability of class 1, or (n, K), of the first model.
        p_b: the same of the second.
        level: of the interval, in (0, 1).
        n_resamples: for K classes, at least 2.
        seed: for K classes, any int >= 0.

    Raises:
        ValueError: rows that cannot be, or models of different shapes.
    """
    labels, a = check_rows(y, p_a)
    _, b = check_rows(y, p_b)
    if a.shape != b.shape:
        raise ValueError(f"`p_a` and `p_b` must have one shape; got {a.shape} and {b.shape}.")
    if a.ndim == 1:
        difference, p_value = delong_difference(labels, a, b, level=level)
        return Comparison(difference=difference, p_value=p_value, method="delong")
    ranked_a, ranked_b = counted_ranking(labels, a), counted_ranking(labels, b)

    def differences(c: Floats) -> Floats:
        return ranked_a(c)[:1] - ranked_b(c)[:1]

    resamples = resample(labels, differences, n_resamples=n_resamples, seed=seed)
    value, r = float(resamples.values[0]), resamples.replicates[0]
    if np.isnan(value) or np.bincount(labels).min() == 1:
        return Comparison(
            difference=unknown(value, level), p_value=float("nan"), method="bootstrap"
        )
    spread = 0.0 if np.ptp(r) < 1e-12 else float(resamples.spreads[0]) * float(r.std(ddof=1))
    difference, p_value = normal_test(value, spread**2, level=level)
    return Comparison(difference=difference, p_value=p_value, method="bootstrap")
