"""The network a trial trains, as a stock Keras model.

Nothing here knows how it is trained: `build_network` returns an ordinary uncompiled model, the one
a person would write by hand. `objectives/engine.py` trains it.
"""

from dataclasses import replace
from typing import Any

import keras

from objectives.hyperparameters import Hyperparameters


def build_network(n_features: int, chosen: Hyperparameters, *, seed: int) -> keras.Sequential:
    """Return a stock Keras model: (batch, n_features) -> (batch, 1) logits.

    A hidden layer is Dense, normalization, activation, dropout. Kernels start from He's uniform
    distribution, or Glorot's under tanh, drawn from `seed` alone (He et al. 2015, eq. 10;
    Glorot and Bengio 2010, eq. 16).

    Args:
        n_features: columns of the prepared table, >= 1.
        chosen: the hyperparameters.
        seed: of the initial weights; the same seed gives the same weights.
    """
    layers = keras.layers
    parts = [keras.Input((n_features,), name="features")]
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
    parts.append(layers.Dense(1, **_kernel(chosen, len(chosen.widths), seed), name="logit"))
    return keras.Sequential(parts, name="network")


class Networks:
    """Stock models kept between trials, one an architecture.

    Building a model costs as much as training a small one, so a trial whose architecture was seen
    before gets the same model again, with its own rates, strengths and initial weights: what
    `build_network` would have returned. Nobody may have trained it in place.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Hyperparameters], keras.Sequential] = {}

    def network(self, n_features: int, chosen: Hyperparameters, *, seed: int) -> keras.Sequential:
        """Return what `build_network` returns; the model is this trial's until the next call."""
        drops = float(chosen.dropout > 0)  # a Dropout made with rate 0 has no generator
        shape = replace(chosen, dropout=drops, l1=0.0, l2=0.0, learning_rate=1.0, batch_size=1)
        model = self._kept.get((n_features, shape))
        if model is None:
            model = self._kept[n_features, shape] = build_network(n_features, chosen, seed=seed)
            return model
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        for i, layer in enumerate(dense):
            given = _kernel(chosen, i, seed)
            layer.kernel_initializer = given["kernel_initializer"]
            layer.kernel.assign(layer.kernel_initializer(layer.kernel.shape))
            layer.kernel_regularizer.l1 = given["kernel_regularizer"].l1
            layer.kernel_regularizer.l2 = given["kernel_regularizer"].l2
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate, layer.seed = chosen.dropout, seed
                if drops:
                    layer.seed_generator.state.assign([seed, 0])
        return model


def _kernel(chosen: Hyperparameters, i: int, seed: int) -> dict[str, Any]:
    """Return how the i-th Dense kernel starts and is penalised; the last one is the logit's."""
    hidden = i < len(chosen.widths)
    he = hidden and chosen.activation != "tanh"
    draw = keras.initializers.HeUniform if he else keras.initializers.GlorotUniform
    return {
        "kernel_initializer": draw(seed=seed + i),
        "kernel_regularizer": keras.regularizers.L1L2(l1=chosen.l1, l2=chosen.l2),
    }
