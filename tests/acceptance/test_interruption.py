"""Whatever ends a search in the middle, resuming finishes it as if nothing had happened.

Every interrupted search here is the one that fixture `whole` ran in one go, or its beginning, so
that after the resume the trials must be its trials, bit for bit.
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from conftest import Folder, Trial

CheckSame = Callable[["Folder", int], None]

GO_ON = "To go on: "


def _workers(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _finished(folder: "Folder") -> "list[Trial]":
    return [trial for trial in folder.trials() if trial.completed is not None]


def _states(folder: "Folder") -> set[str]:
    return {trial.state for trial in folder.trials()}


def _ctrl_c(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group


def _resume(folder: "Folder", finished_before: "list[Trial]") -> None:
    """Resumes without naming the study; what was finished must come out untouched."""
    done = folder.run("resume")
    assert done.returncode == 0, done.stderr
    after = {trial.number: trial for trial in folder.trials()}
    assert [after[trial.number] for trial in finished_before] == finished_before


def _resume_as_told(folder: "Folder", stderr: str) -> None:
    """Types the command that the interrupted search printed last."""
    last = stderr.splitlines()[-1]
    assert last.startswith(GO_ON), stderr
    program, *arguments = shlex.split(last.removeprefix(GO_ON))
    assert program == "dampen"
    done = folder.run(*arguments)
    assert done.returncode == 0, done.stderr


def test_kill_of_the_launcher_loses_and_repeats_nothing(
    folder: "Folder", check_same: CheckSame
) -> None:
    process = folder.start_search(trials=12)
    folder.wait_for_finished(3, process)
    workers = _workers(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, "a worker must end when its pool is gone"
    assert "RUNNING" not in _states(folder)
    finished = _finished(folder)
    assert 3 <= len(finished) < 12

    _resume(folder, finished)
    check_same(folder, 12)


def test_kill_of_the_launcher_and_its_workers_loses_and_repeats_nothing(
    folder: "Folder", check_same: CheckSame
) -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(3, process)
    workers = _workers(process)
    for worker in workers:
        worker.suspend()  # gives nothing back before it dies
    process.kill()
    for worker in workers:
        worker.kill()
    process.communicate()
    finished = _finished(folder)
    assert 3 <= len(finished) < 6
    (line,) = folder.json("studies")
    assert line["state"] == "interrupted"

    _resume(folder, finished)
    check_same(folder, 6)


def test_ctrl_c_stops_within_five_seconds_and_tells_how_to_go_on(
    folder: "Folder", check_same: CheckSame
) -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(3, process)
    workers = _workers(process)
    began = time.monotonic()
    _ctrl_c(process)
    stdout, stderr = process.communicate(timeout=20)

    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert "rooks is interrupted" in stdout  # the summary
    assert "Traceback" not in stderr
    assert not [worker for worker in workers if worker.is_running()]
    assert "RUNNING" not in _states(folder)
    finished = _finished(folder)

    _resume_as_told(folder, stderr)
    assert _finished(folder)[: len(finished)] == finished
    check_same(folder, 6)


def test_second_ctrl_c_stops_at_once_and_leaves_the_database_sound(
    folder: "Folder", check_same: CheckSame
) -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(3, process)
    (worker,) = _workers(process)
    worker.suspend()  # a worker that does not answer: the first Ctrl-C waits for it
    _ctrl_c(process)
    time.sleep(1)
    assert process.poll() is None
    began = time.monotonic()
    _ctrl_c(process)
    _, stderr = process.communicate(timeout=20)

    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not worker.is_running()
    assert "RUNNING" not in _states(folder)
    assert folder.query("PRAGMA integrity_check") == [("ok",)]

    _resume_as_told(folder, stderr)
    check_same(folder, 6)


def test_sigterm_does_as_ctrl_c_even_where_the_worker_is_stuck(folder: "Folder") -> None:
    process = folder.start_search("--json", trials=6)
    folder.wait_for_finished(1, process)
    (worker,) = _workers(process)
    worker.suspend()
    began = time.monotonic()
    process.terminate()
    stdout, stderr = process.communicate(timeout=20)

    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert '"state": "interrupted"' in stdout
    assert stderr.splitlines()[-1] == "To go on: dampen resume rooks"
    assert not worker.is_running()
    assert "RUNNING" not in _states(folder)
