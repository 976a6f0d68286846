"""A table before it is searched, in a terminal."""

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from search.spaces.named_spaces import SpaceSpec
from search.spaces.ranges import Interval
from search.wording import say_labels

if TYPE_CHECKING:
    from objectives.verdict.probe import Probe
    from search.inspecting import Inspection  # with pandas and scikit-learn behind it

_COLUMNS = 60  # of a table, shown at most


def print_inspection(console: Console, found: "Inspection") -> None:
    """Print what a table holds, a line for each column, and what could ruin an answer."""
    table, counts = found.table, Counter(found.table.y.tolist())
    shares = {label: counts[i] / len(table.y) for i, label in enumerate(table.labels)}
    console.print(
        f"[bold]{escape(table.name)}[/] {len(table.y):,} rows, "
        f"{escape(table.target)}: {escape(say_labels(table.labels, shares))}"
    )
    if table.dropped_rows:
        left_out = "1 row" if table.dropped_rows == 1 else f"{table.dropped_rows:,} rows"
        console.print(f"left out: {left_out} without a target")
    columns = Table(box=None, pad_edge=False, show_header=False)
    columns.add_column(overflow="fold", max_width=32)
    columns.add_column(no_wrap=True)
    columns.add_column(overflow="fold")
    for column in table.schema.columns[:_COLUMNS]:
        style = "dim" if column.kind == "dropped" else ""
        columns.add_row(Text(column.name), column.kind, Text(column.why), style=style)
    console.print(columns)
    if len(table.schema.columns) > _COLUMNS:
        kinds = Counter(column.kind for column in table.schema.columns[_COLUMNS:])
        rest = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
        console.print(f"and more ({rest}), which `dampen inspect --json` lists")
    console.print(
        f"validation by {found.folds} folds" if found.folds > 1 else "validation by one split"
    )
    for remark in found.remarks:
        style = "yellow" if remark.level == "warning" else ""
        console.print(Text(f"{remark.level}: {remark.says} {remark.remedy}".rstrip(), style=style))


def print_probe(console: Console, probe: "Probe", spec: SpaceSpec) -> None:
    """Print where the search of L1 ends, and why; nothing where it is not searched."""
    l1 = spec.ranges["l1"]
    if not isinstance(l1, Interval):
        return
    if l1.high is not None:
        borne = f"the data bear {probe.bound:.1e}"
        console.print(f"L1 is searched up to {l1.high:.1e}, as was asked for; {borne}")
        return
    if probe.dies_at is None:
        why = "no feature alone says enough to find its limit"
    else:
        why = f"at {probe.dies_at:.1e} it outweighs all that the rows teach"
    console.print(f"L1 is searched up to {probe.bound:.1e}: {why}")
