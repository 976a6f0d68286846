"""A slice of the search: validation ROC-AUC against one strength, with "off" as its own place."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, lgamma, log, log10
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.report.pictures.canvas import INK, LINE, NETWORK, PLAIN, SOFT, canvas, picture
from search.report.pictures.limits import clipped, thinned, value_limits

Point = Sequence[float | None]  # [strength, value, standard error of the value or None, trial]

WORDS = {"dropout": "dropout rate", "l1": "L1 strength", "l2": "L2 strength"}
_SHOWN = 400  # trials drawn at most
_BINS = 6
_IN_A_BIN = 5  # trials, below which no interval of their median comes near 95%
_MISSES = 0.07  # how often an interval of five may miss; larger bins miss less
_OFF = (-0.3, -0.08)  # the place of trials without the penalty, on an axis from 0 to 1


@dataclass(frozen=True, kw_only=True)
class _Dot:
    """One trial of a slice."""

    place: float  # along the axis
    strength: float
    value: float
    error: float
    is_chosen: bool


@picture
def draw_slice(name: str, points: Sequence[Point], chosen: int | None = None) -> Figure:
    """Return the values of trials against a strength, and the median of neighbours.

    The median stands in a band that holds the true one about 19 times in 20, whatever the
    distribution (order statistics). Trials far below the others lie as triangles at the edge.

    Args:
        name: dropout (a linear scale), l1 or l2 (logarithmic ones).
        points: the complete trials; strength 0 is off.
        chosen: number of the trial that was chosen, which gets a ring.
    """
    figure, axes = canvas(3.0)
    dots = _dots(points, chosen, is_log=name != "dropout")
    low, high = value_limits([dot.value for dot in dots])
    high = max([high, *(dot.value + 1.1 * dot.error for dot in dots)])
    axes.axvspan(*_OFF, color=LINE, alpha=0.35, linewidth=0)
    for group in ([d for d in dots if not d.strength], [d for d in dots if d.strength]):
        _draw(axes, thinned(group, _SHOWN, lambda dot: dot.is_chosen), low, high)
        _draw_medians(axes, group)
    strengths = [dot.strength for dot in dots if dot.strength]
    ticks = _dropout_ticks(strengths) if name == "dropout" else _log_ticks(strengths)
    axes.set(xlim=(_OFF[0] - 0.01, 1.04), ylim=(low, high))
    axes.set_xticks(
        [sum(_OFF) / 2, *(place for place, _ in ticks)], ["off", *(s for _, s in ticks)]
    )
    axes.set(xlabel=WORDS.get(name, name), ylabel="validation ROC-AUC")
    axes.grid(visible=False, axis="x")
    return figure


def _dots(points: Sequence[Point], chosen: int | None, *, is_log: bool) -> list[_Dot]:
    """Return the trials in the order of their strengths; those that are off lie side by side."""
    known = sorted(
        (float(strength), float(value), float(error or 0.0), number)
        for strength, value, error, number in points
        if strength is not None and value is not None
    )
    strengths = [strength for strength, *_ in known if strength]
    n_off = len(known) - len(strengths)
    dots = []
    for i, (strength, value, error, number) in enumerate(known):
        if strength:
            place = _place(strength, strengths, is_log=is_log)
        else:
            share = (i * 0.618 + 0.5) % 1  # spread evenly, in no order that could mean something
            place = _OFF[0] + (_OFF[1] - _OFF[0]) * (0.12 + 0.76 * (share if n_off > 1 else 0.5))
        is_chosen = number == chosen
        dots.append(
            _Dot(place=place, strength=strength, value=value, error=error, is_chosen=is_chosen)
        )
    return dots


def _place(strength: float, strengths: Sequence[float], *, is_log: bool) -> float:
    """Return where a strength lies on the axis, from 0 to 1."""
    if not is_log:
        return strength / max(strengths)
    low, high = log10(min(strengths)), log10(max(strengths))
    return (log10(strength) - low) / (high - low) if high > low else 0.5


def _dropout_ticks(rates: Sequence[float]) -> list[tuple[float, str]]:
    if not rates:
        return []
    step = 0.1 if max(rates) > 0.25 else 0.05 if max(rates) > 0.1 else 0.02
    found = [step * i for i in range(1, int(max(rates) / step + 1e-9) + 1)]
    return [(_place(rate, rates, is_log=False), f"{rate:.2g}") for rate in found]


def _log_ticks(strengths: Sequence[float]) -> list[tuple[float, str]]:
    if not strengths:
        return []
    if min(strengths) == max(strengths):
        return [(0.5, f"{strengths[0]:.0e}")]
    places = [(_place(10.0**e, strengths, is_log=True), f"1e{e}") for e in range(-12, 4)]
    return [(place, said) for place, said in places if -0.04 <= place <= 1.04]


def _draw(axes: Axes, dots: Sequence[_Dot], low: float, high: float) -> None:
    inside = [dot for dot in dots if dot.value >= low]
    sure = [dot for dot in inside if dot.error]
    axes.vlines(
        [dot.place for dot in sure],
        [dot.value - dot.error for dot in sure],
        [dot.value + dot.error for dot in sure],
        colors=SOFT,
        alpha=0.35,
        linewidth=0.9,
    )
    far = [dot for dot in dots if dot.value < low]
    for found, marker, ink in ((inside, "o", NETWORK), (far, "v", PLAIN)):
        places = [dot.place for dot in found]
        values = [clipped(dot.value, low, high) for dot in found]
        axes.plot(places, values, marker, markersize=5, color=ink, markeredgewidth=0, alpha=0.75)
    ringed = [dot for dot in dots if dot.is_chosen]
    axes.plot(
        [dot.place for dot in ringed],
        [clipped(dot.value, low, high) for dot in ringed],
        "o",
        markersize=11,
        color=INK,
        fillstyle="none",
        zorder=6,
    )


def _draw_medians(axes: Axes, group: Sequence[_Dot]) -> None:
    is_off = bool(group) and not group[0].strength
    n_bins = 1 if is_off else min(_BINS, len(group) // _IN_A_BIN)
    edges = [round(i * len(group) / n_bins) for i in range(n_bins + 1)] if n_bins else []
    for start, end in pairwise(edges):
        part = group[start:end]
        if len(part) < _IN_A_BIN:
            continue
        ends = _OFF if is_off else (part[0].place, part[-1].place)
        values = sorted(dot.value for dot in part)
        rank = _rank(len(values))
        axes.fill_between(ends, values[rank], values[-1 - rank], color=INK, alpha=0.13, linewidth=0)
        axes.plot(ends, [median(values)] * 2, color=INK, linewidth=1.6, solid_capstyle="butt")


def _rank(n: int) -> int:
    """Return the place, from 0, of the value that the median of n is above all but surely."""
    rank, missed = 0, 2 * _share(n, 0)
    while rank < n // 2 - 1 and missed + 2 * _share(n, rank + 1) <= _MISSES:
        rank += 1
        missed += 2 * _share(n, rank)
    return rank


def _share(n: int, k: int) -> float:
    """Return how often k of n values lie below their median, whatever their distribution."""
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2))
