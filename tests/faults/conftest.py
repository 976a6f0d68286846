"""Runs the scenarios in two lanes, one for each database, since a lane keeps a core busy.

A lane runs its scenarios one after the other, so that one may stop the database's server without
disturbing another. Next: `test_faults.py` lists them.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("tests.faults.place", "tests.faults.whole")

from .figures import Figures, table  # noqa: E402, rewritten from here on
from .place import Place  # noqa: E402

if TYPE_CHECKING:
    from postgresql import Server

Scenario = Callable[[Place], None]
_rows: dict[tuple[str, str], Figures | None] = {}  # of the table at the end
_notes: list[str] = []  # below it


@pytest.fixture(scope="session", autouse=True)
def _heed_ctrl_c() -> None:
    """A test runner in the background ignores Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def lanes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Mapping[str, Future[None]]]":
    """What becomes of each selected test, by its id."""
    chosen = [item for item in request.session.items if "lanes" in item.fixturenames]
    databases = dict.fromkeys(item.callspec.params["database"] for item in chosen)
    servers = {name: _server(request) for name in databases if name == "PostgreSQL"}
    pools = {name: ThreadPoolExecutor(max_workers=1) for name in databases}
    places: list[Place] = []
    futures: dict[str, Future[None]] = {}
    for item in chosen:
        scenario, database = item.callspec.params["scenario"], item.callspec.params["database"]
        _rows[scenario.__name__.replace("_", " "), database] = None
        place = _place(tmp_path_factory.mktemp(scenario.__name__), servers.get(database))
        places.append(place)
        futures[item.nodeid] = pools[database].submit(_run, scenario, place)
    yield futures
    for future in futures.values():
        future.cancel()
    for place in places:
        place.end_all()
    for pool in pools.values():
        pool.shutdown()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _rows:
        terminalreporter.section("what the faults did")
        for line in [*table(_rows), *_notes]:
            terminalreporter.write_line(line)


def _server(request: pytest.FixtureRequest) -> "Server | str":
    """The server, or why there is none: the other lane does without."""
    try:
        server: Server = request.getfixturevalue("postgresql")
    except pytest.skip.Exception as skipped:
        return str(skipped)
    return server


def _place(folder: Path, server: "Server | str | None") -> Place:
    for name in ("here", "logs"):
        (folder / name).mkdir()
    return Place(path=folder / "here", logs=folder / "logs", server=server)


def _run(scenario: Scenario, place: Place) -> None:
    if isinstance(place.server, str):
        pytest.skip(place.server)
    if place.server is not None:
        place.url = place.server.create_database()
    name = scenario.__name__.replace("_", " ")
    try:
        scenario(place)
    finally:
        _rows[name, place.database] = place.figures
        if place.note:
            _notes.append(f"{name}, {place.database}: {place.note}")
        place.end_all()
