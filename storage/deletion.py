"""Deletes a study: its rows in one transaction, and then its files.

Optuna's own deletion loads every trial with all that belongs to it, holds the write lock for half a
minute at 10,000 trials, and says nothing when another program's write undid it. So the rows are
deleted here, by a statement a table. The files come last: a crash in between leaves files without a
record, which `recorded.remove_files` removes, and never a record without its file.
Next: `recorded.py`.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.exc import IntegrityError

from storage.claims import hold_study
from storage.database import Database, reading, writing
from storage.errors import ArtifactError, StudyInUseError
from storage.recorded import recorded_files
from storage.schema import studies, trials
from storage.studies import load_study
from storage.workers import list_workers


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a study consists of."""

    name: str
    trials: int
    files: int
    size: int  # bytes of the files


def study_contents(db: Database, name: str) -> Contents:
    """Returns what `delete_study` would delete.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
    """
    study_id = load_study(db, name).study_id
    with reading(db) as connection:
        files = _files(connection, study_id)
        n_trials = _count_trials(connection, study_id)
    sizes = db.place.sizes(files)
    return Contents(name=name, trials=n_trials, files=len(sizes), size=sum(sizes.values()))


def delete_study(db: Database, name: str) -> Contents:
    """Deletes a study with its trials and their files, and returns what that was.

    Prepared data, and tables that were given as data frames, stay: other studies may need the same.
    Whoever keeps the storage open should open it anew, since Optuna remembers finished trials by
    numbers that are given away again.

    Raises:
        StudyNotFoundError: its message names the studies that are there.
        StudyInUseError: somebody is at work on the study; nothing was deleted.
        ArtifactError: the study is deleted, but for files that cannot be removed.
    """
    study_id = load_study(db, name).study_id
    try:
        with writing(db) as connection:
            hold_study(connection, study_id)  # no worker can come meanwhile
            _check_unused(connection, name, study_id)
            n_trials = _count_trials(connection, study_id)
            files = _files(connection, study_id)
            _delete_rows(connection, study_id)
            # Optuna's copy of a study shares its files.
            shared = {file.artifact_id for file in recorded_files(connection)}
    except IntegrityError as error:
        raise StudyInUseError(
            f"No program may write to a study that is deleted; one wrote to {name!r} just now. "
            "End it first; nothing was deleted."
        ) from error
    sizes = _remove(db, [each for each in files if each not in shared])
    return Contents(name=name, trials=n_trials, files=len(sizes), size=sum(sizes.values()))


def _files(connection: Connection, study_id: int) -> list[str]:
    return [file.artifact_id for file in recorded_files(connection, study_id)]


def _count_trials(connection: Connection, study_id: int) -> int:
    query = select(func.count()).select_from(trials).where(trials.c.study_id == study_id)
    return connection.scalar(query) or 0


def _check_unused(connection: Connection, name: str, study_id: int) -> None:
    alive = [worker for worker in list_workers(connection, study_id) if worker.why_dead is None]
    if alive:
        names = ", ".join(worker.worker_id for worker in alive[:3])
        more = f" and {len(alive) - 3} more" if len(alive) > 3 else ""
        raise StudyInUseError(
            f"No worker may be at work on a study that is deleted; {name!r} has {names}{more}. "
            "End the search first (Ctrl-C where it runs); one that was killed elsewhere counts as "
            "alive for a minute."
        )


def _delete_rows(connection: Connection, study_id: int) -> None:
    """Deletes from Optuna's tables, the dependent ones first; our own rows hang on theirs."""
    its_trials = select(trials.c.trial_id).where(trials.c.study_id == study_id)
    for table in reversed(studies.metadata.sorted_tables):
        if "study_id" in table.c:
            connection.execute(delete(table).where(table.c.study_id == study_id))
        elif "trial_id" in table.c:
            connection.execute(delete(table).where(table.c.trial_id.in_(its_trials)))


def _remove(db: Database, artifact_ids: list[str]) -> dict[str, int]:
    """Removes the files that are there, and returns how many bytes each had."""
    try:
        sizes = db.place.sizes(artifact_ids)
        for each in sizes:
            db.place.remove(each)
    except ArtifactError as error:
        raise ArtifactError(
            f"The study is deleted, but files of it may still be in {db.place}. {error} "
            "`dampen doctor --clean` removes what is left, after an hour."
        ) from error
    return sizes
