"""Two trials share a program exactly when nothing that is compiled in differs."""

from collections.abc import Callable, Hashable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from objectives.architecture import (
    VariableDropout,
    architecture_key,
    penalties,
    trainable_copy,
)

layers = keras.layers
Build = Callable[[], keras.Model]


def dense(
    *hidden: keras.layers.Layer, width: int = 4, l1: float = 0.1, **settings: Any
) -> keras.Model:
    """Return a network with `hidden` between its two Dense layers, all names Keras's own."""
    penalty = keras.regularizers.L1L2(l1=l1, l2=0.2)
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(width, kernel_regularizer=penalty, **settings),
            *hidden,
            layers.Dense(1),
        ]
    )


def two_branches(width: int = 4, rate: float = 0.1) -> keras.Model:
    left, right = keras.Input((5,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate()([layers.Dense(width)(left), layers.Dropout(rate)(right)])
    return keras.Model({"left": left, "right": right}, layers.Dense(1)(joined))


def looking_up(place: int = 0, n_codes: int = 7) -> keras.Model:
    """Return a network with operations between its layers, all names Keras's own."""
    codes = keras.Input((2,), dtype="int32")
    vector = layers.Embedding(n_codes, 3)(codes[:, place])
    return keras.Model(codes, layers.Dense(1)(vector * 2))


def frozen() -> keras.Model:
    model = dense()
    model.layers[0].trainable = False
    return model


def key(model: keras.Model, optimizer: keras.Optimizer | None = None) -> Hashable:
    return architecture_key(model, optimizer or keras.optimizers.Adam(0.01))


def bounded(norm: float, axis: int = 0) -> keras.Model:
    return dense(kernel_constraint=keras.constraints.MaxNorm(norm, axis=axis))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: dense(l1=0.1), lambda: dense(l1=0.0)),
        (lambda: dense(layers.Dropout(0.5)), lambda: dense(layers.Dropout(0.0, seed=3))),
        (lambda: dense(layers.GaussianNoise(0.1)), lambda: dense(layers.GaussianNoise(0.2))),
        (lambda: bounded(0.5), lambda: bounded(2.0)),
        (lambda: dense(name="first"), lambda: dense(name="second")),
        (dense, dense),
        (two_branches, lambda: two_branches(rate=0.7)),
        (looking_up, looking_up),
        (
            lambda: dense(kernel_initializer=keras.initializers.HeNormal(seed=1)),
            lambda: dense(kernel_initializer=keras.initializers.RandomNormal(0.5, seed=2)),
        ),
        (
            lambda: dense(keras.Sequential([keras.Input((4,)), layers.Dropout(0.5)])),
            lambda: dense(keras.Sequential([keras.Input((4,)), layers.Dropout(0.6)])),
        ),
    ],
    ids=[
        "penalty",
        "dropout rate and seed",
        "noise",
        "max-norm",
        "names",
        "automatic names",
        "functional",
        "operations",
        "initializers",
        "nested",
    ],
)
def test_what_a_variable_carries_is_shared(first: Build, second: Build) -> None:
    assert key(first()) == key(second())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (dense, lambda: dense(width=5)),
        (dense, lambda: dense(layers.Dense(4))),
        (lambda: dense(activation="relu"), lambda: dense(activation="tanh")),
        (dense, lambda: dense(use_bias=False)),
        (dense, frozen),
        (dense, lambda: bounded(0.5)),
        (lambda: bounded(0.5), lambda: bounded(0.5, axis=1)),
        (two_branches, lambda: two_branches(width=5)),
        (looking_up, lambda: looking_up(place=1)),
        (looking_up, lambda: looking_up(n_codes=8)),
        (lambda: dense(layers.AlphaDropout(0.1)), lambda: dense(layers.AlphaDropout(0.2))),
        (
            lambda: dense(activity_regularizer=keras.regularizers.L2(0.1)),
            lambda: dense(activity_regularizer=keras.regularizers.L2(0.2)),
        ),
        (
            lambda: dense(layers.Activation("relu", name="relu")),
            lambda: dense(layers.Activation("tanh", name="tanh")),
        ),
        (
            lambda: dense(bias_regularizer=keras.regularizers.OrthogonalRegularizer(0.1)),
            lambda: dense(bias_regularizer=keras.regularizers.OrthogonalRegularizer(0.2)),
        ),
        (lambda: dense(dtype="float32"), lambda: dense(dtype="mixed_bfloat16")),
    ],
    ids=[
        "width",
        "depth",
        "activation",
        "bias",
        "frozen",
        "max-norm",
        "axis of a max-norm",
        "functional",
        "operations",
        "embedding",
        "alpha dropout",
        "activity penalty",
        "activation named like its layer",
        "other penalty",
        "precision",
    ],
)
def test_what_is_compiled_in_is_not_shared(first: Build, second: Build) -> None:
    assert key(first()) != key(second())


def excluding(*names: str) -> keras.Optimizer:
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=list(names))
    return optimizer


def test_optimizers_share_over_learning_rates() -> None:
    model, make = dense(), keras.optimizers.Adam
    assert key(model, make(0.1)) == key(model, make(0.2))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: keras.optimizers.Adam(0.1), lambda: keras.optimizers.AdamW(0.1)),
        (lambda: keras.optimizers.Adam(0.1), lambda: keras.optimizers.Adam(0.1, beta_1=0.8)),
        (lambda: keras.optimizers.Adam(0.1), lambda: keras.optimizers.Adam(0.1, clipnorm=1.0)),
        (lambda: excluding("bias"), lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1)),
        (lambda: excluding("bias"), lambda: excluding("kernel")),
        (
            lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)),
            lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 20)),
        ),
    ],
    ids=[
        "kind",
        "moment",
        "clipping",
        "decay excluded",
        "decay excluded elsewhere",
        "schedule",
    ],
)
def test_optimizers_do_not_share_over_other_settings(
    first: Callable[[], keras.Optimizer], second: Callable[[], keras.Optimizer]
) -> None:
    model = dense()
    assert key(model, first()) != key(model, second())


class Subclassed(keras.Model):  # type: ignore[misc]  # untyped
    """A model whose layers alone do not describe it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = layers.Dense(4, kernel_regularizer=keras.regularizers.L1(0.1))
        self.logit = layers.Dense(1)
        self(np.zeros((1, 5), np.float32))

    def call(self, inputs: Any) -> Any:
        return self.logit(self.hidden(inputs))


def test_a_subclassed_model_shares_with_nothing() -> None:
    model = Subclassed()
    assert key(model) != key(model)


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (keras.regularizers.L1(0.1), (0.1, 0.0)),
        (keras.regularizers.L2(0.2), (0.0, 0.2)),
        (keras.regularizers.L1L2(0.3, 0.4), (0.3, 0.4)),
        (keras.regularizers.OrthogonalRegularizer(), None),
        (None, None),
    ],
)
def test_penalties_are_read_off_each_variable(regularizer: Any, expected: Any) -> None:
    model = keras.Sequential([keras.Input((5,)), layers.Dense(2, kernel_regularizer=regularizer)])
    found, bias = penalties(model)
    assert found == (expected and pytest.approx(expected))
    assert bias is None


@pytest.mark.parametrize("build", [Subclassed, dense, two_branches], ids=lambda b: b.__name__)
def test_a_copy_leaves_the_penalties_of_its_model_alone(build: Build) -> None:
    model = build()
    before = penalties(model)
    trainable_copy(model)
    assert penalties(model) == before


def test_a_copy_has_the_weights_in_the_same_order() -> None:
    model = dense(layers.BatchNormalization(), keras.Sequential([layers.Dense(3)]))
    copy = trainable_copy(model)
    for ours, theirs in zip(copy.weights, model.weights, strict=True):
        assert (ours.name, ours.shape, ours.trainable) == (
            theirs.name,
            theirs.shape,
            theirs.trainable,
        )


# Dropout


def masks(
    rate: float, shape: tuple[int, ...], *, noise_shape: Any = None, draws: int = 1
) -> NDArray[np.float32]:
    """Return what a compiled dropout, blind to the batch size, makes of ones: (draws, *shape)."""
    layer = VariableDropout(noise_shape=noise_shape)
    layer.rate.assign(rate)
    signature = [tf.TensorSpec((None, *shape[1:]))]
    drop = tf.function(lambda x: layer(x, training=True), input_signature=signature)
    return np.stack([drop(tf.ones(shape)).numpy() for _ in range(draws)])


@pytest.mark.parametrize(
    ("rate", "dropped"),  # of 65536
    [
        (1e-6, 0),
        (2e-5, 1),
        (1 / 3, 21845),
        (0.5, 32768),
        (0.9999, 65529),
        (0.999999, 65535),  # a rate below 1 never drops everything
    ],
)
def test_a_rate_is_rounded_to_the_share_that_is_dropped_and_made_up_for(
    rate: float, dropped: int
) -> None:
    (mask,) = masks(rate, (1001, 2003))
    share = dropped / 65536
    spread = np.sqrt(share * (1 - share) / mask.size)
    assert abs(np.mean(mask == 0) - share) <= 4 * spread
    assert set(np.unique(mask)) <= {np.float32(0), np.float32(65536 / (65536 - dropped))}
    assert np.any(mask)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 5), (7, 3, 5), (1, 2), (4, 6)], ids=str)
def test_each_unit_has_a_fate_of_its_own_whether_their_number_is_odd_or_even(
    shape: tuple[int, ...],
) -> None:
    draws = 400
    found = masks(0.5, shape, draws=draws)
    assert found.shape == (draws, *shape)
    signs = found.reshape(draws, -1) - 1  # -1 where dropped, 1 where kept
    assert set(np.unique(signs)) == {-1, 1}
    assert np.abs(signs.mean(axis=0)).max() < 5 / np.sqrt(draws)
    agreement = signs.T @ signs / draws - np.eye(signs.shape[1])
    assert np.abs(agreement).max() < 5 / np.sqrt(draws)
    assert np.abs((signs[1:] * signs[:-1]).mean(axis=0)).max() < 5 / np.sqrt(draws - 1)


@pytest.mark.parametrize(
    ("noise_shape", "shared"),
    [
        ((None, 1, None), (1,)),
        ((None, 1, 7), (1,)),
        ((None, None, 1), (2,)),
        ((1, None, None), (0,)),
        ((1, 5, 1), (0, 2)),
        ((None, None, None), ()),
    ],
    ids=str,
)
def test_units_share_a_fate_along_the_axes_of_noise_shape_that_are_one(
    noise_shape: Any, shared: tuple[int, ...]
) -> None:
    (mask,) = masks(0.5, (9, 5, 7), noise_shape=noise_shape)
    assert mask.shape == (9, 5, 7)
    assert set(np.unique(mask)) == {0, 2}
    for axis in range(3):
        alike = np.all(mask == np.take(mask, [0], axis=axis))
        assert alike == (axis in shared)


def test_the_noise_shape_of_a_stock_dropout_reaches_the_copy() -> None:
    stock = dense(layers.Reshape((2, 2)), layers.Dropout(0.5, noise_shape=(None, 1, 2)))
    (copy,) = (c for c in trainable_copy(stock).layers if isinstance(c, VariableDropout))
    assert copy.noise_shape == (None, 1, 2)


def test_a_dropped_unit_passes_no_gradient_and_a_kept_one_its_scale() -> None:
    layer = VariableDropout()
    layer.rate.assign(0.25)
    x = tf.ones((3, 5))
    with tf.GradientTape() as tape:
        tape.watch(x)
        dropped = layer(x, training=True)
    assert np.array_equal(tape.gradient(dropped, x), dropped)
