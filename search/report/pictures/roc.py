"""ROC curves: how many rows of the class are found, against how many others are called it too."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.report.pictures.canvas import (
    INK,
    LINE,
    LOGISTIC,
    NETWORK,
    PLAIN,
    canvas,
    colour,
    dashes,
    picture,
    plain,
    words,
)

Points = Sequence[Sequence[float]]  # [[false positive rate, true positive rate], ...] from 0 to 1


@picture
def draw_roc(curves: Mapping[str, Points], areas: Mapping[str, float | None]) -> Figure:
    """Return the ROC curves of models of two classes, the first in front.

    Args:
        curves: by a model's name in an answer, or any other name.
        areas: the ROC-AUC of each, as far as known.
    """
    figure, axes = canvas(4.6)
    for i, (name, points) in enumerate(curves.items()):
        area = areas.get(name)
        axes.plot(
            *_columns(points),
            color=colour(name),
            linestyle=dashes(name),
            linewidth=2.4 if i == 0 else 1.5,
            zorder=5 - 0.1 * i,
            label=words(name) if area is None else f"{words(name)}  {area:.3f}",
        )
    _frame(axes)
    if curves:
        axes.legend(loc="lower right", title="ROC-AUC" if any(areas.values()) else None)
    return figure


@picture
def draw_roc_of_classes(curves: Mapping[str, Points]) -> Figure:
    """Return a ROC curve for each of more than two classes, one against the rest.

    The class that is told apart best and the one told apart worst stand out.

    Args:
        curves: by label.
    """
    areas = {label: area(points) for label, points in curves.items() if len(points) > 1}
    ranked = sorted(areas, key=lambda label: areas[label])
    figure, axes = canvas(4.6)
    for label in ranked[1:-1]:
        axes.plot(*_columns(curves[label]), color=LOGISTIC, linewidth=1.0, alpha=0.7)
    if len(ranked) > 2:
        axes.plot([], [], color=LOGISTIC, linewidth=1.0, label=f"{len(ranked) - 2} classes between")
    ends = ((ranked[:1], PLAIN, "worst"), (ranked[-1:], NETWORK, "best"))
    for found, ink, which in ends:
        for label in found:
            said = f"{which}: {plain(label, 18)}  {areas[label]:.3f}"
            axes.plot(*_columns(curves[label]), color=ink, linewidth=2.2, label=said)
    _frame(axes)
    if ranked:
        axes.legend(loc="lower right", title="class against the rest, ROC-AUC")
    return figure


def area(points: Points) -> float:
    """Return the area under a curve, by trapezoids."""
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _frame(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=LINE, linewidth=1.2, zorder=1)
    axes.text(0.33, 0.3, "guessing", color=INK, alpha=0.6, fontsize=9, ha="left", va="top")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xlabel("others called it too (false positive rate)")
    axes.set_ylabel("found (true positive rate)")
