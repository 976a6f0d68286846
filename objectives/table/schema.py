"""The schema of a table: what each column holds, and why it was taken for that.

    numeric      numbers
    categorical  levels: strings, booleans, a few whole numbers that code something
    datetime     dates, with or without a time of day
    text         free text with gaps: only whether a cell is filled is used
    dropped      not used; `why` says the reason

`inference.py` decides the kinds; `preprocessing.py` turns each kind into features.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["numeric", "categorical", "datetime", "text", "dropped"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One feature column."""

    name: str
    kind: Kind
    why: str  # in words, such as "whole numbers, 5 different"
    order: str | None = None  # of year, month and day in a datetime: "YMD", "DMY" or "MDY"
    remedy: str | None = None  # what to change in the table for more to be made of the column


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The feature columns in file order, the dropped ones included; names are unique."""

    columns: tuple[Column, ...]

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are not dropped."""
        return tuple(column for column in self.columns if column.kind != "dropped")

    def kind(self, name: str) -> Kind:
        """Return the kind of a column; KeyError where there is none of that name."""
        for column in self.columns:
            if column.name == name:
                return column.kind
        raise KeyError(name)
