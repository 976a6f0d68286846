"""What was odd about the rows of a table, gathered while they are scored, and said in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Remarks:
    """Grows batch by batch; `notes` says it all.

    Attributes:
        guessed: the encoding that the file was taken to be in, where it does not say.
        extra: columns that the model knows nothing of.
        rare: cells by column whose level the model has no place for, and the first of them.
        unread: cells by column that should be a date and are none, and the first of them.
    """

    guessed: str | None = None
    extra: tuple[str, ...] = ()
    rare: dict[str, tuple[int, str]] = field(default_factory=dict)
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add_rare(self, column: str, cells: int, example: str) -> None:
        """Count cells whose level is rare or new; none is none."""
        _add(self.rare, column, cells, example)

    def add_unread(self, column: str, cells: int, example: str) -> None:
        """Count cells that are no dates; none is none."""
        _add(self.unread, column, cells, example)

    def notes(self) -> tuple[str, ...]:
        """Return one sentence for each oddity."""
        notes = []
        if self.guessed is not None:
            notes.append(
                f"The file is not in UTF-8; it was read as the likeliest encoding, {self.guessed}. "
                "If letters come out wrong, save it again as CSV in UTF-8."
            )
        if self.extra:
            many = "columns are" if len(self.extra) > 1 else "column is"
            notes.append(f"{len(self.extra)} {many} not used by the model: {_listed(self.extra)}.")
        for column, (cells, example) in self.rare.items():
            notes.append(
                f"`{column}`: {_cells(cells)} a category that training had rarely or never, such "
                f"as {example!r}; scored as any rare one."
            )
        for column, (cells, example) in self.unread.items():
            notes.append(
                f"`{column}`: {_cells(cells)} what cannot be read as a date, such as {example!r}; "
                "scored as empty."
            )
        return tuple(notes)


def _add(counts: dict[str, tuple[int, str]], column: str, cells: int, example: str) -> None:
    if cells:
        before, first = counts.get(column, (0, example))
        counts[column] = (before + cells, first)


def _cells(count: int) -> str:
    return f"{count:,} cells hold" if count > 1 else "1 cell holds"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(f"`{name}`" for name in names[:10]) + more
