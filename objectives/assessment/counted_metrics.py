"""All metrics of rows that are counted several times: what the bootstrap evaluates by the thousand.

What does not depend on the counts (order, ties, calls, bins, loss of each row) is prepared once;
then any number of resamples costs two running sums and one matrix product. With every count 1
these are the metrics themselves, and tests hold them to scikit-learn.

| symbol | shape | what |
|---|---|---|
| n, K, b | | rows, classes, columns of counts |
| y | (n,) int64 | class of each row, 0 to K - 1 |
| p | (n,) or (n, K) | probability of class 1, or of each of K > 2 classes |
| c | (n, b) | how often each row is counted |
| s | (n,) | scores of one class against the rest |
| tp, fp | (u, b) | counted positives and negatives with at least each of u scores |
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.assessment.calibration import predicted_event, quantile_bins

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METRICS = (
    *("roc_auc", "average_precision", "accuracy", "balanced_accuracy"),
    *("f1", "log_loss", "brier_score", "calibration_error"),
)


def check_rows(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[Ints, npt.NDArray[np.floating[Any]]]:
    """Return labels (n,) int64 and probabilities (n,) or (n, K) once they fit together.

    Raises:
        ValueError: they do not, or are empty, or are no labels or probabilities.
    """
    labels, probabilities = np.asarray(y), np.asarray(p)
    if not np.issubdtype(probabilities.dtype, np.floating):
        probabilities = probabilities.astype(np.float64)
    _check_shapes(labels.shape, probabilities.shape)
    classes = 2 if probabilities.ndim == 1 else probabilities.shape[1]
    if not np.isin(labels, np.arange(classes)).all():
        odd = labels[~np.isin(labels, np.arange(classes))][0]
        raise ValueError(f"`y` must hold ints in [0, {classes - 1}]; got {odd}.")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("`p` must hold probabilities in [0, 1]; got others, or NaN.")
    if probabilities.ndim == 2 and not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError("`p` must hold rows that sum to 1; got others.")
    return labels.astype(np.int64), probabilities


def _check_shapes(labels: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if len(labels) != 1 or labels[0] == 0 or shape[:1] != labels or len(shape) > 2:
        raise ValueError(
            f"`y` must be (n,) and `p` (n,) or (n, K), with n at least 1; got {labels} and {shape}."
        )
    if len(shape) == 2 and shape[1] < 3:
        raise ValueError(
            f"`p` must be (n,) for two classes, the probability of class 1; got {shape}."
        )


def counted_metrics(
    y: Ints, p: npt.NDArray[np.floating[Any]], *, threshold: float = 0.5
) -> Callable[[Floats], Floats]:
    """Return a function from counts (n, b) to METRICS and one number more, (9, b).

    The last is how far the bins of the calibration error have moved from those of the rows as they
    are: sum over bins of |gap - gap of the rows|. The error itself moves by that much or less.

    Two classes: class 1 is the positive one, called from a probability of `threshold` upwards; F1
    and average precision are its own. K classes: the most probable is called; ROC-AUC and average
    precision are unweighted means of each class against the rest, F1 and balanced accuracy of each
    class. The others:

    - log loss: nats a row; probabilities are clipped by their type's epsilon.
    - Brier score: mean of (p - y)^2 for two classes; for K the mean over rows of the sum over
      classes (Brier 1950, Eq. 2), which for two classes would be twice that.
    - calibration error: sum over bins of (rows in it / n) |mean predicted - share that came true|,
      in `quantile_bins` of the rows as they are. Two classes: of the probability of class 1; K: of
      the most probable class (Guo et al. 2017, "On calibration of modern neural networks", Eq. 3,
      there in bins of equal width, most of which are empty on unbalanced data).

    ROC-AUC, average precision and balanced accuracy are NaN where a class is not counted; F1 is 0
    for a class that is neither present nor called, as in scikit-learn with zero_division=0.
    """
    ranked = counted_ranking(y, p)
    others = _counted_calls(y, p, threshold)
    return lambda c: np.concatenate([ranked(c), others(c)])


def counted_ranking(y: Ints, p: npt.NDArray[np.floating[Any]]) -> Callable[[Floats], Floats]:
    """Return a function from counts (n, b) to ROC-AUC and average precision, (2, b)."""
    if p.ndim == 1:
        return _one_against_rest(y == 1, p)
    each = [_one_against_rest(y == k, p[:, k]) for k in range(p.shape[1])]

    def ranked(c: Floats) -> Floats:
        return np.asarray(np.mean([one(c) for one in each], axis=0))

    return ranked


def _one_against_rest(
    is_positive: npt.NDArray[np.bool_], s: npt.NDArray[np.floating[Any]]
) -> Callable[[Floats], Floats]:
    """Return a function from counts to ROC-AUC and average precision of one class, (2, b)."""
    order = np.argsort(-s, kind="stable")
    positives, negatives = order[is_positive[order]], order[~is_positive[order]]
    if len(positives) == 0 or len(negatives) == 0:
        return lambda c: np.full((2, c.shape[1]), np.nan)
    scores, starts = np.unique(-s[positives], return_index=True)  # (u,), from the highest score
    above = np.searchsorted(-s[negatives], scores, side="left")  # negatives with a higher score
    at_least = np.searchsorted(-s[negatives], scores, side="right")

    def ranked(c: Floats) -> Floats:
        at = np.add.reduceat(c[positives], starts, axis=0)  # (u, b) positives with each score
        tp = np.cumsum(at, axis=0)
        negatives_down = np.zeros((len(negatives) + 1, c.shape[1]))
        np.cumsum(c[negatives], axis=0, out=negatives_down[1:])
        fp = negatives_down[at_least]
        n_positive, n_negative = tp[-1], negatives_down[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Each positive beats the negatives below it and half of those beside it.
            beaten = n_negative - (fp + negatives_down[above]) / 2
            roc_auc = (at * beaten).sum(axis=0) / (n_positive * n_negative)
            precision = tp / np.maximum(tp + fp, 1)
            return np.stack([roc_auc, (at * precision).sum(axis=0) / n_positive])

    return ranked


def _counted_calls(
    y: Ints, p: npt.NDArray[np.floating[Any]], threshold: float
) -> Callable[[Floats], Floats]:
    """Return a function from counts to what needs no order, (7, b)."""
    k, binary = (2, True) if p.ndim == 1 else (p.shape[1], False)
    called = (p >= threshold).astype(np.int64) if binary else p.argmax(axis=1)
    one_hot = np.eye(k)[y]  # (n, K)
    losses = [_log_losses(y, p), _squared_errors(one_hot, p)]
    columns = [one_hot, np.eye(k)[called], one_hot * (called == y)[:, np.newaxis]]
    weights = np.column_stack([*columns, *losses, _gaps(y, p)]).T  # (3 K + 2 + bins, n)
    gaps_of_rows = weights[3 * k + 2 :].mean(axis=1, keepdims=True)

    def unordered(c: Floats) -> Floats:
        sums = weights @ c
        true, calls, hits = sums[:k], sums[k : 2 * k], sums[2 * k : 3 * k]  # (K, b) each
        total = true.sum(axis=0)
        gaps = sums[3 * k + 2 :] / total  # (bins, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            recall = hits / true
            f1 = np.nan_to_num(2 * hits / (true + calls), nan=0.0)
        return np.stack(
            [
                hits.sum(axis=0) / total,
                recall.mean(axis=0),
                f1[1] if binary else f1.mean(axis=0),
                sums[3 * k] / total,
                sums[3 * k + 1] / total,
                np.abs(gaps).sum(axis=0),
                np.abs(gaps - gaps_of_rows).sum(axis=0),
            ]
        )

    return unordered


def _log_losses(y: Ints, p: npt.NDArray[np.floating[Any]]) -> Floats:
    of_truth = np.where(y == 1, p, 1 - p) if p.ndim == 1 else p[np.arange(len(y)), y]
    epsilon = np.finfo(p.dtype).eps
    return -np.log(np.clip(of_truth, epsilon, 1 - epsilon).astype(np.float64))


def _squared_errors(one_hot: Floats, p: npt.NDArray[np.floating[Any]]) -> Floats:
    if p.ndim == 1:
        return np.asarray((p - one_hot[:, 1]) ** 2)
    return np.asarray(((p - one_hot) ** 2).sum(axis=1))


def _gaps(y: Ints, p: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return predicted minus observed of each row in the column of its bin, (n, bins)."""
    predicted, came_true = predicted_event(y, p)
    bins = quantile_bins(predicted)
    gaps = predicted.astype(np.float64) - came_true
    return np.asarray(np.eye(bins.max() + 1)[bins] * gaps[:, np.newaxis])
