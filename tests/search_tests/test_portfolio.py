"""What a study begins with: what was good elsewhere, as its own space has it."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

from objectives.hyperparameters import Hyperparameters
from search.errors import SettingError
from search.objective.objective_file import ObjectiveFile
from search.settings import DataIdentity, Settings, stored_space
from search.spaces.beginning import WARM_TRIALS, beginning, warm_trials
from search.spaces.named_spaces import COCKTAIL, QUICK, REGULARIZATION
from search.spaces.portfolio import PORTFOLIO, of_table, portfolio_trials, relative
from search.spaces.space import Space, first_trials, hyperparameters, search_space
from storage.claims import claim_trial
from storage.database import Database, open_database
from storage.errors import StudyNotFoundError
from storage.evaluations import finish_trial
from storage.parameters import record_parameters
from storage.studies import create_study
from storage.workers import register_worker

SPACE = search_space(REGULARIZATION, 300, scalings=("standard", "quantile"), imbalanced=True)
SPACES = [
    SPACE,
    search_space(REGULARIZATION, 300),
    search_space(REGULARIZATION, 40_000, l1_bound=2e-6),
    search_space(COCKTAIL, 5_000, scalings=("standard", "quantile")),
    search_space(QUICK, 5_000),
]


@pytest.mark.parametrize("space", SPACES, ids=["all", "small", "large", "cocktail", "quick"])
def test_portfolio_lies_in_every_space(space: Space) -> None:
    for params in portfolio_trials(space):
        assert params.keys() == space.keys()
        for name, value in params.items():
            assert space[name]._contains(space[name].to_internal_repr(value)), name
        assert isinstance(hyperparameters(params), Hyperparameters)


def test_portfolio_is_new_to_a_study() -> None:
    found = portfolio_trials(SPACE)
    assert len(found) == len(PORTFOLIO) > 0
    assert not [params for params in found if params in first_trials(SPACE)]


def test_batch_sizes_go_by_their_place() -> None:
    params = first_trials(SPACE)[0]
    said = relative({**params, "batch_size": 64}, SPACE)
    assert of_table(said, search_space(REGULARIZATION, 40_000))["batch_size"] == 512
    assert of_table(said, SPACE) == {**params, "batch_size": 64}


SETTINGS = Settings(
    data=DataIdentity(
        source="rooks.csv",
        name="rooks",
        target="target",
        labels=("no", "yes"),
        columns=("a", "target"),
        rows=300,
        sha256="0" * 64,
    ),
    space=stored_space(SPACE),
    seed=0,
    sampler="tpe",
    pruner="median",
    max_epochs=10,
    patience=5,
    timeout_seconds=None,
    workers=1,
    versions={},
)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(f"sqlite:///{tmp_path / 'warm.db'}")


def told(db: Database, name: str, values: list[float]) -> None:
    """Make a study with a complete trial of each value, told apart by its learning rate."""
    record = create_study(
        db,
        name,
        settings={},
        planned_trials=len(values),
        first_trials=[
            {**first_trials(SPACE)[0], "learning_rate": 1e-3 * (1 + value)} for value in values
        ],
    )
    worker = register_worker(db, record.study_id, seconds_between_beats=60)
    for value in values:
        claim = claim_trial(db, record.study_id, worker)
        assert claim is not None
        params = db.optuna.get_trial(claim.trial_id).system_attrs["fixed_params"]
        stored = {
            name: (SPACE[name].to_internal_repr(drawn), distribution_to_json(SPACE[name]))
            for name, drawn in params.items()
        }
        record_parameters(db, claim, stored)
        finish_trial(
            db,
            claim,
            state=TrialState.COMPLETE,
            value=value,
            evaluation={},
            learning_curve={},
            attributes={},
        )


def test_the_best_of_another_study_come_first_and_best_first(db: Database) -> None:
    told(db, "rooks", [0.7, 0.9, 0.8, 0.6, 0.75, 0.65, 0.5])
    found = warm_trials(db, "rooks", SETTINGS)
    assert [params["learning_rate"] for params in found] == pytest.approx(
        [1e-3 * (1 + value) for value in (0.9, 0.8, 0.75, 0.7, 0.65)]
    )
    assert len(found) == WARM_TRIALS


def test_warm_start_from_nothing_says_so(db: Database) -> None:
    create_study(db, "empty", settings={}, planned_trials=3)
    with pytest.raises(SettingError, match="`empty` has none yet"):
        warm_trials(db, "empty", SETTINGS)
    with pytest.raises(StudyNotFoundError, match="empty"):
        warm_trials(db, "nothing", SETTINGS)


def test_a_study_begins_with_the_plain_the_warm_and_the_portfolio_each_once(db: Database) -> None:
    told(db, "rooks", [0.7, 0.9])
    plain = first_trials(SPACE)
    assert beginning(db, SETTINGS, warm_start=None, portfolio=False) == plain
    found = beginning(db, SETTINGS, warm_start="rooks", portfolio=True)
    warm = warm_trials(db, "rooks", SETTINGS)
    assert found == [*plain, *warm, *portfolio_trials(SPACE)]
    assert len({str(params) for params in found}) == len(found)


def test_networks_and_own_objectives_do_not_warm_each_other(db: Database) -> None:
    told(db, "rooks", [0.7])
    file = ObjectiveFile(source="my.py", sha256="0", text="")
    with pytest.raises(SettingError, match="belong to the networks of a space"):
        warm_trials(db, "rooks", replace(SETTINGS, objective=file))
