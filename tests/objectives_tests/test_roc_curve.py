"""The points of a ROC curve are few, and the area below them is the ROC-AUC."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from objectives.assessment.roc_curve import MAX_POINTS, mean_roc_curves
from objectives.metrics import one_vs_rest, probabilities, roc_auc


def _area(points: list[list[float]]) -> float:
    fpr, tpr = np.array(points).T
    return float(np.trapezoid(tpr, fpr))


@given(st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=2, max_size=60))
def test_curve_is_that_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    y, z = np.array([row[0] for row in rows], int), np.array([row[1] for row in rows], np.float32)
    (curve,) = mean_roc_curves([(y, z)])
    if len(set(y)) < 2:
        assert curve == []
        return
    assert curve[0] == [0, 0]
    assert curve[-1] == [1, 1]
    assert _area(curve) == pytest.approx(roc_auc(y, z), abs=1e-3)
    fpr, tpr, _ = roc_curve(y, z, drop_intermediate=False)
    known = {(round(a, 4), round(b, 4)) for a, b in zip(fpr, tpr, strict=True)}
    assert {(a, b) for a, b in curve} <= known


@given(st.integers(0, 1_000), st.integers(2, 5))
def test_area_below_the_mean_of_folds_is_the_mean_of_their_areas(seed: int, k: int) -> None:
    source = np.random.default_rng(seed)
    folds = []
    for _ in range(k):
        y = source.permutation(np.arange(40) % 2)
        folds.append((y, np.round(y + source.normal(size=40), 1).astype(np.float32)))
    (curve,) = mean_roc_curves(folds)
    wanted = np.mean([roc_auc(y, z) for y, z in folds])
    assert _area(curve) == pytest.approx(wanted, abs=0.01)
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(curve))


def test_many_rows_give_few_points() -> None:
    source = np.random.default_rng(0)
    y = np.arange(20_000) % 2
    z = (y + source.normal(size=len(y))).astype(np.float32)
    (curve,) = mean_roc_curves([(y, z)] * 3)
    assert len(curve) <= MAX_POINTS
    assert _area(curve) == pytest.approx(roc_auc(y, z), abs=1e-3)


def test_every_class_has_its_curve_against_the_rest() -> None:
    source = np.random.default_rng(0)
    y = np.arange(300) % 3
    z = (np.eye(3)[y] * 2 + source.normal(size=(300, 3))).astype(np.float32)
    curves = mean_roc_curves([(y, z)])
    assert np.mean([_area(curve) for curve in curves]) == pytest.approx(
        one_vs_rest(y, probabilities(z)), abs=2e-3
    )


def test_class_without_rows_has_no_curve() -> None:
    z = np.zeros((4, 3), np.float32)
    assert mean_roc_curves([(np.array([0, 1, 0, 1]), z)])[2] == []
