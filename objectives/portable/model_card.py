"""The model card: a JSON file beside an exported model that says what its inputs and outputs mean.

model.keras -> model.keras.json. `export` writes it and `scoring` reads it; it needs no TensorFlow,
so a command can show it without loading the model.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from objectives.errors import ModelFileError
from objectives.features.preprocessing import Preprocessing

CARD_FORMAT = 2
# Of two classes a row gets the positive label from this probability upwards.
THRESHOLD = 0.5

_FEED = (
    "The model takes one array a column, by the column's `input`, each of shape (rows, 1), and "
    "gives (rows, classes) float32: the probability of each of `labels`, in their order. Numeric "
    "columns are float32, NaN where a cell is empty; all others are strings, as they stand in the "
    'file, "" where a cell is empty or holds a word for that, such as NA. A level that is not '
    "listed counts as rare; one that is a whole number may be written 3 or 3.0. Dates are read in "
    "the column's `order` of year, month and day; what cannot be read counts as empty. Python: "
    "keras.models.load_model(path)({input: tensorflow.constant(array), ...})."
)
_FEED_ARRAY = (
    "The model takes an array of shape (rows, ...) float32, each row of the shape in `array`, as "
    "the training file had it, and gives (rows, classes) float32: the probability of each of "
    "`labels`, in their order. Python: keras.models.load_model(path)(array)."
)


def card_path(model_path: Path) -> Path:
    """Return where the model card of `model_path`, a file or folder, is written: NAME.json."""
    return model_path.with_name(f"{model_path.name}.json")


def read_card(model_path: Path) -> dict[str, Any]:
    """Return the model card that lies beside an exported model.

    Raises:
        ModelFileError: there is none, or it is not a card that this release reads.
    """
    path = card_path(model_path)
    earlier = model_path.with_suffix(".json")  # of m.keras m.json, as it was written once
    if not path.exists() and earlier.exists():
        path = earlier
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFileError(
            f"the model card `{path}` must lie beside `{model_path}`; there is none. "
            "Copy it there, or export the model again."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"the model card `{path}` cannot be read: {error}. Export the model again."
        ) from error
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        raise ModelFileError(
            f"`{path}` must be a model card of format {CARD_FORMAT}; it is not. "
            "Export the model again with this release."
        )
    return card


def make_card(
    preprocessings: Sequence[Preprocessing], names: Mapping[str, str], card: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the whole card: what the caller knows of the model, and its columns.

    Args:
        preprocessings: one a fold.
        names: the model's input for each raw column.
        card: must hold "target", and "labels": of two classes [negative, positive]; all else is
            kept as it is.

    Raises:
        ModelFileError: one of the two is missing, or two labels are the same.
    """
    labels = card.get("labels")
    texts = [] if isinstance(labels, str) or not isinstance(labels, Sequence) else labels
    texts = [str(label) for label in texts]
    if "target" not in card or len(texts) < 2 or len(set(texts)) < len(texts):
        raise ModelFileError(
            'the model card must hold "target", and "labels" as two or more different ones; '
            f"got the keys {sorted(card)} and the labels {texts}. Pass both in `card`."
        )
    binary = {"positive_label": texts[1], "threshold": THRESHOLD} if len(texts) == 2 else {}
    columns = describe_columns(preprocessings)
    kept = {column["name"] for column in columns}
    dropped = {name: why for fold in preprocessings for name, why in fold.dropped.items()}
    return {
        **card,
        "format": CARD_FORMAT,
        "target": card["target"],
        "labels": texts,
        **binary,
        "feed": _FEED_ARRAY if "array" in card else _FEED,
        "folds": len(preprocessings),
        "columns": [
            {"name": column["name"], "input": names[column["name"]], **column} for column in columns
        ],
        "dropped": {name: why for name, why in dropped.items() if name not in kept},
        "features": [list(fold.feature_names) for fold in preprocessings],
    }


def describe_columns(preprocessings: Sequence[Preprocessing]) -> list[dict[str, Any]]:
    """Return name, kind and what belongs to the kind of each column that some fold uses.

    Columns stand by kind, as in `Preprocessing.columns`. The levels of a categorical column are
    those that have a place of their own in some fold.
    """
    columns: dict[str, dict[str, Any]] = {}
    for fold in preprocessings:
        for number in fold.numeric:
            columns.setdefault(number.name, {"name": number.name, "kind": "numeric"})
        for leveled in fold.leveled:
            fresh = {"name": leveled.name, "kind": "categorical", "levels": []}
            column = columns.setdefault(leveled.name, fresh)
            column["levels"] = list(dict.fromkeys([*column["levels"], *leveled.levels]))
        for date in fold.datetimes:
            fresh = {"name": date.name, "kind": "datetime", "order": date.order}
            columns.setdefault(date.name, fresh)
        for name in fold.text:
            columns.setdefault(name, {"name": name, "kind": "text"})
    return list(columns.values())
