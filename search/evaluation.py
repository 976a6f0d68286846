"""What is stored of a finished trial: its figures, and the few that become columns.

Next: `noting.py` says the same in words, `curves.py` has its learning curve as a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from numpy.typing import NDArray

from objectives.assessment.roc_curve import mean_roc_curves
from objectives.cross_validation import combine
from objectives.training import Outcome
from objectives.verdict.diagnosis import Diagnosis


def evaluate_trial(
    outcomes: Sequence[Outcome],
    y: Sequence[NDArray[Any]],
    diagnosis: Diagnosis,
    reason: str | None,
) -> tuple[float | None, dict[str, Any], dict[str, Any]]:
    """Return a trial's value, its figures, and its learning curve, as they are stored.

    Args:
        outcomes: of each fold that was trained, at least one.
        y: of each of these folds, (m_k,) the classes of its validation rows.
        diagnosis: the verdict.
        reason: why the trial went no further, if so.
    """
    result = combine(outcomes, y)
    scored = [
        (labels, outcome.logits)
        for labels, outcome in zip(y, outcomes, strict=True)
        if outcome.logits is not None
    ]
    evaluation = {
        "metrics": asdict(result.metrics) if result.metrics else {},
        "standard_error": result.standard_error,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "verdict": diagnosis.verdict,
        "evidence": diagnosis.evidence,
        "diagnosis": diagnosis.facts,
        "reason": reason,
        "folds": list(result.folds),
        "roc": mean_roc_curves(scored) if scored else [],
    }
    return result.value, evaluation, result.learning_curve


def columns(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the dashboard shows as columns of its table; what is not known is left out.

    Nothing long: it would make every row of the table tall.
    """
    metrics = evaluation["metrics"]
    found = {
        "verdict": evaluation["verdict"],
        "reason": evaluation["reason"],
        **{name: metrics.get(name) for name in ("accuracy", "f1", "log_loss")},
        "standard_error": evaluation["standard_error"],
        "training_roc_auc": evaluation["diagnosis"]["training_roc_auc"],
        "epochs": evaluation["epochs"],
        "best_epoch": evaluation["best_epoch"],
        "seconds": round(evaluation["seconds"], 2),
    }
    return {name: value for name, value in found.items() if value is not None}
