"""Calibration: whether what is called 70% probable comes true seven times in ten."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.report.pictures.canvas import (
    LINE,
    canvas,
    colour,
    dashes,
    picture,
    words,
)

Bin = Mapping[str, Any]  # mean_predicted, observed: {value, low, high}, count


@picture
def draw_calibration(curves: Mapping[str, Sequence[Bin]]) -> Figure:
    """Return the share that came true against the predicted probability, by bins of rows.

    The first curve has the intervals of its bins; the others are thin lines to compare it with.

    Args:
        curves: by a model's name in an answer, or any other name.
    """
    figure, axes = canvas(4.6)
    axes.plot([0, 1], [0, 1], color=LINE, linewidth=1.2, label="as predicted", zorder=1)
    for i, (name, bins) in enumerate(curves.items()):
        known = [each for each in bins if each["observed"]["value"] is not None]
        x = [each["mean_predicted"] for each in known]
        y = [each["observed"]["value"] for each in known]
        if i == 0:
            _intervals(axes, known, colour(name))
        axes.plot(
            x,
            y,
            color=colour(name),
            linestyle="-" if i == 0 else dashes(name),
            marker="o" if i == 0 else None,
            markersize=6,
            linewidth=1.6 if i == 0 else 1.2,
            zorder=5 - 0.1 * i,
            label=words(name),
        )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(xlabel="predicted probability", ylabel="share that came true")
    if curves:
        axes.legend(loc="lower right")
    return figure


def _intervals(axes: Axes, bins: Sequence[Bin], ink: str) -> None:
    for each in bins:
        at, low, high = each["mean_predicted"], each["observed"]["low"], each["observed"]["high"]
        if low is not None and high is not None:
            axes.plot([at, at], [low, high], color=ink, alpha=0.45, linewidth=3)
