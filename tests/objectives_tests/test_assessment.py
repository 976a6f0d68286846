"""Intervals of the metrics hold them, repeat with the seed, and own up to what rows cannot say."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from objectives.assessment.assessment import assess
from objectives.assessment.counted_metrics import METRICS

Floats = NDArray[np.float64]


def scored(n: int, seed: int = 0) -> tuple[NDArray[np.int64], Floats]:
    """Return labels (n,), three tenths of them 1, and probabilities (n,) of a fair model."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < 0.3 * n).astype(np.int64)
    return y, 1 / (1 + np.exp(-(rng.normal(size=n) + 1.5 * y - 1)))


@settings(max_examples=60, deadline=None)
@given(
    y=st.lists(st.integers(0, 1), min_size=1, max_size=25),
    scores=st.sampled_from([(0.5,), (0.0, 1.0), (0.1, 0.4, 0.6, 0.9)]),
    seed=st.integers(0, 5),
)
def test_bounds_are_in_order_and_in_range_or_nan(
    y: list[int], scores: tuple[float, ...], seed: int
) -> None:
    p = np.random.default_rng(seed).choice(scores, size=len(y))
    found = asdict(assess(y, p, n_resamples=50, seed=seed))
    assert set(found) == set(METRICS)
    for name, interval in found.items():
        low, high = interval["low"], interval["high"]
        assert np.isnan(low) == np.isnan(high)
        assert not low > high
        assert not low < 0
        if name != "log_loss":
            assert not high > 1


def test_intervals_hold_the_value_and_shrink_with_the_rows() -> None:
    few, many = (asdict(assess(*scored(n), n_resamples=500)) for n in (100, 2000))
    for name in METRICS:
        assert few[name]["low"] < few[name]["value"] < few[name]["high"], name
        width = many[name]["high"] - many[name]["low"]
        assert width < 0.4 * (few[name]["high"] - few[name]["low"]), name


def test_the_same_seed_gives_the_same_bounds_and_another_nearly() -> None:
    y, p = scored(300)
    first, again, other = (assess(y, p, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.roc_auc != other.roc_auc
    assert first.roc_auc.low == pytest.approx(other.roc_auc.low, abs=0.01)


def test_a_higher_level_is_wider() -> None:
    y, p = scored(200)
    narrow, wide = (assess(y, p, level=level).log_loss for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.8, 0.99)


def test_more_than_two_classes() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    z = np.exp(rng.normal(size=(150, 3)) + np.eye(3)[y])
    found = asdict(assess(y, z / z.sum(axis=1, keepdims=True), n_resamples=200))
    assert all(found[name]["low"] < found[name]["value"] < found[name]["high"] for name in METRICS)


def test_perfect_separation_is_no_certainty() -> None:
    """Every resample is perfect too; ten positives in order still allow a ROC-AUC of 0.69."""
    y = np.repeat([0, 1], [40, 10])
    found = assess(y, np.where(y == 1, 0.9, 0.1), n_resamples=50)
    for interval in (found.roc_auc, found.average_precision, found.accuracy, found.f1):
        assert (interval.value, interval.high) == (1.0, 1.0)
        assert interval.low == pytest.approx(0.025**0.1)


def test_a_constant_ranks_at_one_half_without_doubt() -> None:
    """Its calls are all alike too, but that another row would be called otherwise is possible."""
    y = np.repeat([0, 1], [40, 10])
    found = assess(y, np.full(50, 0.2), n_resamples=50)
    assert (found.roc_auc.low, found.roc_auc.value, found.roc_auc.high) == (0.5, 0.5, 0.5)
    assert (found.f1.low, found.f1.value) == (0.0, 0.0)
    assert found.f1.high == pytest.approx(1 - 0.025**0.1)


def test_a_missing_class_leaves_nan_where_it_is_needed() -> None:
    found = assess(np.zeros(20, np.int64), np.linspace(0, 0.9, 20), n_resamples=50)
    for interval in (found.roc_auc, found.average_precision, found.balanced_accuracy):
        assert np.isnan([interval.value, interval.low, interval.high]).all()
    assert found.log_loss.low < found.log_loss.value < found.log_loss.high


def test_a_single_row_of_a_class_leaves_no_bounds_of_what_leans_on_it() -> None:
    y, p = np.array([0] * 20 + [1]), np.linspace(0, 0.9, 21)
    found = assess(y, p, n_resamples=50)
    for interval in (found.roc_auc, found.average_precision, found.balanced_accuracy, found.f1):
        assert np.isfinite(interval.value)
        assert np.isnan([interval.low, interval.high]).all()
    assert np.isfinite([found.accuracy.low, found.brier_score.high]).all()


def test_calibration_of_honest_probabilities_may_be_perfect_and_of_boasts_may_not() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, size=500)
    y = (rng.random(500) < p).astype(np.int64)
    assert assess(y, p, n_resamples=300).calibration_error.low == 0
    boasts = np.where(p > 0.5, 0.99, 0.01)
    assert assess(y, boasts, n_resamples=300).calibration_error.low > 0.1


def test_a_level_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`level` must be a float in \(0, 1\); got 95\."):
        assess([0, 1], [0.2, 0.8], level=95)
