"""A search dies: launcher and workers at once, as in a power cut, or the launcher alone.

What dies at once is stopped first, launcher before workers, so that none sees another die and
tidies up after it. Next: `stopped.py` for searches that are asked to leave.
"""

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from .joined import await_work, join, trials_of
from .place import STUDY, Place, wait_for
from .whole import check_whole

TRIALS = 20
TRIALS_WITH_ANOTHER = 36  # more, since some are run before it has come


def kill_of_everything_then_two_resumes_at_once(place: Place) -> None:
    """Killed as it starts, as a trial begins, and in the middle; two shells resume it together."""
    source = random.Random(place.database)
    moments: list[tuple[Callable[[], object], float]] = [
        (lambda: place.query("SELECT 1 FROM dampen_studies"), 6.0),
        (lambda: any(trial.state == "RUNNING" for trial in place.trials()), 0.2),
        (lambda: place.n_finished() >= 5, 0.5),
    ]
    search = place.launch(trials=TRIALS, workers=2)
    for ripe, seconds in moments:
        if place.faults:
            search = place.start("resume")
        wait_for(ripe, "the moment", pause=0.002)
        time.sleep(source.uniform(0, seconds))
        _kill_everything(place)
        assert search.end() == -signal.SIGKILL
    resumes = [place.start("resume", STUDY, "--workers", "1") for _ in range(2)]
    for resume in resumes:
        resume.succeed()
    check_whole(place, TRIALS)


def kill_of_the_launcher_leaves_the_worker(place: Place) -> None:
    """A worker that joined does not hang on the launcher, and finishes the study alone."""
    search = place.launch(trials=TRIALS_WITH_ANOTHER, workers=1)
    joined = join(place)
    await_work(place, joined)
    place.expect_fault()
    search.process.kill()
    left = sum(not trial.finished for trial in place.trials())
    joined.succeed()
    check_whole(place, TRIALS_WITH_ANOTHER)
    assert len(trials_of(place, joined)) > left, "it did not go on alone"


def _kill_everything(place: Place) -> None:
    found = sorted(place.processes(), key=lambda process: process.create_time())
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    found += [process for process in place.processes() if process not in found]
    place.expect_fault()
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for(lambda: not place.processes(), "the processes to be gone")
