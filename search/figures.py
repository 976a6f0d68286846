"""The figures of a study and of a trial: what `--json` prints and what Python callers get.

The keys are a promise, written down in the README. Everything is read from the database; nothing
is computed here that training did not leave behind, except the importances.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.errors import TrialError
from search.settings import Settings
from search.spaces.space import hyperparameters, is_dense
from search.winner.winner import Confirmed, Winner, choose_winner, confirmed_trials, ranked
from storage.claims import read_owner
from storage.confirmations import Confirmation, read_confirmations
from storage.database import Database
from storage.evaluations import Evaluation, read_evaluation, read_evaluations
from storage.progress import StudySummary, WorkerSummary, summarise_study, summarise_workers
from storage.studies import StudyRecord, load_study
from storage.url import redact

ENDED_EARLY = "ended_early"  # attribute of a study, in words
METRIC = "validation_roc_auc"
N_TOP = 5
_CONFIRMED = ("values", "mean", "standard_error")  # what the winner says of itself

STATE_NAMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True, kw_only=True)
class TrialFigures:
    """One trial. `learning_curve` is empty until the trial has ended."""

    number: int
    state: str  # complete, pruned, failed, running or waiting
    value: float | None  # validation ROC-AUC at the best epoch; the mean of the folds
    standard_error: float | None  # of the value, over folds; None for one split
    params: dict[str, Any]  # as Optuna drew them
    network: dict[str, Any]  # what they mean: widths, and strengths that are 0 when off; {} if own
    metrics: dict[str, Any]  # roc_auc, accuracy, f1, log_loss, confusion_matrix
    epochs: int | None
    best_epoch: int | None
    seconds: float | None
    verdict: str | None  # healthy, collapsed, overfit, underfit, diverged or unlucky
    evidence: str | None  # for the verdict, in a sentence
    diagnosis: dict[str, Any]  # and in numbers
    reason: str | None  # why it was pruned or failed
    worker: str | None  # host:process:... of the worker that runs or ran it
    attempts: int  # how often it was begun; more than 1 when workers died
    learning_curve: dict[str, Any]  # per epoch: training_loss, validation_loss, ..._auc
    labels: list[str]  # of the classes, as the rows of the confusion matrix
    folds: list[dict[str, Any]]  # each: roc_auc, epochs, best_epoch, diverged; empty for one split

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class StudyFigures:
    """One study."""

    study: str
    state: str  # running, interrupted or finished
    metric: str
    direction: str
    seed: int
    planned_trials: int
    ended_early: str | None  # why it ended before its budget (`flatness.py`)
    trials: dict[str, int]  # counts by state
    verdicts: dict[str, int]  # counts of the trials that ended complete or pruned; most first
    best: dict[str, Any] | None  # number, value, params, network, metrics
    winner: dict[str, Any] | None  # trial, value, ..., chosen_by and confirmed: `winner.py`
    confirmed: tuple[dict[str, Any], ...]  # trials that were trained again, best mean first
    top: tuple[dict[str, Any], ...]  # the best few, best first, as `best`
    importances: dict[str, float]  # parameter -> share, largest first; empty below 2 trials
    seconds: float  # in which at least one trial ran; pauses do not count
    workers: tuple[dict[str, Any], ...]  # in the order in which they came
    data: dict[str, Any]
    settings: dict[str, Any]
    storage: str  # without a password

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return asdict(self)


def study_figures(db: Database, name: str) -> StudyFigures:
    """Return the figures of a study.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
    """
    record, summary = load_study(db, name), summarise_study(db, name)
    settings = Settings.from_json(record.settings)
    study = optuna.load_study(study_name=name, storage=db.optuna)
    trials = study.get_trials(deepcopy=False)
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    evaluations = read_evaluations(db, record.study_id)
    top = tuple(_brief(t, evaluations[t.number].evaluation) for t in ranked(complete)[:N_TOP])
    confirmations = read_confirmations(db, record.study_id) if record.confirm else []
    winner = choose_winner(complete, confirmations, record.confirm)
    return StudyFigures(
        study=name,
        state=summary.state,
        metric=METRIC,
        direction="maximize",
        seed=settings.seed,
        planned_trials=summary.planned_trials,
        trials=asdict(summary.counts),
        verdicts=count_verdicts(evaluation.evaluation for evaluation in evaluations.values()),
        best=top[0] if top else None,
        winner=winner_json(winner, evaluations) if winner else None,
        confirmed=tuple(confirmed_json(each) for each in confirmed_trials(complete, confirmations)),
        top=top,
        importances=_importances(study, len(complete)),
        ended_early=study.user_attrs.get(ENDED_EARLY) if summary.state == "finished" else None,
        seconds=busy_seconds((t.datetime_start, t.datetime_complete) for t in trials),
        workers=tuple(_worker_json(each) for each in summarise_workers(db, record.study_id)),
        data=asdict(settings.data),
        settings={
            **{k: v for k, v in record.settings.items() if k not in ("data", "seed")},
            "objective": objective_json(settings),
            "confirm": record.confirm,
        },
        storage=redact(db.url),
    )


def trial_figures(db: Database, name: str, number: int) -> TrialFigures:
    """Return the figures of one trial.

    Raises:
        StudyNotFoundError, TrialError: there is no such study or trial.
    """
    record = load_study(db, name)
    trial = find_trial(db, record, number)
    stored = read_evaluation(db, trial._trial_id)
    worker_id, attempts = read_owner(db, trial._trial_id)
    evaluation = stored.evaluation if stored else {}
    return TrialFigures(
        number=number,
        state=STATE_NAMES[trial.state],
        value=trial.value,
        standard_error=evaluation.get("standard_error"),
        params=dict(trial.params),
        network=network_of(trial),
        metrics=evaluation.get("metrics", {}),
        epochs=evaluation.get("epochs"),
        best_epoch=evaluation.get("best_epoch"),
        seconds=evaluation.get("seconds"),
        verdict=evaluation.get("verdict"),
        evidence=evaluation.get("evidence"),
        diagnosis=evaluation.get("diagnosis", {}),
        reason=evaluation.get("reason") or trial.user_attrs.get("error"),
        worker=worker_id,
        attempts=attempts,
        learning_curve=stored.learning_curve if stored else {},
        labels=list(Settings.from_json(record.settings).data.labels),
        folds=evaluation.get("folds", []),
    )


def count_verdicts(evaluations: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Return how many trials have each verdict, most first; a failed trial has none."""
    found = Counter(str(each["verdict"]) for each in evaluations if "verdict" in each)
    return dict(found.most_common())


def objective_json(settings: Settings) -> dict[str, str] | None:
    """Return which file a study's own objective is, without its text."""
    file = settings.objective
    return None if file is None else {"source": file.source, "sha256": file.sha256}


def find_trial(db: Database, record: StudyRecord, number: int) -> FrozenTrial:
    """Return a trial of the study.

    Raises:
        TrialError: there is none of that number.
    """
    trials = db.optuna.get_all_trials(record.study_id, deepcopy=False)
    for trial in trials:
        if trial.number == number:
            return trial
    there = f"it has trials 0 to {len(trials) - 1}" if trials else "it has no trials yet"
    raise TrialError(f"study `{record.name}` has no trial {number}; {there}.")


def best_trial(db: Database, record: StudyRecord) -> FrozenTrial:
    """Return the complete trial with the largest value; the earliest of equals.

    Raises:
        TrialError: no trial is complete.
    """
    trials = db.optuna.get_all_trials(
        record.study_id, deepcopy=False, states=(TrialState.COMPLETE,)
    )
    if not trials:
        raise TrialError(
            f"study `{record.name}` has no complete trial yet. "
            f"`dampen resume {record.name}` goes on with it."
        )
    return ranked(trials)[0]


def study_winner(db: Database, record: StudyRecord) -> Winner | None:
    """Return the trial that the study recommends; None where none is complete."""
    complete = db.optuna.get_all_trials(
        record.study_id, deepcopy=False, states=(TrialState.COMPLETE,)
    )
    confirmations: list[Confirmation] = []
    if record.confirm:
        confirmations = read_confirmations(db, record.study_id)
    return choose_winner(complete, confirmations, record.confirm)


def complete_trial(db: Database, record: StudyRecord, number: int | None) -> FrozenTrial:
    """Return a trial that has a trained model; the study's winner for None.

    Raises:
        TrialError: there is none, or it is not complete.
    """
    if number is None:
        winner = study_winner(db, record)
        return winner.trial if winner else best_trial(db, record)  # which says what is missing
    trial = find_trial(db, record, number)
    if trial.state != TrialState.COMPLETE:
        raise TrialError(
            f"only a complete trial has a trained model; trial {number} of `{record.name}` is "
            f"{STATE_NAMES[trial.state]}. `dampen show {record.name}` lists the best ones."
        )
    return trial


def summary_json(summary: StudySummary) -> dict[str, Any]:
    """Return one line of `dampen studies` as JSON values."""
    return {
        "study": summary.name,
        "state": summary.state,
        "planned_trials": summary.planned_trials,
        "trials": asdict(summary.counts),
        "best_value": summary.best_value,
        "last_activity": summary.last_activity.isoformat(timespec="seconds"),
    }


def _worker_json(summary: WorkerSummary) -> dict[str, Any]:
    worker = summary.worker
    return {
        "name": worker.worker_id,
        "host": worker.host,
        "process": worker.pid,
        "state": _worker_state(summary),
        "reason": worker.lost_because or (None if worker.ended_at else worker.why_dead),
        "running_trial": summary.running_trial,
        "trials_finished": summary.trials_finished,
        "trials_per_minute": round(summary.trials_per_minute, 1),
        "started_at": worker.started_at.isoformat(timespec="seconds"),
        "last_beat": worker.beat_at.isoformat(timespec="seconds"),
    }


def _worker_state(summary: WorkerSummary) -> str:
    worker = summary.worker
    if worker.why_dead is None:
        return "idle" if summary.running_trial is None else "working"
    return "left" if worker.ended_at and not worker.lost_because else "lost"


def busy_seconds(spans: Iterable[tuple[datetime | None, datetime | None]]) -> float:
    """Return the length of the union of time spans; those without both ends are left out."""
    total, until = 0.0, None
    for start, end in sorted((s, e) for s, e in spans if s is not None and e is not None):
        if until is None or start > until:
            total += (end - start).total_seconds()
            until = end
        elif end > until:
            total += (end - until).total_seconds()
            until = end
    return total


def winner_json(winner: Winner, evaluations: Mapping[int, Evaluation]) -> dict[str, Any]:
    """Return the winner as JSON values."""
    trial = winner.trial
    evaluation = evaluations[trial.number].evaluation
    chosen = None
    if winner.confirmed is not None:
        chosen = {k: confirmed_json(winner.confirmed)[k] for k in _CONFIRMED}
    return {
        "trial": trial.number,
        "value": trial.value,
        "standard_error": evaluation.get("standard_error"),
        "params": dict(trial.params),
        "network": network_of(trial),
        "verdict": evaluation.get("verdict"),
        "chosen_by": "validation" if winner.confirmed is None else "confirmation",
        "confirmed": chosen,
    }


def confirmed_json(confirmed: Confirmed) -> dict[str, Any]:
    """Return a trial that was trained again as JSON values."""
    return {**asdict(confirmed), "values": list(confirmed.values)}


def _brief(trial: FrozenTrial, evaluation: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": trial.number,
        "value": trial.value,
        "standard_error": evaluation.get("standard_error"),
        "params": dict(trial.params),
        "network": network_of(trial),
        "metrics": evaluation["metrics"],
        "verdict": evaluation["verdict"],
        "epochs": evaluation["epochs"],
    }


def network_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return the hyperparameters of a dense network that a trial's parameters mean.

    Empty before they are drawn, and for a network of a person's own.
    """
    return asdict(hyperparameters(trial.params)) if is_dense(trial.params) else {}


def _importances(study: optuna.Study, n_complete: int) -> dict[str, float]:
    if n_complete < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.importance.get_param_importances(study)
