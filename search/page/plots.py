"""The two figures of a study's page in optuna-dashboard, as the JSON that plotly.js draws.

They are a handful of lines, so they are written down as they are: plotly's Python package would
take half a second to load to write the same. Next: `front.py` stores them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

# The dashboard has a light and a dark page, and a figure cannot tell: colours that do on both.
_COLOURS = ("#3b82f6", "#e8710a", "#12a67f", "#a06cd5", "#b8930b")
_INK = "#7f8a97"
_CLEAR = "rgba(0, 0, 0, 0)"
_GRID = {"gridcolor": "rgba(127, 138, 151, 0.25)", "zeroline": False}
_LONGEST = 30  # characters of a label
_MOST_CLASSES = 8  # whose curves can be told apart


def roc_figure(
    number: int, curves: Sequence[Sequence[Sequence[float]]], names: Sequence[str]
) -> str:
    """Return the ROC curve of a trial, of several classes one each against the rest.

    Args:
        number: of the trial.
        curves: [[false positive rate, true positive rate], ...] of each.
        names: of each: labels.
    """
    drawn = [pair for pair in zip(names, curves, strict=True) if pair[1]][:_MOST_CLASSES]
    lines = [
        _line(
            [x for x, _ in points],
            [y for _, y in points],
            name=f"{_plain(name)}: {_area(points):.3f}",
            colour=_COLOURS[i % len(_COLOURS)],
        )
        for i, (name, points) in enumerate(drawn)
    ]
    guess = {
        **_line([0, 1], [0, 1], name="guessing", colour=_INK),
        "line": {"color": _INK, "dash": "dot", "width": 1},
        "hoverinfo": "skip",
    }
    layout = _layout(
        f"ROC of the best trial ({number}), validation rows",
        "false positive rate",
        "true positive rate",
    )
    layout["xaxis"]["range"] = layout["yaxis"]["range"] = [-0.01, 1.01]
    # Where no curve worth looking at passes, so that long labels take no room from it.
    place = {"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom"}
    layout["legend"] = {**place, "bgcolor": _CLEAR}
    return json.dumps({"data": [*lines, guess], "layout": layout})


def curves_figure(curves: Mapping[int, Mapping[str, Any]]) -> str:
    """Return the learning curves of a few trials: ROC-AUC, and at a press of a button the losses.

    Args:
        curves: by trial number, the best first: `learning_curve` as it is stored, `best_epoch`.
    """
    ranking, losses = [], []
    for i, (number, curve) in enumerate(curves.items()):
        look = {"name": f"trial {number}", "colour": _COLOURS[i % len(_COLOURS)]}
        values = curve["validation_roc_auc"]
        ranking.append(_line(_epochs(values), values, **look))
        for key, dash in (("validation_loss", "solid"), ("training_loss", "dot")):
            line = _line(_epochs(curve[key]), curve[key], **look)
            line["line"]["dash"] = dash
            line |= {"visible": False, "showlegend": dash == "solid"}
            line["hovertemplate"] = f"{key.replace('_', ' ')} %{{y:.4f}}"
            losses.append(line)
    layout = _layout("Learning curves of the best trials", "epoch", "validation ROC-AUC")
    shown = (
        ("ROC-AUC", "validation ROC-AUC", [True] * len(ranking) + [False] * len(losses)),
        ("loss", "loss (dotted: training)", [False] * len(ranking) + [True] * len(losses)),
    )
    layout["updatemenus"] = [
        {
            "type": "buttons",
            "direction": "left",
            "x": 1,
            "xanchor": "right",
            "y": 1.02,
            "yanchor": "bottom",
            "bgcolor": _CLEAR,
            "bordercolor": _INK,
            "buttons": [
                {
                    "label": label,
                    "method": "update",
                    "args": [{"visible": visible}, {"yaxis.title.text": title}],
                }
                for label, title, visible in shown
            ],
        }
    ]
    return json.dumps({"data": [*ranking, *losses], "layout": layout})


def _line(x: Sequence[float], y: Sequence[float], *, name: str, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "x": list(x),
        "y": [round(value, 6) if math.isfinite(value) else None for value in y],
        "name": name,
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour},
    }


def _layout(title: str, x: str, y: str) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "xaxis": {"title": {"text": x}, **_GRID},
        "yaxis": {"title": {"text": y}, **_GRID},
        "font": {"color": _INK},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "hovermode": "closest",
    }


def _epochs(values: Sequence[float]) -> list[int]:
    return list(range(1, len(values) + 1))


def _area(points: Sequence[Sequence[float]]) -> float:
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))


def _plain(label: str) -> str:
    """Return a label from the data as plotly may write it: it takes some HTML for markup."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in label).split())
    return escape(shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…", quote=False)
