"""What a training left to judge it by: the plain numbers that a diagnosis is made of.

`objectives/training.py` measures them where the arrays are; `diagnosis.py` judges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Below this a weight says nothing: the inputs of a layer are of size one, and a thousand such
# weights together move an output by 1e-3 times root 1,000.
SMALL_WEIGHT = 1e-3


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The kernel of a layer, or a table of vectors."""

    name: str
    small: float  # share of its weights below SMALL_WEIGHT, [0, 1]
    start: float  # mean absolute weight before training
    end: float  # and at the epoch in question
    l1: float  # strength on it, >= 0
    l2: float


@dataclass(frozen=True, kw_only=True)
class Signs:
    """One training, of one fold. What is not known is None or empty."""

    diverged: bool  # its last epoch, which is not among `epochs`, was not finite
    epochs: int  # that ended with finite scores
    best_epoch: int  # 1-based; 0 where there is none
    roc_auc: float | None  # exact, on the validation rows at the best epoch
    training_auc: float | None  # the same on training rows, dropout off
    keras_auc: float | None  # of the validation rows, as a histogram of 200 thresholds has it
    counts: tuple[int, ...]  # validation rows of each class
    spreads: tuple[float, ...]  # an epoch: standard deviation of a validation row's probability
    training_losses: tuple[float, ...]  # an epoch, nats a row, dropout on
    validation_losses: tuple[float, ...]  # an epoch, nats a row
    layers: tuple[Layer, ...]  # input side first, at the best epoch
    last_layers: tuple[Layer, ...]  # at the end of training

    @property
    def last_spread(self) -> float | None:
        """Of the last epoch, where training was heading."""
        return self.spreads[-1] if self.spreads else None

    @property
    def best_spread(self) -> float | None:
        """Of the best epoch, whose weights are kept."""
        return self.spreads[self.best_epoch - 1] if self.best_epoch else None


@dataclass(frozen=True, kw_only=True)
class Linear:
    """ROC-AUCs of logistic regression on the same rows, the means of the folds."""

    training_auc: float
    validation_auc: float


def spread(p: NDArray[Any]) -> float:
    """Return the standard deviation over the rows of a probability, (n,) or (n, K).

    Of K classes it is the one that varies most.
    """
    return float(np.max(np.std(p, axis=0)))


def share_of_small(weights: NDArray[Any]) -> float:
    """Return the share of the weights that are below SMALL_WEIGHT, in [0, 1]."""
    return float(np.mean(np.abs(weights) < SMALL_WEIGHT))


def stride(n: int, most: int) -> int:
    """Return the step that takes at most `most` of n rows, evenly: files may be sorted."""
    return max(1, -(-n // most))


def class_counts(y: NDArray[Any], n_classes: int) -> tuple[int, ...]:
    """Return how many rows each class has."""
    counts: Sequence[int] = np.bincount(y.astype(np.intp), minlength=n_classes).tolist()
    return tuple(counts)
