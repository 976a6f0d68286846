"""Table files: CSV and Parquet into raw frames, and every way they can be broken into a sentence.

A CSV file comes back as text in every cell, whether whole or in batches, so that the kind of a
column is decided by `columns` and never by what a reader guesses from the rows it happens to see.
"""

import difflib
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from objectives.columns import check_unique, name_columns
from objectives.errors import DataError

_PARQUET_SUFFIXES = (".parquet", ".pq")
# A damaged or foreign file surfaces as one of these, whatever reader met it.
_READ_ERRORS = (OSError, ValueError, EOFError, zlib.error, NotImplementedError)


def read_file(path: Path) -> pd.DataFrame:
    """Read a table file whole.

    Parquet by its suffix (.parquet, .pq) with its own dtypes; anything else as CSV (comma, UTF-8,
    a byte-order mark allowed, gzip by its suffix), every cell text.

    Raises:
        DataError: missing, a folder, unreadable, empty, or not a table.
    """
    pieces = list(read_batches(path, batch_rows=1_000_000))
    return pieces[0] if len(pieces) == 1 else pd.concat(pieces)


def read_batches(path: Path, *, batch_rows: int) -> Iterator[pd.DataFrame]:
    """Yield a table file in row order, `batch_rows` rows at a time, indexed from 0.

    At least one frame, which has no rows when the file has none. Otherwise as `read_file`; faults
    further down in a CSV file surface when they are reached.
    """
    _check_exists(path)
    try:
        if path.suffix.lower() in _PARQUET_SUFFIXES:
            yield from pieces(
                name_columns(pd.read_parquet(path).reset_index(drop=True)), batch_rows
            )
            return
        _check_header(path)
        with pd.read_csv(path, dtype=str, encoding="utf-8-sig", chunksize=batch_rows) as reader:
            for frame in reader:
                _check_width(frame, path)
                yield name_columns(frame)
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


def _check_header(path: Path) -> None:
    # pandas would rename the second of two equal names and go on.
    header = pd.read_csv(
        path, header=None, nrows=1, dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    check_unique([str(name) for name in header.iloc[0] if name != ""])


def _check_width(frame: pd.DataFrame, path: Path) -> None:
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took surplus cells for an index
        raise DataError(
            f"every row of `{path}` must have as many cells as the header has names; got more. "
            "Quote the cells that contain commas."
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
    if isinstance(error, UnicodeDecodeError):
        return DataError(
            f"`{path}` must be a CSV file in UTF-8 or a Parquet file; got other bytes. "
            "Save it again as CSV in UTF-8."
        )
    kind = "Parquet" if path.suffix.lower() in _PARQUET_SUFFIXES else "comma-separated"
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return DataError(
        f"`{path}` must be a {kind} table; reading it failed: {reason}. Save the table again."
    )
