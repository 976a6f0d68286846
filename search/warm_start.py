"""The best trials of another study, for a new one to begin with."""

from typing import Any

from optuna.trial import TrialState

from search.errors import SettingError
from search.space import Space, nearest
from search.winner import ranked
from storage.database import Database
from storage.studies import load_study

WARM_TRIALS = 5


def warm_trials(db: Database, name: str, space: Space) -> list[dict[str, Any]]:
    """Return the parameters of a study's best trials, as near as the space has them.

    The study may be one of other data, or with another space: what the space lacks is left out, and
    what the other lacked is as in the plain network.

    Args:
        db: where the study is.
        name: its name.
        space: that of the new study.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
        SettingError: none of its trials is complete.
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
        params = nearest(space, trial.params)
        if params not in found and len(found) < WARM_TRIALS:
            found.append(params)
    return found
