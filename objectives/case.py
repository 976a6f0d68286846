"""A trial as its diagnosis sees it: the numbers of its folds, and what follows from them.

`diagnosis.py` has the rules, `evidence.py` the words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

from scipy.special import chdtrc  # type: ignore[import-untyped]

from objectives.chance import chance_error, sampling_error
from objectives.signs import Layer, Linear, Signs

# Below this standard deviation of a row's probability the output is a constant in all but name:
# dead networks were measured at 0 to 2e-5, living ones from 5e-3 (`.docs/log.md`).
CONSTANT_OUTPUT = 1e-3
# A layer that a penalty brought down has lost weight. Half is far from the jitter of the last steps
# (a learning rate of 0.03 against a start of 0.1 to 0.2) and from layers that only learned.
SHRUNK = 0.5
# Two standard errors: one in twenty networks that know nothing is further from 0.5 than that.
N_ERRORS = 2.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is known of a trial, of the folds that were trained."""

    folds: Sequence[Signs]
    learning_rate: float
    value: float | None  # mean ROC-AUC of the validation rows
    error: float | None  # of the value, from the choice of the validation rows
    training_auc: float | None
    linear: Linear | None  # of the same rows; None also where the verdict does not hang on it

    @property
    def gap(self) -> float | None:
        """Training minus validation ROC-AUC."""
        if self.value is None or self.training_auc is None:
            return None
        return self.training_auc - self.value

    @property
    def one_class(self) -> bool:
        return any(min(fold.counts) == 0 for fold in self.folds)

    @property
    def at_chance(self) -> bool:
        """Whether the value is within noise of 0.5."""
        return self.value is not None and self.is_chance(self.value)

    def is_chance(self, auc: float) -> bool:
        """Whether scores that know nothing reach such a ROC-AUC."""
        error = fmean(chance_error(fold.counts) for fold in self.folds)
        return abs(auc - 0.5) <= N_ERRORS * error / math.sqrt(len(self.folds))


def is_collapsed(signs: Signs) -> bool:
    """Whether the output hardly varies, at the best epoch or at the last."""
    spreads = [s for s in (signs.best_spread, signs.last_spread) if s is not None]
    return not signs.diverged and bool(spreads) and min(spreads) < CONSTANT_OUTPUT


def make_case(folds: Sequence[Signs], *, learning_rate: float, linear: Linear | None) -> Case:
    values = [fold.roc_auc for fold in folds if fold.roc_auc is not None]
    training = [fold.training_auc for fold in folds if fold.training_auc is not None]
    value = fmean(values) if values else None
    error = None
    if value is not None:
        errors = [sampling_error(value, f.counts) for f in folds if f.roc_auc is not None]
        error = fmean(errors) / math.sqrt(len(errors))
    return Case(
        folds=folds,
        learning_rate=learning_rate,
        value=value,
        error=error,
        training_auc=fmean(training) if training else None,
        linear=linear,
    )


def fold_values(case: Case) -> list[float]:
    return [fold.roc_auc for fold in case.folds if fold.roc_auc is not None]


def fold_p(case: Case) -> float | None:
    """Return how often folds of one true ROC-AUC would differ as much, or more.

    The sum of the squared deviations from the mean, each over the sampling error of its rows, is
    chi-square with one degree of freedom fewer than folds (Cochran 1954, "The combination of
    estimates from different experiments", section 3).
    """
    pairs = [(fold.roc_auc, fold.counts) for fold in case.folds if fold.roc_auc is not None]
    if len(pairs) < 2 or case.value is None:
        return None
    mean = case.value
    q = sum(((value - mean) / sampling_error(mean, counts)) ** 2 for value, counts in pairs)
    return float(chdtrc(len(pairs) - 1, q))


def histogram_value(case: Case) -> float | None:
    found = [fold.keras_auc for fold in case.folds if fold.keras_auc is not None]
    return fmean(found) if found else None


def guilty_penalty(layers: Sequence[Layer]) -> str | None:
    """Return the penalty that brought the network down: "L1", "L2" or None for neither.

    L1 pulls a weight by l1 and L2 by 2 l2 |w|, so what a weight of the initial size felt more
    decides. Of 91 dead networks with both penalties, 41 lived without one of them and not without
    the other: this rule named the right one in all 41 (`.docs/log.md`).
    """
    shrunk = [layer for layer in layers if layer.end < SHRUNK * layer.start]
    l1 = max((layer.l1 for layer in shrunk), default=0.0)
    l2 = max((2 * layer.l2 * layer.start for layer in shrunk), default=0.0)
    if l1 == l2 == 0:
        return None
    return "L1" if l1 >= l2 else "L2"


def dead_fold(case: Case) -> Signs:
    """Return the first fold that collapsed."""
    return next(fold for fold in case.folds if is_collapsed(fold))


def dead_from(signs: Signs) -> int:
    """Return the epoch (1-based) from which on the output hardly varied."""
    alive = [i for i, spread in enumerate(signs.spreads, 1) if spread >= CONSTANT_OUTPUT]
    return alive[-1] + 1 if alive and alive[-1] < signs.epochs else signs.best_epoch


def loss_turned_at(signs: Signs) -> int | None:
    """Return the epoch (1-based) of the lowest validation loss; None where it is the last."""
    losses = signs.validation_losses
    lowest = min(range(len(losses)), key=losses.__getitem__, default=0) + 1
    return lowest if lowest < len(losses) else None


def gap_opened_at(case: Case) -> int | None:
    """Return the epoch at which the gap opened, of the median fold."""
    turned = [t for t in map(loss_turned_at, case.folds) if t is not None]
    return median_low(turned) if turned else None
