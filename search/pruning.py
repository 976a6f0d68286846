"""Which trials are stopped early, and at which epochs they are asked.

A trial reports its best validation ROC-AUC at rungs, not at every epoch: a report is a transaction,
and a small trial takes less time than fifty of them.
"""

import optuna
from optuna.pruners import BasePruner

from search.errors import SettingError

PRUNERS = ("median", "hyperband", "none")
# Early stopping already ends most trials, so the pruner need only catch those that are clearly
# behind. The median rule does so and leaves the history whole; Hyperband splits it into brackets,
# each of which needs trials of its own before it can judge.
DEFAULT_PRUNER = "median"

_REDUCTION_FACTOR = 3
_FIRST_RUNG = 4  # epochs: the first ones say more about the learning rate than about the network


def check_pruner(name: str) -> None:
    """Raise SettingError unless there is such a pruner."""
    if name not in PRUNERS:
        raise SettingError(f"--pruner must be one of {', '.join(PRUNERS)}; got `{name}`.")


def make_pruner(name: str, max_epochs: int) -> BasePruner:
    """Return the pruner. Epochs are its resource, from `_FIRST_RUNG` to `max_epochs`.

    The median rule waits for 10 finished trials, and for 5 that reached the same rung, so that no
    trial is judged by one lucky other.
    """
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=_FIRST_RUNG,
            max_resource=max(max_epochs, _FIRST_RUNG),
            reduction_factor=_REDUCTION_FACTOR,
        )
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=10, n_min_trials=5)
    return optuna.pruners.NopPruner()


def rungs(name: str, max_epochs: int) -> frozenset[int]:
    """Return the epochs (1-based) after which a trial reports: a geometric series."""
    if name == "none":
        return frozenset()
    factor = _REDUCTION_FACTOR if name == "hyperband" else 2
    epochs = []
    rung = _FIRST_RUNG
    while rung <= max_epochs:
        epochs.append(rung)
        rung *= factor
    return frozenset(epochs)
