"""How much each hyperparameter mattered."""

from collections.abc import Mapping
from operator import itemgetter

from matplotlib.figure import Figure

from search.report.pictures.canvas import INK, NETWORK, SOFT, canvas, picture, plain
from search.spaces.parameters import is_regularisation


@picture
def draw_importances(importances: Mapping[str, float]) -> Figure:
    """Return the share of each hyperparameter that was searched as a bar, largest first.

    Regularisation is in colour, architecture and training are not.

    Args:
        importances: shares that sum to about 1, by parameter; exactly 0 where it had one value.
    """
    ranked = sorted(((n, share) for n, share in importances.items() if share), key=itemgetter(1))
    figure, axes = canvas(0.35 + 0.24 * max(1, len(ranked)))
    names = [plain(name, 20) for name, _ in ranked]
    shares = [share for _, share in ranked]
    inks = [NETWORK if is_regularisation(name) else SOFT for name, _ in ranked]
    axes.barh(range(len(ranked)), shares, height=0.62, color=inks)
    for i, share in enumerate(shares):
        axes.annotate(
            f"{share:.0%}", (share, i), xytext=(4, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(ranked)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set(xlim=(0, max([*shares, 0.01]) * 1.15), xticks=[], ylim=(-0.6, len(ranked) - 0.4))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure
