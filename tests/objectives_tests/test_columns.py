"""A cell means the same thing whichever way its table arrived."""

import datetime

import numpy as np
import pandas as pd
import pytest

from objectives.errors import DataError
from objectives.table.columns import categorical, name_columns, numbers, read_column


def kind(values: object) -> str:
    return str(read_column(pd.Series(values, dtype="object", name="c")).dtype)


@pytest.mark.parametrize(
    "values",
    [[1, 2.5, None], ["1", " 2 ", "3e4"], ["1", "?", "NA"], ["1", 2], [None, None], ["", "inf"]],
)
def test_a_column_whose_every_present_cell_is_a_number_is_numeric(values: list[object]) -> None:
    assert kind(values) == "float64"


@pytest.mark.parametrize(
    "values",
    [
        ["1", "a"],
        ["1", "02139"],
        ["00"],
        [True, False],
        ["True", "False"],
        [datetime.date(2020, 1, 1)],
        [[1], {}],
        [1j],
    ],
)
def test_any_other_column_is_categorical(values: list[object]) -> None:
    assert kind(values) == "category"


def test_dates_and_durations_are_categorical_and_never_nanoseconds() -> None:
    dates = pd.Series(pd.to_datetime(["2020-01-01", "NaT"]))
    for series in (dates, dates - dates[0], dates.dt.tz_localize("UTC"), dates.dt.to_period("D")):
        assert str(read_column(series).dtype) == "category"
        with pytest.raises(DataError):
            numbers(series)


def test_a_slice_of_a_categorical_column_stays_categorical_though_its_texts_are_numbers() -> None:
    column = read_column(pd.Series(["1", "2", "x"], name="c"))
    assert str(read_column(column.iloc[:2]).dtype) == "category"


def test_a_level_is_the_same_text_from_a_csv_a_bool_an_int_and_a_float_with_gaps() -> None:
    def texts(series: pd.Series) -> list[object]:
        return read_column(series.astype("category")).astype(object).tolist()

    assert texts(pd.Series([1, 2])) == texts(pd.Series(["1", "2"])) == ["1", "2"]
    assert texts(pd.Series([1.0, np.nan]))[0] == "1"
    assert texts(pd.Series([True, False])) == ["True", "False"]


def test_a_whole_number_is_one_level_however_it_is_written() -> None:
    written = ["3", "3.0", " 3 ", "+3", "3.", "3.000e+00", "3.0E0"]
    assert set(categorical(pd.Series(written))) == {"3"}
    kept = ["03", "3e0", "3.5", "3a", "-", "9007199254740993.0"]
    assert list(categorical(pd.Series(kept))) == kept


def test_equal_objects_with_different_texts_are_different_levels() -> None:
    column = read_column(pd.Series([1, True, "x"], dtype=object))
    assert column.astype(object).tolist() == ["1", "True", "x"]


def test_the_empty_text_is_missing() -> None:
    assert read_column(pd.Series(["", "a", None])).isna().tolist() == [True, False, True]


def test_a_lone_surrogate_becomes_text_that_every_file_can_hold() -> None:
    column = read_column(pd.Series(["a\ud800", "b"], dtype=object))
    assert column.astype(object).tolist() == ["a?", "b"]


def test_text_in_a_numeric_column_is_named() -> None:
    with pytest.raises(DataError, match=r"column `age` must hold numbers.*got 'abc'"):
        numbers(pd.Series(["1", "abc"], name="age"))


def test_booleans_count_as_numbers_where_numbers_are_wanted() -> None:
    assert numbers(pd.Series([True, False])).tolist() == [1.0, 0.0]


def test_column_names_become_text_and_must_differ() -> None:
    assert list(name_columns(pd.DataFrame([[1, 2]], columns=[0, "b"])).columns) == ["0", "b"]
    with pytest.raises(DataError, match="got `0` more than once"):
        name_columns(pd.DataFrame([[1, 2]], columns=[0, "0"]))
