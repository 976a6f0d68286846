"""What all pictures share: size, type, colours, and how they become SVG or PNG.

A picture is drawn 331 units wide, less than a phone shows, and so is only ever scaled up. Its
colours are those of a light page; in the SVG each of them becomes a CSS variable, so that the page
that holds it decides, and dark and print need no second picture. No text is read as mathematics.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

WIDTH = 4.6  # inches, 331 units

# Each is found again in the SVG, so no two may be equal. `page_style.py` gives them their values.
PAPER = "#fefefe"
INK = "#1b2430"
SOFT = "#5a6573"  # what is said on the side
LINE = "#d8dee6"  # what only guides the eye
NETWORK = "#1d5fc2"
PLAIN = "#c24e0e"  # the network without regularisation
ENSEMBLE = "#0b7d64"
LOGISTIC = "#626d7a"
BOOSTING = "#7e4cb3"
VARIABLES = {
    PAPER: "paper",
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    NETWORK: "network",
    PLAIN: "plain",
    ENSEMBLE: "ensemble",
    LOGISTIC: "logistic",
    BOOSTING: "boosting",
}

# A model by the name it has in an answer: its words, colour and line. Lines differ too, for
# printers and eyes without colour.
MODELS: dict[str, tuple[str, str, Any]] = {
    "network": ("chosen network", NETWORK, "-"),
    "ensemble": ("ensemble", ENSEMBLE, (0, (5, 1.5))),
    "unregularised": ("no regularisation", PLAIN, (0, (3, 1.2, 1, 1.2))),
    "logistic": ("logistic regression", LOGISTIC, (0, (1.2, 1.2))),
    "boosting": ("gradient boosting", BOOSTING, (0, (7, 2, 1.5, 2))),
}

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.linewidth": 1.0,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "dampen",
}

P = ParamSpec("P")


def picture(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a function draw in the style of all pictures, whatever matplotlib is set to."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _styled():
            return draw(*args, **kwargs)

    return drawn


def canvas(height: float) -> tuple[Figure, Axes]:
    """Return a figure of the common width and a height in inches, with axes to draw on."""
    figure = sheet(height)
    return figure, figure.add_subplot()


def sheet(height: float) -> Figure:
    """Return an empty figure of the common width and a height in inches."""
    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07)
    return Figure(figsize=(WIDTH, height), layout=layout)


def plain(text: object, most: int = 0) -> str:
    """Return a text from the data as it may be drawn: one line, no control characters.

    Args:
        text: anything.
        most: characters, beyond which it is cut; 0 for no limit.
    """
    one_line = " ".join(str(text).split())
    seen = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in one_line)
    return seen if not most or len(seen) <= most else f"{seen[: most - 1]}…"


def to_png(figure: Figure, *, dots_per_inch: int = 160) -> bytes:
    """Return a figure as a PNG file, in the colours of a light page."""
    file = io.BytesIO()
    with _styled():
        FigureCanvasAgg(figure).print_figure(
            file, format="png", dpi=dots_per_inch, facecolor=PAPER, metadata={"Software": None}
        )
    return file.getvalue()


def to_svg(figure: Figure, *, name: str, label: str) -> str:
    """Return a figure as an `<svg>` element to stand in an HTML page.

    Args:
        figure: a picture of this folder.
        name: letters and digits that no other picture of the page has, for what it refers to.
        label: what is to be seen, for who cannot see it.
    """
    file = io.StringIO()
    with _styled():
        FigureCanvasSVG(figure).print_figure(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())  # noqa: S314 - matplotlib wrote it just now
    for part in [part for part in root if _tag(part) == "metadata"]:
        root.remove(part)
    for part in root.iter():
        for inner in [inner for inner in part if _tag(inner) == "style"]:
            part.remove(inner)  # it would hold for the whole page
        _simplify(part, name)
    root.attrib = {"class": "picture", "viewBox": root.attrib["viewBox"], "role": "img"}
    root.set("aria-label", label)
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode", method="html"))


@contextmanager
def _styled() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # The browser has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def _tag(part: ElementTree.Element) -> str:
    return str(part.tag).rpartition("}")[2]


def _simplify(part: ElementTree.Element, name: str) -> None:
    """Take from an element what a page has no use for, and give it the page's colours and font."""
    part.tag = _tag(part)
    kept: dict[str, str] = {}
    for key, value in part.attrib.items():
        attribute = key.rpartition("}")[2]
        if attribute == "id" and part.tag == "g":
            continue
        kept[attribute] = _attribute(attribute, value, name)
    part.attrib = {key: value for key, value in kept.items() if value}


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href":
        return f"#{name}-{value.removeprefix('#')}"
    if key == "clip-path":
        return value.replace("url(#", f"url(#{name}-")
    if key == "style":
        value = re.sub(r"font-family: [^;]*;?\s*", "", value)
        value = re.sub(r"#[0-9a-f]{6}", lambda c: f"var(--{VARIABLES.get(c[0], 'ink')})", value)
    if key in ("d", "x", "y", "transform", "style", "width", "height", "points"):
        value = re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}".rstrip("0"), value)
        value = re.sub(r"(\d)\.(?=\D|$)", r"\1", value)
        value = re.sub(r"\s*\n", " ", value).strip()
    return "" if key == "transform" and value.startswith("rotate(-0 ") else value


def words(model: str) -> str:
    """Return what a model of an answer is called."""
    name = MODELS[model][0] if model in MODELS else plain(model, 24)
    return f" {name}" if name.startswith("_") else name  # matplotlib hides such a name in a legend


def colour(model: str) -> str:
    """Return the colour of a model of an answer; that of the network for another name."""
    return MODELS[model][1] if model in MODELS else NETWORK


def dashes(model: str) -> Any:
    """Return the line of a model of an answer, as matplotlib wants it."""
    return MODELS[model][2] if model in MODELS else "-"
