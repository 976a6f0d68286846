"""Which files the database says there are, and which lie in their place unknown to it.

Files are recorded with trials and with studies: by this project, by Optuna, and by the dashboard,
which leaves null in the place of one that it deleted. Next: `artifacts.py` writes and reads those
of a trial; `doctor.py`, `backup.py` and `deletion.py` need them all.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, literal, or_, select

from storage.database import Database, reading
from storage.errors import ArtifactError
from storage.place import Folder, Place
from storage.schema import studies, study_system_attributes, trial_system_attributes, trials
from storage.url import ARTIFACTS_VARIABLE, database_file

# The second is how older dashboards, and `attachments.py`, record a trial's files: with its study.
_PREFIXES = ("artifacts:", "dashboard:artifacts:")
_OF_A_TRIAL = re.compile(r"dashboard:artifacts:(\d+):")
_SECONDS_TO_RECORD = 3600.0  # a file is written first: a younger one may yet be recorded


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file that the database knows of."""

    artifact_id: str
    filename: str
    study: str
    trial: int | None  # its number; None for a file of the study as a whole


@dataclass(frozen=True, kw_only=True)
class UnrecordedFile:
    """A file of ours, by its name, that the database does not know of."""

    name: str
    size: int  # bytes


def recorded_files(connection: Connection, study_id: int | None = None) -> list[RecordedFile]:
    """Returns the files of one study, or of all, also of studies made by other programs.

    Raises:
        ArtifactError: a record cannot be read.
    """
    own, studywide = trial_system_attributes.c, study_system_attributes.c
    of_trials = _select(own.key, own.value_json, trials.c.number).join_from(
        trial_system_attributes, trials
    )
    of_studies = _select(studywide.key, studywide.value_json, literal(None))
    rows: list[Any] = []
    for query in (
        of_trials.join(studies).order_by(trials.c.trial_id, own.trial_system_attribute_id),
        of_studies.join_from(study_system_attributes, studies).order_by(
            studywide.study_system_attribute_id
        ),
    ):
        if study_id is not None:
            query = query.where(studies.c.study_id == study_id)
        rows += connection.execute(query)
    numbers = _numbers(connection, [key for _, _, key, _ in rows])
    return [
        file
        for study, trial, key, value in rows
        if (file := _recorded(study, numbers.get(key, trial), key, value)) is not None
    ]


def unrecorded_files(db: Database) -> list[UnrecordedFile]:
    """Returns the files in the storage's place that a crash, or another program, left behind.

    Only those that are named as an artifact is, or as one half written, and that nobody touched
    for an hour; whatever else lies in the place is not ours.

    Raises:
        ArtifactError: the place or a record cannot be read.
    """
    found = db.place.untouched(_SECONDS_TO_RECORD)
    # Read after the place, so that what is recorded meanwhile counts as recorded.
    with reading(db) as connection:
        known = {file.artifact_id for file in recorded_files(connection)}
    return [
        UnrecordedFile(name=name, size=size) for name, size in found.items() if name not in known
    ]


def remove_files(db: Database, files: Sequence[UnrecordedFile]) -> None:
    """Removes what `unrecorded_files` returned.

    Raises:
        ArtifactError: a file cannot be removed.
    """
    for file in files:
        db.place.remove(file.name)


def may_serve_others(url: str, place: Place) -> bool:
    """Whether other storages than that of a resolved URL may keep files in its place."""
    if not isinstance(place, Folder) or os.environ.get(ARTIFACTS_VARIABLE):
        return True
    if database_file(url) is None:
        return True
    base = place.path.with_suffix("")  # `dampen` and `dampen.db` have one folder
    return base.is_file() and base.with_name(f"{base.name}.db").is_file()


def _select(key: Column[Any], value_json: Column[Any], number: Any) -> Select[Any]:
    return select(studies.c.study_name, number, key, value_json).where(
        or_(*(key.startswith(prefix, autoescape=True) for prefix in _PREFIXES))
    )


def _numbers(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """The numbers of the trials whose files are recorded with their study, by key."""
    identifiers = {key: int(found[1]) for key in keys if (found := _OF_A_TRIAL.match(key))}
    query = select(trials.c.trial_id, trials.c.number).where(
        trials.c.trial_id.in_(identifiers.values())
    )
    numbers = {row.trial_id: row.number for row in connection.execute(query)}
    return {key: numbers[own] for key, own in identifiers.items() if own in numbers}


def _recorded(study: str, trial: int | None, key: str, value_json: str) -> RecordedFile | None:
    try:
        # Optuna keeps a JSON text inside the JSON value.
        meta = json.loads(json.loads(value_json))
        if meta is None:
            return None
        return RecordedFile(
            artifact_id=str(meta["artifact_id"]),
            filename=str(meta["filename"]),
            study=study,
            trial=trial,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"The files of study {study!r} must be recorded as Optuna does it; {key!r} is not "
            f"({type(error).__name__}: {error}). Do not trust this database."
        ) from error
