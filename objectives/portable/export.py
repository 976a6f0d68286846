"""Trained networks and their preprocessing as one model that scores raw rows anywhere.

`export_model` puts the preprocessing's formulas in front of the networks as stock Keras layers and
operations (`portable`), so that `keras.models.load_model` opens the file, in safe mode, where this
project is not installed. Inputs by raw column, each (n_rows, 1):

    numeric                      float32, NaN where missing
    categorical, datetime, text  string, "" where missing

Of arrays there is one input, `x`, (n_rows, ...) float32, which goes to the networks as it is.

The output is the probability of each class, (n_rows, K) float32, in the order of the labels: the
mean over the networks, weighted where they are told to be. `model_card` describes the JSON file
beside the model; next is `scoring`, which reads the two.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from objectives.errors import ModelFileError
from objectives.features.preprocessing import Preprocessing
from objectives.portable.array_graph import array_model
from objectives.portable.graph import ENCODER, Branch, raw_model
from objectives.portable.input_names import input_names
from objectives.portable.model_card import card_path, make_card
from objectives.portable.onnx_file import write_onnx
from objectives.table.npz import X

# What a model can be written as, and how its path ends.
FORMS = {"keras": ".keras", "savedmodel": "", "onnx": ".onnx"}


def export_model(
    networks: Sequence[keras.Model],
    preprocessings: Sequence[Preprocessing],
    path: Path,
    *,
    card: Mapping[str, Any],
    array: tuple[int, ...] | None = None,
    scaling: str | Sequence[str] = "standard",
    weights: Sequence[float] | None = None,
    form: str = "keras",
) -> None:
    """Write networks with their preprocessing to `path`, and the model card beside it.

    Both are written beside and renamed; existing ones are replaced. Whatever goes wrong leaves no
    half of a model behind.

    Args:
        networks: one a fold, or those of several trials' folds, of stock Keras layers: features
            (n_rows, F), or {"features", "codes"}, to logits (n_rows, 1) for two classes and
            (n_rows, K) for more. F may be larger than the preprocessing's features, and codes
            wider: what is missing is zeros on the right.
        preprocessings: one a network; that of a fold may be there several times.
        path: ends in ".keras", in ".onnx", or in neither for a SavedModel, which is a folder; in
            an existing folder.
        card: what else the card says, in JSON types; must hold "target" and "labels".
        array: of networks that are fed arrays, the shape of a row.
        scaling: of the numeric values that the networks were trained on, one of SCALINGS; for all
            or one a network.
        weights: what each network counts in the mean, summing to 1; all alike unless told.
        form: one of FORMS.

    Raises:
        ModelFileError: the path cannot be written, the card lacks a key, a network does not fit
            its preprocessing, or the form is not to be had for this model.
    """
    _check_path(path, form)
    folds = list({id(fold): fold for fold in preprocessings}.values())
    columns = tuple(dict.fromkeys(name for fold in folds for name in fold.columns))
    names = input_names(columns, reserved={ENCODER})
    common = {"scaling": scaling} if isinstance(scaling, str) else {}
    fed = {} if array is None else {"array": {"input": X, "shape": list(array)}}
    described = make_card(folds, names, {**card, **common, **fed})
    n = len(networks)
    shares = [1 / n] * n if weights is None else weights
    if array is not None:
        model = array_model(networks, shares, array)
    else:
        _check_networks(networks, preprocessings, len(described["labels"]))
        model = _table_model(networks, preprocessings, scaling, shares, names)
    text = json.dumps(described, indent=2, allow_nan=False) + "\n"
    write = {"keras": _write_keras, "savedmodel": _write_saved_model, "onnx": write_onnx}[form]
    _write_both(lambda beside: write(model, beside), path, text)


def _table_model(
    networks: Sequence[keras.Model],
    preprocessings: Sequence[Preprocessing],
    scaling: str | Sequence[str],
    weights: Sequence[float],
    names: Mapping[str, str],
) -> keras.Model:
    n = len(networks)
    branches = [
        Branch(network=network, preprocessing=preprocessing, scaling=of_one, weight=weight)
        for network, preprocessing, of_one, weight in zip(
            networks,
            preprocessings,
            [scaling] * n if isinstance(scaling, str) else scaling,
            weights,
            strict=True,
        )
    ]
    return raw_model(branches, names)


def _write_keras(model: keras.Model, path: Path) -> None:
    model.save(path)


def _write_saved_model(model: keras.Model, path: Path) -> None:
    model.export(path, format="tf_saved_model", verbose=False)


def _write_both(write: Callable[[Path], None], path: Path, card: str) -> None:
    """Write the model by `write`, and its card, beside their places; then put both there."""
    model_beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    card_beside = path.with_name(f".{path.stem}.{os.getpid()}.json")
    try:
        write(model_beside)
        card_beside.write_text(card, encoding="utf-8")
        card_beside.replace(card_path(path))
        if path.is_dir():
            shutil.rmtree(path)
        model_beside.replace(path)
    except OSError as error:
        raise ModelFileError(
            f"the model must be written to `{path}`; that failed: {error.strerror or error}. "
            "Choose another place with -o."
        ) from error
    finally:
        shutil.rmtree(model_beside, ignore_errors=True)
        if model_beside.is_file():
            model_beside.unlink()
        card_beside.unlink(missing_ok=True)


def _check_path(path: Path, form: str) -> None:
    if form not in FORMS:
        raise ModelFileError(
            f"the form of a model must be one of {', '.join(FORMS)}; got `{form}`. Choose one."
        )
    wanted = FORMS[form]
    if wanted and path.suffix != wanted:
        stem = "model" if path.name in FORMS.values() else path.stem  # of .keras, and of nothing
        better = path.parent / f"{stem}{wanted}"
        raise ModelFileError(f"a model file must end in {wanted}; got `{path}`. Write -o {better}.")
    if not wanted and path.suffix in FORMS.values() and path.suffix:
        raise ModelFileError(
            f"a SavedModel is a folder; `{path}` is the name of a file. Write -o {path.stem}."
        )
    if not path.parent.is_dir():
        raise ModelFileError(
            f"the model must go into an existing folder; `{path.parent}` is none. "
            "Make the folder, or choose another with -o."
        )
    if wanted and path.is_dir():
        raise ModelFileError(f"a model is a file; `{path}` is a folder. Choose another name.")
    if not wanted and path.exists() and not (path / "saved_model.pb").is_file():
        raise ModelFileError(
            f"only an earlier SavedModel is replaced; `{path}` is something else. "
            "Choose another name with -o."
        )


def _check_networks(
    networks: Sequence[keras.Model], preprocessings: Sequence[Preprocessing], n_labels: int
) -> None:
    if len(networks) != len(preprocessings) or not networks:
        raise ModelFileError(
            f"every network needs the preprocessing of its fold; got {len(networks)} networks and "
            f"{len(preprocessings)} preprocessings. Pass as many of both."
        )
    n_outputs = 1 if n_labels == 2 else n_labels
    for network, preprocessing in zip(networks, preprocessings, strict=True):
        wanted = (preprocessing.n_features, len(preprocessing.embedded), n_outputs)
        widths = [tensor.shape[1] for tensor in network.inputs]
        takes = {tensor.name: tensor.shape[1] for tensor in network.inputs}
        n_features = takes["features"] if len(widths) > 1 else widths[0]
        got = (n_features, takes.get("codes", 0), network.outputs[0].shape[1])
        if got[0] < wanted[0] or got[1] < wanted[1] or got[2] != wanted[2]:
            raise ModelFileError(
                f"the network must take {wanted[0]} features and {wanted[1]} codes, and give "
                f"{wanted[2]} logits; it takes {got[0]} and {got[1]} and gives {got[2]}. "
                "Export it with the preprocessing it was trained with."
            )
