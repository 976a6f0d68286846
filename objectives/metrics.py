"""What a set of scores is worth.

Written in plain NumPy because they run once an epoch on a few hundred rows, where the argument
checks of a general library cost more than the arithmetic. Tests hold them to scikit-learn's
definitions. Next: `objectives/training.py`, which calls them.

Symbols: n rows, K classes.
    y (n,)              labels: 0 or 1 where there are two classes, a class in [0, K) otherwise
    z (n,) or (n, K)    logits: one a row for two classes, one a class for more
    p, the shape of z   probabilities: of class 1, or of each class, which sum to 1
    s (n,)              scores of any scale; higher means more likely positive
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[Any]  # whole numbers, as integers or floats
Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What one network's scores are worth on the validation rows.

    Two classes: class 1 is the positive one, called from probability 0.5 upwards. More: the most
    probable class is called; ROC-AUC and F1 are the plain means over the classes.
    """

    roc_auc: float  # [0, 1]
    accuracy: float  # [0, 1]
    f1: float  # [0, 1]; a class that is never rightly called counts 0
    log_loss: float  # nats a row
    confusion_matrix: tuple[tuple[int, ...], ...]  # (K, K), truth by call; ((tn, fp), (fn, tp))


def roc_auc(y: Labels, s: Scores) -> float:
    """Return the exact area under the ROC curve, in [0, 1]; NaN where a class has no rows.

    The Mann-Whitney statistic, in which a tied pair counts one half: the area under the empirical
    curve (Fawcett 2006, "An introduction to ROC analysis", section 7). It is never a histogram of
    thresholds: scores that lie close together still rank.

    Args:
        y: (n,) labels.
        s: (n,) finite scores of class 1; or (n, K) logits, whose probabilities' `one_vs_rest` is
            returned.
    """
    if s.ndim == 2:
        return one_vs_rest(y, probabilities(s))
    positive = y > 0.5
    positives, negatives = np.sort(s[positive]), np.sort(s[~positive])
    pairs = len(positives) * len(negatives)
    if pairs == 0:
        return float("nan")
    below = int(np.searchsorted(negatives, positives, "left").sum())
    not_above = int(np.searchsorted(negatives, positives, "right").sum())
    return (below + not_above) / 2 / pairs


def one_vs_rest(y: Labels, p: Scores) -> float:
    """Return the mean over the classes of the ROC-AUC of each against all others.

    scikit-learn's `roc_auc_score(y, p, multi_class="ovr", average="macro")`; NaN where a class has
    no rows.

    Args:
        y: (n,) classes in [0, K).
        p: (n, K) probabilities.
    """
    columns = np.ascontiguousarray(p.T)
    return float(np.mean([roc_auc(y == k, column) for k, column in enumerate(columns)]))


def log_loss(y: Labels, z: Scores) -> float:
    """Return the mean cross-entropy, in nats a row, from logits (n,) or (n, K).

    Two classes: max(z, 0) - y z + log(1 + exp(-|z|)). More: log(sum(exp(z))) - z[y]. Both stay
    finite where a probability would round to 0 or 1.
    """
    z = z.astype(np.float64)
    if z.ndim == 1:
        return float(np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))))
    z -= z.max(axis=1, keepdims=True)
    own = z[np.arange(len(y)), y.astype(np.intp)]
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - own))


def probabilities(z: Scores) -> NDArray[np.float64]:
    """Return the logistic function of logits (n,), the softmax of (n, K), without overflow."""
    z = z.astype(np.float64)
    if z.ndim == 1:
        e = np.exp(-np.abs(z))
        return np.where(z >= 0, 1 / (1 + e), e / (1 + e))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def evaluate(y: Labels, z: Scores) -> Metrics:
    """Return every metric of logits (n,) or (n, K) against labels (n,)."""
    if z.ndim == 1:
        n_classes, called = 2, (z >= 0).astype(np.intp)  # probability at least 0.5
    else:
        n_classes, called = z.shape[1], np.argmax(z, axis=1)
    cells = np.bincount(y.astype(np.intp) * n_classes + called, minlength=n_classes**2)
    matrix = cells.reshape(n_classes, n_classes)
    return Metrics(
        roc_auc=roc_auc(y, z),
        accuracy=float(np.trace(matrix) / len(y)),
        f1=_f1(matrix, positive=z.ndim == 1),
        log_loss=log_loss(y, z),
        confusion_matrix=tuple(map(tuple, matrix.tolist())),
    )


def _f1(matrix: NDArray[np.intp], *, positive: bool) -> float:
    """Return 2 tp / (2 tp + fp + fn) of class 1, or the mean of all that occur or were called.

    0 where it is 0 / 0, as in scikit-learn's `f1_score(..., zero_division=0)`.
    """
    occurring = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = 2 * matrix.diagonal() / np.maximum(occurring, 1)
    return float(f1[1] if positive else f1.sum() / np.count_nonzero(occurring))
