"""Table files: CSV and Parquet into raw frames, and every way they can be broken into a sentence.

A CSV file comes back as text in every cell, in batches, so that the kind of a column is decided by
`inference` and never by what a reader guesses from the rows it happens to see.
"""

import difflib
import hashlib
import zlib
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from objectives.errors import DataError
from objectives.table.cells import texts
from objectives.table.columns import check_unique, name_columns
from objectives.table.dialect import Dialect, detect_dialect, open_bytes

PARQUET_SUFFIXES = (".parquet", ".pq")
# A damaged or foreign file surfaces as one of these, whatever reader met it.
_READ_ERRORS = (OSError, ValueError, EOFError, zlib.error, NotImplementedError, pa.ArrowException)
_DECIMAL_COMMA = r"^(\s*[+-]?[0-9]*),([0-9]+(?:[eE][+-]?[0-9]+)?\s*)$"


def is_parquet(path: Path) -> bool:
    """Tell whether a file is Parquet, by its suffix."""
    return path.suffix.lower() in PARQUET_SUFFIXES


def file_dialect(path: Path, likely: str | None = None) -> Dialect | None:
    """Return how a CSV file is written, see `dialect.detect_dialect`; None for Parquet.

    Raises:
        DataError: missing, a folder, unreadable or no text.
    """
    _check_exists(path)
    try:
        return None if is_parquet(path) else detect_dialect(path, likely)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def read_batches(
    path: Path,
    *,
    batch_rows: int,
    columns: Collection[str] | None = None,
    dialect: Dialect | None = None,
) -> Generator[pd.DataFrame, None, None]:
    """Yield a table file in row order, `batch_rows` rows at a time, indexed from 0.

    Parquet by its suffix (.parquet, .pq) with its own dtypes; anything else as CSV, every cell
    text, decimal commas made points. At least one frame, which has no rows when the file has none.

    Args:
        path: the file.
        batch_rows: rows of a frame, at least 1; the last may have fewer, and those of Parquet too.
        columns: names of the columns to read; None reads all.
        dialect: how a CSV file is written; None detects it.

    Raises:
        DataError: missing, a folder, unreadable, empty, or not a table; faults further down in a
            file surface when they are reached.
    """
    if dialect is None:
        dialect = file_dialect(path)
    try:
        if dialect is None:
            yield from _parquet_batches(path, batch_rows, columns)
        else:
            yield from _csv_batches(path, batch_rows, columns, dialect)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def pieces(frame: pd.DataFrame, batch_rows: int) -> Iterator[pd.DataFrame]:
    """Yield `frame` in row order, `batch_rows` rows at a time; one empty piece when it is empty."""
    for start in range(0, max(len(frame), 1), batch_rows):
        yield frame.iloc[start : start + batch_rows]


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _csv_batches(
    path: Path, batch_rows: int, columns: Collection[str] | None, dialect: Dialect
) -> Iterator[pd.DataFrame]:
    form: dict[str, Any] = {
        "sep": dialect.delimiter,
        "encoding": dialect.encoding,
        "skipinitialspace": True,
        "dtype": str,
        # Only an empty cell is empty: None, NA and nan may be levels of their own (`cells`).
        "keep_default_na": False,
        "na_values": [""],
    }
    with open_bytes(path, dialect.gzip) as file:
        # pandas would rename the second of two equal names and go on.
        header = pd.read_csv(file, header=None, nrows=1, **{**form, "na_values": []})
        check_unique([name for name in map(str, header.iloc[0]) if name != ""])
    wanted = None if columns is None else set(columns).__contains__
    with (
        open_bytes(path, dialect.gzip) as file,
        pd.read_csv(file, usecols=wanted, chunksize=batch_rows, **form) as reader,
    ):
        for frame in reader:
            _check_width(frame, path, dialect)
            yield name_columns(_with_points(frame) if dialect.decimal == "," else frame)


def _with_points(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with a decimal point where a number has a decimal comma."""
    columns = {}
    for name in frame.columns:
        cells = texts(frame[name])
        if pc.any(pc.match_substring(cells, ",")).as_py():
            cells = pc.replace_substring_regex(cells, _DECIMAL_COMMA, r"\1.\2")
            columns[name] = pd.Series(cells.to_pandas().to_numpy(object), index=frame.index)
    return frame.assign(**columns) if columns else frame


def _parquet_batches(
    path: Path, batch_rows: int, columns: Collection[str] | None
) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        check_unique(file.schema_arrow.names)
        names = None if columns is None else list(columns)
        start = 0
        for batch in file.iter_batches(batch_size=batch_rows, columns=names):
            frame = pa.Table.from_batches([batch]).to_pandas()
            rows = pd.RangeIndex(start, start + len(frame))
            start += len(frame)
            yield name_columns(frame.set_axis(rows, axis=0))
        if start == 0:
            yield name_columns(file.schema_arrow.empty_table().to_pandas())


def _check_exists(path: Path) -> None:
    if path.is_dir():
        raise DataError(
            f"a table must be a CSV or Parquet file; `{path}` is a folder. Give a file in it."
        )
    if not path.exists():
        raise DataError(f"there is no file `{path}`; {_hint(path)}")


def _hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder `{folder}` does not exist either. Check the path."
    near = difflib.get_close_matches(path.name, sorted(p.name for p in folder.iterdir()), n=1)
    if near:
        return f"did you mean `{folder / near[0]}`?"
    return "give the path of a CSV or Parquet file."


def _check_width(frame: pd.DataFrame, path: Path, dialect: Dialect) -> None:
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took surplus cells for an index
        raise DataError(
            f"every row of `{path}` must have as many cells as the header has names; got more, "
            f"read as {dialect}. Quote the cells that contain the delimiter."
        )


def _unreadable(path: Path, error: BaseException) -> DataError:
    """Return the sentence for a file that some reader refused."""
    if isinstance(error, pd.errors.EmptyDataError):
        return DataError(
            f"`{path}` must hold a table with a header row; it is empty. Save the table again."
        )
    if isinstance(error, PermissionError):
        return DataError(
            f"`{path}` must be readable; permission was denied. Change its permissions."
        )
    if isinstance(error, UnicodeError):
        return DataError(
            f"`{path}` must be a CSV file in one encoding or a Parquet file; it begins in one and "
            "goes on in another. Save it again as CSV in UTF-8."
        )
    kind = "Parquet" if is_parquet(path) else "CSV"
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return DataError(
        f"`{path}` must be a {kind} table; reading it failed: {reason}. Save the table again."
    )
