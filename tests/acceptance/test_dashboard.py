"""A real browser reads the dashboard's page, where it is let in, and changes what it may."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Folder, Whole
    from playwright.sync_api import Browser, Page, Request

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
def _dashboard(folder: "Folder", *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    process = folder.start("dashboard", "--port", "0", *arguments)
    assert process.stderr is not None
    line = process.stderr.readline()
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+\S*", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def browser(chromium: str) -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=list(FLAGS)) as browser,
    ):
        yield browser


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A page of a browser that has no cookies yet."""
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def drawn(
    whole: "Whole", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple["Folder", str]]:
    """A dashboard of a study whose best trial was drawn, and of whose trials one collapsed."""
    folder = whole.folder.copy(tmp_path_factory.mktemp("drawn") / "copy")
    best = whole.document["best"]["number"]
    done = folder.run("show", "rooks", "--trial", str(best), "--pictures")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("Drew roc_curve.png, confusion_matrix.png and learning_curve.png")
    folder.query(
        "UPDATE trial_user_attributes SET value_json = '\"collapsed\"' WHERE key = 'verdict' "
        "AND trial_id = (SELECT trial_id FROM trials WHERE number = ?)",
        (best + 1) % 12,
    )
    with _dashboard(folder) as (_, address):
        yield folder, address


@pytest.fixture(scope="module")
def link(whole: "Whole") -> Iterator[str]:
    """What a read-only dashboard prints that others on the network can reach."""
    with _dashboard(whole.folder, "--host", "0.0.0.0", "--read-only") as (_, link):
        yield link


def test_browser_shows_the_best_trial_and_keeps_a_note(
    whole: "Whole", page: "Page", tmp_path: Path
) -> None:
    best = whole.document["best"]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error.message))
    folder = whole.folder.copy(tmp_path / "copy")
    with _dashboard(folder) as (_, address):
        page.goto(address)
        page.get_by_text("rooks").first.click()
        page.get_by_text(f"Best Trial (number={best['number']})").wait_for(timeout=30_000)
        assert str(best["value"]) in page.inner_text("body")
        assert page.url == f"{address}/dashboard/studies/1"
        page.goto(f"{address}/dashboard/studies/1/note")
        _write_note(page, "promising")
        page.get_by_text("Success to save the note").wait_for()
    assert said == []
    assert "promising" in str(folder.query("SELECT value_json FROM study_system_attributes"))


def test_browser_shows_what_became_of_the_study_and_of_a_trial(
    whole: "Whole", drawn: tuple["Folder", str], page: "Page"
) -> None:
    number = whole.document["best"]["number"]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error.message))
    folder, address = drawn
    study = f"{address}/dashboard/studies/1"
    page.goto(study)
    for title in ("Learning curves of the best trials", f"ROC of the best trial ({number})"):
        page.get_by_text(title).wait_for(timeout=30_000)

    page.goto(f"{study}/note")
    page.get_by_role("heading", name="rooks", exact=True).wait_for(timeout=30_000)
    note = page.inner_text("body")
    for text in ("finished: 12 of 12 trials", "healthy", "dampen resume rooks"):
        assert text in note

    page.goto(f"{study}/trials?numbers={number}")
    page.get_by_text("called benign").wait_for(timeout=30_000)
    figures = folder.json("show", "rooks", "--trial", str(number))
    note = page.inner_text("body")
    assert f"{figures['verdict']}: {figures['evidence']}" in note
    (tn, fp), (fn, tp) = figures["metrics"]["confusion_matrix"]
    rows = [row.inner_text().split() for row in page.get_by_role("row").all()]
    assert ["truly", "malignant", str(tn), str(fp)] in rows
    assert ["truly", "benign", str(fn), str(tp)] in rows
    for name in ("roc_curve.png", "confusion_matrix.png", "learning_curve.png"):
        picture = page.get_by_alt_text(name)
        picture.wait_for()
        assert picture.evaluate("image => image.complete && image.naturalWidth") > 300
    page.get_by_label("show artifact table").click()
    page.get_by_role("columnheader", name="validation_roc_auc").wait_for()
    assert said == []


def test_browser_filters_trials_by_verdict(drawn: tuple["Folder", str], page: "Page") -> None:
    _, address = drawn
    page.goto(f"{address}/dashboard/studies/1/smartSelection")
    heading = page.get_by_role("columnheader", name="UserAttribute verdict")
    heading.wait_for(timeout=30_000)
    assert page.get_by_role("cell", name="collapsed").count() == 1
    assert page.get_by_role("cell", name="healthy").count() > 1
    heading.get_by_role("button").nth(1).click()
    page.get_by_role("menuitem", name="healthy").click()
    page.keyboard.press("Escape")
    page.get_by_role("cell", name="healthy").first.wait_for(state="detached")
    assert page.get_by_role("cell", name="collapsed").count() == 1


def test_browser_without_the_token_reads_what_to_do(link: str, page: "Page") -> None:
    address, _, _ = link.partition("/?")
    for path in ("", "/dashboard/studies/1", "/static/bundle.js", "/?token=wrong"):
        answer = page.goto(address + path)
        assert answer is not None
        assert answer.status == 401
        assert page.inner_text("body").strip() == (
            "This dashboard must be opened with its token: by the link that `dampen dashboard` "
            "printed, or by adding /?token=TOKEN to the address."
        )


def test_link_lets_the_browser_in_and_leaves_no_token_behind(link: str, page: "Page") -> None:
    address, _, token = link.partition("/?token=")
    assert len(token) >= 40
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    # As in a mail or a chat: this address is another site, which a strict cookie notices.
    elsewhere = address.replace("127.0.0.1", "localhost")
    page.goto(f"{elsewhere}/dashboard")
    page.evaluate("href => document.body.innerHTML = `<a href='${href}'>link</a>`", link)
    page.get_by_text("link").click()
    page.get_by_text("rooks").first.wait_for(timeout=30_000)
    assert page.url.startswith(f"{address}/dashboard")
    assert page.evaluate("document.cookie + document.referrer") == ""
    assert [token in request.url for request in asked].count(True) == 1
    assert not any(token in str(request.all_headers()) for request in asked)
    page.reload()
    page.get_by_text("rooks").first.wait_for(timeout=30_000)


def test_read_only_dashboard_says_so_when_a_change_is_tried(
    whole: "Whole", link: str, page: "Page"
) -> None:
    page.goto(link)
    page.get_by_text("rooks").first.wait_for(timeout=30_000)
    page.goto(f"{link.partition('/?')[0]}/dashboard/studies/1/note")
    _write_note(page, "refuted")
    page.get_by_text(
        "Failed: This dashboard is read-only; start it without --read-only to change anything."
    ).wait_for()
    stored = whole.folder.query("SELECT value_json FROM study_system_attributes")
    assert "refuted" not in str(stored)


def _write_note(page: "Page", text: str) -> None:
    page.get_by_role("heading", name="Note").wait_for(timeout=30_000)
    page.locator("button:has([data-testid=EditIcon])").click()
    page.get_by_role("textbox").fill(text)
    page.get_by_role("button", name="Save").click()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "stop"])
def test_signal_ends_the_dashboard_quietly(whole: "Whole", number: signal.Signals) -> None:
    with _dashboard(whole.folder) as (process, _):
        process.send_signal(number)
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
