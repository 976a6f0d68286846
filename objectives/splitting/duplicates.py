"""Rows that are copies of each other, and so must not lie on two sides of a split.

A row that is in the training rows and again in the test rows is no test: the network may have
learnt it by heart. So rows equal in every used column are kept together, and so are, with --group,
the rows of a group; a copy in another group binds the two groups.

Not every equality is a copy. In a table of three columns of yes and no, thousands of people share
each of the eight rows, and eight sets of rows are too few to split. A set of equal rows is ordinary
when chance alone would make such rows meet:

    n   rows          p_j   share of the rows with the set's value in column j
    m   rows in the set     n * product over j of p_j  >=  1, the expected number of such rows

Next: `split` keeps together what is marked here.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

Codes = npt.NDArray[np.int64]

# Smaller sets are kept together whatever chance says: they harm no split.
MIN_ORDINARY = 5
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no column's bits are lost in the product


def equal_rows(frame: pd.DataFrame) -> Codes:
    """Return a number for each row of a typed frame, the same for rows equal in every column.

    Missing cells equal each other. Rows are compared by 64 bits of hash: among a million different
    rows, two are taken for equal once in some thirty million tables.

    Returns:
        (n_rows,) int64, 0 for the first row, every number up to the largest in use.
    """
    hashes = np.zeros(len(frame), dtype=np.uint64)
    for place in range(frame.shape[1]):
        hashes = hashes * _MIX + pd.util.hash_array(_cells(frame.iloc[:, place]))
    return pd.factorize(hashes)[0].astype(np.int64)


def rows_together(frame: pd.DataFrame, groups: Codes | None = None) -> Codes | None:
    """Return which rows must stay on one side of every split, or None where each may go alone.

    Args:
        frame: (n_rows, n_columns) the used columns, typed.
        groups: (n_rows,) the group of each row, where there are groups.

    Returns:
        (n_rows,) int64, the same number for rows that belong together.
    """
    copies = _copies(frame)
    if copies is None or groups is None:
        return copies if groups is None else groups
    return _joined(np.unique(groups, return_inverse=True)[1], copies)


def _copies(frame: pd.DataFrame) -> Codes | None:
    """Return a number for each row, the same for copies; None where there are no copies."""
    codes = equal_rows(frame)
    rows = np.bincount(codes)  # of each set
    if len(rows) == len(codes):
        return None
    large = np.flatnonzero(rows >= MIN_ORDINARY)
    ordinary = np.zeros(len(rows), dtype=bool)
    ordinary[large] = _expected(frame, codes, large) >= 1
    free = np.flatnonzero(ordinary[codes])
    codes[free] = len(rows) + np.arange(len(free))
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _expected(frame: pd.DataFrame, codes: Codes, sets: Codes) -> npt.NDArray[np.float64]:
    """Return how many rows with the cells of each of the sets chance alone would give."""
    first = np.unique(codes, return_index=True)[1][sets]
    expected = np.full(len(sets), float(len(frame)))
    for place in range(frame.shape[1]):
        if not (expected >= 1).any():  # as soon as two columns hold measured numbers
            break
        values = pd.factorize(_cells(frame.iloc[:, place]))[0]
        expected *= np.bincount(values)[values[first]] / len(frame)
    return expected


def _cells(column: pd.Series) -> npt.NDArray[np.generic]:
    """Return the cells as numbers that are equal bit for bit where the cells are equal."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(np.int64)
    cells = column.to_numpy(np.float64) + 0.0  # -0.0 becomes 0.0
    cells[np.isnan(cells)] = np.nan  # NaN has many bit patterns
    return cells.view(np.int64)


def _joined(a: Codes, b: Codes) -> Codes:
    """Return the parts into which rows fall when equal numbers in `a` or in `b` bind them."""
    n_a, n_b = int(a.max()) + 1, int(b.max()) + 1
    size = n_a + n_b
    bonds = coo_matrix((np.ones(len(a), dtype=np.int8), (a, n_a + b)), shape=(size, size))
    parts = connected_components(bonds, directed=False)[1]
    return np.asarray(parts, dtype=np.int64)[a]
