"""Studies in a terminal: where they stand, their best trials, what mattered."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.duration import format_duration
from search.figures import StudyFigures, TrialFigures
from search.spaces.space_text import say_searched
from search.terminal.characters import bar, shown
from search.terminal.learning_curve import print_learning_curve
from search.wording import say_labels, say_network, say_value
from storage.progress import StudySummary

_BAR = 24  # columns of an importance of 1
_LEAST = 0.005  # importance of a line of its own
_WORKERS = 8  # shown at most, the latest
_VERDICT_STYLES = {"healthy": "green", "collapsed": "red", "diverged": "red"}  # others yellow


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
            Text(summary.name),
            summary.state,
            f"{summary.counts.finished} / {summary.planned_trials}",
            "-" if summary.best_value is None else f"{summary.best_value:.4f}",
            summary.last_activity.astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    console.print(table)


def print_study(console: Console, figures: StudyFigures, winner: TrialFigures | None) -> None:
    """Print a study: where it stands, its best trials, how its winner learned, what mattered.

    Args:
        console: where to.
        figures: the study's.
        winner: the figures of the trial that the study recommends; None where there is none.
    """
    console.print(Text.assemble((figures.study, "bold"), f" is {figures.state}"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _standing(figures).items():
        table.add_row(name, Text(shown(console, text)))
    console.print(table)
    if figures.top:
        _print_best(console, figures)
    if winner is not None and winner.learning_curve.get("validation_roc_auc"):
        print_learning_curve(console, winner.learning_curve, _title(figures, winner.number))
    if figures.importances:
        _print_importances(console, figures.importances)
    if figures.workers:
        _print_workers(console, figures)


def _standing(figures: StudyFigures) -> dict[str, str]:
    """Return what a study is and where it stands, by the word in front of it."""
    data, winner = figures.data, figures.winner
    counts = ", ".join(f"{n} {state}" for state, n in figures.trials.items() if n) or "none yet"
    said = {
        **({"ended": figures.ended_early} if figures.ended_early else {}),
        "data": f"{data['name']}, {data['rows']:,} rows; {data['target']}: "
        f"{say_labels(data['labels'])}",
        "space": say_searched(figures.settings),
        "trials": f"{counts} of {figures.planned_trials} planned",
        "verdicts": ", ".join(f"{n} {verdict}" for verdict, n in figures.verdicts.items()),
        "time": f"{format_duration(figures.seconds)}, seed {figures.seed}",
    }
    if winner is not None:
        value = say_value(winner["value"], winner["standard_error"])
        again = winner["confirmed"]
        if again:
            value = f"{again['mean']:.4f} on average when trained again, {value} in the search"
        said["winner"] = f"trial {winner['trial']}: {value}\n{say_network(winner['params'])}"
    return {name: text for name, text in said.items() if text}


def _title(figures: StudyFigures, number: int) -> str:
    return f"trial {number}, {'the winner' if figures.state == 'finished' else 'the best so far'}"


def _print_best(console: Console, figures: StudyFigures) -> None:
    console.print("\n[bold]Best trials[/] by validation ROC-AUC")
    table = Table(box=None, pad_edge=False)
    for heading in ("trial", "ROC-AUC", "F1"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    own = any(not trial["network"] for trial in figures.top)  # a person's own networks
    table.add_column("parameters" if own else "layers", overflow="fold")
    for heading in () if own else ("dropout", "L1", "L2"):
        table.add_column(heading, justify="right", no_wrap=True)
    for trial in figures.top:
        table.add_row(
            str(trial["number"]),
            shown(console, say_value(trial["value"], trial["standard_error"])),
            f"{trial['metrics']['f1']:.3f}",
            Text(trial["verdict"], style=_VERDICT_STYLES.get(trial["verdict"], "yellow")),
            *([Text(say_network(trial["params"]))] if own else _network(trial["network"])),
        )
    console.print(table)
    console.print(f"More of one: dampen show {quote(figures.study)} --trial N", markup=False)


def _network(network: Mapping[str, Any]) -> list[str]:
    """Return layers, dropout, L1 and L2 as a row of the table has them."""
    return [
        "-".join(map(str, network["widths"])),
        _strength(network["dropout"], ".2f"),
        _strength(network["l1"], ".1e"),
        _strength(network["l2"], ".1e"),
    ]


def _strength(value: float, form: str) -> str:
    return format(value, form) if value > 0 else "off"


def _print_importances(console: Console, importances: dict[str, float]) -> None:
    console.print("\n[bold]What mattered[/] (importance of each parameter)")
    longest = max(15, *map(len, importances))
    for name, share in importances.items():
        if share >= _LEAST:
            length = round(share * _BAR)
            console.print(f"  {name:<{longest}}{share:5.2f}  {bar(console, length)}".rstrip())
    # A parameter with a single value has an importance of exactly 0: it was not searched.
    rest = [name for name, share in importances.items() if 0 < share < _LEAST]
    if rest:
        console.print(Padding(f"below 0.01: {', '.join(rest)}", (0, 0, 0, 2)))


def _print_workers(console: Console, figures: StudyFigures) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("host and process")
    table.add_column("trials", justify="right")
    table.add_column("a minute", justify="right")
    table.add_column("state", overflow="fold")
    gone = ("left", "lost")
    # Who only trained winners again left without a trial of the search.
    told = [
        w for w in figures.workers if w["trials_finished"] or w["reason"] or w["state"] != "left"
    ]
    latest = sorted(told, key=lambda worker: worker["state"] in gone, reverse=True)
    for worker in latest[-_WORKERS:]:
        state = worker["state"]
        if worker["running_trial"] is not None and state == "working":
            state = f"works on trial {worker['running_trial']}"
        table.add_row(
            Text(f"{worker['host']}:{worker['process']}"),
            str(worker["trials_finished"]),
            f"{worker['trials_per_minute']:.0f}",
            Text(f"{state}: {worker['reason']}" if worker["reason"] else state),
        )
    if latest:
        console.print("\n[bold]Workers[/]")
        console.print(table)
    if len(latest) > _WORKERS:
        console.print(f"and {len(latest) - _WORKERS} before them, which `--json` lists")
