"""A confusion matrix: what rows of each class were called."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from search.report.pictures.canvas import (
    INK,
    LINE,
    NETWORK,
    PAPER,
    PLAIN,
    canvas,
    picture,
    plain,
)

_NUMBERED = 12  # classes, beyond which the cells are too small for numbers
_LARGEST = 10  # cells of a row that are drawn with more classes, the diagonal among them
_DARK = 0.55  # share of a row, from which on its number is written in the colour of the paper


@picture
def draw_confusion(matrix: Sequence[Sequence[float]], labels: Sequence[str]) -> Figure:
    """Return a confusion matrix: right calls on the diagonal, wrong ones in another colour.

    Args:
        matrix: K rows of K counts, a row a true class, a column what it was called.
        labels: K, in the same order.
    """
    n = len(matrix)
    figure, axes = canvas(1.1 + min(3.6, 0.75 * n) + (0.6 if n > 2 else 0))
    for i, row in enumerate(matrix):
        total = sum(row) or 1
        for j, count in _shown(i, row):
            _cell(axes, i, j, count, count / total, n)
    most = 20 if n == 2 else 12
    named = [plain(label, most) for label in labels]
    axes.set(xlim=(0, n), ylim=(n, 0), xticks=[], yticks=[])
    axes.set_xticks([i + 0.5 for i in range(n)], named, rotation=0 if n == 2 else 90)
    axes.set_yticks([i + 0.5 for i in range(n)], named)
    axes.tick_params(length=0, labelcolor=INK, labelsize=10 if n <= _NUMBERED else 7)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set(xlabel="called", ylabel="truly")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def _shown(i: int, row: Sequence[float]) -> list[tuple[int, float]]:
    """Return the columns of a row that are drawn with their counts: all, or of many the largest."""
    cells = list(enumerate(row))
    if len(row) <= _NUMBERED:
        return cells
    largest = sorted(cells, key=lambda cell: (cell[0] != i, -cell[1]))[:_LARGEST]
    return [(j, count) for j, count in largest if count]


def _cell(axes: Axes, i: int, j: int, count: float, share: float, n: int) -> None:
    ink = NETWORK if i == j else PLAIN
    gap = 0.02 if n <= _NUMBERED else 0.0
    place, size = (j + gap, i + gap), 1 - 2 * gap
    if n <= _NUMBERED:
        edge = {"facecolor": "none", "edgecolor": LINE, "linewidth": 0.8}
        axes.add_patch(Rectangle(place, size, size, **edge))  # type: ignore[arg-type]
    axes.add_patch(Rectangle(place, size, size, facecolor=ink, alpha=min(1.0, 0.85 * share)))
    if n > _NUMBERED:
        return
    written = PAPER if share > _DARK else INK
    centre: Any = {"ha": "center", "color": written}
    if n <= 4:
        axes.text(j + 0.5, i + 0.5, f"{count:,.0f}", fontsize=15, va="bottom", **centre)
        axes.text(j + 0.5, i + 0.55, f"{share:.0%}", fontsize=10, va="top", **centre)
    elif count:
        axes.text(j + 0.5, i + 0.5, f"{count:.0f}", fontsize=13 - 0.5 * n, va="center", **centre)
