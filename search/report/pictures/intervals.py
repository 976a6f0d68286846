"""Models side by side: the test ROC-AUC of each, with its interval."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from search.report.pictures.canvas import INK, LINE, canvas, colour, picture, words

Interval = Mapping[str, Any]  # value, low, high


@picture
def draw_intervals(models: Mapping[str, Interval]) -> Figure:
    """Return a point and its interval for each model, in the order given, from the top.

    Args:
        models: by their names in an answer; the first one's value is a line through all.
    """
    known = {name: found for name, found in models.items() if found.get("value") is not None}
    figure, axes = canvas(0.7 + 0.36 * max(1, len(known)))
    for i, (name, found) in enumerate(known.items()):
        if i == 0:
            axes.axvline(found["value"], color=LINE, linewidth=1.2, zorder=1)
        ink, thick = colour(name), 4.0 if i == 0 else 2.6
        if found.get("low") is not None and found.get("high") is not None:
            ends = [found["low"], found["high"]]
            axes.plot(ends, [i, i], color=ink, linewidth=thick, alpha=0.4, solid_capstyle="round")
        axes.plot([found["value"]], [i], marker="o", color=ink, markersize=7 if i == 0 else 5.5)
        axes.annotate(
            f"{found['value']:.3f}", (1.02, i), xycoords=("axes fraction", "data"), va="center"
        )
    axes.set_yticks(range(len(known)), [words(name) for name in known])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(max(1, len(known)) - 0.5, -0.5)
    axes.set_xlabel("ROC-AUC on the test rows, 95% interval")
    axes.grid(visible=False, axis="y")
    return figure
