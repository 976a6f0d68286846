"""Parallel coordinates: each trial a line through all its hyperparameters, from top to bottom.

The axes lie, so that they are as long on a phone as on a screen and their names can be read.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.report.pictures.canvas import (
    INK,
    LINE,
    NETWORK,
    PAPER,
    SOFT,
    picture,
    plain,
    sheet,
)
from search.report.pictures.limits import thinned, value_limits

Trial = Mapping[str, Any]  # number, value, params
Range = Mapping[str, Any]  # choices: [...], or low, high, log

_SHOWN = 160  # lines of trials that are not among the best, at most
_BEST = 0.2  # share of the trials in colour
_MOST_BEST = 60
_OFF = -0.2  # where a strength lies whose switch is off


@picture
def draw_parallel(
    trials: Sequence[Trial], space: Mapping[str, Range], winner: int | None = None
) -> Figure:
    """Return each complete trial as a line, the best fifth in colour, the chosen one in front.

    A switch (`use_l1`) has no axis: with it off, the line passes its strength at "off". What had
    one value has none either.

    Args:
        trials: the complete ones, with their values and their parameters as drawn.
        space: what each parameter was drawn from, in the order of the axes.
        winner: number of the trial that was chosen.
    """
    names = [name for name in space if not _is_switch(name, space) and _varies(name, space)]
    ranked = sorted(trials, key=lambda trial: trial["value"])
    n_best = min(_MOST_BEST, max(1, round(_BEST * len(ranked)))) if ranked else 0
    others = thinned(ranked[: len(ranked) - n_best], _SHOWN, lambda _: False)
    limits = value_limits([trial["value"] for trial in ranked])
    figure = sheet(0.5 + 0.42 * (len(names) + 1))
    axes = figure.add_subplot()
    rows = range(len(names) + 1)

    def line(trial: Trial, **look: Any) -> None:
        places = [_place(trial["params"], name, space) for name in names]
        value = (trial["value"] - limits[0]) / (limits[1] - limits[0])
        axes.plot([*places, max(value, -0.02)], rows, **look)

    for trial in others:
        line(trial, color=SOFT, linewidth=0.7, alpha=0.3)
    for trial in ranked[len(ranked) - n_best :]:
        line(trial, color=NETWORK, linewidth=1.1, alpha=0.55)
    for trial in ranked:
        if trial["number"] == winner:
            line(trial, color=INK, linewidth=2.2, zorder=6)
    for i, name in enumerate(names):
        _axis(axes, i, name, space)
    _value_axis(axes, len(names), limits)
    axes.set(xlim=(-0.27, 1.06), ylim=(len(names) + 0.75, -0.35), xticks=[])
    axes.set_yticks(rows, [*(plain(name, 16) for name in names), "ROC-AUC"])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def _is_switch(name: str, space: Mapping[str, Range]) -> bool:
    return name.startswith("use_") and name.removeprefix("use_") in space


def _varies(name: str, space: Mapping[str, Range]) -> bool:
    """Whether trials can differ in a parameter, or in whether it is on."""
    switch = space.get(f"use_{name}", {"choices": [True]})["choices"]
    has_one_value = len(space[name].get("choices", ())) == 1
    return len(switch) > 1 or (switch[0] and not has_one_value)


def _place(params: Mapping[str, Any], name: str, space: Mapping[str, Range]) -> float:
    """Return where a trial crosses an axis that goes from 0 to 1."""
    found, value = space[name], params.get(name)
    if params.get(f"use_{name}") is False or value is None:
        return _OFF
    if "choices" in found:
        choices = list(found["choices"])
        return choices.index(value) / max(1, len(choices) - 1) if value in choices else _OFF
    low, high = found["low"], found["high"]
    if found["log"]:
        low, high, value = log(low), log(high), log(value)
    return float((value - low) / ((high - low) or 1.0))


def _axis(axes: Axes, row: int, name: str, space: Mapping[str, Range]) -> None:
    found = space[name]
    axes.plot([0, 1], [row, row], color=LINE, linewidth=1.2, zorder=1)
    if "choices" in found:
        choices = list(found["choices"])
        ends = [(i / max(1, len(choices) - 1), plain(c, 9)) for i, c in enumerate(choices)]
    else:
        form = "{:g}" if found["low"] >= 1 or not found["log"] else "{:.0e}"
        ends = [(0.0, form.format(found["low"])), (1.0, form.format(found["high"]))]
    if False in space.get(f"use_{name}", {}).get("choices", []):
        ends.append((_OFF, "off"))
    for place, said in ends:
        _tick(axes, place, row, said)


def _value_axis(axes: Axes, row: int, limits: tuple[float, float]) -> None:
    axes.plot([0, 1], [row, row], color=INK, linewidth=1.4, zorder=1)
    for place, value in zip((0.0, 1.0), limits, strict=True):
        _tick(axes, place, row, f"{value:.3f}")


def _tick(axes: Axes, place: float, row: int, said: str) -> None:
    axes.plot([place], [row], marker="|", color=SOFT, markersize=6, zorder=2)
    axes.annotate(
        said,
        (place, row),
        xytext=(0, -5),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8.5,
        color=SOFT,
        zorder=7,  # in front of the chosen line
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
    )
