"""Dates on their way into an exported model, which reads them from text alone."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from objectives.features.periods import cell_days
from objectives.table.cells import texts, without_blanks
from objectives.table.dates import DATE_BLANKS

_DAY = 86_400_000_000  # microseconds


def date_texts(series: pd.Series, order: str) -> tuple[npt.NDArray[np.object_], list[str]]:
    """Return what the model is given, (n,) text, and the cells that are neither date nor blank.

    Text goes in as it is. A column of dates, as Parquet has it, is written in the order of year,
    month and day that the model expects, to the microsecond.
    """
    days = cell_days(series, order)
    if series.dtype.kind == "M" or pd.api.types.is_float_dtype(series.dtype):
        return _written(days, order), []
    cells = texts(series)
    filled = pc.is_valid(without_blanks(cells, DATE_BLANKS)).to_numpy(zero_copy_only=False)
    unread = np.flatnonzero(filled & np.isnan(days))
    written = pc.fill_null(cells, "").to_numpy(zero_copy_only=False).astype(object)
    return written, [str(written[row]) for row in unread]


def _written(days: npt.NDArray[np.float64], order: str) -> npt.NDArray[np.object_]:
    missing = np.isnan(days)
    moments = np.round(np.where(missing, 0, days) * _DAY).astype("datetime64[us]")
    iso = np.datetime_as_string(moments, unit="us").astype(object)  # 2020-01-02T03:04:05.000006
    places = {"Y": slice(0, 4), "M": slice(5, 7), "D": slice(8, 10)}
    found = ["-".join(text[places[letter]] for letter in order) + text[10:] for text in iso]
    return np.where(missing, "", np.array(found, dtype=object).reshape(len(days)))
