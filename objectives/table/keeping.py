"""A DataFrame as a file that reads as the DataFrame does, so that a search can do without it."""

from pathlib import Path

import pandas as pd

from objectives.table.cells import texts
from objectives.table.columns import categorical, is_plain_number, name_columns
from objectives.table.dates import is_datetime


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a Parquet file from which `dataset.read_table` reads what it reads from the frame.

    Cells of kinds that Parquet does not have, or that it would not give back alike, such as
    intervals, complex numbers and mixed ones, are written as the texts that they are read as.

    Raises:
        DataError: two columns have the same name.
        OSError: the file cannot be written.
    """
    named = name_columns(frame).reset_index(drop=True)
    columns = {name: _storable(named[name]) for name in named.columns}
    pd.DataFrame(columns, index=named.index).to_parquet(path, index=False)


def _storable(series: pd.Series) -> pd.Series:
    if isinstance(series.dtype, pd.SparseDtype):
        series = pd.Series(series.to_numpy(), index=series.index)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return categorical(series)
    if is_plain_number(series) or pd.api.types.is_bool_dtype(series.dtype) or is_datetime(series):
        return series
    return pd.Series(texts(series).to_pandas(), index=series.index)
