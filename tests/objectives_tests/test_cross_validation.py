"""The folds of a trial come to one value, with its error, and to the metrics of all their rows."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score

from objectives.cross_validation import combine
from objectives.metrics import evaluate, probabilities
from objectives.training import Epoch, Outcome

Fold = tuple[NDArray[Any], NDArray[Any]]


def _fold(seed: int, n: int = 40, n_classes: int = 2) -> Fold:
    generator = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    noise = generator.normal(size=(n, n_classes))
    logits = noise + 1.5 * np.eye(n_classes)[y]
    return y, (logits[:, 1] - logits[:, 0] if n_classes == 2 else logits).astype(np.float32)


def _outcome(fold: Fold | None, *, epochs: int = 3) -> Outcome:
    records = tuple(
        Epoch(
            number=number,
            training_loss=1 / number,
            validation_loss=2 / number,
            validation_auc=0.5 + number / 100,
            best_auc=0.5 + number / 100,
        )
        for number in range(1, epochs + 1)
    )
    return Outcome(
        metrics=None if fold is None else evaluate(*fold),
        logits=None if fold is None else fold[1],
        best_epoch=0 if fold is None else epochs,
        epochs=records,
        diverged=fold is None,
        seconds=2.0,
    )


def test_one_fold_is_its_own_result() -> None:
    fold = _fold(0)
    result = combine([_outcome(fold)], [fold[0]])
    assert result.metrics == evaluate(*fold)
    assert result.value == evaluate(*fold).roc_auc
    assert result.standard_error is None
    assert result.folds == ()
    assert result.learning_curve["training_loss"] == [1, 1 / 2, 1 / 3]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_value_is_the_mean_of_the_folds_with_its_standard_error(n_classes: int) -> None:
    folds = [_fold(seed, n_classes=n_classes) for seed in range(5)]
    result = combine([_outcome(fold) for fold in folds], [y for y, _ in folds])
    each = [
        roc_auc_score(y, probabilities(logits), multi_class="ovr")
        if n_classes > 2
        else roc_auc_score(y, logits)
        for y, logits in folds
    ]
    assert result.value == pytest.approx(np.mean(each), abs=1e-9)
    assert result.standard_error == pytest.approx(np.std(each, ddof=1) / math.sqrt(5), abs=1e-9)
    assert [fold["roc_auc"] for fold in result.folds] == pytest.approx(each, abs=1e-9)
    assert result.seconds == 10


@pytest.mark.parametrize("n_classes", [2, 3])
def test_other_metrics_are_those_of_all_rows_at_once(n_classes: int) -> None:
    folds = [_fold(seed, n_classes=n_classes) for seed in range(4)]
    result = combine([_outcome(fold) for fold in folds], [y for y, _ in folds])
    y = np.concatenate([y for y, _ in folds])
    p = probabilities(np.concatenate([logits for _, logits in folds]))
    called = p.argmax(1) if n_classes > 2 else (p >= 0.5).astype(int)
    assert result.metrics is not None
    assert np.array_equal(result.metrics.confusion_matrix, confusion_matrix(y, called))
    assert result.metrics.log_loss == pytest.approx(log_loss(y, p), abs=1e-6)
    assert result.metrics.roc_auc == result.value


def test_mean_curve_reaches_as_far_as_all_folds_do() -> None:
    folds = [_fold(0), _fold(1)]
    outcomes = [_outcome(folds[0], epochs=2), _outcome(folds[1], epochs=5)]
    curve = combine(outcomes, [y for y, _ in folds]).learning_curve
    assert curve["validation_roc_auc"] == pytest.approx([0.51, 0.52])
    assert [len(fold["validation_loss"]) for fold in curve["folds"]] == [2, 5]


def test_trial_stopped_between_folds_counts_the_folds_it_has() -> None:
    folds = [_fold(0), _fold(1)]
    result = combine([_outcome(fold) for fold in folds], [y for y, _ in folds])
    assert len(result.folds) == 2


def test_fold_that_diverged_is_left_out_of_the_value() -> None:
    fold = _fold(0)
    outcomes = [_outcome(fold), _outcome(None, epochs=0)]
    result = combine(outcomes, [fold[0], fold[0]])
    assert [each["diverged"] for each in result.folds] == [False, True]
    assert result.value == evaluate(*fold).roc_auc
    assert result.standard_error is None


def test_trial_without_finite_scores_has_no_value() -> None:
    result = combine([_outcome(None, epochs=0)], [_fold(0)[0]])
    assert (result.value, result.metrics, result.best_epoch) == (None, None, 0)
