"""A real browser reads the best trial's value on the dashboard's page."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Folder, Whole

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    reason = f"no browser: none of {', '.join(NAMES)} is installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _dashboard(folder: "Folder") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    process = folder.start("dashboard", "--port", "0")
    assert process.stderr is not None
    line = process.stderr.readline()
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_browser_shows_the_best_trial(
    whole: "Whole", chromium: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright

    best = whole.document["best"]
    with (
        _dashboard(whole.folder) as (_, address),
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=list(FLAGS)) as browser,
    ):
        page = browser.new_page()
        page.goto(address)
        page.get_by_text("rooks").first.click()
        page.get_by_text(f"Best Trial (number={best['number']})").wait_for(timeout=30_000)
        assert str(best["value"]) in page.inner_text("body")
        assert page.url.endswith("/studies/1")


def test_ctrl_c_ends_the_dashboard_quietly(whole: "Whole") -> None:
    with _dashboard(whole.folder) as (process, _):
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
        assert (process.returncode, stdout, stderr) == (0, "", "")


def test_busy_port_is_an_error_that_names_a_free_one(whole: "Whole") -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        began = time.monotonic()
        done = whole.folder.run("dashboard", "--port", str(port))
    assert time.monotonic() - began < 20
    assert (done.returncode, done.stdout) == (2, "")
    found = re.fullmatch(
        rf"dampen: Port {port} is busy; (\d+) is free: dampen dashboard --port \1\n", done.stderr
    )
    assert found, done.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(found[1])))
