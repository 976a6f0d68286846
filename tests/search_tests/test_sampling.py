"""A draw is what Optuna would have suggested, and depends on the seed and the history alone."""

import importlib.util
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.errors import SettingError
from search.sampling import SAMPLERS, check_sampler, draw, make_sampler, trial_seed
from search.spaces.named_spaces import QUICK
from search.spaces.space import first_trials, regularization_space, search_space
from search.spaces.space_file import read_space

SPACE = regularization_space(300)
HAS_TORCH = importlib.util.find_spec("torch") is not None
SEEDS = [821328062, 1817441348, 1060801321]


def _score(params: dict[str, Any]) -> float:
    """Any deterministic value that the parameters decide."""
    return float(params["dropout"] - params["l2"] * 10 + (params["activation"] == "relu") / 7)


def _ours(study: optuna.Study) -> dict[str, Any]:
    """Draws the next trial's parameters as the project does, and tells its value."""
    trial_id = study._storage.create_new_trial(study._study_id)
    params, stored = draw(study, trial_id, SPACE)
    for name, (value, _) in stored.items():
        study._storage.set_trial_param(trial_id, name, value, SPACE[name])
    study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [_score(params)])
    return params


def _optunas(study: optuna.Study) -> dict[str, Any]:
    """Draws the next trial's parameters as Optuna does, and tells its value."""
    trial = study.ask(fixed_distributions=dict(SPACE))
    study.tell(trial, _score(trial.params))
    return trial.params


@pytest.mark.parametrize("name", SAMPLERS)
def test_draw_is_what_optuna_suggests(name: str) -> None:
    if name == "gp" and not HAS_TORCH:
        pytest.skip("the sampler `gp` needs PyTorch")
    drawn: list[list[dict[str, Any]]] = []
    for one_trial in (_ours, _optunas):
        storage = optuna.storages.InMemoryStorage()
        optuna.create_study(study_name="rooks", storage=storage, direction="maximize")
        drawn.append([])
        for number in range(12 if name == "gp" else 14):  # the models need 10 trials to begin
            sampler = make_sampler(name, trial_seed(3, number, 0))
            # Loaded anew, as in a trial: a study keeps the history it saw first.
            study = optuna.load_study(study_name="rooks", storage=storage, sampler=sampler)
            drawn[-1].append(one_trial(study))
    assert drawn[0] == drawn[1]


def test_enqueued_parameters_come_before_the_samplers() -> None:
    wanted = first_trials(SPACE)[1]
    study = optuna.create_study(sampler=make_sampler("tpe", 0))
    study.enqueue_trial(wanted)
    assert draw(study, study._pop_waiting_trial_id() or 0, SPACE)[0] == wanted


def test_parameters_of_an_interrupted_attempt_are_kept() -> None:
    study = optuna.create_study(sampler=make_sampler("tpe", 0))
    trial_id = study._storage.create_new_trial(study._study_id)
    first, stored = draw(study, trial_id, SPACE)
    for name, (value, _) in stored.items():
        study._storage.set_trial_param(trial_id, name, value, SPACE[name])
    study.sampler = make_sampler("tpe", 1)
    assert draw(study, trial_id, SPACE) == (first, stored)


def test_seeds_differ_by_study_number_and_purpose() -> None:
    seeds = {trial_seed(s, n, purpose) for s in range(5) for n in range(100) for purpose in (0, 1)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_seed_is_the_same_in_every_release() -> None:
    # A study that is resumed with a newer release has to go on as it began.
    assert [trial_seed(0, 0, 0), trial_seed(0, 1, 0), trial_seed(7, 3, 1)] == SEEDS


def test_unknown_sampler_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingError, match=r"^--sampler must be one of tpe, random, gp, cmaes; "):
        check_sampler("grid")


@pytest.mark.parametrize("name", ["tpe", "random", "cmaes"])
def test_samplers_that_need_nothing_further_are_accepted(name: str) -> None:
    check_sampler(name)


def test_gp_is_refused_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.sampling.find_spec", lambda name: None)
    with pytest.raises(SettingError) as caught:
        check_sampler("gp")
    assert str(caught.value) == (
        "the sampler `gp` needs PyTorch, which is not installed. "
        'Install the extra: pip install "dampen[gp]".'
    )


class _Asked(optuna.samplers.RandomSampler):
    """Keeps the names of what it was asked for."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.names: list[str] = []

    def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
        self.names.append(name)
        return super().sample_independent(study, trial, name, distribution)


def test_what_has_one_value_is_not_drawn() -> None:
    sampler = _Asked()
    study = optuna.create_study(sampler=sampler)
    space = search_space(QUICK, 300)
    params, stored = draw(study, study._storage.create_new_trial(study._study_id), space)
    assert sampler.names == ["dropout", "use_l2", "l2", "hidden_layers", "width", "learning_rate"]
    assert params.keys() == stored.keys() == space.keys()
    assert (params["use_l1"], params["activation"]) == (False, "relu")


@pytest.mark.parametrize("name", ["tpe", "random", "cmaes"])
def test_space_of_one_network_can_be_drawn(name: str) -> None:
    fixed = {"dropout": 0.1, "l2": "off", "width": 8, "hidden_layers": 1, "learning_rate": 1e-3}
    space = search_space(read_space("quick", fixed).ranges, 300)
    study = optuna.create_study(sampler=make_sampler(name, 0))
    for _ in range(12):
        trial_id = study._storage.create_new_trial(study._study_id)
        params, stored = draw(study, trial_id, space)
        assert (params["dropout"], params["width"], params["use_l2"]) == (0.1, 8, False)
        for each, (value, _) in stored.items():
            study._storage.set_trial_param(trial_id, each, value, space[each])
        study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.5])
