"""The space is flat, its first trials lie in it, and off is exactly zero."""

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution

from search.space import first_trials, hyperparameters, regularization_space

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
        (1, 64, 0.5, (64,)),
        (3, 64, 1.0, (64, 64, 64)),
        (3, 64, 0.5, (64, 32, 16)),
        (3, 16, 0.5, (16, 8, 4)),
        (3, 8, 0.5, (8, 4, 4)),
    ],
)
def test_widths_taper_but_never_below_four(
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
