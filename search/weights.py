"""A trial's trained weights as a file, with what they said of the validation rows.

Written by the trial, read by the export, by ensembles and by the answer. A file of an older release
has the weights only.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS_FILE = "weights.npz"

_LOGITS = "logits"  # and the fold's number; a weight is called by two numbers


def pack(
    folds: Sequence[Sequence[NDArray[Any]]], logits: Sequence[NDArray[np.float32]] = ()
) -> bytes:
    """Return each fold's arrays, in the order of `Model.get_weights`, as the bytes of an .npz.

    Args:
        folds: the weights of each fold.
        logits: of each fold, (m_k,) or (m_k, K), of its validation rows at the best epoch.
    """
    file = io.BytesIO()
    named = {f"{k}_{i}": array for k, fold in enumerate(folds) for i, array in enumerate(fold)}
    named |= {f"{_LOGITS}_{k}": array for k, array in enumerate(logits)}
    np.savez(file, allow_pickle=False, **named)
    return file.getvalue()


def unpack(file: Path) -> list[list[NDArray[Any]]]:
    """Return the weights that `pack` wrote, by fold, in their order."""
    folds: list[list[NDArray[Any]]] = []
    with np.load(file, allow_pickle=False) as stored:
        for name in stored.files:  # in the order of writing
            fold, _, i = name.partition("_")
            if fold == _LOGITS:
                continue
            if i == "0":
                folds.append([])
            folds[int(fold)].append(stored[name])
    return folds


def unpack_logits(file: Path) -> list[NDArray[np.float32]]:
    """Return the logits that `pack` wrote, by fold; none from a file of an older release."""
    with np.load(file, allow_pickle=False) as stored:
        n_folds = sum(name.startswith(f"{_LOGITS}_") for name in stored.files)
        return [stored[f"{_LOGITS}_{k}"] for k in range(n_folds)]
