"""Files of trials that are finished: pictures, which are drawn when somebody wants to see them.

Optuna takes nothing more for a finished trial, and remembers it as it was. So these are recorded
with the study, as older dashboards did: optuna-dashboard reads that too, and anew each time, so
that a page that is open shows them. Next: `recorded.py` knows both places.
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from storage.artifacts import stored_files
from storage.claims import hold_study
from storage.database import Database, reading, writing
from storage.place import Content
from storage.schema import study_system_attributes


def attach_files(
    db: Database, study_id: int, trial_id: int, contents: Mapping[str, Content]
) -> None:
    """Keeps files with a finished trial; those of the same names are replaced.

    Args:
        contents: as for `storage.artifacts.stored_files`.

    Raises:
        ArtifactError: as for `storage.artifacts.stored_files`; nothing was kept.
        StudyNotFoundError: the study was deleted; nothing was kept.
    """
    with stored_files(db, contents) as stored, writing(db) as connection:
        hold_study(connection, study_id)
        there = _attached(connection, study_id, trial_id)
        replaced = [key for key, name in there.items() if name in contents]
        _forget(connection, study_id, replaced)
        connection.execute(
            insert(study_system_attributes),
            [
                {
                    "study_id": study_id,
                    "key": _prefix(trial_id) + file.artifact_id,
                    "value_json": file.record(),
                }
                for file in stored
            ],
        )
    for key in replaced:
        db.place.remove(key.removeprefix(_prefix(trial_id)))


def attached_files(db: Database, study_id: int, trial_id: int) -> dict[str, str]:
    """Returns the identifiers of a trial's files by file name."""
    with reading(db) as connection:
        found = _attached(connection, study_id, trial_id)
    return {name: key.removeprefix(_prefix(trial_id)) for key, name in found.items()}


def _prefix(trial_id: int) -> str:
    return f"dashboard:artifacts:{trial_id}:"


def _attached(connection: Connection, study_id: int, trial_id: int) -> dict[str, str]:
    """The file names by key, those left out that were deleted in the dashboard."""
    own = study_system_attributes.c
    query = select(own.key, own.value_json).where(
        own.study_id == study_id, own.key.startswith(_prefix(trial_id), autoescape=True)
    )
    metas = {key: json.loads(json.loads(text)) for key, text in connection.execute(query)}
    return {key: str(meta["filename"]) for key, meta in metas.items() if meta}


def _forget(connection: Connection, study_id: int, keys: list[str]) -> None:
    own = study_system_attributes.c
    connection.execute(
        delete(study_system_attributes).where(own.study_id == study_id, own.key.in_(keys))
    )
