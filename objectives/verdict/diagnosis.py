"""What became of a trial: a verdict by fixed rules on plain numbers, with its evidence.

The rules in the order in which they are tried; the first that holds gives the verdict:

1. diverged   a loss that is not finite, or one that exploded, in any fold. Nothing else counts.
2. unlucky    validation rows of one class only: there is no ROC-AUC to judge by.
3. collapsed  an output that hardly varies, in most folds, at the kept epoch or at the last one: a
              network can rank well on its way to death, and early stopping keeps that moment.
              A trial that was cut short within a fold is judged no further: what it would have
              become is not known.
4. unlucky    folds that disagree beyond what the choice of their rows explains.
5. overfit    a gap between training and validation rows that is large and no chance.
6. underfit   a network at chance, or worse than logistic regression on training and validation.
7. healthy    none of these.

Beside the verdict stands why a ROC-AUC reads 0.5 where it does (`chance`). Nothing here knows of
networks: `signs.py` says what is measured, `case.py` what follows from it, `evidence.py` has the
words.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import stdev
from typing import Any

from objectives.verdict.case import (
    N_ERRORS,
    Case,
    constant_from,
    guilty_penalty,
    has_exploded,
)
from objectives.verdict.evidence import (
    say_both,
    say_collapsed,
    say_diverged,
    say_exploded,
    say_overfit,
    say_squashed,
    say_underfit,
    say_unfinished,
    say_unlucky,
)
from objectives.verdict.signs import Linear, Signs

VERDICTS = ("healthy", "collapsed", "overfit", "underfit", "diverged", "unlucky")

# A spread of the folds that the choice of their rows brings about in one of a thousand trials, for
# a study has hundreds; and wide enough to matter, between the best fold and the worst.
UNLUCKY_P = 1e-3
UNLUCKY_RANGE = 0.05
# Of the ROC-AUC. Every fitted model does better on its own rows: the winners of searches on four
# tables by 0.00 to 0.105, unregularised networks that lost 0.03 and more to them by 0.17.
OVERFIT_GAP = 0.1
# Of the ROC-AUC: what two sound models on the same rows may well differ by.
UNDERFIT_GAP = 0.02


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict, the evidence in a sentence or two, and the evidence in numbers."""

    verdict: str  # one of VERDICTS
    evidence: str  # below 1,000 characters
    facts: dict[str, Any]  # JSON values; what is not known is None


def diagnose(
    folds: Sequence[Signs],
    *,
    learning_rate: float,
    cut_short: bool,
    linear: Callable[[], Linear | None],
) -> Diagnosis:
    """Return what became of a trial.

    Args:
        folds: what each fold that was trained left, at least one.
        learning_rate: > 0.
        cut_short: whether the last fold was stopped before its own end.
        linear: what logistic regression comes to on the same rows; not asked for where the
            verdict is certain without it.
    """
    case = Case(folds=folds, learning_rate=learning_rate)
    found = _certain(case)
    if found is None and cut_short:
        found = ("healthy", say_unfinished(case))
    if found is None:
        case = Case(folds=folds, learning_rate=learning_rate, linear=linear())
        found = _judged(case)
    verdict, evidence = found
    cause = _why_chance(case)
    if cause == "squashed":
        evidence += say_squashed(case)
    return Diagnosis(verdict=verdict, evidence=evidence[:999], facts=_facts(case, cause))


def _certain(case: Case) -> tuple[str, str] | None:
    """Return what holds whatever more training would have brought."""
    if any(fold.diverged for fold in case.folds):
        return "diverged", say_diverged(case)
    if any(map(has_exploded, case.folds)):
        return "diverged", say_exploded(case)
    if case.one_class:
        return "unlucky", "The validation rows have no row of some class, so no ROC-AUC is known."
    if case.mostly_dead:
        return "collapsed", say_collapsed(case)
    return None


def _judged(case: Case) -> tuple[str, str]:
    """Return what a trial is whose folds went to their ends."""
    if _is_unlucky(case):
        return "unlucky", say_unlucky(case)
    if _is_overfit(case):
        return "overfit", say_overfit(case)
    if _is_underfit(case):
        return "underfit", say_underfit(case)
    return "healthy", f"{say_both(case)}."


def _is_unlucky(case: Case) -> bool:
    p, values = case.fold_p, case.values
    return p is not None and p < UNLUCKY_P and max(values) - min(values) > UNLUCKY_RANGE


def _is_overfit(case: Case) -> bool:
    if case.gap is None or case.error is None:
        return False
    return case.gap > max(OVERFIT_GAP, N_ERRORS * case.error)


def _is_underfit(case: Case) -> bool:
    if case.value is None or case.error is None:
        return False
    if case.at_chance:
        return True
    if case.linear is None or case.training_auc is None:
        return False
    behind = case.linear.validation_auc - case.value
    return behind > max(UNDERFIT_GAP, case.error) and case.training_auc < case.linear.training_auc


def _why_chance(case: Case) -> str | None:
    """Return why the ROC-AUC reads 0.5; None where it does not.

    "one_class", "constant_output", "squashed" (only Keras's metric reads 0.5, since the scores
    differ by less than its thresholds), "no_signal" (logistic regression is at chance too) or
    "not_learned". None also where the trial was cut short, but is at chance so far.
    """
    if case.one_class:
        return "one_class"
    if case.value is None or any(fold.diverged for fold in case.folds):
        return None
    if case.at_chance:
        if case.mostly_dead:
            return "constant_output"
        if case.linear is None:
            return None
        return "no_signal" if case.is_chance(case.linear.validation_auc) else "not_learned"
    squashed = case.keras_auc is not None and case.is_chance(case.keras_auc)
    return "squashed" if squashed else None


def _facts(case: Case, cause: str | None) -> dict[str, Any]:
    """Return the evidence in numbers; of a fold that collapsed, where one did."""
    dead = case.dead_folds
    judged = dead[0] if dead else case.folds[0]
    layers = judged.last_layers if dead else judged.layers
    return {
        "roc_auc": case.value,
        "sampling_error": case.error,
        "training_roc_auc": case.training_auc,
        "gap": case.gap,
        "gap_opened_at": case.gap_opened_at,
        "keras_roc_auc": case.keras_auc,
        "linear_roc_auc": case.linear.validation_auc if case.linear else None,
        "chance": cause,
        "output_spread": judged.best_spread,
        "last_output_spread": judged.last_spread,
        "constant_from": constant_from(judged) if dead else None,
        "penalty": guilty_penalty(layers) if dead else None,
        "layers": [asdict(layer) for layer in layers],
        "collapsed_folds": len(dead),
        "fold_spread": stdev(case.values) if len(case.values) > 1 else None,
        "fold_p": case.fold_p,
        "learning_rate": case.learning_rate,
    }
