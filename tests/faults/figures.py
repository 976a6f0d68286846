"""What the faults did, as figures and as the table at the end of a session."""

from collections.abc import Mapping
from dataclasses import dataclass

_HEADER = ("scenario", "database", "faults", "trials", "lost", "duplicated", "failed after 3")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the faults of one scenario did to its study."""

    faults: int  # tried
    trials: int  # finished
    lost: int  # planned and not there, or told and then gone or changed
    duplicated: int  # one number twice
    given_up: int  # failed after 3 attempts


def table(rows: Mapping[tuple[str, str], Figures | None]) -> list[str]:
    """The lines of the table, the sums last; a scenario without figures did not get that far."""
    cells = [
        (scenario, database, *(_cells(figures) if figures else ("-",) * 5))
        for (scenario, database), figures in rows.items()
    ]
    known = [figures for figures in rows.values() if figures is not None]
    total = Figures(
        **{
            name: sum(getattr(figures, name) for figures in known)
            for name in Figures.__dataclass_fields__
        }
    )
    lines = [_HEADER, *cells, ("all", "", *_cells(total))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _cells(figures: Figures) -> tuple[str, ...]:
    return tuple(str(getattr(figures, name)) for name in Figures.__dataclass_fields__)
