"""When a worker counts as dead."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage.database import Database, reading
from storage.errors import StudyNotFoundError, WorkerUnknownError
from storage.schema import own_workers
from storage.studies import StudyRecord
from storage.workers import WorkerRecord, beat, end_worker, list_workers, register_worker

Query = Callable[..., list[tuple[Any, ...]]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def _worker(db: Database) -> WorkerRecord:
    with reading(db) as connection:
        (worker,) = list_workers(connection)
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


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_silent_worker_of_another_machine_is_dead_by_the_databases_clock(
    db: Database, worker_id: str, query: Query, silence: Callable[[float], None]
) -> None:
    # The same process number may be free here, or under the same host name in a container.
    query("UPDATE dampen_workers SET machine = 'elsewhere', pid = 999999999")
    silence(50)
    assert _worker(db).why_dead is None
    silence(70)
    assert _worker(db).why_dead == "it gave no sign of life for 70 s"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_worker_says_itself_how_long_it_may_be_silent(
    db: Database, study: StudyRecord, query: Query, silence: Callable[[float], None]
) -> None:
    register_worker(db, study.study_id, seconds_between_beats=1)
    query("UPDATE dampen_workers SET machine = 'elsewhere'")
    silence(5)
    assert _worker(db).why_dead is None
    silence(7)
    assert _worker(db).why_dead == "it gave no sign of life for 7 s"


def test_living_process_of_this_machine_may_be_silent_as_a_laptop_that_slept(
    db: Database, worker_id: str, silence: Callable[[float], None]
) -> None:
    silence(3600)
    assert _worker(db).why_dead is None


def test_beat_is_written_for_others_to_see(
    db: Database, worker_id: str, query: Query, silence: Callable[[float], None]
) -> None:
    silence(3600)
    beat(db, worker_id)
    ((beat_at,),) = query(select(own_workers.c.beat_at))
    assert abs(beat_at - datetime.now(UTC).replace(tzinfo=None)) < timedelta(seconds=30)


def test_worker_that_beats_is_alive_whoever_took_it_for_dead(db: Database, worker_id: str) -> None:
    end_worker(db, worker_id)
    beat(db, worker_id)
    assert _worker(db).why_dead is None


def test_process_number_given_to_another_program_does_not_count(
    db: Database, worker_id: str, query: Query
) -> None:
    query("UPDATE dampen_workers SET process_started = process_started - 100")
    assert "another program now" in str(_worker(db).why_dead)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_process_is_alive_until_it_is_killed_or_suspended_for_too_long(
    db: Database, study: StudyRecord, spawn: Spawn, silence: Callable[[float], None]
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
    silence(70)
    assert _worker(db).why_dead is None
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert _worker(db).why_dead == "it gave no sign of life for 70 s"
    process.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, process.pid, os.WCONTINUED | os.WNOWAIT)
    assert _worker(db).why_dead is None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not collected
    assert _worker(db).why_dead == f"process {process.pid} is gone"


def test_beat_of_a_deleted_study_is_refused(db: Database, study: StudyRecord) -> None:
    worker_id = register_worker(db, study.study_id)
    db.optuna.delete_study(study.study_id)
    with pytest.raises(WorkerUnknownError, match="study was deleted"):
        beat(db, worker_id)


def test_worker_of_a_missing_study_is_refused(db: Database, query: Query) -> None:
    with pytest.raises(StudyNotFoundError, match="number 7 is not there"):
        register_worker(db, 7)
    assert query("SELECT * FROM dampen_workers") == []
