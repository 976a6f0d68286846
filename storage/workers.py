"""Who is at work: worker processes, their beats, and when one counts as dead.

A process on this machine is looked up: its worker is alive while it is there (a number that was
given to another process since does not count), whatever its beats say, since a laptop that slept
must not find its workers dead. A worker on another machine, or one that was suspended, is known by
its beats: it says, when it registers, after how long a silence it may be taken for dead. Ages are
differences of the database's own clock, and leave out the time for which the server was down.

Next: `resume.py` for what becomes of a dead worker's trials.
"""

import os
import secrets
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.database import Database, writing
from storage.errors import StudyNotFoundError, WorkerUnknownError
from storage.schema import database_started, own_workers, utc_now

SECONDS_BETWEEN_BEATS = 10.0
_MISSED_BEATS = 6  # and a worker counts as dead
# Two reads of the boot time may differ by a second while the clock is being corrected.
_START_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class WorkerRecord:
    """A worker process as the database knows it."""

    worker_id: str
    study_id: int
    host: str
    pid: int
    started_at: datetime  # aware, UTC, by the database's clock, as the two below
    beat_at: datetime
    ended_at: datetime | None
    lost_because: str | None  # why it was taken for dead; None when it left by itself
    why_dead: str | None  # None while the worker counts as alive
    seconds: float  # from its start to its end, or to now


def register_worker(
    db: Database, study_id: int, *, seconds_between_beats: float = SECONDS_BETWEEN_BEATS
) -> str:
    """Registers this process as a worker of the study and returns its name, `host:pid:random`.

    Args:
        seconds_between_beats: how often the worker is going to call `beat`; after six times as
            long without a beat it counts as dead.

    Raises:
        StudyNotFoundError: there is no study of that number.
    """
    host, pid = socket.gethostname(), os.getpid()
    worker_id = f"{host}:{pid}:{secrets.token_hex(4)}"
    row = insert(own_workers).values(
        worker_id=worker_id,
        study_id=study_id,
        host=host,
        machine=_machine(),
        pid=pid,
        process_started=_seconds_from_boot_to_start(pid) or 0.0,
        started_at=utc_now(),
        beat_at=utc_now(),
        stale_after_seconds=_MISSED_BEATS * seconds_between_beats,
    )
    try:
        with writing(db) as connection:
            connection.execute(row)
    except IntegrityError:
        raise StudyNotFoundError(
            f"A worker must join a study of this storage; number {study_id} is not there. "
            "`dampen studies` lists what is."
        ) from None
    return worker_id


def beat(db: Database, worker_id: str) -> None:
    """Says that the worker is alive, even if another process took it for dead meanwhile.

    Raises:
        WorkerUnknownError: the study, and the worker with it, was deleted.
    """
    with writing(db) as connection:
        mark_alive(connection, worker_id)


def end_worker(db: Database, worker_id: str) -> None:
    """Says that the worker has left; a trial it still holds is free for others at once."""
    with writing(db) as connection:
        mark_ended(connection, worker_id)


def mark_alive(connection: Connection, worker_id: str) -> None:
    """As `beat`, within a transaction."""
    changed = connection.execute(
        update(own_workers)
        .where(own_workers.c.worker_id == worker_id)
        .values(beat_at=utc_now(), ended_at=None, lost_because=None)
    )
    if changed.rowcount == 0:
        raise WorkerUnknownError(
            f"The worker {worker_id} must be registered; it is not. Its study was deleted."
        )


def mark_ended(connection: Connection, worker_id: str, *, lost_because: str | None = None) -> None:
    """As `end_worker`, within a transaction; the first end counts."""
    connection.execute(
        update(own_workers)
        .where(own_workers.c.worker_id == worker_id, own_workers.c.ended_at.is_(None))
        .values(ended_at=utc_now(), lost_because=lost_because)
    )


def list_workers(connection: Connection, study_id: int | None = None) -> list[WorkerRecord]:
    """Returns the workers of one study, or of all, in the order in which they came."""
    query = select(
        own_workers, utc_now().label("now"), database_started().label("database_started")
    ).order_by(own_workers.c.started_at, own_workers.c.worker_id)
    if study_id is not None:
        query = query.where(own_workers.c.study_id == study_id)
    machine = _machine()
    return [_record(row, machine) for row in connection.execute(query)]


def _record(row: Any, machine: str) -> WorkerRecord:
    return WorkerRecord(
        worker_id=row.worker_id,
        study_id=row.study_id,
        host=row.host,
        pid=row.pid,
        started_at=row.started_at.replace(tzinfo=UTC),
        beat_at=row.beat_at.replace(tzinfo=UTC),
        ended_at=row.ended_at.replace(tzinfo=UTC) if row.ended_at else None,
        lost_because=row.lost_because,
        why_dead=_why_dead(row, machine),
        seconds=((row.ended_at or row.now) - row.started_at).total_seconds(),
    )


def _why_dead(row: Any, machine: str) -> str | None:
    if row.ended_at is not None:
        return row.lost_because or "it has ended"
    if row.machine == machine:
        gone = _why_gone(row.pid, row.process_started)
        if gone or not _is_suspended(row.pid):
            return gone
    heard_of = max(row.beat_at, row.database_started or row.beat_at)
    silent = (row.now - heard_of).total_seconds()
    if silent > row.stale_after_seconds:
        return f"it gave no sign of life for {silent:.0f} s"
    return None


def _why_gone(pid: int, process_started: float) -> str | None:
    started = _seconds_from_boot_to_start(pid)
    if started is None:
        return f"process {pid} is gone"
    if abs(started - process_started) > _START_TOLERANCE_SECONDS:
        return f"process {pid} is another program now"
    return None


def _is_suspended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False  # it ended just now: the next look finds it gone


def _machine() -> str:
    """Names the realm within which a process number means one process until the next boot.

    Two containers may share a host's name, and a rebooted host keeps it, so the name alone would
    take living workers for dead.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        return f"{socket.gethostname()}/{uuid.getnode():x}"
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _seconds_from_boot_to_start(pid: int) -> float | None:
    """When the process started; None when it is gone, or dead and not yet collected.

    Counted from the boot, since psutil's absolute start times move when the clock is set.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None
