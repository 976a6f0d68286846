"""The network a trial trains, as a stock Keras model.

Nothing here knows how it is trained: `build_network` returns an ordinary uncompiled model, the one
a person would write by hand. `objectives/engine.py` trains it.
"""

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
    model = keras.Sequential([keras.Input((n_features,), name="features")], name="network")
    draw = keras.initializers.HeUniform
    if chosen.activation == "tanh":
        draw = keras.initializers.GlorotUniform
    for i, width in enumerate(chosen.widths):
        model.add(
            layers.Dense(
                width,
                kernel_initializer=draw(seed=seed + i),
                kernel_regularizer=keras.regularizers.L1L2(l1=chosen.l1, l2=chosen.l2),
                name=f"dense_{i}",
            )
        )
        if chosen.normalization == "batch":
            model.add(layers.BatchNormalization(name=f"normalization_{i}"))
        elif chosen.normalization == "layer":
            model.add(layers.LayerNormalization(name=f"normalization_{i}"))
        model.add(layers.Activation(chosen.activation, name=f"activation_{i}"))
        model.add(layers.Dropout(chosen.dropout, seed=seed, name=f"dropout_{i}"))
    model.add(
        layers.Dense(
            1,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + len(chosen.widths)),
            kernel_regularizer=keras.regularizers.L1L2(l1=chosen.l1, l2=chosen.l2),
            name="logit",
        )
    )
    return model
