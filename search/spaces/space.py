"""The search space: which networks a study may draw, and which two it always tries first.

The space is flat: every trial has every parameter. Optuna samples jointly only what all trials
have in common, so a strength stands beside its switch (`use_l1`, `l1`) instead of behind it: with
the switch off the network has no penalty at all, whatever the strength says. Depth, first width and
taper describe the layers for the same reason. What is fixed stays, with one value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from objectives.hyperparameters import CLASS_WEIGHTS, SCALINGS, Hyperparameters
from search.errors import SettingError
from search.spaces.named_spaces import REGULARIZATION
from search.spaces.parameters import PARAMETERS
from search.spaces.ranges import Choices, FromTable, Interval, Range, Ranges, Value

Space = Mapping[str, BaseDistribution]

# A step costs the same few operations whatever its batch, so larger tables get larger batches:
# an epoch stays within some 150 steps, and the smallest batch is still small against the table.
_BATCH_SIZES = ((2_000, (16, 32, 64)), (10_000, (64, 128, 256)), (50_000, (128, 256, 512)))
_LARGEST_BATCH_SIZES = (256, 512, 1024)

# Where L1 ends in studies that did not probe their data: on four data sets 1e-2 was the largest
# strength that left some networks alive, and at 5e-2 all were dead (`.docs/log.md`).
UNPROBED_L1_BOUND = 1e-2

_NARROWEST = 4  # units that a taper leaves at least, where the first layer has as many
_OF_NUMBERS = ("scaling", "numeric_embedding", "embedding_size", "frequency_scale")
_LAYERS = ("hidden_layers", "width", "taper")  # what the widths are made of
# What every space has had, and so what tells a dense network from a person's own.
_DENSE = {*_LAYERS, "dropout", "activation", "normalization", "learning_rate", "batch_size"}
# A well-tried default, as far as it is not the plain network: both begin every study.
_TRIED = {"dropout": 0.2, "use_l2": True, "l2": 1e-4, "normalization": "batch"}
# TabM as its authors set it up by default with embedded numbers (github.com/yandex-research/tabm);
# the usual cocktail comes as near as 256 units and 8 members.
_TABM = {
    "dropout": 0.1,
    "use_weight_decay": True,
    "weight_decay": 3e-4,
    "hidden_layers": 2,
    "width": 512,
    "learning_rate": 2e-3,
    "batch_size": 256,
    "scaling": "quantile",
    "numeric_embedding": "piecewise",
    "embedding_size": 16,
    "members": 32,
}


def search_space(
    ranges: Ranges,
    n_train: int,
    *,
    scalings: Sequence[str] = ("standard",),
    embedded: bool = False,
    imbalanced: bool = False,
    l1_bound: float = UNPROBED_L1_BOUND,
) -> dict[str, BaseDistribution]:
    """Return the space of ranges for a table.

    What would make no difference is left out: scaling and embedding of numbers where there are
    none, the vectors of levels where no column has many, and, unless it was asked for, the class
    weight of a table whose classes are about equally frequent.

    Args:
        ranges: of each hyperparameter, in the order of `PARAMETERS`.
        n_train: training rows.
        scalings: the scalings that its numeric columns have.
        embedded: whether a column has so many levels that they become vectors.
        imbalanced: whether one class is rare.
        l1_bound: the largest L1, unless its range says one, > 0; `objectives/verdict/probe.py`
            finds it from the data.

    Raises:
        SettingError: L1 is to begin above `l1_bound`.
    """
    sizes = _batch_sizes(n_train)
    of_table: dict[str, tuple[Value, ...]] = {
        "batch_size": sizes,
        "scaling": tuple(s for s in SCALINGS if s in scalings),
        "class_weight": CLASS_WEIGHTS if imbalanced else (),
    }
    space: dict[str, BaseDistribution] = {}
    for name, asked in ranges.items():
        found = asked
        if isinstance(found, FromTable):
            values = of_table[name]
            found = Choices(values=values[len(values) // 2 :][:1] if found.middle else values)
        if (name in _OF_NUMBERS and len(scalings) < 2) or (found == Choices(values=())):
            continue
        if name == "level_size" and not embedded:
            continue
        if PARAMETERS[name].can_be_off:
            space[f"use_{name}"] = CategoricalDistribution(_switch(found))
        space[name] = _distribution(name, found, l1_bound)
    return space


def usual_batch_size(n_train: int) -> int:
    """Return the middle one of the batch sizes that fit so many training rows."""
    return _batch_sizes(n_train)[1]


def _batch_sizes(n_train: int) -> tuple[int, ...]:
    return next((s for limit, s in _BATCH_SIZES if n_train <= limit), _LARGEST_BATCH_SIZES)


def regularization_space(n_train: int, **of_table: Any) -> dict[str, BaseDistribution]:
    """Return the default space for a table; the arguments are those of `search_space`."""
    return search_space(REGULARIZATION, n_train, **of_table)


def _switch(found: Range) -> list[bool]:
    assert not isinstance(found, FromTable)
    can_be_on = isinstance(found, Interval) or bool(found.values)
    return [*([False] if found.off else []), *([True] if can_be_on else [])]


def _distribution(name: str, found: Range, l1_bound: float) -> BaseDistribution:
    if isinstance(found, Choices):
        usual = PARAMETERS[name].usual
        lowest = usual.low if isinstance(usual, Interval) else None
        return CategoricalDistribution(found.values or [lowest])  # where it is never on
    assert isinstance(found, Interval)
    limits = PARAMETERS[name].limits
    if limits is not None and limits.whole and found.high is not None:
        return IntDistribution(int(found.low), int(found.high), log=found.log)
    high = l1_bound if found.high is None else found.high
    if found.low >= high:
        raise SettingError(
            f"`{name}` must begin below {high:.1e}, the largest that these data bear; its low is "
            f"{found.low:g}. Lower it, or say its high too."
        )
    return FloatDistribution(found.low, high, log=found.log)


def first_trials(space: Space) -> list[dict[str, Any]]:
    """Return the parameters of the trials every study begins with, as near as the space has them.

    A plain network without regularisation, which every other trial has to beat, and a well-tried
    default: two layers of 128 with batch normalisation, dropout 0.2 and a light L2. Then TabM's
    default, where the space has networks of several members. Each once.
    """
    found = [nearest(space, {})]
    for wanted in (_TRIED, _TABM):
        params = nearest(space, wanted)
        if params not in found and (wanted is _TRIED or params.get("members", 1) > 1):
            found.append(params)
    return found


def nearest(space: Space, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a space that are nearest to those wanted.

    Args:
        space: the space.
        wanted: by name; those of the plain network for what is not said, and nothing else counts.
    """
    plain: dict[str, Any] = {
        name: False if name not in PARAMETERS else PARAMETERS[name].plain for name in space
    }
    batch_size = space["batch_size"]
    if isinstance(batch_size, CategoricalDistribution):
        plain["batch_size"] = batch_size.choices[len(batch_size.choices) // 2]
    return {
        name: _nearest(distribution, wanted.get(name, plain[name]))
        for name, distribution in space.items()
    }


def _nearest(distribution: BaseDistribution, wanted: Any) -> Any:
    """Return the value of a distribution that is nearest to what is wanted."""
    if isinstance(distribution, CategoricalDistribution):
        choices: tuple[Any, ...] = distribution.choices
        if wanted in choices or isinstance(wanted, str):
            return wanted if wanted in choices else choices[0]
        return min(choices, key=lambda choice: abs(choice - wanted))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return min(max(wanted, distribution.low), distribution.high)


def is_dense(params: Mapping[str, Any]) -> bool:
    """Whether parameters describe a dense network of a space, and not one of a person's own."""
    return params.keys() >= _DENSE


def hyperparameters(params: Mapping[str, Any]) -> Hyperparameters:
    """Return the network that a trial's parameters describe, also those of an older release."""
    width, taper = int(params["width"]), float(params["taper"])
    narrowest = min(_NARROWEST, width)
    chosen: dict[str, Any] = {
        name: params[name] if params.get(f"use_{name}", True) else 0.0
        for name in PARAMETERS
        if name in params and name not in _LAYERS
    }
    if not chosen.get("skip", False):
        chosen["stochastic_depth"] = 0.0  # there is nothing to skip by
    if chosen.get("numeric_embedding") == "piecewise":
        chosen["scaling"] = "quantile"  # whose pieces are then of as many rows each
    return Hyperparameters(
        widths=tuple(max(narrowest, int(width * taper**i)) for i in range(params["hidden_layers"])),
        **chosen,
    )


def is_unregularised(chosen: Hyperparameters) -> bool:
    """Whether a network has neither dropout nor any strength that can be off."""
    strengths = [name for name, parameter in PARAMETERS.items() if parameter.can_be_off]
    return chosen.dropout == 0 and not any(getattr(chosen, name) for name in strengths)
