"""What could ruin an answer, said before anything is searched.

All is found in the training and validation rows, as `split` draws them; of the test rows only how
many there are of a class. Next: the command `inspect` prints the remarks, and `launch` begins with
them.
"""

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from objectives.splitting.duplicates import equal_rows, rows_together
from objectives.splitting.split import Split, split_table
from objectives.table.dataset import Table
from objectives.table.single_columns import column_area, gaps_area, halve

ALMOST_PERFECT = 0.995  # ROC-AUC of a column alone
ENOUGH_ROWS = 20  # fewer are told apart by some column by chance
SAMPLE = 200_000  # rows on which columns are tried, at most
MANY_REPEATS = 0.01  # of the rows
FAR_IN_THE_TAIL = -6.0  # standard deviations: once in a billion shuffled tables
FEW_RUNS = 0.5  # of the expected number: order that a person would see too
FEW_OF_A_CLASS = 30
IMBALANCED = 0.05


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One thing to know about a table."""

    level: Literal["warning", "note"]
    column: str | None  # that it is about; None for the table
    says: str
    remedy: str


def inspect_table(table: Table, seed: int, folds: int = 1) -> tuple[Remark, ...]:
    """Look a table over as a study of this seed and these folds would use it; warnings first.

    Raises:
        DataError: the table cannot be split.
    """
    split = split_table(table, seed, folds)
    seen = np.ones(len(table.y), dtype=bool)
    seen[split.test] = False
    rows = np.flatnonzero(seen)
    remarks = [
        *_telling_columns(table, rows, seed),
        *_sorted_rows(table, rows),
        *_few_of_a_class(table, split),
        *_repeats(table, rows),
        *_imbalance(table, rows),
        *_unread_columns(table),
        *_row_numbers(table),
        *_guessed_encoding(table),
    ]
    return tuple(sorted(remarks, key=lambda remark: remark.level != "warning"))


def runs_test(y: npt.NDArray[np.int64]) -> tuple[int, float, float]:
    """Return the runs of equal neighbours in `y`, their expected number, and z.

    A run ends where the class changes. In a shuffled sequence of n rows, n_c of each class, their
    number has mean (n (n + 1) - S2) / n and variance
    (S2 (S2 + n (n + 1)) - 2 n S3 - n^3) / (n^2 (n - 1)), with S2 and S3 the sums of n_c^2 and n_c^3
    (Wald and Wolfowitz 1940 for two classes, Barton and David 1957 for more). z is the distance
    from the mean in standard deviations, below 0 for too few runs.

    Args:
        y: (n,) classes, at least two of them.
    """
    n, counts = float(len(y)), np.bincount(y).astype(np.float64)
    squares, cubes = float((counts**2).sum()), float((counts**3).sum())
    runs = 1 + int(np.count_nonzero(np.diff(y)))
    expected = (n * (n + 1) - squares) / n
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    return runs, expected, (runs - expected) / math.sqrt(variance) if variance > 0 else 0.0


def _telling_columns(table: Table, rows: npt.NDArray[np.int64], seed: int) -> Iterator[Remark]:
    if len(rows) < ENOUGH_ROWS or table.shape is not None:  # one number of an array is no leak
        return
    random = np.random.RandomState(seed % 2**32)
    rows = rows[_sample(table.y[rows], random)]
    y = table.y[rows]
    first = halve(y, random)
    for name in map(str, table.frame.columns):
        column = table.frame[name].iloc[rows]
        gaps, area = gaps_area(column, y, first), column_area(column, y, first)
        if max(gaps, area) < ALMOST_PERFECT:
            continue
        what = f"whether `{name}` is filled" if gaps >= ALMOST_PERFECT else f"`{name}`"
        yield Remark(
            level="warning",
            column=name,
            says=f"{what} alone predicts `{table.target}` almost perfectly: ROC-AUC "
            f"{max(gaps, area):.4f} on the training and validation rows.",
            remedy=f"If it is not known before `{table.target}` is, leave it out with "
            f"--drop {shlex.quote(name)}.",
        )


def _sample(y: npt.NDArray[np.int64], random: np.random.RandomState) -> npt.NDArray[np.int64]:
    """Return the places of SAMPLE rows at most, ascending: as many of each class as can be had.

    A rare class stays whole, on which the figure's error depends. How many rows each class has is
    nothing to a ROC-AUC of two classes, and little to the mean of several.
    """
    counts = np.bincount(y)
    shuffled = np.lexsort((random.permutation(len(y)), y))  # class by class
    within = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(shuffled[within < SAMPLE // len(counts)])


def _sorted_rows(table: Table, rows: npt.NDArray[np.int64]) -> Iterator[Remark]:
    if table.times is not None:
        return
    runs, expected, z = runs_test(table.y[rows])
    if z > FAR_IN_THE_TAIL or runs > FEW_RUNS * expected:
        return
    yield Remark(
        level="warning",
        column=None,
        says=f"the rows are sorted by `{table.target}`, or nearly: they fall into {runs:,} runs of "
        f"one class, where chance would make {expected:,.0f}.",
        remedy="The split shuffles, so training goes on undisturbed. If the order is that of time, "
        "split by time: --time COLUMN.",
    )


def _few_of_a_class(table: Table, split: Split) -> Iterator[Remark]:
    validated = np.concatenate([validation for _, validation in split.folds])
    more = "More rows of it, or --folds 5, would help." if len(split.folds) == 1 else ""
    remedies = {
        "test": "Read the report's interval rather than its one figure; more rows narrow it.",
        "validation": more or "More rows of it would help.",
    }
    for name, rows in (("test", split.test), ("validation", validated)):
        counts = np.bincount(table.y[rows], minlength=len(table.labels))
        rarest = int(counts.argmin())
        if counts[rarest] >= FEW_OF_A_CLASS:
            continue
        yield Remark(
            level="warning",
            column=None,
            says=f"the {name} rows hold {counts[rarest]} of the class `{table.labels[rarest]}`, "
            f"fewer than {FEW_OF_A_CLASS}: a ROC-AUC on them is a rough one.",
            remedy=remedies[name],
        )


def _repeats(table: Table, rows: npt.NDArray[np.int64]) -> Iterator[Remark]:
    codes = equal_rows(table.frame)[rows]
    different, sizes = np.unique(codes, return_counts=True)
    repeats = len(rows) - len(different)
    if repeats == 0:
        return
    n_classes = len(table.labels)
    labelled = np.unique(codes * n_classes + table.y[rows]) // n_classes  # sets, one per label
    at_odds = sizes[np.unique(np.searchsorted(different, labelled), return_counts=True)[1] > 1]
    odds = f"; {at_odds.sum():,} rows are at odds with an equal row about `{table.target}`"
    yield Remark(
        level="warning" if repeats >= MANY_REPEATS * len(rows) else "note",
        column=None,
        says=f"{repeats:,} of the {len(rows):,} training and validation rows repeat an earlier one "
        f"in every used column{odds if len(at_odds) else ''}.",
        remedy=f"{_sides(table)} If they are there by mistake, remove them.",
    )


def _sides(table: Table) -> str:
    """Return where the split leaves repeated rows."""
    if table.times is not None:
        return "A split by time may part them, as time does."
    kept = "Copies stay on one side of every split, so that none is judged by its like"
    together = rows_together(table.frame)
    if together is not None and together.max() == equal_rows(table.frame).max():
        return f"{kept}."
    return f"{kept}; rows that are equal because the columns hold few values fall as they do."


def _imbalance(table: Table, rows: npt.NDArray[np.int64]) -> Iterator[Remark]:
    shares = np.bincount(table.y[rows], minlength=len(table.labels)) / len(rows)
    rarest = int(shares.argmin())
    if shares[rarest] >= min(IMBALANCED, 0.5 / len(shares)):
        return
    yield Remark(
        level="note",
        column=None,
        says=f"the class `{table.labels[rarest]}` has {shares[rarest]:.2%} of the rows.",
        remedy="Class weights are part of the search. Judge by ROC-AUC and the confusion matrix: "
        "accuracy is high for a model that never names this class.",
    )


def _unread_columns(table: Table) -> Iterator[Remark]:
    for column in table.schema.columns:
        if column.remedy is not None:
            used = "left out" if column.kind == "dropped" else f"read as {column.kind}"
            yield Remark(
                level="warning",
                column=column.name,
                says=f"`{column.name}` is {used}: {column.why}.",
                remedy=column.remedy,
            )


def _row_numbers(table: Table) -> Iterator[Remark]:
    for column in table.schema.columns:
        if column.kind == "dropped" and "numbers the rows" in column.why:
            yield Remark(
                level="note",
                column=column.name,
                says=f"`{column.name}` numbers the rows, so it is left out.",
                remedy="If it measures something, keep it with --numeric "
                f"{shlex.quote(column.name)}.",
            )


def _guessed_encoding(table: Table) -> Iterator[Remark]:
    if table.dialect is not None and table.dialect.guessed:
        yield Remark(
            level="note",
            column=None,
            says="the file is not in UTF-8; it was read as the likeliest encoding, "
            f"{table.dialect.encoding}.",
            remedy="If letters come out wrong, save it again as CSV in UTF-8.",
        )
