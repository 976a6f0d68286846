"""Which trials are stopped early, and at which epochs they are asked.

A trial reports its best validation ROC-AUC at rungs, not at every epoch: a report is a transaction,
and a small trial takes less time than fifty of them. A trial that is cross-validated reports the
mean of its folds so far after each fold instead: all trials have the same folds, so that like is
compared with like.
"""

from statistics import median

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from search.errors import SettingError

PRUNERS = ("median", "hyperband", "none")
# Early stopping already ends most trials, so the pruner need only catch those that are clearly
# behind. The median rule does so and leaves the history whole; Hyperband splits it into brackets,
# each of which needs trials of its own before it can judge.
DEFAULT_PRUNER = "median"

_REDUCTION_FACTOR = 3
_FIRST_RUNG = 4  # epochs: the first ones say more about the learning rate than about the network
# No trial shall be judged by one lucky other.
_LEAST_FINISHED = 10  # trials, before any is judged
_LEAST_AT_RUNG = 5  # of them that reached the rung


class MedianRule(BasePruner):
    """Stop a trial whose best value so far is below the median of the others at the same rung.

    What Optuna's `MedianPruner` decides, at a cost that hardly grows with the study: that one reads
    and sorts the whole history at every rung, this one reads it once a trial, and not at all where
    the sampler has read it. A study that maximises is taken for granted. Trials that finish
    elsewhere while this one runs are not seen.
    """

    def __init__(self) -> None:
        self._trial: int | None = None
        self._histories: list[dict[int, float]] = []

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether the trial, which has just reported, is to be stopped."""
        if trial.number != self._trial:
            finished = study._get_trials(
                deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True
            )
            self._trial, self._histories = trial.number, [t.intermediate_values for t in finished]
        rung = trial.last_step
        assert rung is not None  # it has just reported
        others = [history[rung] for history in self._histories if rung in history]
        if len(self._histories) < _LEAST_FINISHED or len(others) < _LEAST_AT_RUNG:
            return False
        own = trial.intermediate_values[rung]
        above = sum(other > own for other in others)
        if 2 * above == len(others):  # between the two in the middle, or at the lower one
            return own < median(others)
        return 2 * above > len(others)  # the median without sorting


def check_pruner(name: str) -> None:
    """Raise SettingError unless there is such a pruner."""
    if name not in PRUNERS:
        raise SettingError(f"--pruner must be one of {', '.join(PRUNERS)}; got `{name}`.")


def make_pruner(name: str, max_epochs: int, folds: int = 1) -> BasePruner:
    """Return the pruner. Its resource are folds where there are several, else epochs."""
    if name == "hyperband":
        least, most = (_FIRST_RUNG, max_epochs) if folds == 1 else (1, folds)
        return optuna.pruners.HyperbandPruner(
            min_resource=least,
            max_resource=max(most, least),
            reduction_factor=_REDUCTION_FACTOR,
        )
    if name == "median":
        return MedianRule()
    return optuna.pruners.NopPruner()


def rungs(name: str, max_epochs: int, folds: int = 1) -> frozenset[int]:
    """Return the epochs (1-based) after which a trial reports: a geometric series.

    Empty where a trial has several folds, after each of which it reports.
    """
    if name == "none" or folds > 1:
        return frozenset()
    factor = _REDUCTION_FACTOR if name == "hyperband" else 2
    epochs = []
    rung = _FIRST_RUNG
    while rung <= max_epochs:
        epochs.append(rung)
        rung *= factor
    return frozenset(epochs)
