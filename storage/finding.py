"""What one look at a storage showed: fine, odd, or wrong, and what to do about it.

Next: `doctor.py` looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What there is to say about one thing that was looked at."""

    check: str  # the thing, in a word
    level: Level
    says: str
    remedy: str  # what to do or to type; empty when there is nothing to do
    details: tuple[str, ...]  # one for each trial, file or page concerned


def ok(check: str, says: str, details: Sequence[str] = ()) -> Finding:
    """Returns that nothing is the matter."""
    return Finding(check=check, level="ok", says=says, remedy="", details=tuple(details))


def warning(check: str, says: str, remedy: str, details: Sequence[str] = ()) -> Finding:
    """Returns that something wants attention, and nothing is lost."""
    return Finding(check=check, level="warning", says=says, remedy=remedy, details=tuple(details))


def problem(check: str, says: str, remedy: str = "", details: Sequence[str] = ()) -> Finding:
    """Returns that something is lost, or is about to be."""
    return Finding(check=check, level="problem", says=says, remedy=remedy, details=tuple(details))
