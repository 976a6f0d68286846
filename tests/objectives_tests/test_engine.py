"""An epoch visits every row once, drops units afresh, stops where it diverges, and forgets."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from objectives.engine import Program
from objectives.hyperparameters import NORMALIZATIONS, Embedding, Hyperparameters, Inputs
from objectives.network import build_network
from objectives.rows import Rows, place

Floats = NDArray[np.float32]
layers, optimizers = keras.layers, keras.optimizers

FIVE = Inputs(n_features=5)
TABLES = (Embedding(n_codes=7, dimension=3), Embedding(n_codes=60, dimension=2))
CODED = Inputs(n_features=5, embeddings=TABLES, n_outputs=3)
CHOSEN = Hyperparameters(
    widths=(6, 4),
    activation="relu",
    normalization="batch",
    dropout=0.3,
    l1=1e-3,
    l2=1e-2,
    learning_rate=0.01,
    batch_size=16,
)


def weights_after(
    program: Program, model: keras.Model, rows: Rows, *, seed: int = 0, epochs: int = 2
) -> list[Floats]:
    program.start(model, None, seed=seed)
    for epoch in range(1, epochs + 1):
        program.epoch(rows, batch_size=16, seed=seed, epoch=epoch)
    program.keep()
    return program.best_weights()


def same(first: list[Floats], second: list[Floats]) -> bool:
    """Whether the weights are equal bit for bit."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


# Rows


@pytest.mark.parametrize(("n", "batch_size"), [(7, 3), (8, 4), (5, 5), (5, 64), (6, 1), (1, 2)])
def test_every_row_is_visited_once_an_epoch(n: int, batch_size: int) -> None:
    # Each row has a weight of its own, which one SGD step moves by rate * (y - 1/2) / batch rows.
    identity = np.eye(n, dtype=np.float32)
    rows = place(identity, np.ones(n, np.float32), identity)
    logit = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((n,)), logit])
    program = Program(model, optimizers.SGD(1.0), rows)
    program.start(model, None, seed=0)
    _, logits = program.epoch(rows, batch_size=batch_size, seed=0, epoch=1)
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    expected = sorted(0.5 / size for size in sizes for _ in range(size))
    np.testing.assert_allclose(np.sort(logits), expected, rtol=1e-6)


def test_the_order_differs_between_epochs_and_seeds(rows: Rows) -> None:
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1, kernel_initializer="zeros")])
    program = Program(model, optimizers.SGD(0.5), rows)

    def logits(seed: int, epoch: int) -> Floats:
        program.start(model, None, seed=seed)
        return program.epoch(rows, batch_size=7, seed=seed, epoch=epoch)[1]

    assert np.array_equal(logits(0, 1), logits(0, 1))
    assert not np.array_equal(logits(0, 1), logits(0, 2))
    assert not np.array_equal(logits(0, 1), logits(1, 1))


def test_the_training_loss_is_the_mean_over_rows_with_their_weights(rows: Rows) -> None:
    weights = np.linspace(0, 3, 40, dtype=np.float32)
    rows = replace(rows, w=tf.constant(weights))
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1, kernel_regularizer="l1")])
    program = Program(model, optimizers.SGD(0.1), rows)
    program.start(model, optimizers.SGD(0.0), seed=0)  # weights stay as they are
    loss, _ = program.epoch(rows, batch_size=16, seed=0, epoch=1)
    z, y = model(rows.x).numpy().ravel(), rows.y.numpy()
    assert loss == pytest.approx(np.mean(weights * (np.logaddexp(0, z) - y * z)), rel=1e-5)


def test_the_training_loss_of_several_classes_is_the_mean_softmax_cross_entropy(
    rows_of_classes: Rows,
) -> None:
    weights = np.linspace(0, 3, 40, dtype=np.float32)
    rows = replace(rows_of_classes, w=tf.constant(weights))
    model = build_network(Inputs(n_features=5, n_outputs=3), replace(CHOSEN, widths=()), seed=0)
    program = Program(model, optimizers.SGD(0.1), rows)
    program.start(model, optimizers.SGD(0.0), seed=0)  # weights stay as they are
    loss, logits = program.epoch(rows, batch_size=16, seed=0, epoch=1)
    z, y = model(rows.x).numpy().astype(np.float64), rows.y.numpy().astype(int)
    of_rows = np.logaddexp.reduce(z, axis=1) - z[np.arange(40), y]
    assert loss == pytest.approx(np.mean(weights * of_rows), rel=1e-5)
    assert logits.shape == (13, 3)
    np.testing.assert_allclose(logits, model(rows.x_validation).numpy(), atol=1e-6)


def test_a_code_that_no_row_has_is_learned_nothing_of(coded_rows: Rows) -> None:
    chosen = replace(CHOSEN, l1=0.0, l2=0.0)
    model = build_network(CODED, chosen, seed=0)
    before = np.array(model.get_layer("embedding_1").embeddings)
    after = weights_after(Program(model, optimizers.Adam(0.01), coded_rows), model, coded_rows)
    model.set_weights(after)
    moved = np.any(np.array(model.get_layer("embedding_1").embeddings) != before, axis=1)
    assert set(np.flatnonzero(moved)) == set(coded_rows.x["codes"].numpy()[:, 1])


def test_a_row_without_weight_teaches_nothing(rows: Rows) -> None:
    w = np.ones(40, np.float32)
    w[5] = 0
    model = build_network(FIVE, replace(CHOSEN, normalization="none"), seed=0)
    program = Program(model, optimizers.Adam(0.01), rows)
    plain = weights_after(program, model, replace(rows, w=tf.constant(w)))
    mislabelled = rows.y.numpy()
    mislabelled[5] = 1 - mislabelled[5]
    model = build_network(FIVE, replace(CHOSEN, normalization="none"), seed=0)
    changed = replace(rows, w=tf.constant(w), y=tf.constant(mislabelled))
    assert same(plain, weights_after(program, model, changed))


# Dropout


class Recorder(keras.layers.Layer):  # type: ignore[misc]  # untyped
    """A layer that remembers the first row it saw in each training step of its program."""

    def __init__(self, steps: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.steps = steps

    def build(self, shape: Any) -> None:
        self.seen = self.add_weight(
            shape=(self.steps, shape[-1]), initializer="zeros", trainable=False
        )
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training:
            here = tf.one_hot(self.count.value, self.steps)[:, None]
            self.seen.assign(self.seen.value + here * inputs[:1])
            self.count.assign(self.count.value + 1)
        return inputs


WIDTH = 2000


def recorded_masks(rate: float, *, seed: int = 0, epochs: int = 2) -> Floats:
    """Return what two dropout layers made of rows of ones: (2 layers, 2 * epochs steps, WIDTH)."""

    def build() -> keras.Model:
        inputs = keras.Input((WIDTH,))
        masks = [Recorder(2 * epochs)(layers.Dropout(rate)(inputs)) for _ in range(2)]
        return keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(masks)))

    ones = np.ones((4, WIDTH), np.float32)
    rows = place(ones, np.array([0, 1, 0, 1], np.float32), ones)
    program, model = Program(build(), optimizers.SGD(0.1), rows), build()
    program.start(model, None, seed=seed)
    for epoch in range(1, epochs + 1):
        program.epoch(rows, batch_size=2, seed=seed, epoch=epoch)
    program.keep()
    model.set_weights(program.best_weights())
    recorders = [layer for layer in model.layers if isinstance(layer, Recorder)]
    return np.stack([np.asarray(layer.seen.value) for layer in recorders])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_of_dropped_units_is_the_rate_and_the_others_grow(rate: float) -> None:
    masks = recorded_masks(rate)
    dropped = masks == 0
    assert abs(dropped.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / masks.size)
    rounding = 1 / 65536  # of the rate
    np.testing.assert_allclose(masks[~dropped], 1 / (1 - rate), rtol=rounding / (1 - rate))


def test_no_two_steps_layers_epochs_or_seeds_share_a_mask() -> None:
    # Keras adds 1 to a layer's seed at each draw: seeds side by side gave one layer's mask of a
    # step to the next layer a step earlier.
    masks = np.concatenate([recorded_masks(0.5, seed=seed).reshape(-1, WIDTH) for seed in (0, 1)])
    agreement = (masks[:, None] == masks[None]).mean(axis=-1)[~np.eye(len(masks), dtype=bool)]
    assert agreement.max() < 0.6


def test_rate_zero_is_no_dropout_at_all(rows: Rows) -> None:
    def build(*drop: keras.layers.Layer) -> keras.Model:
        draw = keras.initializers.GlorotUniform
        hidden = layers.Dense(6, "relu", kernel_initializer=draw(1))
        return keras.Sequential(
            [keras.Input((5,)), hidden, *drop, layers.Dense(1, kernel_initializer=draw(2))]
        )

    dropping = Program(build(layers.Dropout(0.7)), optimizers.Adam(0.01), rows)
    plain = Program(build(), optimizers.Adam(0.01), rows)
    model = build(layers.Dropout(0.7))
    assert not same(weights_after(dropping, model, rows), weights_after(plain, build(), rows))
    model = build(layers.Dropout(0.0))
    assert same(weights_after(dropping, model, rows), weights_after(plain, build(), rows))


def test_validation_drops_nothing(rows: Rows) -> None:
    model = build_network(FIVE, replace(CHOSEN, dropout=0.9), seed=0)
    program = Program(model, optimizers.SGD(0.1), rows)
    program.start(model, None, seed=0)
    _, logits = program.epoch(rows, batch_size=16, seed=0, epoch=1)
    program.keep()
    model.set_weights(program.best_weights())
    expected = model(rows.x_validation, training=False).numpy().ravel()
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_a_dropout_inside_another_layer_keeps_its_rate(rows: Rows) -> None:
    class Wrapped(keras.layers.Layer):  # type: ignore[misc]  # untyped
        def __init__(self, rate: float, **settings: Any) -> None:
            super().__init__(**settings)
            self.rate = rate
            self.drop = layers.Dropout(rate)

        def call(self, inputs: Any, training: bool = False) -> Any:
            return self.drop(inputs, training=training)

    def build(rate: float) -> keras.Model:
        logit = layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(1))
        return keras.Sequential([keras.Input((5,)), Wrapped(rate), logit])

    zero, half = (
        weights_after(Program(build(rate), optimizers.Adam(0.01), rows), build(rate), rows)
        for rate in (0.0, 0.5)
    )
    assert not same(zero, half)


# What one trial leaves to the next


def test_a_used_program_gives_the_weights_of_a_new_one(rows: Rows) -> None:
    def fresh(seed: int) -> keras.Model:
        return build_network(FIVE, CHOSEN, seed=seed)

    used = Program(fresh(1), optimizers.Adam(0.01), rows)
    weights_after(
        used, build_network(FIVE, replace(CHOSEN, dropout=0.9, l1=1.0), seed=4), rows, seed=4
    )
    new = Program(fresh(2), optimizers.Adam(0.01), rows)
    assert same(weights_after(used, fresh(3), rows), weights_after(new, fresh(3), rows))


def test_a_used_program_with_embeddings_gives_the_weights_of_a_new_one(coded_rows: Rows) -> None:
    def fresh(seed: int) -> keras.Model:
        return build_network(CODED, CHOSEN, seed=seed)

    used = Program(fresh(1), optimizers.Adam(0.01), coded_rows)
    other = build_network(CODED, replace(CHOSEN, dropout=0.9, l1=1.0), seed=4)
    weights_after(used, other, coded_rows, seed=4)
    new = Program(fresh(2), optimizers.Adam(0.01), coded_rows)
    after = [weights_after(program, fresh(3), coded_rows) for program in (used, new, used)]
    assert same(after[0], after[1])
    assert same(after[0], after[2])


def test_a_diverged_trial_leaves_nothing_behind(rows: Rows) -> None:
    model = build_network(FIVE, CHOSEN, seed=0)
    program = Program(model, optimizers.Adam(0.01), rows)
    before = weights_after(program, model, rows)
    program.start(model, optimizers.Adam(1e30), seed=0)
    program.epoch(rows, batch_size=16, seed=0, epoch=1)
    assert same(before, weights_after(program, build_network(FIVE, CHOSEN, seed=0), rows))


def test_training_does_not_change_the_given_model(rows: Rows) -> None:
    model = build_network(FIVE, CHOSEN, seed=0)
    config, before = model.get_config(), model.get_weights()
    trained = weights_after(Program(model, optimizers.Adam(0.01), rows), model, rows)
    assert not same(before, trained)
    assert same(before, model.get_weights())
    assert model.get_config() == config


def test_kept_weights_outlive_further_epochs(rows: Rows) -> None:
    program = Program(build_network(FIVE, CHOSEN, seed=0), optimizers.Adam(0.01), rows)
    model = build_network(FIVE, CHOSEN, seed=0)
    kept = weights_after(program, model, rows)
    program.epoch(rows, batch_size=16, seed=0, epoch=3)
    assert same(kept, program.best_weights())


# Divergence


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_the_epoch_stops_at_the_step_that_diverges(bad: float) -> None:
    x = np.ones((20, 3), np.float32)
    x[11] = bad
    rows = place(x, np.ones(20, np.float32), x[:2])
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1), layers.Dense(1)])
    optimizer = optimizers.SGD(0.1)
    program = Program(model, optimizer, rows)
    program.start(model, None, seed=0)
    loss, _ = program.epoch(rows, batch_size=1, seed=0, epoch=1)
    order = tf.random.experimental.stateless_shuffle(tf.range(20), seed=[0, 1]).numpy().tolist()
    assert not np.isfinite(loss)
    assert int(optimizer.iterations) == order.index(11) + 1 < 20


# The executor


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_dense_network_runs_on_the_single_threaded_executor(
    normalization: str, rows: Rows
) -> None:
    model = build_network(FIVE, replace(CHOSEN, normalization=normalization), seed=0)
    program = Program(model, optimizers.Adam(0.01), rows)
    weights_after(program, model, rows)
    assert (program._waits, program.traces) == (False, 1)


def test_a_network_with_embeddings_runs_on_the_single_threaded_executor(coded_rows: Rows) -> None:
    model = build_network(CODED, CHOSEN, seed=0)
    program = Program(model, optimizers.Adam(0.01), coded_rows)
    weights_after(program, model, coded_rows)
    assert (program._waits, program.traces) == (False, 1)


class Branching(keras.layers.Layer):  # type: ignore[misc]  # untyped
    """A layer with an operation for which the single-threaded executor would wait for ever."""

    def __init__(self, kind: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.kind = kind

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.kind == "if":
            return tf.cond(tf.reduce_sum(inputs) > 0, lambda: inputs * 2, lambda: inputs)
        if self.kind == "case":
            return tf.switch_case(tf.shape(inputs)[0] % 2, [lambda: inputs, lambda: inputs * 2])
        return tf.function(lambda x: x * 2, autograph=False)(inputs)


@pytest.mark.parametrize("kind", ["if", "case", "call"])
def test_a_network_with_branches_runs_to_its_end_on_one_thread(kind: str, rows: Rows) -> None:
    model = keras.Sequential([keras.Input((5,)), Branching(kind), layers.Dense(1)])
    program = Program(model, optimizers.Adam(0.01), rows)
    assert not same(model.get_weights(), weights_after(program, model, rows))
    assert program.traces == 1


# Weight decay


def test_a_variable_excluded_from_decay_is_excluded_in_the_copy(rows: Rows) -> None:
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3), layers.Dense(1)])
    optimizer = optimizers.AdamW(0.1, weight_decay=5.0)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel])
    idle = replace(rows, w=tf.zeros(40))  # nothing but the decay moves a weight
    before = model.get_weights()
    after = weights_after(Program(model, optimizer, idle), model, idle)
    assert np.array_equal(before[0], after[0])
    assert np.abs(after[2]).max() < np.abs(before[2]).max()
