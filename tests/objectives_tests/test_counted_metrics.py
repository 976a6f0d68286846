"""Counted metrics are scikit-learn's, of the rows and of rows repeated as often as counted."""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from objectives.assessment.calibration import quantile_bins
from objectives.assessment.counted_metrics import METRICS, check_rows, counted_metrics

Floats = NDArray[np.float64]

tied = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
any_probability = st.floats(0, 1)
a_few = settings(max_examples=40, deadline=None)  # the reference takes 20 ms


@st.composite
def binary(draw: st.DrawFn) -> tuple[NDArray[np.int64], Floats]:
    """Return labels (n,) of both classes and probabilities (n,)."""
    one = st.tuples(st.integers(0, 1), tied | any_probability)
    pairs = draw(st.lists(one, min_size=2, max_size=30))
    y = np.array([label for label, _ in pairs])
    y[0], y[-1] = 0, 1
    return y, np.array([p for _, p in pairs], np.float64)


@st.composite
def multiclass(draw: st.DrawFn) -> tuple[NDArray[np.int64], Floats]:
    """Return labels (n,) of all of three or four classes and probabilities (n, K)."""
    k = draw(st.integers(3, 4))
    row = st.lists(st.integers(1, 4), min_size=k, max_size=k)  # many ties, no row of zeros
    rows = draw(st.lists(st.tuples(st.integers(0, k - 1), row), min_size=k, max_size=20))
    y = np.array([label for label, _ in rows])
    y[:k] = np.arange(k)
    p = np.array([parts for _, parts in rows], np.float64)
    return y, p / p.sum(axis=1, keepdims=True)


def reference(y: NDArray[np.int64], p: Floats) -> list[float]:
    """Return METRICS but the last, each by scikit-learn's own definition."""
    binary = p.ndim == 1
    k = 2 if binary else p.shape[1]
    called = (p >= 0.5).astype(int) if binary else p.argmax(axis=1)
    kind: dict[str, Any] = {} if binary else {"multi_class": "ovr"}
    one_hot = y if binary else np.eye(k)[y]
    average = "binary" if binary else "macro"
    f1 = sklearn.metrics.f1_score(y, called, labels=range(k), average=average, zero_division=0.0)
    return [
        sklearn.metrics.roc_auc_score(y, p, **kind),
        sklearn.metrics.average_precision_score(one_hot, p),
        sklearn.metrics.accuracy_score(y, called),
        sklearn.metrics.balanced_accuracy_score(y, called),
        f1,
        sklearn.metrics.log_loss(y, p, labels=range(k)),
        sklearn.metrics.brier_score_loss(y, p, labels=range(k), scale_by_half=binary),
    ]


@a_few
@given(binary() | multiclass())
def test_metrics_of_the_rows_are_scikit_learns(case: tuple[NDArray[np.int64], Floats]) -> None:
    y, p = case
    found = counted_metrics(y, p)(np.ones((len(y), 1)))[:, 0]
    assert found[:7] == pytest.approx(reference(y, p), abs=1e-9)


@a_few
@given(binary() | multiclass(), st.data())
def test_a_row_counted_twice_is_a_row_that_is_there_twice(
    case: tuple[NDArray[np.int64], Floats], data: st.DataObject
) -> None:
    y, p = case
    k = 2 if p.ndim == 1 else p.shape[1]
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y)))
    counts = np.array(times)
    counts[[np.flatnonzero(y == label)[0] for label in range(k)]] += 1  # every class is counted
    columns = np.column_stack([np.ones(len(y)), counts.astype(np.float64)])
    found = counted_metrics(y, p)(columns)[:, 1]
    assert found[:7] == pytest.approx(
        reference(np.repeat(y, counts), np.repeat(p, counts, axis=0)), abs=1e-9
    )


@given(binary() | multiclass())
def test_calibration_error_is_its_definition(case: tuple[NDArray[np.int64], Floats]) -> None:
    y, p = case
    predicted = p if p.ndim == 1 else p.max(axis=1)
    came_true = y == 1 if p.ndim == 1 else p.argmax(axis=1) == y
    bins = quantile_bins(predicted)
    expected = sum(
        np.mean(bins == b) * abs(predicted[bins == b].mean() - came_true[bins == b].mean())
        for b in set(bins.tolist())
    )
    found = counted_metrics(y, p)(np.ones((len(y), 1)))[:, 0]
    assert found[METRICS.index("calibration_error")] == pytest.approx(expected, abs=1e-12)
    assert found[-1] == pytest.approx(0, abs=1e-12)  # of the rows as they are, none has moved


@given(binary(), st.integers(0, 1))
def test_one_class_leaves_only_what_needs_one(
    case: tuple[NDArray[np.int64], Floats], label: int
) -> None:
    _, p = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = counted_metrics(np.full(len(p), label), p)(np.ones((len(p), 1)))[:, 0]
    by_name = dict(zip(METRICS, found, strict=False))
    nan = {name for name, value in by_name.items() if np.isnan(value)}
    assert nan == {"roc_auc", "average_precision", "balanced_accuracy"}


def test_a_threshold_moves_the_calls_alone() -> None:
    y, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.3, 0.35, 0.9])
    half, lower = (counted_metrics(y, p, threshold=t)(np.ones((4, 1)))[:, 0] for t in (0.5, 0.3))
    assert (half[[0, 1, 5, 6, 7]] == lower[[0, 1, 5, 6, 7]]).all()
    assert lower[METRICS.index("balanced_accuracy")] == 0.75
    assert lower[METRICS.index("f1")] == pytest.approx(0.8)


def test_single_precision_stays_close() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 500), rng.random(500)
    ones = np.ones((500, 1))
    single = counted_metrics(y, p.astype(np.float32))(ones)
    assert single == pytest.approx(counted_metrics(y, p)(ones), abs=1e-6)


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([], [], r"n at least 1; got \(0,\) and \(0,\)\."),
        ([0, 1], [0.5], r"n at least 1; got \(2,\) and \(1,\)\."),
        ([0, 1], [[0.5, 0.5]] * 2, r"`p` must be \(n,\) for two classes, .*; got \(2, 2\)\."),
        ([0, 2], [0.5, 0.5], r"`y` must hold ints in \[0, 1\]; got 2\."),
        ([0, 1], [0.5, 1.5], r"`p` must hold probabilities in \[0, 1\]; got others, or NaN\."),
        ([0, 1], [0.5, np.nan], r"`p` must hold probabilities in \[0, 1\]; got others, or NaN\."),
        ([0, 1], [[0.5, 0.2, 0.2]] * 2, r"`p` must hold rows that sum to 1; got others\."),
    ],
)
def test_rows_that_cannot_be_are_refused(y: list[int], p: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_rows(y, p)
