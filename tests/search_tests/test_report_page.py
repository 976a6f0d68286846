"""The page is whole by itself, says the answer first, and shows names without obeying them."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_answers import PICTURES, TITLES, made_report

from search.report.page import make_page, text

NASTY = (
    "<script>alert('1')</script> \"><img src=x onerror=alert(2)> ]]> &amp; </svg></style> \u202e$x$"
)


class _Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.names: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.names += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return make_page(made_report())


def test_answer_comes_first_then_pictures_then_how_it_was_done(page: str) -> None:
    wanted = [
        "The network of rooks is good.",
        *(f"<h2>{title}" for title in TITLES),
        "dampen resume",
    ]
    places = [page.index(each) for each in wanted]
    assert places == sorted(places)
    assert page.index("<svg") > places[0]
    assert page.count("<svg") == len(PICTURES)


def test_page_asks_for_nothing_and_forbids_what_it_could_ask_for(page: str) -> None:
    assert "default-src 'none'" in page.replace("&#x27;", "'")
    assert not re.search(r"https?:|//\w|@import|@font-face|src=", page)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert set(re.findall(r'href="(.)', page)) == {"#", "d"}
    tags = _Page(page).tags
    assert not {"script", "iframe", "object", "img", "form", "a"} & set(tags)


def test_page_is_the_same_each_time_and_ids_are_unique(page: str) -> None:
    assert make_page(made_report()) == page
    names = _Page(page).names
    assert len(names) == len(set(names))


def test_page_fits_dark_print_and_phones(page: str) -> None:
    for wanted in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert wanted in page


def test_nasty_names_are_shown_and_do_nothing(page: str) -> None:
    nasty = make_page(made_report(labels=(NASTY, f"{NASTY}2"), name=NASTY))
    found, plain = _Page(nasty), _Page(page)
    assert set(found.tags) == set(plain.tags)
    assert found.attributes == plain.attributes
    shown = NASTY.replace("\u202e", "\N{REPLACEMENT CHARACTER}")
    for of in ("target", "conclusion", "column", "command"):
        assert any(shown in each for each in found.texts), of
    assert "\u202e" not in nasty


@given(st.text())
def test_any_text_is_only_text(anything: str) -> None:
    shown = text(anything)
    found = _Page(f"<p>{shown}</p>")
    assert found.tags == ["p"]
    assert "<" not in shown
    shown.encode()


def _without(**changes: Any) -> str:
    found = made_report()
    return make_page(replace(found, answer={**found.answer, **changes}))


def test_what_a_study_lacks_is_left_out() -> None:
    found = made_report(trials=2)
    bare: dict[str, Any] = {
        "confirmed": [],
        "ensemble": None,
        "threshold": None,
        "comparisons": [],
        "curves": {},
        "near_zero": {},
        "regularisation": {},
        "models": [],
    }
    winner = {**found.answer["winner"], "confirmed": None, "standard_error": None}
    answer = {**found.answer, **bare, "winner": winner}
    figures = {**found.figures, "importances": {}, "top": [], "state": "interrupted"}
    page = make_page(replace(found, answer=answer, figures=figures, columns=[], lessons=[]))
    assert "The search is interrupted, so this answer may change" in page
    assert page.count("<svg") == 2  # history and parallel coordinates


def test_unknown_numbers_are_dashes() -> None:
    models = made_report().answer["models"]
    unknown = {"value": None, "low": None, "high": None}
    blind = [
        {**model, "test": dict.fromkeys(model["test"], unknown), "roc": [], "calibration": []}
        for model in models
    ]
    page = _without(models=blind)
    assert "not known: the 200 test rows lack a class" in page
    assert "nan" not in page.lower()
    assert ">None<" not in page


def test_page_of_many_trials_and_classes_is_below_a_megabyte_and_a_half() -> None:
    labels = tuple(f"class {i}" for i in range(20))
    assert len(make_page(made_report(labels=labels, trials=1_500)).encode()) < 1_500_000
