"""Categorical columns: few levels one-hot, many levels as a code into a table of vectors.

    L   levels with a place of their own, the most frequent first; "" is missing

A level that is rare in training or unseen in it has no place of its own: it shares one. Levels are
compared as text, as `columns.categorical` writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.table.columns import categorical

# A level is rare below this many training rows: one row in twenty on tiny tables, five on others.
# A weight learnt from fewer rows memorises those rows.
RARE_BELOW = 5
# With more levels than this a column is embedded: a thousand one-hot columns learn slower.
MAX_LEVELS = 40
# Levels of an embedded column that get a vector of their own.
MAX_EMBEDDED = 10_000
MAX_DIMENSION = 32


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn:
    """A categorical column, one-hot: `levels` (most frequent first; "" is missing) and the rest.

    With `has_other` a first slot stands for every level that is not listed. Without it, training
    met no such level, the slot's weights would stay as initialised, and an unseen level is all
    zeros instead.
    """

    name: str
    levels: tuple[str, ...]
    has_other: bool

    @property
    def width(self) -> int:
        """Number of features this column gives."""
        return len(self.levels) + self.has_other


@dataclass(frozen=True, kw_only=True)
class EmbeddedColumn:
    """A categorical column of many levels: level i has code i + 1, every other one has code 0."""

    name: str
    levels: tuple[str, ...]  # most frequent first; "" is missing
    dimension: int  # length of a level's vector


def fit_levels(name: str, column: pd.Series) -> CategoricalColumn | EmbeddedColumn | str:
    """Fit a column on its training cells, of dtype category, or say why it is of no use."""
    levels = ["", *(str(level) for level in column.cat.categories)]
    counts = np.bincount(column.cat.codes.to_numpy(np.int64) + 1, minlength=len(levels))
    seen = int(np.count_nonzero(counts))
    if seen == 1:
        return "the same in every training row"
    rare_below = min(RARE_BELOW, max(2, len(column) // 20))
    order = sorted(np.flatnonzero(counts >= rare_below), key=lambda i: (-counts[i], levels[i]))
    kept = tuple(levels[i] for i in order[:MAX_EMBEDDED])
    if not kept:
        return f"{seen} different texts and none in {rare_below} or more training rows"
    if len(kept) > MAX_LEVELS:
        dimension = min(MAX_DIMENSION, round(2 * len(kept) ** 0.25))
        return EmbeddedColumn(name=name, levels=kept, dimension=dimension)
    return CategoricalColumn(name=name, levels=kept, has_other=len(kept) < seen)


def level_places(levels: Sequence[str], series: pd.Series, unlisted: int) -> npt.NDArray[np.int64]:
    """Return the place of each cell's level in `levels`, from 0, or `unlisted`; raw or typed."""
    places = {level: i for i, level in enumerate(levels)}
    typed = categorical(series)
    found = [places.get(str(level), unlisted) for level in typed.cat.categories]
    found.append(places.get("", unlisted))  # code -1: missing
    return np.array(found, dtype=np.int64)[typed.cat.codes.to_numpy()]
