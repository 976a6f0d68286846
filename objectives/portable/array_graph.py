"""Arrays to class probabilities, as one Keras model: the networks, and the mean of what they say.

    n   rows      K   classes

Nothing stands before the networks, since arrays are fed as they are. `export` writes the model.
"""

from collections.abc import Sequence
from typing import Any

import keras

from objectives.portable.graph import class_probabilities, weighted_mean
from objectives.table.npz import X


def array_model(
    networks: Sequence[keras.Model], weights: Sequence[float], shape: tuple[int, ...]
) -> keras.Model:
    """Return a model from arrays `x` (n, *shape) float32 to probabilities (n, K) float32.

    Args:
        networks: at least one; one may stand for itself, several are averaged.
        weights: what each counts in the mean, summing to 1.
        shape: of a row.
    """
    x = keras.Input(shape, name=X)
    answers = [_answer(network, i, x, shape) for i, network in enumerate(networks)]
    return keras.Model(x, weighted_mean(answers, weights))


def _answer(network: keras.Model, number: int, x: Any, shape: tuple[int, ...]) -> Any:
    # Every network has the same name: in a model of its own it may keep it.
    own = keras.Input(shape)
    return class_probabilities(keras.Model(own, network(own), name=f"fold_{number}")(x))
