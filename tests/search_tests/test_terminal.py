"""`show` reads in 80 columns, without colour, and where the terminal shows ASCII alone."""

import dataclasses
import io
import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from search.figures import StudyFigures, TrialFigures
from search.terminal.learning_curve import best_index, chart, sparkline
from search.terminal.studies import print_study
from search.terminal.trials import print_trial

PARAMS = {
    "dropout": 0.25,
    "use_l1": True,
    "l1": 2e-4,
    "use_l2": False,
    "l2": 1e-6,
    "hidden_layers": 3,
    "width": 128,
    "taper": 1.0,
    "activation": "relu",
    "normalization": "layer",
    "learning_rate": 1e-3,
    "batch_size": 32,
}
NETWORK = {"widths": (128, 128, 128), "dropout": 0.25, "l1": 2e-4, "l2": 0.0}
METRICS = {
    "roc_auc": 0.9,
    "accuracy": 0.8,
    "f1": 0.75,
    "log_loss": 0.4,
    "confusion_matrix": [[40, 2], [3, 55]],
}
CURVE = {
    "training_loss": [0.7, 0.5, 0.4],
    "validation_loss": [0.7, 0.6, 0.65],
    "validation_roc_auc": [0.6, 0.9, 0.8],
}
BRIEF = {
    "number": 7,
    "value": 0.9,
    "standard_error": 0.01,
    "params": PARAMS,
    "network": NETWORK,
    "metrics": METRICS,
    "verdict": "collapsed",
    "epochs": 3,
}
WINNER = {
    "trial": 7,
    "value": 0.9,
    "standard_error": 0.01,
    "params": PARAMS,
    "confirmed": {"values": [0.88, 0.9], "mean": 0.89, "standard_error": 0.01},
}
COUNTS = {"complete": 1, "pruned": 1, "failed": 0, "running": 0, "waiting": 0}


def _trial(**changes: Any) -> TrialFigures:
    found = TrialFigures(
        number=7,
        state="complete",
        value=0.9,
        standard_error=0.01,
        params=PARAMS,
        network=NETWORK,
        metrics=METRICS,
        epochs=3,
        best_epoch=2,
        seconds=1.5,
        verdict="healthy",
        evidence="ROC-AUC 0.95 on training rows.",
        diagnosis={},
        reason=None,
        worker="host:1:ab",
        attempts=1,
        folds=[],
        learning_curve=CURVE,
        labels=["no", "[bold]yes"],
    )
    return dataclasses.replace(found, **changes)


def _study(**changes: Any) -> StudyFigures:
    found = StudyFigures(
        ended_early=None,
        study="a study",
        state="finished",
        metric="",
        direction="maximize",
        seed=0,
        planned_trials=2,
        trials=COUNTS,
        verdicts={"healthy": 2},
        best=BRIEF,
        winner=WINNER,
        confirmed=(),
        top=(BRIEF,) * 5,
        seconds=3.0,
        importances={"l1": 0.997, "width": 0.003, "activation": 0.0},
        workers=(),
        data={"name": "[b]t", "rows": 100, "target": "y", "labels": ["no", "yes"]},
        settings={},
        storage="",
    )
    return dataclasses.replace(found, **changes)


def _printed(what: StudyFigures | TrialFigures, encoding: str = "utf-8", **console: Any) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)  # strict: what it lacks raises
    shown = Console(file=file, highlight=False, **{"width": 80, **console})
    if isinstance(what, StudyFigures):
        print_study(shown, what, _trial() if what.winner else None)
    else:
        print_trial(shown, "a study", what)
    file.flush()
    return raw.getvalue().decode(encoding)


STUDIES = {
    "finished": _study(),
    "running": _study(state="running"),
    "without trials": _study(
        state="running", best=None, winner=None, top=(), trials={}, importances={}, verdicts={}
    ),
    "pruned alone": _study(best=None, winner=None, top=(), trials={"pruned": 2}, importances={}),
    "of many layers": _study(top=({**BRIEF, "network": {**NETWORK, "widths": (1024,) * 9}},)),
    "of one split": _study(top=({**BRIEF, "standard_error": None},)),
}
TRIALS = {
    "complete": _trial(),
    "of folds": _trial(
        folds=[{}] * 5, best_epoch=9, epochs=19, learning_curve={**CURVE, "folds": [CURVE] * 5}
    ),
    "of 100 epochs": _trial(
        learning_curve={name: [0.5 + i / 999 for i in range(100)] for name in CURVE}
    ),
    "of 1 epoch": _trial(learning_curve={name: [0.5] for name in CURVE}),
    "not a number": _trial(learning_curve={name: [math.nan] * 3 for name in CURVE}),
    "of 6 classes": _trial(
        labels=list("abcdef"), metrics={**METRICS, "confusion_matrix": [[900] * 6] * 6}
    ),
    "of 40 classes": _trial(
        labels=["label"] * 40, metrics={**METRICS, "confusion_matrix": [[900] * 40] * 40}
    ),
    "of long labels": _trial(labels=["a label of many words " * 5, "x" * 100]),
    "failed": _trial(metrics={}, learning_curve={}, reason="it said [bold]no[/]", attempts=3),
    "running": _trial(metrics={}, learning_curve={}, params={}, network={}, verdict=None),
}
EVERYTHING = [*STUDIES.values(), *TRIALS.values()]
NAMES = [*STUDIES, *(f"trial {name}" for name in TRIALS)]


@pytest.mark.parametrize("what", EVERYTHING, ids=NAMES)
def test_everything_fits_into_80_columns(what: StudyFigures | TrialFigures) -> None:
    assert max(map(len, _printed(what).splitlines())) <= 80


@pytest.mark.parametrize("what", EVERYTHING, ids=NAMES)
def test_everything_can_be_said_in_ascii(what: StudyFigures | TrialFigures) -> None:
    printed = _printed(what, "ascii")
    assert printed.isascii()
    assert max(map(len, printed.splitlines())) <= 80


def test_dumb_terminal_gets_ascii() -> None:
    printed = _printed(_study(), force_terminal=True, _environ={"TERM": "dumb"})
    assert printed.isascii()
    assert "0.9000 +-0.0100" in printed


def test_without_colour_no_code_of_colour_is_written() -> None:
    printed = _printed(
        _study(), force_terminal=True, _environ={"NO_COLOR": "1", "TERM": "xterm-256color"}
    )
    assert "\x1b[3" not in printed


def test_best_trials_are_a_line_each() -> None:
    lines = _printed(_study()).splitlines()
    line = "    7  0.9000 ±0.0100  0.750  collapsed  128-128-128     0.25  2.0e-04  off"
    assert [each for each in lines if "collapsed" in each] == [line] * 5


def test_winner_is_said_with_its_whole_network() -> None:
    printed = " ".join(_printed(_study()).split())
    assert (
        "winner trial 7: 0.8900 on average when trained again, 0.9000 ±0.0100 in the search "
        "128-128-128 relu, layer norm, dropout 0.25, L1 2.0e-04, L2 off, lr 1.0e-03, batch 32"
    ) in printed


def test_what_was_not_searched_is_no_importance() -> None:
    printed = _printed(_study())
    assert "  l1              1.00  ████████████████████████" in printed
    assert "\n  below 0.01: width" in printed
    assert "activation" not in printed


def test_curve_of_a_study_is_that_of_its_winner() -> None:
    assert "Learning curve of trial 7, the winner" in _printed(_study())
    assert "Learning curve of trial 7, the best so far" in _printed(_study(state="running"))
    assert "Learning curve" not in _printed(STUDIES["without trials"])


def test_matrix_of_many_classes_is_left_to_the_document() -> None:
    assert "truly f       900" in _printed(TRIALS["of 6 classes"])
    assert "one of 40 classes does not fit here; `--json` has it" in _printed(
        TRIALS["of 40 classes"]
    )


def test_names_from_the_data_are_no_markup() -> None:
    assert "[b]t, 100 rows" in _printed(_study())
    assert "called [bold]yes" in _printed(_trial())
    assert "it said [bold]no[/]" in _printed(TRIALS["failed"])


def test_chart_has_its_range_and_the_best_epoch() -> None:
    assert chart([0.6, 0.9, 0.8], width=60, plain=False) == [
        "0.9000 │    ████",
        "       │    ████▃▃▃▃",
        "       │    ████████",
        "       │    ████████",
        "0.6000 │▁▁▁▁████████",
        "            ^ epoch 2 of 3",
    ]


def test_chart_in_ascii_has_the_same_shape() -> None:
    assert chart([0.6, 0.9, 0.8], width=60, plain=True) == [
        "0.9000 |    ####",
        "       |    ####",
        "       |    ########",
        "       |    ########",
        "0.6000 |############",
        "            ^ epoch 2 of 3",
    ]


def test_noise_does_not_fill_the_chart() -> None:
    lines = chart([0.9000, 0.9001, 0.9000], width=60, plain=True)
    assert lines[4].startswith("0.8901 |")
    assert lines[0] == "0.9001 |############"


def test_epoch_that_is_not_a_number_is_a_gap() -> None:
    assert chart([0.6, math.nan, 0.8], width=60, plain=True)[4] == "0.6000 |####    ####"
    assert sparkline([1.0, math.nan, 2.0], 24) == "▁ █"
    assert chart([math.nan] * 3, width=60, plain=True) == []


CURVES = st.lists(st.floats(0.01, 1) | st.just(math.nan), max_size=150)


@given(CURVES, st.integers(2, 60), st.booleans())
def test_chart_marks_the_best_epoch_whatever_the_curve(
    values: Sequence[float], width: int, plain: bool
) -> None:
    lines = chart(values, width=width, plain=plain)
    best = best_index(values)
    if sum(map(math.isfinite, values)) < 2:
        assert lines == []
        return
    assert best is not None
    assert len(lines) == 6
    assert f"epoch {best + 1} of {len(values)}" in lines[-1]
    column = lines[-1].index("^")
    assert all(line[column] in "█#" for line in lines[:-1])
    assert max(len(line) for line in lines[:-1]) <= 8 + width


def test_names_that_the_encoding_lacks_are_escaped() -> None:
    script = (
        "from search.answering import escape_what_cannot_be_shown as e, print_json as p\n"
        "e(); print('größe', flush=True); p({'name': 'größe'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("ascii").splitlines() == [
        r"gr\xf6\xdfe",
        "{",
        r'  "name": "gr\u00f6\u00dfe"',
        "}",
    ]
