"""The network a trial trains, as a stock Keras model.

Nothing here knows how it is trained: `build_network` returns an ordinary uncompiled model, the one
a person would write by hand. `objectives/engine.py` trains it.

Symbols: F features, E columns of codes, K classes.
    features (batch, F) float32    codes (batch, E) int32    logits (batch, 1), or (batch, K)
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from objectives.hyperparameters import Embedding, Hyperparameters, Inputs


def build_network(inputs: Inputs, chosen: Hyperparameters, *, seed: int) -> keras.Model:
    """Return a stock Keras model: features (batch, F) -> logits (batch, n_outputs).

    With embeddings the input is {"features": (batch, F), "codes": (batch, E)}, F may be 0, and a
    vector for each column of codes stands behind the features.

    A hidden layer is Dense, normalization, activation, dropout. Kernels start from He's uniform
    distribution, or Glorot's under tanh, drawn from `seed` alone (He et al. 2015, eq. 10;
    Glorot and Bengio 2010, eq. 16). Tables of vectors start as Keras starts them, and are penalised
    as kernels are: they are the kernels of the column's indicators.

    Args:
        inputs: what the network is fed, and its number of logits.
        chosen: the hyperparameters.
        seed: of the initial weights; the same seed gives the same weights.
    """
    layers = [*_hidden_layers(chosen, seed), _output_layer(inputs, chosen, seed)]
    features = keras.Input((inputs.n_features,), name="features")
    if not inputs.embeddings:
        return keras.Sequential([features, *layers], name="network")
    codes = keras.Input((len(inputs.embeddings),), dtype="int32", name="codes")
    tables = _embedding_layers(inputs.embeddings, chosen, seed)
    vectors = [table(codes[:, j]) for j, table in enumerate(tables)]
    outputs = keras.layers.Concatenate(name="joined")([features, *vectors])
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model({"features": features, "codes": codes}, outputs, name="network")


class Networks:
    """Stock models kept between trials, one an architecture.

    Building a model costs as much as training a small one, so a trial whose architecture was seen
    before gets the same model again, with its own rates, strengths and initial weights: what
    `build_network` would have returned. Nobody may have trained it in place.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Inputs, Hyperparameters], keras.Model] = {}

    def network(self, inputs: Inputs, chosen: Hyperparameters, *, seed: int) -> keras.Model:
        """Return what `build_network` returns; the model is this trial's until the next call."""
        shape = _shape(chosen)
        model = self._kept.get((inputs, shape))
        if model is None:
            model = self._kept[inputs, shape] = build_network(inputs, chosen, seed=seed)
            return model
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        for i, layer in enumerate(dense):
            _start_again(layer, "kernel", _kernel(chosen, i, seed))
        tables = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
        for j, layer in enumerate(tables):
            _start_again(layer, "embeddings", _table(chosen, j, seed))
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate, layer.seed = chosen.dropout, seed
                if chosen.dropout > 0:
                    layer.seed_generator.state.assign([seed, 0])
        return model


def _shape(chosen: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters without what can be changed in a built model."""
    return replace(
        chosen,
        dropout=float(chosen.dropout > 0),  # a Dropout made with rate 0 has no generator
        l1=0.0,
        l2=0.0,
        learning_rate=1.0,
        batch_size=1,
        scaling="standard",
        class_weight="none",
    )


def _start_again(layer: keras.Layer, variable: str, given: dict[str, Any]) -> None:
    """Give a layer's variable the initializer and strengths of another trial, and draw it anew."""
    initializer = given[f"{variable}_initializer"]
    setattr(layer, f"{variable}_initializer", initializer)
    value = getattr(layer, variable)
    value.assign(initializer(value.shape))
    regularizer = getattr(layer, f"{variable}_regularizer")
    regularizer.l1 = given[f"{variable}_regularizer"].l1
    regularizer.l2 = given[f"{variable}_regularizer"].l2


def _hidden_layers(chosen: Hyperparameters, seed: int) -> list[keras.Layer]:
    layers = keras.layers
    parts: list[keras.Layer] = []
    for i, width in enumerate(chosen.widths):
        parts.append(
            layers.Dense(
                width,
                use_bias=chosen.normalization != "batch",  # which has a bias, and cancels this one
                **_kernel(chosen, i, seed),
                name=f"dense_{i}",
            )
        )
        if chosen.normalization == "batch":
            parts.append(layers.BatchNormalization(name=f"normalization_{i}"))
        elif chosen.normalization == "layer":
            parts.append(layers.LayerNormalization(name=f"normalization_{i}"))
        parts.append(layers.Activation(chosen.activation, name=f"activation_{i}"))
        parts.append(layers.Dropout(chosen.dropout, seed=seed, name=f"dropout_{i}"))
    return parts


def _output_layer(inputs: Inputs, chosen: Hyperparameters, seed: int) -> keras.Layer:
    name = "logit" if inputs.n_outputs == 1 else "logits"
    return keras.layers.Dense(
        inputs.n_outputs, **_kernel(chosen, len(chosen.widths), seed), name=name
    )


def _embedding_layers(
    embeddings: Sequence[Embedding], chosen: Hyperparameters, seed: int
) -> list[keras.Layer]:
    return [
        keras.layers.Embedding(
            embedding.n_codes,
            embedding.dimension,
            **_table(chosen, j, seed),
            name=f"embedding_{j}",
        )
        for j, embedding in enumerate(embeddings)
    ]


def _kernel(chosen: Hyperparameters, i: int, seed: int) -> dict[str, Any]:
    """Return how the i-th Dense kernel starts and is penalised; the last one is the logits'."""
    hidden = i < len(chosen.widths)
    he = hidden and chosen.activation != "tanh"
    draw = keras.initializers.HeUniform if he else keras.initializers.GlorotUniform
    return {"kernel_initializer": draw(seed=seed + i), "kernel_regularizer": _penalty(chosen)}


def _table(chosen: Hyperparameters, j: int, seed: int) -> dict[str, Any]:
    """Return how the j-th table of vectors starts and is penalised."""
    after = len(chosen.widths) + 1  # the kernels' seeds
    return {
        "embeddings_initializer": keras.initializers.RandomUniform(seed=seed + after + j),
        "embeddings_regularizer": _penalty(chosen),
    }


def _penalty(chosen: Hyperparameters) -> keras.Regularizer:
    return keras.regularizers.L1L2(l1=chosen.l1, l2=chosen.l2)
