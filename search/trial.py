"""One trial, from its claim to its value: where the three rooms meet.

`storage` says which trial is ours, the study's objective draws its parameters and says what they
mean (`task.py`), `objectives` trains it, and `storage` keeps what came out, value and all, in one
write: a finished trial lacks nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any

import optuna
from numpy.typing import NDArray
from optuna.trial import Trial, TrialState

from objectives.features.preparation import Prepared
from objectives.hyperparameters import Regime
from objectives.programs import Programs
from objectives.recipe import recipe_of
from objectives.rows import Rows, place
from objectives.training import Outcome, Training
from objectives.verdict.diagnosis import diagnose
from objectives.verdict.linear import linear_model
from objectives.verdict.signs import Linear, Signs
from objectives.weighting import weighted
from search.evaluation import columns, evaluate_trial
from search.objective.task import Objective, Task
from search.page.curves import CURVE_FILE, curve_csv
from search.page.noting import trial_note
from search.pruning import make_pruner, rungs
from search.sampling import make_sampler, trial_seed
from search.settings import Settings
from search.weights import WEIGHTS_FILE, pack
from storage.artifacts import save_artifact
from storage.claims import Claim, requeue_trial
from storage.database import Database
from storage.evaluations import finish_trial
from storage.parameters import record_parameters


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """What all trials of a worker share."""

    db: Database
    study: str
    settings: Settings
    prepared: Prepared
    objective: Objective
    programs: Programs
    placed: dict[tuple[int, str, str], Rows] = field(default_factory=dict)

    def rows(self, fold: int, regime: Regime) -> Rows:
        """Return a fold's rows on the device, as they are to be trained on."""
        key = (fold, regime.scaling, regime.class_weight)
        if key not in self.placed:
            parts = self.prepared.folds[fold]
            w = parts.train.w
            if regime.class_weight == "balanced":
                w = weighted(w, parts.train.y, len(self.prepared.labels))
            x, x_validation = (p.inputs(regime.scaling) for p in (parts.train, parts.validation))
            self.placed[key] = place(x, parts.train.y, x_validation, w)
        return self.placed[key]

    @cached_property
    def linear(self) -> Linear | None:
        """What logistic regression comes to on the folds' rows; fitted when first asked for."""
        return linear_model(self.prepared.folds)


def run_trial(bench: Bench, claim: Claim, stopping: Callable[[], bool]) -> TrialState:
    """Run one trial to its end and tell its value; give it back when `stopping` says so.

    Returns:
        COMPLETE, PRUNED, or WAITING when the trial was given back.

    Raises:
        ClaimLostError: the trial was reclaimed meanwhile; its next owner tells it.
    """
    settings = bench.settings
    study = optuna.load_study(
        study_name=bench.study,
        storage=bench.db.optuna,
        sampler=make_sampler(settings.sampler, trial_seed(settings.seed, claim.number, 0)),
        pruner=make_pruner(settings.pruner, settings.max_epochs, settings.folds),
    )
    params, stored = bench.objective.draw(study, claim.trial_id)
    record_parameters(bench.db, claim, stored)

    task = bench.objective.task(params, bench.prepared)
    trial = Trial(study, claim.trial_id)
    outcomes: list[Outcome] = []
    signs: list[Signs] = []
    weights: list[list[NDArray[Any]]] = []
    reason: str | None = None
    while reason is None and len(outcomes) < settings.folds:
        fold = len(outcomes)
        seed = trial_seed(settings.seed, claim.number, 1 + fold)
        training = make_training(bench, fold, task, seed)
        reason = _train(training, trial, settings, stopping)
        if stopping():
            requeue_trial(bench.db, claim)
            return TrialState.WAITING
        outcomes.append(training.outcome())
        if reason is None:
            weights.append(training.weights())
            reason = _after_fold(outcomes, trial, settings)
        signs.append(training.signs())
    if reason is None:
        content = pack(weights, [each.logits for each in outcomes if each.logits is not None])
        save_artifact(bench.db, claim, filename=WEIGHTS_FILE, content=content)
    y = [fold.validation.y for fold in bench.prepared.folds[: len(outcomes)]]
    diagnosis = diagnose(
        signs,
        learning_rate=task.regime.learning_rate,
        cut_short=len(weights) < len(outcomes),
        linear=lambda: bench.linear,
    )
    value, evaluation, curve = evaluate_trial(outcomes, y, diagnosis, reason)
    # A diverged trial is pruned rather than failed: samplers never see failed trials, and would
    # draw from where it diverged again and again.
    state = TrialState.COMPLETE if reason is None else TrialState.PRUNED
    finish_trial(
        bench.db,
        claim,
        state=state,
        value=value,
        evaluation=evaluation,
        learning_curve=curve,
        attributes=columns(evaluation),
        note=trial_note(params, evaluation, curve, settings.data.labels),
        files={CURVE_FILE: curve_csv(curve)},
    )
    return state


def make_training(bench: Bench, fold: int, task: Task, seed: int) -> Training:
    """Return a network of a fold about to be trained; `seed` is all that is left to chance."""
    return Training(
        task.model(seed),
        task.optimizer(),
        bench.rows(fold, task.regime),
        bench.prepared.folds[fold].validation.y,
        bench.programs,
        recipe_of(task.regime),
        batch_size=task.regime.batch_size,
        max_epochs=bench.settings.max_epochs,
        patience=bench.settings.patience,
        seed=seed,
    )


def _train(
    training: Training, trial: Trial, settings: Settings, stopping: Callable[[], bool]
) -> str | None:
    """Train one fold to its end; return why the trial shall go no further, if so."""
    asked = rungs(settings.pruner, settings.max_epochs, settings.folds)
    for epoch in training.epochs():
        if stopping():
            return None
        if epoch.number in asked and _is_behind(trial, epoch.best_auc, epoch.number):
            return f"behind the other trials at epoch {epoch.number}"
    outcome = training.outcome()
    if outcome.diverged:
        return f"the loss became NaN or infinite in epoch {len(outcome.epochs) + 1}"
    return None if outcome.metrics else "no epoch had a ROC-AUC on the validation rows"


def _after_fold(outcomes: list[Outcome], trial: Trial, settings: Settings) -> str | None:
    """Return why the trial shall not go on to its next fold, if so."""
    done = len(outcomes)
    if settings.pruner == "none" or done == settings.folds:
        return None
    values = [outcome.metrics.roc_auc for outcome in outcomes if outcome.metrics is not None]
    if _is_behind(trial, fmean(values), done):
        return f"behind the other trials after fold {done} of {settings.folds}"
    return None


def _is_behind(trial: Trial, value: float, step: int) -> bool:
    trial.report(value, step)
    return trial.should_prune()
