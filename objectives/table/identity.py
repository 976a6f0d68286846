"""A hash of what a DataFrame holds, so that a resume can tell whether the data changed."""

import hashlib

import numpy as np
import pandas as pd

from objectives.table.columns import read_column


def hash_content(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a frame: names, kinds and cells, in order; not its index.

    Columns are hashed as `columns.read_column` types them.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        column = read_column(frame[name])
        digest.update(f"{len(name)}:{name}:{column.dtype.name}\n".encode("utf-8", "replace"))
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels = [str(level) for level in column.cat.categories]
            digest.update(np.array([len(level) for level in levels], dtype="<i8").tobytes())
            digest.update("".join(levels).encode())
            digest.update(column.cat.codes.to_numpy(dtype="<i8").tobytes())
        else:
            cells = column.to_numpy(dtype="<f8", copy=True)
            cells[np.isnan(cells)] = np.nan  # NaN has many bit patterns: keep one
            digest.update(cells.tobytes())
    return digest.hexdigest()
