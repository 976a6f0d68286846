"""PostgreSQL goes away in the middle of a study and comes back: the same processes go on."""

import time

from .place import Command, Place
from .whole import check_whole

TRIALS = 40
SECONDS_AWAY = 20.0
SECONDS_TO_RECOVER = 3.0


def server_stops_and_starts_again(place: Place) -> None:
    """Once in good order for 20 s, once as in a crash; nobody dies, and they say that they wait."""
    assert place.server is not None
    search = place.launch(trials=TRIALS, workers=2)
    place.await_finished(5, search)
    began = _pids(place)
    _stop_for(place, "fast", SECONDS_AWAY)
    place.await_finished(12, search)
    _stop_for(place, "immediate", SECONDS_TO_RECOVER)
    place.await_finished(18, search)
    assert _pids(place) == began, "a process was replaced"
    search.succeed()
    _check_words(search)
    check_whole(place, TRIALS)
    assert len(place.query("SELECT 1 FROM dampen_workers")) == 2, "a worker was replaced"


def _stop_for(place: Place, mode: str, seconds: float) -> None:
    assert place.server is not None
    place.expect_fault()
    place.engine.dispose()
    place.server.stop(mode)
    try:
        time.sleep(seconds)
    finally:
        place.server.start()


def _pids(place: Place) -> set[int]:
    return {process.pid for process in place.processes()}


def _check_words(search: Command) -> None:
    lines = search.stderr.splitlines()
    assert any(line.startswith("The database does not answer") for line in lines), search.stderr
    assert any(line.startswith("The database answers again") for line in lines), search.stderr
    assert "Traceback" not in search.stderr
    assert "p@ss" not in search.stderr
