"""What a person says about the columns of a table, beyond the target's name.

Everything not said here is inferred (`inference.py`); what is said wins. Stored with a study, so
that a resume reads the table as the launch did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from objectives.errors import DataError
from objectives.table.naming import quoted, suggestion


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Columns with a role or a kind of their own, by name."""

    positive: str | None = None  # the label of the positive class; two classes only
    categorical: tuple[str, ...] = ()  # to be read as categories
    numeric: tuple[str, ...] = ()  # to be read as numbers
    drop: tuple[str, ...] = ()  # to be left out
    weight: str | None = None  # how much a row counts in the training loss, > 0
    group: str | None = None  # rows of one group stay on one side of every split
    time: str | None = None  # the latest rows are the test rows


NO_ROLES = Roles()


def named_columns(
    roles: Roles, columns: Sequence[str], target: str, table: str
) -> Mapping[str, str]:
    """Return the option that names each column which has a role: "categorical", "weight", ...

    Args:
        roles: what was said.
        columns: all names of the table.
        target: name of the target column, one of them.
        table: what to call the table in a sentence.

    Raises:
        DataError: a column that does not exist, is the target, or is named in two ways.
    """
    said: dict[str, str] = {}
    for option, names in _by_option(roles).items():
        for name in names:
            if name not in columns:
                raise DataError(
                    f"{quoted(table)} has no column {quoted(name)}, named with --{option}; "
                    f"{suggestion(name, columns)}"
                )
            if name == target:
                raise DataError(
                    f"column {quoted(name)} must have one role; it is the target and named with "
                    f"--{option}. Leave it out of --{option}."
                )
            before = said.setdefault(name, option)
            if before != option:
                raise DataError(
                    f"column {quoted(name)} must have one role; it is named with --{before} and "
                    f"--{option}. Keep one of them."
                )
    return said


def _by_option(roles: Roles) -> dict[str, tuple[str, ...]]:
    single = {"weight": roles.weight, "group": roles.group, "time": roles.time}
    return {
        "categorical": roles.categorical,
        "numeric": roles.numeric,
        "drop": roles.drop,
        **{option: () if name is None else (name,) for option, name in single.items()},
    }
