"""Markdown around texts that come from the data: nothing in them is markup, whatever they are."""

import re
from collections.abc import Sequence

MOST = 80  # characters of a label or a name

# What begins something in the middle of a line, or at its beginning.
_MARKUP = re.compile(r"[\\`*_\[\]<>|#~&$]|^[-+=]")
_NUMBER = re.compile(r"^\d+(?=[.)](?:\s|$))")
# What makes an address a link by itself, which no backslash prevents.
_ADDRESS = re.compile(r"www(?=\.)|:(?=//)|@", re.IGNORECASE)
_GAP = "\N{EM SPACE}"
_TICKS = re.compile("`+")


def escaped(text: str, most: int = MOST) -> str:
    """Return a text as Markdown that shows it: one line, without control characters.

    Args:
        text: anything.
        most: characters, beyond which it is cut.
    """
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    shown = one_line if len(one_line) <= most else f"{one_line[: most - 1]}…"
    unlinked = _ADDRESS.sub("\\g<0>\N{WORD JOINER}", shown)
    return _NUMBER.sub(r"\g<0>\\", _MARKUP.sub(r"\\\g<0>", unlinked)) or "(blank)"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a table; the first column is on the left, the others are on the right if `numbers`.

    Args:
        header: of each column, Markdown.
        rows: as many cells each, Markdown.
        numbers: whether all columns but the first hold numbers.
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    lines = [_spaced(header), rule, *map(_spaced, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spaced(row: Sequence[str]) -> list[str]:
    """Return the cells set apart, since the dashboard draws them side by side without a gap."""
    first, *others = row
    return [first, *(f"{_GAP}{cell}" if cell else "" for cell in others)]


def code(lines: Sequence[str]) -> str:
    """Return lines of a shell as they are; none of them has a line break."""
    longest = max((len(ticks) for line in lines for ticks in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}sh", *lines, fence])
