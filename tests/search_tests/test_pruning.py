"""A trial reports at rungs, and the rungs are those at which its pruner decides."""

from unittest import mock

import numpy as np
import optuna
import pytest
from optuna.pruners import BasePruner, MedianPruner
from optuna.trial import TrialState

from search.errors import SettingError
from search.pruning import PRUNERS, check_pruner, make_pruner, rungs


@pytest.mark.parametrize(
    ("name", "max_epochs", "epochs"),
    [
        ("median", 100, {4, 8, 16, 32, 64}),
        ("median", 4, {4}),
        ("median", 3, set()),
        ("hyperband", 100, {4, 12, 36}),
        ("hyperband", 108, {4, 12, 36, 108}),
        ("none", 100, set()),
    ],
)
def test_rungs_are_a_geometric_series(name: str, max_epochs: int, epochs: set[int]) -> None:
    assert rungs(name, max_epochs) == epochs


@pytest.mark.parametrize("name", PRUNERS)
def test_trial_of_several_folds_reports_after_folds_and_not_at_epochs(name: str) -> None:
    assert rungs(name, 100, folds=5) == set()


@pytest.mark.parametrize("name", ["median", "hyperband"])
def test_trial_behind_after_its_first_fold_is_stopped_between_folds(name: str) -> None:
    study = optuna.create_study(direction="maximize", pruner=make_pruner(name, 100, folds=5))
    stopped = {"behind": 0, "ahead": 0}
    for number in range(60):
        trial = study.ask()
        kind = "behind" if number % 2 else "ahead"
        for fold in range(1, 5):
            trial.report((0.5 if kind == "behind" else 0.9) + number / 1e4, fold)
            if trial.should_prune():
                stopped[kind] += 1
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, 0.9)
    assert stopped["behind"] >= 20
    assert stopped["behind"] > 2 * stopped["ahead"]


def test_each_name_makes_its_pruner() -> None:
    made = {name: type(make_pruner(name, 100)).__name__ for name in PRUNERS}
    assert made == {"median": "MedianRule", "hyperband": "HyperbandPruner", "none": "NopPruner"}


@pytest.mark.parametrize("name", PRUNERS)
@pytest.mark.parametrize("max_epochs", [1, 2, 4, 100])
def test_pruner_works_with_any_number_of_epochs(name: str, max_epochs: int) -> None:
    study = optuna.create_study(direction="maximize", pruner=make_pruner(name, max_epochs))
    for number in range(3):
        trial = study.ask()
        for epoch in sorted(rungs(name, max_epochs)):
            trial.report(0.5 + number / 10, epoch)
            trial.should_prune()
        study.tell(trial, 0.5)


def test_median_rule_waits_for_ten_trials_and_then_prunes_who_is_behind() -> None:
    study = optuna.create_study(direction="maximize", pruner=make_pruner("median", 100))
    for number in range(12):
        trial = study.ask()
        behind = number % 2 == 1
        trial.report(0.5 if behind else 0.9, 4)
        assert trial.should_prune() == (behind and number >= 10), number
        study.tell(trial, 0.9)


def _decisions(pruner: BasePruner, seed: int) -> list[tuple[int, int, bool]]:
    """Runs 40 trials that report random values, some of which are equal; returns every decision."""
    generator = np.random.default_rng(seed)
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, direction="maximize", pruner=pruner)
    decisions = []
    for number in range(40):
        trial, pruned = study.ask(), False
        best = 0.0
        for epoch in (4, 8, 16):
            best = max(best, round(generator.uniform(), 1))
            trial.report(best, epoch)
            pruned = trial.should_prune()
            decisions.append((number, epoch, pruned))
            if pruned or generator.uniform() < 0.6:  # the latter, as early stopping does
                break
        if pruned:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, best)
    return decisions


@pytest.mark.parametrize("seed", range(10))
def test_median_rule_decides_as_optunas(seed: int) -> None:
    ours = _decisions(make_pruner("median", 100), seed)
    assert ours == _decisions(MedianPruner(n_startup_trials=10, n_min_trials=5), seed)
    assert {pruned for _, _, pruned in ours} == {False, True}


def test_median_rule_reads_the_history_once_a_trial() -> None:
    study = optuna.create_study(direction="maximize", pruner=make_pruner("median", 100))
    for _ in range(12):
        trial = study.ask()
        with mock.patch.object(
            study._storage, "get_all_trials", wraps=study._storage.get_all_trials
        ) as read:
            for epoch in (4, 8, 16):
                trial.report(0.5, epoch)
                assert not trial.should_prune()
        assert read.call_count == 1
        study.tell(trial, 0.5)


def test_unknown_pruner_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingError) as caught:
        check_pruner("axe")
    assert str(caught.value) == "--pruner must be one of median, hyperband, none; got `axe`."
