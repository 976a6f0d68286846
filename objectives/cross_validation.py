"""What the folds of one trial come to together.

    K   folds        m_k  validation rows of fold k       s_k  its ROC-AUC at its best epoch

With one fold everything is that fold's. With more, the value is the mean of the s_k, and the other
metrics are those of all validation rows at once, each row scored by the network that has not seen
it. Next: `search/trial.py` trains the folds.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median_low, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from objectives.metrics import Metrics, evaluate
from objectives.training import Epoch, Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What a trial came to; of the folds that were trained, where it was stopped between them.

    `metrics`, `value` and `standard_error` are None where they cannot be known: no fold ended with
    finite scores, or there is one fold only.
    """

    value: float | None  # mean ROC-AUC of the folds, [0, 1]
    standard_error: float | None  # of the mean: the folds' standard deviation over root K
    metrics: Metrics | None  # roc_auc is `value`
    epochs: int  # of the median fold
    best_epoch: int  # 1-based, of the median fold; 0 where there is none
    seconds: float  # of all folds
    learning_curve: dict[str, Any]  # an array a quantity; several folds: their mean, and "folds"
    folds: tuple[dict[str, Any], ...]  # one a fold, empty for one fold


def combine(outcomes: Sequence[Outcome], y: Sequence[NDArray[Any]]) -> Result:
    """Return the result of a trial from its folds' outcomes.

    Args:
        outcomes: one a fold, at least one.
        y: of each fold, (m_k,) the classes of its validation rows.
    """
    scored = [
        (outcome.metrics, labels, outcome.logits)
        for outcome, labels in zip(outcomes, y, strict=True)
        if outcome.metrics is not None and outcome.logits is not None
    ]
    values = [metrics.roc_auc for metrics, _, _ in scored]
    metrics = scored[0][0] if len(scored) == 1 else None
    if len(scored) > 1:
        pooled = evaluate(
            np.concatenate([labels for _, labels, _ in scored]),
            np.concatenate([logits for _, _, logits in scored]),
        )
        metrics = Metrics(**{**_fields(pooled), "roc_auc": fmean(values)})
    return Result(
        value=fmean(values) if values else None,
        standard_error=stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None,
        metrics=metrics,
        epochs=median_low([len(outcome.epochs) for outcome in outcomes]),
        best_epoch=median_low([outcome.best_epoch for outcome in outcomes]),
        seconds=sum(outcome.seconds for outcome in outcomes),
        learning_curve=_curve(outcomes),
        folds=tuple(map(_fold, outcomes)) if len(outcomes) > 1 else (),
    )


def _fields(metrics: Metrics) -> dict[str, Any]:
    return {name: getattr(metrics, name) for name in asdict(metrics)}


def _fold(outcome: Outcome) -> dict[str, Any]:
    return {
        "roc_auc": outcome.metrics.roc_auc if outcome.metrics else None,
        "epochs": len(outcome.epochs),
        "best_epoch": outcome.best_epoch,
        "diverged": outcome.diverged,
    }


def _curve(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return arrays by quantity, one number an epoch.

    Folds stop at different epochs: their mean reaches as far as all of them do, since beyond that
    it would jump whenever a fold drops out.
    """
    curves = [_arrays(outcome.epochs) for outcome in outcomes]
    if len(curves) == 1:
        return curves[0]
    means: dict[str, Any] = {
        name: [fmean(values) for values in zip(*(curve[name] for curve in curves), strict=False)]
        for name in curves[0]
    }
    return {**means, "folds": curves}


def _arrays(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
    return {
        "training_loss": [epoch.training_loss for epoch in epochs],
        "validation_loss": [epoch.validation_loss for epoch in epochs],
        "validation_roc_auc": [epoch.validation_auc for epoch in epochs],
    }
