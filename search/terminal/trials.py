"""One trial in a terminal, and what became of it in sentences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.figures import TrialFigures
from search.terminal.characters import shown
from search.terminal.learning_curve import print_learning_curve
from search.wording import say_network, say_value

if TYPE_CHECKING:
    from search.explaining import Explanation

_CELL = 8  # columns of a cell of a confusion matrix, at least; longer labels are folded
_GAP = 2  # columns between two


def print_explanations(console: Console, explanations: "Sequence[Explanation]") -> None:
    """Print a paragraph of three sentences for each trial."""
    titles = {"best": "The winner", "failure": "The most instructive failure"}
    for i, explanation in enumerate(explanations):
        if i:
            console.print()
        if explanation.role in titles:
            console.print(f"[bold]{titles[explanation.role]}[/]")
        console.print(" ".join(explanation.sentences), markup=False)


def print_trial(console: Console, study: str, trial: TrialFigures) -> None:
    """Print one trial: what it was, what came of it, how it learned."""
    console.print(Text.assemble((f"Trial {trial.number}", "bold"), f" of {study} is {trial.state}"))
    said = {
        "network": say_network(trial.params) if trial.params else None,
        "verdict": trial.verdict,
        "evidence": trial.evidence,
        "reason": trial.reason,
        "worker": trial.worker,
    }
    if trial.worker and trial.attempts > 1:
        said["worker"] = f"{trial.worker}, attempt {trial.attempts}"
    if trial.metrics:
        said |= _metrics(trial)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in said.items():
        if text:
            table.add_row(name, Text(shown(console, text)))
    console.print(table)
    if trial.metrics:
        _print_confusion(console, trial)
    if trial.learning_curve.get("validation_roc_auc"):
        print_learning_curve(console, trial.learning_curve, f"trial {trial.number}")


def _metrics(trial: TrialFigures) -> dict[str, str | None]:
    metrics: dict[str, Any] = trial.metrics
    folds = f", {len(trial.folds)} folds (epochs of the median one)" if trial.folds else ""
    return {
        "kept": f"epoch {trial.best_epoch} of {trial.epochs}, {trial.seconds:.1f} s of "
        f"training{folds}",
        "metrics": f"ROC-AUC {say_value(metrics['roc_auc'], trial.standard_error)}, accuracy "
        f"{metrics['accuracy']:.3f}, F1 {metrics['f1']:.3f}, log loss {metrics['log_loss']:.3f}",
    }


def _print_confusion(console: Console, trial: TrialFigures) -> None:
    matrix = trial.metrics["confusion_matrix"]
    threshold = ", at a threshold of 0.5" if len(matrix) == 2 else ""
    table = Table(box=None, pad_edge=False)
    for heading in ("", *(f"called {label}" for label in trial.labels)):
        table.add_column(Text(heading), justify="right", overflow="fold", min_width=_CELL)
    for label, row in zip(trial.labels, matrix, strict=True):
        table.add_row(Text(f"truly {label}"), *map(str, row))
    console.print(f"\n[bold]Confusion matrix[/] of the validation rows{threshold}")
    if (1 + len(matrix)) * (_CELL + _GAP) <= console.width:
        console.print(table)
    else:
        console.print(f"one of {len(matrix)} classes does not fit here; `--json` has it")
