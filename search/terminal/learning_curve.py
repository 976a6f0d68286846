"""A learning curve in characters: the ROC-AUC as columns over the epochs, losses as a line each.

Symbols: n epochs, w columns of a chart, w <= MOST_COLUMNS. Epochs count from 1 where they are said
and from 0 as indices.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from search.terminal.characters import is_plain

MOST_COLUMNS = 60
_SPARK_COLUMNS = 24
_WIDEST = 4  # columns of an epoch
_ROWS = 5
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SMALLEST_RANGE = 0.01  # of the axis, in ROC-AUC: noise must not look large
_NAMES = ("training_loss", "validation_loss", "validation_roc_auc")


def print_learning_curve(console: Console, curve: Mapping[str, Any], title: str) -> None:
    """Print a chart of the validation ROC-AUC, and a table of it and the losses.

    Args:
        console: where to.
        curve: as it is stored; of several folds the mean, with each in `folds`.
        title: whose it is.
    """
    values = curve["validation_roc_auc"]
    folds = curve.get("folds")
    console.print(f"\n[bold]Learning curve[/] of {title}")
    if folds:
        said = f"mean of {len(folds)} folds as far as all go; each keeps its own best epoch"
        console.print(said, style="dim")
    width = max(2, min(MOST_COLUMNS, console.width - 12))
    for line in chart(values, width=width, plain=is_plain(console)):
        console.print(f"  {line}", markup=False)
    console.print(_table(curve, best_index(values), plain=is_plain(console)))


def best_index(values: Sequence[float]) -> int | None:
    """Return the epoch of the largest value, the first of equals; None where none is a number."""
    finite = [i for i, value in enumerate(values) if math.isfinite(value)]
    return max(finite, key=values.__getitem__, default=None)


def chart(values: Sequence[float], *, width: int, plain: bool) -> list[str]:
    """Return the lines of a chart with its range at the axis; none of fewer than two numbers.

    Args:
        values: (n,) ROC-AUCs; one that is not finite leaves its column empty.
        width: columns of the chart without its axis, at least 2.
        plain: whether ASCII must do.
    """
    best = best_index(values)
    if best is None or sum(map(math.isfinite, values)) < 2:
        return []
    shown = _epochs_shown(len(values), width, best)
    high = values[best]
    low = min(min(filter(math.isfinite, values)), max(high - _SMALLEST_RANGE, 0.0))
    heights = [_eighths(values[i], low, high, _ROWS) for i in shown]
    labels = [f"{high:.4f}", *[" " * 6] * (_ROWS - 2), f"{low:.4f}"]
    lines = [
        f"{label} {'|' if plain else '│'}{_row(heights, row, plain)}".rstrip()
        for label, row in zip(labels, reversed(range(_ROWS)), strict=True)
    ]
    return [*lines, _marker(shown.index(best), f"epoch {best + 1} of {len(values)}", width)]


def sparkline(values: Sequence[float], width: int) -> str:
    """Return values as a line of blocks, lowest to highest; blank where not finite."""
    finite = list(filter(math.isfinite, values))
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    shown = _epochs_shown(len(values), min(width, len(values)), 0)
    return "".join(_EIGHTHS[_eighths(values[i], low, high, 1)] for i in shown)


def _table(curve: Mapping[str, Any], best: int | None, *, plain: bool) -> Table:
    """Return the numbers at the first, the best and the last epoch."""
    n = len(curve["validation_roc_auc"])
    table = Table(box=None, pad_edge=False)
    drawn = not plain and n > 1
    for heading in ("", "") if drawn else ("",):
        table.add_column(heading, no_wrap=True)
    epochs = sorted({0, n - 1} | ({best} if best is not None else set()))
    for i in epochs:
        table.add_column(f"epoch {i + 1}", justify="right", no_wrap=True)
    for name in _NAMES:
        values = curve[name]
        spark = [sparkline(values, _SPARK_COLUMNS)] if drawn else []
        said = name.replace("_", " ").replace("roc auc", "ROC-AUC")
        table.add_row(said, *spark, *(f"{values[i]:.4f}" for i in epochs))
    return table


def _epochs_shown(n: int, width: int, best: int) -> list[int]:
    """Return the epoch of each column: evenly chosen, `best` and the last among them."""
    if n <= width:
        return [epoch for epoch in range(n) for _ in range(min(_WIDEST, width // n))]
    shown = [round(i * (n - 1) / (width - 1)) for i in range(width)]
    shown[round(best * (width - 1) / (n - 1))] = best
    return shown


def _eighths(value: float, low: float, high: float, rows: int) -> int:
    """Return how many eighths of a row a value fills: at least one, 0 where it is not finite."""
    if not math.isfinite(value):
        return 0
    share = (value - low) / (high - low) if high > low else 0.5
    return 1 + round(share * (8 * rows - 1))


def _row(heights: Sequence[int], row: int, plain: bool) -> str:
    """Return a row of the chart; row 0 is the lowest."""
    filled = [min(max(height - 8 * row, 0), 8) for height in heights]
    if plain:
        return "".join("#" if n >= (1 if row == 0 else 4) else " " for n in filled)
    return "".join(_EIGHTHS[n] for n in filled)


def _marker(column: int, said: str, width: int) -> str:
    """Return the line below the chart that points at a column."""
    left, right = f"{said} ^".rjust(column + 1), " " * column + f"^ {said}"
    return " " * 8 + (left if len(right) > width and len(left) == column + 1 else right)
