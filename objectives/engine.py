"""The compiled engine: a whole epoch of any Keras model as one graph call.

`Model.fit` spends nearly all of its time on tables in Python: callbacks, iterators, a streaming
metric, and a new trace for every model. Here one `tf.function` shuffles the rows, walks over the
batches and returns the validation logits. It reads dropout rates, L1 and L2 strengths and the
learning rate from variables, so trials of one architecture share one program, and only the first
of them pays for the trace. `objectives/architecture.py` says which trials share;
`objectives/training.py` drives the epochs.

Symbols: n training rows, m validation rows, b rows a batch, K classes, P trainable weights.
    x (n, ...), y (n,), w (n,)   features (an array, or a structure of them), labels, row weights
    z (b,) or (b, K)             logits: one a row for two classes, one a class for more
    theta (P,)                   every trainable weight, one variable after another
"""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from objectives.architecture import ELEMENTWISE, trainable_copy
from objectives.augmentation import Augmentation, Targets
from objectives.averaging import Average
from objectives.execution import one_thread, waits
from objectives.layers import HEADS
from objectives.loss import by_row
from objectives.recipe import PLAIN, Recipe
from objectives.rows import Floats, Rows
from objectives.strengths import Strengths


class Program:
    """The compiled epoch of one architecture, with the variables that change between trials.

    Args:
        model: a stock uncompiled Keras model with one logit, or one a class; it is copied, not
            changed.
        optimizer: any unbuilt Keras optimizer; the program keeps it.
        rows: an example of what `epoch` is given: shapes beyond the first axis are compiled in.
        recipe: what else is on (`Recipe.compiled`).
    """

    def __init__(
        self, model: keras.Model, optimizer: keras.Optimizer, rows: Rows, recipe: Recipe = PLAIN
    ) -> None:
        self.traces = 0
        self.starts = 0  # trials so far; the variables are the last one's
        self.model = trainable_copy(model)
        self._trained = _members(self.model)
        self.optimizer = optimizer
        self._variables = list(self.model.trainable_variables)
        self._shapes = [tuple(v.shape) for v in self._variables]
        self._sizes = [int(np.prod(s)) for s in self._shapes]
        self._strengths = Strengths(model, self.model, optimizer)
        self._augmentation = Augmentation(recipe)
        statistics = list(self.model.non_trainable_weights)  # such as BatchNormalization's
        self._seeds = [
            v
            for v in self.model.non_trainable_variables
            if not any(v is statistic for statistic in statistics)
        ]
        constrained = any(v.constraint is not None for v in self._variables)
        self._flat = (
            type(optimizer).__name__ in ELEMENTWISE
            and not _per_variable(optimizer)
            and not constrained
        )
        self._slots = self._variables
        if self._flat:
            self._slots = [keras.Variable(np.zeros(sum(self._sizes), np.float32), name="theta")]
        _exclude_copies(optimizer, model.trainable_variables, self._variables)
        optimizer.build(self._slots)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        averaging = type(inner).__name__ == "ScheduleFreeAdamW"  # starts these from the weights
        self._averages = inner._momentums if averaging else []
        self._fresh_optimizer = [np.asarray(v.value) for v in optimizer.variables]
        self._state = [*self._slots, *statistics]
        self._average = (
            Average(recipe.averaging, self._state) if recipe.averaging != "none" else None
        )
        self._statistics = statistics
        held = [id(v) for v in (*self._variables, *statistics)]
        self._order = [held.index(id(v)) for v in self.model.weights]
        self._best = [tf.Variable(v.value, trainable=False) for v in self._state]
        x, y, w = tf.nest.map_structure(lambda part: part[:0], (rows.x, rows.y, rows.w))
        self._no_rows = Rows(x=x, y=y, w=w, x_validation=x)
        self._waits: bool | None = None  # known once traced
        self._epoch = tf.function(
            self._trace_epoch,
            autograph=False,
            input_signature=[
                *(tf.nest.map_structure(_any_rows, part) for part in (rows.x, rows.y, rows.w)),
                tf.nest.map_structure(_any_rows, rows.x_validation),
                tf.TensorSpec((), tf.int32),
                tf.TensorSpec((2,), tf.int32),
            ],
        )

    @property
    def bytes(self) -> int:
        """Memory held by the program's variables, in bytes (the graph's own is not counted)."""
        held = [*self._state, *self._best, *self.optimizer.variables]
        return 2 * sum(4 * int(np.prod(v.shape)) for v in held)

    def start(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer | None,
        recipe: Recipe = PLAIN,
        *,
        seed: int,
    ) -> None:
        """Take a trial's initial weights, strengths and rates; forget all of the trial before.

        Args:
            model: a stock model of this program's architecture.
            optimizer: an unbuilt optimizer like this program's, for its numbers; None to keep them.
            recipe: with what this program's has on.
            seed: of the layers that draw random numbers, >= 0.
        """
        self.starts += 1
        if optimizer is self.optimizer:
            optimizer = None
        initial = [np.asarray(v.value) for v in model.trainable_variables]
        if self._flat:
            initial = [np.concatenate([v.ravel() for v in initial])]
        initial += [np.asarray(v.value) for v in model.non_trainable_weights]
        for variable, value in zip(self._state, initial, strict=True):
            variable.assign(value)
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)
        for average, slot in zip(self._averages, self._slots, strict=bool(self._averages)):
            average.assign(slot.value)
        if self._average is not None:
            for average, variable in zip(self._average.variables, self._state, strict=True):
                average.assign(variable.value)
        if optimizer is not None and (rate := constant_rate(optimizer)) is not None:
            self.set_learning_rate(rate)
        for i, variable in enumerate(self._seeds):  # Keras adds 1 a draw: layers stay 2^20 apart
            variable.assign(np.array([seed % 2**31, i * 2**20], variable.dtype))
        self._strengths.take(model, optimizer)
        self._augmentation.take(recipe)

    def set_learning_rate(self, rate: float) -> None:
        """Use another learning rate from the next epoch on."""
        self.optimizer.learning_rate = rate

    def epoch(self, rows: Rows, *, batch_size: int, seed: int, epoch: int) -> tuple[float, Floats]:
        """Train one epoch; return the mean training loss and the validation logits.

        The logits are (m,) for two classes and (m, K) for more, by the averaged weights where they
        are averaged. The loss is weighted cross-entropy in nats a row of what was trained on:
        dropout and augmentation on, penalties left out. It is not finite when a step diverged: the
        epoch stops at that step.
        """
        if self._waits is None:
            with one_thread():  # here too: loops are compiled for the executor of the trace
                self._waits = waits(self._epoch.get_concrete_function().graph)
        with nullcontext() if self._waits else one_thread():
            loss, logits = self._epoch(
                rows.x, rows.y, rows.w, rows.x_validation, batch_size, [seed % 2**31, epoch]
            )
        return float(loss), logits.numpy()

    def keep(self) -> None:
        """Remember the present weights as the best, on the device."""
        for best, value in zip(self._best, self._scored(), strict=True):
            best.assign(value)

    def best_weights(self) -> list[Floats]:
        """Return the kept weights, as `Model.set_weights` of a stock model wants them."""
        return self._unpacked([best.numpy() for best in self._best])

    def last_weights(self) -> list[Floats]:
        """Return the present weights, as `best_weights` does the kept ones."""
        return self._unpacked([np.asarray(variable.value) for variable in self._state])

    def score(self, x: Any) -> Floats:
        """Return the logits of features by the kept weights, which become the present ones.

        It is an epoch without training rows, so nothing is compiled and dropout is off.

        Args:
            x: features, structured as those of `epoch`; any number of rows.
        """
        for variable, best in zip(self._state, self._best, strict=True):
            variable.assign(best)
        if self._average is not None:
            for variable, best in zip(self._average.variables, self._best, strict=True):
                variable.assign(best)
        return self.epoch(replace(self._no_rows, x_validation=x), batch_size=1, seed=0, epoch=0)[1]

    def _unpacked(self, state: list[Floats]) -> list[Floats]:
        if self._flat:
            parts = np.split(state[0], np.cumsum(self._sizes)[:-1])
            state[:1] = [p.reshape(s) for p, s in zip(parts, self._shapes, strict=True)]
        return [state[i] for i in self._order]

    def _trace_epoch(
        self,
        x: Any,
        y: tf.Tensor,
        w: tf.Tensor,
        x_validation: Any,
        batch_size: tf.Tensor,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        self.traces += 1  # Python runs here only while tracing
        n = tf.shape(y)[0]
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=seed)
        steps = (n + batch_size - 1) // batch_size

        def step(start: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[start : tf.minimum(start + batch_size, n)]
            batch = tf.nest.map_structure(lambda part: tf.gather(part, rows), (x, y, w))
            loss = self._step(batch, (seed, start))
            if self._average is not None:
                self._average.follow(self.optimizer.iterations, steps)
            return start + batch_size, total + loss

        _, total = tf.while_loop(
            lambda start, total: tf.logical_and(start < n, tf.math.is_finite(total)),
            step,
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )
        if self._average is not None:
            self._average.end_epoch(seed[1])
        scored = self._scored()
        weights, gathered = scored[: len(self._slots)], scored[len(self._slots) :]
        held = {id(v): value for v, value in zip(self._statistics, gathered, strict=True)}
        others = [held.get(id(v), v.value) for v in self.model.non_trainable_variables]
        logits, _ = self.model.stateless_call(
            self._unflattened(weights), others, x_validation, training=False
        )
        return total / tf.cast(n, tf.float32), by_row(logits)

    def _step(self, batch: Any, seed: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Update the weights on one batch; return the batch's summed data loss."""
        weights = self._unflattened([v.value for v in self._slots])
        variables = self.model.non_trainable_variables
        before = [v.value for v in variables]
        x, y, w = batch
        x, targets = self._augmentation.blend(x, y, w, seed)
        total, gradients, slopes, after = self._gradients(weights, before, x, targets)
        if slopes:
            harder = self._augmentation.adversary(x, slopes)
            its_total, its_gradients, _, _ = self._gradients(weights, before, harder, targets)
            total = (total + its_total) / 2
            gradients = [(a + b) / 2 for a, b in zip(gradients, its_gradients, strict=True)]
        for i, weight in enumerate(weights):
            if (penalty := self._strengths.penalties_gradient(i, weight)) is not None:
                gradients[i] += self.optimizer.scale_loss(penalty)
        if self._flat:
            gradients = [tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)]
        self.optimizer.apply(self._strengths.clipped(gradients), self._slots)
        if self._strengths.bounding:
            present = self._unflattened([v.value for v in self._slots])
            self._assign(self._strengths.bounded(present))
        for variable, old, new in zip(variables, before, after, strict=True):
            if new is not old:
                variable.assign(new)
        return total

    def _gradients(
        self, weights: list[tf.Tensor], before: list[tf.Tensor], x: Any, targets: Targets
    ) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
        """Return a batch's summed data loss, and the gradients of what is minimised.

        Returns:
            The loss; the gradients of the weights; those of the features that can be moved; and
            the model's other variables afterwards.
        """
        features = self._augmentation.movable(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*weights, *features])
            logits, after, losses = self._trained.stateless_call(
                weights, before, x, training=True, return_losses=True
            )
            total = self._loss(targets, tf.cast(logits, tf.float32))
            mean = total / tf.cast(tf.shape(logits)[0], tf.float32)
            objective = self.optimizer.scale_loss(tf.add_n([mean, *losses]) if losses else mean)
        found = tape.gradient(
            objective, [*weights, *features], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        n = len(weights)
        gradients = [_dense(g, w.shape) for g, w in zip(found[:n], weights, strict=True)]
        return total, gradients, found[n:], after

    def _loss(self, targets: Targets, logits: tf.Tensor) -> tf.Tensor:
        """Return a batch's summed data loss; of members, (b, M, n), the mean of theirs."""
        if logits.shape.rank == 3:
            n_members = logits.shape[1]
            logits = tf.reshape(logits, [-1, logits.shape[2]])
            targets = [
                (tf.repeat(y, n_members), tf.repeat(w, n_members) / n_members) for y, w in targets
            ]
        return tf.reduce_sum(self._augmentation.loss(targets, by_row(logits)))

    def _scored(self) -> list[tf.Tensor]:
        """Return the values that are scored and kept: of the state, or of its average."""
        if self._average is None:
            return [variable.value for variable in self._state]
        return [variable.value() for variable in self._average.variables]

    def _unflattened(self, slots: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return the weights of the model's variables from those of the slots."""
        if not self._flat:
            return [tf.convert_to_tensor(value) for value in slots]
        parts = tf.split(tf.convert_to_tensor(slots[0]), self._sizes)
        return [tf.reshape(p, s) for p, s in zip(parts, self._shapes, strict=True)]

    def _assign(self, weights: list[tf.Tensor]) -> None:
        """Give the slots the weights of the model's variables."""
        if self._flat:
            weights = [tf.concat([tf.reshape(w, [-1]) for w in weights], 0)]
        for slot, value in zip(self._slots, weights, strict=True):
            slot.assign(value)


def _members(model: keras.Model) -> keras.Model:
    """Return the model that is trained: where there are members, up to the logits of each."""
    heads = [layer for layer in model.layers if layer.name == HEADS]
    return keras.Model(model.inputs, heads[0].output) if heads else model


def constant_rate(optimizer: keras.Optimizer) -> float | None:
    """Return the optimizer's learning rate; None where it follows a schedule of its own."""
    rate = optimizer.get_config().get("learning_rate")
    return rate if isinstance(rate, float) else None


def _dense(gradient: Any, shape: tf.TensorShape) -> tf.Tensor:
    """Return the gradient as a tensor of its weight's shape.

    That of an embedding is one row for each looked up code. Keras's optimizers would take it like
    that, but count a code that occurs twice in a batch wrongly: Adam squares its parts, not their
    sum. The tables are small enough to be updated whole.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, shape[0])


def _any_rows(part: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec((None, *part.shape[1:]), part.dtype)


def _per_variable(optimizer: keras.Optimizer) -> bool:
    """Whether an option of the optimizer looks at one variable as a whole."""
    return (
        optimizer.clipnorm is not None
        or getattr(optimizer, "_exclude_from_weight_decay_pattern", None) is not None
        or bool(getattr(optimizer, "_exclude_from_weight_decay", None))
    )


def _exclude_copies(optimizer: keras.Optimizer, stock: list[Any], copies: list[Any]) -> None:
    """Extend the variables an optimizer was told not to decay to their copies."""
    excluded = getattr(optimizer, "_exclude_from_weight_decay", None)
    if excluded:
        key = optimizer._var_key
        pairs = zip(stock, copies, strict=True)
        excluded.update([key(copy) for original, copy in pairs if key(original) in excluded])
