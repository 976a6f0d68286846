"""What a trial needs to train, and where it comes from.

There are two objectives: the networks of a search space (`objective.py`) and a person's own file
(`own_objective.py`). All that trains, exports or judges a network asks one of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import optuna

from objectives.features.preparation import Prepared
from objectives.hyperparameters import Regime

if TYPE_CHECKING:
    import keras

# A parameter as the storage wants it: internal representation, and distribution as Optuna's JSON.
Stored = dict[str, tuple[float, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A network, and how it is trained."""

    regime: Regime
    model: Callable[[int], "keras.Model"]  # from the seed of its weights; uncompiled, gives logits
    optimizer: Callable[[], "keras.Optimizer"]  # a new one, unbuilt


class Objective(Protocol):
    """What a study searches."""

    def draw(self, study: optuna.Study, trial_id: int) -> tuple[dict[str, Any], Stored]:
        """Draw a trial's parameters; return them, and as they are to be stored.

        What the trial has already, from an interrupted attempt, is not drawn again.
        """

    def task(self, params: Mapping[str, Any], prepared: Prepared) -> Task:
        """Return what the parameters of a trial mean; the same whenever it is asked."""
