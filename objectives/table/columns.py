"""What a raw column holds: numbers or text, decided in one place for every way into the project.

A table arrives as CSV (all text), as Parquet or as a DataFrame (any dtype), and the rows to score
may arrive in another form than the rows trained on. Fitting (`preprocessing`) and scoring come
through here, and reading (`gathering`) uses the same parsers (`cells`, `dates`), so that the same
cell means the same thing each time. A column is read as one of

    numbers      float64, NaN where missing
    categorical  pandas `category` of text, missing where missing
    read_days    float64 days since 1970-01-01, NaN where missing

The `category` dtype is also the mark of a decision already taken: a slice of a categorical column
stays categorical even when the texts of that slice all happen to be numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.errors import DataError
from objectives.table.cells import (
    cell_text,
    first_no_number,
    has_leading_zeros,
    level_text,
    parse_numbers,
    texts,
)
from objectives.table.dates import read_days
from objectives.table.naming import quoted

__all__ = [
    "categorical",
    "cell_text",
    "check_unique",
    "is_plain_number",
    "name_columns",
    "numbers",
    "read_column",
    "read_days",
    "sorted_categorical",
    "text_dtype",
]


def name_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with its column names as text; the data are shared, not copied.

    Raises:
        DataError: two columns have the same name.
    """
    names = [cell_text(column) for column in frame.columns]
    check_unique(names)
    return frame.set_axis(pd.Index(names, dtype=object), axis=1)


def check_unique(names: Sequence[str]) -> None:
    """Raise DataError when a column name occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(
                f"every column must have a name of its own; got {quoted(name)} more than once. "
                "Rename or remove one of them."
            )
        seen.add(name)


def is_plain_number(series: pd.Series) -> bool:
    """Tell whether the dtype itself says numbers, of any width; booleans are none."""
    dtype = series.dtype
    return (
        pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_bool_dtype(dtype)
        and not pd.api.types.is_complex_dtype(dtype)
    )


def read_column(series: pd.Series) -> pd.Series:
    """Return the column as float64 (numeric) or as a category of text (categorical).

    Numbers of any width are numeric, and so is text whose every non-missing cell is a number,
    none of them with leading zeros. Booleans, dates, existing categories and everything else are
    categorical.
    """
    if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(series.dtype):
        return categorical(series)
    if is_plain_number(series):
        return pd.Series(_as_float64(series), index=series.index, name=series.name)
    cells = texts(series)
    parsed = parse_numbers(cells)
    if parsed is None or has_leading_zeros(cells):
        return categorical(series)
    return pd.Series(parsed, index=series.index, name=series.name)


def numbers(series: pd.Series) -> npt.NDArray[np.float64]:
    """Return a numeric column's cells, (n_rows,) float64, NaN where missing.

    Booleans count as 0 and 1.

    Raises:
        DataError: a cell holds something that is not a number.
    """
    if is_plain_number(series) or pd.api.types.is_bool_dtype(series.dtype):
        return _as_float64(series)
    cells = texts(series)
    parsed = parse_numbers(cells)
    if parsed is None:
        wrong = first_no_number(cells)[1]
        raise DataError(
            f"column {quoted(series.name)} must hold numbers, as it did in training; got "
            f"{wrong[:60]!r}. Correct that cell or leave it empty."
        )
    return parsed


def categorical(series: pd.Series) -> pd.Series:
    """Return the column as a category of text: sorted levels, missing and "" as missing.

    Whole numbers have one text, so that a column of 1 and 2 reads the same from 1.0 and 2.0.
    """
    codes, values = pd.factorize(_hashable(series))
    names = [level_text(value) for value in values]
    different = list(dict.fromkeys(text for text in names if text != ""))
    place = {text: i for i, text in enumerate(different)}
    places = np.array([place.get(text, -1) for text in names] + [-1], dtype=np.int32)
    data = sorted_categorical(places[codes], different)
    return pd.Series(data, index=series.index, name=series.name)


def sorted_categorical(codes: npt.NDArray[np.int32], levels: Sequence[str]) -> pd.Categorical:
    """Return codes into `levels`, -1 for missing, as a Categorical whose levels are sorted."""
    order = sorted(range(len(levels)), key=levels.__getitem__)
    places = np.full(len(levels) + 1, -1, dtype=np.int32)  # the last is the missing
    places[order] = np.arange(len(levels), dtype=np.int32)
    return pd.Categorical.from_codes(places[codes], dtype=text_dtype([levels[i] for i in order]))


def text_dtype(levels: Sequence[str]) -> pd.CategoricalDtype:
    """Return the dtype of a category of these texts."""
    return pd.CategoricalDtype(pd.Index(list(levels), dtype=object))


def _as_float64(series: pd.Series) -> npt.NDArray[np.float64]:
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _hashable(series: pd.Series) -> pd.Series:
    """Return cells that can be told apart by hashing: those of mixed objects as text."""
    # 1, 1.0 and True are one dictionary key but three texts; a list has no hash at all.
    if series.dtype != object or pd.api.types.infer_dtype(series, skipna=True) == "string":
        return series
    present = series.notna().to_numpy()
    cells = [cell_text(cell) if ok else None for cell, ok in zip(series, present, strict=True)]
    return pd.Series(cells, index=series.index, dtype=object)
