"""What an exported model calls its inputs: the columns' own names where that can be."""

import re
from collections.abc import Collection, Sequence


def input_names(columns: Sequence[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """Return the name of the model's input for each column: the column's own where it can be.

    Keras refuses some characters, and serving systems more: a name keeps ASCII letters, digits and
    "_", starts with no digit, and gets a number where two would differ at most in case.

    Args:
        columns: names, each once.
        reserved: names that no input may have, in lower case.
    """
    plain = {column for column in columns if _plain_name(column) == column}
    # Plain names first, so that "a_b" keeps its name when "a b" stands before it.
    taken = set(reserved)
    names: dict[str, str] = {}
    for column in sorted(columns, key=lambda column: column not in plain):
        name, number = _plain_name(column), 1
        while name.casefold() in taken:
            number += 1
            name = f"{_plain_name(column)}_{number}"
        taken.add(name.casefold())
        names[column] = name
    return {column: names[column] for column in columns}


def _plain_name(column: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", column)
    return name if re.match(r"[A-Za-z]", name) else f"column_{name.strip('_')}".rstrip("_")
