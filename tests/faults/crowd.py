"""Four workers on one SQLite file, and a browser that reloads the dashboard all the while.

Nobody may meet `database is locked`: neither a worker, nor the launcher, nor the dashboard, which
reads and, where a note is typed into it, writes.
"""

import re
import shutil
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import pytest
from playwright.sync_api import sync_playwright

from .place import Command, Place, wait_for
from .stopped import INTERRUPTED
from .whole import check_whole

TRIALS = 200
WORKERS = 4
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def four_workers_and_the_dashboard(place: Place) -> None:
    """No process is hurt: a page that is asked for counts as a fault tried."""
    search = place.launch(trials=TRIALS, workers=WORKERS)
    wait_for(lambda: place.query("SELECT 1 FROM dampen_studies"), "the study")
    dashboard = place.start("dashboard", "--port", "0")
    address = wait_for(lambda: re.search(r"http://\S+:\d+", dashboard.stderr), "its address")[0]
    with ExitStack() as stack:
        logs = _Logs(place, stack)
        statuses = _browse(place, search, address, logs)
        said = [search.stderr, dashboard.stderr, *logs.texts()]
    search.succeed()
    dashboard.process.terminate()
    assert dashboard.end() in (0, INTERRUPTED)

    assert statuses.keys() <= {200, 204, 302, 304}, statuses
    assert len(said) == WORKERS + 2
    for text in said:
        assert "locked" not in text.lower(), text
        assert "Traceback" not in text, text
    check_whole(place, TRIALS)
    assert len(place.query("SELECT 1 FROM dampen_workers")) == WORKERS, "a worker was replaced"
    assert {trial.attempts for trial in place.trials()} == {1}


def _browse(place: Place, search: Command, address: str, logs: "_Logs") -> Counter[int]:
    """Opens the study's pages one after the other, and edits its note, until the search has ended.

    Returns:
        How often the dashboard answered with which HTTP status.
    """
    statuses: Counter[int] = Counter()
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=_browser(), args=list(FLAGS)) as browser,
    ):
        page = browser.new_page()
        page.on("response", lambda response: statuses.update([response.status]))
        version = 1  # of the note that the search wrote
        while search.running:
            for view in ("", "/trials", "/analytics"):
                logs.look()
                place.expect_fault()
                with page.expect_response(lambda response: "/api/studies/1?" in response.url):
                    page.goto(f"{address}/dashboard/studies/1{view}")
            version += 1
            page.evaluate(_EDIT_NOTE, version)
    return statuses


_EDIT_NOTE = """version => fetch("/api/studies/1/note", {
    method: "PUT",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({version, body: `note ${version}`}),
})"""


def _browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return found


class _Logs:
    """What the workers say. Their pool shows it only when they fail, and then drops it."""

    def __init__(self, place: Place, stack: ExitStack) -> None:
        self._place = place
        self._stack = stack
        self._files: dict[int, IO[bytes]] = {}  # by the process that writes it

    def look(self) -> None:
        """Opens the logs of workers that are new; a file lives while somebody has it open."""
        for worker in self._place.workers():
            if worker.pid not in self._files:
                with suppress(FileNotFoundError):
                    file = Path(f"/proc/{worker.pid}/fd/2").open("rb")  # noqa: SIM115
                    self._files[worker.pid] = self._stack.enter_context(file)

    def texts(self) -> list[str]:
        return [file.read().decode() for file in self._files.values()]
