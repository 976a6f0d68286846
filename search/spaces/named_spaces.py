"""The search spaces that have a name, and a space as a person asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from search.spaces.parameters import PARAMETERS
from search.spaces.ranges import OFF, Choices, FromTable, Range, Ranges

COCKTAIL: Ranges = {name: parameter.usual for name, parameter in PARAMETERS.items()}

REGULARIZATION: Ranges = {
    name: COCKTAIL[name]
    for name in (
        *("dropout", "l1", "l2", "hidden_layers", "width", "taper", "activation"),
        *("normalization", "learning_rate", "batch_size", "scaling", "class_weight"),
    )
}

QUICK: Ranges = {
    **REGULARIZATION,
    "l1": OFF,
    "taper": Choices(values=(1.0,)),
    "activation": Choices(values=("relu",)),
    "normalization": Choices(values=("batch",)),
    "batch_size": FromTable(middle=True),
    "scaling": Choices(values=("standard",)),
    "class_weight": Choices(values=("none",)),
}

NAMED: Mapping[str, Ranges] = {
    "regularization": REGULARIZATION,
    "cocktail": COCKTAIL,
    "quick": QUICK,
}
DEFAULT_SPACE = "regularization"


@dataclass(frozen=True, kw_only=True)
class SpaceSpec:
    """A space as it was asked for: a named one, and what was changed about it."""

    name: str  # as it was said: of a named space, or of a file
    base: str  # the named space that it starts from
    ranges: Ranges  # parameter -> its range, in the order of `PARAMETERS`

    @property
    def changes(self) -> dict[str, Range]:
        """The ranges that are not the base's."""
        base = NAMED[self.base]
        return {name: each for name, each in self.ranges.items() if base.get(name) != each}
