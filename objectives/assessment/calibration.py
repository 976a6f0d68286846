"""Whether a probability of 0.7 comes true seven times in ten: the reliability of probabilities.

Rows are binned by quantile of the predicted probability, so that every bin has about as many rows
and none is judged on a handful. Equal rows share a bin, whatever its size. The expected calibration
error (`counted_metrics.py`) sums over the same bins.

| symbol | shape | what |
|---|---|---|
| y | (n,) | 1 where the event came true, else 0 |
| p | (n,) | its predicted probability |
| bins | (n,) int64 | number of each row's bin, from 0, without gaps |
| gaps | (bins, b) | mean predicted minus observed of each bin, times its share of the rows |
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.assessment.intervals import LEVEL, Interval, wilson

N_BINS = 10  # a tenth of the rows each


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """What was predicted for the rows of one bin, and what came true."""

    mean_predicted: float  # [0, 1]
    observed: Interval  # the share that came true, with its Wilson interval
    count: int  # rows in the bin, >= 1


def calibration_curve(
    y: npt.ArrayLike, p: npt.ArrayLike, *, n_bins: int = N_BINS, level: float = LEVEL
) -> tuple[ReliabilityBin, ...]:
    """Return the bins of a reliability diagram, from the lowest probabilities to the highest.

    With K classes, one curve is one class against the rest: `calibration_curve(y == k, p[:, k])`.

    Args:
        y: (n,) 0 or 1, or booleans.
        p: (n,) probabilities that y is 1.
        n_bins: bins asked for, at least 1; fewer come where probabilities are equal.
        level: of the intervals.
    """
    came_true = np.asarray(y) > 0.5
    predicted = np.asarray(p, dtype=np.float64)
    bins = quantile_bins(predicted, n_bins)
    counts = np.bincount(bins)
    sums = np.bincount(bins, weights=predicted)
    successes = np.bincount(bins, weights=came_true)
    return tuple(
        ReliabilityBin(
            mean_predicted=float(total / count),
            observed=wilson(int(hits), int(count), level=level),
            count=int(count),
        )
        for total, hits, count in zip(sums, successes, counts, strict=True)
    )


def predicted_event(
    y: npt.NDArray[np.int64], p: npt.NDArray[np.floating[Any]]
) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.bool_]]:
    """Return the probability of an event, (n,), and whether it came true, (n,).

    For p (n,) that is class 1; for p (n, K) that the most probable class is the true one.
    """
    if p.ndim == 1:
        return p, y == 1
    return p.max(axis=1), p.argmax(axis=1) == y


def errors_by_chance(
    p: npt.NDArray[np.floating[Any]], *, n_resamples: int, seed: int
) -> npt.NDArray[np.float64]:
    """Return calibration errors that p would show if it were the truth, (n_resamples,).

    Events are drawn with the predicted probabilities themselves (Broecker and Smith 2007,
    "Increasing the reliability of reliability diagrams": consistency resampling).

    Args:
        p: (n,) probabilities of the event.
        n_resamples: draws, at least 1.
        seed: any int >= 0.
    """
    rng = np.random.default_rng(seed)
    in_bin = np.eye(N_BINS)[quantile_bins(p)].T / len(p)  # (bins, n)
    gaps = [in_bin @ (p - (rng.random(len(p)) < p)) for _ in range(n_resamples)]
    return np.asarray(np.abs(gaps).sum(axis=1))


def quantile_bins(p: npt.NDArray[np.floating[Any]], n_bins: int = N_BINS) -> npt.NDArray[np.int64]:
    """Return the bin of each row, (n,), by quantiles of p (n,); equal values share a bin."""
    if n_bins < 1:
        raise ValueError(f"`n_bins` must be an int of at least 1; got {n_bins}.")
    if len(p) == 0:
        return np.zeros(0, dtype=np.int64)
    # Observed values as edges, by whole numbers: an interpolated one can round past its neighbour.
    last_rows = -(-len(p) * np.arange(1, n_bins) // n_bins) - 1
    edges = np.sort(p)[last_rows]
    raw = np.searchsorted(np.unique(edges), p, side="left")
    return np.unique(raw, return_inverse=True)[1].reshape(-1).astype(np.int64)
