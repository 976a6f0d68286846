"""Noise of a ROC-AUC against simulation, and Keras's histogram against Keras."""

import math

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from objectives.metrics import roc_auc
from objectives.verdict.chance import chance_error, histogram_auc, sampling_error


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (0.302, 0.304), (0.05, 0.07), (0.5, 0.5), (0.0, 0.001), (0.999, 1.0)],
)
def test_histogram_reads_what_the_metric_of_keras_reads(low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2_000)
    s = rng.normal(size=2_000) + 1.4 * y
    p = (low + (high - low) * (s - s.min()) / np.ptp(s)).astype(np.float32)
    metric = keras.metrics.AUC()
    metric.update_state(y, p)
    assert histogram_auc(y, p) == pytest.approx(float(metric.result()), abs=1e-6)


def test_scores_that_lie_close_together_rank_although_the_histogram_reads_chance() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 2_000)
    p = 0.303 + 2e-4 * (rng.normal(size=2_000) + 1.4 * y).clip(-4, 4)
    assert roc_auc(y, p) > 0.8
    assert histogram_auc(y, p) == 0.5


def test_histogram_of_classes_is_their_mean_against_the_rest() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 500)
    p = rng.dirichlet([1, 1, 1], 500) + 0.4 * np.eye(3)[y]
    p /= p.sum(axis=1, keepdims=True)
    exact = roc_auc_score(y, p, multi_class="ovr")
    assert histogram_auc(y, p) == pytest.approx(exact, abs=2e-3)


def test_one_class_has_no_histogram_and_an_infinite_error() -> None:
    assert math.isnan(histogram_auc(np.ones(5), np.linspace(0, 1, 5)))
    assert chance_error((5, 0)) == sampling_error(0.7, (0, 5)) == math.inf


def test_chance_error_is_that_of_scores_that_say_nothing() -> None:
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], [90, 30])
    found = [roc_auc(y, rng.normal(size=120)) for _ in range(4_000)]
    assert chance_error((90, 30)) == pytest.approx(np.std(found), rel=0.05)


def test_sampling_error_is_near_that_of_fresh_rows() -> None:
    rng = np.random.default_rng(4)
    y = np.repeat([0, 1], [90, 60])
    found = [roc_auc(y, rng.normal(size=150) + 1.2 * y) for _ in range(4_000)]
    assert sampling_error(float(np.mean(found)), (90, 60)) == pytest.approx(np.std(found), rel=0.1)


def test_sampling_error_of_a_perfect_score_is_not_zero() -> None:
    assert 0.001 < sampling_error(1.0, (40, 60)) < 0.03
    assert sampling_error(1.0, (1, 1)) > 0
