"""The numbers that change between trials of one program, as variables that its graph reads.

They are read off a stock model and a stock optimizer, where a person would have written them:
penalties and constraints of variables, rates of layers, decay and clipping of the optimizer.
`architecture.py` says which trials share a program.

Symbols: P variables that are penalised, M variables whose norms are bounded.
"""

from typing import Any

import keras
import tensorflow as tf

from objectives.architecture import (
    ELEMENTWISE,
    VariableDropout,
    VariableNoise,
    max_norms,
    penalties,
)


class Strengths:
    """What a program reads in place of constants.

    Args:
        stock: the stock model.
        copy: its `trainable_copy`, which has no penalties and constraints of its own left.
        optimizer: an unbuilt stock optimizer, which decays and clips by these variables from here
            on.
    """

    def __init__(self, stock: keras.Model, copy: keras.Model, optimizer: keras.Optimizer) -> None:
        left = penalties(copy)  # what the model itself still adds to its losses
        self._layers = _adjustable(copy)
        self._penalized = [
            i for i, p in enumerate(penalties(stock)) if p is not None and left[i] is None
        ]
        self._l1 = tf.Variable(tf.zeros(len(self._penalized)), trainable=False)
        self._l2 = tf.Variable(tf.zeros(len(self._penalized)), trainable=False)
        bounds = zip(max_norms(stock), copy.trainable_variables, strict=True)
        self._bounded = [
            i for i, (bound, v) in enumerate(bounds) if bound is not None and v.constraint is None
        ]
        self._axes = [bound[1] for bound in max_norms(stock) if bound is not None]
        self._bounds = tf.Variable(tf.zeros(len(self._bounded)), trainable=False)
        self._clip = self._decay = None
        if type(optimizer).__name__ in ELEMENTWISE:
            if optimizer.global_clipnorm is not None:
                self._clip = tf.Variable(optimizer.global_clipnorm, trainable=False)
                optimizer.global_clipnorm = None
            if optimizer.weight_decay is not None:
                self._decay = tf.Variable(optimizer.weight_decay, trainable=False)
                optimizer.weight_decay = self._decay

    def take(self, model: keras.Model, optimizer: keras.Optimizer | None) -> None:
        """Take a trial's numbers.

        Args:
            model: a stock model of the program's architecture.
            optimizer: an unbuilt stock optimizer like the program's; None for the numbers there
                are.
        """
        wanted = penalties(model)
        strengths = [wanted[i] or (0.0, 0.0) for i in self._penalized]
        self._l1.assign([l1 for l1, _ in strengths])
        self._l2.assign([l2 for _, l2 in strengths])
        self._bounds.assign([bound[0] for bound in max_norms(model) if bound is not None])
        for own, stock in zip(self._layers, model._flatten_layers(), strict=True):
            if own is not None:
                own.take(stock)
        if optimizer is not None:
            if self._clip is not None:
                self._clip.assign(optimizer.global_clipnorm)
            if self._decay is not None:
                self._decay.assign(optimizer.weight_decay)

    def penalties_gradient(self, i: int, weight: tf.Tensor) -> tf.Tensor | None:
        """Return d/dw (l1 |w| + l2 w^2) by Keras's own subgradient; None where nothing is added.

        Args:
            i: place of the variable among the trainable ones.
            weight: its value.
        """
        if i not in self._penalized:
            return None
        k = self._penalized.index(i)
        return self._l1[k] * tf.sign(weight) + 2 * self._l2[k] * weight

    def clipped(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return the gradients with their global norm clipped, as Keras clips it."""
        if self._clip is None:
            return gradients
        norm = tf.linalg.global_norm(gradients)
        scale = self._clip * tf.minimum(1 / norm, 1 / self._clip)
        return [scale * gradient for gradient in gradients]

    @property
    def bounding(self) -> bool:
        """Whether any norm is bounded."""
        return bool(self._bounded)

    def bounded(self, weights: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return all weights, those that are bounded scaled down as `MaxNorm` does it."""
        weights = list(weights)
        for k, i in enumerate(self._bounded):
            w = weights[i]
            norms = tf.sqrt(tf.reduce_sum(tf.square(w), self._axes[k], keepdims=True))
            desired = tf.clip_by_value(norms, 0, self._bounds[k])
            weights[i] = w * (desired / (keras.config.epsilon() + norms))
        return weights


def _adjustable(copy: keras.Model) -> list[Any]:
    """Return each layer that reads its rate from a variable, None in place of the others."""
    kinds = (VariableDropout, VariableNoise)
    return [layer if isinstance(layer, kinds) else None for layer in copy._flatten_layers()]
