"""What a trial is made of: all its parameters in one transaction, in Optuna's own tables.

Optuna writes each suggested parameter in a transaction of its own; a trial of a dozen would spend
longer on that than on claiming, storing and telling together. Next: `evaluations.py`.
"""

from collections.abc import Iterable, Mapping

from optuna.distributions import (
    BaseDistribution,
    check_distribution_compatibility,
    json_to_distribution,
)
from sqlalchemy import Connection, insert, select

from storage.claims import Claim, check_claim
from storage.database import Database, writing
from storage.errors import IncompatibleParameterError
from storage.schema import trial_params, trials


def record_parameters(
    db: Database, claim: Claim, parameters: Mapping[str, tuple[float, str]]
) -> None:
    """Writes a trial's parameters as Optuna would have, all or none.

    Args:
        parameters: name -> (internal representation, `distribution_to_json` of its distribution).
            A name that the trial has already, from an earlier attempt, keeps its value.

    Raises:
        ClaimLostError: the trial is no longer this worker's.
        IncompatibleParameterError: the study has the name with another kind of distribution.
    """
    with writing(db) as connection:
        check_claim(connection, claim)
        present = set(_distributions_of_trial(connection, claim.trial_id))
        new = {name: value for name, value in parameters.items() if name not in present}
        _check_distributions(connection, claim, new)
        if new:
            connection.execute(
                insert(trial_params),
                [
                    {
                        "trial_id": claim.trial_id,
                        "param_name": name,
                        "param_value": float(value),
                        "distribution_json": distribution,
                    }
                    for name, (value, distribution) in new.items()
                ],
            )


def _check_distributions(
    connection: Connection, claim: Claim, parameters: Mapping[str, tuple[float, str]]
) -> None:
    earlier = _earlier_distributions(connection, claim.trial_id, parameters)
    for name, text in earlier.items():
        if text == parameters[name][1]:
            continue
        old, new = json_to_distribution(text), json_to_distribution(parameters[name][1])
        _check_compatible(name, old, new)


def _check_compatible(name: str, old: BaseDistribution, new: BaseDistribution) -> None:
    try:
        check_distribution_compatibility(old, new)
    except ValueError as error:
        raise IncompatibleParameterError(
            f"The parameter {name!r} must keep its kind, its scale and its choices within a "
            f"study; it was {old} and came as {new}. Launch a new study."
        ) from error


def _earlier_distributions(
    connection: Connection, trial_id: int, names: Iterable[str]
) -> dict[str, str]:
    """One earlier record of each name in the same study, where there is one.

    The study's first trial has nearly all of them, so one query usually does; looking for every
    name in every trial would grow with the study.
    """
    study_id = connection.execute(
        select(trials.c.study_id).where(trials.c.trial_id == trial_id)
    ).scalar_one()
    first = connection.scalar(
        select(trials.c.trial_id)
        .where(trials.c.study_id == study_id)
        .order_by(trials.c.trial_id)
        .limit(1)
    )
    found = _distributions_of_trial(connection, first) if first is not None else {}
    wanted = list(names)
    for name in wanted:
        if name not in found:
            text = _any_distribution(connection, study_id, name)
            if text is not None:
                found[name] = text
    return {name: found[name] for name in wanted if name in found}


def _distributions_of_trial(connection: Connection, trial_id: int) -> dict[str, str]:
    query = select(trial_params.c.param_name, trial_params.c.distribution_json).where(
        trial_params.c.trial_id == trial_id
    )
    return dict(connection.execute(query).all())


def _any_distribution(connection: Connection, study_id: int, name: str) -> str | None:
    return connection.scalar(
        select(trial_params.c.distribution_json)
        .join_from(trials, trial_params)
        .where(trials.c.study_id == study_id, trial_params.c.param_name == name)
        .limit(1)
    )
