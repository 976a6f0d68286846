"""Trials with notes, served in a time that grows with their number and not with its square.

All notes of a study's trials are system attributes of the study, and optuna-dashboard 0.21 looks
through every one of them for each trial: three seconds at 2,000 trials. Here each trial is given
those that are its own, so that there is nothing to look through.
"""

import re
import threading
from collections.abc import Mapping
from typing import Any

# Of a note (`notes.py`), or of a file that is kept with the study (`attachments.py`).
_OF_A_TRIAL = re.compile(r"dashboard:(?:artifacts:)?(\d+):")


def install() -> None:
    """Lets the dashboard of this process serve trials so."""
    from optuna_dashboard import _serializer  # type: ignore[import-untyped]

    serialize = _serializer.serialize_frozen_trial
    if hasattr(serialize, "plain"):
        return
    latest = threading.local()  # of each request's thread: the attributes, and whose they are

    def serialized(study_id: int, trial: Any, attributes: Mapping[str, Any]) -> Any:
        if getattr(latest, "attributes", None) is not attributes:
            latest.attributes, latest.by_trial = attributes, by_trial(attributes)
        return serialize(study_id, trial, latest.by_trial.get(trial._trial_id, {}))

    serialized.plain = serialize  # type: ignore[attr-defined]
    _serializer.serialize_frozen_trial = serialized


def by_trial(attributes: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Returns those of a study's system attributes that are about a trial, by its identifier."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if match := _OF_A_TRIAL.match(key):
            found.setdefault(int(match[1]), {})[key] = value
    return found
