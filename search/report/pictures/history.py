"""The history of a search: what each trial came to, and the best so far."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from search.report.pictures.canvas import INK, NETWORK, PLAIN, SOFT, canvas, picture
from search.report.pictures.limits import clipped, thinned, value_limits

Trial = Mapping[str, Any]  # number, state, value, verdict

_SHOWN = 1_200  # trials drawn at most, the record holders among them
_OTHER = "not healthy"


@picture
def draw_history(trials: Sequence[Trial], winner: int | None = None, *, folds: int = 1) -> Figure:
    """Return the values of a study's trials in their order, and the best so far as a line.

    Args:
        trials: in the order of their numbers; pruned ones with the value they had, if any.
        winner: number of the trial that was chosen.
        folds: of each trial. One that was stopped among several has the value of its first folds,
            which may be the easy ones: it is drawn at the lower edge, and not beside the others.
    """
    figure, axes = canvas(3.4)
    valued = [trial for trial in trials if trial["value"] is not None]
    complete = [trial for trial in valued if trial["state"] == "complete"]
    low, high = value_limits([trial["value"] for trial in complete])
    kept = {id(trial) for trial in _records(complete)}
    shown = thinned(valued, _SHOWN, lambda t: id(t) in kept or t["number"] == winner)
    groups: tuple[tuple[str, Callable[[Trial], bool], dict[str, Any]], ...] = (
        ("healthy", _is_healthy, {"color": NETWORK, "marker": "o", "alpha": 0.75}),
        (_OTHER, _is_unwell, {"color": PLAIN, "marker": "D", "alpha": 0.75}),
        ("stopped early", _is_pruned, {"edgecolor": SOFT, "facecolor": "none", "marker": "o"}),
    )
    for label, belongs, look in groups:
        found = [trial for trial in shown if belongs(trial)]
        if found:
            values = [
                clipped(low if folds > 1 and _is_pruned(t) else t["value"], low, high)
                for t in found
            ]
            axes.scatter([t["number"] for t in found], values, s=22, label=label, **look)
    _best_so_far(axes, complete)
    axes.set(xlabel="trial", ylabel="validation ROC-AUC", ylim=(low, high))
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    _mark_winner(axes, complete, winner)
    if valued:
        figure.legend(loc="outside upper left", ncols=3, columnspacing=1.0, handletextpad=0.3)
    return figure


def _is_healthy(trial: Trial) -> bool:
    return bool(trial["state"] == "complete") and trial.get("verdict") in (None, "healthy")


def _is_unwell(trial: Trial) -> bool:
    return bool(trial["state"] == "complete") and not _is_healthy(trial)


def _is_pruned(trial: Trial) -> bool:
    return bool(trial["state"] != "complete")


def _records(complete: Sequence[Trial]) -> list[Trial]:
    """Return the trials that were the best when they came."""
    found: list[Trial] = []
    for trial in complete:
        if not found or trial["value"] > found[-1]["value"]:
            found.append(trial)
    return found


def _best_so_far(axes: Axes, complete: Sequence[Trial]) -> None:
    records = _records(complete)
    if not records:
        return
    numbers = [trial["number"] for trial in records] + [complete[-1]["number"]]
    values = [trial["value"] for trial in records] + [records[-1]["value"]]
    axes.step(numbers, values, where="post", color=INK, linewidth=1.2, label="best so far")


def _mark_winner(axes: Axes, complete: Sequence[Trial], winner: int | None) -> None:
    for trial in complete:
        if trial["number"] == winner:
            look: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.6}
            axes.scatter([trial["number"]], [trial["value"]], s=110, label="chosen", **look)
