"""Averages of a network's weights over its training, which are scored and kept in their place.

What batch normalisation has gathered is averaged along with the weights.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from objectives.hyperparameters import FIRST_EPOCH, WINDOW


class Average:
    """The average of some variables, as variables.

    "exponential" follows them at every step, as a moving average that looks back WINDOW epochs, and
    less far at the beginning (Polyak and Juditsky 1992; Tarvainen and Valpola 2017,
    arXiv:1703.01780). "stochastic" is their mean at the ends of epochs from FIRST_EPOCH on, and
    themselves before (stochastic weight averaging, Izmailov et al. 2018, arXiv:1803.05407).

    Args:
        kind: "exponential" or "stochastic".
        followed: the variables.
    """

    def __init__(self, kind: str, followed: Sequence[Any]) -> None:
        self._kind = kind
        self._followed = followed
        self.variables = [tf.Variable(v.value, trainable=False) for v in followed]

    def follow(self, step: tf.Tensor, steps: tf.Tensor) -> None:
        """Follow one step of training. In the graph.

        Args:
            step: how many there were since the beginning.
            steps: of an epoch.
        """
        if self._kind == "exponential":
            begun, n = tf.cast(step, tf.float32), tf.cast(steps, tf.float32)
            self._move(1 - tf.minimum(1 - 1 / (WINDOW * n), (1 + begun) / (10 + begun)))

    def end_epoch(self, epoch: tf.Tensor) -> None:
        """Take in the end of an epoch, 1-based. In the graph."""
        if self._kind == "stochastic":
            taken = tf.cast(tf.maximum(epoch - FIRST_EPOCH, 0) + 1, tf.float32)
            self._move(1 / taken)

    def _move(self, share: tf.Tensor) -> None:
        for average, followed in zip(self.variables, self._followed, strict=True):
            average.assign_add(share * (followed.value - average))
