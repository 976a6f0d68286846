"""A report's sentences say what the numbers say, its Markdown and JSON are what they should be."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_answers import made_report

from objectives.table.roles import Roles
from search.errors import SettingError
from search.report.commands import launch_command, visible
from search.report.making import choose_form, make_report, write_report
from search.report.markdown_page import make_markdown
from search.report.sentences import key_numbers, say_advice, say_headline, say_looks
from search.settings import DataIdentity, Settings
from search.spaces.space_file import read_assignments, read_space, stored_spec


def _answer(*, network: dict[str, float], **compared: tuple[float, float, float, float]) -> Any:
    """An answer with these strengths, and other models by name: difference, low, high, p."""
    found = made_report().answer
    comparisons = [
        {
            "a": "network",
            "b": name,
            "p_value": p,
            "method": "delong",
            "difference": {"value": value, "low": low, "high": high},
        }
        for name, (value, low, high, p) in compared.items()
    ]
    winner = {**found["winner"], "network": network}
    return {**found, "winner": winner, "comparisons": comparisons}


ALL = {"dropout": 0.25, "l1": 1e-3, "l2": 2e-4}
NONE = {"dropout": 0.0, "l1": 0.0, "l2": 0.0}
BETTER, ALIKE, WORSE = (
    (0.05, 0.02, 0.08, 0.001),
    (0.01, -0.02, 0.04, 0.4),
    (-0.05, -0.08, -0.02, 0.001),
)


def test_a_network_of_ones_own_is_headed_by_its_parameters() -> None:
    answer = _answer(network={}, logistic=(0.0, -0.1, 0.1, 0.5))
    answer["winner"] |= {"trial": 7, "params": {"filters": 16, "dropout": 0.25}}
    assert say_headline(answer) == "Filters 16, dropout 0.25; but logistic regression is as good"
    assert "the parameters of trial 7" in say_advice(answer)


@pytest.mark.parametrize(
    ("network", "compared", "headline"),
    [
        (ALL, {}, "Dropout 0.25, L1 1.0e-03, L2 2.0e-04"),
        (NONE, {}, "Dropout, L1 and L2 off"),
        (
            {**NONE, "dropout": 0.5},
            {"logistic": BETTER, "boosting": BETTER},
            "Dropout 0.50, L1 and L2 off; better than simpler models",
        ),
        (
            {**NONE, "l2": 1e-3},
            {"logistic": ALIKE, "boosting": ALIKE},
            "L2 1.0e-03, dropout and L1 off; but logistic regression is as good",
        ),
        (ALL, {"logistic": BETTER, "boosting": WORSE}, "; but gradient boosting did better"),
        (ALL, {"logistic": WORSE, "boosting": ALIKE}, "; but logistic regression did better"),
    ],
)
def test_headline_says_how_much_and_whether_something_simpler_does(
    network: dict[str, float], compared: dict[str, Any], headline: str
) -> None:
    said = say_headline(_answer(network=network, **compared))
    assert said.endswith(headline)


def test_advice_says_what_each_strength_does_and_what_came_of_it() -> None:
    assert say_advice(_answer(network=ALL, unregularised=BETTER)) == (
        "While it trains, switch off a random 25% of the units in every step, charge 1.0e-03 for "
        "the size of each weight (L1), so that useless ones go to zero and charge 2.0e-04 for the "
        "square of each weight (L2), so that none grows large: on rows it had never seen, ROC-AUC "
        "is 0.810, against 0.790 for a plain network without regularisation, more than chance "
        "(95% interval +0.020 to +0.080, p = 0.001)."
    )
    assert say_advice(_answer(network=ALL, unregularised=ALIKE)).endswith(
        "(95% interval \N{MINUS SIGN}0.020 to +0.040, p = 0.40), so the plain one would do."
    )
    assert "worse, and not by chance" in say_advice(_answer(network=ALL, unregularised=WORSE))
    assert say_advice(_answer(network=NONE)) == "Train without any penalty or dropout."


def test_key_numbers_are_the_network_two_comparisons_and_the_choice() -> None:
    keys = key_numbers(made_report().answer)
    assert [key.title for key in keys] == [
        "ROC-AUC on the test rows",
        "Against no regularisation",
        "Against logistic regression",
        "Chosen",
    ]
    assert keys[0].number == "0.810"
    assert "95% interval 0.760 to 0.850, 200 test rows" in keys[0].meaning
    assert "trained 2 times more" in keys[3].meaning


def test_looking_twice_is_admitted() -> None:
    assert say_looks(1) == "The test rows were looked at once, for this answer."
    assert "looked at 3 times" in say_looks(3)


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_no_name_breaks_a_table_or_adds_markup_to_the_markdown(name: str) -> None:
    said = make_markdown(made_report(labels=(name, f"{name}2"), name=name, trials=6))
    plain = make_markdown(made_report(labels=("a", "b"), name="c", trials=6))
    assert said.count("\n") == plain.count("\n")
    for line, wanted in zip(said.split("\n"), plain.split("\n"), strict=True):
        assert line[:2] == wanted[:2]
        bars = line.replace("\\\\", "").replace("\\|", "").count("|")
        assert wanted.startswith(("#", "```", "dampen")) or bars == wanted.count("|")


def test_markdown_says_what_the_page_says() -> None:
    said = make_markdown(made_report())
    for wanted in (
        "**The network of rooks is good.**",
        "## What it is worth",
        "| logistic regression | +0.020 | \N{MINUS SIGN}0.010 to +0.050 | 0.20 | DeLong |",
        "truly yes",
        "## How it was done",
        "```sh\ndampen launch 'rooks'\ndampen resume 'rooks'\n```",
    ):
        assert wanted in re.sub(r"[^\S\n]+", " ", said)


def test_json_is_the_answer_and_the_figures_without_nan() -> None:
    found = made_report()
    figures = {**found.figures, "seconds": float("nan")}
    document = json.loads(make_report(replace(found, figures=figures), "json"))
    assert document["answer"] == json.loads(json.dumps(found.answer))
    assert document["figures"] == {**json.loads(json.dumps(found.figures)), "seconds": None}


@pytest.mark.parametrize(
    ("form", "output", "wanted"),
    [
        (None, "r.html", "html"),
        (None, "r.MD", "md"),
        (None, "r.json", "json"),
        (None, "r", "html"),
        (None, None, "md"),
        ("json", "r.html", "json"),
        ("html", None, "html"),
    ],
)
def test_form_is_as_asked_for_or_as_the_file_ends(
    form: str | None, output: str | None, wanted: str, tmp_path: Path
) -> None:
    assert choose_form(form, None if output is None else tmp_path / output) == wanted


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--format must be html, md or json; got `pdf`"):
        choose_form("pdf", None)
    with pytest.raises(SettingError, match="must go into an existing folder"):
        choose_form(None, tmp_path / "no" / "r.html")
    with pytest.raises(SettingError, match="is a folder"):
        choose_form(None, tmp_path)


def test_report_replaces_the_old_one_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / "r.html"
    file.write_text("old")
    write_report("new \udcff é", file)
    assert file.read_bytes() == "new ? é".encode()
    assert list(tmp_path.iterdir()) == [file]


def _settings(source: str, target: str, roles: Roles) -> Settings:
    return Settings(
        data=DataIdentity(
            source=source,
            name="t",
            target=target,
            labels=("a", "b"),
            columns=("x",),
            rows=9,
            sha256="ab",
        ),
        roles=roles,
        space={},
        seed=4,
        sampler="gp",
        pruner="none",
        max_epochs=5,
        patience=2,
        timeout_seconds=90.0,
        workers=2,
        versions={},
    )


def test_launch_command_has_all_that_was_told() -> None:
    roles = Roles(positive="yes", drop=("a b", "-c"), group="g")
    said = launch_command(_settings("/home/me/my table.csv", "y", roles), trials=7, confirm=3)
    assert said == (
        "dampen launch 'my table.csv' --target y --trials 7 --workers 2 --seed 4 --sampler gp "
        "--pruner none --max-epochs 5 --patience 2 --folds 1 --confirm 3 --timeout 90s "
        "--positive yes --drop 'a b' --drop=-c --group g"
    )


def test_launch_command_has_the_space_and_what_a_file_changed() -> None:
    spec = read_space("cocktail", {"l1": "off", "mixup": {"low": 0.1}, "activation": "relu"})
    asked = replace(
        _settings("t.csv", "y", Roles()), space_name="my.toml", space_asked=stored_spec(spec)
    )
    words = shlex.split(launch_command(asked, trials=1, confirm=0))
    assert words[words.index("--space") :] == [
        *("--space", "cocktail", "--set", "l1=off", "--set", "activation=relu"),
        *("--set", "mixup={low = 0.1, high = 1.0, log = true, off = true}"),
    ]
    assert read_space("cocktail", read_assignments(words[-5::2])) == spec


@given(st.text(min_size=1, max_size=12).filter(str.isprintable))
def test_shell_reads_every_name_back(target: str) -> None:
    said = launch_command(_settings("t.csv", target, Roles()), trials=1, confirm=0)
    words = shlex.split(said)
    assert f"--target={target}" in words or words[words.index("--target") + 1] == target


def test_line_breaks_in_names_are_visible_in_the_command() -> None:
    said = launch_command(_settings("t.csv", "a\nb'\x85", Roles()), trials=1, confirm=0)
    assert r"--target $'a\x0ab\x27\U00000085'" in said
    assert visible("a\nb") == "a\N{REPLACEMENT CHARACTER}b"


def test_regularisers_of_a_cocktail_are_part_of_the_answer() -> None:
    answer = dict(made_report().answer)
    network = {**answer["winner"]["network"], "dropout": 0.0, "l1": 0.0, "l2": 0.0}
    for more, headline, advice in (
        ({"mixup": 0.2}, "with mixup 0.2;", "use mixup 0.2 besides"),
        (
            {"mixup": 0.2, "cutmix": 0.5, "max_norm": 2.0},
            "with 3 more regularisers;",
            "use max norm 2, mixup 0.2 and cutmix 0.50 besides",
        ),
    ):
        answer["winner"] = {**answer["winner"], "network": {**network, **more}}
        assert f"Dropout, L1 and L2 off, {headline}" in f"{say_headline(answer)};"
        assert f"While it trains, {advice}" in say_advice(answer)
