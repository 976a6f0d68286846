"""A column in its compact form, gathered batch by batch, so that no table is ever held as text.

A column is in one form at a time, decided by its first batch that is not empty:

    numbers   every cell so far is a number                         float64
    days      every cell so far is a date, in one order at least    float64 for each such order
    levels    anything else: codes into a vocabulary that grows     int32
    filled    text whose vocabulary outgrew its use: whether a cell is filled     bool

Numbers or days that turn out to be text later are read again as levels, by a second pass over those
columns, since what they were written like ("1.50", "2020") is gone. `inference` decides what the
gathered columns are.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from objectives.errors import DataError
from objectives.table.cells import (
    first_no_number,
    has_leading_zeros,
    is_whole_level,
    level_text,
    parse_numbers,
    texts,
)
from objectives.table.columns import is_plain_number, numbers, sorted_categorical
from objectives.table.dates import clock_days, is_datetime, possible_days
from objectives.table.naming import quoted

# A vocabulary beyond this size that still names a new text in every other cell is given up.
MAX_VOCABULARY = 50_000

EXAMPLES = 1_000  # of its texts, kept for what they look like

# Ways to write the few numbers that may be codes, such as 1, 1.0 and +1.
MAX_CODE_TEXTS = 64

# How a column is wanted: by its cells, as text whatever it looks like, or as numbers or not at all.
# "whole text" and "plain" keep every text however many; "plain" knows no dates.
Wanted = Literal["any", "plain", "text", "whole text", "numbers"]
Form = Literal["empty", "numbers", "days", "levels", "filled", "again"]

# Gives the frames of a table from its start; of the named columns, or of all.
Batches = Callable[[Collection[str] | None], Iterator[pd.DataFrame]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """One column of the table, (n_rows,) in every array; of the arrays, those of its form.

    Attributes:
        form: "empty" when no cell is filled; never "again".
        numbers: float64, NaN where missing.
        days: by each order that reads every cell, float64, NaN where missing.
        codes, levels: int32 places in `levels`, the texts as met first; -1 where missing.
        filled: whether the cell is filled; `levels` then are the first EXAMPLES of the texts.
        whole_levels: numbers only: there are few, and a raw cell of each has the level of its
            number, so that they may be taken for codes.
    """

    name: str
    form: Form
    n_rows: int
    numbers: npt.NDArray[np.float64] | None = None
    days: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    codes: npt.NDArray[np.int32] | None = None
    levels: tuple[str, ...] = ()
    filled: npt.NDArray[np.bool_] | None = None
    whole_levels: bool = False

    def typed(self) -> npt.NDArray[np.float64] | pd.Categorical:
        """Return a column gathered "plain": its numbers, or its levels as a Categorical."""
        if self.numbers is not None:
            return self.numbers
        if self.codes is not None:
            return sorted_categorical(self.codes, self.levels)
        return np.full(self.n_rows, np.nan)


def gather(
    batches: Batches,
    plan: Callable[[tuple[str, ...]], Mapping[str, Wanted]],
    watch: Callable[[int], None] | None = None,
) -> dict[str, Gathered]:
    """Read a table into its columns in compact form, in file order.

    Args:
        batches: the table; called a second time for the columns that must be read again.
        plan: called once with all column names; returns those to gather and how.
        watch: called after every batch with the rows so far.

    Raises:
        DataError: whatever `batches` or `plan` raise, or a cell is no number where one is wanted.
    """
    columns: dict[str, _Gathering] | None = None
    n_rows = 0
    for frame in batches(None):
        if columns is None:
            wanted = plan(tuple(frame.columns))
            columns = {name: _Gathering(name, how) for name, how in wanted.items()}
        _add(columns, frame)
        n_rows += len(frame)
        if watch is not None:
            watch(n_rows)
    assert columns is not None  # at least one frame, see `files.read_batches`
    again = {c.name: c.as_text() for c in columns.values() if c.form == "again"}
    if again:
        for frame in batches(list(again)):
            _add(again, frame)
    columns |= again
    return {name: columns.pop(name).result() for name in list(columns)}


def _add(columns: Mapping[str, "_Gathering"], frame: pd.DataFrame) -> None:
    for name, column in columns.items():
        column.add(frame[name])


class _Gathering:
    """The state of one column between two batches."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name = name
        self.wanted = wanted
        self.form: Form = "empty"
        self.n_rows = 0
        self._present = 0
        self._parts: list[Any] = []  # arrays of the form; for days, mappings of arrays
        self._vocabulary: dict[str, int] = {}
        self._whole_levels = True

    def as_text(self) -> "_Gathering":
        """Return a new gathering of the column as levels."""
        return _Gathering(self.name, "text" if self.wanted == "any" else "whole text")

    def add(self, series: pd.Series) -> None:
        """Take the next rows."""
        if self.form != "again":
            if self.wanted == "numbers":
                self._add_numbers(self._wanted_numbers(series))
            elif is_plain_number(series) and self.wanted in ("any", "plain"):
                self._add_plain_numbers(series)
            elif is_datetime(series) and self.wanted == "any":
                self._add_days({"YMD": clock_days(series)})
            elif _is_settled(series):
                self._add_levels(texts(series))
            else:
                self._add_texts(texts(series))
        self.n_rows += len(series)

    def result(self) -> Gathered:
        """Return the whole column; the parts are given away."""
        parts, self._parts = self._parts, []
        made: dict[str, Any] = {}
        if self.form == "numbers":
            made = {"numbers": np.concatenate(parts), "whole_levels": self._whole_levels}
        elif self.form == "days":
            made = {"days": {o: np.concatenate([part[o] for part in parts]) for o in parts[-1]}}
        elif self.form == "levels":
            made = {"codes": np.concatenate(parts), "levels": tuple(self._vocabulary)}
        elif self.form == "filled":
            made = {"filled": np.concatenate(parts), "levels": tuple(self._vocabulary)}
        return Gathered(name=self.name, form=self.form, n_rows=self.n_rows, **made)

    def _wanted_numbers(self, series: pd.Series) -> npt.NDArray[np.float64]:
        if is_plain_number(series) or pd.api.types.is_bool_dtype(series.dtype):
            return numbers(series)
        cells = texts(series)
        parsed = parse_numbers(cells)
        if parsed is None:
            row, text = first_no_number(cells)
            raise DataError(
                f"column {quoted(self.name)} is said to hold numbers; got {text[:60]!r} in row "
                f"{self.n_rows + row + 1}. Correct that cell, or leave it empty."
            )
        return parsed

    def _add_plain_numbers(self, series: pd.Series) -> None:
        if self.form in ("empty", "numbers"):
            self._add_numbers(numbers(series))
        else:
            self._add_texts(texts(series))

    def _add_texts(self, cells: Any) -> None:
        """Take cells of text in whatever form they allow."""
        if self.form in ("levels", "filled") or self.wanted in ("text", "whole text"):
            self._add_levels(cells)
        elif cells.null_count == len(cells):
            self._add_missing(len(cells))
        elif not (self._take_numbers(cells) or self._take_days(cells)):
            if self.form == "empty":
                self._add_levels(cells)
            else:
                self.form, self._parts = "again", []

    def _take_numbers(self, cells: Any) -> bool:
        if self.form not in ("empty", "numbers") or has_leading_zeros(cells):
            return False
        parsed = parse_numbers(cells)
        if parsed is not None:
            self._add_numbers(parsed)
            self._whole_levels = self._whole_levels and _are_whole_levels(cells)
        return parsed is not None

    def _take_days(self, cells: Any) -> bool:
        if self.form not in ("empty", "days") or self.wanted != "any":
            return False
        days = possible_days(cells)
        known = self._parts[-1] if self._parts else days
        days = {order: days[order] for order in known if order in days}
        if days:
            self._add_days(days)
        return bool(days)

    def _add_missing(self, n: int) -> None:
        if self.form == "numbers":
            self._add_numbers(np.full(n, np.nan))
        elif self.form == "days":
            self._add_days({order: np.full(n, np.nan) for order in self._parts[-1]})

    def _add_numbers(self, parsed: npt.NDArray[np.float64]) -> None:
        self._begin("numbers", np.full(self.n_rows, np.nan))
        self._parts.append(parsed)

    def _add_days(self, days: Mapping[str, npt.NDArray[np.float64]]) -> None:
        self._begin("days", dict.fromkeys(days, np.full(self.n_rows, np.nan)))
        self._parts = [{order: part[order] for order in days} for part in self._parts]
        self._parts.append(days)

    def _add_levels(self, cells: Any) -> None:
        if self.form == "filled":
            self._parts.append(_are_filled(cells))
            return
        self._begin("levels", np.full(self.n_rows, -1, dtype=np.int32))
        self._parts.append(_coded(cells, self._vocabulary))
        self._present += int(np.count_nonzero(self._parts[-1] >= 0))
        size = len(self._vocabulary)
        if size > MAX_VOCABULARY and 2 * size > self._present and self.wanted in ("any", "text"):
            self.form = "filled"
            self._parts = [codes >= 0 for codes in self._parts]
            self._vocabulary = dict(islice(self._vocabulary.items(), EXAMPLES))

    def _begin(self, form: Form, missing: Any) -> None:
        """Enter a form, with the rows so far, which are all missing."""
        if self.form == "empty":
            self.form = form
            self._parts = [missing]


def _is_settled(series: pd.Series) -> bool:
    dtype = series.dtype
    return isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype)


def _are_whole_levels(cells: Any) -> bool:
    # "?" is a gap among numbers and a level among categories: a column that has it stays numbers,
    # lest a raw row to score have another meaning than the table's.
    different = pc.unique(cells)
    if len(different) > MAX_CODE_TEXTS:
        return False
    return all(is_whole_level(text) for text in different.to_pylist() if text)


def _are_filled(cells: Any) -> npt.NDArray[np.bool_]:
    filled = pc.fill_null(pc.not_equal(cells, ""), False)
    result: npt.NDArray[np.bool_] = filled.to_numpy(zero_copy_only=False)
    return result


def _coded(cells: Any, vocabulary: dict[str, int]) -> npt.NDArray[np.int32]:
    """Return the cells as codes, -1 for missing; texts that are new join the vocabulary."""
    encoded = pc.dictionary_encode(cells)
    places = np.full(len(encoded.dictionary) + 1, -1, dtype=np.int32)  # the last is the missing
    for i, text in enumerate(encoded.dictionary.to_pylist()):
        level = level_text(text)
        if level != "":
            places[i] = vocabulary.setdefault(level, len(vocabulary))
    indices = pc.fill_null(encoded.indices, pa.scalar(-1, encoded.indices.type))
    coded: npt.NDArray[np.int32] = places[indices.to_numpy(zero_copy_only=False)]
    return coded
