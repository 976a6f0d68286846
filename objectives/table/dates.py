"""Dates as days: one parser for the table that is trained on and for the rows to score.

A date is text of three numbers and perhaps a time of day:

    date   number, separator, number, separator, number
           a separator is one or two of "-", "/", ".", "_" and blank
    time   after "T" or blanks: hour:minute, hour:minute:second or hour:minute:second.fraction
    zone   "Z", "UTC", "+hh", "+hhmm" or "+hh:mm" (or "-"), ignored: the clock on the wall counts

`order` says which of the three numbers is the year, "YMD", "DMY" or "MDY". The year has four digits
(1 to 9999) or two (69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068); month and day have one or
two and must be in the calendar; hours are 0 to 23, minutes and seconds 0 to 59. Blanks around the
whole are ignored. Anything else is no date. Days are counted from 1970-01-01 00:00 in the Gregorian
calendar, the time of day as a fraction. `export` repeats this parser inside the model.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from objectives.table.cells import one_array, texts, without_blanks

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

# In the order of trust: where several serve every cell, the first is taken. A year of four digits
# leaves "YMD" alone or out, so its place matters for years of two.
ORDERS = ("DMY", "MDY", "YMD")
# The days of databases that have no word for none.
DATE_BLANKS = frozenset({"nat", "0000-00-00", "0000-00-00 00:00:00"})

_SEPARATOR = "[-/._ ]{1,2}"
_PATTERN = (
    rf"^\s*(?P<a>[0-9]{{1,4}}){_SEPARATOR}(?P<b>[0-9]{{1,2}}){_SEPARATOR}(?P<c>[0-9]{{1,4}})"
    r"(?:(?:[Tt]| +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})"
    r"(?::(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?)?"
    r"\s*(?:[Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*$"
)
_PARTS = ("a", "b", "c", "hour", "minute", "second", "fraction")
_MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)


def read_days(series: pd.Series, order: str) -> Float64:
    """Return dates as days since 1970-01-01 00:00, (n_rows,) float64.

    Args:
        series: text or datetime64; float64 is days already and passes through.
        order: "YMD", "DMY" or "MDY", see the module.

    Returns:
        NaN where missing, and where a cell cannot be read as a date.
    """
    if series.dtype == np.float64:
        return series.to_numpy()
    if is_datetime(series):
        return clock_days(series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        levels = read_days(pd.Series(series.cat.categories).astype(object), order)
        return np.append(levels, np.nan)[series.cat.codes.to_numpy()]
    return _days(_fields(texts(series)), order)


def is_datetime(series: pd.Series) -> bool:
    """Tell whether the dtype itself says dates, with a zone or without."""
    dtype = series.dtype
    return isinstance(dtype, pd.DatetimeTZDtype) or (
        isinstance(dtype, np.dtype) and dtype.kind == "M"
    )


def clock_days(series: pd.Series) -> Float64:
    """Return a datetime64 column, of any unit and zone, as days by its own clock; NaN missing."""
    moments = (
        series.dt.tz_localize(None) if isinstance(series.dtype, pd.DatetimeTZDtype) else series
    )
    whole = moments.to_numpy().astype("datetime64[D]")
    rest = (moments.to_numpy() - whole) / np.timedelta64(1, "D")
    days: Float64 = np.where(np.isnat(whole), np.nan, whole.astype(np.int64) + rest)
    return days


def possible_days(cells: Any) -> Mapping[str, Float64]:
    """Return the days of the cells, from `cells.texts`, by each order that reads every one.

    Missing cells and the usual words for none are NaN. Empty when some cell is no date at all.
    """
    cleaned = without_blanks(cells, DATE_BLANKS)
    fields = _fields(cleaned)
    if pc.any(pc.and_(pc.is_null(fields), pc.is_valid(cleaned))).as_py():
        return {}
    found = {order: _days(fields, order) for order in ORDERS}
    n_missing = cleaned.null_count
    return {o: days for o, days in found.items() if np.count_nonzero(np.isnan(days)) == n_missing}


def best_order(days: Mapping[str, Float64]) -> str:
    """Return the order to read dates in, of those by which every one can be read."""
    return next(order for order in ORDERS if order in days)


def _fields(cells: Any) -> Any:
    """Return an Arrow struct array of the parts as text, null where a cell is no date."""
    return one_array(pc.extract_regex(cells, _PATTERN))


def _days(fields: Any, order: str) -> Float64:
    parts = {name: one_array(pc.struct_field(fields, [name])) for name in _PARTS}
    wanted = dict(zip(order, ("a", "b", "c"), strict=True))
    year, year_digits = _number(parts[wanted["Y"]])
    month, month_digits = _number(parts[wanted["M"]])
    day, day_digits = _number(parts[wanted["D"]])
    hour, minute, second = (_number(parts[name])[0] for name in ("hour", "minute", "second"))
    fraction, fraction_digits = _number(parts["fraction"])
    short = year_digits == 2
    year = year + short * np.where(year < 69, 2000, 1900)
    real = (short | (year_digits == 4)) & (month_digits <= 2) & (day_digits <= 2)
    real &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    month = np.where(real, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    real &= day <= _MONTHS[month] + (leap & (month == 2))
    real &= (hour <= 23) & (minute <= 59) & (second <= 59)
    seconds = hour * 3600 + minute * 60 + second + fraction / 10.0**fraction_digits
    return np.where(real, _civil_days(year, month, day) + seconds / 86400.0, np.nan)


def _number(part: Any) -> tuple[Int64, Int64]:
    """Return a part's value and its number of digits; both 0 where it is absent."""
    filled = pc.fill_null(part, "")
    digits = pc.utf8_length(filled).to_numpy(zero_copy_only=False).astype(np.int64)
    padded = pc.if_else(pc.equal(filled, ""), "0", filled)
    value: Int64 = pc.cast(padded, pa.int64()).to_numpy(zero_copy_only=False)
    return value, digits


def _civil_days(year: Int64, month: Int64, day: Int64) -> Int64:
    """Return days since 1970-01-01: years from March, so that the leap day is the last.

    Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    year = year - (month <= 2)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    days: Int64 = era * 146097 + day_of_era - 719468
    return days
