"""The words of the notes that a study and its trials have in optuna-dashboard.

A note is Markdown. What comes from the data, labels and names above all, is escaped
(`markdown.py`); numbers are said as `show` says them. Next: `front.py` keeps a study's note up to
date, `trial.py` stores a trial's with its value.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from search.duration import format_duration
from search.page.markdown import code, escaped, table
from search.settings import Settings
from search.spaces.space_text import say_searched
from search.winner.winner import Winner
from search.wording import resume_command, say_columns, say_labels, say_network, say_value
from storage.progress import StudySummary

_MOST_CLASSES = 12  # of a confusion matrix
_SENTENCES = 1_000  # characters of evidence


@dataclass(frozen=True, kw_only=True)
class Leader:
    """The best trial of a study so far."""

    number: int
    value: float
    params: Mapping[str, Any]
    evaluation: Mapping[str, Any]  # as it was stored


def trial_note(
    params: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    learning_curve: Mapping[str, Any],
    labels: Sequence[str],
) -> str:
    """Return the note of a finished trial.

    Args:
        params: as Optuna drew them.
        evaluation: as it is stored.
        learning_curve: as it is stored.
        labels: of the classes.
    """
    verdict, evidence = evaluation["verdict"], escaped(evaluation["evidence"], _SENTENCES)
    parts = [f"**{verdict}**: {evidence}"]
    if evaluation["reason"]:
        parts.append(f"Stopped early: {escaped(evaluation['reason'], _SENTENCES)}.")
    parts.append(f"Network: {escaped(say_network(params), _SENTENCES)}")
    if evaluation["metrics"]:
        parts += [_metrics(evaluation), _confusion(evaluation["metrics"], labels)]
    if learning_curve.get("validation_roc_auc"):
        parts.append(_curve(evaluation, learning_curve))
    return "\n\n".join(parts)


def failure_note(message: str) -> str:
    """Return the note of a trial that raised an error."""
    return f"**failed**: {escaped(message, _SENTENCES)}"


def study_note(
    settings: Settings,
    summary: StudySummary,
    verdicts: Mapping[str, int],
    leader: Leader | None,
    winner: Winner | None,
    *,
    conclusion: str | None,
    ended_early: str | None,
    url: str,
    now: datetime,
) -> str:
    """Return the note of a study as it stands.

    Args:
        settings: what it was launched with.
        summary: how far it has come.
        verdicts: how many trials have each, most first.
        leader: the best trial by its validation ROC-AUC.
        winner: the trial that the study recommends.
        conclusion: the plain sentences of its answer, if there is one.
        ended_early: why it ended before its budget, if it did.
        url: of the storage.
        now: aware.
    """
    counts = summary.counts
    when = f"{now:%Y-%m-%d %H:%M} UTC"
    parts = [
        f"## {escaped(summary.name, 200)}",
        f"**{summary.state}**: {counts.finished} of {summary.planned_trials} trials are finished "
        f"({when}).",
    ]
    if ended_early and summary.state == "finished":
        parts.append(f"{escaped(ended_early, _SENTENCES)}.")
    if conclusion:
        parts.append(f"**Answer**: {escaped(conclusion, 3 * _SENTENCES)}")
    facts = {**_asked(settings, summary), **_found(summary, verdicts, leader, winner)}
    rows = [[f"**{name}**", said] for name, said in facts.items() if said]
    parts.append(table(["", ""], rows, numbers=False))
    if settings.folds > 1 and counts.pruned:
        parts.append(
            "A pruned trial's point in History is the mean of the folds it came to, the easy ones "
            "perhaps: switch *Include PRUNED trials* off to compare."
        )
    parts += ["In the folder where it was launched:", code(_commands(summary.name, url))]
    return "\n\n".join(parts)


def _asked(settings: Settings, summary: StudySummary) -> dict[str, str]:
    data = settings.data
    judged = f"{settings.folds} folds" if settings.folds > 1 else "one split"
    limit = settings.timeout_seconds
    timeout = f", {format_duration(limit)} at a time" if limit is not None else ""
    labels = [escaped(label, 40) for label in data.labels[:_MOST_CLASSES]]
    more = len(data.labels) - len(labels)
    return {
        "data": f"{escaped(data.name)}, {data.rows:,} rows, {say_columns(data.columns)}",
        "target": f"{say_labels(labels)}{f' and {more} more' if more else ''}, in column "
        f"{escaped(data.target)}",
        "value": f"ROC-AUC on the validation rows of {judged}",
        "budget": f"{summary.planned_trials} trials{timeout}",
        "space": escaped(say_searched(settings.to_json()), _SENTENCES),
        "search": f"{settings.sampler} sampler, {settings.pruner} pruner, seed {settings.seed}",
    }


def _found(
    summary: StudySummary,
    verdicts: Mapping[str, int],
    leader: Leader | None,
    winner: Winner | None,
) -> dict[str, str]:
    counts = summary.counts
    states = {
        "complete": counts.complete,
        "pruned": counts.pruned,
        "failed": counts.failed,
        "running": counts.running,
    }
    return {
        "trials": ", ".join(f"{n} {state}" for state, n in states.items() if n) or "none yet",
        "verdicts": ", ".join(f"{n} {verdict}" for verdict, n in verdicts.items()),
        "best": "" if leader is None else _say_leader(leader),
        "winner": "" if winner is None or winner.confirmed is None else _say_winner(winner),
    }


def _say_leader(leader: Leader) -> str:
    value = say_value(leader.value, leader.evaluation.get("standard_error"))
    verdict = leader.evaluation.get("verdict") or "not judged"
    network = escaped(say_network(leader.params), _SENTENCES)
    return f"trial {leader.number}, {value}, {verdict}: {network}"


def _say_winner(winner: Winner) -> str:
    again = winner.confirmed
    assert again is not None
    mean = say_value(again.mean, again.standard_error)
    return f"trial {winner.trial.number}, {mean} when trained {len(again.values)} times more"


def _commands(name: str, url: str) -> list[str]:
    resume = resume_command(name, url)
    storage = resume.removeprefix(f"dampen resume {shlex.quote(name)}")
    file = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "study"
    told = {
        "resume": "",
        "show": "",
        "export": f" -o {file}.keras",
        "report": f" -o {file}.html",
    }
    return [f"dampen {verb} {shlex.quote(name)}{more}{storage}" for verb, more in told.items()]


def _metrics(evaluation: Mapping[str, Any]) -> str:
    metrics = evaluation["metrics"]
    value = say_value(metrics["roc_auc"], evaluation["standard_error"])
    others = [f"{metrics[name]:.3f}" for name in ("accuracy", "f1", "log_loss")]
    return table(["ROC-AUC", "accuracy", "F1", "log loss"], [[value, *others]])


def _confusion(metrics: Mapping[str, Any], labels: Sequence[str]) -> str:
    matrix = metrics["confusion_matrix"]
    rows = sum(map(sum, matrix))
    if len(labels) > _MOST_CLASSES:
        return f"{rows:,} validation rows of {len(labels)} classes"
    named = [escaped(label, 24) for label in labels]
    threshold = ", called from 0.5 upwards" if len(labels) == 2 else ""
    title = f"**Confusion matrix** of {rows:,} validation rows{threshold}"
    return (
        title
        + "\n\n"
        + table(
            ["", *(f"called {label}" for label in named)],
            [[f"truly {label}", *map(str, row)] for label, row in zip(named, matrix, strict=True)],
        )
    )


def _curve(evaluation: Mapping[str, Any], curve: Mapping[str, Any]) -> str:
    """Return the first, the best and the last epoch; of folds their means, as far as all go."""
    n, best = len(curve["validation_roc_auc"]), evaluation["best_epoch"]
    shown = sorted({1, best, n} & {*range(1, n + 1)})
    folds = evaluation["folds"]
    whose = f" of the median fold; below, the mean of {len(folds)} folds" if folds else ""
    title = f"**Learning curve**: kept epoch {best} of {evaluation['epochs']}{whose}"
    rows = [
        [
            f"{i} (kept)" if i == best else str(i),
            *(
                f"{curve[name][i - 1]:.4f}"
                for name in ("training_loss", "validation_loss", "validation_roc_auc")
            ),
        ]
        for i in shown
    ]
    header = ["epoch", "training loss", "validation loss", "validation ROC-AUC"]
    return f"{title}\n\n{table(header, rows)}\n\n{evaluation['seconds']:.1f} s of training"
