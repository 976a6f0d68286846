"""Folds of one study brought to one size, so that one compiled program serves them all.

Each fold's preprocessing is fitted on rows of its own, so folds may differ in features, in embedded
columns and in levels. What a fold lacks is zeros on the right: a feature that is always 0, a code
that always means an unlisted level. Next: `preparation`.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.features.preprocessing import Preprocessing
from objectives.hyperparameters import Embedding, Inputs

_NONE = Embedding(n_codes=0, dimension=0)


def shared_inputs(fitted: Sequence[Preprocessing], n_classes: int) -> Inputs:
    """Return what a network is fed that serves all folds: of each size, the largest."""
    tables = zip_longest(*(one.embeddings for one in fitted), fillvalue=_NONE)
    return Inputs(
        n_features=max(one.n_features for one in fitted),
        embeddings=tuple(
            Embedding(
                n_codes=max(table.n_codes for table in of_folds),
                dimension=max(table.dimension for table in of_folds),
            )
            for of_folds in tables
        ),
        n_outputs=1 if n_classes == 2 else n_classes,
        n_numeric=min(len(one.values) for one in fitted),
    )


def widen(block: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """Return (n, k) as (n, width), with zeros on the right."""
    return np.pad(block, ((0, 0), (0, width - block.shape[1])))
