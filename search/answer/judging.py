"""What the test rows say of each contender, as JSON values, and of the winner against the others.

The statistics are `objectives/assessment`'s. What cannot be told, NaN there, is null here.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from objectives.assessment.assessment import N_RESAMPLES, assess
from objectives.assessment.calibration import calibration_curve, predicted_event
from objectives.assessment.comparison import compare_roc_auc
from objectives.assessment.counted_metrics import METRICS
from objectives.assessment.intervals import Interval
from objectives.assessment.roc_curve import mean_roc_curves
from objectives.assessment.thresholds import choose_threshold, confusion_matrix
from objectives.features.preparation import Prepared
from search.answer.conclusion import conclude
from search.answer.contenders import Contender, Contenders
from search.figures import confirmed_json
from search.spaces.space import is_dense
from search.winner.winner import Winner

Ints = NDArray[np.int64]

# Cells of a bootstrap, rows times resamples: half a minute for all models. With more rows fewer
# resamples do, since an interval is then narrow and close to a normal one.
MAX_CELLS = 50_000_000
MIN_RESAMPLES = 500
_TINY = 1e-300  # below every probability but 0


def judge(
    found: Contenders,
    y: Ints,
    prepared: Prepared,
    *,
    winner: Winner,
    winner_is_plain: bool,
    looks: int,
) -> dict[str, Any]:
    """Return the part of an answer that the test rows decide.

    Args:
        found: the models, the winner's network first.
        y: (n,) the test rows' classes.
        prepared: the study's data, for the classes of the validation rows.
        winner: how the network was chosen.
        winner_is_plain: whether it is the unregularised one.
        looks: how often the test rows were looked at, this time included.
    """
    resamples = min(N_RESAMPLES, max(MIN_RESAMPLES, MAX_CELLS // len(y)))
    y_validation = np.concatenate([fold.validation.y for fold in prepared.folds])
    models = [_model(each, y, y_validation, prepared.labels, resamples) for each in found.models]
    network, *others = found.models
    comparisons = [_comparison(network, other, y, resamples) for other in others]
    return {
        "ensemble": _ensemble(found),
        "threshold": models[0]["threshold"],
        "models": models,
        "comparisons": comparisons,
        "conclusion": conclude(
            trial=winner.trial.number,
            rows=len(y),
            roc_auc=models[0]["test"]["roc_auc"],
            comparisons=comparisons,
            winner_is_plain=winner_is_plain,
            confirmed=confirmed_json(winner.confirmed) if winner.confirmed else None,
            looks=looks,
            own=not is_dense(winner.trial.params),
        ),
        "near_zero": {
            each.name: [{"layer": layer, "share": share} for layer, share in each.near_zero]
            for each in found.models
            if each.near_zero
        },
    }


def _model(
    contender: Contender, y: Ints, y_validation: Ints, labels: Sequence[str], resamples: int
) -> dict[str, Any]:
    p, binary = contender.test, contender.test.ndim == 1
    threshold: float | None = None
    if binary:
        threshold = choose_threshold(y_validation, np.concatenate(contender.validation))
    assessment = assess(y, p, n_resamples=resamples)
    event, came_true = predicted_event(y, p)
    return {
        "name": contender.name,
        "validation_roc_auc": number(contender.validation_roc_auc),
        "test": {name: interval(getattr(assessment, name)) for name in METRICS},
        **_curves(y, p, labels),
        "calibration": [
            {
                "mean_predicted": one.mean_predicted,
                "observed": interval(one.observed),
                "count": one.count,
            }
            for one in calibration_curve(came_true, event)
        ],
        "threshold": threshold,
        "confusion": {
            "half": confusion_matrix(y, p),
            "threshold": (
                None if threshold is None else confusion_matrix(y, p, threshold=threshold)
            ),
        },
    }


def _curves(y: Ints, p: NDArray[np.floating[Any]], labels: Sequence[str]) -> dict[str, Any]:
    if p.ndim == 1:
        return {"roc": mean_roc_curves([(y, p)])[0]}
    curves = mean_roc_curves([(y, np.log(np.maximum(p, _TINY)))])  # of logits: softmax gives p
    return {"roc_of_class": dict(zip(labels, curves, strict=True))}


def _comparison(a: Contender, b: Contender, y: Ints, resamples: int) -> dict[str, Any]:
    found = compare_roc_auc(y, a.test, b.test, n_resamples=resamples)
    return {
        "a": a.name,
        "b": b.name,
        "difference": interval(found.difference),
        "p_value": number(found.p_value),
        "method": found.method,
    }


def _ensemble(found: Contenders) -> dict[str, Any] | None:
    if found.selection is None:
        return None
    return {
        "trials": [member.scored.trial.number for member in found.selection.members],
        "weights": [member.weight for member in found.selection.members],
        "validation_roc_auc": number(found.selection.validation_roc_auc),
    }


def interval(found: Interval) -> dict[str, float | None]:
    """Return a value and its bounds as JSON values."""
    return {"value": number(found.value), "low": number(found.low), "high": number(found.high)}


def number(value: float) -> float | None:
    """Return a number as a JSON value: null for what is not finite."""
    return float(value) if math.isfinite(value) else None
