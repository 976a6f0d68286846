"""What each column of a table is, from all of its rows and never from the target.

The kind is taken from all rows, as it would be from a database schema: no statistic of a validation
or test row passes on, and no part of the table can disagree about a kind.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.table.columns import sorted_categorical, text_dtype
from objectives.table.dates import best_order
from objectives.table.gathering import Gathered
from objectives.table.naming import quoted
from objectives.table.schema import Column
from objectives.table.unread import looks_like

# float64 of a numeric or datetime column; a Categorical of the others
Cells = npt.NDArray[np.float64] | pd.Categorical
Asked = Literal["categorical", "numeric"]

# Whole numbers are codes when they are this few, fill over half of their range, and repeat.
MAX_CODES = 20
MIN_ROWS_PER_CODE = 5
# Texts of which more than this share are different tell rows apart and nothing else.
IDENTIFIER_SHARE = 0.9
# Where cells are empty, being filled says something: half different is enough to keep just that.
FREE_TEXT_SHARE = 0.5
GAPS_SHARE = 0.01

LARGEST = float(np.finfo(np.float32).max)  # further out, a number is a gap (`scaling`)
_EMPTY = "every cell is empty"
FILLED = "filled"  # the one level of a text column


def infer(gathered: Gathered, asked: Asked | None = None) -> tuple[Column, Cells | None]:
    """Return the column's kind with the reason, and its cells typed for it; None when dropped.

    Args:
        gathered: the whole column.
        asked: the kind that a person gave it; only a column of empty cells is dropped then.
    """
    if gathered.numbers is not None:
        return _numbers(gathered, gathered.numbers, asked)
    if gathered.days:
        return _days(gathered)
    if gathered.codes is not None:
        return _levels(gathered, gathered.codes, asked)
    if gathered.filled is not None:
        column, cells = _free_text(gathered.name, gathered.filled, "nearly every text is different")
        return _with_remedy(column, gathered.levels), cells
    return _dropped(gathered.name, _EMPTY)


def _numbers(
    gathered: Gathered, x: npt.NDArray[np.float64], asked: Asked | None
) -> tuple[Column, Cells | None]:
    name = gathered.name
    present = x[~np.isnan(x)]
    finite = present[np.abs(present) <= LARGEST]
    if len(finite) == 0:
        return _no_number(name, present)
    low, high = float(finite.min()), float(finite.max())
    if asked == "numeric":
        return Column(name=name, kind="numeric", why="said to be numbers"), x
    if low == high and len(finite) == len(x):
        return _dropped(name, f"every cell is {low:.15g}")
    column = Column(name=name, kind="numeric", why=f"numbers from {low:.6g} to {high:.6g}")
    cells: Cells | None = x
    if len(finite) == len(present) and bool((present == np.floor(present)).all()):
        column, cells = _whole_numbers(gathered, x, present)
    if column.kind == "numeric" and np.float32(low) == np.float32(high) and len(finite) == len(x):
        why = f"numbers from {low:.15g} to {high:.15g}, which are one in single precision"
        remedy = "Subtract what they have in common, or divide them by a small number."
        return Column(name=name, kind="dropped", why=why, remedy=remedy), None
    return column, cells


def _no_number(name: str, present: npt.NDArray[np.float64]) -> tuple[Column, None]:
    if len(present) == 0:
        return _dropped(name, _EMPTY)
    if np.isinf(present).all():
        return _dropped(name, "no cell is a finite number")
    why = f"every number is beyond {LARGEST:.2g}, the largest in single precision"
    return Column(name=name, kind="dropped", why=why, remedy="Divide them by a large number."), None


def _whole_numbers(
    gathered: Gathered, x: npt.NDArray[np.float64], present: npt.NDArray[np.float64]
) -> tuple[Column, Cells | None]:
    name = gathered.name
    values = pd.unique(present)
    low, high = float(values.min()), float(values.max())
    if len(values) == len(x) and _number_rows(x, high - low + 1):
        return _dropped(name, "it numbers the rows")
    codes = 3 <= len(values) <= MAX_CODES and 2 * len(values) > high - low + 1
    if codes and gathered.whole_levels and len(present) >= MIN_ROWS_PER_CODE * len(values):
        why = f"whole numbers, {len(values)} different, taken for codes"
        return Column(name=name, kind="categorical", why=why), _as_codes(x)
    why = f"whole numbers from {low:.15g} to {high:.15g}, {len(values):,} different"
    if len(values) == 2:
        why = f"two numbers, {low:.15g} and {high:.15g}"
    return Column(name=name, kind="numeric", why=why), x


def _number_rows(x: npt.NDArray[np.float64], width: float) -> bool:
    """Tell whether numbers, all different, rise or fall with the rows, or count them."""
    steps = np.diff(x)
    return len(x) > 2 and bool((steps > 0).all() or (steps < 0).all() or width == len(x))


def _as_codes(x: npt.NDArray[np.float64]) -> pd.Categorical:
    values, inverse = np.unique(x, return_inverse=True)  # NaN, if any, is the last value
    texts = [str(int(value)) for value in values if not np.isnan(value)]
    codes = np.where(inverse < len(texts), inverse, -1)
    return sorted_categorical(codes.astype(np.int32), texts)


def _days(gathered: Gathered) -> tuple[Column, Cells | None]:
    order = best_order(gathered.days)
    x = gathered.days[order]
    present = x[~np.isnan(x)]
    if len(present) == 0:
        return _dropped(gathered.name, _EMPTY)
    if len(present) == len(x) and present.min() == present.max():
        return _dropped(gathered.name, "every cell is the same date")
    words = "dates with times of day" if (present != np.floor(present)).any() else "dates"
    said = {"YMD": "year first", "DMY": "day before month", "MDY": "month before day"}
    why = f"{words}, {said[order]}"
    if len(gathered.days) > 1:
        why += " (none of them shows which comes first)"
    return Column(name=gathered.name, kind="datetime", why=why, order=order), x


def _levels(
    gathered: Gathered, codes: npt.NDArray[np.int32], asked: Asked | None
) -> tuple[Column, Cells | None]:
    name, texts = gathered.name, gathered.levels
    filled = codes >= 0
    n_filled = int(np.count_nonzero(filled))
    if n_filled == 0:
        return _dropped(name, _EMPTY)
    if asked is None:
        if len(texts) == 1 and n_filled == len(codes):
            return _dropped(name, f"every cell is {quoted(texts[0])}")
        share = len(texts) / n_filled
        gaps = 1 - n_filled / len(codes) >= GAPS_SHARE
        if share > (FREE_TEXT_SHARE if gaps else IDENTIFIER_SHARE):
            words = f"{len(texts):,} different texts in {n_filled:,} cells"
            column, cells = _free_text(name, filled, words)
            return _with_remedy(column, texts), cells
    booleans = {text.casefold() for text in texts} <= {"true", "false"}
    why = "true or false" if booleans else f"text, {len(texts):,} different"
    column = Column(name=name, kind="categorical", why="said to be categories" if asked else why)
    column = column if asked else _with_remedy(column, texts)
    return column, sorted_categorical(codes, list(texts))


def _with_remedy(column: Column, texts: Sequence[str]) -> Column:
    look = looks_like(texts)
    if look is None:
        return column
    return replace(column, why=f"{column.why}, {look[0]}", remedy=look[1])


def _free_text(name: str, filled: npt.NDArray[np.bool_], words: str) -> tuple[Column, Cells | None]:
    if 1 - np.count_nonzero(filled) / len(filled) < GAPS_SHARE:
        return _dropped(name, f"{words}: names, identifiers or free text")
    why = f"{words}: only whether a cell is filled is used"
    cells = pd.Categorical.from_codes(
        np.where(filled, 0, -1).astype(np.int8), dtype=text_dtype([FILLED])
    )
    return Column(name=name, kind="text", why=why), cells


def _dropped(name: str, why: str) -> tuple[Column, None]:
    return Column(name=name, kind="dropped", why=why), None
