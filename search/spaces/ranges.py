"""Where the values of one hyperparameter may lie, before a table is known.

`parameters.py` says which hyperparameters there are, `named_spaces.py` and a person's own file
(`space_file.py`) give each a range, and `space.py` makes Optuna's distributions of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Value = bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Every number from `low` to `high`."""

    low: float
    high: float | None  # None: as far as the data bear it, which is known of L1 alone
    log: bool = False  # whether it is searched on a logarithmic scale
    off: bool = False  # whether it may also be off: a switch stands beside it


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Some values; of one alone the parameter is fixed."""

    values: tuple[Value, ...]
    off: bool = False  # whether it may also be off


@dataclass(frozen=True, kw_only=True)
class FromTable:
    """The values that suit the table."""

    middle: bool = False  # whether it is fixed to the middle one of them


Range = Interval | Choices | FromTable
Ranges = Mapping[str, Range]

OFF = Choices(values=(), off=True)  # never on


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a number may be at all."""

    least: float
    most: float
    above: bool = False  # whether `least` itself is too small
    below: bool = False  # whether `most` itself is too large
    whole: bool = False  # whether it has no fraction

    def admit(self, number: float) -> bool:
        """Whether a number lies within; nan does not."""
        return (self.least < number or (number == self.least and not self.above)) and (
            number < self.most or (number == self.most and not self.below)
        )

    def say(self) -> str:
        """Return them in words: `a number above 0 and at most 10`."""
        kind = "a whole number" if self.whole else "a number"
        if self.above:
            most = f"{'below' if self.below else 'at most'} {self.most:,}"
            return f"{kind} above {self.least:,} and {most}"
        return f"{kind} from {self.least:,} to {'below ' if self.below else ''}{self.most:,}"
