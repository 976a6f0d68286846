"""Which column a person means, how a name is quoted, and what to say when there is none of it."""

import difflib
from collections.abc import Sequence

from objectives.errors import DataError
from objectives.table.cells import cell_text


def find_target(columns: Sequence[str], target: str | None, table: str) -> str:
    """Return the name of the target column.

    Args:
        columns: all names of the table.
        target: what the person calls it; None takes the column called "target" in any case.
        table: what to call the table in a sentence.

    Raises:
        DataError: there is no such column.
    """
    if target is None:
        found = [c for c in columns if c.strip().casefold() == "target"]
        if "target" in found or len(found) == 1:
            return "target" if "target" in found else found[0]
        raise DataError(
            f"{quoted(table)} has no column called `target`, so --target must name the column to "
            f"predict; the columns are {listed(columns)}."
        )
    target = cell_text(target)  # a DataFrame may name it by a number
    if target in columns:
        return target
    padded = [c for c in columns if c.strip() == target.strip()]
    if len(padded) == 1:
        return padded[0]
    raise DataError(
        f"{quoted(table)} has no target column {quoted(target)}; {suggestion(target, columns)}"
    )


def suggestion(name: str, columns: Sequence[str]) -> str:
    """Return what to say after an unknown name: the names like it, or all of them."""
    folded = {c.casefold(): c for c in columns}
    near = difflib.get_close_matches(name.casefold(), folded, n=3)
    if near:
        return f"did you mean {listed([folded[n] for n in near])}?"
    return f"the columns are {listed(columns)}."


def quoted(text: object, limit: int = 60) -> str:
    """Return a name or a cell in backticks, on one line and at most `limit` characters long."""
    # What no terminal shows, or worse, obeys.
    line = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    return f"`{line if len(line) <= limit else line[: limit - 3] + '...'}`"


def listed(names: Sequence[str], limit: int = 20) -> str:
    """Return the names quoted, the first `limit` of them."""
    shown = ", ".join(quoted(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
