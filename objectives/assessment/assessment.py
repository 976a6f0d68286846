"""What a model's probabilities are worth on the test rows, and how far that can be believed.

Eight metrics, each with a confidence interval from resamples of the rows, stratified by class. The
interval is the bias-corrected and accelerated one, widened for few rows, because of four that were
measured it comes closest to its level (`tests/benchmarks/coverage.py`): with ten positives and a
true ROC-AUC of 0.95, plain quantiles of the resamples hold it 84 times in 100, these 94 times.

It says how the rows might have come out otherwise for this very model. It does not say how another
training run, or rows of another year, would do. Next: `comparison.py` for two models.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from objectives.assessment.calibration import errors_by_chance, predicted_event
from objectives.assessment.counted_metrics import METRICS, check_rows, counted_metrics
from objectives.assessment.intervals import LEVEL, Interval, bca, unknown, unvaried
from objectives.assessment.resampling import Resamples, resample

N_RESAMPLES = 2000

_OF_RANKS = ("roc_auc", "average_precision")
_OF_CALLS = ("accuracy", "balanced_accuracy", "f1")
_OF_CLASSES = (*_OF_RANKS, "balanced_accuracy", "f1")  # one row of a class weighs a K-th of them


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Every metric with its interval; `counted_metrics.counted_metrics` has the definitions."""

    roc_auc: Interval  # [0, 1]
    average_precision: Interval  # [0, 1]
    accuracy: Interval  # [0, 1]
    balanced_accuracy: Interval  # [0, 1]
    f1: Interval  # [0, 1]
    log_loss: Interval  # nats a row, >= 0
    brier_score: Interval  # [0, 1] for two classes, [0, 2] for more
    calibration_error: Interval  # [0, 1]


def assess(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    threshold: float = 0.5,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Assessment:
    """Return every metric of probabilities against labels, with its confidence interval.

    What cannot be told is NaN: value and bounds of ROC-AUC, average precision and balanced accuracy
    where a class has no row; the bounds of these and of F1 where a class has one row; all bounds
    where every class has. The value of F1 counts a class that is neither there nor called as 0.

    Where no resample differs from the rows, the bounds of accuracy, balanced accuracy and F1, and
    those of a ROC-AUC or average precision of 0 or 1, are `intervals.unvaried`'s. The ROC-AUC of a
    constant is one half, without doubt.

    Noise only adds to the calibration error, so resamples are no guide to the true one. Its
    interval is the error give or take what the bins move by in `level` of the resamples, or what
    true probabilities would show by chance where that is more. So it is wide, and reaches 0 where
    nothing speaks against the probabilities.

    Args:
        y: (n,) class of each row, an int from 0 to K - 1.
        p: (n,) probability of class 1, or (n, K) of each of K > 2 classes.
        threshold: of two classes, 1 is called from this probability upwards.
        level: of the intervals, in (0, 1).
        n_resamples: at least 1; 2,000 put the bounds within a few hundredths of their width.
        seed: any int >= 0; the same seed gives the same intervals.

    Raises:
        ValueError: rows or a setting that cannot be.
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must be a float in (0, 1); got {level}.")
    labels, probabilities = check_rows(y, p)
    metrics = counted_metrics(labels, probabilities, threshold=threshold)
    resamples = resample(labels, metrics, n_resamples=n_resamples, seed=seed)
    counts = np.unique(labels, return_counts=True)[1]
    return Assessment(
        **{name: _interval(name, resamples, counts, level) for name in METRICS[:-1]},
        calibration_error=_calibration_error(
            resamples,
            errors_by_chance(
                predicted_event(labels, probabilities)[0], n_resamples=n_resamples, seed=seed
            ),
            counts,
            level,
        ),
    )


def _interval(
    name: str, resamples: Resamples, counts: npt.NDArray[np.int64], level: float
) -> Interval:
    row = METRICS.index(name)
    t, r = float(resamples.values[row]), resamples.replicates[row]
    smallest = int(counts.min())
    if np.isnan(t) or (smallest == 1 and name in _OF_CLASSES):
        return unknown(t, level)
    if np.ptp(r) < 1e-12 and (name in _OF_CALLS or (name in _OF_RANKS and t in (0.0, 1.0))):
        return unvaried(t, smallest, level=level)
    if counts.max() == 1:
        return unknown(t, level)
    return bca(
        t,
        r,
        acceleration=float(resamples.accelerations[row]),
        spread=float(resamples.spreads[row]),
        freedom=float(resamples.freedoms[row]),
        level=level,
    )


def _calibration_error(
    resamples: Resamples,
    by_chance: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    level: float,
) -> Interval:
    row = METRICS.index("calibration_error")
    t, moved = float(resamples.values[row]), resamples.replicates[row + 1]
    if counts.max() == 1:
        return unknown(t, level)
    reach = float(max(np.quantile(moved, level), np.quantile(by_chance, level)))
    return Interval(value=t, low=max(0.0, t - reach), high=min(1.0, t + reach), level=level)
