"""Searches and workers that are asked to leave, by SIGTERM, as a container's stop does.

Next: `crowd.py` for many processes that are left in peace.
"""

from .joined import await_work, join, trials_of
from .place import STUDY, Command, Place
from .whole import check_whole

TRIALS = 36
INTERRUPTED = 130
SECONDS_TO_LEAVE = 10.0  # the promise is 5 s on a machine that does nothing else


def sigterm_to_a_worker_and_to_the_launcher(place: Place) -> None:
    """Each gives its trials back, unharmed; a resume and another worker finish together."""
    search = place.launch(trials=TRIALS, workers=1)
    joined = join(place)
    await_work(place, joined)
    _terminate(place, joined)
    assert not any(trial.state == "RUNNING" for trial in trials_of(place, joined))
    assert search.running

    _terminate(place, search)
    assert search.stderr.splitlines()[-1] == f"To go on: dampen resume {STUDY}"
    assert not any(trial.state == "RUNNING" for trial in place.trials())
    assert not place.processes()

    search, joined = place.start("resume"), join(place)
    joined.succeed()
    search.succeed()
    check_whole(place, TRIALS)
    assert {trial.attempts for trial in place.trials()} == {1}, "an attempt was counted"


def _terminate(place: Place, command: Command) -> None:
    place.expect_fault()
    command.process.terminate()
    assert command.end(seconds=SECONDS_TO_LEAVE) == INTERRUPTED, command.stderr
    assert "Traceback" not in command.stderr
