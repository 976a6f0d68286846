"""Pictures are reproducible, follow the page's colours, and can be drawn of whatever there is."""

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_answers import SPACE, made_report
from matplotlib.figure import Figure

from search.report.illustrating import of_calls
from search.report.pictures.calibration import draw_calibration
from search.report.pictures.canvas import plain, to_png, to_svg
from search.report.pictures.confusion import draw_confusion
from search.report.pictures.history import draw_history
from search.report.pictures.importances import draw_importances
from search.report.pictures.intervals import draw_intervals
from search.report.pictures.learning import draw_learning_curves
from search.report.pictures.limits import clipped, thinned, value_limits
from search.report.pictures.near_zero import draw_near_zero
from search.report.pictures.parallel import draw_parallel
from search.report.pictures.roc import area, draw_roc, draw_roc_of_classes
from search.report.pictures.slices import _rank, draw_slice

CURVE = {"training_loss": [0.5], "validation_loss": [0.6], "validation_roc_auc": [0.7]}


def _svg(figure: Figure) -> str:
    return to_svg(figure, name="one", label="a picture")


def _texts(figure: Figure) -> list[str]:
    root = ElementTree.fromstring(_svg(figure))
    return [text for text in map(str, root.itertext()) if text.strip()]


def test_svg_says_what_is_to_be_seen_and_leaves_colours_and_font_to_the_page() -> None:
    svg = _svg(draw_confusion([[3, 1], [0, 4]], ["no", "yes"]))
    root = ElementTree.fromstring(svg)
    assert (root.tag, root.get("role"), root.get("aria-label")) == ("svg", "img", "a picture")
    assert set(re.findall(r"var\(--(\w+)\)", svg)) == {
        "ink",
        "soft",
        "line",
        "paper",
        "network",
        "plain",
    }
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    for left_out in ("font-family", "<style", "metadata", "http", "<?xml"):
        assert left_out not in svg


def test_same_numbers_give_the_same_svg_and_names_keep_two_apart() -> None:
    def draw() -> Figure:
        return draw_roc({"network": [[0, 0], [0.5, 0.9], [1, 1]]}, {"network": 0.7})

    assert _svg(draw()) == _svg(draw())
    ids = [
        set(re.findall(r'\bid="([^"]+)"', to_svg(draw(), name=name, label="")))
        for name in ("one", "two")
    ]
    assert ids[0]
    assert not ids[0] & ids[1]
    svg = _svg(draw())
    referred = re.findall(r'(?:href="#|url\(#)([\w-]+)', svg)
    assert referred
    assert set(referred) <= ids[0]


def test_png_is_of_a_light_page() -> None:
    png = to_png(draw_roc({"trial 3": [[0, 0], [1, 1]]}, {}), dots_per_inch=50)
    assert png.startswith(b"\x89PNG")
    assert len(png) > 2_000


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_roc({}, {}),
        lambda: draw_roc_of_classes({}),
        lambda: draw_roc_of_classes({"a": [[0, 0], [1, 1]]}),
        lambda: draw_confusion([[0, 0], [0, 0]], ["a", "b"]),
        lambda: draw_confusion([[1] * 30] * 30, [str(i) for i in range(30)]),
        lambda: draw_learning_curves({"trial 3": CURVE}),
        lambda: draw_learning_curves({"a": {**CURVE, "best_epoch": 1}, "b": {}}),
        lambda: draw_learning_curves({"a": {**CURVE, "validation_loss": [math.nan, math.inf]}}),
        lambda: draw_history([]),
        lambda: draw_history([{"number": 0, "state": "failed", "value": None, "verdict": None}]),
        lambda: draw_importances({}),
        lambda: draw_slice("l1", []),
        lambda: draw_slice("l1", [[0.0, 0.5, None, 0]], 0),
        lambda: draw_slice("l2", [[1e-3, 0.5, 0.1, 0]] * 9, 0),
        lambda: draw_slice("dropout", [[0.3, 0.5, 0.1, 0], [0.3, None, None, 1]]),
        lambda: draw_parallel([], SPACE),
        lambda: draw_parallel([{"number": 0, "value": 0.7, "params": {}}], SPACE, 0),
        lambda: draw_calibration({}),
        lambda: draw_near_zero({"network": [], "unregularised": [{"layer": "x", "share": None}]}),
        lambda: draw_intervals({}),
        lambda: draw_intervals({"network": {"value": 0.8, "low": None, "high": None}}),
    ],
)
def test_little_or_nothing_can_be_drawn_too(draw: Callable[[], Figure]) -> None:
    assert _svg(draw()).startswith("<svg")


@pytest.mark.parametrize(
    "label", ["$x^{$", r"$\frac{1}{2}$", "_hidden", "日本", "a\x00b\n c", "<b>&"]
)
def test_labels_are_shown_as_they_are(label: str) -> None:
    shown = plain(label)
    assert shown in _texts(draw_confusion([[1, 2], [3, 4]], [label, "other"]))
    assert any(shown in text for text in _texts(draw_roc({label: [[0, 0], [1, 1]]}, {})))
    assert any(shown in text for text in _texts(draw_roc_of_classes({label: [[0, 0], [1, 1]]})))


@given(st.text(max_size=30))
def test_plain_text_is_one_printable_line(text: str) -> None:
    shown = plain(text, 10)
    assert len(shown) <= 10
    assert all(c.isprintable() for c in shown)
    shown.encode()


def test_off_has_its_own_place_left_of_the_smallest_strength() -> None:
    points = [[0.0, 0.8, 0.01, i] for i in range(6)] + [[1e-6, 0.7, 0.01, 6], [1e-2, 0.7, None, 7]]
    figure = draw_slice("l1", points, 7)
    [axes] = figure.axes
    dots = sorted(x for line in axes.lines if line.get_marker() == "o" for x in line.get_xdata())
    assert [place < -0.05 for place in dots] == [True] * 6 + [False] * 3
    assert dots[6:] == [0.0, 1.0, 1.0]  # the chosen one has a ring
    assert axes.get_xticklabels()[0].get_text() == "off"


@given(st.integers(5, 200))
def test_interval_of_the_median_misses_it_about_one_time_in_twenty(n: int) -> None:
    rank = _rank(n)
    missed = 2 * sum(math.comb(n, i) for i in range(rank + 1)) / 2**n
    narrower = 2 * sum(math.comb(n, i) for i in range(rank + 2)) / 2**n
    assert missed <= 0.07
    assert narrower > 0.07 or rank + 1 > n // 2 - 1


@given(st.lists(st.floats(0, 1), max_size=40))
def test_limits_show_most_values_and_clipping_keeps_the_rest_inside(values: list[float]) -> None:
    low, high = value_limits(values)
    assert low < high
    assert all(value < high for value in values)
    assert sum(value >= low for value in values) >= 0.5 * len(values)
    assert all(low < clipped(value, low, high) < high for value in values)


@given(st.integers(0, 500), st.integers(1, 50))
def test_thinning_keeps_few_and_what_must_be_kept(n: int, most: int) -> None:
    kept = thinned(range(n), most, lambda i: i == n - 1)
    assert len(kept) <= most + 1
    assert kept == sorted(set(kept))
    assert n == 0 or kept[-1] == n - 1


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_area_of_a_curve_and_of_its_mirror_sum_to_one(rates: list[float]) -> None:
    x = [0.0, *sorted(rates), 1.0]
    y = [0.0, *sorted(rate**0.5 for rate in rates), 1.0]
    one, other = (area(list(zip(*pair, strict=True))) for pair in ((x, y), (y, x)))
    assert one + other == pytest.approx(1.0)


def test_classes_get_one_matrix_and_two_get_two() -> None:
    def names(labels: tuple[str, ...]) -> list[str]:
        return [each.name for each in of_calls(made_report(labels=labels))]

    assert names(("a", "b")) == ["roc", "calibration", "confusion", "half"]
    assert names(("a", "b", "c")) == ["roc", "calibration", "half"]


def test_kept_epoch_is_marked_in_every_learning_curve() -> None:
    curve: dict[str, Any] = {
        "training_loss": [3, 2, 1],
        "validation_loss": [3, 2, 2],
        "validation_roc_auc": [0.6, 0.7, 0.8],
    }
    figure = draw_learning_curves(
        {"unregularised": {**curve, "best_epoch": 1}, "network": {**curve, "best_epoch": 3}}
    )
    texts = _texts(figure)
    assert {"kept: 1", "kept: 3", "no regularisation", "chosen network"} <= set(texts)
    lines = [[list(line.get_xdata()) for line in axes.lines] for axes in figure.axes]
    marked = [[x[0] for x in each if len(x) == 2 and x[0] == x[1]] for each in lines]
    assert marked == [[1.0], [3.0], [1.0], [3.0]]


def test_what_had_one_value_has_neither_an_axis_nor_a_bar() -> None:
    on, off, both = ({"choices": c} for c in ([True], [False], [False, True]))
    strength = {"low": 1e-6, "high": 1e-2, "log": True}
    space = {
        "use_l1": off,
        "l1": {"choices": [1e-6]},
        "use_l2": on,
        "l2": {"choices": [1e-4]},
        "use_mixup": both,
        "mixup": {"choices": [0.2]},
        "use_fgsm": on,
        "fgsm": strength,
        "activation": {"choices": ["relu"]},
        "width": {"low": 8, "high": 64, "log": True},
    }
    texts = _texts(draw_parallel([], space))
    assert [text for text in texts if text in space] == ["mixup", "fgsm", "width"]
    assert texts.count("off") == 1  # of mixup, which has a switch that was searched
    bars = _texts(draw_importances({"dropout": 0.7, "use_mixup": 0.3, "activation": 0.0}))
    assert "dropout" in bars
    assert "activation" not in bars


def test_trial_stopped_among_folds_is_not_set_beside_those_that_finished() -> None:
    trials = [
        {"number": i, "state": "complete", "value": 0.8 + i / 100, "verdict": "healthy"}
        for i in range(5)
    ]
    stopped = {"number": 5, "state": "pruned", "value": 0.83, "verdict": "healthy"}
    heights = {}
    for folds in (1, 5):
        (axes,) = draw_history([*trials, stopped], folds=folds).axes
        (dots,) = (each for each in axes.collections if each.get_label() == "stopped early")
        heights[folds] = float(dots.get_offsets()[0][1])
    assert heights[1] == 0.83
    assert heights[5] < 0.8


def test_epoch_beyond_the_mean_of_the_folds_is_not_marked() -> None:
    for epoch, marked in ((len(CURVE["training_loss"]), True), (99, False)):
        figure = draw_learning_curves({"network": {**CURVE, "best_epoch": epoch}})
        assert any("kept" in text.get_text() for text in figure.axes[1].texts) == marked
