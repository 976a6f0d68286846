"""Which trials of a study make an ensemble, and with what weights.

Greedy selection (`objectives/assessment/ensemble.py`) over what the complete trials said of their
validation rows, which lies beside their weights; of cross-validated trials the rows of all folds,
each scored by the network that has not seen it. Nothing is trained, and no test row is touched.
Next: `exporting.py` writes the ensemble as one file.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from objectives.assessment.ensemble import KEPT, greedy_ensemble
from objectives.features.preparation import Prepared
from objectives.metrics import one_vs_rest, probabilities, roc_auc
from search.weights import WEIGHTS_FILE, unpack_logits
from search.winner.winner import ranked
from storage.artifacts import find_artifact
from storage.database import Database
from storage.errors import ArtifactError
from storage.studies import StudyRecord

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """A complete trial whose files are there."""

    trial: FrozenTrial
    file: Path  # of its weights and logits
    validation: tuple[Floats, ...]  # of each fold, (m_k,) or (m_k, K) probabilities


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """A trial of an ensemble."""

    scored: Scored
    weight: float  # in the mean of the probabilities; the members' sum to 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """An ensemble of at least one trial, the largest weight first."""

    members: tuple[Member, ...]
    validation: tuple[Floats, ...]  # of each fold, its probabilities
    validation_roc_auc: float  # the mean of the folds', as a trial's value


def scored_trials(db: Database, record: StudyRecord, prepared: Prepared) -> list[Scored]:
    """Return the best complete trials, at most KEPT, that left weights and logits, best first."""
    complete = db.optuna.get_all_trials(
        record.study_id, deepcopy=False, states=(TrialState.COMPLETE,)
    )
    found: list[Scored] = []
    for trial in ranked(complete):
        if len(found) < KEPT and (scored := score_of(db, trial, prepared)) is not None:
            found.append(scored)
    return found


def score_of(db: Database, trial: FrozenTrial, prepared: Prepared) -> Scored | None:
    """Return what a trial left; None where its file is gone, or older than logits in it."""
    try:
        file = find_artifact(db, trial._trial_id, WEIGHTS_FILE)
        logits = unpack_logits(file)
    except (ArtifactError, OSError, ValueError, KeyError):  # gone, or damaged
        return None
    rows = [len(fold.validation.y) for fold in prepared.folds]
    if [len(each) for each in logits] != rows:
        return None
    return Scored(trial=trial, file=file, validation=tuple(map(probabilities, logits)))


def select(scored: list[Scored], prepared: Prepared) -> Selection | None:
    """Return the ensemble of scored trials; None below two of them."""
    if len(scored) < 2:
        return None
    y = [fold.validation.y for fold in prepared.folds]
    pooled = np.stack([np.concatenate(one.validation).astype(np.float32) for one in scored])
    weights = greedy_ensemble(np.concatenate(y), pooled).weights
    members = [
        Member(scored=one, weight=float(weight))
        for one, weight in zip(scored, weights, strict=True)
        if weight > 0
    ]
    members.sort(key=lambda member: (-member.weight, member.scored.trial.number))
    validation = tuple(
        np.sum([each.weight * each.scored.validation[k] for each in members], axis=0)
        for k in range(len(y))
    )
    return Selection(
        members=tuple(members),
        validation=validation,
        validation_roc_auc=fmean(map(auc_of_probabilities, y, validation)),
    )


def auc_of_probabilities(y: NDArray[np.int64], p: Floats) -> float:
    """Return the ROC-AUC of probabilities (n,) of class 1, or the macro one of (n, K)."""
    return roc_auc(y, p) if p.ndim == 1 else one_vs_rest(y, p)
