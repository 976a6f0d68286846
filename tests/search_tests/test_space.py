"""The space is flat, its first trials lie in it, and off is exactly zero."""

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from objectives.hyperparameters import Hyperparameters
from search.errors import SettingError
from search.spaces.named_spaces import COCKTAIL, NAMED, QUICK, REGULARIZATION
from search.spaces.ranges import Choices, Interval
from search.spaces.space import (
    first_trials,
    hyperparameters,
    is_unregularised,
    regularization_space,
    search_space,
)
from search.spaces.space_file import read_space

PLAIN: dict[str, Any] = first_trials(regularization_space(300))[0]


@pytest.mark.parametrize("n_train", [30, 2_000, 2_001, 10_000, 50_000, 1_000_000])
def test_first_trials_lie_in_the_space_whatever_the_size_of_the_table(n_train: int) -> None:
    space = regularization_space(n_train)
    for params in first_trials(space):
        assert params.keys() == space.keys()
        for name, distribution in space.items():
            assert distribution._contains(distribution.to_internal_repr(params[name])), name


def test_first_trials_are_without_regularisation_and_well_tried() -> None:
    plain, tried = map(hyperparameters, first_trials(regularization_space(300)))
    assert (plain.dropout, plain.l1, plain.l2, plain.normalization) == (0.0, 0.0, 0.0, "none")
    assert (tried.dropout, tried.l1, tried.l2, tried.normalization) == (0.2, 0.0, 1e-4, "batch")
    assert plain.widths == tried.widths == (128, 128)


@pytest.mark.parametrize("scalings", [("standard",), ("standard", "quantile")])
@pytest.mark.parametrize("imbalanced", [False, True])
def test_what_makes_no_difference_to_a_table_is_not_searched(
    scalings: tuple[str, ...], imbalanced: bool
) -> None:
    space = regularization_space(300, scalings=scalings, imbalanced=imbalanced)
    assert ("scaling" in space) == (len(scalings) > 1)
    assert ("class_weight" in space) == imbalanced
    for params in first_trials(space):
        assert params.keys() == space.keys()
        assert hyperparameters(params).scaling == "standard"
        assert hyperparameters(params).class_weight == "none"


@pytest.mark.parametrize("l1_bound", [1e-4, 1e-1])
def test_l1_ends_where_the_probe_says(l1_bound: float) -> None:
    space = regularization_space(300, l1_bound=l1_bound)
    assert isinstance(space["l1"], FloatDistribution)
    assert (space["l1"].low, space["l1"].high, space["l1"].log) == (1e-6, l1_bound, True)
    for params in first_trials(space):
        assert space["l1"]._contains(params["l1"])


def test_larger_tables_get_larger_batches() -> None:
    choices = []
    for n_train in (300, 5_000, 20_000, 500_000):
        batch_size = regularization_space(n_train)["batch_size"]
        assert isinstance(batch_size, CategoricalDistribution)
        choices.append(batch_size.choices)
    assert choices == sorted(choices)
    assert len(set(choices)) == len(choices)


@given(st.booleans(), st.booleans(), st.floats(1e-6, 1e-2), st.floats(1e-6, 1e-1))
def test_strength_counts_only_where_its_switch_is_on(
    use_l1: bool, use_l2: bool, l1: float, l2: float
) -> None:
    chosen = hyperparameters({**PLAIN, "use_l1": use_l1, "use_l2": use_l2, "l1": l1, "l2": l2})
    assert chosen.l1 == (l1 if use_l1 else 0.0)
    assert chosen.l2 == (l2 if use_l2 else 0.0)


@pytest.mark.parametrize(
    ("layers", "width", "taper", "widths"),
    [
        (1, 1, 0.5, (1,)),
        (2, 3, 0.5, (3, 3)),
        (1, 64, 0.5, (64,)),
        (3, 64, 1.0, (64, 64, 64)),
        (3, 64, 0.5, (64, 32, 16)),
        (3, 16, 0.5, (16, 8, 4)),
        (3, 8, 0.5, (8, 4, 4)),
    ],
)
def test_widths_taper_but_never_below_four_or_the_first(
    layers: int, width: int, taper: float, widths: tuple[int, ...]
) -> None:
    params = {**PLAIN, "hidden_layers": layers, "width": width, "taper": taper}
    assert hyperparameters(params).widths == widths


def test_every_trial_has_every_parameter() -> None:
    # Parameters that exist in some trials only would be drawn independently of the others.
    space = regularization_space(300)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        params = study.ask(fixed_distributions=space).params
        assert params.keys() == space.keys()
        chosen = hyperparameters(params)
        assert len(chosen.widths) == params["hidden_layers"]
        assert 0.0 <= chosen.dropout < 1.0


NEW = (
    *("dropout_shape", "optimizer", "schedule", "weight_decay", "clip_norm", "max_norm"),
    *("label_smoothing", "input_noise", "mixup", "cutmix", "fgsm", "skip", "stochastic_depth"),
    *("averaging", "members"),
)
OF_NUMBERS = ("numeric_embedding", "embedding_size", "frequency_scale")


def _off(chosen: Hyperparameters) -> bool:
    defaults = {name: Hyperparameters.__dataclass_fields__[name].default for name in NEW}
    return all(getattr(chosen, name) == default for name, default in defaults.items())


def test_default_space_is_that_of_the_first_release() -> None:
    assert list(regularization_space(300, scalings=("standard", "quantile"), imbalanced=True)) == [
        *("dropout", "use_l1", "l1", "use_l2", "l2", "hidden_layers", "width", "taper"),
        *("activation", "normalization", "learning_rate", "batch_size", "scaling", "class_weight"),
    ]


def test_cocktail_is_the_default_space_and_more() -> None:
    space, default = search_space(COCKTAIL, 300), regularization_space(300)
    assert {name: space[name] for name in default} == default
    more = {name.removeprefix("use_") for name in space.keys() - default.keys()}
    assert more == {*NEW}
    assert all(map(_off, map(hyperparameters, first_trials(space)[:2])))


def test_cocktail_begins_with_the_default_of_tabm_too() -> None:
    space = search_space(COCKTAIL, 3_000, scalings=("standard", "quantile"))
    *_, tabm = map(hyperparameters, first_trials(space))
    assert (tabm.widths, tabm.members, tabm.batch_size) == ((256, 256), 8, 256)
    assert (tabm.numeric_embedding, tabm.scaling) == ("piecewise", "quantile")
    assert (tabm.dropout, tabm.weight_decay, tabm.learning_rate) == (0.1, 3e-4, 2e-3)
    alone = search_space(read_space("cocktail", {"members": 1}).ranges, 3_000)
    assert [hyperparameters(each).members for each in first_trials(alone)] == [1, 1]


def test_numbers_are_embedded_where_there_are_some() -> None:
    space = search_space(COCKTAIL, 300, scalings=("standard", "quantile"))
    assert {*space} - {*search_space(COCKTAIL, 300)} == {"scaling", *OF_NUMBERS}
    plain, *_ = first_trials(space)
    assert hyperparameters(plain).numeric_embedding == "none"
    chosen = hyperparameters({**plain, "numeric_embedding": "piecewise", "scaling": "standard"})
    assert chosen.scaling == "quantile"  # its pieces are of normal scores


def test_vectors_of_levels_are_searched_where_a_column_has_many() -> None:
    space = search_space(COCKTAIL, 300, embedded=True)
    assert {*space} - {*search_space(COCKTAIL, 300)} == {"level_size"}
    assert {hyperparameters(each).level_size for each in first_trials(space)} == {1.0}


def test_quick_space_searches_six_parameters() -> None:
    space = search_space(QUICK, 300, scalings=("standard", "quantile"), imbalanced=True)
    assert [name for name, each in space.items() if not each.single()] == [
        *("dropout", "use_l2", "l2", "hidden_layers", "width", "learning_rate"),
    ]
    chosen = hyperparameters(first_trials(space)[0])
    assert (chosen.l1, chosen.activation, chosen.normalization) == (0.0, "relu", "batch")
    assert (chosen.batch_size, chosen.scaling, chosen.class_weight) == (32, "standard", "none")


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("n_train", [30, 5_000, 1_000_000])
def test_first_trials_lie_in_every_named_space(name: str, n_train: int) -> None:
    space = search_space(NAMED[name], n_train)
    plain, tried, *others = first_trials(space)
    assert is_unregularised(hyperparameters(plain))
    assert not is_unregularised(hyperparameters(tried))
    for params in (plain, tried, *others):
        assert params.keys() == space.keys()
        assert all(each._contains(each.to_internal_repr(params[n])) for n, each in space.items())


@pytest.mark.parametrize(
    "fixed",
    [
        {"l2": {"low": 1e-2, "off": False}, "dropout": {"low": 0.3, "high": 0.4}},
        {"width": [8, 100, 140], "batch_size": {"low": 8, "high": 12}, "normalization": "layer"},
        {"hidden_layers": {"low": 4, "high": 9}, "learning_rate": [0.1, 0.2], "taper": [0.3, 2]},
        {"l2": ["off", 1e-2, 1e-3], "dropout": [0.1, 0.5], "activation": ["tanh", "gelu"]},
    ],
)
def test_first_trials_are_the_nearest_that_a_narrow_space_has(fixed: dict[str, Any]) -> None:
    space = search_space(read_space("cocktail", fixed).ranges, 300)
    for params in first_trials(space):
        assert params.keys() == space.keys()
        for name, each in space.items():
            assert each._contains(each.to_internal_repr(params[name])), name
    assert first_trials(space)[0]["width"] == (140 if "width" in fixed else 128)


def test_a_space_of_one_network_has_one_first_trial() -> None:
    fixed = {"dropout": 0.2, "l2": 1e-4, "normalization": "batch"}
    assert len(first_trials(search_space(read_space("quick", fixed).ranges, 300))) == 1


def test_what_is_fixed_stays_with_one_value() -> None:
    fixed = {"l1": "off", "l2": 1e-4, "activation": "gelu", "width": 48, "mixup": {"off": False}}
    space = search_space(read_space("regularization", fixed).ranges, 300)
    single = {name for name, each in space.items() if each.single()}
    assert single == {"use_l1", "l1", "use_l2", "l2", "activation", "width", "use_mixup"}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    chosen = hyperparameters(study.ask(fixed_distributions=space).params)
    assert (chosen.l1, chosen.l2, chosen.activation, chosen.widths[0]) == (0.0, 1e-4, "gelu", 48)
    assert 0.05 <= chosen.mixup <= 1.0


def test_whole_numbers_stay_whole() -> None:
    ranges = {**REGULARIZATION, "width": Interval(low=8, high=64, log=True)}
    assert search_space(ranges, 300)["width"] == IntDistribution(8, 64, log=True)


def test_class_weight_that_was_asked_for_is_there_whatever_the_classes() -> None:
    ranges = {**REGULARIZATION, "class_weight": Choices(values=("balanced",))}
    assert search_space(ranges, 300)["class_weight"].single()


def test_l1_that_was_asked_for_counts_above_the_probe() -> None:
    ranges = {**REGULARIZATION, "l1": Interval(low=1e-5, high=0.5, log=True)}
    assert search_space(ranges, 300, l1_bound=1e-4)["l1"] == FloatDistribution(1e-5, 0.5, log=True)
    with pytest.raises(SettingError, match=r"^`l1` must begin below 1\.0e-04, .* its low is 0\.01"):
        search_space({**ranges, "l1": Interval(low=1e-2, high=None)}, 300, l1_bound=1e-4)


def test_parameters_of_an_older_release_are_the_network_they_were() -> None:
    old = {
        "dropout": 0.1,
        "use_l1": False,
        "l1": 1e-3,
        "use_l2": True,
        "l2": 1e-4,
        "width": 64,
        "hidden_layers": 2,
        "taper": 0.5,
        "activation": "relu",
        "normalization": "none",
        "learning_rate": 1e-3,
        "batch_size": 16,
    }
    assert hyperparameters(old) == Hyperparameters(
        widths=(64, 32),
        activation="relu",
        normalization="none",
        dropout=0.1,
        l1=0.0,
        l2=1e-4,
        learning_rate=1e-3,
        batch_size=16,
    )


def test_stochastic_depth_counts_only_with_skip_connections() -> None:
    params = {**PLAIN, "use_stochastic_depth": True, "stochastic_depth": 0.2}
    assert hyperparameters({**params, "skip": False}).stochastic_depth == 0.0
    assert hyperparameters({**params, "skip": True}).stochastic_depth == 0.2


@pytest.mark.parametrize("name", ["dropout", "l1", "l2", "input_noise", "mixup", "max_norm"])
def test_one_strength_makes_a_network_regularised(name: str) -> None:
    params = {**PLAIN, name: 0.1, f"use_{name}": True}
    assert not is_unregularised(hyperparameters(params))
