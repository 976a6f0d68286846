"""Resamples keep the classes, are the same for the same seed, and know how rows weigh."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from objectives.assessment.resampling import resample

Floats = NDArray[np.float64]


@given(y=st.lists(st.integers(0, 3), min_size=1, max_size=30), n_resamples=st.integers(1, 20))
def test_every_resample_has_as_many_rows_of_every_class(y: list[int], n_resamples: int) -> None:
    labels = np.array(y)
    one_hot = np.eye(4)[labels]
    drawn = resample(labels, lambda c: one_hot.T @ c, n_resamples=n_resamples, seed=0)
    assert drawn.replicates.shape == (4, n_resamples)
    assert (drawn.replicates == one_hot.sum(axis=0)[:, np.newaxis]).all()
    assert (drawn.values == one_hot.sum(axis=0)).all()
    assert np.isfinite([*drawn.accelerations, *drawn.spreads, *drawn.freedoms]).all()


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    y, x = np.repeat([0, 1], 50), np.arange(100.0)

    def sums(c: Floats) -> Floats:
        return (x @ c)[np.newaxis]

    first, again = (resample(y, sums, n_resamples=30, seed=3).replicates for _ in range(2))
    assert (first == again).all()
    assert (first != resample(y, sums, n_resamples=30, seed=4).replicates).any()


def test_influences_of_a_mean_are_the_textbooks() -> None:
    """One class: the t interval's degrees of freedom and the jackknife's skewness."""
    x = np.random.default_rng(0).exponential(size=60)
    drawn = resample(
        np.zeros(60, np.int64), lambda c: (x @ c / c.sum(axis=0))[np.newaxis], n_resamples=1, seed=0
    )
    d = x - x.mean()
    assert drawn.accelerations[0] == pytest.approx((d**3).sum() / (d**2).sum() ** 1.5 / 6)
    assert drawn.spreads[0] == pytest.approx(np.sqrt(60 / 59))
    assert drawn.freedoms[0] == pytest.approx(59)


def test_freedom_of_a_difference_of_means_is_welchs() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=12), 3 * rng.normal(size=40)
    y, x = np.repeat([0, 1], [12, 40]), np.concatenate([a, b])

    def difference(c: Floats) -> Floats:
        in_b = y == 1
        mean_a = (x[~in_b] @ c[~in_b]) / c[~in_b].sum(axis=0)
        return ((x[in_b] @ c[in_b]) / c[in_b].sum(axis=0) - mean_a)[np.newaxis]

    u = np.array([a.var(ddof=1) / 12, b.var(ddof=1) / 40])
    welch = u.sum() ** 2 / (u**2 / [11, 39]).sum()
    assert resample(y, difference, n_resamples=1, seed=0).freedoms[0] == pytest.approx(welch)


def test_leaving_out_groups_tells_what_leaving_out_rows_does() -> None:
    x = np.sort(np.random.default_rng(0).exponential(size=5000))  # an order that means something
    drawn = resample(
        np.zeros(5000, np.int64),
        lambda c: (x @ c / c.sum(axis=0))[np.newaxis],
        n_resamples=400,
        seed=0,
    )
    d = x - x.mean()
    exact = (d**3).sum() / (d**2).sum() ** 1.5 / 6
    assert drawn.accelerations[0] == pytest.approx(exact, abs=0.01)
    assert drawn.replicates.std() == pytest.approx(x.std() / np.sqrt(5000), rel=0.1)


def test_no_resamples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`n_resamples` must be an int of at least 1; got 0\."):
        resample(np.zeros(3, np.int64), lambda c: c[:1], n_resamples=0, seed=0)
