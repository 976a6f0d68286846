"""A trained network's weights as a file: written by the trial, read by the export."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS_FILE = "weights.npz"


def pack(weights: Sequence[NDArray[Any]]) -> bytes:
    """Return the arrays, in the order of `Model.get_weights`, as the bytes of an .npz file."""
    file = io.BytesIO()
    np.savez(file, *weights)
    return file.getvalue()


def unpack(file: Path) -> list[NDArray[Any]]:
    """Return the arrays that `pack` wrote, in their order."""
    with np.load(file, allow_pickle=False) as stored:
        return [stored[f"arr_{i}"] for i in range(len(stored.files))]
