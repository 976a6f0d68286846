"""The stock Keras layers that a network is made of.

Symbols: B rows of a batch, k numeric features, f frequencies, M members, d numbers that a numeric
feature becomes.
"""

import math
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import ops

from objectives.features.quantiles import END as QUANTILE_END
from objectives.hyperparameters import FREQUENCIES, PIECES, Embedding, Hyperparameters

HEADS = "heads"  # the layer that gives each member's logits
# Quantile scaling makes normal scores of any feature (objectives/features/quantiles.py): pieces of
# their range with as many rows each are pieces of the feature's own.
_NORMAL = NormalDist()
_EDGES = [
    -QUANTILE_END,
    *(_NORMAL.inv_cdf(i / PIECES) for i in range(1, PIECES)),
    QUANTILE_END,
]

# Where seeds of what is not in every network begin: beyond those of all kernels and tables.
_SHORTCUTS, _FREQUENCIES, _NUMBERS, _MEMBERS = 10_000, 20_000, 20_001, 20_002


class Layers:
    """Makes the layers of a network, each by its name: how it starts depends on nothing else.

    Args:
        chosen: the hyperparameters.
        seed: of the initial weights and of layers that draw.
    """

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
        if name == "frequencies":
            spread = keras.initializers.RandomNormal(
                stddev=chosen.frequency_scale, seed=seed + _FREQUENCIES
            )
            return {"kernel_initializer": spread}
        if name == "numbers":
            parts = 2 * FREQUENCIES if chosen.numeric_embedding == "periodic" else PIECES
            return self._within(math.sqrt(6 / parts), _NUMBERS)  # He's, of each feature's own
        if name == HEADS:
            return self._within(math.sqrt(3 / chosen.widths[-1]), self._depth)
        if name == "members":
            spread = keras.initializers.RandomNormal(stddev=1.0, seed=seed + _MEMBERS)
            return {"kernel_initializer": spread}
        return {}

    def noise(self) -> keras.Layer:
        """Return what adds noise to the features."""
        return keras.layers.GaussianNoise(**self.settings("noise"), name="noise")

    def numbers(self, features: Any, n_numeric: int) -> Any:
        """Return the features with each of the first ones, the numeric, become `embedding_size`.

        Periodic: sine and cosine at frequencies that are learnt; piecewise linear: how far the
        number has come in each piece of its range; then a linear layer of each feature's own, and
        ReLU (Gorishniy et al. 2022, arXiv:2203.05556, eq. 2 and 1).
        """
        chosen, k = self._chosen, n_numeric
        x, others = features[:, :k], features[:, k:]
        if chosen.numeric_embedding == "periodic":
            # Einsum layers with the feature's axis in the kernel: one small layer a feature.
            angles = keras.layers.EinsumDense(
                "bk,kf->bkf",
                (k, FREQUENCIES),
                **self.settings("frequencies"),
                name="frequencies",
            )(x)
            angles = ops.multiply(angles, 2 * np.pi)
            parts = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        else:
            edges = np.array(_EDGES, np.float32)
            come = ops.divide(ops.subtract(x[:, :, None], edges[:-1]), np.diff(edges))
            parts = ops.clip(come, 0.0, 1.0)
        linear = keras.layers.EinsumDense(
            "bkp,kpd->bkd",
            (k, chosen.embedding_size),
            bias_axes="kd",
            activation="relu",
            **self.settings("numbers"),
            name="numbers",
        )
        flat = keras.layers.Reshape((k * chosen.embedding_size,), name="flat")(linear(parts))
        return keras.layers.Concatenate(name="numbers_and_others")([flat, others])

    def members(self, inputs: Any) -> Any:
        """Return each row once a member, scaled by the member's own vector. (B, M, width).

        The only thing that tells members apart but for their last layers (TabM's smallest form,
        Gorishniy et al. 2025, arXiv:2410.24210, sec. 3.3).
        """
        return keras.layers.EinsumDense(
            "bw,mw->bmw",
            (self._chosen.members, inputs.shape[-1]),
            **self.settings("members"),
            name="members",
        )(inputs)

    def heads(self, hidden: Any, n: int) -> Any:
        """Return the logits of each member by a last layer of its own. (B, M, n)."""
        return keras.layers.EinsumDense(
            "bmw,mwn->bmn",
            (self._chosen.members, n),
            bias_axes="mn",
            **self.settings("heads"),
            name=HEADS,
        )(hidden)

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
            alike = (None,) + (1,) * (len(outputs.shape) - 1)
            drop = keras.layers.Dropout(**self.settings(name), noise_shape=alike, name=name)
            outputs = drop(outputs)
        if before.shape[-1] != outputs.shape[-1]:
            before = self._dense(f"shortcut_{i}", outputs.shape[-1], bias=False)(before)
        return keras.layers.Add(name=f"sum_{i}")([before, outputs])

    def logits(self, n: int) -> keras.Layer:
        """Return the last layer."""
        return self._dense("logit" if n == 1 else "logits", n, bias=True)

    def table(self, j: int, embedding: Embedding) -> keras.Layer:
        """Return the table of vectors of the j-th column of codes."""
        name = f"embedding_{j}"
        length = embedding.length(self._chosen.level_size)
        return keras.layers.Embedding(embedding.n_codes, length, **self.settings(name), name=name)

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

    def _within(self, limit: float, i: int) -> dict[str, Any]:
        """Return what `_kernel` does, for many small kernels in one variable."""
        start = keras.initializers.RandomUniform(-limit, limit, seed=self._seed + i)
        return {"kernel_initializer": start, "kernel_regularizer": self._penalty()}

    def _penalty(self) -> keras.Regularizer:
        return keras.regularizers.L1L2(l1=self._chosen.l1, l2=self._chosen.l2)
