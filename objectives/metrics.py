"""What a set of scores is worth.

Written in plain NumPy because they run once an epoch on a few hundred rows, where the argument
checks of a general library cost more than the arithmetic. Tests hold them to scikit-learn's
definitions. Next: `objectives/training.py`, which calls them.

Symbols: n rows; y (n,) labels 0 or 1; s (n,) scores, logits or probabilities; p (n,) probabilities.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What one network's scores are worth on the validation rows, at threshold 0.5."""

    roc_auc: float  # [0, 1]
    accuracy: float  # [0, 1]
    f1: float  # [0, 1]; 0 when no row is called positive
    log_loss: float  # nats a row
    confusion_matrix: tuple[
        tuple[int, int], tuple[int, int]
    ]  # ((tn, fp), (fn, tp)), rows are truth


def roc_auc(y: Vector, s: Vector) -> float:
    """Return the exact area under the ROC curve, in [0, 1]; NaN where `y` has one class only.

    The Mann-Whitney statistic with tied scores sharing their mean rank, which is the area under
    the empirical curve (Fawcett 2006, "An introduction to ROC analysis", section 7). It is never
    a histogram of thresholds: scores that lie close together still rank.

    Args:
        y: (n,) labels, 0 or 1.
        s: (n,) scores, finite; higher means more likely positive.
    """
    n = len(y)
    order = np.argsort(s, kind="stable")
    sorted_scores = s[order]
    starts = np.flatnonzero(np.concatenate(([True], sorted_scores[1:] != sorted_scores[:-1])))
    sizes = np.diff(np.append(starts, n))
    ranks = np.repeat(starts + (sizes + 1) / 2, sizes)  # 1-based mean rank of each tied group
    positive = y[order] > 0.5
    n_positive = int(positive.sum())
    n_negative = n - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    u = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return u / (n_positive * n_negative)


def log_loss(y: Vector, logits: Vector) -> float:
    """Return the mean binary cross-entropy, in nats a row, from logits (n,).

    max(z, 0) - y z + log(1 + exp(-|z|)) stays finite where a probability would round to 0 or 1.
    """
    z = logits.astype(np.float64)
    return float(np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))))


def probabilities(logits: Vector) -> NDArray[np.float64]:
    """Return the logistic function of the logits, without overflow. (n,) -> (n,)."""
    z = logits.astype(np.float64)
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def evaluate(y: Vector, logits: Vector) -> Metrics:
    """Return every metric of logits (n,) against labels (n,)."""
    called = logits >= 0  # probability at least 0.5
    truth = y > 0.5
    tp = int(np.sum(called & truth))
    fp = int(np.sum(called & ~truth))
    fn = int(np.sum(~called & truth))
    tn = len(y) - tp - fp - fn
    return Metrics(
        roc_auc=roc_auc(y, logits),
        accuracy=(tp + tn) / len(y),
        f1=2 * tp / (2 * tp + fp + fn) if tp else 0.0,
        log_loss=log_loss(y, logits),
        confusion_matrix=((tn, fp), (fn, tp)),
    )
