"""Metrics are scikit-learn's, exactly, on whatever scores a network can give."""

import keras
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from objectives.metrics import evaluate, log_loss, one_vs_rest, probabilities, roc_auc

Floats = NDArray[np.float32]
Classes = NDArray[np.int64]

few_scores = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0])  # nearly every score is tied
any_score = st.floats(width=32, allow_nan=False, allow_infinity=False)
moderate_score = st.floats(-30, 30, width=32)
likely_logit = st.floats(-15, 15, width=32)  # scikit-learn clips probabilities below 2e-16


@st.composite
def scored(draw: st.DrawFn, scores: st.SearchStrategy[float]) -> tuple[Floats, Floats]:
    """Return labels (n,) of both classes and scores (n,)."""
    pairs = draw(st.lists(st.tuples(st.booleans(), scores), min_size=2, max_size=40))
    y = np.array([label for label, _ in pairs], np.float32)
    y[0], y[-1] = 0, 1
    return y, np.array([score for _, score in pairs], np.float32)


@given(scored(few_scores | any_score))
def test_roc_auc_is_scikit_learns_with_any_ties(case: tuple[Floats, Floats]) -> None:
    y, s = case
    assert roc_auc(y, s) == pytest.approx(sklearn.metrics.roc_auc_score(y, s), abs=1e-12)


@given(scored(few_scores | any_score))
def test_roc_auc_of_reversed_scores_is_its_complement(case: tuple[Floats, Floats]) -> None:
    y, s = case
    assert roc_auc(y, -s) == pytest.approx(1 - roc_auc(y, s), abs=1e-12)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_roc_auc_of_one_class_is_nan(label: float) -> None:
    assert np.isnan(roc_auc(np.full(3, label), np.array([0.1, 0.2, 0.3])))


def test_roc_auc_of_a_constant_is_one_half() -> None:
    assert roc_auc(np.array([0, 1, 1, 0, 1]), np.zeros(5)) == 0.5


def test_roc_auc_is_exact_where_a_histogram_of_thresholds_reads_chance() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.4).astype(np.float32)
    s = rng.normal(size=2000) + 1.4 * y
    squashed = 0.302 + 0.002 * (s - s.min()) / (s.max() - s.min())
    histogram = keras.metrics.AUC()
    histogram.update_state(y, squashed)
    assert float(histogram.result()) == pytest.approx(0.5, abs=1e-3)
    assert roc_auc(y, squashed) == pytest.approx(sklearn.metrics.roc_auc_score(y, s), abs=1e-12)
    assert roc_auc(y, squashed) > 0.8


@given(scored(few_scores | moderate_score))
def test_every_metric_is_scikit_learns_at_threshold_one_half(case: tuple[Floats, Floats]) -> None:
    y, logits = case
    found = evaluate(y, logits)
    called = (logits >= 0).astype(int)
    z = logits.astype(np.float64)
    p = np.column_stack([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))])  # neither by subtraction
    assert found.roc_auc == roc_auc(y, logits)
    assert found.accuracy == pytest.approx(sklearn.metrics.accuracy_score(y, called), abs=1e-12)
    assert found.f1 == pytest.approx(
        sklearn.metrics.f1_score(y, called, zero_division=0.0), abs=1e-12
    )
    assert found.log_loss == pytest.approx(sklearn.metrics.log_loss(y, p), rel=1e-9, abs=1e-12)
    matrix = sklearn.metrics.confusion_matrix(y, called, labels=[0, 1])
    assert found.confusion_matrix == tuple(map(tuple, matrix.tolist()))


@given(scored(any_score))
def test_every_metric_of_any_finite_logits_is_finite(case: tuple[Floats, Floats]) -> None:
    y, logits = case
    found = evaluate(y, logits)
    assert np.isfinite([found.roc_auc, found.accuracy, found.f1, found.log_loss]).all()
    p = probabilities(logits)
    assert ((p >= 0) & (p <= 1)).all()


def test_a_surely_wrong_row_costs_its_logit() -> None:
    y, logits = np.array([0.0, 1.0]), np.array([1e30, -1e30], np.float32)
    assert log_loss(y, logits) == pytest.approx(1e30)


# More than two classes


@st.composite
def classified(draw: st.DrawFn, logits: st.SearchStrategy[float]) -> tuple[Classes, Floats]:
    """Return classes (n,), each of K at least once, and logits (n, K)."""
    n_classes = draw(st.integers(3, 5))
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=30))
    y = np.array(draw(st.permutations([*range(n_classes), *more])), np.int64)
    size = len(y) * n_classes
    z = draw(st.lists(logits, min_size=size, max_size=size))
    return y, np.array(z, np.float32).reshape(len(y), n_classes)


@given(classified(few_scores | any_score))
def test_roc_auc_of_classes_is_scikit_learns_macro_one_vs_rest(
    case: tuple[Classes, Floats],
) -> None:
    y, z = case
    p = probabilities(z)
    expected = sklearn.metrics.roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert roc_auc(y, z) == one_vs_rest(y, p) == pytest.approx(expected, abs=1e-12)


@given(classified(few_scores | likely_logit))
def test_every_metric_of_classes_is_scikit_learns(case: tuple[Classes, Floats]) -> None:
    y, z = case
    found, called, p = evaluate(y, z), np.argmax(z, axis=1), probabilities(z)
    metrics = sklearn.metrics
    assert found.roc_auc == roc_auc(y, z)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(y, called), abs=1e-12)
    f1 = metrics.f1_score(y, called, average="macro", zero_division=0.0)
    assert found.f1 == pytest.approx(f1, abs=1e-12)
    assert found.log_loss == pytest.approx(metrics.log_loss(y, p), rel=1e-9, abs=1e-12)
    matrix = metrics.confusion_matrix(y, called, labels=range(z.shape[1]))
    assert found.confusion_matrix == tuple(map(tuple, matrix.tolist()))


@given(classified(any_score))
def test_every_metric_of_any_finite_logits_of_classes_is_finite(
    case: tuple[Classes, Floats],
) -> None:
    y, z = case
    found, p = evaluate(y, z), probabilities(z)
    assert np.isfinite([found.roc_auc, found.accuracy, found.f1, found.log_loss]).all()
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@given(scored(few_scores | moderate_score))
def test_two_logits_a_row_say_what_their_difference_says(case: tuple[Floats, Floats]) -> None:
    y, s = case
    z = np.stack([np.zeros_like(s), s], axis=1)
    np.testing.assert_allclose(probabilities(z)[:, 1], probabilities(s), rtol=1e-12)
    assert log_loss(y, z) == pytest.approx(log_loss(y, s), rel=1e-9, abs=1e-12)


def test_roc_auc_without_rows_of_a_class_is_nan() -> None:
    y, z = np.array([0, 1, 1, 0]), np.random.default_rng(0).normal(size=(4, 3))
    assert np.isnan(roc_auc(y, z))


def test_f1_leaves_out_a_class_that_neither_occurs_nor_is_called() -> None:
    y, z = np.array([0, 1, 1, 0]), np.eye(3)[[0, 1, 0, 0]]
    called = np.argmax(z, axis=1)
    expected = sklearn.metrics.f1_score(y, called, average="macro", zero_division=0.0)
    assert evaluate(y, z).f1 == pytest.approx(expected) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert evaluate(y, z).confusion_matrix == ((2, 0, 0), (1, 1, 0), (0, 0, 0))


def test_the_ranking_is_that_of_probabilities_and_not_of_logits() -> None:
    # Of the logits of class 0 the second is larger, of its probabilities the first.
    y = np.array([0, 1, 2, 1])
    z = np.array([[1, 0, 0], [2, 5, 0], [0, 0, 9], [0, 9, 0]], np.float32)
    assert roc_auc(y, z) == 1
    assert one_vs_rest(y, z) < 1


def test_logarithms_of_probabilities_are_logits() -> None:
    z = np.random.default_rng(0).normal(size=(6, 4))
    np.testing.assert_allclose(probabilities(np.log(probabilities(z))), probabilities(z))
