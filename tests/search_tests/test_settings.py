"""Settings survive the database, and what changed since is said in a sentence."""

import json
from dataclasses import replace
from typing import Any

import pytest

from objectives.table.roles import Roles
from search.errors import SettingError, StudyChangedError
from search.placement import Placement
from search.settings import (
    DataIdentity,
    Settings,
    check_choices,
    check_same_data,
    check_same_space,
    installed_versions,
    stored_space,
)
from search.spaces.space import regularization_space
from search.spaces.space_file import read_space

DATA = DataIdentity(
    source="/data/credit.csv",
    name="credit",
    target="default",
    labels=("no", "yes"),
    columns=("age", "income"),
    rows=300,
    sha256="00",
)
SETTINGS = Settings(
    data=DATA,
    space=stored_space(regularization_space(300)),
    seed=7,
    sampler="tpe",
    pruner="median",
    max_epochs=100,
    patience=10,
    timeout_seconds=None,
    workers=2,
    placement=Placement(engine="ray", address="auto", gpus_per_worker=0.5),
    folds=5,
    roles=Roles(categorical=("zip",), group="customer"),
    versions={**installed_versions(), "dampen": "0.0.9"},
)
GOOD: dict[str, Any] = {
    "trials": 1,
    "sampler": "tpe",
    "pruner": "none",
    "max_epochs": 1,
    "patience": 1,
    "workers": 1,
    "seed": 0,
}


def test_settings_come_back_from_json_as_they_went() -> None:
    assert Settings.from_json(json.loads(json.dumps(SETTINGS.to_json()))) == SETTINGS


def test_settings_of_an_older_release_have_the_default_space() -> None:
    stored = SETTINGS.to_json()
    del stored["space_name"], stored["space_asked"]
    assert Settings.from_json(stored).spec() == read_space("regularization")


def test_settings_of_an_older_release_have_one_split_and_no_roles() -> None:
    stored = SETTINGS.to_json()
    del stored["roles"], stored["folds"]
    found = Settings.from_json(stored)
    assert (found.folds, found.roles) == (1, Roles())


def test_settings_of_a_study_that_was_not_probed_have_the_bound_of_then() -> None:
    stored = SETTINGS.to_json()
    del stored["l1_bound"], stored["l1_dies_at"]
    found = Settings.from_json(stored)
    assert (found.l1_bound, found.l1_dies_at) == (1e-2, None)
    check_same_space("rooks", found, stored_space(regularization_space(300, l1_bound=1e-2)))


def test_space_with_another_bound_is_another_space() -> None:
    probed = stored_space(regularization_space(300, l1_bound=3.2e-2))
    check_same_space("rooks", replace(SETTINGS, space=probed, l1_bound=3.2e-2), probed)
    with pytest.raises(StudyChangedError, match="different: l1"):
        check_same_space("rooks", SETTINGS, probed)


def test_space_comes_back_as_the_distributions_it_was_made_of() -> None:
    assert SETTINGS.distributions() == regularization_space(300)


def test_least_values_are_accepted() -> None:
    check_choices(**GOOD)


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [
        ("trials", 0, 1),
        ("trials", -3, 1),
        ("trials", 2.0, 1),
        ("trials", True, 1),
        ("confirm", -1, 0),
        ("max_epochs", 0, 1),
        ("patience", 0, 1),
        ("workers", 0, 1),
        ("seed", -1, 0),
        ("folds", 0, 1),
    ],
)
def test_value_out_of_range_is_refused_with_its_option(
    option: str, value: object, least: int
) -> None:
    with pytest.raises(SettingError) as caught:
        check_choices(**{**GOOD, option: value})
    assert str(caught.value) == (
        f"--{option.replace('_', '-')} must be a whole number of at least {least}; got {value}."
    )


def test_versions_name_all_that_results_depend_on() -> None:
    assert installed_versions().keys() == {
        *("python", "dampen", "optuna", "tensorflow", "keras", "scikit-learn", "numpy", "pandas")
    }


def test_same_data_may_have_moved() -> None:
    check_same_data("rooks", DATA, replace(DATA, source="/elsewhere/credit.csv", name="other"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 301}, "300 rows then, 301 now"),
        (
            {"columns": ("age", "wage", "town")},
            "columns gone: income; columns new: wage, town",
        ),
        ({"target": "paid"}, "the target was `default` and is `paid`"),
        ({}, "same rows and columns, but other content"),
    ],
)
def test_changed_data_are_refused_with_what_differs(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyChangedError) as caught:
        check_same_data("rooks", DATA, replace(DATA, sha256="01", **changes))
    assert str(caught.value) == (
        "study `rooks` was launched on other data than /data/credit.csv holds now "
        f"({said}). Put the old file back, or launch a new study."
    )


def test_changed_space_is_refused_with_what_differs() -> None:
    now = dict(SETTINGS.space)
    now["momentum"] = now.pop("taper")
    now["dropout"] = now["l1"]
    with pytest.raises(StudyChangedError) as caught:
        check_same_space("rooks", SETTINGS, now)
    assert str(caught.value) == (
        "study `rooks` was launched with another search space than this version has (different: "
        "dropout, momentum, taper). Resume it with dampen 0.0.9, or launch a new study."
    )


def test_same_space_in_another_order_is_the_same() -> None:
    check_same_space("rooks", SETTINGS, dict(reversed(SETTINGS.space.items())))
