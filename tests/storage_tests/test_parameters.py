"""Parameters are written as Optuna would have written them, all or none."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from sqlalchemy import event

from storage.claims import Claim, claim_trial
from storage.database import Database
from storage.errors import ClaimLostError, IncompatibleParameterError
from storage.parameters import record_parameters
from storage.studies import StudyRecord

Query = Callable[..., list[tuple[Any, ...]]]

_SPACE: dict[str, BaseDistribution] = {
    "dropout": FloatDistribution(0.0, 0.6),
    "l2": FloatDistribution(1e-6, 1e-1, log=True),
    "width": IntDistribution(16, 256, step=16),
    "activation": CategoricalDistribution(("relu", "gelu", None)),
}
_VALUES = {"dropout": 0.25, "l2": 1e-3, "width": 64, "activation": None}


def _internal(
    values: dict[str, object], space: dict[str, BaseDistribution]
) -> dict[str, tuple[float, str]]:
    return {
        name: (space[name].to_internal_repr(value), distribution_to_json(space[name]))
        for name, value in values.items()
    }


def _claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    return claim


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    return _claim(db, study, worker_id)


def test_rows_are_the_ones_that_optuna_writes(
    db: Database, study: StudyRecord, claim: Claim, query: Query
) -> None:
    record_parameters(db, claim, _internal(dict(_VALUES), _SPACE))
    queued = optuna.load_study(study_name="rooks", storage=db.optuna)
    queued.add_trial(
        optuna.trial.create_trial(value=0.5, params=dict(_VALUES), distributions=dict(_SPACE))
    )
    ours, optunas = (
        query(
            "SELECT param_name, param_value, distribution_json FROM trial_params"
            " JOIN trials USING (trial_id) WHERE number = :number"
            " ORDER BY param_id",
            number=number,
        )
        for number in (0, 1)
    )
    assert ours == optunas
    assert db.optuna.get_trial(claim.trial_id).params == _VALUES


def test_second_attempt_keeps_the_parameters_of_the_first(db: Database, claim: Claim) -> None:
    record_parameters(db, claim, _internal({"dropout": 0.25}, _SPACE))
    record_parameters(db, claim, _internal({"dropout": 0.5, "width": 32}, _SPACE))
    assert db.optuna.get_trial(claim.trial_id).params == {"dropout": 0.25, "width": 32}


def test_parameters_are_one_transaction_of_few_statements_however_long_the_study(
    db: Database, study: StudyRecord, worker_id: str
) -> None:
    counts = []
    for _ in range(4):
        claim = _claim(db, study, worker_id)
        statements: list[str] = []
        listener = lambda *call, log=statements: log.append(call[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        record_parameters(db, claim, _internal(dict(_VALUES), _SPACE))
        event.remove(db.engine, "before_cursor_execute", listener)
        counts.append(len(statements))
    assert len(set(counts[1:])) == 1
    assert counts[-1] <= 8


@pytest.mark.parametrize(
    "changed",
    [
        {"dropout": IntDistribution(0, 1)},
        {"l2": FloatDistribution(1e-6, 1e-1)},
        {"activation": CategoricalDistribution(("relu", "tanh", None))},
    ],
)
def test_parameter_that_changes_its_kind_is_refused_and_none_is_written(
    db: Database,
    study: StudyRecord,
    worker_id: str,
    claim: Claim,
    changed: dict[str, BaseDistribution],
) -> None:
    record_parameters(db, claim, _internal(dict(_VALUES), _SPACE))
    second = _claim(db, study, worker_id)
    (name,) = changed
    value = {"dropout": 1, "l2": 1e-3, "activation": "relu"}[name]
    parameters = _internal({"width": 32}, _SPACE) | _internal({name: value}, changed)
    with pytest.raises(IncompatibleParameterError, match=f"The parameter '{name}' must keep"):
        record_parameters(db, second, parameters)
    assert db.optuna.get_trial(second.trial_id).params == {}


def test_parameter_that_the_first_trial_lacks_is_compared_too(
    db: Database, study: StudyRecord, worker_id: str, claim: Claim
) -> None:
    record_parameters(db, claim, _internal({"width": 32}, _SPACE))
    record_parameters(db, _claim(db, study, worker_id), _internal({"dropout": 0.5}, _SPACE))
    third = _claim(db, study, worker_id)
    with pytest.raises(IncompatibleParameterError):
        record_parameters(db, third, _internal({"dropout": 1}, {"dropout": IntDistribution(0, 1)}))


def test_range_may_change_as_optuna_allows(
    db: Database, study: StudyRecord, worker_id: str, claim: Claim
) -> None:
    record_parameters(db, claim, _internal({"dropout": 0.5}, _SPACE))
    wider: dict[str, BaseDistribution] = {"dropout": FloatDistribution(0.0, 0.9)}
    second = _claim(db, study, worker_id)
    record_parameters(db, second, _internal({"dropout": 0.8}, wider))
    assert db.optuna.get_trial(second.trial_id).params == {"dropout": 0.8}


def test_finished_trial_takes_no_parameters(db: Database, claim: Claim) -> None:
    db.optuna.set_trial_state_values(claim.trial_id, optuna.trial.TrialState.COMPLETE, [0.5])
    with pytest.raises(ClaimLostError):
        record_parameters(db, claim, _internal({"dropout": 0.5}, _SPACE))
