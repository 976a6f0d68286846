"""Dates as features: how long ago, and where in the year, the week and the day.

    days      (n,) float64, days since 1970-01-01 00:00, NaN where missing
    whole     (n,) int64, its whole days       part   (n,) float32, the rest, a share of the day

A whole day is kept apart from its part, and counted from a day among the training rows, since
float32 could not tell two times of one day apart otherwise. A phase goes from 0 to 1 through a
period and enters as sine and cosine, so that its end lies beside its beginning. The exported model
does the same sums (`export_dates`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.features.scaling import Float32, NumericColumn, fit_numeric
from objectives.table.columns import read_days

Int64 = npt.NDArray[np.int64]

# 400 years are this many days in the Gregorian calendar, so a year of 365.2425 days has a phase
# that whole numbers can hold.
CYCLE_YEARS, CYCLE_DAYS = 400, 146_097
_OUT_OF_REACH = 1e9  # days; no date that anyone writes


@dataclass(frozen=True, kw_only=True)
class DatetimeColumn:
    """A column of dates, as days since `origin` (a numeric column) and phases of its periods.

    `order` says how dates are written, see `schema`. Phases are left out when all training rows
    have the same date, and that of the day when all have the same time.
    """

    name: str
    order: str
    origin: int  # days since 1970-01-01
    days: NumericColumn
    has_time: bool

    @property
    def periods(self) -> tuple[str, ...]:
        """The periods whose phase is given, as sine and cosine."""
        if not self.days.has_value:
            return ()
        return ("year", "week", "day") if self.has_time else ("year", "week")


def cell_days(series: pd.Series, order: str) -> npt.NDArray[np.float64]:
    """Return days (n,), NaN where missing, of a typed column or of raw cells."""
    if pd.api.types.is_float_dtype(series.dtype):
        days = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        days = np.asarray(read_days(series, order), dtype=np.float64)
    return np.where(np.abs(days) < _OUT_OF_REACH, days, np.nan)


def fit_datetime(name: str, days: npt.NDArray[np.float64], order: str) -> DatetimeColumn | str:
    """Fit a column on its training cells (n,), or say why it is of no use."""
    present = days[~np.isnan(days)]
    if len(present) == 0:
        return "no date in the training rows"
    origin = int(np.floor(np.median(present)))
    fitted = fit_numeric(name, days_since(origin, days))
    if isinstance(fitted, str):
        return fitted
    has_time = bool(np.ptp(present - np.floor(present)) > 0)
    return DatetimeColumn(name=name, order=order, origin=origin, days=fitted, has_time=has_time)


def days_since(origin: int, days: npt.NDArray[np.float64]) -> Float32:
    """Return the days since `origin` in float32, NaN where missing."""
    whole, part = _whole_and_part(days)
    since: Float32 = (whole - origin).astype(np.float32) + part
    return np.where(np.isnan(days), np.float32(np.nan), since)


def phase_features(column: DatetimeColumn, days: npt.NDArray[np.float64]) -> Float32:
    """Return sine and cosine of each period's phase, (n, 2 * periods), 0 where missing."""
    whole, part = _whole_and_part(days)
    features = []
    for period in column.periods:
        angle = np.float32(2 * np.pi) * _phase(period, whole, part)
        features += [np.sin(angle), np.cos(angle)]
    present = ~np.isnan(days)[:, np.newaxis]
    stacked = np.stack(features, axis=1) if features else np.zeros((len(days), 0), np.float32)
    result: Float32 = np.where(present, stacked, np.float32(0))
    return result


def _whole_and_part(days: npt.NDArray[np.float64]) -> tuple[Int64, Float32]:
    filled = np.where(np.isnan(days), 0.0, days)
    whole = np.floor(filled)
    return whole.astype(np.int64), (filled - whole).astype(np.float32)


def _phase(period: str, whole: Int64, part: Float32) -> Float32:
    if period == "day":
        return part
    years = CYCLE_YEARS if period == "year" else 1
    length = CYCLE_DAYS if period == "year" else 7
    days = (whole * years % length).astype(np.float32)
    phase = (days + part * np.float32(years)) / np.float32(length)
    return phase.astype(np.float32)
