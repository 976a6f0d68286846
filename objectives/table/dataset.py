"""Reading a table and its target, with one sentence for everything that can be wrong.

A table is a built-in name, a CSV file, a Parquet file or a DataFrame. What comes out is the same in
each case: feature columns of known kinds (see `schema`), classes, and a hash that tells on resume
whether the data changed. Rows are neither shuffled nor split here: next is `split`.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_breast_cancer

from objectives.errors import DataError
from objectives.splitting.split import MIN_ROWS_PER_CLASS
from objectives.table.columns import name_columns
from objectives.table.dialect import Dialect
from objectives.table.files import file_dialect, hash_file, pieces, read_batches
from objectives.table.gathering import Batches, Gathered, Wanted, gather
from objectives.table.identity import hash_content
from objectives.table.inference import Asked, Cells, infer
from objectives.table.naming import find_target, quoted
from objectives.table.npz import X, Y, is_npz, numbered, read_digits, read_npz, say_shape
from objectives.table.roles import NO_ROLES, Roles, named_columns
from objectives.table.row_roles import read_groups, read_times, read_weights, time_order
from objectives.table.schema import Column, Schema
from objectives.table.target import Target, read_target

__all__ = ["BUILT_IN", "Table", "hash_content", "read_table"]

BUILT_IN = ("breast-cancer", "digits")

# Cells read at once: as text, some 100 MB.
_BATCH_CELLS = 1_000_000

_WANTED: Mapping[str, Wanted] = {
    "categorical": "whole text",
    "numeric": "numbers",
    "weight": "numbers",
    "group": "whole text",
    "time": "any",
}
_ASKED: Mapping[str, Asked] = {"categorical": "categorical", "numeric": "numeric"}
_WHY_DROPPED = {
    "drop": "asked to be dropped",
    "weight": "weighs the rows",
    "group": "groups the rows",
    "time": "orders the rows in time",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A readable table with a target of K classes.

    Attributes:
        name: the built-in name, the file's without its suffixes, or "DataFrame".
        path: absolute path of the file; None for a built-in and a DataFrame.
        frame: (n_rows, n_used) the columns that `schema` uses, in file order: float64 where
            numeric or datetime (days since 1970-01-01), a category of text otherwise. Of arrays
            (n_rows, d) float32, the numbers of a row one after another.
        schema: every feature column in file order, the dropped ones too.
        target: name of the target column.
        labels: the K classes as text; (negative, positive) for two.
        y: (n_rows,) int64, the place of each row's class in `labels`.
        weights: (n_rows,) float32 > 0, how much each row counts; None without the role.
        groups: (n_rows,) int64, equal for rows of one group; None without the role.
        times: (n_rows,) float64, rising with time; None without the role.
        sha256: hash of the file's bytes; of the content, for a built-in and a DataFrame.
        columns: names of all raw columns but the target.
        dropped_rows: rows left out because their target is missing.
        dialect: how a CSV file is written; None for any other table.
        shape: of arrays, the shape of one row; `schema` then has one column, `x`, for them all.
            None for a table.
    """

    name: str
    path: str | None
    frame: pd.DataFrame
    schema: Schema
    target: str
    labels: tuple[str, ...]
    y: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32] | None = None
    groups: npt.NDArray[np.int64] | None = None
    times: npt.NDArray[np.float64] | None = None
    sha256: str
    columns: tuple[str, ...]
    dropped_rows: int
    dialect: Dialect | None = None
    shape: tuple[int, ...] | None = None

    def arrays(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return rows of arrays, (len(rows), *shape); a table has none."""
        assert self.shape is not None
        return self.frame.to_numpy()[rows].reshape(-1, *self.shape)


def read_table(
    data: str | Path | pd.DataFrame,
    target: str | None = None,
    roles: Roles = NO_ROLES,
    *,
    watch: Callable[[int], None] | None = None,
    raw: bool = False,
) -> Table:
    """Read a table and its target, in batches and never whole as text.

    Args:
        data: a name in BUILT_IN, the path of a CSV, Parquet or .npz file, or a DataFrame.
        target: the target column; None takes the built-in's own, or the column called "target" in
            any case. Of arrays it is `y`.
        roles: what is said about the columns; everything else is inferred.
        watch: called with the rows read so far, again and again while a table is read.
        raw: whether rows of single numbers in an .npz file stay an array, fed as they are, instead
            of becoming a table of numbers. What has more axes is an array anyway.

    Raises:
        DataError: the file cannot be read, has no such target or columns, a column does not fit
            its role, no column is of use, or the target is not two classes or more of at least
            MIN_ROWS_PER_CLASS rows each.
    """
    if isinstance(data, pd.DataFrame):
        return _read_frame(name_columns(data), target, roles, "DataFrame", watch)
    if isinstance(data, str) and data in BUILT_IN:
        made = {"breast-cancer": lambda: _breast_cancer(target, roles, watch)}
        return made.get(data, lambda: _digits(target, roles))()
    if not isinstance(data, str | Path):
        raise DataError(
            "data must be a built-in name, a path or a pandas DataFrame; "
            f"got {type(data).__name__}. Put the columns into a DataFrame."
        )
    if not str(data).strip():
        raise DataError(
            f"a table must be a CSV, Parquet or .npz file, or `{BUILT_IN[0]}`; got an empty name. "
            "Give the path of a file."
        )
    path = Path(data)
    if isinstance(data, str) and not path.exists():
        _suggest_built_in(data)
    if is_npz(path):
        return _read_npz(path, target, roles, raw, watch)
    return _read_path(path, target, roles, watch)


def _read_path(
    path: Path, target: str | None, roles: Roles, watch: Callable[[int], None] | None
) -> Table:
    dialect = file_dialect(path)
    with closing(read_batches(path, batch_rows=1, dialect=dialect)) as head:
        rows = _batch_rows(next(head))

    def batches(columns: Collection[str] | None) -> Iterator[pd.DataFrame]:
        return read_batches(path, batch_rows=rows, columns=columns, dialect=dialect)

    name = Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
    table = _read(batches, target, roles, name, watch)
    return replace(table, path=str(path.resolve()), sha256=hash_file(path), dialect=dialect)


def _read_frame(
    frame: pd.DataFrame,
    target: str | None,
    roles: Roles,
    name: str,
    watch: Callable[[int], None] | None,
) -> Table:
    def batches(columns: Collection[str] | None) -> Iterator[pd.DataFrame]:
        return pieces(frame if columns is None else frame[list(columns)], _batch_rows(frame))

    return replace(_read(batches, target, roles, name, watch), sha256=hash_content(frame))


def _breast_cancer(target: str | None, roles: Roles, watch: Callable[[int], None] | None) -> Table:
    if target not in (None, "target"):
        raise DataError(
            f"the target of the built-in `breast-cancer` is `target`; got {quoted(target)}. "
            "Leave --target out."
        )
    bunch = load_breast_cancer(as_frame=True)
    names = np.array([str(name) for name in bunch.target_names], dtype=object)
    frame = bunch.data.assign(target=names[bunch.target.to_numpy()])
    # scikit-learn counts benign as class 1: kept, so that its published figures compare.
    roles = replace(roles, positive=roles.positive or "benign")
    return _read_frame(name_columns(frame), target, roles, "breast-cancer", watch)


def _digits(target: str | None, roles: Roles) -> Table:
    x, y, sha256 = read_digits()
    return replace(_arrays(x, y, target, roles, "digits"), sha256=sha256)


def _read_npz(
    path: Path,
    target: str | None,
    roles: Roles,
    raw: bool,
    watch: Callable[[int], None] | None,
) -> Table:
    x, y = read_npz(path)
    if x.ndim > 2 or raw:
        table = _arrays(x, y, target, roles, path.stem)
    else:
        frame = numbered(x)
        said = {*roles.categorical, *roles.drop, roles.weight, roles.group, roles.time}
        numeric = tuple(n for n in frame.columns if n not in said)
        roles = replace(roles, numeric=numeric)
        table = _read_frame(frame.assign(y=y), target or Y, roles, path.stem, watch)
    return replace(table, path=str(path.resolve()), sha256=hash_file(path))


def _arrays(
    x: npt.NDArray[np.float32], y: pd.Series, target: str | None, roles: Roles, name: str
) -> Table:
    """Return the table of arrays, with neither path nor hash."""
    if target not in (None, Y):
        raise DataError(f"the target of arrays is `{Y}`; got {quoted(target)}. Leave --target out.")
    if roles != Roles(positive=roles.positive):
        raise DataError(
            f"arrays have one column, `{X}`, that is fed as it is; only --positive can be said "
            "beside it. Leave out what names other columns."
        )
    read = read_target(y, minimum=MIN_ROWS_PER_CLASS, positive=roles.positive)
    shape = x.shape[1:]
    why = f"{say_shape(shape)} numbers a row, fed as they are"
    return Table(
        name=name,
        path=None,
        frame=numbered(x[read.kept].reshape(int(read.kept.sum()), -1)),
        schema=Schema(columns=(Column(name=X, kind="numeric", why=why),)),
        target=Y,
        labels=read.labels,
        y=read.y,
        sha256="",
        columns=(X,),
        dropped_rows=int(np.count_nonzero(~read.kept)),
        shape=shape,
    )


def _suggest_built_in(data: str) -> None:
    near = difflib.get_close_matches(data, BUILT_IN, n=1)
    if near:
        raise DataError(f"there is no file {quoted(data)}; did you mean the built-in `{near[0]}`?")


def _batch_rows(frame: pd.DataFrame) -> int:
    return max(1_000, _BATCH_CELLS // max(1, frame.shape[1]))


def _read(
    batches: Batches,
    target: str | None,
    roles: Roles,
    name: str,
    watch: Callable[[int], None] | None,
) -> Table:
    """Return the table of some batches, with neither path nor hash."""
    found: list[str] = []  # the target, then all columns in file order
    said: dict[str, str] = {}

    def plan(columns: tuple[str, ...]) -> Mapping[str, Wanted]:
        column = find_target(columns, target, name)
        said.update(named_columns(roles, columns, column, name))
        found.extend((column, *columns))
        wanted = {c: _WANTED.get(said.get(c, ""), "any") for c in columns if said.get(c) != "drop"}
        return {**wanted, column: "plain"}

    gathered = gather(batches, plan, watch)
    column, *columns = found
    columns.remove(column)
    read = _target(gathered.pop(column), name, roles)
    _check_features(columns, column, name)
    schema, frame = _features(columns, said, gathered, read.kept)
    return Table(
        name=name,
        path=None,
        frame=frame,
        schema=schema,
        target=column,
        labels=read.labels,
        y=read.y,
        weights=read_weights(gathered.get(roles.weight or ""), read.kept),
        groups=read_groups(gathered.get(roles.group or ""), read.kept),
        times=read_times(gathered.get(roles.time or ""), read.kept),
        sha256="",
        columns=tuple(columns),
        dropped_rows=int(np.count_nonzero(~read.kept)),
    )


def _target(gathered: Gathered, table: str, roles: Roles) -> Target:
    if gathered.n_rows == 0:
        raise DataError(f"{quoted(table)} must hold rows below its header; got none.")
    column = pd.Series(gathered.typed(), name=gathered.name)
    return read_target(column, minimum=MIN_ROWS_PER_CLASS, positive=roles.positive)


def _check_features(columns: list[str], target: str, table: str) -> None:
    if not columns:
        raise DataError(
            f"{quoted(table)} must have feature columns beside its target {quoted(target)}; "
            "got none. Add columns to predict it from."
        )


def _features(
    columns: list[str],
    said: Mapping[str, str],
    gathered: dict[str, Gathered],
    kept: npt.NDArray[np.bool_],
) -> tuple[Schema, pd.DataFrame]:
    """Return schema and frame of the features; `gathered` keeps the columns with other roles."""
    schema: list[Column] = []
    cells: dict[str, Cells] = {}
    for name in columns:
        option = said.get(name)
        if option in _WHY_DROPPED:
            order = time_order(gathered[name]) if option == "time" else None
            why = _WHY_DROPPED[option]
            schema.append(Column(name=name, kind="dropped", why=why, order=order))
            continue
        # Popped, so that a column is never held twice for longer than its turn.
        column, typed = infer(gathered.pop(name), _ASKED.get(option or ""))
        schema.append(column)
        if typed is not None:
            cells[name] = typed if kept.all() else typed[kept]
    if not cells:
        reasons = "; ".join(f"{quoted(column.name)}: {column.why}" for column in schema[:5])
        raise DataError(
            f"at least one column must tell rows apart; got none ({reasons}). "
            "Add columns that vary and repeat, or say --numeric or --categorical of one."
        )
    index = pd.RangeIndex(int(np.count_nonzero(kept)))
    frame = pd.DataFrame(cells, index=index, copy=False)
    return Schema(columns=tuple(schema)), frame
