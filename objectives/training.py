"""One trial's training: epochs as they end, early stopping, the best weights at the end.

`Training.epochs` is a generator, so whoever walks it decides whether to go on: pruning and Ctrl-C
need no callbacks. An epoch itself is one call of `objectives/engine.py`.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from objectives.metrics import Metrics, evaluate, log_loss, probabilities, roc_auc
from objectives.programs import Programs
from objectives.rows import Rows

# Below this standard deviation of the predicted probabilities the output is a constant in all but
# name: dead networks were measured at 0 to 2e-5, living ones at 0.19 (.docs/log.md).
CONSTANT_OUTPUT = 1e-3


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch's record. Losses are binary cross-entropy, nats a row, penalties left out."""

    number: int  # 1-based
    training_loss: float  # mean over the epoch's steps, dropout on, row weights applied
    validation_loss: float
    validation_auc: float  # exact ROC-AUC, [0, 1]
    best_auc: float  # largest validation_auc so far


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a training came to, at its best epoch."""

    metrics: Metrics | None  # None where no epoch ended with finite scores
    best_epoch: int  # 1-based; 0 where metrics is None
    epochs: tuple[Epoch, ...]
    verdict: str  # "healthy", "collapsed" or "diverged"
    seconds: float


class Training:
    """A model on its way through the epochs.

    One at a time: `epochs` and `weights` raise RuntimeError once a later training of the same
    architecture has begun with the same programs.

    Args:
        model: a stock uncompiled Keras model with one logit.
        optimizer: an unbuilt Keras optimizer.
        rows: training rows and validation features, placed on the device.
        y_validation: (m,) labels, 0 or 1, of both classes.
        programs: the cache of compiled programs.
        batch_size: rows a step, >= 1; the last batch of an epoch takes what is left.
        max_epochs: epochs at most, >= 1.
        patience: epochs without a better validation ROC-AUC before training stops, >= 1.
        seed: of shuffles and dropout, >= 0; with the model's weights it decides the result.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        rows: Rows,
        y_validation: NDArray[Any],
        programs: Programs,
        *,
        batch_size: int,
        max_epochs: int,
        patience: int,
        seed: int,
    ) -> None:
        self._began = time.perf_counter()
        self._rows = rows
        self._y = np.asarray(y_validation, np.float64)
        self._batch_size = batch_size
        self._max_epochs = max_epochs
        self._patience = patience
        self._seed = seed
        self._program = programs.program_for(model, optimizer, rows)
        rate = optimizer.get_config().get("learning_rate")
        self._program.start(model, rate if isinstance(rate, float) else None, seed=seed)
        self._turn = self._program.starts
        self._epochs: list[Epoch] = []
        self._best_logits: NDArray[np.float32] | None = None
        self._best_epoch = 0
        self._diverged = False

    def epochs(self) -> Iterator[Epoch]:
        """Train, and yield a record as each epoch ends, until early stopping or divergence."""
        best_auc = -math.inf
        for number in range(1, self._max_epochs + 1):
            self._check_turn()
            loss, logits = self._program.epoch(
                self._rows, batch_size=self._batch_size, seed=self._seed, epoch=number
            )
            if not (math.isfinite(loss) and np.isfinite(logits).all()):
                self._diverged = True
                return
            auc = roc_auc(self._y, logits)
            if auc > best_auc:
                best_auc, self._best_logits, self._best_epoch = auc, logits, number
                self._program.keep()
            epoch = Epoch(
                number=number,
                training_loss=loss,
                validation_loss=log_loss(self._y, logits),
                validation_auc=auc,
                best_auc=best_auc,
            )
            self._epochs.append(epoch)
            yield epoch
            if number - self._best_epoch >= self._patience:
                return

    def outcome(self) -> Outcome:
        """Return the result at the best epoch so far."""
        metrics = None
        verdict = "diverged" if self._diverged else "healthy"
        if self._best_logits is not None:
            metrics = evaluate(self._y, self._best_logits)
            spread = float(np.std(probabilities(self._best_logits)))
            if not self._diverged and spread < CONSTANT_OUTPUT:
                verdict = "collapsed"
        return Outcome(
            metrics=metrics,
            best_epoch=self._best_epoch,
            epochs=tuple(self._epochs),
            verdict=verdict,
            seconds=time.perf_counter() - self._began,
        )

    def weights(self) -> list[NDArray[np.float32]]:
        """Return the best epoch's weights, as `Model.set_weights` wants them.

        Raises:
            RuntimeError: no epoch ended with finite scores, or another training has begun.
        """
        self._check_turn()
        if self._best_epoch == 0:
            raise RuntimeError(
                "`weights` wanted the best epoch's, but no epoch ended with finite scores. Ask "
                "only where `outcome().metrics` is not None."
            )
        return self._program.best_weights()

    def _check_turn(self) -> None:
        if self._program.starts != self._turn:
            raise RuntimeError(
                "A training wanted the variables of its program, but a later training of the same "
                "architecture has taken them over. Finish a training, `weights` included, before "
                "you begin the next with the same programs."
            )
