"""Quantile-to-normal scaling: each value becomes the normal score of its rank in training.

    n   training values               x  (n,) float32
    K   knots, 2 ... MAX_KNOTS        z  (K,) float32, the normal score at each knot

A piecewise linear map goes through the knots and is flat beyond the first and the last, so that no
outlier, however far, moves anything but itself. Knots lie densest in rank where the normal
distribution thins out: evenly in normal score. The exported model walks the same knots in single
precision. Next: `scaling` for the columns that are scaled so.
"""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

MAX_KNOTS = 64
# Normal scores go no further: three in a thousand rows share the two ends.
END = 3.0
# Knots of this size still differ by a number of single precision.
_LARGEST = 1e38


def fit_knots(x: Float32, *, apart: float) -> tuple[Float32, Float32]:
    """Return the knots, strictly rising, and the normal score at each, in [-END, END].

    The score of a value is the normal quantile of its mean rank among `x`, ties sharing theirs.

    Args:
        x: (n,) finite values, at least one.
        apart: knots closer to each other than this are one.
    """
    ranked = np.sort(np.clip(x, -_LARGEST, _LARGEST)).astype(np.float32)
    normal = NormalDist()
    shares = [normal.cdf(score) for score in np.linspace(-END, END, MAX_KNOTS - 2)]
    places = np.round(np.array(shares) * (len(ranked) - 1)).astype(np.int64)
    chosen = np.unique(ranked[np.concatenate([[0], places, [len(ranked) - 1]])])
    knots = chosen[np.concatenate([[True], np.diff(chosen.astype(np.float64)) >= apart])]
    below = np.searchsorted(ranked, knots, side="left")
    up_to = np.searchsorted(ranked, knots, side="right")
    ranks = (below + up_to) / (2 * len(ranked))
    scores = [min(END, max(-END, normal.inv_cdf(rank))) for rank in ranks]
    return knots, np.array(scores, dtype=np.float32)


def normal_scores(x: Float32, knots: Float32, scores: Float32) -> Float32:
    """Return the piecewise linear map of finite `x`, any shape, through at least two knots."""
    # Every operation in float32, in the order of the exported graph.
    start = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    with np.errstate(over="ignore"):  # a difference beyond float32 is infinite, and clipped
        share = (x - knots[start]) / (knots[start + 1] - knots[start])
    share = np.clip(share, np.float32(0), np.float32(1))
    result: Float32 = scores[start] + share * (scores[start + 1] - scores[start])
    return result
