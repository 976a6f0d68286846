"""Which parameters the next trial gets.

A trial's draw depends on the study's seed, the trial's number and the trials finished before it,
and on nothing else: the sampler is made anew for every trial from a seed of its own. So a resumed
study goes on as if it had never stopped (optuna/optuna issue 3255 tells what happens otherwise).
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    distribution_to_json,
)
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from search.errors import SettingError
from search.spaces.space import Space

SAMPLERS = ("tpe", "random", "gp", "cmaes")
# All parameters together (Bergstra et al. 2011; Watanabe 2023, arXiv:2304.11127). One at a time won
# in replays and lost in real searches; no other was better at any budget (`.docs/log.md`).
DEFAULT_SAMPLER = "tpe"


def trial_seed(study_seed: int, number: int, purpose: int) -> int:
    """Return a seed in [0, 2**31) for one trial and purpose: 0 sampling, 1 training."""
    state = np.random.SeedSequence((study_seed, number, purpose)).generate_state(1)
    return int(state[0] % 2**31)


def check_sampler(name: str) -> None:
    """Raise SettingError unless the sampler exists and its package is installed."""
    if name not in SAMPLERS:
        raise SettingError(f"--sampler must be one of {', '.join(SAMPLERS)}; got `{name}`.")
    if name == "gp" and find_spec("torch") is None:
        raise SettingError(
            "the sampler `gp` needs PyTorch, which is not installed. "
            'Install the extra: pip install "dampen[gp]".'
        )


def make_sampler(name: str, seed: int) -> BaseSampler:
    """Return a sampler for one trial. The name must have passed `check_sampler`."""
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed)
    if name == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    return optuna.samplers.TPESampler(seed=seed)


def draw(
    study: optuna.Study, trial_id: int, space: Space
) -> tuple[dict[str, Any], dict[str, tuple[float, str]]]:
    """Draw a trial's parameters as `Trial.suggest_*` would, but without a transaction for each.

    What the trial has already (from an interrupted attempt) or was enqueued with comes first, then
    what the sampler draws jointly, then what it draws one by one; what has one value is not drawn.
    Under Hyperband the sampler sees the trials of all brackets, where `Trial` shows it those of
    one: at 50 trials a bracket has too few to learn from.

    Returns:
        The parameters by name, and the same as the storage wants them: internal representation
        and distribution.
    """
    trial = study._storage.get_trial(trial_id)
    fixed = {name: _only_value(each) for name, each in space.items() if each.single()}
    queued = trial.system_attrs.get("fixed_params", {})
    known: Mapping[str, Any] = {**fixed, **queued, **trial.params}
    joint: Mapping[str, Any] = {}
    if not space.keys() <= known.keys():
        study.sampler.before_trial(study, trial)
        drawn = {name: each for name, each in space.items() if not each.single()}
        joint_space = dict(sorted(drawn.items()))  # in Optuna's order
        if not isinstance(study.sampler, optuna.samplers.TPESampler):  # which takes any space
            joint_space = study.sampler.infer_relative_search_space(study, trial)
        joint = study.sampler.sample_relative(study, trial, joint_space)
    params: dict[str, Any] = {}
    for name, distribution in space.items():
        if name in known:
            params[name] = known[name]
        elif name in joint and _contains(distribution, joint[name]):
            params[name] = joint[name]
        else:
            params[name] = study.sampler.sample_independent(study, trial, name, distribution)
    stored = {
        name: (space[name].to_internal_repr(value), distribution_to_json(space[name]))
        for name, value in params.items()
    }
    return params, stored


def draw_by(
    suggest: Callable[[Trial], Any], study: optuna.Study, trial_id: int
) -> tuple[dict[str, Any], dict[str, tuple[float, str]]]:
    """Draw a trial's parameters as a person's `suggest` asks for them, and store none of them.

    Returns:
        As `draw` does.
    """
    trial = Trial(study, trial_id)
    drawn = _Drawn(study._storage)
    trial.storage = drawn  # type: ignore[assignment]
    suggest(trial)
    return dict(trial.params), drawn.parameters


class _Drawn:
    """A storage that keeps what a trial suggests for later: one write, by whoever owns the trial.

    Optuna would write each parameter by itself, also those of a trial that another worker took.
    """

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self.parameters: dict[str, tuple[float, str]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_param(
        self, trial_id: int, name: str, value: float, distribution: BaseDistribution
    ) -> None:
        self.parameters[name] = (value, distribution_to_json(distribution))


def _only_value(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    return distribution.low  # type: ignore[attr-defined]


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    return distribution._contains(distribution.to_internal_repr(value))
