"""Looks a storage over, and says what is wrong with it and what to type.

Nothing is repaired, and nothing is changed but for opening, which brings older tables forward, and
a few writes of what is there already; only who asks for it has files without a record removed.
Workers may be at work meanwhile.
Next: `soundness.py` for the database itself, `recorded.py` for its files, `resume.py` for what
becomes of the trials of the dead.
"""

import shlex
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from optuna.trial import TrialState
from sqlalchemy import Connection, select

from storage.database import Database, close, open_database, reading
from storage.drive import network_drive
from storage.errors import StorageError
from storage.finding import Finding, ok, problem, warning
from storage.recorded import (
    RecordedFile,
    may_serve_others,
    recorded_files,
    remove_files,
    unrecorded_files,
)
from storage.schema import own_studies, own_trials, studies, trials
from storage.soundness import (
    check_integrity,
    check_journal,
    check_latency,
    check_schema,
    check_server,
)
from storage.url import artifact_folder, database_file, redact, resolve_url
from storage.workers import list_workers

Check = Callable[[Database], Finding | list[Finding]]

_LITTLE_SPACE = 1e9  # bytes: a warning
_NO_SPACE = 1e8  # bytes: a problem
_OF_THE_DISK = {"latency", "space"}  # problems that cleaning may end


def examine(url: str | None = None, *, clean: bool = False) -> list[Finding]:
    """Returns what there is to say about a storage, in the order in which it was looked at.

    A storage that cannot be opened is a finding too.

    Args:
        url: as for `storage.url.resolve_url`.
        clean: whether to remove files without a record. Nothing is removed while the database has
            a problem: one that is damaged, or has another's folder, only seems to know nothing of
            them. Where `storage.recorded.may_serve_others`, make sure that the place does not.

    Raises:
        StorageURLError: the URL or its folder cannot be used.
    """
    resolved = resolve_url(url)
    try:
        db = open_database(resolved, create=False)
    except StorageError as error:
        return [problem("storage", str(error)), *_check_disks(resolved)]
    try:
        opened = ok("storage", f"{redact(resolved)} opens")
        found = [opened, *_check_database(db), *_check_disks(resolved)]
        wrong = {finding.check for finding in found if finding.level == "problem"}
        clean = clean and not wrong - _OF_THE_DISK
        return [*found, *_look("leftovers", partial(_check_leftovers, clean=clean), db)]
    finally:
        close(db)


def _check_database(db: Database) -> list[Finding]:
    checks: dict[str, Check] = {
        "schema": check_schema,
        "trials": _check_trials,
        "files": _check_files,
        "latency": check_latency,
    }
    if database_file(db.url) is None:
        checks = {"server": check_server, **checks}
    else:
        checks = {"integrity": check_integrity, "journal": check_journal, **checks}
    return [finding for name, check in checks.items() for finding in _look(name, check, db)]


def _look(name: str, check: Check, db: Database) -> list[Finding]:
    try:
        found = check(db)
    except StorageError as error:  # the others may still tell more
        return [problem(name, str(error))]
    return found if isinstance(found, list) else [found]


def _check_trials(db: Database) -> list[Finding]:
    with reading(db) as connection:
        orphans = _orphans(connection)
    if orphans:
        # Looked at again: a worker may have finished its trial and left since it was read.
        with reading(db) as connection:
            orphans = _orphans(connection)
    if not orphans:
        return [ok("trials", "every running trial has a worker that lives")]
    return [
        warning(
            "trials",
            f"Study {study} has {_count(reasons, 'running trial')} of dead workers.",
            f"dampen resume {shlex.quote(study)}",
            reasons,
        )
        for study, reasons in orphans.items()
    ]


def _orphans(connection: Connection) -> dict[str, list[str]]:
    """The running trials, by study, that `resume.py` would put back, and why."""
    why_dead = {worker.worker_id: worker.why_dead for worker in list_workers(connection)}
    query = (
        select(studies.c.study_name, trials.c.number, own_trials.c.worker_id)
        .join_from(own_studies, studies)
        .join(trials, trials.c.study_id == studies.c.study_id)
        .join(own_trials, own_trials.c.trial_id == trials.c.trial_id, isouter=True)
        .where(trials.c.state == TrialState.RUNNING)
        .order_by(studies.c.study_id, trials.c.number)
    )
    found: dict[str, list[str]] = {}
    for study, number, worker_id in connection.execute(query):
        reason: str | None = "none owns it"
        if worker_id is not None:
            reason = why_dead.get(worker_id, "it was never registered")
        if reason is not None:
            found.setdefault(study, []).append(f"trial {number}: {worker_id or 'worker'}, {reason}")
    return found


def _check_files(db: Database) -> Finding:
    with reading(db) as connection:
        recorded = recorded_files(connection)
    there = db.place.sizes([file.artifact_id for file in recorded])
    missing = [file for file in recorded if file.artifact_id not in there]
    if missing:
        # Looked at again: what was replaced or deleted since it was read is not missed.
        with reading(db) as connection:
            still = set(recorded_files(connection))
        missing = [file for file in missing if file in still]
    if not missing:
        return ok("files", f"{len(recorded)} recorded, and there")
    return problem(
        "files",
        f"{len(missing)} of {_count(recorded, 'recorded file')} must be in {db.place}; gone.",
        db.place.remedy,
        [_say(file) for file in missing],
    )


def _say(file: RecordedFile) -> str:
    owner = "" if file.trial is None else f"trial {file.trial} of "
    return f"{file.filename} of {owner}study {file.study}"


def _check_leftovers(db: Database, *, clean: bool) -> Finding:
    found = unrecorded_files(db)
    if not found:
        return ok("leftovers", "no file without a record")
    size = sum(file.size for file in found) / 1e6
    files = f"{_count(found, 'file')} without a record ({size:.1f} MB)"
    names = [file.name for file in found]
    if clean:
        remove_files(db, found)
        return ok("leftovers", f"removed {files} from {db.place}", names)
    whose = "another storage's, or " if may_serve_others(db.url, db.place) else ""
    return warning(
        "leftovers",
        f"{files} in {db.place}: {whose}left by a crash.",
        "dampen doctor --clean",
        names,
    )


def _check_disks(url: str) -> list[Finding]:
    file, artifacts = database_file(url), _existing(artifact_folder(url))
    if file is None:
        return [_check_space(artifacts)]
    found = [_check_drive(file), _check_space(file.parent)]
    if artifacts.stat().st_dev != file.parent.stat().st_dev:
        found.append(_check_space(artifacts))
    return found


def _check_drive(file: Path) -> Finding:
    kind = network_drive(file.parent)
    if kind is None:
        return ok("drive", "the database is on a local disk")
    return warning(
        "drive",
        f"The database is on a network drive ({kind}). Locks cannot be relied on there: two "
        "machines that write to it can damage it.",
        "Keep it on a local disk, or use PostgreSQL for workers on several machines.",
    )


def _check_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free >= _LITTLE_SPACE:
        return ok("space", f"{free / 1e9:.1f} GB free in {folder}")
    judge = warning if free >= _NO_SPACE else problem
    return judge("space", f"Only {free / 1e6:.0f} MB free in {folder}.", "Free some space.")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
