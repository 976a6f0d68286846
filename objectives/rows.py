"""The rows an epoch walks over, as tensors. Next: `engine.py` compiles the epoch.

Symbols: n training rows, m validation rows.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What an epoch walks over, on the device. Feature structures must match the model's inputs."""

    x: Any  # (n, ...) tensor, or a structure of them, such as {"features": ..., "codes": ...}
    y: tf.Tensor  # (n,) float32 labels: 0 or 1, or a class in [0, K)
    w: tf.Tensor  # (n,) float32 weights of the rows in the loss
    x_validation: Any  # (m, ...)

    @property
    def signature(self) -> Hashable:
        """What a program compiled for these rows takes for granted."""
        features = (self.x, self.x_validation)
        return str(tf.nest.map_structure(lambda p: (tuple(p.shape[1:]), p.dtype.name), features))


def place(
    x: Any, y: NDArray[Any], x_validation: Any, w: NDArray[np.floating[Any]] | None = None
) -> Rows:
    """Return the arrays as tensors; without `w` every row weighs 1.

    Features that are mapped from a file stay mapped, so that workers share one copy of them.

    Args:
        x: (n, ...) array, or a structure of them.
        y: (n,) labels, 0 or 1 or a class in [0, K), as integers or floats.
        x_validation: (m, ...) of the structure of `x`.
        w: (n,) weights of the rows in the loss, >= 0.
    """
    return Rows(
        x=tf.nest.map_structure(_tensor, x),
        y=tf.constant(y, tf.float32),
        w=tf.ones(len(y)) if w is None else tf.constant(w, tf.float32),
        x_validation=tf.nest.map_structure(_tensor, x_validation),
    )


def _tensor(array: NDArray[Any]) -> tf.Tensor:
    """Return the array as a tensor on the same memory where that can be, else on a copy.

    `tf.constant` copies a mapped array twice on its way; DLPack hands it over as it lies, but wants
    it writable, contiguous and aligned as TensorFlow's kernels do.
    """
    flags = array.flags
    if flags.writeable and flags.c_contiguous and array.ctypes.data % 64 == 0:
        return tf.experimental.dlpack.from_dlpack(np.asarray(array).__dlpack__())
    return tf.constant(array)
