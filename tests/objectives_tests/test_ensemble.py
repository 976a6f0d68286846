"""One selection is the plain algorithm's, and the mean of many is seeded and does better."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from objectives.assessment.ensemble import greedy_ensemble

Floats = NDArray[np.float64]


def library(m: int, n: int, *, seed: int = 0) -> tuple[NDArray[np.int64], Floats]:
    """Return labels (n,) and probabilities (m, n) of models that err on different rows."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    logits = rng.normal(size=(m, n)) * rng.uniform(0.5, 2, size=(m, 1)) + y
    return y, 1 / (1 + np.exp(-logits))


def plainly(y: NDArray[np.int64], models: Floats) -> list[int]:
    """Return the chosen models by the algorithm's words, with scikit-learn's ROC-AUC."""
    single = models.astype(np.float32)

    def worth(chosen: list[int]) -> float:
        mean = models[chosen].sum(axis=0, dtype=np.float64) / len(chosen)
        return float(roc_auc_score(y, mean.astype(np.float32)))

    order = sorted(range(len(models)), key=lambda i: -roc_auc_score(y, single[i]))
    chosen = max((order[: i + 1] for i in range(min(25, len(order)))), key=worth)
    while True:
        step = max(order, key=lambda i: worth([*chosen, i]))
        if worth([*chosen, step]) <= worth(chosen):
            return chosen
        chosen = [*chosen, step]


@pytest.mark.parametrize("seed", range(3))
def test_selection_is_the_plain_algorithms(seed: int) -> None:
    y, models = library(8, 60, seed=seed)
    weights = np.bincount(plainly(y, models), minlength=8)
    assert greedy_ensemble(y, models, bags=1).weights == pytest.approx(weights / weights.sum())


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(4, 30),
    m=st.integers(1, 6),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([1, 2, 3, 1000]),
)
def test_ensemble_is_at_least_the_best_model_and_weighs_one(
    n: int, m: int, seed: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    models = (rng.integers(0, levels + 1, size=(m, n)) / levels).astype(np.float32)
    bagged = greedy_ensemble(y, models, seed=seed, bags=3)
    assert bagged.weights.sum() == pytest.approx(1)
    assert (bagged.weights >= 0).all()
    found = greedy_ensemble(y, models, bags=1)
    assert found.weights.sum() == pytest.approx(1)
    alone = [roc_auc_score(y, one) for one in models]
    assert found.best_single == pytest.approx(max(alone), abs=1e-12)
    assert found.roc_auc >= found.best_single - 1e-6  # the mean of twice a model is rounded anew


def test_ensemble_helps_and_its_value_is_its_means() -> None:
    y, models = library(40, 400)
    found = greedy_ensemble(y, models)
    assert found.roc_auc > found.best_single + 0.02
    assert roc_auc_score(y, found.weights @ models) == pytest.approx(found.roc_auc, abs=1e-6)


def test_a_copy_of_the_best_adds_nothing() -> None:
    y, models = library(1, 50)
    assert greedy_ensemble(y, np.repeat(models, 5, axis=0), bags=1).weights.tolist() == [
        1,
        0,
        0,
        0,
        0,
    ]


def test_bags_do_better_on_other_rows_and_repeat_with_the_seed() -> None:
    gains = []
    for seed in range(5):
        y, models = library(40, 2100, seed=seed)
        chosen, other = models[:, :100], models[:, 100:]
        bagged, once = (greedy_ensemble(y[:100], chosen, bags=bags) for bags in (10, 1))
        gains.append(
            roc_auc_score(y[100:], bagged.weights @ other)
            - roc_auc_score(y[100:], once.weights @ other)
        )
        assert (greedy_ensemble(y[:100], chosen).weights == bagged.weights).all()
    assert np.mean(gains) > 0


def test_only_the_best_are_kept() -> None:
    y, models = library(30, 200)
    best = np.argsort([-roc_auc_score(y, one) for one in models])
    assert set(np.flatnonzero(greedy_ensemble(y, models, kept=4).weights)) <= set(best[:4])


def test_more_classes_are_judged_by_the_macro_mean() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    p = np.exp(rng.normal(size=(10, 90, 3)) + np.eye(3)[y])
    p /= p.sum(axis=2, keepdims=True)
    found = greedy_ensemble(y, p)
    mean = np.tensordot(found.weights, p, axes=1)
    assert roc_auc_score(y, mean, multi_class="ovr") == pytest.approx(found.roc_auc, abs=1e-4)
    assert found.roc_auc > found.best_single


def test_a_missing_class_and_an_empty_library_are_refused() -> None:
    with pytest.raises(ValueError, match="`y` must hold a row of every class; one is missing"):
        greedy_ensemble([0, 0], np.array([[0.1, 0.2]]))
    with pytest.raises(ValueError, match=r"at least 1; got \(0, 2\), 100 and 10\."):
        greedy_ensemble([0, 1], np.zeros((0, 2)))
