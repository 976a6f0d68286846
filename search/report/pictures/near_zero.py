"""How many weights are nearly zero, layer by layer: what a penalty leaves of a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from search.report.pictures.canvas import INK, canvas, colour, picture, plain, words

Layer = Mapping[str, Any]  # layer: its name; share: in [0, 1]


@picture
def draw_near_zero(shares: Mapping[str, Sequence[Layer]]) -> Figure:
    """Return the share of each layer's weights below 1e-3, a bar a layer and network.

    Args:
        shares: the layers, input side first, by a model's name in an answer or any other name.
    """
    bars = [(name, each) for name, layers in shares.items() for each in layers]
    groups = len([name for name, layers in shares.items() if layers])
    figure, axes = canvas(0.5 + 0.25 * len(bars) + 0.32 * groups)
    y, ticks, labels = 0.0, [], []
    for name, layers in shares.items():
        if not layers:
            continue
        axes.text(0, y, words(name), color=colour(name), weight="bold", va="center")
        y += 1
        for each in layers:
            share = each["share"] or 0.0
            axes.barh(y, 1.0, height=0.62, color=colour(name), alpha=0.12)
            axes.barh(y, share, height=0.62, color=colour(name))
            axes.text(1.02, y, f"{share:.1%}", va="center")
            ticks.append(y)
            labels.append(plain(each["layer"], 20))
            y += 1
        y += 0.35
    axes.set(xlim=(0, 1.18), ylim=(y - 0.4, -0.7), xticks=[])
    axes.set_yticks(ticks, labels)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure
