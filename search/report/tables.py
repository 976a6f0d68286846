"""The tables of a report as plain text; the page and the Markdown each write them their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.report.numbers import say_difference, say_interval, say_number, say_p
from search.report.sentences import MODELS
from search.wording import say_network, say_value

METRICS = {
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "log_loss": "log loss (less is better)",
    "brier_score": "Brier score (less is better)",
    "calibration_error": "calibration error (less is better)",
}
METHODS = {"delong": "DeLong", "bootstrap": "bootstrap"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Text in rows. A line break within a cell sets off what is said on the side."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool = True  # whether all columns but the first hold numbers

    def __bool__(self) -> bool:
        return bool(self.rows)


def metrics_table(answer: Mapping[str, Any]) -> Table:
    """Return every metric of every model on the test rows, with its interval."""
    models = answer["models"]
    names = [name for name in METRICS if any(name in model["test"] for model in models)]
    called = ", called from 0.5 upwards" if len(answer["labels"]) == 2 else ""
    return Table(
        title=f"On the {answer['rows']['test']:,} test rows{called}, with 95% intervals",
        header=["", *(MODELS.get(model["name"], model["name"]) for model in models)],
        rows=[
            [METRICS[name], *(_metric(model["test"].get(name)) for model in models)]
            for name in names
        ],
    )


def _metric(found: Mapping[str, Any] | None) -> str:
    return f"{say_number(found['value'])}\n{say_interval(found)}" if found else say_number(None)


def comparisons_table(answer: Mapping[str, Any]) -> Table:
    """Return the chosen network against every other model."""
    return Table(
        title="Test ROC-AUC of the chosen network minus that of another model, on the same rows",
        header=["against", "difference", "95% interval", "p", "test"],
        rows=[
            [
                MODELS.get(each["b"], each["b"]),
                say_difference(each["difference"]["value"]),
                _signed_interval(each["difference"]),
                say_p(each["p_value"]).removeprefix("p = ").removeprefix("p "),
                METHODS.get(each["method"], each["method"]),
            ]
            for each in answer["comparisons"]
        ],
    )


def _signed_interval(found: Mapping[str, Any]) -> str:
    return f"{say_difference(found['low'])} to {say_difference(found['high'])}"


def confirmed_table(answer: Mapping[str, Any]) -> Table:
    """Return the leading trials that were trained again; empty where none was."""
    return Table(
        title="The leading trials, trained again with other seeds and folds",
        header=["trial", "in the search", "trained again", "each time"],
        rows=[
            [
                str(each["trial"]),
                say_number(each["value"], ".4f"),
                say_value(each["mean"], each["standard_error"]),
                ", ".join(say_number(value, ".4f") for value in each["values"]),
            ]
            for each in answer["confirmed"]
        ],
    )


def top_table(figures: Mapping[str, Any]) -> Table:
    """Return the best trials of the search."""
    return Table(
        title="The best trials by validation ROC-AUC",
        header=["trial", "ROC-AUC", "verdict", "network"],
        rows=[
            [
                str(trial["number"]),
                say_value(trial["value"], trial["standard_error"]),
                str(trial["verdict"]),
                say_network(trial["params"]),
            ]
            for trial in figures["top"]
        ],
        numbers=False,
    )


def confusion_table(title: str, matrix: Sequence[Sequence[float]], labels: Sequence[str]) -> Table:
    """Return a confusion matrix, a row a true class."""
    return Table(
        title=title,
        header=["", *(f"called {label}" for label in labels)],
        rows=[
            [f"truly {label}", *(f"{count:,.0f}" for count in row)]
            for label, row in zip(labels, matrix, strict=True)
        ],
    )
