"""`kill -9` of a worker, at moments of all kinds.

Some moments come by chance, some are looked for: a process that has just started, a worker that has
just registered, a trial that has just been claimed, one that trains, one whose file is being
written. The victim is stopped first, so that where it stood can be read, and then killed there.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from .place import STUDY, Command, Place, wait_for
from .whole import check_whole

TRIALS = 60
WORKERS = 2
SECONDS_TO_FIND = 20.0  # a moment that does not come by then is left to chance
SECONDS_TO_START = 6.0  # of a worker, before it registers

Victim = psutil.Process | None
Moment = Callable[[Place, random.Random], Victim]


def kill_of_a_worker(place: Place) -> None:
    """25 times, which with both databases makes 50; the search is resumed when it gives up."""
    source = random.Random(place.database)
    moments: list[Moment] = [_starting] * 11 + [_by_chance] * 5 + [_registered]
    moments += [_claimed] * 3 + [_training] * 2 + [_writing] * 3
    source.shuffle(moments)
    search = place.launch(trials=TRIALS, workers=WORKERS)
    stood: Counter[str] = Counter()
    for moment in moments:
        where = None
        while where is None:
            search = _going_on(place, search)
            where = _kill(place, moment(place, source) or _by_chance(place, source))
        stood[where] += 1
    while search.end() != 0:
        search = _going_on(place, search)
    kinds = ", ".join(f"{count} {where}" for where, count in sorted(stood.items()))
    place.note = f"killed {kinds}; {len(place.started) - 1} resumes"
    assert stood.keys() >= {"starting", "claimed", "training", "writing"}, stood
    check_whole(place, place.planned())


def _going_on(place: Place, search: Command) -> Command:
    """The search; resumed if it gave up, with a larger budget if it came to its end."""
    if search.running:
        return search
    if search.end() == 0:
        return place.start("resume", STUDY, "--trials", str(place.planned() + TRIALS // 4))
    assert "workers in a row ended before they finished a trial" in search.stderr, search.stderr
    return place.start("resume")


def _kill(place: Place, victim: Victim) -> str | None:
    """Kills the process, and returns where it stood; None where there was none to kill."""
    if victim is None:
        return None
    with suppress(psutil.NoSuchProcess):
        victim.suspend()
        wait_for(lambda: victim.status() == psutil.STATUS_STOPPED, "the process to stop", pause=0)
        stood = _stand(place, victim)
        place.expect_fault()
        victim.kill()
        return stood
    return None


def _stand(place: Place, victim: psutil.Process) -> str:
    if victim.pid not in _pids(place, "SELECT pid FROM dampen_workers"):
        return "starting"
    if victim.pid not in _pids(place, _HOLDERS.format("1 = 1")):
        return "between trials"
    if victim.pid in _pids(place, _HOLDERS.format(f"NOT {_DRAWN}")):
        return "claimed"
    recorded = victim.pid in _pids(place, _HOLDERS.format(_RECORDED))
    return "writing" if recorded or _writes(place, victim) else "training"


# Moments: each returns the process to kill, or None where it did not come in time

_HOLDERS = (
    "SELECT w.pid FROM trials t JOIN dampen_trials d ON d.trial_id = t.trial_id "
    "JOIN dampen_workers w ON w.worker_id = d.worker_id WHERE t.state = 'RUNNING' AND {}"
)
_DRAWN = "EXISTS (SELECT 1 FROM trial_params p WHERE p.trial_id = t.trial_id)"
_RECORDED = (
    "EXISTS (SELECT 1 FROM trial_system_attributes a WHERE a.trial_id = t.trial_id "
    "AND a.key LIKE 'artifacts:%')"
)


def _by_chance(place: Place, source: random.Random) -> Victim:
    time.sleep(source.uniform(0, 3))
    workers = place.workers()
    return source.choice(workers) if workers else None


def _starting(place: Place, source: random.Random) -> Victim:
    """A process that has just begun, some seconds later."""
    # By who was there before: a process's own time of birth is off where the clock was set since.
    before = {worker.pid for worker in place.workers()}

    def begun() -> Iterable[psutil.Process]:
        return [worker for worker in place.workers() if worker.pid not in before]

    found = _look(place, begun, pause=0.1)  # every process of the machine is looked at
    time.sleep(source.uniform(0, SECONDS_TO_START))
    return found


def _registered(place: Place, source: random.Random) -> Victim:
    before = _pids(place, "SELECT pid FROM dampen_workers")
    return _look(place, lambda: _living(_pids(place, "SELECT pid FROM dampen_workers") - before))


def _claimed(place: Place, source: random.Random) -> Victim:
    return _look(place, lambda: _living(_pids(place, _HOLDERS.format(f"NOT {_DRAWN}"))))


def _training(place: Place, source: random.Random) -> Victim:
    return _look(place, lambda: _living(_pids(place, _HOLDERS.format(_DRAWN))))


def _writing(place: Place, source: random.Random) -> Victim:
    workers = place.workers()

    def writers() -> Iterable[psutil.Process]:
        there = any(".partial" in name for name in os.listdir(place.artifacts))
        return (worker for worker in workers if there and _writes(place, worker))

    return _look(place, writers, pause=0.0005)


def _look(
    place: Place, find: Callable[[], Iterable[psutil.Process]], *, pause: float = 0.002
) -> Victim:
    """The first process that is found before time is up, or the search ends."""
    deadline = time.monotonic() + SECONDS_TO_FIND
    while time.monotonic() < deadline and place.started[-1].running:
        with suppress(psutil.NoSuchProcess):
            for process in find():
                return process
        time.sleep(pause)
    return None


def _living(pids: Iterable[int]) -> Iterable[psutil.Process]:
    return (psutil.Process(pid) for pid in pids if psutil.pid_exists(pid))


def _pids(place: Place, statement: str) -> set[int]:
    return {pid for (pid,) in place.query(statement)}


def _writes(place: Place, worker: psutil.Process) -> bool:
    """Whether the process has a file of the artifact folder open, or the folder itself."""
    descriptors = f"/proc/{worker.pid}/fd"
    with suppress(FileNotFoundError, ProcessLookupError):
        for name in os.listdir(descriptors):
            with suppress(FileNotFoundError):
                opened = Path(os.readlink(f"{descriptors}/{name}"))
                if place.artifacts in (opened, opened.parent):  # not the prepared data below it
                    return True
    return False
