"""The text of a cell, and the number it stands for: one parser for every way into the project.

A batch of cells becomes an Arrow array of text, on which parsing, matching and counting run at tens
of nanoseconds a cell. What a whole column is made of them is decided in `columns` and `inference`.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# What people type into a cell of a numeric column when they have no number. In a categorical
# column the same words stay levels of their own.
NUMBER_BLANKS = frozenset({"", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "none"})

# A whole number however a program wrote it: 3, +3, 3.0, 3.000e+00, 3.0E0. A bare exponent without
# its sign is more often part of a code, such as 1e5.
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][+-]?[0-9]+)?|[eE][+-][0-9]+)?")
_EXACT = 2.0**53  # whole floats beyond are not the number that was written


def texts(series: pd.Series) -> Any:
    """Return the cells as text: an Arrow array of (n_rows,) large_string, null where missing."""
    if series.dtype == object or isinstance(series.dtype, pd.StringDtype):
        try:
            return without_nuls(
                one_array(pa.array(series, type=pa.large_string(), from_pandas=True))
            )
        except (pa.ArrowException, UnicodeError):
            pass  # mixed objects, or lone surrogates: cell by cell
        present = series.notna().to_numpy()
        cells = [cell_text(cell) if ok else None for cell, ok in zip(series, present, strict=True)]
        return without_nuls(pa.array(cells, type=pa.large_string()))
    codes, values = pd.factorize(series)
    written = [cell_text(value) for value in values]
    different = without_nuls(pa.array(written, type=pa.large_string()))
    indices = pa.array(codes, type=pa.int64(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, different).dictionary_decode()


def without_nuls(cells: Any) -> Any:
    """Return the cells without NULs behind them, which strings of numpy and Keras do not keep."""
    return pc.utf8_rtrim(cells, characters="\x00")


def one_array(array: Any) -> Any:
    """Return an Arrow array or chunked array as one array."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def cell_text(value: object) -> str:
    """Return one cell as text; whole floats lose their ".0"."""
    if isinstance(value, str) and value.isascii():
        return value
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    # Lone surrogates survive in Python strings but in no file and no TensorFlow tensor.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def level_text(value: object) -> str:
    """Return one cell as the text that names its level: a whole number has one text only.

    So that codes read as 1 and 2 are the same levels as those of a file that has 1.0 and 2.0.
    """
    text = cell_text(value).rstrip("\x00")
    if text.isascii() and text.isdigit() and (text[0] != "0" or text == "0"):
        return text  # by far the most
    bare = text.strip()
    if _WHOLE.fullmatch(bare):
        number = float(bare)
        if number.is_integer() and abs(number) < _EXACT:
            return str(int(number))
    return text


def is_whole_level(text: str) -> bool:
    """Tell whether `level_text` of this text is that of the number it stands for."""
    level = level_text(text)
    return level.lstrip("-").isdecimal() and level == cell_text(float(level))


def parse_numbers(cells: Any) -> npt.NDArray[np.float64] | None:
    """Return cells, from `texts`, as (n_rows,) float64, NaN where missing; None if one is none."""
    parsed = _cast(cells)
    if parsed is None or np.count_nonzero(np.isnan(parsed)) > cells.null_count:
        cleaned = without_blanks(cells)
        parsed = _cast(cleaned)
        if parsed is None or np.count_nonzero(np.isnan(parsed)) > cleaned.null_count:
            return None
    return parsed


def first_no_number(cells: Any) -> tuple[int, str]:
    """Return row and text of the first cell that is no number; there must be one."""
    cleaned = without_blanks(cells)
    for row in range(len(cleaned)):
        if parse_numbers(cleaned[row : row + 1]) is None:
            return row, cells[row].as_py()
    raise ValueError("every cell is a number.")


def without_blanks(cells: Any, more: frozenset[str] = frozenset()) -> Any:
    """Return the cells without blanks around them; NUMBER_BLANKS and `more` become missing."""
    trimmed = pc.utf8_trim_whitespace(cells)
    words = pa.array(sorted(NUMBER_BLANKS | more), type=pa.large_string())
    blank = pc.is_in(pc.utf8_lower(trimmed), value_set=words)
    return pc.if_else(blank, pa.scalar(None, pa.large_string()), trimmed)


def has_leading_zeros(cells: Any) -> bool:
    """Tell whether a cell is digits that begin with a 0, such as "02139": a code, no number."""
    found = pc.any(pc.match_substring_regex(cells, r"^\s*[+-]?0[0-9]+\s*$"))
    return bool(found.as_py())


def _cast(cells: Any) -> npt.NDArray[np.float64] | None:
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    parsed: npt.NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return parsed
