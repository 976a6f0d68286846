"""The network a trial trains, as a stock Keras model.

Nothing here knows how it is trained: `build_network` returns an ordinary uncompiled model, the one
a person would write by hand. `objectives/engine.py` trains it.

Symbols: F features, E columns of codes, K classes.
    features (batch, F) float32    codes (batch, E) int32    logits (batch, 1), or (batch, K)
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import keras

from objectives.hyperparameters import Embedding, Hyperparameters, Inputs

_SHORTCUTS = 10_000  # where their seeds begin: beyond those of all kernels and tables


def build_network(inputs: Inputs, chosen: Hyperparameters, *, seed: int) -> keras.Model:
    """Return a stock Keras model: features (batch, F) -> logits (batch, n_outputs).

    With embeddings the input is {"features": (batch, F), "codes": (batch, E)}, F may be 0, and a
    vector for each column of codes stands behind the features.

    A hidden layer is Dense, normalization, activation, dropout. Kernels start from He's uniform
    distribution, or Glorot's under tanh, drawn from `seed` alone (He et al. 2015, eq. 10;
    Glorot and Bengio 2010, eq. 16). Tables of vectors start as Keras starts them, and are penalised
    as kernels are: they are the kernels of the column's indicators.

    With skip connections each hidden layer after the first is added to what it was given (He et al.
    2016, arXiv:1512.03385, eq. 1; eq. 2, a projection, where the width changes). Stochastic depth
    drops what it adds, of each row for itself, the later the layer the more often (Huang et al.
    2016, arXiv:1603.09382, eq. 4).

    Args:
        inputs: what the network is fed, and its number of logits.
        chosen: the hyperparameters.
        seed: of the initial weights; the same seed gives the same weights.
    """
    make = _Layers(chosen, seed)
    features = keras.Input((inputs.n_features,), name="features")
    noise = [make.noise()] if chosen.input_noise > 0 else []
    hidden = [make.hidden(i) for i in range(len(chosen.widths))]
    logits = make.logits(inputs.n_outputs)
    if not inputs.embeddings and not chosen.skip:
        return keras.Sequential([features, *noise, *chain(*hidden), logits], name="network")
    fed: Any = features
    outputs = _through(noise, features)
    if inputs.embeddings:
        codes = keras.Input((len(inputs.embeddings),), dtype="int32", name="codes")
        fed = {"features": features, "codes": codes}
        tables = [make.table(j, each) for j, each in enumerate(inputs.embeddings)]
        vectors = [table(codes[:, j]) for j, table in enumerate(tables)]
        outputs = keras.layers.Concatenate(name="joined")([outputs, *vectors])
    for i, layers in enumerate(hidden):
        before, outputs = outputs, _through(layers, outputs)
        if chosen.skip and i > 0:
            outputs = make.around(i, before, outputs)
    return keras.Model(fed, logits(outputs), name="network")


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
        make = _Layers(chosen, seed)
        for layer in model.layers:
            _start_again(layer, make.settings(layer.name), seed)
        return model


def _shape(chosen: Hyperparameters) -> Hyperparameters:
    """Return the hyperparameters without what can be changed in a built model, or is not in it."""
    built = Hyperparameters(
        widths=chosen.widths,
        activation=chosen.activation,
        normalization=chosen.normalization,
        dropout=float(chosen.dropout > 0),  # a Dropout made with rate 0 has no generator
        l1=0.0,
        l2=0.0,
        learning_rate=1.0,
        batch_size=1,
    )
    return replace(
        built,
        input_noise=float(chosen.input_noise > 0),
        max_norm=float(chosen.max_norm > 0),
        skip=chosen.skip,
        stochastic_depth=float(chosen.stochastic_depth > 0),
    )


def _through(layers: Sequence[keras.Layer], outputs: Any) -> Any:
    for layer in layers:
        outputs = layer(outputs)
    return outputs


def _start_again(layer: keras.Layer, settings: dict[str, Any], seed: int) -> None:
    """Give a layer the settings of another trial, and draw its weights anew."""
    for name, value in settings.items():
        if name.endswith("_initializer"):
            variable = getattr(layer, name.removesuffix("_initializer"))
            variable.assign(value(variable.shape))
            setattr(layer, name, value)
        elif name.endswith("_regularizer"):
            regularizer = getattr(layer, name)
            regularizer.l1, regularizer.l2 = value.l1, value.l2
        elif name.endswith("_constraint"):
            if value is not None:
                getattr(layer, name).max_value = value.max_value
        else:  # a rate, or the seed of a layer that has one
            setattr(layer, name, value)
    if getattr(layer, "seed_generator", None) is not None:
        layer.seed_generator.state.assign([seed, 0])


class _Layers:
    """Makes the layers of a network, by name."""

    def __init__(self, chosen: Hyperparameters, seed: int) -> None:
        self._chosen = chosen
        self._seed = seed
        self._depth = len(chosen.widths)

    def settings(self, name: str) -> dict[str, Any]:
        """Return what of a layer may change between trials of one architecture."""
        kind, _, number = name.rpartition("_")
        chosen, seed = self._chosen, self._seed
        if kind == "dense":
            hidden = self._kernel(int(number), he=chosen.activation != "tanh")
            bound = keras.constraints.MaxNorm(chosen.max_norm) if chosen.max_norm > 0 else None
            return {**hidden, "kernel_constraint": bound}
        if kind == "shortcut":
            return self._kernel(_SHORTCUTS + int(number), he=False)
        if name in ("logit", "logits"):
            return self._kernel(self._depth, he=False)
        if kind == "embedding":
            after = self._depth + 1  # the kernels' seeds
            draw = keras.initializers.RandomUniform(seed=seed + after + int(number))
            return {"embeddings_initializer": draw, "embeddings_regularizer": self._penalty()}
        if kind == "dropout":
            return {"rate": self._rate(int(number)), "seed": seed}
        if kind == "depth":
            return {"rate": chosen.stochastic_depth * int(number) / (self._depth - 1), "seed": seed}
        if name == "noise":
            return {"stddev": chosen.input_noise, "seed": seed}
        return {}

    def noise(self) -> keras.Layer:
        return keras.layers.GaussianNoise(**self.settings("noise"), name="noise")

    def hidden(self, i: int) -> list[keras.Layer]:
        """Return the i-th hidden layer, in its parts."""
        chosen = self._chosen
        # Batch normalisation has a bias, and cancels this one.
        dense = self._dense(f"dense_{i}", chosen.widths[i], bias=chosen.normalization != "batch")
        parts = [dense]
        if chosen.normalization == "batch":
            parts.append(keras.layers.BatchNormalization(name=f"normalization_{i}"))
        elif chosen.normalization == "layer":
            parts.append(keras.layers.LayerNormalization(name=f"normalization_{i}"))
        parts.append(keras.layers.Activation(chosen.activation, name=f"activation_{i}"))
        name = f"dropout_{i}"
        parts.append(keras.layers.Dropout(**self.settings(name), name=name))
        return parts

    def around(self, i: int, before: Any, outputs: Any) -> Any:
        """Return the outputs of the i-th hidden layer with a skip connection around it."""
        if self._chosen.stochastic_depth > 0:
            name = f"depth_{i}"
            drop = keras.layers.Dropout(**self.settings(name), noise_shape=(None, 1), name=name)
            outputs = drop(outputs)
        if before.shape[-1] != outputs.shape[-1]:
            before = self._dense(f"shortcut_{i}", outputs.shape[-1], bias=False)(before)
        return keras.layers.Add(name=f"sum_{i}")([before, outputs])

    def logits(self, n: int) -> keras.Layer:
        return self._dense("logit" if n == 1 else "logits", n, bias=True)

    def table(self, j: int, embedding: Embedding) -> keras.Layer:
        """Return the table of vectors of the j-th column of codes."""
        name = f"embedding_{j}"
        return keras.layers.Embedding(
            embedding.n_codes, embedding.dimension, **self.settings(name), name=name
        )

    def _dense(self, name: str, width: int, *, bias: bool) -> keras.Layer:
        return keras.layers.Dense(width, use_bias=bias, **self.settings(name), name=name)

    def _rate(self, i: int) -> float:
        """Return the dropout rate after the i-th hidden layer."""
        chosen, n = self._chosen, self._depth
        if chosen.dropout_shape == "increasing":
            return chosen.dropout * (i + 1) / n
        if chosen.dropout_shape == "decreasing":
            return chosen.dropout * (n - i) / n
        return chosen.dropout

    def _kernel(self, i: int, *, he: bool) -> dict[str, Any]:
        """Return how a kernel starts, with the i-th seed, and is penalised."""
        draw = keras.initializers.HeUniform if he else keras.initializers.GlorotUniform
        start = draw(seed=self._seed + i)
        return {"kernel_initializer": start, "kernel_regularizer": self._penalty()}

    def _penalty(self) -> keras.Regularizer:
        return keras.regularizers.L1L2(l1=self._chosen.l1, l2=self._chosen.l2)
