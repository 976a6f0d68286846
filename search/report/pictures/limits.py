"""Which part of a scale is worth showing, and which trials of many.

A dead network at 0.5 would press all others into a line; it is drawn at the edge instead.
"""

from collections.abc import Callable, Sequence
from statistics import quantiles
from typing import TypeVar

T = TypeVar("T")

_SPREADS = 2.5  # below the middle half, in units of its width


def value_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and upper end of an axis of ROC-AUCs; (0.4, 1.0) where there are none."""
    if not values:
        return 0.4, 1.0
    low, high = min(values), max(values)
    if len(values) >= 4:
        first, _, third = quantiles(values, n=4)
        low = max(low, first - _SPREADS * max(third - first, 0.002))
    margin = max(0.06 * (high - low), 0.002)
    return low - margin, high + margin


def clipped(value: float, low: float, high: float) -> float:
    """Return a value, or where it lies outside the point just inside the edge."""
    margin = 0.02 * (high - low)
    return min(max(value, low + margin), high - margin)


def thinned(items: Sequence[T], most: int, is_kept: Callable[[T], bool]) -> list[T]:
    """Return at most about so many items, evenly chosen, and all that must be kept."""
    step = max(1, -(-len(items) // most))
    return [item for i, item in enumerate(items) if i % step == 0 or is_kept(item)]
