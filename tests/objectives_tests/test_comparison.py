"""Two models on the same rows: DeLong for two classes, resamples for more, and they agree."""

import numpy as np
import pytest
from numpy.typing import NDArray

from objectives.assessment.comparison import compare_roc_auc
from objectives.assessment.counted_metrics import counted_ranking
from objectives.assessment.delong import delong_difference

Floats = NDArray[np.float64]


def three_classes(n: int, *, skill: float, seed: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return labels (n,) and two models' probabilities (n, 3), the first of which adds skill."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    shared = rng.normal(size=(n, 3)) + np.eye(3)[y]
    a, b = (
        np.exp(shared + gain * np.eye(3)[y] + rng.normal(size=(n, 3)) / 2) for gain in (skill, 0)
    )
    return y, a / a.sum(axis=1, keepdims=True), b / b.sum(axis=1, keepdims=True)


def test_two_classes_are_delongs() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    a, b = (1 / (1 + np.exp(-(rng.normal(size=80) + y))) for _ in range(2))
    found = compare_roc_auc(y, a, b)
    assert (found.difference, found.p_value) == delong_difference(y, a, b)
    assert found.method == "delong"


def test_more_classes_are_resampled_in_pairs() -> None:
    y, a, b = three_classes(300, skill=0.7, seed=0)
    found = compare_roc_auc(y, a, b, n_resamples=500)
    ones = np.ones((300, 1))
    value = counted_ranking(y, a)(ones)[0, 0] - counted_ranking(y, b)(ones)[0, 0]
    assert found.method == "bootstrap"
    assert found.difference.value == pytest.approx(value)
    assert 0 < found.difference.low < found.difference.value < found.difference.high
    assert found.p_value < 0.05
    assert found == compare_roc_auc(y, a, b, n_resamples=500)
    back = compare_roc_auc(y, b, a, n_resamples=500)
    assert back.p_value == pytest.approx(found.p_value)
    assert back.difference.value == -found.difference.value


def test_resampled_differences_spread_as_delongs() -> None:
    """Two classes and a third that both models set apart, so that it adds no difference."""
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1, 2], [150, 150, 10])
    pairs = []
    for _ in range(2):
        p = 1 / (1 + np.exp(-(rng.normal(size=310) + y)))
        rows = np.column_stack([1 - p, p, np.zeros(310)])
        rows[y == 2] = [0, 0, 1]
        pairs.append(rows)
    found = compare_roc_auc(y, *pairs, n_resamples=2000).difference
    two = y < 2
    # Either class has 150 of its 160 rivals in the other, and two of three areas differ.
    delong, _ = delong_difference(y[two], pairs[0][two, 1], pairs[1][two, 1])
    share = 150 / 160 * 2 / 3
    assert found.value == pytest.approx(delong.value * share)
    assert found.high - found.low == pytest.approx((delong.high - delong.low) * share, rel=0.1)


def test_models_that_rank_alike_differ_by_nothing() -> None:
    y, a, _ = three_classes(60, skill=1, seed=2)
    found = compare_roc_auc(y, a, a.copy(), n_resamples=50)
    assert (found.difference.low, found.difference.high, found.p_value) == (0, 0, 1)


def test_a_class_without_rows_leaves_nan() -> None:
    y, a, b = three_classes(60, skill=1, seed=2)
    found = compare_roc_auc(y[y < 2], a[y < 2], b[y < 2], n_resamples=50)
    assert np.isnan([found.difference.value, found.difference.low, found.p_value]).all()


def test_a_class_with_one_row_leaves_no_bounds() -> None:
    y, a, b = three_classes(60, skill=1, seed=2)
    kept = (y < 2) | (np.arange(60) == 2)
    found = compare_roc_auc(y[kept], a[kept], b[kept], n_resamples=50)
    assert np.isfinite(found.difference.value)
    assert np.isnan([found.difference.low, found.difference.high, found.p_value]).all()


def test_models_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have one shape; got \(2,\) and \(2, 3\)\."):
        compare_roc_auc([0, 1], [0.1, 0.2], [[0.2, 0.4, 0.4]] * 2)
