"""Dates in a model: from the text of a cell to its days, and on to the features of `periods`.

Stock Keras layers and operations only. The text is split into characters, `date_states` walks over
them, and whole numbers do the rest, so that a day is exact in single precision. Equal to
`dates.read_days` for all cells of at most LONGEST characters; longer ones count as missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from objectives.features.periods import CYCLE_DAYS, CYCLE_YEARS, DatetimeColumn
from objectives.portable.date_states import CHARACTERS, LONGEST, Walk, make_walk

_MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int32)


@dataclass(frozen=True, kw_only=True)
class Dates:
    """A column of dates, read; each (n, 1)."""

    whole: Any  # int32, days since 1970-01-01
    part: Any  # float32, share of the day
    known: Any  # bool; the other two are 0 where it is False


def read_dates(inputs: Mapping[str, Any], orders: Mapping[str, str]) -> dict[str, Dates]:
    """Return the dates of string columns, each (n, 1) text in its order of year, month and day."""
    if not inputs:
        return {}
    walk = make_walk()
    vectorize = keras.layers.TextVectorization(
        standardize=None,
        split="character",
        output_mode="int",
        output_sequence_length=LONGEST + 1,
        vocabulary=list(CHARACTERS),
    )
    return {name: _read(vectorize(x), walk, orders[name]) for name, x in inputs.items()}


def since(origin: int, dates: Dates) -> Any:
    """Return `periods.days_since` of the dates, (n, 1) float32; where missing, any number."""
    whole = ops.cast(ops.subtract(dates.whole, np.int32(origin)), "float32")
    return ops.add(whole, dates.part)


def phases(column: DatetimeColumn, dates: Dates) -> list[Any]:
    """Return `periods.phase_features` of the dates, each feature (n, 1)."""
    known = ops.cast(dates.known, "float32")
    features = []
    for period in column.periods:
        angle = ops.multiply(np.float32(2 * np.pi), _phase(period, dates))
        features += [ops.multiply(ops.sin(angle), known), ops.multiply(ops.cos(angle), known)]
    return features


def _read(codes: Any, walk: Walk, order: str) -> Dates:
    """Return the dates of codes of characters, (n, LONGEST + 1) int."""
    states = _states(codes, walk)  # (n, LONGEST)
    digits = ops.cast(ops.subtract(codes[:, :LONGEST], 2), "int32")
    is_digit = ops.logical_and(ops.greater_equal(digits, 0), ops.less(digits, 10))
    places = ops.multiply(states, ops.cast(is_digit, "int32"))  # state 0 has no field
    values, lengths = _fields(places, digits, walk)
    year, month, day = (order.index(letter) for letter in "YMD")
    numbers = [values[:, i : i + 1] for i in range(6)]
    short = ops.cast(ops.equal(lengths[:, year : year + 1], 2), "int32")
    century = ops.where(ops.less(numbers[year], 69), np.int32(2000), np.int32(1900))
    numbers[year] = ops.add(numbers[year], ops.multiply(short, century))
    ended = ops.equal(codes[:, LONGEST:], 0)
    accepted = ops.equal(ops.take(walk.accepted, states[:, LONGEST - 1 :], axis=0), 1)
    known = _all(
        ended,
        accepted,
        _is_one_of(lengths[:, year : year + 1], (2, 4)),
        _is_one_of(lengths[:, month : month + 1], (1, 2)),
        _is_one_of(lengths[:, day : day + 1], (1, 2)),
        _is_real(numbers[year], numbers[month], numbers[day]),
        *(ops.less_equal(x, most) for x, most in zip(numbers[3:], (23, 59, 59), strict=True)),
    )
    one = ops.cast(known, "int32")
    whole = ops.multiply(_civil_days(numbers[year], numbers[month], numbers[day]), one)
    part = ops.multiply(_share_of_day(numbers[3:], places, digits, walk), ops.cast(one, "float32"))
    return Dates(whole=whole, part=part, known=known)


def _states(codes: Any, walk: Walk) -> Any:
    """Return the state after each character, (n, LONGEST) int32."""
    n_kinds = walk.steps.shape[1]
    kinds = ops.take(walk.kinds, codes, axis=0)
    steps = (walk.steps * n_kinds).ravel()  # a state's row is where its steps begin
    row = ops.take(steps, kinds[:, 0], axis=0)
    rows = [row]
    for i in range(1, LONGEST):
        row = ops.take(steps, ops.add(row, kinds[:, i]), axis=0)
        rows.append(row)
    return ops.floor_divide(ops.stack(rows, axis=1), np.int32(n_kinds))


def _fields(places: Any, digits: Any, walk: Walk) -> tuple[Any, Any]:
    """Return the value of each field and its number of digits, (n, 6) int32."""
    weights = ops.take(walk.weights, places, axis=0)  # (n, LONGEST, 6)
    lengths = ops.sum(ops.cast(ops.greater(weights, 0), "int32"), axis=1)
    totals = ops.sum(ops.multiply(ops.expand_dims(digits, 2), weights), axis=1)
    surplus = ops.take(np.array([1, 1000, 100, 10, 1], dtype=np.int32), lengths, axis=0)
    return ops.floor_divide(totals, surplus), lengths


def _share_of_day(clock: list[Any], places: Any, digits: Any, walk: Walk) -> Any:
    """Return hour, minute, second and its fraction as a share of the day, (n, 1) float32."""
    weights = ops.take(walk.fraction, places, axis=0)
    fraction = ops.sum(ops.multiply(ops.cast(digits, "float32"), weights), axis=1, keepdims=True)
    hour, minute, second = clock
    seconds = ops.add(ops.multiply(ops.add(ops.multiply(hour, 60), minute), 60), second)
    return ops.divide(ops.add(ops.cast(seconds, "float32"), fraction), np.float32(86400))


def _is_real(year: Any, month: Any, day: Any) -> Any:
    """Tell which dates are in the calendar."""
    in_range = _all(
        ops.greater_equal(year, 1),
        ops.greater_equal(month, 1),
        ops.less_equal(month, 12),
        ops.greater_equal(day, 1),
    )
    leap = _all(
        ops.equal(ops.mod(year, 4), 0),
        ops.logical_or(ops.not_equal(ops.mod(year, 100), 0), ops.equal(ops.mod(year, 400), 0)),
        ops.equal(month, 2),
    )
    most = ops.take(_MONTHS, ops.clip(month, 0, 12), axis=0)
    return ops.logical_and(in_range, ops.less_equal(day, ops.add(most, ops.cast(leap, "int32"))))


def _civil_days(year: Any, month: Any, day: Any) -> Any:
    """Return days since 1970-01-01, as `dates` counts them."""
    early = ops.cast(ops.less_equal(month, 2), "int32")
    year = ops.subtract(year, early)
    era = ops.floor_divide(year, 400)
    year_of_era = ops.subtract(year, ops.multiply(era, 400))
    month_from_march = ops.add(ops.subtract(month, 3), ops.multiply(early, 12))
    day_of_year = ops.floor_divide(ops.add(ops.multiply(month_from_march, 153), 2), 5)
    leaps = ops.subtract(ops.floor_divide(year_of_era, 4), ops.floor_divide(year_of_era, 100))
    day_of_era = ops.add(ops.add(ops.multiply(year_of_era, 365), leaps), day_of_year)
    days = ops.add(ops.multiply(era, CYCLE_DAYS), day_of_era)
    return ops.subtract(ops.add(days, day), 719469)


def _phase(period: str, dates: Dates) -> Any:
    if period == "year":
        days = ops.mod(ops.multiply(dates.whole, CYCLE_YEARS), CYCLE_DAYS)
        part = ops.multiply(dates.part, np.float32(CYCLE_YEARS))
        return ops.divide(ops.add(ops.cast(days, "float32"), part), np.float32(CYCLE_DAYS))
    if period == "week":
        days = ops.cast(ops.mod(dates.whole, 7), "float32")
        return ops.divide(ops.add(days, dates.part), np.float32(7))
    return dates.part


def _is_one_of(x: Any, allowed: tuple[int, int]) -> Any:
    return ops.logical_or(ops.equal(x, allowed[0]), ops.equal(x, allowed[1]))


def _all(*conditions: Any) -> Any:
    every = conditions[0]
    for condition in conditions[1:]:
        every = ops.logical_and(every, condition)
    return every
