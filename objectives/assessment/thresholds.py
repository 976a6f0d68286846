"""From probabilities to calls: where the threshold lies, and what comes of it.

A threshold is chosen on validation rows and applied to others: chosen on the rows that judge it, it
would flatter itself. Everything here calls a row positive from the threshold upwards.

| symbol | shape | what |
|---|---|---|
| y | (n,) | 1 for the positive class, else 0 |
| p | (n,) | probability of the positive class |
| v | (u,) | distinct probabilities, ascending; u candidate thresholds |
| tp, fp | (u,) | positives and negatives called at each candidate |
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from objectives.assessment.counted_metrics import check_rows

Criterion = Literal["balanced_accuracy", "f1"]
Matrix = tuple[tuple[int, ...], ...]


def choose_threshold(
    y: npt.ArrayLike, p: npt.ArrayLike, *, criterion: Criterion = "balanced_accuracy"
) -> float:
    """Return the threshold with the highest criterion on these rows, in [0, 1].

    Balanced accuracy is the default: (1 + J) / 2 of Youden 1950's J, the point of the ROC curve
    farthest above chance. It treats the classes alike and does not move with their shares. F1
    depends on which class is called positive and on its share, and with weak scores its best choice
    is to call every row (Lipton, Elkan and Narayanaswamy 2014, "Optimal thresholding of classifiers
    to maximize F1 measure", section 4).

    A threshold lies half way between two neighbouring probabilities, or at the lowest, which calls
    every row. Of equally good ones the closest to 0.5 is taken; where one class is missing, so that
    there is nothing to choose by, it is 0.5.

    Args:
        y: (n,) 0 or 1, of validation rows.
        p: (n,) probabilities of class 1.
        criterion: what is maximised.

    Raises:
        ValueError: rows that cannot be, or more than two classes.
    """
    labels, probabilities = check_rows(y, p)
    if probabilities.ndim != 1:
        raise ValueError(f"a threshold needs two classes, `p` of (n,); got {probabilities.shape}.")
    n_positive = int(labels.sum())
    n_negative = len(labels) - n_positive
    if n_positive == 0 or n_negative == 0:
        return 0.5
    v, inverse = np.unique(probabilities, return_inverse=True)
    tp = _from_the_top(inverse, labels, len(v))
    fp = _from_the_top(inverse, 1 - labels, len(v))
    if criterion == "f1":
        worth = 2 * tp / (tp + fp + n_positive)
    else:
        worth = (tp / n_positive + 1 - fp / n_negative) / 2
    best = _between(v)[worth >= worth.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def confusion_matrix(y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5) -> Matrix:
    """Return the rows of each class by what they are called, (K, K); row t, column c.

    For two classes that is ((tn, fp), (fn, tp)) at the threshold; of K the most probable is called,
    and `threshold` says nothing.

    Raises:
        ValueError: rows that cannot be.
    """
    labels, probabilities = check_rows(y, p)
    if probabilities.ndim == 1:
        k, called = 2, (probabilities >= threshold).astype(np.int64)
    else:
        k, called = probabilities.shape[1], probabilities.argmax(axis=1)
    cells = np.bincount(labels * k + called, minlength=k * k).reshape(k, k)
    return tuple(tuple(int(count) for count in row) for row in cells)


def _from_the_top(
    inverse: npt.NDArray[np.int64], flags: npt.NDArray[np.int64], u: int
) -> npt.NDArray[np.float64]:
    """Return the flagged rows with at least each distinct probability, (u,)."""
    counts = np.bincount(inverse, weights=flags, minlength=u)
    return np.asarray(np.cumsum(counts[::-1])[::-1], dtype=np.float64)


def _between(v: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Return a threshold just below each of v, (u,), in v's own type.

    In a wider type, a threshold between neighbours would round onto the lower when compared.
    """
    half_way = v[:-1] + (v[1:] - v[:-1]) / 2
    return np.concatenate([v[:1], np.where(half_way > v[:-1], half_way, v[1:])])
