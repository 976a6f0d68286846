"""One trial's training: epochs as they end, early stopping, the best weights at the end.

`Training.epochs` is a generator, so whoever walks it decides whether to go on: pruning and Ctrl-C
need no callbacks. An epoch itself is one call of `objectives/engine.py`.

Symbols: m validation rows, K classes.
    logits (m,) or (m, K)   one a row for two classes, one a class for more
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from objectives.architecture import penalties
from objectives.engine import constant_rate
from objectives.metrics import Metrics, evaluate, log_loss, probabilities, roc_auc
from objectives.optimizers import rate_factor
from objectives.programs import Programs
from objectives.recipe import PLAIN, Recipe
from objectives.rows import Rows
from objectives.verdict.chance import histogram_auc
from objectives.verdict.signs import Layer, Signs, class_counts, share_of_small, spread, stride

# Training rows that are scored once at the end, to compare with the validation rows. Their ROC-AUC
# is then known to 0.01 or so, a fifth of the least gap that is called overfitting.
TRAINING_ROWS = 2_000


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch's record. Losses are cross-entropy, nats a row, penalties left out."""

    number: int  # 1-based
    training_loss: float  # mean over the epoch's steps, dropout on, row weights applied
    validation_loss: float
    validation_auc: float  # exact ROC-AUC, of K > 2 classes the mean one against the rest, [0, 1]
    best_auc: float  # largest validation_auc so far


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a training came to, at its best epoch."""

    metrics: Metrics | None  # None where no epoch ended with finite scores
    best_epoch: int  # 1-based; 0 where metrics is None
    epochs: tuple[Epoch, ...]
    diverged: bool  # the epoch after the last of them was not finite
    seconds: float
    logits: NDArray[np.float32] | None  # (m,) or (m, K); None where metrics is None


class Training:
    """A model on its way through the epochs.

    One at a time: `epochs` and `weights` raise RuntimeError once a later training of the same
    architecture has begun with the same programs.

    Args:
        model: a stock uncompiled Keras model with one logit, or one a class.
        optimizer: an unbuilt Keras optimizer.
        rows: training rows and validation features, placed on the device.
        y_validation: (m,) labels, 0 or 1 or a class in [0, K), of every class.
        programs: the cache of compiled programs.
        recipe: what else is done to rows, labels, weights and the learning rate.
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
        recipe: Recipe = PLAIN,
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
        self._schedule = recipe.schedule
        self._rate = constant_rate(optimizer)  # the program keeps the first optimizer it meets
        self._program = programs.program_for(model, optimizer, rows, recipe)
        self._program.start(model, optimizer, recipe, seed=seed)
        self._turn = self._program.starts
        self._epochs: list[Epoch] = []
        self._best_logits: NDArray[np.float32] | None = None
        self._best_epoch = 0
        self._diverged = False
        self._spreads: list[float] = []
        self._kernels = _kernels(model)
        self._n_classes = max(2, model.output_shape[-1])

    def epochs(self) -> Iterator[Epoch]:
        """Train, and yield a record as each epoch ends, until early stopping or divergence."""
        best_auc = -math.inf
        for number in range(1, self._max_epochs + 1):
            self._check_turn()
            if self._rate is not None and self._schedule != "constant":
                self._program.set_learning_rate(self._rate * rate_factor(self._schedule, number))
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
            self._spreads.append(spread(probabilities(logits)))
            yield epoch
            if number - self._best_epoch >= self._patience:
                return

    def outcome(self) -> Outcome:
        """Return the result at the best epoch so far."""
        best = self._best_logits
        return Outcome(
            metrics=evaluate(self._y, best) if best is not None else None,
            best_epoch=self._best_epoch,
            epochs=tuple(self._epochs),
            diverged=self._diverged,
            seconds=time.perf_counter() - self._began,
            logits=best,
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

    def signs(self) -> Signs:
        """Return what to judge this training by. Call it last: it ends the training."""
        self._check_turn()
        best, program = self._best_logits, self._program
        auc = keras_auc = None
        layers = last_layers = self._layers(program.last_weights())
        if best is not None:
            auc, keras_auc = roc_auc(self._y, best), histogram_auc(self._y, probabilities(best))
            layers = self._layers(program.best_weights())
        return Signs(
            diverged=self._diverged,
            epochs=len(self._epochs),
            best_epoch=self._best_epoch,
            roc_auc=auc,
            training_auc=self._training_auc() if best is not None else None,
            keras_auc=keras_auc,
            counts=class_counts(self._y, self._n_classes),
            spreads=tuple(self._spreads),
            training_losses=tuple(epoch.training_loss for epoch in self._epochs),
            validation_losses=tuple(epoch.validation_loss for epoch in self._epochs),
            layers=layers,
            last_layers=last_layers,
        )

    def _training_auc(self) -> float | None:
        """Return the ROC-AUC of the best weights on some training rows, dropout off."""
        x, y = self._rows.x, self._rows.y
        step = stride(len(y), TRAINING_ROWS)
        if step > 1:
            x, y = keras.tree.map_structure(lambda part: part[::step], (x, y))
        auc = roc_auc(y.numpy(), self._program.score(x))
        return auc if math.isfinite(auc) else None

    def _layers(self, weights: list[NDArray[np.float32]]) -> tuple[Layer, ...]:
        return tuple(
            Layer(
                name=name,
                small=share_of_small(weights[i]),
                start=start,
                end=float(np.mean(np.abs(weights[i]))),
                l1=l1,
                l2=l2,
            )
            for i, name, start, (l1, l2) in self._kernels
        )

    def _check_turn(self) -> None:
        if self._program.starts != self._turn:
            raise RuntimeError(
                "A training wanted the variables of its program, but a later training of the same "
                "architecture has taken them over. Finish a training, `weights` included, before "
                "you begin the next with the same programs."
            )


def _kernels(model: keras.Model) -> list[tuple[int, str, float, tuple[float, float]]]:
    """Return the place, layer, mean absolute start and strengths of each kernel and table."""
    places = {id(variable): i for i, variable in enumerate(model.weights)}
    return [
        (
            places[id(variable)],
            variable.path.split("/")[-2],
            float(np.mean(np.abs(variable.numpy()))),
            strengths or (0.0, 0.0),
        )
        for variable, strengths in zip(model.trainable_variables, penalties(model), strict=True)
        if len(variable.shape) > 1
    ]
