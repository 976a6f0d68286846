"""The network is the stock Keras model a person would write, and its seed alone starts it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from objectives.architecture import penalties
from objectives.hyperparameters import (
    ACTIVATIONS,
    NORMALIZATIONS,
    Embedding,
    Hyperparameters,
    Inputs,
)
from objectives.network import Networks, build_network

FIVE = Inputs(n_features=5)
TABLES = (Embedding(n_codes=7, dimension=3), Embedding(n_codes=60, dimension=2))
CODED = Inputs(n_features=5, embeddings=TABLES, n_outputs=4)
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
    model = build_network(FIVE, chosen, seed=0)
    assert model(np.ones((3, 5), np.float32)).shape == (3, 1)


def test_more_than_two_classes_have_a_logit_each() -> None:
    model = build_network(replace(FIVE, n_outputs=4), CHOSEN, seed=0)
    assert isinstance(model, keras.Sequential)
    assert model(np.ones((3, 5), np.float32)).shape == (3, 4)


def test_a_hidden_layer_is_dense_normalization_activation_dropout() -> None:
    model = build_network(FIVE, changed(normalization="batch"), seed=0)
    block = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert [type(layer).__name__ for layer in model.layers] == [*block, *block, "Dense"]
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [6, 4, 1]


def test_every_kernel_and_no_bias_is_penalised() -> None:
    model = build_network(FIVE, CHOSEN, seed=0)
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            assert (variable.regularizer.l1, variable.regularizer.l2) == (1e-3, 1e-2)
        else:
            assert variable.regularizer is None


def test_dropout_has_the_chosen_rate() -> None:
    model = build_network(FIVE, CHOSEN, seed=0)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.25, 0.25]


def test_the_seed_alone_decides_the_initial_weights() -> None:
    first = build_network(FIVE, CHOSEN, seed=3).get_weights()
    keras.utils.set_random_seed(99)
    again = build_network(FIVE, changed(dropout=0.0, l1=0.0, l2=0.5), seed=3).get_weights()
    other = build_network(FIVE, CHOSEN, seed=4).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_layers_of_one_shape_start_from_different_weights() -> None:
    kernels = list(
        build_network(Inputs(n_features=6), changed(widths=(6, 6, 6)), seed=0).get_weights()
    )[::2]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])


@pytest.mark.parametrize(("activation", "bound"), [("relu", 6 / 40), ("tanh", 6 / (40 + 80))])
def test_kernels_start_within_the_bound_of_their_distribution(
    activation: str, bound: float
) -> None:
    model = build_network(
        Inputs(n_features=40), changed(widths=(80,), activation=activation), seed=0
    )
    largest = np.abs(model.get_weights()[0]).max()
    assert 0.98 * np.sqrt(bound) < largest <= np.sqrt(bound)


def test_no_hidden_layer_is_logistic_regression() -> None:
    model = build_network(FIVE, changed(widths=()), seed=0)
    assert [w.shape for w in model.get_weights()] == [(5, 1), (1,)]


# Embeddings


def fed(inputs: Inputs, n: int = 9) -> dict[str, Any]:
    """Return features and codes (n rows) of any values."""
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, table.n_codes, n) for table in inputs.embeddings]
    return {
        "features": rng.normal(size=(n, inputs.n_features)).astype(np.float32),
        "codes": np.stack(codes, axis=1).astype(np.int32),
    }


@pytest.mark.parametrize("n_features", [5, 0])
@pytest.mark.parametrize("n_tables", [1, 2])
def test_each_column_of_codes_adds_a_vector_behind_the_features(
    n_features: int, n_tables: int
) -> None:
    inputs = Inputs(n_features=n_features, embeddings=TABLES[:n_tables])
    model = build_network(inputs, changed(widths=()), seed=0)
    given = fed(inputs)
    *tables, kernel, _ = model.get_weights()
    assert [table.shape for table in tables] == [(7, 3), (60, 2)][:n_tables]
    vectors = [table[codes] for table, codes in zip(tables, given["codes"].T, strict=True)]
    expected = np.concatenate([given["features"], *vectors], axis=1) @ kernel
    np.testing.assert_allclose(model(given), expected, atol=1e-6)


def test_embedding_tables_are_penalised_as_kernels() -> None:
    tables = build_network(CODED, CHOSEN, seed=0).trainable_variables[:2]
    for variable in tables:
        assert (variable.regularizer.l1, variable.regularizer.l2) == (1e-3, 1e-2)


def test_the_seed_alone_decides_the_initial_vectors() -> None:
    first, again = (build_network(CODED, CHOSEN, seed=3).get_weights() for _ in range(2))
    other = build_network(CODED, CHOSEN, seed=4).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("n_features", [5, 0])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_network_with_embeddings_is_loaded_in_safe_mode(n_features: int, tmp_path: Path) -> None:
    inputs = replace(CODED, n_features=n_features)
    model, given = build_network(inputs, changed(normalization="batch"), seed=0), fed(inputs)
    model.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    assert np.array_equal(model(given), loaded(given))
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)


# Networks kept between trials


def described(model: keras.Model) -> list[Any]:
    """Return all that could tell two networks apart; the variables bit for bit."""
    variables = [(v.name, v.dtype, np.asarray(v.value).tobytes()) for v in model.variables]
    return [model.get_config(), penalties(model), variables]


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_kept_network_is_what_would_have_been_built(activation: str, normalization: str) -> None:
    asked: tuple[tuple[Inputs, dict[str, Any], int], ...] = (
        (FIVE, {}, 3),
        (FIVE, {"dropout": 0.7, "l1": 0.5, "l2": 0.25}, 4),
        (FIVE, {"learning_rate": 0.1, "batch_size": 7}, 3),
        (FIVE, {"l1": 0.0}, 2**31 - 1),
        (FIVE, {"scaling": "quantile", "class_weight": "balanced"}, 3),
        (Inputs(n_features=8), {}, 3),
        (Inputs(n_features=5, n_outputs=3), {}, 3),
        (FIVE, {"widths": (4, 6)}, 3),
        (FIVE, {"widths": (6, 4, 4)}, 3),
        (FIVE, {"widths": ()}, 3),
        (FIVE, {"dropout": 0.0, "l1": 0.0, "l2": 0.0}, 5),
        (FIVE, {}, 3),
        (FIVE, {"dropout": 0.0}, 6),
    )
    networks = Networks()
    for inputs, fields, seed in asked:
        chosen = changed(activation=activation, normalization=normalization, **fields)
        kept = described(networks.network(inputs, chosen, seed=seed))
        assert kept == described(build_network(inputs, chosen, seed=seed)), (fields, seed)


def by_layers(model: keras.Model) -> list[Any]:
    """Return what `described` does, less the operations, whose names Keras numbers on and on."""
    return [[layer.get_config() for layer in model.layers], *described(model)[1:]]


def test_a_kept_network_with_embeddings_is_what_would_have_been_built() -> None:
    asked: tuple[tuple[Inputs, dict[str, Any], int], ...] = (
        (CODED, {}, 3),
        (CODED, {"dropout": 0.7, "l1": 0.5, "l2": 0.25}, 4),
        (replace(CODED, embeddings=TABLES[:1]), {}, 3),
        (replace(CODED, n_features=0), {}, 3),
        (CODED, {"l1": 0.0}, 2**31 - 1),
        (CODED, {"dropout": 0.0, "l2": 0.0}, 5),
        (CODED, {}, 3),
    )
    networks = Networks()
    for inputs, fields, seed in asked:
        kept = by_layers(networks.network(inputs, changed(**fields), seed=seed))
        assert kept == by_layers(build_network(inputs, changed(**fields), seed=seed)), (
            fields,
            seed,
        )


def test_a_kept_network_follows_what_keras_draws_and_adds_to_the_loss() -> None:
    networks, x = Networks(), np.ones((3, 5), np.float32)
    for rate in (0.0, 0.25, 0.5):
        chosen = changed(dropout=rate, l1=rate, normalization="batch")
        kept, built = networks.network(FIVE, chosen, seed=1), build_network(FIVE, chosen, seed=1)
        assert np.array_equal(kept(x), built(x))
        assert [float(loss) for loss in kept.losses] == [float(loss) for loss in built.losses]
        assert np.array_equal(kept.layers[3](x, training=True), built.layers[3](x, training=True))


def test_one_network_an_architecture_is_kept() -> None:
    networks = Networks()
    first = networks.network(FIVE, CHOSEN, seed=0)
    other = networks.network(FIVE, changed(widths=(4, 6)), seed=0)
    assert other is not first
    alike = changed(
        dropout=0.5,
        l1=0.0,
        l2=0.0,
        learning_rate=0.5,
        batch_size=3,
        scaling="quantile",
        class_weight="balanced",
    )
    assert networks.network(FIVE, alike, seed=1) is first
