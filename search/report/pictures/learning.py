"""Learning curves side by side: loss and ROC-AUC an epoch, with the epoch that was kept."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from search.report.pictures.canvas import INK, SOFT, colour, picture, plain, sheet, words

Curve = Mapping[str, Any]  # training_loss, validation_loss, validation_roc_auc: [float]; best_epoch

_LOSSES = ("training_loss", "validation_loss")
_MANY_TIMES = 4.0  # the middle of the losses: a curve that goes beyond leaves the picture


@picture
def draw_learning_curves(curves: Mapping[str, Curve]) -> Figure:
    """Return the learning curves of one training or a few, side by side on the same scales.

    Args:
        curves: by a model's name in an answer, or any other name; at least one. Epochs count from
            1, and so does `best_epoch`, at which the weights were kept. Of folds it is the median
            one's, which may lie beyond the end of their mean, and then is not marked.
    """
    figure = sheet(4.2)
    grid = figure.subplots(2, len(curves), sharey="row", sharex="col", squeeze=False)
    for i, (name, curve) in enumerate(curves.items()):
        losses, ranking = grid[0][i], grid[1][i]
        _line(losses, _known(curve, "training_loss"), SOFT, (0, (4, 1.5)))
        _line(losses, _known(curve, "validation_loss"), colour(name))
        _line(ranking, _known(curve, "validation_roc_auc"), colour(name))
        losses.set_title(words(name), color=colour(name))
        ranking.set_xlabel("epoch")
        ranking.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        for axes in (losses, ranking):
            if (curve.get("best_epoch") or 0) <= len(_known(curve, "validation_roc_auc")):
                _mark(axes, curve.get("best_epoch"), said=axes is ranking)
    grid[0][0].set_ylabel("loss")
    grid[1][0].set_ylabel("ROC-AUC")
    grid[0][0].set_ylim(0, _highest_loss(curves.values()))
    training = grid[0][0].plot([], [], color=SOFT, linestyle=(0, (4, 1.5)), label="training rows")
    validation = grid[0][0].plot([], [], color=INK, label="validation rows")
    figure.legend(handles=training + validation, loc="outside upper left", ncols=2)
    return figure


def _known(curve: Curve, key: str) -> list[float]:
    """Return a curve with gaps where a loss was not finite."""
    values = curve.get(key) or []
    return [value if value is not None and isfinite(value) else float("nan") for value in values]


def _line(axes: Axes, values: Sequence[float], ink: str, dashes: Any = "-") -> None:
    marker = "o" if len(values) == 1 else None
    axes.plot(range(1, len(values) + 1), values, color=ink, linestyle=dashes, marker=marker)


def _mark(axes: Axes, epoch: int | None, *, said: bool) -> None:
    if not epoch:
        return
    axes.axvline(epoch, color=INK, linewidth=1.0, linestyle=(0, (2, 2)))
    if said:
        right = epoch > 0.55 * axes.get_xlim()[1]
        axes.annotate(
            plain(f"kept: {epoch}"),
            (epoch, 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if right else 4, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=9.5,
        )


def _highest_loss(curves: Iterable[Curve]) -> float:
    """Return where the axis of losses ends: one that runs away shall not flatten all others."""
    every = [_known(curve, key) for curve in curves for key in _LOSSES]
    values = sorted(value for values in every for value in values if isfinite(value))
    if not values:
        return 1.0
    return 1.08 * min(values[-1], _MANY_TIMES * values[len(values) // 2]) or 1.0
