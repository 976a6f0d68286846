"""Whatever ends a search in the middle, resuming finishes it as if nothing had happened.

Every interrupted search here is the one that fixture `whole` ran in one go, or its beginning, so
that after the resume the trials must be its trials, bit for bit. The scenarios run two at a time,
each in a folder of its own, since each keeps one core busy.
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import Folder, Trial, Whole

Scenario = Callable[["Folder", "Whole"], None]

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


def kill_of_the_launcher_loses_and_repeats_nothing(folder: "Folder", whole: "Whole") -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(1, process)
    workers = _workers(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, "a worker must end when its pool is gone"
    assert "RUNNING" not in _states(folder)
    finished = _finished(folder)
    assert 1 <= len(finished) < 6

    _resume(folder, finished)
    whole.check_same(folder, 6)


def kill_of_the_launcher_and_its_workers_loses_and_repeats_nothing(
    folder: "Folder", whole: "Whole"
) -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(1, process)
    workers = _workers(process)
    for worker in workers:
        worker.suspend()  # gives nothing back before it dies
    process.kill()
    for worker in workers:
        worker.kill()
    process.communicate()
    finished = _finished(folder)
    assert 1 <= len(finished) < 6
    (line,) = folder.json("studies")
    assert line["state"] == "interrupted"

    _resume(folder, finished)
    whole.check_same(folder, 6)


def ctrl_c_stops_within_five_seconds_and_tells_how_to_go_on(
    folder: "Folder", whole: "Whole"
) -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(1, process)
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
    whole.check_same(folder, 6)


def second_ctrl_c_stops_at_once_and_leaves_the_database_sound(
    folder: "Folder", whole: "Whole"
) -> None:
    process = folder.start_search(trials=6)
    folder.wait_for_finished(1, process)
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
    whole.check_same(folder, 6)


def sigterm_does_as_ctrl_c_even_where_the_worker_is_stuck(folder: "Folder", whole: "Whole") -> None:
    process = folder.start_search("--json", trials=6)
    folder.wait_for_finished(1, process)
    (worker,) = _workers(process)
    worker.suspend()
    began = time.monotonic()
    process.terminate()
    stdout, stderr = process.communicate(timeout=20)

    assert time.monotonic() - began < 10  # 3 s for the worker, the rest of 5 s on a quiet machine
    assert process.returncode == 130
    assert '"state": "interrupted"' in stdout
    assert stderr.splitlines()[-1] == "To go on: dampen resume rooks"
    assert not worker.is_running()
    assert "RUNNING" not in _states(folder)


def budget_raised_later_draws_and_trains_what_it_would_have_in_one_go(
    folder: "Folder", whole: "Whole"
) -> None:
    # A sampler that is made anew from the study's seed draws its first parameters again.
    first = folder.start_search(trials=6)
    assert first.wait(timeout=90) == 0
    second = folder.run("resume", "rooks", "--trials", "12")
    assert second.returncode == 0, second.stderr
    whole.check_same(folder, 12)


SCENARIOS: tuple[Scenario, ...] = (
    kill_of_the_launcher_loses_and_repeats_nothing,
    kill_of_the_launcher_and_its_workers_loses_and_repeats_nothing,
    ctrl_c_stops_within_five_seconds_and_tells_how_to_go_on,
    second_ctrl_c_stops_at_once_and_leaves_the_database_sound,
    sigterm_does_as_ctrl_c_even_where_the_worker_is_stuck,
    budget_raised_later_draws_and_trains_what_it_would_have_in_one_go,
)


@pytest.fixture(scope="module")
def running(
    whole: "Whole", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Scenario, "Future[None]"]]:
    folders = [type(whole.folder)(path=tmp_path_factory.mktemp("cut")) for _ in SCENARIOS]
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = zip(SCENARIOS, folders, strict=True)
        yield {scenario: pool.submit(scenario, folder, whole) for scenario, folder in started}
    for folder in folders:
        folder.end_all()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_interruption(scenario: Scenario, running: Mapping[Scenario, "Future[None]"]) -> None:
    running[scenario].result()
