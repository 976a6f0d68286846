"""Columns that say something about rows, not about the target: weight, group and time.

Only rows that have a target are read; each function returns None where no column has the role.
"""

import numpy as np
import numpy.typing as npt

from objectives.errors import DataError
from objectives.table.dates import best_order
from objectives.table.gathering import Gathered
from objectives.table.naming import quoted

Kept = npt.NDArray[np.bool_]  # (n_rows,) whether a row has a target; n_kept of them have


def read_weights(column: Gathered | None, kept: Kept) -> npt.NDArray[np.float32] | None:
    """Return how much each row counts, (n_kept,) float32.

    Raises:
        DataError: a weight is missing, not above 0, or too large.
    """
    if column is None:
        return None
    assert column.numbers is not None
    with np.errstate(over="ignore"):
        weights = column.numbers[kept].astype(np.float32)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(wrong) > 0:
        row = int(np.flatnonzero(kept)[wrong[0]])
        got = column.numbers[row]
        raise DataError(
            f"weight {quoted(column.name)} must be a number above 0 in every row; got "
            f"{'an empty cell' if np.isnan(got) else f'{got:.6g}'} in row {row + 1}. "
            "Correct that cell or leave --weight out."
        )
    return weights


def read_groups(column: Gathered | None, kept: Kept) -> npt.NDArray[np.int64] | None:
    """Return the group of each row, (n_kept,) int64; a row without one is a group of its own.

    Raises:
        DataError: every cell is empty.
    """
    if column is None:
        return None
    if column.codes is None or not (column.codes >= 0).any():
        raise DataError(
            f"group {quoted(column.name)} must say which rows belong together; every cell "
            "is empty. Leave --group out."
        )
    groups = column.codes[kept].astype(np.int64)
    alone = groups < 0
    groups[alone] = len(column.levels) + np.arange(np.count_nonzero(alone))
    return groups


def read_times(column: Gathered | None, kept: Kept) -> npt.NDArray[np.float64] | None:
    """Return the time of each row, (n_kept,) float64: days since 1970-01-01, or the numbers.

    Raises:
        DataError: neither dates nor numbers, or a cell without.
    """
    if column is None:
        return None
    times = column.days[best_order(column.days)] if column.days else column.numbers
    if times is None:
        raise DataError(
            f"time {quoted(column.name)} must hold dates, such as 2024-01-31, or numbers; it holds "
            f"{'nothing' if column.form == 'empty' else 'other text'}. Leave --time out, or "
            "write the dates as numbers."
        )
    wrong = np.flatnonzero(~np.isfinite(times[kept]))
    if len(wrong) > 0:
        raise DataError(
            f"time {quoted(column.name)} must be known in every row; got {len(wrong)} without, the "
            f"first in row {int(np.flatnonzero(kept)[wrong[0]]) + 1}. Fill those cells or drop "
            "those rows."
        )
    return times[kept]


def time_order(column: Gathered) -> str | None:
    """Return how the dates of the time column are written, `schema.Column.order`; numbers: None."""
    return best_order(column.days) if column.days else None
