"""Class weights are scikit-learn's "balanced", and weighted rows keep a mean of one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from objectives.weighting import class_weights, weighted

Classes = NDArray[np.int64]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[Classes, int]:
    """Return classes (n,), each of them at least once, and their number."""
    n_classes = draw(st.integers(2, 6))
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=60))
    return np.array([*range(n_classes), *more], np.int64), n_classes


@given(labelled())
def test_class_weights_are_scikit_learns(case: tuple[Classes, int]) -> None:
    y, n_classes = case
    expected = compute_class_weight("balanced", classes=np.arange(n_classes), y=y)
    found = class_weights(y, n_classes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(labelled())
def test_rows_of_one_weight_get_scikit_learns_sample_weights(case: tuple[Classes, int]) -> None:
    y, n_classes = case
    found = weighted(np.ones(len(y), np.float32), y, n_classes)
    np.testing.assert_allclose(found, compute_sample_weight("balanced", y), rtol=1e-5)


@given(labelled(), st.integers(0, 2**32 - 1))
def test_weighted_rows_have_mean_one_and_keep_their_ratios_within_a_class(
    case: tuple[Classes, int], seed: int
) -> None:
    y, n_classes = case
    w = np.random.default_rng(seed).uniform(0.01, 100, len(y)).astype(np.float32)
    found = weighted(w, y, n_classes)
    assert found.dtype == np.float32
    assert found.shape == y.shape
    assert found.astype(np.float64).mean() == pytest.approx(1, rel=1e-5)
    for k in range(n_classes):
        ratios = found[y == k] / w[y == k]
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)


def test_a_class_without_rows_weighs_nothing() -> None:
    y = np.array([0, 0, 0, 2])
    np.testing.assert_allclose(class_weights(y, 3), [4 / 9, 0, 4 / 3], rtol=1e-6)
    np.testing.assert_allclose(weighted(np.ones(4), y, 3), [2 / 3, 2 / 3, 2 / 3, 2], rtol=1e-6)


def test_labels_may_be_floats() -> None:
    y = np.array([0, 1, 1], np.float32)
    assert class_weights(y, 2).tolist() == [1.5, 0.75]
