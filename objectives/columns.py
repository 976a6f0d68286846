"""What a raw column holds: numbers or text, decided in one place for every way into the project.

A table arrives as CSV (all text), as Parquet or as a DataFrame (any dtype), and the rows to score
may arrive in another form than the rows trained on. Reading (`dataset`), fitting
(`preprocessing`) and scoring (`export`) all come through here, so that the same cell means the same
thing each time. A column has one of two kinds:

    numeric      float64, NaN where missing
    categorical  pandas `category` of text, missing where missing

The `category` dtype is also the mark of a decision already taken: a slice of a categorical column
stays categorical even when the texts of that slice all happen to be numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.errors import DataError

# What people type into a cell of a numeric column when they have no number. In a categorical
# column the same words stay levels of their own.
NUMBER_BLANKS = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})


def name_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with its column names as text; the data are shared, not copied.

    Raises:
        DataError: two columns have the same name.
    """
    names = [str(column) for column in frame.columns]
    check_unique(names)
    return frame.set_axis(pd.Index(names, dtype=object), axis=1)


def check_unique(names: Sequence[str]) -> None:
    """Raise DataError when a column name occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(
                f"every column must have a name of its own; got `{name}` more than once. "
                "Rename or remove one of them."
            )
        seen.add(name)


def read_column(series: pd.Series) -> pd.Series:
    """Return the column as float64 (numeric) or as a category of text (categorical).

    Numbers of any width are numeric, and so is text whose every non-missing cell is a number.
    Booleans, dates, existing categories and everything else are categorical.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return categorical(series)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return pd.Series(_as_float64(series), index=series.index, name=series.name)
    parsed, wrong = _parse(series)
    if wrong is None:
        return pd.Series(parsed, index=series.index, name=series.name)
    return categorical(series)


def numbers(series: pd.Series) -> npt.NDArray[np.float64]:
    """Return a numeric column's cells, (n_rows,) float64, NaN where missing.

    Booleans count as 0 and 1.

    Raises:
        DataError: a cell holds something that is not a number.
    """
    dtype = series.dtype
    plain = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)
    if plain and not pd.api.types.is_complex_dtype(dtype):
        return _as_float64(series)
    parsed, wrong = _parse(series)
    if wrong is not None:
        raise DataError(
            f"column `{series.name}` must hold numbers, as it did in training; got {wrong!r}. "
            "Correct that cell or leave it empty."
        )
    return parsed


def categorical(series: pd.Series) -> pd.Series:
    """Return the column as a category of text: sorted levels, missing and "" as missing.

    Whole floats lose their ".0", so that a column of 1 and 2 reads the same with and without gaps.
    """
    codes, values = pd.factorize(_cells(series))
    texts = np.array([cell_text(value) for value in values], dtype=object)
    levels = sorted({text for text in texts if text != ""})
    place = {text: i for i, text in enumerate(levels)}
    new_codes = np.array([place.get(text, -1) for text in texts] + [-1], dtype=np.int64)
    dtype = pd.CategoricalDtype(pd.Index(levels, dtype=object))
    data = pd.Categorical.from_codes(new_codes[codes], dtype=dtype)
    return pd.Series(data, index=series.index, name=series.name)


def cell_text(value: object) -> str:
    """Return one cell as the text that names its level."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    # Lone surrogates survive in Python strings but in no file and no TensorFlow tensor.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _as_float64(series: pd.Series) -> npt.NDArray[np.float64]:
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _cells(series: pd.Series) -> pd.Series:
    """Return cells that can be told apart by hashing: those of mixed objects as text."""
    # 1, 1.0 and True are one dictionary key but three texts; a list has no hash at all.
    if series.dtype != object or pd.api.types.infer_dtype(series, skipna=True) == "string":
        return series
    present = series.notna().to_numpy()
    texts = [cell_text(cell) if ok else None for cell, ok in zip(series, present, strict=True)]
    return pd.Series(texts, index=series.index, dtype=object)


def _parse(series: pd.Series) -> tuple[npt.NDArray[np.float64], str | None]:
    """Return the cells as numbers and the first text that is none, or None when all are."""
    cells = _cells(series).astype(object)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        cells = cells.map(str, na_action="ignore")  # pandas would count nanoseconds
    parsed = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    doubtful = np.flatnonzero(np.isnan(parsed) & cells.notna().to_numpy())
    for cell in cells.iloc[doubtful].unique():
        if str(cell).strip().casefold() not in NUMBER_BLANKS:
            return parsed, cell_text(cell)
    return parsed, None
