"""The walk over states and the pattern of `dates` accept the same texts and read the same days."""

import random

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from objectives.portable.date_graph import read_dates
from objectives.portable.date_states import CHARACTERS, LONGEST, make_walk
from objectives.portable.date_texts import date_texts
from objectives.table.dates import ORDERS, read_days

DATES = (
    "2020-01-02",
    "1/2/2020",
    "31.12.99",
    "29-02-2000",
    "2020-01-02T10:30",
    "2020-01-02 10:30:15.123456789 +02:00",
    "2020-1-2 1:2Z",
    "2020 - 1 - 2",
    "2020. 1. 2",
    "2020-01-02 10:30 UTC",
    "2020-01-02 10:30:15,5-0530\t",
    "2020-01-02T10:30+02",
    " 12-12-12\n",
    "2020-01-02   23:59:59.9999999999999",
)


def mutated(n_cells: int, seed: int) -> list[str]:
    """Dates with up to three characters put in, left out or changed."""
    source, cells = random.Random(seed), list(DATES)
    while len(cells) < n_cells:
        cell = list(source.choice(DATES))
        for _ in range(source.randrange(4)):
            place = source.randrange(len(cell) + 1)
            cell[place : place + source.randrange(2)] = source.choice(["", *CHARACTERS, "x", "é"])
        cells.append("".join(cell))
    return cells


def test_the_walk_accepts_what_the_pattern_does() -> None:
    walk, cells = make_walk(), mutated(40_000, seed=0)
    code = {character: i + 2 for i, character in enumerate(CHARACTERS)}
    ends = np.zeros(len(cells), dtype=np.int64)
    for i, cell in enumerate(cells):
        for character in cell:
            ends[i] = walk.steps[ends[i], walk.kinds[code.get(character, 1)]]
    # In one order or another the calendar refuses nothing that is well formed with these numbers.
    mild = [cell.translate(str.maketrans("3456789", "1111111")) for cell in cells]
    read = [
        not np.isnan(days).all()
        for days in zip(
            *(read_days(pd.Series(mild, dtype=object), order) for order in ORDERS), strict=True
        )
    ]
    assert 0.2 < walk.accepted[ends].mean() < 0.8
    wrong = [c for c, a, b in zip(cells, walk.accepted[ends], read, strict=True) if b > a]
    assert wrong == []


@pytest.mark.parametrize("order", ORDERS)
def test_the_model_reads_the_days_that_read_days_reads(order: str) -> None:
    cells = mutated(20_000, seed=1)
    column = keras.Input((1,), dtype="string")
    dates = read_dates({"when": column}, {"when": order})["when"]
    model = keras.Model(column, [dates.whole, dates.part, dates.known])
    whole, part, known = (
        np.asarray(x).ravel() for x in model(tf.constant(np.array(cells, dtype=object)[:, None]))
    )
    days = read_days(pd.Series(cells, dtype=object), order)
    assert 0.02 < known.mean() < 0.98
    assert (known == ~np.isnan(days)).all()
    assert np.abs(whole[known] + part[known].astype(np.float64) - days[known]).max() < 1e-6


def test_every_day_of_the_calendar_is_exact_in_the_model() -> None:
    days = pd.date_range("1899-12-01", "2101-03-01", freq="D", unit="s").strftime("%Y-%m-%d")
    column = keras.Input((1,), dtype="string")
    model = keras.Model(column, read_dates({"d": column}, {"d": "YMD"})["d"].whole)
    got = np.asarray(model(tf.constant(days.to_numpy(object)[:, None]))).ravel()
    assert (got == np.arange(len(days)) + got[0]).all() and got[0] == -25_598


def test_a_cell_too_long_for_the_walk_is_no_date() -> None:
    column = keras.Input((1,), dtype="string")
    model = keras.Model(column, read_dates({"d": column}, {"d": "YMD"})["d"].known)
    cells = ["2020-01-02" + " " * n for n in (0, LONGEST - 10, LONGEST - 9)]
    assert np.asarray(model(tf.constant([[c] for c in cells]))).ravel().tolist() == [1, 1, 0]


def test_dates_of_a_dtype_are_written_for_the_model_in_its_order() -> None:
    moments = pd.Series(pd.to_datetime(["2020-02-03 00:00:00.0", None, "2021-12-31 23:59:59.5"]))
    for order in ORDERS:
        written, unread = date_texts(moments, order)
        assert unread == [] and written[1] == ""
        days = read_days(pd.Series(written, dtype=object), order)
        assert np.allclose(days, read_days(moments, order), atol=1e-10, equal_nan=True)


def test_cells_that_are_neither_date_nor_blank_are_given_back() -> None:
    cells = pd.Series(["2020-02-30", "NaT", "", None, "?", "soon", "2020-02-03"], dtype=object)
    written, unread = date_texts(cells, "YMD")
    assert unread == ["2020-02-30", "soon"]
    assert written.tolist() == ["2020-02-30", "NaT", "", "", "?", "soon", "2020-02-03"]
