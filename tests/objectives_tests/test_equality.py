"""Trained weights are those that Keras's own steps on the same batches would give."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from objectives.engine import Program
from objectives.hyperparameters import (
    ACTIVATIONS,
    NORMALIZATIONS,
    Embedding,
    Hyperparameters,
    Inputs,
)
from objectives.network import build_network
from objectives.rows import Rows, place

Floats = NDArray[np.float32]
Optimizer = Callable[[], keras.Optimizer]
layers, optimizers, regularizers = keras.layers, keras.optimizers, keras.regularizers

SEED, EPOCHS, BATCH = 5, 2, 16  # 40 rows: two full batches and one of 8

FIVE = Inputs(n_features=5)
CLASSES = Inputs(n_features=5, n_outputs=3)
TABLES = (Embedding(n_codes=7, dimension=3), Embedding(n_codes=60, dimension=2))
CODED = Inputs(n_features=5, embeddings=TABLES, n_outputs=3)
CHOSEN = Hyperparameters(
    widths=(6, 4),
    activation="relu",
    normalization="none",
    dropout=0.0,
    l1=1e-3,
    l2=1e-2,
    learning_rate=0.01,
    batch_size=BATCH,
)


def shuffled(n: int, epoch: int, seed: int = SEED) -> NDArray[np.int32]:
    """Return the order (n,) in which an epoch visits its rows."""
    order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=[seed, epoch])
    return np.asarray(order)


def keras_weights(model: keras.Model, optimizer: keras.Optimizer, rows: Rows) -> list[Floats]:
    """Train by `train_on_batch` and return the weights."""
    losses = keras.losses
    one_logit = model(tf.nest.map_structure(lambda part: part[:1], rows.x)).shape[-1] == 1
    kind = losses.BinaryCrossentropy if one_logit else losses.SparseCategoricalCrossentropy
    loss = kind(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, run_eagerly=True)
    for epoch in range(1, EPOCHS + 1):
        order = shuffled(len(rows.y), epoch)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            x = tf.nest.map_structure(lambda part, batch=batch: part.numpy()[batch], rows.x)
            y, w = rows.y.numpy()[batch, None], rows.w.numpy()[batch]
            model.train_on_batch(x, y, sample_weight=w)
    return list(model.get_weights())


def engine_weights(
    program: Program, model: keras.Model, rows: Rows, *, epochs: int = EPOCHS, seed: int = SEED
) -> list[Floats]:
    """Train by the program and return the weights."""
    program.start(model, None, seed=seed)
    for epoch in range(1, epochs + 1):
        program.epoch(rows, batch_size=BATCH, seed=seed, epoch=epoch)
    program.keep()
    return program.best_weights()


def assert_equals_keras(
    build: Callable[[int], keras.Model],
    make: Optimizer,
    rows: Rows,
    *,
    reference: Optimizer | None = None,
) -> None:
    """Compare both ways, on a program that another trial has used already.

    `reference` makes Keras's own optimizer where that is not `make`'s.
    """
    weights = np.linspace(0.5, 2, len(rows.y), dtype=np.float32)
    rows = replace(rows, w=tf.constant(weights))
    other = build(8)
    program = Program(other, make(), rows)
    engine_weights(program, other, rows, epochs=1, seed=8)
    initial = build(3).get_weights()
    trained, expected = (
        engine_weights(program, build(3), rows),
        keras_weights(build(3), (reference or make)(), rows),
    )
    assert program.traces == 1
    assert any(not np.allclose(a, b, atol=1e-4) for a, b in zip(initial, expected, strict=True))
    for ours, keras_own in zip(trained, expected, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=2e-5)


def lesson_network(seed: int) -> keras.Model:
    """Return a network whose layers differ in their penalties, as the seeds' networks do not."""
    draw = keras.initializers.GlorotUniform
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh", True, draw(seed), kernel_regularizer=regularizers.L1(0.01)),
            layers.Dense(4, "tanh", True, draw(seed + 1), kernel_regularizer=regularizers.L2(0.02)),
            layers.Dense(
                1,
                kernel_initializer=draw(seed + 2),
                kernel_regularizer=regularizers.L1L2(0.03, 0.04),
                bias_regularizer=regularizers.L2(0.05),
            ),
        ]
    )


ABSTRACT = {"Optimizer", "MultiOptimizer", "LossScaleOptimizer"}
OFFERED = [
    kind
    for name, kind in inspect.getmembers(optimizers, inspect.isclass)
    if issubclass(kind, optimizers.Optimizer) and name not in ABSTRACT
]


@pytest.mark.parametrize("kind", OFFERED, ids=lambda kind: kind.__name__)
def test_every_optimizer_gives_the_weights_of_keras(kind: Any, rows: Rows) -> None:
    rate = 1.0 if kind is optimizers.Adadelta else 0.01  # Adadelta hardly moves below 1
    assert_equals_keras(lesson_network, lambda: kind(learning_rate=rate), rows)


def decaying_kernels_only() -> keras.Optimizer:
    optimizer = optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def kernels_and_biases_apart() -> keras.Optimizer:
    choice = optimizers.OptimizerMap(default_optimizer=optimizers.SGD(0.1))
    choice[".*kernel"] = optimizers.Adam(0.01)
    return optimizers.MultiOptimizer(choice)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda: optimizers.Adam(0.01, amsgrad=True),
        lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        lambda: optimizers.SGD(0.5, clipnorm=0.1),
        lambda: optimizers.SGD(0.5, clipvalue=0.05),
        lambda: optimizers.SGD(0.5, global_clipnorm=0.1),
        lambda: optimizers.AdamW(0.01, weight_decay=0.5),
        decaying_kernels_only,
        lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=2),
        lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
        lambda: optimizers.SGD(0.1, loss_scale_factor=8.0),
        lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01)),
        kernels_and_biases_apart,
        lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.05, 2, 0.7)),
        lambda: optimizers.SGD(
            optimizers.schedules.CosineDecay(0.0, 9, warmup_target=0.2, warmup_steps=3)
        ),
    ],
    ids=[
        "nesterov",
        "amsgrad",
        "centered",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "weight decay",
        "excluded decay",
        "ema",
        "accumulation",
        "loss scale",
        "dynamic scale",
        "several",
        "decaying rate",
        "warm-up",
    ],
)
def test_every_optimizer_option_gives_the_weights_of_keras(make: Optimizer, rows: Rows) -> None:
    assert_equals_keras(lesson_network, make, rows)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_layer_gives_the_weights_of_keras(
    activation: str, normalization: str, rows: Rows
) -> None:
    chosen = replace(CHOSEN, activation=activation, normalization=normalization)
    assert_equals_keras(
        lambda seed: build_network(FIVE, chosen, seed=seed), lambda: optimizers.Adam(0.01), rows
    )


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_several_classes_give_the_weights_of_keras(
    normalization: str, rows_of_classes: Rows
) -> None:
    chosen = replace(CHOSEN, normalization=normalization)
    assert_equals_keras(
        lambda seed: build_network(CLASSES, chosen, seed=seed),
        lambda: optimizers.Adam(0.01),
        rows_of_classes,
    )


def test_a_softmax_of_two_logits_gives_the_weights_of_keras(rows: Rows) -> None:
    two = replace(CLASSES, n_outputs=2)
    assert_equals_keras(
        lambda seed: build_network(two, CHOSEN, seed=seed), lambda: optimizers.Adam(0.01), rows
    )


@pytest.mark.parametrize("inputs", [CODED, replace(CODED, n_outputs=1)], ids=["classes", "two"])
def test_embeddings_give_the_weights_of_keras(inputs: Inputs, coded_rows: Rows) -> None:
    binary = tf.minimum(coded_rows.y, 1.0)
    rows = coded_rows if inputs.n_outputs > 1 else replace(coded_rows, y=binary)
    assert_equals_keras(
        lambda seed: build_network(inputs, CHOSEN, seed=seed), lambda: optimizers.SGD(0.2), rows
    )


def test_embeddings_without_features_give_the_weights_of_keras(coded_rows: Rows) -> None:
    def alone(x: dict[str, tf.Tensor]) -> dict[str, Any]:
        return {
            "features": np.zeros((len(x["codes"]), 0), np.float32),
            "codes": np.array(x["codes"]),
        }

    rows = place(alone(coded_rows.x), np.array(coded_rows.y), alone(coded_rows.x_validation))
    assert_equals_keras(
        lambda seed: build_network(replace(CODED, n_features=0), CHOSEN, seed=seed),
        lambda: optimizers.SGD(0.5),
        rows,
    )


def of_whole_tables(kind: type[Any], **settings: Any) -> keras.Optimizer:
    """Return a stock optimizer that is given an embedding's gradient as one dense tensor.

    Given looked up rows, Keras's rules count a code that occurs twice in a batch wrongly: they
    square the parts of its gradient, not their sum. A penalty makes every code occur twice.
    """

    class Whole(kind):  # type: ignore[misc]  # untyped
        def apply(self, gradients: list[Any], variables: Any = None) -> None:
            super().apply([tf.convert_to_tensor(g) for g in gradients], variables)

    return Whole(**settings)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (optimizers.Adam, {"learning_rate": 0.01}),
        (optimizers.Adam, {"learning_rate": 0.01, "clipnorm": 0.1}),
        (optimizers.RMSprop, {"learning_rate": 0.01}),
        (optimizers.AdamW, {"learning_rate": 0.01, "weight_decay": 0.5}),
    ],
    ids=["adam", "one gradient a variable", "rmsprop", "weight decay"],
)
def test_embeddings_give_the_weights_of_keras_with_dense_gradients(
    kind: Any, settings: dict[str, Any], coded_rows: Rows
) -> None:
    assert_equals_keras(
        lambda seed: build_network(CODED, CHOSEN, seed=seed),
        lambda: kind(**settings),
        coded_rows,
        reference=lambda: of_whole_tables(kind, **settings),
    )


def seeded(units: int, seed: int, **settings: Any) -> keras.layers.Layer:
    """Return a tanh layer that starts from `seed`."""
    draw = keras.initializers.GlorotUniform(seed)
    return layers.Dense(units, "tanh", kernel_initializer=draw, **settings)


def stacked(seed: int, *hidden: keras.layers.Layer, **settings: Any) -> keras.Model:
    first, last = seeded(4, seed, **settings), seeded(1, seed + 1)
    return keras.Sequential([keras.Input((5,)), first, *hidden, last])


def nested(seed: int) -> keras.Model:
    """Return a model in a model in a model, one of them used twice."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dropout(0.0), seeded(4, seed)])
    inputs = keras.Input((4,))
    middle = keras.Model(inputs, layers.Add()([inner(inner(inputs)), inputs]))
    return stacked(seed, middle, layers.BatchNormalization())


class Subclassed(keras.Model):  # type: ignore[misc]  # untyped
    """A model that only its own code describes."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.hidden = seeded(4, seed, kernel_regularizer=regularizers.L1L2(0.05, 0.1))
        self.drop = layers.Dropout(0.0)
        self.logit = seeded(1, seed + 1)
        self(np.zeros((1, 5), np.float32))

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.logit(self.drop(self.hidden(inputs), training=training))


class Gate(keras.layers.Layer):  # type: ignore[misc]  # untyped
    """A layer of the user's own with a weight, and a dropout inside it."""

    def __init__(self, rate: float = 0.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.rate = rate
        self.drop = layers.Dropout(rate)

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=shape[1:], initializer="ones")

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.drop(inputs * self.scale, training=training)


def constrained(seed: int) -> keras.Model:
    return stacked(seed, kernel_constraint=keras.constraints.MaxNorm(0.5))


def frozen(seed: int) -> keras.Model:
    model = stacked(seed, seeded(4, seed + 2, kernel_regularizer="l1"))
    model.layers[1].trainable = False
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: stacked(seed, activity_regularizer=regularizers.L2(0.1)),
        lambda seed: stacked(seed, layers.ActivityRegularization(l1=0.1)),
        lambda seed: stacked(seed, kernel_regularizer=regularizers.OrthogonalRegularizer(0.1)),
        lambda seed: stacked(seed, layers.GaussianNoise(0.0), layers.GaussianDropout(0.0)),
        lambda seed: stacked(
            seed, layers.Reshape((2, 2)), layers.SpatialDropout1D(0.0), layers.Flatten()
        ),
        lambda seed: stacked(seed, layers.UnitNormalization(), layers.PReLU()),
        lambda seed: stacked(seed, layers.BatchNormalization(momentum=0.5, renorm=False)),
        lambda seed: stacked(seed, Gate()),
        nested,
        constrained,
        frozen,
        Subclassed,
    ],
    ids=[
        "activity penalty",
        "activity layer",
        "other penalty",
        "noise",
        "spatial",
        "weights",
        "statistics",
        "own layer",
        "nested",
        "constrained",
        "frozen",
        "subclassed",
    ],
)
def test_any_model_gives_the_weights_of_keras(
    build: Callable[[int], keras.Model], rows: Rows
) -> None:
    assert_equals_keras(build, lambda: optimizers.Adam(0.02), rows)


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda: optimizers.SGD(0.2), None),
        (
            lambda: optimizers.Adam(0.02, clipnorm=0.5),
            lambda: of_whole_tables(optimizers.Adam, learning_rate=0.02, clipnorm=0.5),
        ),
    ],
    ids=["sgd", "adam, one gradient a variable"],
)
@pytest.mark.parametrize("structure", ["dict", "list"])
def test_a_model_with_two_inputs_gives_the_weights_of_keras(
    structure: str, make: Optimizer, reference: Optimizer | None, table: Any
) -> None:
    x, y = table
    codes = np.random.default_rng(0).integers(0, 7, (53, 2)).astype(np.int32)

    def build(seed: int) -> keras.Model:
        numbers = keras.Input((5,), name="numbers")
        city = keras.Input((2,), name="city", dtype="int32")
        draw = keras.initializers.RandomUniform(seed=seed)
        embedded = layers.Flatten()(layers.Embedding(7, 3, embeddings_initializer=draw)(city))
        joined = layers.Concatenate()([seeded(4, seed)(numbers), embedded])
        inputs = {"numbers": numbers, "city": city}
        given = inputs if structure == "dict" else list(inputs.values())
        return keras.Model(given, seeded(1, seed + 1)(joined))

    def features(part: slice) -> Any:
        return (
            {"numbers": x[part], "city": codes[part]}
            if structure == "dict"
            else [x[part], codes[part]]
        )

    rows = place(features(slice(40)), y[:40], features(slice(40, 53)))
    assert_equals_keras(build, make, rows, reference=reference)


def test_an_embedding_is_a_dense_layer_on_indicators(table: Any) -> None:
    codes = np.random.default_rng(0).integers(0, 7, 53).astype(np.int32)
    indicators = np.eye(7, dtype=np.float32)[codes]
    draw = keras.initializers.RandomUniform

    def embedded(seed: int) -> keras.Model:
        layer = layers.Embedding(7, 3, embeddings_initializer=draw(seed=seed))
        return keras.Sequential(
            [keras.Input((1,), dtype="int32"), layer, layers.Flatten(), seeded(1, seed + 1)]
        )

    def indicated(seed: int) -> keras.Model:
        layer = layers.Dense(3, use_bias=False, kernel_initializer=draw(seed=seed))
        return keras.Sequential([keras.Input((7,)), layer, seeded(1, seed + 1)])

    y = table[1]
    rows = place(codes[:40, None], y[:40], codes[40:, None])
    program = Program(embedded(8), optimizers.Adam(0.02), rows)
    trained = engine_weights(program, embedded(3), rows)
    plain = place(indicators[:40], y[:40], indicators[40:])
    expected = keras_weights(indicated(3), optimizers.Adam(0.02), plain)
    for ours, keras_own in zip(trained, expected, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_near_keras(policy: str, rows: Rows) -> None:
    def build(seed: int) -> keras.Model:
        return stacked(seed, layers.Dropout(0.0, dtype=policy), dtype=policy)

    def make() -> keras.Optimizer:
        return optimizers.LossScaleOptimizer(optimizers.SGD(0.5))

    trained = engine_weights(Program(build(3), make(), rows), build(3), rows)
    expected = keras_weights(build(3), make(), rows)
    for ours, keras_own in zip(trained, expected, strict=True):
        np.testing.assert_allclose(ours, keras_own, atol=0.02)
