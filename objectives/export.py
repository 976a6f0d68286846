"""A trained network and its preprocessing as one file that scores raw rows anywhere.

`export_model` puts the preprocessing's formulas in front of the network as stock Keras layers and
operations, so that `keras.models.load_model` opens the file, in safe mode, where this project is
not installed. Inputs by raw column, each (n_rows, 1):

    numeric       float32, NaN where missing
    categorical   string, "" where missing

The output is the probability of the positive class, (n_rows, 1) float32. `model_card` describes the
JSON file beside the model; next is `scoring`, which reads the two.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from objectives.errors import ModelFileError
from objectives.model_card import card_path, make_card
from objectives.preprocessing import CategoricalColumn, NumericColumn, Preprocessing

_ENCODER = "rows_to_probability"


def export_model(
    network: keras.Model, preprocessing: Preprocessing, path: Path, *, card: Mapping[str, Any]
) -> None:
    """Write the network with its preprocessing to `path`, and the model card beside it.

    Both files are written beside and renamed; existing ones are replaced.

    Args:
        network: stock Keras layers, (n_rows, n_features) in the preprocessing's order to one logit
            (n_rows, 1).
        path: ends in ".keras", in an existing folder.
        card: what else the card says, in JSON types; must hold "target", and "labels" as
            [negative, positive].

    Raises:
        ModelFileError: the path cannot be written, the card lacks a key, or the network does not
            fit the preprocessing.
    """
    _check_path(path)
    _check_network(network, preprocessing)
    names = input_names(preprocessing.columns)
    model = _raw_model(network, preprocessing, names)
    text = json.dumps(make_card(preprocessing, names, card), indent=2, allow_nan=False)
    model_beside = path.with_name(f".{path.stem}.{os.getpid()}.keras")
    card_beside = path.with_name(f".{path.stem}.{os.getpid()}.json")
    try:
        model.save(model_beside)
        card_beside.write_text(text + "\n", encoding="utf-8")
        card_beside.replace(card_path(path))
        model_beside.replace(path)
    except OSError as error:
        raise ModelFileError(
            f"the model must be written to `{path}`; that failed: {error.strerror or error}. "
            "Choose another place with -o."
        ) from error
    finally:
        model_beside.unlink(missing_ok=True)
        card_beside.unlink(missing_ok=True)


def input_names(columns: Sequence[str]) -> dict[str, str]:
    """Return the name of the model's input for each column: the column's own where it can be.

    Keras refuses some characters, and serving systems more: a name keeps ASCII letters, digits and
    "_", starts with no digit, and gets a number where two would differ at most in case.
    """
    plain = {column for column in columns if _plain_name(column) == column}
    # Plain names first, so that "a_b" keeps its name when "a b" stands before it.
    taken: set[str] = {_ENCODER}
    names: dict[str, str] = {}
    for column in sorted(columns, key=lambda column: column not in plain):
        name, number = _plain_name(column), 1
        while name.casefold() in taken:
            number += 1
            name = f"{_plain_name(column)}_{number}"
        taken.add(name.casefold())
        names[column] = name
    return {column: names[column] for column in columns}


def _plain_name(column: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", column)
    return name if re.match(r"[A-Za-z]", name) else f"column_{name.strip('_')}".rstrip("_")


def _raw_model(
    network: keras.Model, preprocessing: Preprocessing, names: Mapping[str, str]
) -> keras.Model:
    """Return a model from raw columns to the probability.

    It holds nothing but its inputs and one inner model: Keras wants the names within a model to be
    unique, so a column called like an operation ("divide") would collide with it otherwise.
    """
    outer: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    feeds: dict[str, Any] = {}
    n_numeric = len(preprocessing.numeric)
    for i, column in enumerate(preprocessing.columns):
        dtype = "float32" if i < n_numeric else "string"
        name = names[column]
        outer[name] = keras.Input(shape=(1,), dtype=dtype, name=name)
        inner[column] = keras.Input(shape=(1,), dtype=dtype, name=f"column_{i}")
        feeds[f"column_{i}"] = outer[name]
    probability = keras.ops.sigmoid(network(_features(preprocessing, inner)))
    encoder = keras.Model({x.name: x for x in inner.values()}, probability, name=_ENCODER)
    return keras.Model(outer, encoder(feeds))


def _features(preprocessing: Preprocessing, inputs: Mapping[str, Any]) -> Any:
    """Return the features of `Preprocessing.transform`, in its order, as a Keras tensor."""
    blocks = []
    if preprocessing.values:
        x = _joined([inputs[column.name] for column in preprocessing.values])
        blocks.append(_standardised(preprocessing.values, x, preprocessing.clip))
    if preprocessing.indicators:
        x = _joined([inputs[column.name] for column in preprocessing.indicators])
        blocks.append(keras.ops.cast(keras.ops.logical_not(keras.ops.isfinite(x)), "float32"))
    blocks += [_one_hot(column, inputs[column.name]) for column in preprocessing.categorical]
    return _joined(blocks)


def _standardised(columns: Sequence[NumericColumn], x: Any, clip: float) -> Any:
    median = np.array([column.median for column in columns], dtype=np.float32)
    center = np.array([column.center for column in columns], dtype=np.float32)
    scale = np.array([column.scale for column in columns], dtype=np.float32)
    filled = keras.ops.where(keras.ops.isfinite(x), x, median)
    value = keras.ops.divide(keras.ops.subtract(filled, center), scale)
    return keras.ops.clip(value, -clip, clip)


def _one_hot(column: CategoricalColumn, x: Any) -> Any:
    # The token for unlisted levels must differ from every level, even from a level "[UNK]".
    token = "[UNK]"  # noqa: S105, no password
    while token in column.levels:
        token = f"[{token}]"
    lookup = keras.layers.StringLookup(
        vocabulary=list(column.levels), num_oov_indices=1, oov_token=token, mask_token=None
    )
    index = keras.ops.squeeze(lookup(x), axis=1)  # 0 for unlisted, 1 ... L for the levels
    # Without an "other" slot, unlisted becomes -1, whose one-hot is all zeros.
    return keras.ops.one_hot(index if column.has_other else index - 1, column.width)


def _joined(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else keras.ops.concatenate(list(tensors), axis=1)


def _check_path(path: Path) -> None:
    if path.suffix != ".keras":
        raise ModelFileError(
            f"a model file must end in .keras; got `{path}`. Write -o {path.stem}.keras."
        )
    if not path.parent.is_dir():
        raise ModelFileError(
            f"the model must go into an existing folder; `{path.parent}` is none. "
            "Make the folder, or choose another with -o."
        )
    if path.is_dir():
        raise ModelFileError(f"a model is a file; `{path}` is a folder. Choose another name.")


def _check_network(network: keras.Model, preprocessing: Preprocessing) -> None:
    wanted = (preprocessing.n_features, 1)
    shapes = (network.input_shape[-1], network.output_shape[-1])
    if shapes != wanted:
        raise ModelFileError(
            f"the network must take {wanted[0]} features and give 1 logit; it takes {shapes[0]} "
            f"and gives {shapes[1]}. Export it with the preprocessing it was trained with."
        )
