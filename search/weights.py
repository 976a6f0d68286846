"""A trial's trained weights as a file: written by the trial, read by the export."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS_FILE = "weights.npz"


def pack(folds: Sequence[Sequence[NDArray[Any]]]) -> bytes:
    """Return each fold's arrays, in the order of `Model.get_weights`, as the bytes of an .npz."""
    file = io.BytesIO()
    named = {f"{k}_{i}": array for k, fold in enumerate(folds) for i, array in enumerate(fold)}
    np.savez(file, allow_pickle=False, **named)
    return file.getvalue()


def unpack(file: Path) -> list[list[NDArray[Any]]]:
    """Return the arrays that `pack` wrote, by fold, in their order."""
    folds: list[list[NDArray[Any]]] = []
    with np.load(file, allow_pickle=False) as stored:
        for name in stored.files:  # in the order of writing
            fold, _, i = name.partition("_")
            if i == "0":
                folds.append([])
            folds[int(fold)].append(stored[name])
    return folds
