"""The objective of a study: the networks of its space, or a person's own file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from objectives.features.preparation import Prepared
from objectives.network import Networks, build_network
from objectives.optimizers import make_optimizer
from search.objective.objective_file import ObjectiveFile
from search.objective.own_objective import OwnObjective
from search.objective.task import Objective, Stored, Task
from search.sampling import draw
from search.settings import Settings
from search.spaces.space import Space, hyperparameters


def open_objective(
    settings: Settings, file: ObjectiveFile | None, networks: Networks | None = None
) -> Objective:
    """Return the objective of a study.

    Args:
        settings: the study's.
        file: its own objective, as `same_objective` read it; None where it has none.
        networks: models kept between trials, where one is done with before the next is asked for.

    Raises:
        SettingError: the file cannot be run.
    """
    if file is not None:
        return OwnObjective(file)
    return DenseObjective(space=settings.distributions(), networks=networks)


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseObjective:
    """The dense networks of a space."""

    space: Space
    networks: Networks | None

    def draw(self, study: optuna.Study, trial_id: int) -> tuple[dict[str, Any], Stored]:
        """Draw a trial's parameters from the space."""
        return draw(study, trial_id, self.space)

    def task(self, params: Mapping[str, Any], prepared: Prepared) -> Task:
        """Return the network that the parameters describe."""
        chosen = hyperparameters(params)
        build = build_network if self.networks is None else self.networks.network
        return Task(
            regime=chosen,
            model=lambda seed: build(prepared.inputs, chosen, seed=seed),
            optimizer=lambda: make_optimizer(chosen),
        )
