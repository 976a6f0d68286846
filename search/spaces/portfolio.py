"""Configurations that were good across tables: what a study tries after its first trials.

Made by `tests/benchmarks/portfolio.py` from logged random trials of other tables. What depends on
the table is said relative to it: the batch size as the place among the sizes that fit the table.
"""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution

from search.spaces.space import Space, nearest

_BATCH = "batch_size"

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        "dropout": 0.31,
        "use_l2": True,
        "l2": 7.4e-05,
        "hidden_layers": 2,
        "width": 128,
        "taper": 1.0,
        "activation": "relu",
        "normalization": "none",
        "learning_rate": 0.0026,
        "batch_size": 0,
        "scaling": "quantile",
        "class_weight": "balanced",
    },
    {
        "dropout": 0.5,
        "use_l2": True,
        "l2": 6e-05,
        "hidden_layers": 1,
        "width": 32,
        "taper": 0.5,
        "activation": "relu",
        "normalization": "layer",
        "learning_rate": 0.0083,
        "batch_size": 2,
        "scaling": "standard",
    },
    {
        "dropout": 0.27,
        "use_l1": True,
        "l1": 3e-05,
        "hidden_layers": 2,
        "width": 32,
        "taper": 0.5,
        "activation": "gelu",
        "normalization": "batch",
        "learning_rate": 0.016,
        "batch_size": 0,
        "scaling": "quantile",
    },
    {
        "dropout": 0.074,
        "hidden_layers": 1,
        "width": 64,
        "taper": 0.5,
        "activation": "tanh",
        "normalization": "batch",
        "learning_rate": 0.017,
        "batch_size": 1,
        "scaling": "quantile",
        "class_weight": "balanced",
    },
    {
        "dropout": 0.0047,
        "use_l2": True,
        "l2": 1.2e-06,
        "hidden_layers": 2,
        "width": 256,
        "taper": 0.5,
        "activation": "gelu",
        "normalization": "none",
        "learning_rate": 0.0011,
        "batch_size": 0,
        "scaling": "standard",
    },
    {
        "dropout": 0.19,
        "use_l2": True,
        "l2": 1.2e-05,
        "hidden_layers": 1,
        "width": 256,
        "taper": 1.0,
        "activation": "relu",
        "normalization": "none",
        "learning_rate": 0.0027,
        "batch_size": 1,
        "scaling": "quantile",
    },
)


def portfolio_trials(space: Space) -> list[dict[str, Any]]:
    """Return the parameters of the portfolio's trials, as near as the space has them."""
    found: list[dict[str, Any]] = []
    for each in PORTFOLIO:
        params = of_table(each, space)
        if params not in found:
            found.append(params)
    return found


def relative(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return a trial's parameters with its batch size as a place in the table's sizes."""
    return {**params, _BATCH: _sizes(space).index(params[_BATCH])}


def of_table(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return what `relative` gave as parameters of another table's space."""
    wanted = {name: value for name, value in params.items() if name != _BATCH}
    if sizes := _sizes(space):
        wanted[_BATCH] = sizes[min(params[_BATCH], len(sizes) - 1)]
    return nearest(space, wanted)


def _sizes(space: Space) -> tuple[Any, ...]:
    """Return the batch sizes to choose from, rising; none where they are an interval."""
    sizes = space[_BATCH]
    return tuple(sorted(sizes.choices)) if isinstance(sizes, CategoricalDistribution) else ()
