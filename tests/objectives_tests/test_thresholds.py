"""The threshold is the best there is on its rows, and calls as it counted."""

from typing import Literal

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from objectives.assessment.thresholds import choose_threshold, confusion_matrix

rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]) | st.floats(0, 1)),
    min_size=2,
    max_size=20,
)
SCORES = {
    "balanced_accuracy": sklearn.metrics.balanced_accuracy_score,
    "f1": sklearn.metrics.f1_score,
}


@pytest.mark.parametrize("criterion", ["balanced_accuracy", "f1"])
@settings(max_examples=40, deadline=None)
@given(pairs=rows, single=st.booleans())
def test_no_other_threshold_does_better(
    criterion: Literal["balanced_accuracy", "f1"], pairs: list[tuple[int, float]], single: bool
) -> None:
    y = np.array([label for label, _ in pairs])
    y[:2] = [0, 1]
    p = np.array([value for _, value in pairs], np.float32 if single else np.float64)
    threshold = choose_threshold(y, p, criterion=criterion)
    score = SCORES[criterion]
    best = max(score(y, (p >= t).astype(int)) for t in np.unique(p))
    assert score(y, (p >= threshold).astype(int)) == pytest.approx(best, abs=1e-12)
    assert 0 <= threshold <= 1


def test_neighbouring_numbers_are_told_apart() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    p = np.array([low, high])
    threshold = choose_threshold([0, 1], p)
    assert (p >= threshold).tolist() == [False, True]


def test_threshold_lies_half_way_and_closest_to_one_half() -> None:
    assert choose_threshold([0, 1], [0.2, 0.4]) == pytest.approx(0.3)
    # Below 0.1, between 0.2 and 0.45 and between 0.8 and 0.9 are equally good.
    y, p = [0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9]
    assert choose_threshold(y, p) in (pytest.approx(0.15), pytest.approx(0.85))
    assert choose_threshold([0, 0, 1, 1, 0, 1], [0.1, 0.2, 0.45, 0.5, 0.55, 0.9]) == pytest.approx(
        0.325
    )


def test_balanced_accuracy_does_not_move_with_the_shares_of_the_classes() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    p = 1 / (1 + np.exp(-(rng.normal(size=400) + 2 * y - 1)))
    often = np.concatenate([np.flatnonzero(y == 1), np.repeat(np.flatnonzero(y == 0), 9)])
    assert choose_threshold(y, p) == choose_threshold(y[often], p[often])
    f1 = [choose_threshold(y[r], p[r], criterion="f1") for r in (np.arange(400), often)]
    assert f1[0] < f1[1]


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_leaves_nothing_to_choose_by(label: int) -> None:
    assert choose_threshold([label] * 3, [0.1, 0.2, 0.3]) == 0.5


def test_more_than_two_classes_have_no_threshold() -> None:
    with pytest.raises(ValueError, match=r"a threshold needs two classes, .*; got \(3, 3\)\."):
        choose_threshold([0, 1, 2], np.eye(3))


@settings(max_examples=40, deadline=None)
@given(rows, st.floats(0, 1))
def test_matrix_is_scikit_learns(pairs: list[tuple[int, float]], threshold: float) -> None:
    y = np.array([label for label, _ in pairs])
    p = np.array([value for _, value in pairs])
    theirs = sklearn.metrics.confusion_matrix(y, (p >= threshold).astype(int), labels=[0, 1])
    assert confusion_matrix(y, p, threshold=threshold) == tuple(map(tuple, theirs.tolist()))


def test_matrix_of_more_classes_calls_the_most_probable() -> None:
    p = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.5, 0.4], [0.0, 0.0, 1.0]]
    assert confusion_matrix([0, 1, 2, 2], p) == ((1, 0, 0), (0, 1, 0), (0, 1, 1))
