"""The trials that a study begins with, before anything is drawn.

First a plain network and well-tried ones (`space.first_trials`), then the best of another study
where one is named, then what was good on other tables (`portfolio.py`).
"""

from collections.abc import Mapping
from typing import Any

from optuna.trial import TrialState

from search.errors import SettingError
from search.settings import Settings
from search.spaces.portfolio import portfolio_trials
from search.spaces.space import first_trials, is_dense, nearest
from search.winner.winner import ranked
from storage.database import Database
from storage.studies import load_study

WARM_TRIALS = 5


def beginning(
    db: Database, settings: Settings, *, warm_start: str | None, portfolio: bool
) -> list[dict[str, Any]]:
    """Return the parameters of what a study begins with, each once.

    Args:
        db: where the study is to be.
        settings: of the new study.
        warm_start: a study whose best trials are among them.
        portfolio: whether what was good on other tables is; never of an objective of one's own.

    Raises:
        StudyNotFoundError, SettingError: as for `warm_trials`.
    """
    warm = warm_trials(db, warm_start, settings) if warm_start is not None else []
    if settings.objective is not None:
        return warm
    space = settings.distributions()
    found = first_trials(space)
    for params in (*warm, *(portfolio_trials(space) if portfolio else ())):
        if params not in found:
            found.append(params)
    return found


def warm_trials(db: Database, name: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the parameters of a study's best trials, as near as a new study has them.

    The study may be one of other data, or with another space: what the space lacks is left out, and
    what the other lacked is as in the plain network.

    Args:
        db: where the study is.
        name: its name.
        settings: of the new study.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
        SettingError: none of its trials is complete, or its objective is of another kind.
    """
    record = load_study(db, name)
    complete = db.optuna.get_all_trials(
        record.study_id, deepcopy=False, states=(TrialState.COMPLETE,)
    )
    if not complete:
        raise SettingError(
            f"--warm-start must be a study with complete trials; `{name}` has none yet. "
            f"`dampen resume {name}` goes on with it."
        )
    found: list[dict[str, Any]] = []
    for trial in ranked(complete):
        params = _translated(trial.params, name, settings)
        if params not in found and len(found) < WARM_TRIALS:
            found.append(params)
    return found


def _translated(params: Mapping[str, Any], name: str, settings: Settings) -> dict[str, Any]:
    if is_dense(params) != (settings.objective is None):
        raise SettingError(
            f"--warm-start must be a study whose trials can be tried here; those of `{name}` "
            f"belong to {'the networks of a space' if is_dense(params) else 'its own objective'}. "
            "Leave it out."
        )
    return (
        dict(params)
        if settings.objective is not None
        else nearest(settings.distributions(), params)
    )
