"""What a report is made of, read once from the database and the table: plain JSON values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from objectives.errors import DataError
from search.errors import StudyChangedError, TrialError
from search.explaining import explain
from search.figures import STATE_NAMES, study_figures
from search.report.commands import launch_command
from search.settings import Settings
from search.study_table import same_table
from search.wording import resume_command
from storage.database import Database
from storage.evaluations import read_evaluations
from storage.studies import StudyRecord, load_study


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """All that a report shows."""

    answer: Mapping[str, Any]  # as `search/answer/answer.py` makes it
    figures: Mapping[str, Any]  # as `show --json` prints them
    trials: list[dict[str, Any]]  # by number: number, state, value, params, verdict
    space: Mapping[str, dict[str, Any]]  # parameter -> choices, or low, high and log
    columns: list[dict[str, Any]]  # name, kind, why; empty where the table is gone
    lessons: list[dict[str, Any]]  # of the best trial and of the most instructive failure
    reproduce: str  # the command that does it all again
    resume: str  # the command that goes on


def gather(
    db: Database, study: str, answer: Mapping[str, Any], *, data: str | Path | None = None
) -> Gathered:
    """Return what a report of a study shows.

    Args:
        db: where the study is.
        study: its name.
        answer: what was found, as `search/answer/answer.py` makes it.
        data: where its table lies now; where it lay at launch unless told.

    Raises:
        StudyNotFoundError: there is no such study.
    """
    record = load_study(db, study)
    settings = Settings.from_json(record.settings)
    figures = study_figures(db, study).to_json()
    return Gathered(
        answer=answer,
        figures=figures,
        trials=_trials(db, record),
        space={name: _range(found) for name, found in _distributions(db, record, settings)},
        columns=_columns(db, record, settings, data),
        lessons=_lessons(db, study),
        reproduce=launch_command(settings, trials=record.planned_trials, confirm=record.confirm),
        resume=resume_command(study, db.url),
    )


def _trials(db: Database, record: StudyRecord) -> list[dict[str, Any]]:
    evaluations = read_evaluations(db, record.study_id)
    found = db.optuna.get_all_trials(record.study_id, deepcopy=False)
    return [
        {
            "number": trial.number,
            "state": STATE_NAMES[trial.state],
            "value": _value(trial),
            "params": dict(trial.params),
            "verdict": evaluations[trial.number].evaluation.get("verdict")
            if trial.number in evaluations
            else None,
        }
        for trial in sorted(found, key=lambda trial: trial.number)
        if trial.state.is_finished()
    ]


def _distributions(
    db: Database, record: StudyRecord, settings: Settings
) -> Sequence[tuple[str, BaseDistribution]]:
    """Return what each parameter was drawn from; by an objective of a person's own, last."""
    if settings.objective is None:
        return list(settings.distributions().items())
    trials = db.optuna.get_all_trials(record.study_id, deepcopy=False)
    return list({n: each for trial in trials for n, each in trial.distributions.items()}.items())


def _value(trial: FrozenTrial) -> float | None:
    """Return what a trial came to: its value, or what a pruned one had reached."""
    if trial.values:
        return float(trial.values[0])
    reported = [value for value in trial.intermediate_values.values() if value == value]
    return float(max(reported)) if reported else None


def _range(distribution: BaseDistribution) -> dict[str, Any]:
    if isinstance(distribution, CategoricalDistribution):
        return {"choices": list(distribution.choices)}
    found: Any = distribution
    return {"low": found.low, "high": found.high, "log": bool(found.log)}


def _columns(
    db: Database, record: StudyRecord, settings: Settings, data: str | Path | None
) -> list[dict[str, Any]]:
    try:
        schema = same_table(db, record, settings, data).schema
    except (StudyChangedError, DataError, OSError):
        return []  # the answer is in the database; the table may have gone its own way
    return [{"name": c.name, "kind": c.kind, "why": c.why} for c in schema.columns]


def _lessons(db: Database, study: str) -> list[dict[str, Any]]:
    try:
        return [asdict(each) for each in explain(db, study)]
    except TrialError:
        return []
