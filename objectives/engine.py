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

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import function_executor_type

from objectives.architecture import VariableDropout, penalties, trainable_copy
from objectives.rows import Floats, Rows

# Optimizers whose update of one weight looks at no other weight. Their weights can lie in one
# vector, which turns a dozen small operations a variable into a dozen large ones a step.
ELEMENTWISE = frozenset(
    ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD"]
)

# Operations that wait for a function of theirs. On the single-threaded executor of a process with
# one thread they wait for ever: that thread is the one that should run the function.
WAITING = frozenset(
    ["Case", "If", "PartitionedCall", "StatefulPartitionedCall", "StatelessCase", "StatelessIf"]
)


class Program:
    """The compiled epoch of one architecture, with the variables that change between trials.

    Args:
        model: a stock uncompiled Keras model with one logit, or one a class; it is copied, not
            changed.
        optimizer: any unbuilt Keras optimizer; the program keeps it.
        rows: an example of what `epoch` is given: shapes beyond the first axis are compiled in.
    """

    def __init__(self, model: keras.Model, optimizer: keras.Optimizer, rows: Rows) -> None:
        self.traces = 0
        self.starts = 0  # trials so far; the variables are the last one's
        self.model = trainable_copy(model)
        self.optimizer = optimizer
        self._variables = list(self.model.trainable_variables)
        self._shapes = [tuple(v.shape) for v in self._variables]
        self._sizes = [int(np.prod(s)) for s in self._shapes]
        left = penalties(self.model)  # what the model itself still adds to its losses
        self._penalized = [
            i for i, p in enumerate(penalties(model)) if p is not None and left[i] is None
        ]
        self._l1 = tf.Variable(tf.zeros(len(self._penalized)), trainable=False)
        self._l2 = tf.Variable(tf.zeros(len(self._penalized)), trainable=False)
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

    def start(self, model: keras.Model, learning_rate: float | None, *, seed: int) -> None:
        """Take a trial's initial weights, strengths and rates; forget all of the trial before.

        Args:
            model: a stock model of this program's architecture.
            learning_rate: None where the optimizer follows a schedule of its own.
            seed: of the layers that draw random numbers, >= 0.
        """
        self.starts += 1
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
        if learning_rate is not None:
            self.optimizer.learning_rate = learning_rate
        for i, variable in enumerate(self._seeds):  # Keras adds 1 a draw: layers stay 2^20 apart
            variable.assign(np.array([seed % 2**31, i * 2**20], variable.dtype))
        wanted = penalties(model)
        strengths = [wanted[i] or (0.0, 0.0) for i in self._penalized]
        self._l1.assign([l1 for l1, _ in strengths])
        self._l2.assign([l2 for _, l2 in strengths])
        layers = zip(self.model._flatten_layers(), model._flatten_layers(), strict=True)
        for layer, stock in layers:
            if isinstance(layer, VariableDropout):
                layer.rate.assign(stock.rate)

    def epoch(self, rows: Rows, *, batch_size: int, seed: int, epoch: int) -> tuple[float, Floats]:
        """Train one epoch; return the mean training loss and the validation logits.

        The logits are (m,) for two classes and (m, K) for more. The loss is weighted cross-entropy
        in nats a row, dropout on and penalties left out. It is not finite when a step diverged: the
        epoch stops at that step.
        """
        if self._waits is None:
            with _one_thread():  # here too: loops are compiled for the executor of the trace
                self._waits = _waits(self._epoch.get_concrete_function().graph)
        with nullcontext() if self._waits else _one_thread():
            loss, logits = self._epoch(
                rows.x, rows.y, rows.w, rows.x_validation, batch_size, [seed % 2**31, epoch]
            )
        return float(loss), logits.numpy()

    def keep(self) -> None:
        """Remember the present weights as the best, on the device."""
        for best, variable in zip(self._best, self._state, strict=True):
            best.assign(variable.value)

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

        def step(start: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[start : tf.minimum(start + batch_size, n)]
            batch = tf.nest.map_structure(lambda part: tf.gather(part, rows), (x, y, w))
            return start + batch_size, total + self._step(*batch)

        _, total = tf.while_loop(
            lambda start, total: tf.logical_and(start < n, tf.math.is_finite(total)),
            step,
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )
        statistics = [v.value for v in self.model.non_trainable_variables]
        logits, _ = self.model.stateless_call(
            self._weights(), statistics, x_validation, training=False
        )
        return total / tf.cast(n, tf.float32), _by_row(logits)

    def _step(self, x: Any, y: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """Update the weights on one batch; return the batch's summed data loss."""
        weights = self._weights()
        variables = self.model.non_trainable_variables
        before = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits, after, losses = self.model.stateless_call(
                weights, before, x, training=True, return_losses=True
            )
            total = tf.reduce_sum(w * _cross_entropy(y, tf.cast(_by_row(logits), tf.float32)))
            mean = total / tf.cast(tf.shape(y)[0], tf.float32)
            objective = self.optimizer.scale_loss(tf.add_n([mean, *losses]) if losses else mean)
        gradients = tape.gradient(
            objective, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        gradients = [_dense(g, w.shape) for g, w in zip(gradients, weights, strict=True)]
        for k, i in enumerate(self._penalized):  # d/dw (l1 |w| + l2 w^2), Keras's own subgradient
            penalty = self._l1[k] * tf.sign(weights[i]) + 2 * self._l2[k] * weights[i]
            gradients[i] += self.optimizer.scale_loss(penalty)
        if self._flat:
            gradients = [tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)]
        self.optimizer.apply(gradients, self._slots)
        for variable, old, new in zip(variables, before, after, strict=True):
            if new is not old:
                variable.assign(new)
        return total

    def _weights(self) -> list[tf.Tensor]:
        if not self._flat:
            return [tf.convert_to_tensor(v.value) for v in self._slots]
        parts = tf.split(tf.convert_to_tensor(self._slots[0].value), self._sizes)
        return [tf.reshape(p, s) for p, s in zip(parts, self._shapes, strict=True)]


def configure_process(threads: int) -> None:
    """Set TensorFlow up for many small programs. Call once, before anything else uses it.

    One thread makes results repeatable bit for bit. Grappler's rewrites cost a third of a small
    program's first epoch and give nothing back on graphs this size (measured, `.docs/log.md`).
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.list_logical_devices()  # looks for the devices now, with all that TensorFlow says


def _by_row(logits: tf.Tensor) -> tf.Tensor:
    """Return one logit a row as (b,), and one a class as they are, (b, K)."""
    several = logits.shape.rank == 2 and logits.shape[1] > 1
    return logits if several else tf.reshape(logits, [-1])


def _cross_entropy(y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """Return the sigmoid's of logits (b,), or the softmax's of logits (b, K), a row. (b,)."""
    if z.shape.rank == 1:
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y, tf.int32), logits=z)


def _dense(gradient: Any, shape: tf.TensorShape) -> tf.Tensor:
    """Return the gradient as a tensor of its weight's shape.

    That of an embedding is one row for each looked up code. Keras's optimizers would take it like
    that, but count a code that occurs twice in a batch wrongly: Adam squares its parts, not their
    sum. The tables are small enough to be updated whole.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, shape[0])


def _one_thread() -> AbstractContextManager[None]:
    """Trace and run what is called within the block on TensorFlow's single-threaded executor.

    Its general executor hands every operation to a queue; small graphs spend a quarter of their
    time and nearly half of their memory on that (`.docs/log.md`). There is no public name for it.
    """
    manager: AbstractContextManager[None] = function_executor_type("SINGLE_THREADED_EXECUTOR")
    return manager


def _waits(graph: tf.Graph) -> bool:
    """Whether the graph, or a function it calls, has one of the operations in WAITING."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return any(node.op in WAITING for node in nodes)


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
