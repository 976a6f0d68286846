"""What a table holds and what could ruin an answer, before anything is searched.

`dampen inspect` prints this alone; `dampen launch` begins with it.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from objectives.splitting.split import default_folds
from objectives.table.cells import cell_text
from objectives.table.dataset import Table, read_table
from objectives.table.inspection import Remark, inspect_table
from objectives.table.roles import Roles
from search.errors import SettingError
from search.settings import check_whole

SECONDS_BETWEEN_LINES = 5.0  # of a long read that nobody watches on a terminal


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """A table as a search would use it."""

    table: Table
    folds: int  # 1 for one split, more for cross-validation
    remarks: tuple[Remark, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `dampen inspect --json` prints."""
        table = self.table
        counts = np.bincount(table.y, minlength=len(table.labels))
        return {
            "data": table.name,
            "rows": len(table.y),
            "rows_without_target": table.dropped_rows,
            "target": table.target,
            "classes": dict(zip(table.labels, map(int, counts), strict=True)),
            "positive_label": table.labels[1] if len(table.labels) == 2 else None,
            "folds": self.folds,
            "columns": [asdict(column) for column in table.schema.columns],
            "remarks": [asdict(remark) for remark in self.remarks],
        }


def inspect(
    data: Any,
    target: str | None,
    roles: Roles,
    *,
    seed: int,
    folds: int | None,
    shown: bool,
    raw: bool = False,
) -> Inspection:
    """Read a table and look it over; the test rows of `seed` are not looked at.

    Args:
        data, target, raw: as for `objectives.table.dataset.read_table`.
        roles: what is said about the columns.
        seed: of the split.
        folds: None for what fits the table.
        shown: whether to say on standard error how far a long read is.

    Raises:
        objectives.errors.DataError: the table cannot serve.
        SettingError: folds do not go together with --time.
    """
    check_whole("--seed", seed, 0)
    check_whole("--folds", 1 if folds is None else folds, 1)
    with_time = roles.time is not None
    if with_time and folds is not None and folds > 1:
        raise SettingError(
            f"--folds must be 1 with --time, since later rows judge earlier ones; got {folds}. "
            "Leave --folds out."
        )
    table = read_table(data, target, roles, watch=_watch(data) if shown else None, raw=raw)
    folds = default_folds(table) if folds is None else folds
    return Inspection(table=table, folds=folds, remarks=inspect_table(table, seed, folds))


def make_roles(
    *,
    positive: str | None = None,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    drop: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
) -> Roles:
    """Return what was said about the columns as one value, names as text."""
    return Roles(
        positive=positive,
        categorical=tuple(map(cell_text, categorical)),
        numeric=tuple(map(cell_text, numeric)),
        drop=tuple(map(cell_text, drop)),
        weight=None if weight is None else cell_text(weight),
        group=None if group is None else cell_text(group),
        time=None if time is None else cell_text(time),
    )


def _watch(data: Any) -> Callable[[int], None]:
    """Return what says the rows read so far: in place on a terminal, a line now and then else."""
    began = time.monotonic()
    said = began
    terminal = sys.stderr.isatty()
    name = "the DataFrame" if isinstance(data, pd.DataFrame) else str(data)

    def watch(rows: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < (0.2 if terminal else SECONDS_BETWEEN_LINES) or now - began < 1:
            return
        said = now
        line = f"reading {name}: {rows:,} rows"
        print(f"\r{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr)
        sys.stderr.flush()

    return watch
