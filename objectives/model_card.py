"""The model card: a JSON file beside an exported model that says what its inputs and outputs mean.

model.keras -> model.json. `export` writes it and `scoring` reads it; it needs no TensorFlow, so a
command can show it without loading the model.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from objectives.errors import ModelFileError
from objectives.preprocessing import Preprocessing

CARD_FORMAT = 1
# A row gets the positive label from this probability upwards.
THRESHOLD = 0.5


def card_path(model_path: Path) -> Path:
    """Return where the model card of `model_path` lies: the same name with .json."""
    return model_path.with_suffix(".json")


def read_card(model_path: Path) -> dict[str, Any]:
    """Return the model card that lies beside an exported model.

    Raises:
        ModelFileError: there is none, or it is not a card that this release reads.
    """
    path = card_path(model_path)
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
    preprocessing: Preprocessing, names: Mapping[str, str], card: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the whole card: what the caller knows of the model, and its columns.

    Args:
        names: the model's input for each raw column.
        card: must hold "target", and "labels" as [negative, positive]; all else is kept as it is.

    Raises:
        ModelFileError: one of the two is missing.
    """
    labels = card.get("labels")
    if "target" not in card or not isinstance(labels, Sequence) or len(labels) != 2:
        raise ModelFileError(
            'the model card must hold "target", and "labels" as [negative, positive]; '
            f"got the keys {sorted(card)}. Pass both in `card`."
        )
    columns: list[dict[str, Any]] = []
    for number in preprocessing.numeric:
        columns.append({"name": number.name, "input": names[number.name], "kind": "numeric"})
    for text in preprocessing.categorical:
        columns.append(
            {
                "name": text.name,
                "input": names[text.name],
                "kind": "categorical",
                "levels": list(text.levels),
            }
        )
    return {
        **card,
        "format": CARD_FORMAT,
        "target": card["target"],
        "labels": list(labels),
        "positive_label": labels[1],
        "threshold": THRESHOLD,
        "columns": columns,
        "dropped": dict(preprocessing.dropped),
        "features": list(preprocessing.feature_names),
    }
