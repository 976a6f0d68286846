"""What the doctor found, in a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from storage.finding import Finding

_DETAILS = 5  # lines of a finding; all of them are in the JSON document
_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print what the doctor found: a line each, and below it what to do."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        lines = [finding.says, *(f"- {detail}" for detail in finding.details[:_DETAILS])]
        if len(finding.details) > _DETAILS:
            lines.append(f"- and {len(finding.details) - _DETAILS} more (--json lists them)")
        if finding.remedy:
            lines.append(f"> {finding.remedy}")
        level = Text(finding.level, style=_STYLES[finding.level])
        table.add_row(level, finding.check, Text("\n".join(lines)))
    console.print(table)
    counts = Counter(finding.level for finding in findings)
    console.print(f"problems: {counts['problem']}, warnings: {counts['warning']}")
