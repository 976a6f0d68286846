"""Reliability bins hold every row once, equal rows together, and what was seen in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.assessment.calibration import calibration_curve, errors_by_chance, quantile_bins

probabilities = st.lists(
    st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1), min_size=1, max_size=60
)


@given(probabilities, st.integers(1, 12))
def test_bins_are_in_order_without_gaps_and_keep_equals_together(
    values: list[float], n_bins: int
) -> None:
    p = np.array(values)
    bins = quantile_bins(p, n_bins)
    assert set(bins.tolist()) == set(range(bins.max() + 1))
    assert bins.max() < n_bins
    order = np.argsort(p, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    assert len({(a, b) for a, b in zip(p.tolist(), bins.tolist(), strict=True)}) == len(set(values))


def test_bins_of_distinct_rows_are_equally_large() -> None:
    p = np.random.default_rng(0).permutation(1000) / 1000
    assert np.bincount(quantile_bins(p)).tolist() == [100] * 10


@given(probabilities, st.data())
def test_curve_holds_every_row_once(values: list[float], data: st.DataObject) -> None:
    n = len(values)
    y = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    curve = calibration_curve(y, values)
    assert sum(part.count for part in curve) == n
    hits = sum(part.observed.value * part.count for part in curve)
    assert hits == pytest.approx(y.sum())
    assert sum(part.mean_predicted * part.count for part in curve) == pytest.approx(sum(values))
    for part in curve:
        assert 0 <= part.observed.low <= part.observed.value <= part.observed.high <= 1


def test_curve_of_honest_probabilities_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    curve = calibration_curve(rng.random(20_000) < p, p)
    assert len(curve) == 10
    inside = [part.observed.low <= part.mean_predicted <= part.observed.high for part in curve]
    assert sum(inside) >= 8


def test_curve_of_a_constant_is_one_bin() -> None:
    (only,) = calibration_curve([0, 1, 1, 1], [0.7] * 4)
    assert (only.mean_predicted, only.observed.value, only.count) == (pytest.approx(0.7), 0.75, 4)


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`n_bins` must be an int of at least 1; got 0\."):
        calibration_curve([0, 1], [0.2, 0.3], n_bins=0)


def test_errors_by_chance_shrink_with_the_rows_and_are_none_for_certainties() -> None:
    p = np.random.default_rng(0).random(2000)
    few, many = (errors_by_chance(p[:n], n_resamples=200, seed=0).mean() for n in (100, 2000))
    assert many == pytest.approx(few * np.sqrt(100 / 2000), rel=0.1)
    assert (errors_by_chance(np.array([0.0, 1.0, 1.0]), n_resamples=5, seed=0) == 0).all()
    assert (
        errors_by_chance(p, n_resamples=5, seed=1) == errors_by_chance(p, n_resamples=5, seed=1)
    ).all()
