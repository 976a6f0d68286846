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
import numpy as np
from keras import ops

from objectives.hyperparameters import Hyperparameters, Inputs
from objectives.layers import Layers


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

    Numbers may become several each (`Layers.numbers`), and the network may be several in one
    (`Layers.members`), whose mean probability is what the logits say.

    Args:
        inputs: what the network is fed, and its number of logits.
        chosen: the hyperparameters.
        seed: of the initial weights; the same seed gives the same weights.
    """
    make = Layers(chosen, seed)
    features = keras.Input((inputs.n_features,), name="features")
    noise = [make.noise()] if chosen.input_noise > 0 else []
    hidden = [make.hidden(i) for i in range(len(chosen.widths))]
    embeds = chosen.numeric_embedding != "none" and inputs.n_numeric > 0
    if not (inputs.embeddings or chosen.skip or embeds or chosen.members > 1):
        logits = make.logits(inputs.n_outputs)
        return keras.Sequential([features, *noise, *chain(*hidden), logits], name="network")
    fed: Any = features
    outputs = _through(noise, features)
    if embeds:
        outputs = make.numbers(outputs, inputs.n_numeric)
    if inputs.embeddings:
        codes = keras.Input((len(inputs.embeddings),), dtype="int32", name="codes")
        fed = {"features": features, "codes": codes}
        tables = [make.table(j, each) for j, each in enumerate(inputs.embeddings)]
        vectors = [table(codes[:, j]) for j, table in enumerate(tables)]
        outputs = keras.layers.Concatenate(name="joined")([outputs, *vectors])
    if chosen.members > 1:
        outputs = make.members(outputs)
    for i, layers in enumerate(hidden):
        before, outputs = outputs, _through(layers, outputs)
        if chosen.skip and i > 0:
            outputs = make.around(i, before, outputs)
    if chosen.members > 1:
        logits = _mean(make.heads(outputs, inputs.n_outputs))
    else:
        logits = make.logits(inputs.n_outputs)(outputs)
    return keras.Model(fed, logits, name="network")


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
        make = Layers(chosen, seed)
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
        numeric_embedding=chosen.numeric_embedding,
        embedding_size=chosen.embedding_size,
        level_size=chosen.level_size,
        members=chosen.members,
    )


def _mean(logits: Any) -> Any:
    """Return the logits of the members' mean probabilities. (batch, M, n) -> (batch, n)."""
    n_members = logits.shape[1]
    if logits.shape[2] > 1:
        found = ops.logsumexp(ops.log_softmax(logits, axis=-1), axis=1)
        return ops.subtract(found, np.log(np.float32(n_members)))
    true, false = (ops.logsumexp(ops.log_sigmoid(z), axis=1) for z in (logits, -logits))
    return ops.subtract(true, false)


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
