"""Reading a table and its binary target, with one sentence for everything that can be wrong.

A table is a built-in name, a CSV file, a Parquet file or a DataFrame. What comes out is the same in
each case: feature columns that are numbers or text (see `columns`), labels 0 and 1, and a hash that
tells on resume whether the data changed. Rows are neither shuffled nor split here: next is `split`.
"""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_breast_cancer

from objectives.columns import name_columns, read_column
from objectives.errors import DataError
from objectives.files import hash_file, read_file
from objectives.split import MIN_ROWS_PER_CLASS
from objectives.target import Target, read_target

BUILT_IN = ("breast-cancer",)


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A readable table with a binary target.

    Attributes:
        name: the built-in name, the file's stem, or "DataFrame".
        path: absolute path of the file; None for a built-in and a DataFrame.
        frame: (n_rows, n_columns) the features: float64 and text-category columns, in file order.
        target: name of the target column.
        labels: (negative, positive) as text.
        y: (n_rows,) int8, 1 for the positive class.
        sha256: hash of the file's bytes; of the content, for a built-in and a DataFrame.
        columns: names of the feature columns.
        dropped_rows: rows left out because their target is missing.
    """

    name: str
    path: str | None
    frame: pd.DataFrame
    target: str
    labels: tuple[str, str]
    y: npt.NDArray[np.int8]
    sha256: str
    columns: tuple[str, ...]
    dropped_rows: int


def read_table(data: str | Path | pd.DataFrame, target: str | None = None) -> Table:
    """Read a table and its binary target.

    Args:
        data: a name in BUILT_IN, the path of a CSV (comma, UTF-8) or Parquet file, or a DataFrame.
        target: the target column; None takes the built-in's own, or the column called "target" in
            any case.

    Raises:
        DataError: the file cannot be read, has no such target, or its target is not two classes
            of at least MIN_ROWS_PER_CLASS rows each.
    """
    if isinstance(data, pd.DataFrame):
        frame = _typed(name_columns(data))
        return _table(frame, target, name="DataFrame", path=None, sha256=hash_content(frame))
    if isinstance(data, str) and data in BUILT_IN:
        return _breast_cancer(target)
    if not isinstance(data, str | Path):
        raise DataError(
            "data must be a built-in name, a path or a pandas DataFrame; "
            f"got {type(data).__name__}. Put the columns into a DataFrame."
        )
    path = Path(data)
    if isinstance(data, str) and not path.exists():
        _suggest_built_in(data)
    raw = read_file(path)
    return _table(
        _typed(raw), target, name=path.stem, path=str(path.resolve()), sha256=hash_file(path)
    )


def hash_content(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a typed frame: names, kinds and cells, in order; not its index."""
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{len(name)}:{name}:{column.dtype.name}\n".encode("utf-8", "replace"))
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels = [str(level) for level in column.cat.categories]
            digest.update(np.array([len(level) for level in levels], dtype="<i8").tobytes())
            digest.update("".join(levels).encode())
            digest.update(column.cat.codes.to_numpy(dtype="<i8").tobytes())
        else:
            cells = column.to_numpy(dtype="<f8", copy=True)
            cells[np.isnan(cells)] = np.nan  # NaN has many bit patterns: keep one
            digest.update(cells.tobytes())
    return digest.hexdigest()


def _breast_cancer(target: str | None) -> Table:
    if target not in (None, "target"):
        raise DataError(
            f"the target of the built-in `breast-cancer` is `target`; got `{target}`. "
            "Leave --target out."
        )
    bunch = load_breast_cancer(as_frame=True)
    names = np.array([str(name) for name in bunch.target_names], dtype=object)
    frame = bunch.data.assign(target=names[bunch.target.to_numpy()])
    frame = _typed(name_columns(frame))
    sha256 = hash_content(frame)
    # scikit-learn counts benign as class 1: kept, so that its published figures compare.
    read = Target(labels=("malignant", "benign"), y=bunch.target.to_numpy().astype(np.int8))
    return Table(
        name="breast-cancer",
        path=None,
        frame=frame.drop(columns="target"),
        target="target",
        labels=read.labels,
        y=read.y,
        sha256=sha256,
        columns=tuple(str(name) for name in bunch.data.columns),
        dropped_rows=0,
    )


def _suggest_built_in(data: str) -> None:
    near = difflib.get_close_matches(data, BUILT_IN, n=1)
    if near:
        raise DataError(f"there is no file `{data}`; did you mean the built-in `{near[0]}`?")


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    # The kind of a column is taken from all rows, as it would be from a database schema: no
    # statistic of a validation or test row passes on, and no part can disagree about the kind.
    columns = {str(name): read_column(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)


def _table(
    frame: pd.DataFrame, target: str | None, *, name: str, path: str | None, sha256: str
) -> Table:
    column = _target_column([str(c) for c in frame.columns], target, name)
    if len(frame) == 0:
        raise DataError(f"`{name}` must hold rows below its header; got none.")
    read = read_target(frame[column], minimum=MIN_ROWS_PER_CLASS)
    features = frame.drop(columns=column)
    if features.shape[1] == 0:
        raise DataError(
            f"`{name}` must have feature columns beside its target `{column}`; got none."
        )
    kept = frame[column].notna().to_numpy()
    return Table(
        name=name,
        path=path,
        frame=features.loc[kept].reset_index(drop=True),
        target=column,
        labels=read.labels,
        y=read.y,
        sha256=sha256,
        columns=tuple(str(c) for c in features.columns),
        dropped_rows=int(len(frame) - kept.sum()),
    )


def _target_column(columns: Sequence[str], target: str | None, name: str) -> str:
    if target is None:
        found = [c for c in columns if c.casefold() == "target"]
        if "target" in found or len(found) == 1:
            return "target" if "target" in found else found[0]
        raise DataError(
            f"`{name}` has no column called `target`, so --target must name the column to predict; "
            f"the columns are {_listed(columns)}."
        )
    target = str(target)
    if target in columns:
        return target
    folded = {c.casefold(): c for c in columns}
    near = difflib.get_close_matches(target.casefold(), folded, n=3)
    hint = f"did you mean {_listed([folded[n] for n in near])}?" if near else ""
    raise DataError(
        f"`{name}` has no target column `{target}`; "
        + (hint or f"the columns are {_listed(columns)}.")
    )


def _listed(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
