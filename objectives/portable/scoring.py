"""Scoring raw rows with an exported model: probabilities and a label per row, in row order.

Only the .keras file and its card are used, never the study they came from. A file is streamed, so
it may be larger than memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from objectives.errors import DataError, ModelFileError
from objectives.features.preprocessing import check_columns, filled_cells
from objectives.features.scaling import single_precision
from objectives.portable.date_texts import date_texts
from objectives.portable.model_card import THRESHOLD, card_path, read_card
from objectives.portable.remarks import Remarks
from objectives.table.cells import first_no_number, texts
from objectives.table.columns import categorical, name_columns
from objectives.table.files import file_dialect, pieces, read_batches
from objectives.table.npz import is_npz, numbered, read_features, say_shape

BATCH = 16_384  # rows; what a model makes of one date takes some hundred numbers on the way


def predict(
    model_path: str | Path,
    data: str | Path | pd.DataFrame,
    *,
    batch_rows: int = BATCH,
    remarks: Remarks | None = None,
) -> pd.DataFrame:
    """Score every row; see `predict_batches`, whose batches this joins."""
    return pd.concat(
        list(predict_batches(model_path, data, batch_rows=batch_rows, remarks=remarks))
    )


def predict_batches(
    model_path: str | Path,
    data: str | Path | pd.DataFrame,
    *,
    batch_rows: int = BATCH,
    remarks: Remarks | None = None,
) -> Iterator[pd.DataFrame]:
    """Score a table or arrays with an exported model, batch by batch in row order.

    A file is read no further than the batch asked for. Columns that the model does not use are
    ignored; the target may be absent.

    Args:
        model_path: the .keras file, with its card beside it.
        data: path of a CSV, Parquet or .npz file, or a DataFrame. Of an .npz file `x` is read.
        batch_rows: rows scored at once, at least 1.
        remarks: is told what is odd about the rows, batch by batch.

    Yields:
        DataFrames indexed as the rows (from 0 in a file) with "probability_<label>", float32, for
        each class, and "label": of two classes the positive one from a probability of THRESHOLD
        upwards, of more the most probable. At least one, which is empty when the table has no rows.

    Raises:
        DataError: the table cannot be read or does not fit the model.
        ModelFileError: the model or its card cannot be read. Both before the first batch, except
            for faults further down in a file.
    """
    if batch_rows < 1:
        raise ValueError(f"`batch_rows` must be an int of at least 1; got {batch_rows}.")
    scorer = _load(Path(model_path))
    remarks = Remarks() if remarks is None else remarks
    if scorer.shape is not None:
        return _score_arrays(scorer, _arrays(data, scorer.shape), batch_rows)
    batches = _batches(data, batch_rows, scorer.encoding, remarks)
    first = next(batches)
    check_columns(tuple(column.name for column in scorer.columns), first)
    remarks.extra = tuple(name for name in first.columns if name not in scorer.expected)
    return _score_all(scorer, first, batches, remarks)


@dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    input: str
    kind: str
    order: str = "YMD"  # of a date
    levels: frozenset[str] = field(default_factory=frozenset)  # that the model knows


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scorer:
    model: keras.Model
    columns: tuple[_Column, ...]
    labels: tuple[str, ...]
    expected: frozenset[str]  # columns that a table may have without a remark
    encoding: str | None  # of the file it was trained on
    shape: tuple[int, ...] | None  # of a row, where it takes arrays


def _load(path: Path) -> _Scorer:
    if not path.is_file():
        raise ModelFileError(
            f"there is no model file `{path}`. Give the .keras file that `dampen export` wrote."
        )
    card = read_card(path)
    model = _load_keras(path)
    columns = tuple(
        _Column(
            name=column["name"],
            input=column["input"],
            kind=column["kind"],
            order=column.get("order", "YMD"),
            levels=frozenset(column.get("levels", ())),
        )
        for column in card["columns"]
    )
    wanted = {tensor.name for tensor in model.inputs}, model.outputs[0].shape[-1]
    array = card.get("array")
    inputs = {column.input for column in columns} if array is None else {array["input"]}
    if (inputs, len(card["labels"])) != wanted:
        raise ModelFileError(
            f"`{card_path(path)}` must be the card of `{path}`; it lists other columns or labels "
            "than the model's. Export the model again."
        )
    expected = {column.name for column in columns} | {card["target"], *card["dropped"]}
    return _Scorer(
        model=model,
        columns=columns,
        labels=tuple(card["labels"]),
        expected=frozenset(expected),
        encoding=card.get("encoding"),
        shape=None if array is None else tuple(array["shape"]),
    )


def _load_keras(path: Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise ModelFileError(
            f"`{path}` must be an exported .keras model; loading it failed: {reason}. "
            "Export the model again."
        ) from error


def _batches(
    data: str | Path | pd.DataFrame, batch_rows: int, encoding: str | None, remarks: Remarks
) -> Iterator[pd.DataFrame]:
    if isinstance(data, pd.DataFrame):
        return pieces(name_columns(data), batch_rows)
    if is_npz(data):
        x = read_features(Path(data))
        if x.ndim != 2:
            raise DataError(
                f"the model was trained on a table; {Path(data).name} holds arrays of "
                f"{say_shape(x.shape[1:])}. Give it a table with the model's columns."
            )
        return pieces(numbered(x), batch_rows)
    dialect = file_dialect(Path(data), likely=encoding)
    if dialect is not None and dialect.guessed:
        remarks.guessed = dialect.encoding
    return read_batches(Path(data), batch_rows=batch_rows, dialect=dialect)


def _arrays(data: str | Path | pd.DataFrame, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the arrays to score, (n, *shape)."""
    if isinstance(data, pd.DataFrame) or not is_npz(data):
        raise DataError(
            f"the model takes arrays of {say_shape(shape)}, so new rows come as `x` in an .npz "
            "file; got a table. Save them with numpy.savez(..., x=...)."
        )
    x = read_features(Path(data))
    if x.shape[1:] != shape:
        raise DataError(
            f"the model takes arrays of {say_shape(shape)} numbers a row; those of "
            f"{Path(data).name} are {say_shape(x.shape[1:])}. Give it rows as it was trained on."
        )
    return x


def _score_arrays(
    scorer: _Scorer, x: npt.NDArray[np.float32], batch_rows: int
) -> Iterator[pd.DataFrame]:
    for start in range(0, max(1, len(x)), batch_rows):
        block = x[start : start + batch_rows]
        index = pd.RangeIndex(start, start + len(block))
        probability = np.zeros((0, len(scorer.labels)), dtype=np.float32)
        if len(block):
            probability = keras.ops.convert_to_numpy(scorer.model(block, training=False))
        yield _scored(scorer, probability, index)


def _score_all(
    scorer: _Scorer, first: pd.DataFrame, rest: Iterator[pd.DataFrame], remarks: Remarks
) -> Iterator[pd.DataFrame]:
    yield _score(scorer, first, 0, remarks)
    row = len(first)
    for piece in rest:
        yield _score(scorer, piece, row, remarks)
        row += len(piece)


def _score(scorer: _Scorer, frame: pd.DataFrame, row: int, remarks: Remarks) -> pd.DataFrame:
    """Score the rows of one batch, the first of which is number `row` of the table."""
    probability = np.zeros((len(frame), len(scorer.labels)), dtype=np.float32)
    if len(frame) > 0:
        inputs = {c.input: _input(c, frame[c.name], row, remarks) for c in scorer.columns}
        output = scorer.model(inputs, training=False)
        probability = keras.ops.convert_to_numpy(output)
    return _scored(scorer, probability, frame.index)


def _scored(scorer: _Scorer, probability: npt.NDArray[np.float32], index: pd.Index) -> pd.DataFrame:
    """Return what is said of rows from their probabilities, (n, K)."""
    columns: dict[str, object] = {
        f"probability_{label}": probability[:, i] for i, label in enumerate(scorer.labels)
    }
    columns["label"] = _labels(scorer.labels, probability)
    return pd.DataFrame(columns, index=index)


def _labels(labels: Sequence[str], probability: npt.NDArray[np.float32]) -> npt.NDArray[np.object_]:
    if len(labels) == 2:
        called = (probability[:, 1] >= THRESHOLD).astype(np.int64)
    else:
        called = probability.argmax(axis=1)
    return np.array(labels, dtype=object)[called]


def _input(column: _Column, series: pd.Series, row: int, remarks: Remarks) -> tf.Tensor:
    """Return one column as the model takes it, (n, 1); `row` is the number of its first row."""
    if column.kind == "numeric":
        return tf.constant(_numbers(series, row)[:, np.newaxis])
    if column.kind == "categorical":
        cells = _levels(column, series, remarks)
    elif column.kind == "datetime":
        cells, unread = date_texts(series, column.order)
        if len(unread):
            remarks.add_unread(column.name, len(unread), unread[0])
    else:
        cells = np.where(filled_cells(series), "filled", "").astype(object)
    return tf.constant(cells[:, np.newaxis], dtype=tf.string)


def _numbers(series: pd.Series, row: int) -> npt.NDArray[np.float32]:
    try:
        return single_precision(series)
    except DataError as error:
        place, cell = first_no_number(texts(series))
        raise DataError(
            f"column `{series.name}` must hold numbers, as it did in training; row "
            f"{row + place + 1:,} holds {cell!r}. Correct that cell or leave it empty."
        ) from error


def _levels(column: _Column, series: pd.Series, remarks: Remarks) -> npt.NDArray[np.object_]:
    typed = categorical(series)
    levels = np.array([*typed.cat.categories, ""], dtype=object)
    codes = typed.cat.codes.to_numpy()  # -1 is missing
    rare = np.array([*(level not in column.levels for level in levels[:-1]), False], dtype=bool)
    found = codes[rare[codes]]
    if len(found):
        remarks.add_rare(column.name, len(found), str(levels[found[0]]))
    return levels[codes]
