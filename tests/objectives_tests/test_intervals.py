"""Intervals hold their value, widen with the level, and are the published ones."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from objectives.assessment.intervals import Interval, bca, unvaried, wilson


@given(n=st.integers(1, 5000), share=st.floats(0, 1), level=st.sampled_from([0.5, 0.9, 0.95]))
def test_wilson_is_scipys(n: int, share: float, level: float) -> None:
    hits = round(share * n)
    found = wilson(hits, n, level=level)
    theirs = scipy.stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_of_no_rows_is_nan() -> None:
    assert np.isnan([wilson(0, 0).value, wilson(0, 0).low, wilson(0, 0).high]).all()


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_what_never_varied_reaches_to_the_bound_of_clopper_and_pearson(n: int) -> None:
    theirs = scipy.stats.binomtest(n, n).proportion_ci(0.95, method="exact")
    assert unvaried(1.0, n) == Interval(
        value=1.0, low=pytest.approx(theirs.low), high=1.0, level=0.95
    )
    assert unvaried(0.0, n).high == pytest.approx(1 - theirs.low)


def test_bca_is_scipys() -> None:
    x = np.random.default_rng(0).exponential(size=40)

    def mean(sample: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(sample.mean(axis=axis))

    theirs = scipy.stats.bootstrap(
        (x,), mean, n_resamples=2000, rng=np.random.default_rng(1), method="BCa"
    )
    influence = x - x.mean()  # of a mean, left-out rows give these to a factor
    acceleration = (influence**3).sum() / (influence**2).sum() ** 1.5 / 6
    found = bca(x.mean(), theirs.bootstrap_distribution, acceleration=acceleration)
    limits = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high), rel=2e-3)


def test_bca_of_symmetric_resamples_is_their_quantiles() -> None:
    r = np.linspace(-1, 1, 2001)
    found = bca(0.0, r)
    assert (found.low, found.high) == pytest.approx((-0.95, 0.95), abs=1e-6)
    assert bca(0.0, r, spread=1.1).high > found.high
    assert bca(0.0, r, freedom=4.0).high > found.high


@given(
    t=st.floats(-3, 3),
    acceleration=st.floats(-0.5, 0.5),
    freedom=st.floats(0.5, 100),
    level=st.sampled_from([0.8, 0.95, 0.999]),
)
def test_bca_stays_within_the_resamples(
    t: float, acceleration: float, freedom: float, level: float
) -> None:
    r = np.random.default_rng(0).normal(size=200)
    found = bca(t, r, acceleration=acceleration, freedom=freedom, level=level)
    assert r.min() <= found.low <= found.high <= r.max()
