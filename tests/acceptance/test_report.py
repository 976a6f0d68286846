"""The report of a real search, in a real browser: whole, quiet and readable everywhere."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_answers import PICTURES, TITLES, made_report

from search.report.making import make_report

if TYPE_CHECKING:
    from conftest import Folder, Whole
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Runs the command in this process, and then says what it loaded.
SCRIPT = """
import sys
from search.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sys.modules, file=sys.stderr)
"""
# Of each picture: its width and height, and how much is drawn in it.
DRAWN = """() => [...document.querySelectorAll('svg.picture')].map(svg => {
    const box = svg.getBoundingClientRect();
    return [box.width, box.height, svg.querySelectorAll('path, use, text').length];
})"""
# Words that are cut off, or that lie outside the page, other than in what scrolls by itself.
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(element =>
    !element.closest('.scroll') && !element.closest('svg')
    && element.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(element => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def reported(whole: "Whole", tmp_path_factory: pytest.TempPathFactory) -> "Folder":
    """A copy of the search with its report, `report.html`, which looked at the test rows."""
    folder = whole.folder.copy(tmp_path_factory.mktemp("reported") / "copy")
    done = folder.run("report", "rooks", "-o", "report.html")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.splitlines()[-1] == "Wrote the report of rooks to report.html"
    return folder


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no browser: none of {', '.join(NAMES)} is installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=list(FLAGS)) as browser,
    ):
        yield browser


def _check(browser: "Browser", file: Path, *, width: int, scheme: str) -> None:
    """Asserts that a page is quiet, asks for nothing and fits its window."""
    said: list[str] = []
    asked: list[str] = []
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(error.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert (said, asked) == ([], [file.as_uri()])
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OUTSIDE) == []
        drawn = page.evaluate(DRAWN)
        assert len(drawn) == len(PICTURES)
        for wide, high, parts in drawn:
            assert 250 <= wide <= min(width, 560)
            assert high >= 80
            assert parts >= 5
        headings = [each.inner_text() for each in page.locator("h2").all()]
        assert headings == list(TITLES)
        _check_colours(page, scheme)


def _check_colours(page: "Page", scheme: str) -> None:
    """Asserts that page and pictures are light or dark together, and light on paper."""
    brightness = """selector => {
        const style = getComputedStyle(document.querySelector(selector));
        const found = selector === 'body' ? style.backgroundColor : style.fill;
        return found.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
    }"""
    text = "svg.picture text"
    dark = scheme == "dark"
    assert (page.evaluate(brightness, "body") < 60) == dark
    assert (page.evaluate(brightness, text) > 128) == dark
    page.emulate_media(media="print")
    assert page.evaluate(brightness, text) < 128


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_report_opens_quietly_and_fits_phone_and_screen_in_light_and_dark(
    browser: "Browser", reported: "Folder", width: int, scheme: str
) -> None:
    _check(browser, reported.path / "report.html", width=width, scheme=scheme)


def test_nasty_names_neither_run_nor_widen_the_page(browser: "Browser", tmp_path: Path) -> None:
    nasty = "<script>console.log('ran')</script><img src=x onerror=console.log(1)>" + "w" * 200
    found = made_report(labels=(nasty, f"{nasty}2"), name=nasty)
    file = tmp_path / "report.html"
    file.write_text(make_report(found, "html"), encoding="utf-8")
    _check(browser, file, width=390, scheme="light")


def test_every_form_tells_the_same_answer_and_only_the_first_looks_at_the_test_rows(
    reported: "Folder",
) -> None:
    process = reported.start_python("-c", SCRIPT, "report", "rooks")
    document = json.loads(reported.run("report", "rooks", "--format", "json").stdout)
    said, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert not {"tensorflow", "keras", "matplotlib"} & set(stderr.split())
    answer = document["answer"]
    assert document["figures"]["study"] == answer["study"] == "rooks"
    assert answer["looks"] == 1
    page = (reported.path / "report.html").read_text(encoding="utf-8")
    value = f"{answer['models'][0]['test']['roc_auc']['value']:.3f}"
    for form in (said, page):
        assert value in form
        assert f"trial {answer['winner']['trial']} of 12" in form
    assert said.startswith("# ")


def test_report_that_cannot_be_written_is_refused_before_the_test_rows_are_looked_at(
    whole: "Whole",
) -> None:
    done = whole.folder.run("report", "rooks", "-o", "missing/report.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "dampen: a report must go into an existing folder; `missing` is none. "
        "Make the folder, or choose another with -o.\n"
    )
    assert whole.folder.query("SELECT * FROM dampen_answers") == []
