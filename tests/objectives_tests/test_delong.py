"""DeLong's test is the published one, and the direct computation over all pairs."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from objectives.assessment.delong import delong_difference, structural_components

Floats = NDArray[np.float64]

# Albumin, total protein, K-G score and whether surgery failed (0) of 43 patients with ovarian
# cancer: DeLong et al. 1988, as printed in the SAS/STAT User's Guide, PROC LOGISTIC, "Comparing
# Receiver Operating Characteristic Curves", with the results below.
OVARIAN_CANCER = """
3.0 5.8 10 0   3.2 6.3  5 1   3.9 6.8  3 1   2.8 4.8  6 0   3.2 5.8  3 1   0.9 4.0  5 0
2.5 5.7  8 0   1.6 5.6  5 1   3.8 5.7  5 1   3.7 6.7  6 1   3.2 5.4  4 1   3.8 6.6  6 1
4.1 6.6  5 1   3.6 5.7  5 1   4.3 7.0  4 1   3.6 6.7  4 0   2.3 4.4  6 1   4.2 7.6  4 0
4.0 6.6  6 0   3.5 5.8  6 1   3.8 6.8  7 1   3.0 4.7  8 0   4.5 7.4  5 1   3.7 7.4  5 1
3.1 6.6  6 1   4.1 8.2  6 1   4.3 7.0  5 1   4.3 6.5  4 1   3.2 5.1  5 1   2.6 4.7  6 1
3.3 6.8  6 0   1.7 4.0  7 0   3.7 6.1  5 1   3.3 6.3  7 1   4.2 7.7  6 1   3.5 6.2  5 1
2.9 5.7  9 0   2.1 4.8  7 1   2.8 6.2  8 0   4.0 7.0  7 1   3.3 5.7  6 1   3.7 6.9  5 1
3.6 6.6  5 1
"""


@pytest.mark.parametrize(
    ("column", "area", "error", "difference", "low", "high", "p_value"),
    [
        (0, 0.7366, 0.0927, 0.0108, -0.1761, 0.1976, 0.9102),  # albumin
        (1, 0.6478, 0.1000, -0.0780, -0.2830, 0.1271, 0.4561),  # total protein
    ],
)
def test_published_comparison_with_the_kg_score(
    column: int,
    area: float,
    error: float,
    difference: float,
    low: float,
    high: float,
    p_value: float,
) -> None:
    table = np.array(OVARIAN_CANCER.split(), np.float64).reshape(43, 4)
    y, score, kg = table[:, 3], table[:, column], 10 - table[:, 2]
    v10, v01 = structural_components(y, score)
    assert v10.mean() == pytest.approx(area, abs=5e-5)
    assert np.sqrt(v10.var(ddof=1) / 31 + v01.var(ddof=1) / 12) == pytest.approx(error, abs=5e-5)
    found, p = delong_difference(y, score, kg)
    assert (found.value, found.low, found.high) == pytest.approx((difference, low, high), abs=5e-5)
    assert p == pytest.approx(p_value, abs=5e-5)


def over_all_pairs(y: NDArray[np.int64], s: Floats) -> tuple[Floats, Floats]:
    """Return V10 and V01 by comparing each positive with each negative."""
    x, z = s[y == 1][:, np.newaxis], s[y == 0][np.newaxis]
    psi = (x > z) + (x == z) / 2
    return psi.mean(axis=1), psi.mean(axis=0)


@st.composite
def two_models(draw: st.DrawFn) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return labels (n,), at least two of each class, and two models' scores with ties."""
    score = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)
    rows = draw(st.lists(st.tuples(st.integers(0, 1), score, score), min_size=4, max_size=30))
    y = np.array([row[0] for row in rows])
    y[:4] = [0, 0, 1, 1]
    return y, np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


@settings(deadline=None)  # the machine may be busy
@given(two_models())
def test_test_is_the_direct_one_over_all_pairs(
    case: tuple[NDArray[np.int64], Floats, Floats],
) -> None:
    y, a, b = case
    pairs_a, pairs_b = over_all_pairs(y, a), over_all_pairs(y, b)
    for fast, direct in zip(structural_components(y, a), pairs_a, strict=True):
        assert fast == pytest.approx(direct, abs=1e-12)
    found, p_value = delong_difference(y, a, b)
    areas = sklearn.metrics.roc_auc_score(y, a) - sklearn.metrics.roc_auc_score(y, b)
    assert found.value == pytest.approx(areas, abs=1e-12)
    covariances = (np.cov(va, vb) / len(va) for va, vb in zip(pairs_a, pairs_b, strict=True))
    s = sum(covariances, np.zeros((2, 2)))
    variance = s[0, 0] + s[1, 1] - 2 * s[0, 1]
    if variance > 1e-9:
        error = np.sqrt(variance)
        assert p_value == pytest.approx(2 * scipy.stats.norm.sf(abs(areas) / error), abs=1e-6)
        assert found.high - found.value == pytest.approx(1.959964 * error, rel=1e-5)
        assert found.value - found.low == pytest.approx(1.959964 * error, rel=1e-5)


@given(two_models())
def test_swapping_the_models_turns_the_sign(
    case: tuple[NDArray[np.int64], Floats, Floats],
) -> None:
    y, a, b = case
    there, p_there = delong_difference(y, a, b)
    back, p_back = delong_difference(y, b, a)
    assert there.value == -back.value
    assert p_there == pytest.approx(p_back, nan_ok=True)


@given(two_models())
def test_the_same_ranking_differs_by_nothing(
    case: tuple[NDArray[np.int64], Floats, Floats],
) -> None:
    y, a, _ = case
    found, p_value = delong_difference(y, a, 2 * a - 1)  # doubling rounds nothing
    if len(set((2 * a - 1).tolist())) == len(set(a.tolist())):  # taking off 1 may make ties
        assert (found.value, found.low, found.high, p_value) == (0, 0, 0, 1)


def test_two_perfect_models_differ_by_nothing() -> None:
    y = np.array([0, 0, 1, 1, 1])
    found, p_value = delong_difference(y, y * 1.0, y + np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert (found.value, found.low, found.high, p_value) == (0, 0, 0, 1)


def test_a_perfect_model_against_another_is_judged_by_the_other() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 50)
    other = rng.normal(size=100) + y
    found, p_value = delong_difference(y, y * 1.0, other)
    v10, v01 = structural_components(y, other)
    error = np.sqrt(v10.var(ddof=1) / 50 + v01.var(ddof=1) / 50)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * error, rel=1e-5)
    assert p_value < 1e-4


def test_a_perfect_model_against_a_constant_cannot_be_measured() -> None:
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    found, p_value = delong_difference(y, y * 1.0, np.zeros(7))
    assert found.value == 0.5
    assert np.isnan([found.low, found.high, p_value]).all()


@pytest.mark.parametrize("positives", [0, 1, 4, 5])
def test_fewer_than_two_rows_of_a_class_leave_nan(positives: int) -> None:
    y = (np.arange(5) < positives).astype(np.int64)
    s = np.array([0.3, 0.1, 0.5, 0.2, 0.4])
    found, p_value = delong_difference(y, s, s[::-1])
    assert np.isnan(found.value) == (positives in (0, 5))
    assert np.isnan([found.low, found.high, p_value]).all()


def test_far_tails_of_p_are_not_rounded_to_zero() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 5000)
    _, p_value = delong_difference(y, rng.normal(size=10_000) + y, rng.normal(size=10_000))
    assert 0 < p_value < 1e-60
