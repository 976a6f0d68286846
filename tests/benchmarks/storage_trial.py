"""A trial that trains nothing and stores everything, for `storage_cost.py`.

No TensorFlow is loaded here, which is why `search/trial.py` is followed rather than called.
"""

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from search.pruning import make_pruner, rungs
from search.sampling import draw, make_sampler, trial_seed
from search.settings import Settings
from storage.artifacts import save_artifact
from storage.claims import Claim
from storage.database import Database
from storage.evaluations import finish_trial
from storage.parameters import record_parameters

EPOCHS = 30
# All trials report the same, so that none is pruned and each goes through every phase.
REPORTED = 0.5
METRICS = {
    "roc_auc": 0.9712345678901234,
    "accuracy": 0.9298245614035088,
    "f1": 0.9459459459459459,
    "log_loss": 0.1712345678901234,
    "confusion_matrix": [[36, 6], [2, 70]],
}
LEARNING_CURVE = {
    quantity: [scale / math.sqrt(epoch) for epoch in range(1, EPOCHS + 1)]
    for quantity, scale in (
        ("training_loss", 0.7),
        ("validation_loss", 0.8),
        ("validation_roc_auc", 0.9),
    )
}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a trial stores beside its parameters, figures and learning curve."""

    reports: int  # at the first rungs of the pruner
    artifact_bytes: int  # of its weights; 0 for no file
    seconds: float = 0.0  # that training would take


def run_trial(db: Database, study_name: str, settings: Settings, claim: Claim, load: Load) -> None:
    """Do what `search.trial.run_trial` does with the storage and Optuna, call by call.

    Where that one trains this one sleeps; its value is a function of its parameters.
    """
    study = optuna.load_study(
        study_name=study_name,
        storage=db.optuna,
        sampler=make_sampler(settings.sampler, trial_seed(settings.seed, claim.number, 0)),
        pruner=make_pruner(settings.pruner, settings.max_epochs),
    )
    params, stored = draw(study, claim.trial_id, settings.distributions())
    record_parameters(db, claim, stored)

    time.sleep(load.seconds)
    trial = Trial(study, claim.trial_id)
    for rung in sorted(rungs(settings.pruner, settings.max_epochs))[: load.reports]:
        trial.report(REPORTED, rung)
        if trial.should_prune():
            raise SystemExit(f"trial {claim.number} reports what all others do, and was pruned")

    if load.artifact_bytes:
        weights = os.urandom(load.artifact_bytes)
        save_artifact(db, claim, filename="weights.npz", content=weights)
    finish_trial(
        db,
        claim,
        state=TrialState.COMPLETE,
        value=_value(params),
        evaluation={
            "metrics": METRICS,
            "epochs": EPOCHS,
            "best_epoch": EPOCHS,
            "seconds": 0.0,
            "verdict": "healthy",
            "reason": None,
        },
        learning_curve=LEARNING_CURVE,
        attributes={
            **{name: METRICS[name] for name in ("accuracy", "f1", "log_loss")},
            "epochs": EPOCHS,
            "verdict": "healthy",
        },
    )


def _value(params: Mapping[str, Any]) -> float:
    auc = 0.98 - 0.02 * (math.log10(params["learning_rate"]) + 2.5) ** 2
    return float(auc - 0.2 * (params["dropout"] - 0.2) ** 2)
