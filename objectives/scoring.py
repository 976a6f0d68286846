"""Scoring raw rows with an exported model: a probability and a label per row, in row order.

Only the .keras file and its card are used, never the study they came from. A CSV file is streamed,
so it may be larger than memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from objectives.columns import categorical, name_columns
from objectives.errors import ModelFileError
from objectives.files import pieces, read_batches
from objectives.model_card import THRESHOLD, card_path, read_card
from objectives.preprocessing import check_columns, single_precision


def predict(
    model_path: str | Path, data: str | Path | pd.DataFrame, *, batch_rows: int = 65536
) -> pd.DataFrame:
    """Score every row; see `predict_batches`, whose batches this joins."""
    return pd.concat(list(predict_batches(model_path, data, batch_rows=batch_rows)))


def predict_batches(
    model_path: str | Path, data: str | Path | pd.DataFrame, *, batch_rows: int = 65536
) -> Iterator[pd.DataFrame]:
    """Score a table with an exported model, batch by batch in row order.

    A CSV file is read no further than the batch asked for. Columns that the model does not use are
    ignored; the target may be absent.

    Args:
        model_path: the .keras file, with its card beside it.
        data: path of a CSV or Parquet file, or a DataFrame.
        batch_rows: rows scored at once, at least 1.

    Yields:
        DataFrames indexed as the rows (from 0 in a file) with "probability", float32, of the
        positive class, and "label", the positive one from a probability of THRESHOLD upwards. At
        least one, which is empty when the table has no rows.

    Raises:
        DataError: the table cannot be read or does not fit the model.
        ModelFileError: the model or its card cannot be read. Both before the first batch, except
            for faults further down in a CSV file.
    """
    if batch_rows < 1:
        raise ValueError(f"`batch_rows` must be an int of at least 1; got {batch_rows}.")
    scorer = _load(Path(model_path))
    batches = _batches(data, batch_rows)
    first = next(batches)
    check_columns(tuple(column.name for column in scorer.columns), first)
    return _score_all(scorer, first, batches)


@dataclass(frozen=True, kw_only=True)
class _Column:
    name: str
    input: str
    numeric: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scorer:
    model: keras.Model
    columns: tuple[_Column, ...]
    labels: tuple[str, str]


def _load(path: Path) -> _Scorer:
    if not path.is_file():
        raise ModelFileError(
            f"there is no model file `{path}`. Give the .keras file that `dampen export` wrote."
        )
    card = read_card(path)
    model = _load_keras(path)
    columns = tuple(
        _Column(name=column["name"], input=column["input"], numeric=column["kind"] == "numeric")
        for column in card["columns"]
    )
    if {column.input for column in columns} != {tensor.name for tensor in model.inputs}:
        raise ModelFileError(
            f"`{card_path(path)}` must be the card of `{path}`; it lists other columns than the "
            "model's. Export the model again."
        )
    negative, positive = card["labels"]
    return _Scorer(model=model, columns=columns, labels=(str(negative), str(positive)))


def _load_keras(path: Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise ModelFileError(
            f"`{path}` must be an exported .keras model; loading it failed: {reason}. "
            "Export the model again."
        ) from error


def _batches(data: str | Path | pd.DataFrame, batch_rows: int) -> Iterator[pd.DataFrame]:
    if isinstance(data, pd.DataFrame):
        return pieces(name_columns(data), batch_rows)
    return read_batches(Path(data), batch_rows=batch_rows)


def _score_all(
    scorer: _Scorer, first: pd.DataFrame, rest: Iterator[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    yield _score(scorer, first)
    for piece in rest:
        yield _score(scorer, piece)


def _score(scorer: _Scorer, frame: pd.DataFrame) -> pd.DataFrame:
    probability = np.zeros(len(frame), dtype=np.float32)
    if len(frame) > 0:
        inputs = {c.input: _input(c, frame[c.name]) for c in scorer.columns}
        output = scorer.model(inputs, training=False)
        probability = keras.ops.convert_to_numpy(output).reshape(-1)
    labels = np.array(scorer.labels, dtype=object)[(probability >= THRESHOLD).astype(np.int64)]
    return pd.DataFrame({"probability": probability, "label": labels}, index=frame.index)


def _input(column: _Column, series: pd.Series) -> tf.Tensor:
    if column.numeric:
        return tf.constant(single_precision(series)[:, np.newaxis])
    texts = categorical(series)
    levels = np.array([*texts.cat.categories, ""], dtype=object)  # code -1: missing
    return tf.constant(levels[texts.cat.codes.to_numpy()][:, np.newaxis], dtype=tf.string)
