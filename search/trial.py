"""One trial, from its claim to its value: where the three rooms meet.

`storage` says which trial is ours, `search` draws its parameters, `objectives` trains it, and
`storage` keeps what came out, value and all, in one write: a finished trial lacks nothing.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState

from objectives.network import Networks
from objectives.programs import Programs
from objectives.rows import Rows
from objectives.training import Outcome, Training
from search.pruning import make_pruner, rungs
from search.sampling import draw, make_sampler, trial_seed
from search.settings import Settings
from search.space import hyperparameters
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
    rows: Rows
    n_features: int
    y_validation: NDArray[Any]
    networks: Networks
    programs: Programs


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
        pruner=make_pruner(settings.pruner, settings.max_epochs),
    )
    params, stored = draw(study, claim.trial_id, settings.distributions())
    record_parameters(bench.db, claim, stored)

    trial = optuna.trial.Trial(study, claim.trial_id)
    training = _training(bench, params, trial_seed(settings.seed, claim.number, 1))
    asked = rungs(settings.pruner, settings.max_epochs)
    pruned_at = None
    for epoch in training.epochs():
        if stopping():
            requeue_trial(bench.db, claim)
            return TrialState.WAITING
        if epoch.number in asked:
            trial.report(epoch.best_auc, epoch.number)
            if trial.should_prune():
                pruned_at = epoch.number
                break

    outcome = training.outcome()
    reason = f"behind the other trials at epoch {pruned_at}" if pruned_at else None
    if outcome.verdict == "diverged":
        reason = f"the loss became NaN or infinite in epoch {len(outcome.epochs) + 1}"
    if reason is None:
        weights = pack(training.weights())
        save_artifact(bench.db, claim, filename=WEIGHTS_FILE, content=weights)
    return _finish(bench.db, claim, outcome, reason)


def _training(bench: Bench, params: dict[str, Any], seed: int) -> Training:
    chosen = hyperparameters(params)
    return Training(
        bench.networks.network(bench.n_features, chosen, seed=seed),
        keras.optimizers.Adam(chosen.learning_rate),
        bench.rows,
        bench.y_validation,
        bench.programs,
        batch_size=chosen.batch_size,
        max_epochs=bench.settings.max_epochs,
        patience=bench.settings.patience,
        seed=seed,
    )


def _finish(db: Database, claim: Claim, outcome: Outcome, reason: str | None) -> TrialState:
    """Store all that a trial left behind, its value with the last write.

    A diverged trial is pruned rather than failed: samplers never see failed trials, and would draw
    from where it diverged again and again.
    """
    metrics: dict[str, Any] = asdict(outcome.metrics) if outcome.metrics else {}
    state = TrialState.COMPLETE if reason is None else TrialState.PRUNED
    small: dict[str, Any] = {
        name: metrics[name] for name in ("accuracy", "f1", "log_loss") if name in metrics
    }
    finish_trial(
        db,
        claim,
        state=state,
        value=metrics.get("roc_auc"),
        evaluation={
            "metrics": metrics,
            "epochs": len(outcome.epochs),
            "best_epoch": outcome.best_epoch,
            "seconds": outcome.seconds,
            "verdict": outcome.verdict,
            "reason": reason,
        },
        learning_curve={
            "training_loss": [epoch.training_loss for epoch in outcome.epochs],
            "validation_loss": [epoch.validation_loss for epoch in outcome.epochs],
            "validation_roc_auc": [epoch.validation_auc for epoch in outcome.epochs],
        },
        attributes={
            **small,
            "epochs": len(outcome.epochs),
            "verdict": outcome.verdict,
            **({"reason": reason} if reason else {}),
        },
    )
    return state
