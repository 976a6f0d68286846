"""The network is the stock Keras model a person would write, and its seed alone starts it."""

from typing import Any

import keras
import numpy as np
import pytest

from objectives.architecture import penalties
from objectives.hyperparameters import ACTIVATIONS, NORMALIZATIONS, Hyperparameters
from objectives.network import Networks, build_network

CHOSEN = Hyperparameters(
    widths=(6, 4),
    activation="relu",
    normalization="none",
    dropout=0.25,
    l1=1e-3,
    l2=1e-2,
    learning_rate=1e-3,
    batch_size=16,
)


def changed(**fields: object) -> Hyperparameters:
    return Hyperparameters(**{**vars(CHOSEN), **fields})


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_combination_gives_one_logit_a_row(activation: str, normalization: str) -> None:
    chosen = changed(activation=activation, normalization=normalization)
    model = build_network(5, chosen, seed=0)
    assert model(np.ones((3, 5), np.float32)).shape == (3, 1)


def test_a_hidden_layer_is_dense_normalization_activation_dropout() -> None:
    model = build_network(5, changed(normalization="batch"), seed=0)
    block = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert [type(layer).__name__ for layer in model.layers] == [*block, *block, "Dense"]
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [6, 4, 1]


def test_every_kernel_and_no_bias_is_penalised() -> None:
    model = build_network(5, CHOSEN, seed=0)
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            assert (variable.regularizer.l1, variable.regularizer.l2) == (1e-3, 1e-2)
        else:
            assert variable.regularizer is None


def test_dropout_has_the_chosen_rate() -> None:
    model = build_network(5, CHOSEN, seed=0)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.25, 0.25]


def test_the_seed_alone_decides_the_initial_weights() -> None:
    first = build_network(5, CHOSEN, seed=3).get_weights()
    keras.utils.set_random_seed(99)
    again = build_network(5, changed(dropout=0.0, l1=0.0, l2=0.5), seed=3).get_weights()
    other = build_network(5, CHOSEN, seed=4).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_layers_of_one_shape_start_from_different_weights() -> None:
    kernels = list(build_network(6, changed(widths=(6, 6, 6)), seed=0).get_weights())[::2]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])


@pytest.mark.parametrize(("activation", "bound"), [("relu", 6 / 40), ("tanh", 6 / (40 + 80))])
def test_kernels_start_within_the_bound_of_their_distribution(
    activation: str, bound: float
) -> None:
    model = build_network(40, changed(widths=(80,), activation=activation), seed=0)
    largest = np.abs(model.get_weights()[0]).max()
    assert 0.98 * np.sqrt(bound) < largest <= np.sqrt(bound)


def test_no_hidden_layer_is_logistic_regression() -> None:
    model = build_network(5, changed(widths=()), seed=0)
    assert [w.shape for w in model.get_weights()] == [(5, 1), (1,)]


# Networks kept between trials


def described(model: keras.Model) -> list[Any]:
    """Return all that could tell two networks apart; the variables bit for bit."""
    variables = [(v.name, v.dtype, np.asarray(v.value).tobytes()) for v in model.variables]
    return [model.get_config(), penalties(model), variables]


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_kept_network_is_what_would_have_been_built(activation: str, normalization: str) -> None:
    asked: tuple[tuple[int, dict[str, Any], int], ...] = (
        (5, {}, 3),
        (5, {"dropout": 0.7, "l1": 0.5, "l2": 0.25}, 4),
        (5, {"learning_rate": 0.1, "batch_size": 7}, 3),
        (5, {"l1": 0.0}, 2**31 - 1),
        (8, {}, 3),
        (5, {"widths": (4, 6)}, 3),
        (5, {"widths": (6, 4, 4)}, 3),
        (5, {"widths": ()}, 3),
        (5, {"dropout": 0.0, "l1": 0.0, "l2": 0.0}, 5),
        (5, {}, 3),
        (5, {"dropout": 0.0}, 6),
    )
    networks = Networks()
    for n_features, fields, seed in asked:
        chosen = changed(activation=activation, normalization=normalization, **fields)
        kept = described(networks.network(n_features, chosen, seed=seed))
        assert kept == described(build_network(n_features, chosen, seed=seed)), (fields, seed)


def test_a_kept_network_follows_what_keras_draws_and_adds_to_the_loss() -> None:
    networks, x = Networks(), np.ones((3, 5), np.float32)
    for rate in (0.0, 0.25, 0.5):
        chosen = changed(dropout=rate, l1=rate, normalization="batch")
        kept, built = networks.network(5, chosen, seed=1), build_network(5, chosen, seed=1)
        assert np.array_equal(kept(x), built(x))
        assert [float(loss) for loss in kept.losses] == [float(loss) for loss in built.losses]
        assert np.array_equal(kept.layers[3](x, training=True), built.layers[3](x, training=True))


def test_one_network_an_architecture_is_kept() -> None:
    networks = Networks()
    first = networks.network(5, CHOSEN, seed=0)
    other = networks.network(5, changed(widths=(4, 6)), seed=0)
    assert other is not first
    alike = changed(dropout=0.5, l1=0.0, l2=0.0, learning_rate=0.5, batch_size=3)
    assert networks.network(5, alike, seed=1) is first
