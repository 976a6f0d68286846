"""The search space: which networks a study may draw, and which two it always tries first.

The space is flat: every trial has every parameter. Optuna samples jointly only what all trials
have in common, so a strength stands beside its switch (`use_l1`, `l1`) instead of behind it: with
the switch off the network has no penalty at all, whatever the strength says. Depth, first width and
taper describe the layers for the same reason.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from objectives.hyperparameters import (
    ACTIVATIONS,
    CLASS_WEIGHTS,
    NORMALIZATIONS,
    SCALINGS,
    Hyperparameters,
)

Space = Mapping[str, BaseDistribution]

# A step costs the same few operations whatever its batch, so larger tables get larger batches:
# an epoch stays within some 150 steps, and the smallest batch is still small against the table.
_BATCH_SIZES = ((2_000, (16, 32, 64)), (10_000, (64, 128, 256)), (50_000, (128, 256, 512)))
_LARGEST_BATCH_SIZES = (256, 512, 1024)

# Where L1 ends in studies that did not probe their data: on four data sets 1e-2 was the largest
# strength that left some networks alive, and at 5e-2 all were dead (`.docs/log.md`).
UNPROBED_L1_BOUND = 1e-2


def regularization_space(
    n_train: int,
    *,
    scalings: Sequence[str] = ("standard",),
    imbalanced: bool = False,
    l1_bound: float = UNPROBED_L1_BOUND,
) -> dict[str, BaseDistribution]:
    """Return the space for a table.

    What would make no difference is left out: the scaling of a table without numbers, the class
    weight of one whose classes are about equally frequent.

    Args:
        n_train: training rows.
        scalings: the scalings that its numeric columns have.
        imbalanced: whether one class is rare.
        l1_bound: the largest L1, > 1e-6; `objectives/verdict/probe.py` finds it from the data.
    """
    sizes = next((s for limit, s in _BATCH_SIZES if n_train <= limit), _LARGEST_BATCH_SIZES)
    space: dict[str, BaseDistribution] = {
        "dropout": FloatDistribution(0.0, 0.6),
        "use_l1": CategoricalDistribution([False, True]),
        "l1": FloatDistribution(1e-6, l1_bound, log=True),
        "use_l2": CategoricalDistribution([False, True]),
        "l2": FloatDistribution(1e-6, 1e-1, log=True),
        "hidden_layers": IntDistribution(1, 3),
        "width": CategoricalDistribution([16, 32, 64, 128, 256]),
        "taper": CategoricalDistribution([1.0, 0.5]),
        "activation": CategoricalDistribution(list(ACTIVATIONS)),
        "normalization": CategoricalDistribution(list(NORMALIZATIONS)),
        "learning_rate": FloatDistribution(3e-4, 3e-2, log=True),
        "batch_size": CategoricalDistribution(list(sizes)),
    }
    if len(scalings) > 1:
        space["scaling"] = CategoricalDistribution([s for s in SCALINGS if s in scalings])
    if imbalanced:
        space["class_weight"] = CategoricalDistribution(list(CLASS_WEIGHTS))
    return space


def first_trials(space: Space) -> list[dict[str, Any]]:
    """Return the parameters of the trials every study begins with.

    A plain network without regularisation, which every other trial has to beat, and a well-tried
    default: two layers of 128 with batch normalisation, dropout 0.2 and a light L2.
    """
    batch_size = space["batch_size"].choices[1]  # type: ignore[attr-defined]
    plain = {
        "dropout": 0.0,
        "use_l1": False,
        "l1": 1e-6,
        "use_l2": False,
        "l2": 1e-6,
        "hidden_layers": 2,
        "width": 128,
        "taper": 1.0,
        "activation": "relu",
        "normalization": "none",
        "learning_rate": 1e-3,
        "batch_size": batch_size,
        "scaling": SCALINGS[0],
        "class_weight": CLASS_WEIGHTS[0],
    }
    plain = {name: plain[name] for name in space}
    tried = {**plain, "dropout": 0.2, "use_l2": True, "l2": 1e-4, "normalization": "batch"}
    return [plain, tried]


def hyperparameters(params: Mapping[str, Any]) -> Hyperparameters:
    """Return the network that a trial's parameters describe."""
    width, taper = int(params["width"]), float(params["taper"])
    return Hyperparameters(
        widths=tuple(max(4, int(width * taper**i)) for i in range(params["hidden_layers"])),
        activation=params["activation"],
        normalization=params["normalization"],
        dropout=params["dropout"],
        l1=params["l1"] if params["use_l1"] else 0.0,
        l2=params["l2"] if params["use_l2"] else 0.0,
        learning_rate=params["learning_rate"],
        batch_size=params["batch_size"],
        scaling=params.get("scaling", SCALINGS[0]),
        class_weight=params.get("class_weight", CLASS_WEIGHTS[0]),
    )
