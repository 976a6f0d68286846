"""A trial as its diagnosis sees it: the numbers of its folds, and what follows from them.

`diagnosis.py` has the rules, `evidence.py` the words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

from scipy.special import chdtrc  # type: ignore[import-untyped]

from objectives.verdict.chance import chance_error, sampling_error
from objectives.verdict.signs import Layer, Linear, Signs

# Below this standard deviation of a row's probability the output is a constant in all but name:
# dead networks were measured at 0 to 5e-4, living ones from 5e-3 (`.docs/log.md`).
CONSTANT_OUTPUT = 1e-3
# A network that says the same of every row pays log(K) nats a row at most. One that ends at five
# times that on the rows it trains on is wrong by whole logits: its weights have blown up.
EXPLODED = 5.0
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
    linear: Linear | None = None  # None also where the verdict does not hang on it

    @property
    def values(self) -> list[float]:
        """The folds' ROC-AUCs on validation rows."""
        return [fold.roc_auc for fold in self.folds if fold.roc_auc is not None]

    @property
    def value(self) -> float | None:
        """Their mean."""
        return _mean(self.values)

    @property
    def error(self) -> float | None:
        """Standard error of the value that the choice of the validation rows makes."""
        if self.value is None:
            return None
        scored = [fold.counts for fold in self.folds if fold.roc_auc is not None]
        errors = [sampling_error(self.value, counts) for counts in scored]
        return fmean(errors) / math.sqrt(len(errors))

    @property
    def training_auc(self) -> float | None:
        """The folds' mean ROC-AUC on training rows."""
        return _mean([f.training_auc for f in self.folds if f.training_auc is not None])

    @property
    def keras_auc(self) -> float | None:
        """The folds' mean ROC-AUC as a histogram of thresholds has it."""
        return _mean([fold.keras_auc for fold in self.folds if fold.keras_auc is not None])

    @property
    def gap(self) -> float | None:
        """Training minus validation ROC-AUC."""
        if self.value is None or self.training_auc is None:
            return None
        return self.training_auc - self.value

    @property
    def gap_opened_at(self) -> int | None:
        """Epoch (1-based) of the lowest validation loss, of the median fold in which it rose."""
        turned = [epoch for epoch in map(_turned_at, self.folds) if epoch is not None]
        return median_low(turned) if turned else None

    @property
    def fold_p(self) -> float | None:
        """How often folds of one true ROC-AUC would differ as much, or more; None for one fold.

        The sum of the squared deviations from the mean, each over the sampling error of its rows,
        is chi-square with one degree of freedom fewer than folds (Cochran 1954, "The combination of
        estimates from different experiments", section 3).
        """
        mean = self.value
        if mean is None or len(self.values) < 2:
            return None
        scored = [(f.roc_auc, f.counts) for f in self.folds if f.roc_auc is not None]
        q = sum(((value - mean) / sampling_error(mean, counts)) ** 2 for value, counts in scored)
        return float(chdtrc(len(scored) - 1, q))

    @property
    def one_class(self) -> bool:
        """Whether some fold's validation rows lack a class."""
        return any(min(fold.counts) == 0 for fold in self.folds)

    @property
    def dead_folds(self) -> list[Signs]:
        """The folds whose output came to be a constant."""
        return [fold for fold in self.folds if is_collapsed(fold)]

    @property
    def mostly_dead(self) -> bool:
        """Whether those are more than half."""
        return 2 * len(self.dead_folds) > len(self.folds)

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


def has_exploded(signs: Signs) -> bool:
    """Whether training ended at a finite loss far above that of knowing nothing."""
    limit = EXPLODED * math.log(len(signs.counts))
    return bool(signs.training_losses) and signs.training_losses[-1] > limit


def constant_from(signs: Signs) -> int:
    """Return the epoch (1-based) from which on the output hardly varied, for a collapsed fold."""
    alive = [epoch for epoch, s in enumerate(signs.spreads, 1) if s >= CONSTANT_OUTPUT]
    dead_at_the_end = not alive or alive[-1] < signs.epochs
    return max(alive, default=0) + 1 if dead_at_the_end else signs.best_epoch


def guilty_penalty(layers: Sequence[Layer]) -> str | None:
    """Return the penalty that brought the network down: "L1", "L2" or None for neither.

    L1 pulls a weight by l1 and L2 by 2 l2 |w|, so what a weight of the initial size felt more
    decides. Of 71 dead networks with both penalties 55 lived without one of them and not without
    the other: this rule named the right one in 54 (`.docs/log.md`).
    """
    shrunk = [layer for layer in layers if layer.end < SHRUNK * layer.start]
    l1 = max((layer.l1 for layer in shrunk), default=0.0)
    l2 = max((2 * layer.l2 * layer.start for layer in shrunk), default=0.0)
    if l1 == l2 == 0:
        return None
    return "L1" if l1 >= l2 else "L2"


def _turned_at(signs: Signs) -> int | None:
    """Return the epoch (1-based) of the lowest validation loss; None where it is the last."""
    losses = signs.validation_losses
    lowest = min(range(len(losses)), key=losses.__getitem__, default=0) + 1
    return lowest if lowest < len(losses) else None


def _mean(numbers: Sequence[float]) -> float | None:
    return fmean(numbers) if numbers else None
