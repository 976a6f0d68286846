"""Dates are read by one parser, and read right."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.table.cells import texts
from objectives.table.columns import read_days
from objectives.table.dates import possible_days

EPOCH = datetime.datetime(1970, 1, 1)


def days(values: list[object], order: str = "YMD") -> list[float]:
    return read_days(pd.Series(values, dtype=object), order).tolist()


def orders(*values: str | None) -> tuple[str, ...]:
    return tuple(possible_days(texts(pd.Series(values, dtype=object))))


@given(
    moment=st.datetimes(),
    form=st.sampled_from(
        [
            ("YMD", "%Y-%m-%d"),
            ("YMD", "%Y/%m/%d"),
            ("DMY", "%d.%m.%Y"),
            ("MDY", "%m/%d/%Y"),
            ("DMY", "%d-%m-%Y"),
        ]
    ),
    time=st.sampled_from(["", " %H:%M", "T%H:%M:%S", "T%H:%M:%S.%f", " %H:%M:%S"]),
    zone=st.sampled_from(["", "Z", "+02:00", " -0530", " UTC", "+01"]),
)
def test_what_the_calendar_writes_is_read_back(
    moment: datetime.datetime, form: tuple[str, str], time: str, zone: str
) -> None:
    order, date = form
    # strftime pads no years on some systems.
    text = moment.strftime((date + time).replace("%Y", f"{moment.year:04d}"))
    kept = {"": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}}.get(time, {})
    if "%S" not in time:
        kept |= {"second": 0, "microsecond": 0}
    if "%f" not in time:
        kept |= {"microsecond": 0}
    expected = (moment.replace(**kept) - EPOCH) / datetime.timedelta(days=1)  # type: ignore[arg-type]
    (got,) = days([text + (zone if time else "")], order)
    assert got == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "2020", "20200102", "2020-13-01", "2020-02-30", "2021-02-29", "0000-01-01"),
        *("2020-01-01 24:00", "2020-01-01 10:60", "2020-01-01 10", "2020-1-1-1", "200-01-01"),
        *("10.0.0.1", "1-2", "2020-01-01 noon", "2020-01-01x", "12:30", "2020-01-01 3:00 PM"),
    ],
)
def test_anything_else_is_missing(text: str) -> None:
    assert np.isnan(days([text])[0])


def test_short_years_are_those_around_us() -> None:
    expected = [(datetime.datetime(y, 2, 1) - EPOCH).days for y in (1969, 1999, 2000, 2068)]
    assert days(["01/02/69", "01/02/99", "1/2/00", "1/2/68"], "DMY") == expected


def test_days_of_every_source_agree() -> None:
    moments = pd.Series(pd.to_datetime(["2020-02-29 12:00", None, "1960-01-01 06:00"]))
    expected = [18321.5, np.nan, -3652.75]
    for series in (
        moments,
        moments.astype("datetime64[s]"),
        moments.dt.tz_localize("Europe/Berlin"),
        moments.astype(object),
        moments.astype(str).astype(object),
        moments.astype(str).astype("category"),
        pd.Series(expected),
    ):
        assert np.array_equal(read_days(series, "YMD"), expected, equal_nan=True)


def test_no_rows_have_no_days() -> None:
    assert days([]) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("2020-01-02", "2020-12-31"), ("YMD",)),
        (("13/01/2020", "01/02/2020"), ("DMY",)),
        (("01/13/2020", "01/02/2020"), ("MDY",)),
        (("01/02/2020", "03/04/2020"), ("DMY", "MDY")),
        (("01/02/03", "03/04/21"), ("DMY", "MDY", "YMD")),
        (("99/02/03", "03/04/21"), ("YMD",)),
        (("13/01/2020", "01/13/2020"), ()),
        (("2020-01-02", None, "?", "0000-00-00", " "), ("YMD",)),
        (("2020-01-02", "soon"), ()),
        (("1.2.3", "1.2.10"), ()),
        (("2020", "2021"), ()),
    ],
)
def test_the_order_is_one_that_reads_every_cell(
    values: tuple[str | None, ...], found: tuple[str, ...]
) -> None:
    assert orders(*values) == found
