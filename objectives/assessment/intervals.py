"""A value and how far it can be believed: confidence intervals from resamples and from shares.

`resampling.py` draws the resamples, `assessment.py` says which interval serves which metric, and
`tests/benchmarks/coverage.py` measures how often the true value lies inside.

| symbol | shape | what |
|---|---|---|
| t | () | the statistic of the rows themselves |
| r | (n_resamples,) | the same statistic of each resample |
| z0 | () | bias correction: how far the median of r is from t, in standard deviations |
| a | () | acceleration: how the standard error changes with the true value |
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]

LEVEL = 0.95  # of an interval, unless another is asked for

_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with the bounds of its confidence interval; NaN for what the rows cannot say."""

    value: float
    low: float
    high: float
    level: float  # how often such an interval holds the true value, in (0, 1)


def unknown(value: float, level: float = LEVEL) -> Interval:
    """Return an interval whose bounds cannot be told."""
    return Interval(value=value, low=float("nan"), high=float("nan"), level=level)


def bca(
    t: float,
    r: Floats,
    *,
    acceleration: float = 0.0,
    spread: float = 1.0,
    freedom: float = 1e9,
    level: float = LEVEL,
) -> Interval:
    """Return the bias-corrected and accelerated interval, widened for few rows.

    Efron and Tibshirani 1993, "An introduction to the bootstrap", Eqs. 14.9, 14.10 and 14.14, with
    the quantiles of a t times `spread` in place of the normal's, as the expanded percentile
    interval has them (Hesterberg 2015, "What teachers should know about the bootstrap"). Resamples
    equal to t count half below it, since the metrics of few rows take few values.

    Args:
        t: the statistic.
        r: (n_resamples,) the resamples' statistics.
        acceleration: this and the next two as `resampling.Resamples` says.
        spread: at least 1.
        freedom: more than 0; as large as it is by default, the t is a normal.
        level: in (0, 1).
    """
    below = float(np.mean(r < t) + np.mean(r == t) / 2)
    if not 0 < below < 1:  # t lies outside all resamples, where z0 would be infinite
        below, acceleration = 0.5, 0.0
    z0 = _NORMAL.inv_cdf(below)
    half = spread * float(stdtrit(freedom, (1 + level) / 2))
    shares = [_share(z0, z0 + z, acceleration) for z in (-half, half)]
    low, high = (float(bound) for bound in np.quantile(r, shares))
    return Interval(value=t, low=low, high=high, level=level)


def unvaried(t: float, n_trials: int, *, level: float = LEVEL) -> Interval:
    """Return the interval of a share in [0, 1] that every resample repeats.

    Resamples cannot show what never happened among the rows. What is in doubt then is an event that
    came in none of `n_trials`: its share is at most the bound of Clopper and Pearson 1934, and the
    interval reaches as far to both sides. For a ROC-AUC of 1 that is exact, with the rows of the
    smaller class as trials: as many disjoint pairs were all in order.
    """
    bound = 1 - float(((1 - level) / 2) ** (1 / n_trials))
    return Interval(value=t, low=max(0.0, t - bound), high=min(1.0, t + bound), level=level)


def wilson(n_successes: int, n_trials: int, *, level: float = LEVEL) -> Interval:
    """Return a share with its score interval (Wilson 1927); NaN where there is no trial.

    Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", Eq. 4.
    """
    if n_trials == 0:
        return unknown(float("nan"), level)
    share = n_successes / n_trials
    z2 = _NORMAL.inv_cdf((1 + level) / 2) ** 2
    centre = (n_successes + z2 / 2) / (n_trials + z2)
    spread = share * (1 - share) + z2 / 4 / n_trials
    half = np.sqrt(z2 * n_trials * spread) / (n_trials + z2)
    return Interval(
        value=share,
        low=min(share, max(0.0, float(centre - half))),  # rounding puts 0 of n above 0
        high=max(share, min(1.0, float(centre + half))),
        level=level,
    )


def _share(z0: float, z: float, acceleration: float) -> float:
    """Return the share of resamples below a bound; beyond its pole the formula says 0 or 1."""
    left = 1 - acceleration * z
    return _NORMAL.cdf(z0 + z / left) if left > 0 else float(z > 0)
