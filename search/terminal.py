"""Studies and trials as a person reads them in a terminal, on standard output.

Everything fits into 80 columns and reads without colour.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from search.duration import format_duration
from search.figures import StudyFigures, TrialFigures
from search.wording import say_labels, say_network, say_value
from storage.finding import Finding
from storage.progress import StudySummary

if TYPE_CHECKING:
    from objectives.verdict.probe import Probe
    from search.explaining import Explanation
    from search.inspecting import Inspection  # with pandas and scikit-learn behind it

_BAR = 24  # columns of an importance of 1
_DETAILS = 5  # lines of a finding; all of them are in the JSON document
_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_COLUMNS = 60  # of a table, shown at most
_WORKERS = 8  # shown at most, the latest


def print_studies(console: Console, summaries: list[StudySummary]) -> None:
    """Print a line for each study."""
    if not summaries:
        console.print("No studies yet. `dampen launch` starts one.")
        return
    table = Table("study", "state", box=None, pad_edge=False)
    for heading in ("trials", "best", "last activity"):
        table.add_column(heading, justify="right")
    for summary in summaries:
        table.add_row(
            summary.name,
            summary.state,
            f"{summary.counts.finished} / {summary.planned_trials}",
            "-" if summary.best_value is None else f"{summary.best_value:.4f}",
            summary.last_activity.astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    console.print(table)


def print_study(console: Console, figures: StudyFigures) -> None:
    """Print a study: where it stands, its best trials, what mattered."""
    counts = ", ".join(f"{n} {state}" for state, n in figures.trials.items() if n) or "none yet"
    console.print(f"[bold]{figures.study}[/] is {figures.state}")
    console.print(
        f"data    {figures.data['name']}, {figures.data['rows']:,} rows; "
        f"{figures.data['target']}: {say_labels(figures.data['labels'])}",
        markup=False,
    )
    console.print(f"trials  {counts} of {figures.planned_trials} planned")
    if figures.verdicts:
        said = ", ".join(f"{n} {verdict}" for verdict, n in figures.verdicts.items())
        console.print(f"verdict {said}")
    console.print(f"time    {format_duration(figures.seconds)}, seed {figures.seed}")
    if figures.winner and figures.winner["confirmed"]:
        console.print(
            f"winner  trial {figures.winner['trial']}: "
            f"{figures.winner['confirmed']['mean']:.4f} on average when trained again, "
            f"{figures.winner['value']:.4f} in the search"
        )
    if figures.top:
        _print_best(console, figures)
    if figures.workers:
        _print_workers(console, figures)


def _print_best(console: Console, figures: StudyFigures) -> None:
    console.print("\n[bold]Best trials[/] by validation ROC-AUC")
    table = Table(box=None, pad_edge=False)
    for heading in ("trial", "ROC-AUC", "accuracy", "F1"):
        table.add_column(heading, justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("network", overflow="fold")
    for trial in figures.top:
        metrics = trial["metrics"]
        table.add_row(
            str(trial["number"]),
            say_value(trial["value"], trial["standard_error"]),
            f"{metrics['accuracy']:.3f}",
            f"{metrics['f1']:.3f}",
            trial["verdict"],
            say_network(trial["params"]),
        )
    console.print(table)
    if figures.importances:
        console.print("\n[bold]What mattered[/] (importance of each parameter)")
        for name, share in figures.importances.items():
            console.print(f"  {name:<15}{share:5.2f}  {'█' * round(share * _BAR)}")


def _print_workers(console: Console, figures: StudyFigures) -> None:
    console.print("\n[bold]Workers[/]")
    table = Table(box=None, pad_edge=False)
    table.add_column("host and process")
    table.add_column("trials", justify="right")
    table.add_column("a minute", justify="right")
    table.add_column("state", overflow="fold")
    gone = ("left", "lost")
    latest = sorted(figures.workers, key=lambda worker: worker["state"] in gone, reverse=True)
    for worker in latest[-_WORKERS:]:
        state = worker["state"]
        if worker["running_trial"] is not None and state == "working":
            state = f"works on trial {worker['running_trial']}"
        table.add_row(
            f"{worker['host']}:{worker['process']}",
            str(worker["trials_finished"]),
            f"{worker['trials_per_minute']:.0f}",
            f"{state}: {worker['reason']}" if worker["reason"] else state,
        )
    console.print(table)
    if len(latest) > _WORKERS:
        console.print(f"and {len(latest) - _WORKERS} before them, which `--json` lists")


def print_inspection(console: Console, found: "Inspection") -> None:
    """Print what a table holds, a line for each column, and what could ruin an answer."""
    table, counts = found.table, Counter(found.table.y.tolist())
    shares = {label: counts[i] / len(table.y) for i, label in enumerate(table.labels)}
    console.print(
        f"[bold]{escape(table.name)}[/] {len(table.y):,} rows, "
        f"{escape(table.target)}: {escape(say_labels(table.labels, shares))}"
    )
    if table.dropped_rows:
        console.print(f"{table.dropped_rows:,} rows without a target are left out")
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


def print_probe(console: Console, probe: "Probe") -> None:
    """Print where the search of L1 ends, and why."""
    if probe.dies_at is None:
        why = "no feature alone says enough to find its limit"
    else:
        why = f"at {probe.dies_at:.1e} it outweighs all that the rows teach"
    console.print(f"L1 is searched up to {probe.bound:.1e}: {why}")


def print_explanations(console: Console, explanations: "Sequence[Explanation]") -> None:
    """Print a paragraph of three sentences for each trial."""
    titles = {"best": "The best trial", "failure": "The most instructive failure"}
    for i, explanation in enumerate(explanations):
        if i:
            console.print()
        if explanation.role in titles:
            console.print(f"[bold]{titles[explanation.role]}[/]")
        console.print(" ".join(explanation.sentences), markup=False)


def print_trial(console: Console, study: str, trial: TrialFigures) -> None:
    """Print one trial: what it was, what came of it, how it learned."""
    console.print(f"[bold]Trial {trial.number}[/] of {study} is {trial.state}")
    if trial.params:
        console.print(f"network   {say_network(trial.params)}")
    if trial.verdict:
        console.print(f"verdict   {trial.verdict}")
    if trial.evidence:
        console.print(f"evidence  {trial.evidence}", markup=False)
    if trial.reason:
        console.print(f"reason    {trial.reason}", markup=False)
    if trial.worker:
        again = f", attempt {trial.attempts}" if trial.attempts > 1 else ""
        console.print(f"worker    {trial.worker}{again}", markup=False)
    if trial.metrics:
        _print_metrics(console, trial)
    if trial.learning_curve:
        _print_curve(console, trial)


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


def _print_metrics(console: Console, trial: TrialFigures) -> None:
    metrics: dict[str, Any] = trial.metrics
    folds = f", {len(trial.folds)} folds (epochs of the median one)" if trial.folds else ""
    console.print(
        f"at epoch  {trial.best_epoch} of {trial.epochs}, {trial.seconds:.1f} s of training{folds}"
    )
    value = say_value(metrics["roc_auc"], trial.standard_error)
    console.print(
        f"metrics   ROC-AUC {value}, accuracy {metrics['accuracy']:.3f}, "
        f"F1 {metrics['f1']:.3f}, log loss {metrics['log_loss']:.3f}"
    )
    matrix = metrics["confusion_matrix"]
    title = "confusion matrix, threshold 0.5" if len(matrix) == 2 else "confusion matrix"
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("", *(f"called {label}" for label in trial.labels)):
        table.add_column(heading, justify="right")
    for label, row in zip(trial.labels, matrix, strict=True):
        table.add_row(f"truly {label}", *map(str, row))
    console.print(table)


def _print_curve(console: Console, trial: TrialFigures) -> None:
    curve = trial.learning_curve
    table = Table(title="learning curve", title_justify="left", box=None)
    for heading in ("epoch", "training loss", "validation loss", "validation ROC-AUC"):
        table.add_column(heading, justify="right")
    n = len(curve["validation_roc_auc"])
    shown = sorted(
        {0, n - 1, (trial.best_epoch or 1) - 1, *range(0, n, max(1, n // 8))} & {*range(n)}
    )
    for i in shown:
        best = " *" if i + 1 == trial.best_epoch else "  "
        table.add_row(
            f"{i + 1}{best}",
            f"{curve['training_loss'][i]:.4f}",
            f"{curve['validation_loss'][i]:.4f}",
            f"{curve['validation_roc_auc'][i]:.4f}",
        )
    console.print(table)
