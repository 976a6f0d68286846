"""When a worker counts as dead."""

import os
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from storage.database import Database, reading
from storage.errors import StudyNotFoundError, WorkerUnknownError
from storage.studies import StudyRecord
from storage.workers import WorkerRecord, beat, end_worker, list_workers, register_worker

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def _worker(db: Database, stale_after_seconds: float = 60) -> WorkerRecord:
    with reading(db) as connection:
        (worker,) = list_workers(connection, stale_after_seconds=stale_after_seconds)
    return worker


def test_worker_is_named_for_its_host_and_process(db: Database, study: StudyRecord) -> None:
    first, second = (register_worker(db, study.study_id) for _ in range(2))
    assert first.startswith(f"{socket.gethostname()}:{os.getpid()}:")
    assert first != second


def test_this_process_is_alive(db: Database, worker_id: str) -> None:
    worker = _worker(db)
    assert worker.worker_id == worker_id
    assert worker.why_dead is None
    assert worker.ended_at is None


def test_ended_worker_is_dead_at_once(db: Database, worker_id: str) -> None:
    end_worker(db, worker_id)
    assert _worker(db).why_dead == "it has ended"


def test_silent_worker_is_dead_by_the_databases_clock(
    db: Database, worker_id: str, query: Query
) -> None:
    query("UPDATE dampen_workers SET beat_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-50 seconds')")
    assert _worker(db).why_dead is None
    assert "no sign of life for 50 s" in str(_worker(db, stale_after_seconds=40).why_dead)


def test_beat_is_written_for_others_to_see(db: Database, worker_id: str, query: Query) -> None:
    query("UPDATE dampen_workers SET beat_at = '2020-01-01 00:00:00.000'")
    beat(db, worker_id)
    ((seconds,),) = query(
        "SELECT (julianday('now') - julianday(beat_at)) * 86400 FROM dampen_workers"
    )
    assert seconds < 30


def test_worker_that_beats_is_alive_whoever_took_it_for_dead(db: Database, worker_id: str) -> None:
    end_worker(db, worker_id)
    beat(db, worker_id)
    assert _worker(db).why_dead is None


def test_process_number_given_to_another_program_does_not_count(
    db: Database, worker_id: str, query: Query
) -> None:
    query("UPDATE dampen_workers SET process_started = process_started - 100")
    assert "another program now" in str(_worker(db).why_dead)


def test_process_of_another_machine_is_known_by_its_beats_alone(
    db: Database, worker_id: str, query: Query
) -> None:
    # The same process number may be free here, or under the same host name in a container.
    query("UPDATE dampen_workers SET machine = 'elsewhere', pid = 999999999")
    assert _worker(db).why_dead is None


def test_killed_process_is_dead_before_its_parent_collects_it(
    db: Database, study: StudyRecord, spawn: Spawn
) -> None:
    process = spawn(
        "import sys\n"
        "from storage.database import open_database\n"
        "from storage.workers import register_worker\n"
        "register_worker(open_database(sys.argv[1]), int(sys.argv[2]))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n",
        db.url,
        str(study.study_id),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert _worker(db).why_dead is None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not collected
    assert f"process {process.pid} is gone" in str(_worker(db).why_dead)


def test_beat_of_a_deleted_study_is_refused(db: Database, study: StudyRecord) -> None:
    worker_id = register_worker(db, study.study_id)
    db.optuna.delete_study(study.study_id)
    with pytest.raises(WorkerUnknownError, match="study was deleted"):
        beat(db, worker_id)


def test_worker_of_a_missing_study_is_refused(db: Database, query: Query) -> None:
    with pytest.raises(StudyNotFoundError, match="number 7 is not there"):
        register_worker(db, 7)
    assert query("SELECT * FROM dampen_workers") == []
