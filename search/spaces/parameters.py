"""Every hyperparameter that a space may have: what it is, what it may be, where it is searched.

The one table that the named spaces, a person's own space file and its mistakes, and the first
trials are all made from. The strengths of a penalty or of an augmentation can be off; their ranges
on the logarithmic scale are those of Kadra et al. (2021, arXiv:2106.11189) where they have one.
"""

from dataclasses import dataclass

from objectives.hyperparameters import (
    ACTIVATIONS,
    AVERAGES,
    CLASS_WEIGHTS,
    DROPOUT_SHAPES,
    NORMALIZATIONS,
    NUMERIC_EMBEDDINGS,
    OPTIMIZERS,
    SCALINGS,
    SCHEDULES,
)
from search.spaces.ranges import Choices, FromTable, Interval, Limits, Range, Value

_STRENGTH = Limits(least=0, most=10, above=True)
_NORM = Limits(least=0, most=1000, above=True)
_SHARE = Limits(least=0, most=1, above=True)
_PROBABILITY = Limits(least=0, most=1, above=True, below=True)  # one at which nothing is left


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One hyperparameter."""

    says: str  # what it is, in a line
    usual: Range  # where the named spaces search it, and what a file leaves unsaid
    plain: Value  # in the plain network that a study begins with
    words: tuple[Value, ...] = ()  # what there is to choose from; empty for a number
    limits: Limits | None = None  # of a number

    @property
    def can_be_off(self) -> bool:
        """Whether it is a strength with a switch `use_<name>` beside it."""
        return isinstance(self.usual, Interval) and self.usual.off


def _word(says: str, words: tuple[Value, ...], usual: Range | None = None) -> Parameter:
    usual = Choices(values=words) if usual is None else usual
    return Parameter(says=says, usual=usual, plain=words[0], words=words)


def _strength(
    says: str, low: float, high: float | None, limits: Limits, *, log: bool = True
) -> Parameter:
    usual = Interval(low=low, high=high, log=log, off=True)
    return Parameter(says=says, usual=usual, plain=0.0, limits=limits)


# In the order in which a trial's parameters are drawn, which is part of a seed's promise.
PARAMETERS: dict[str, Parameter] = {
    "dropout": Parameter(
        says="rate of dropout after every hidden layer",
        usual=Interval(low=0.0, high=0.6),
        plain=0.0,
        limits=Limits(least=0, most=1, below=True),
    ),
    "l1": _strength("L1 penalty on every kernel", 1e-6, None, _STRENGTH),
    "l2": _strength("L2 penalty on every kernel", 1e-6, 1e-1, _STRENGTH),
    "hidden_layers": Parameter(
        says="hidden layers",
        usual=Interval(low=1, high=3),
        plain=2,
        limits=Limits(least=1, most=10, whole=True),
    ),
    "width": Parameter(
        says="units of the first hidden layer",
        usual=Choices(values=(16, 32, 64, 128, 256)),
        plain=128,
        limits=Limits(least=1, most=65_536, whole=True),
    ),
    "taper": Parameter(
        says="width of each further layer as a share of the one before",
        usual=Choices(values=(1.0, 0.5)),
        plain=1.0,
        limits=Limits(least=0, most=2, above=True),
    ),
    "activation": _word("activation of the hidden layers", ACTIVATIONS),
    "normalization": _word("between a layer and its activation", NORMALIZATIONS),
    "learning_rate": Parameter(
        says="learning rate, as Adam wants it",
        usual=Interval(low=3e-4, high=3e-2, log=True),
        plain=1e-3,
        limits=_SHARE,
    ),
    "batch_size": Parameter(
        says="rows a step",
        usual=FromTable(),
        plain=32,
        limits=Limits(least=1, most=1_048_576, whole=True),
    ),
    "scaling": _word("scaling of numbers and dates", SCALINGS, FromTable()),
    "class_weight": _word("how the rows of each class weigh", CLASS_WEIGHTS, FromTable()),
    # The rest of the cocktail.
    "dropout_shape": _word("how the dropout rate runs over the layers", DROPOUT_SHAPES),
    "optimizer": _word("optimizer", OPTIMIZERS),
    "schedule": _word("learning rate over the epochs", SCHEDULES),
    "weight_decay": _strength("decoupled weight decay", 1e-4, 1.0, _STRENGTH),
    "clip_norm": _strength("largest norm of a gradient", 0.1, 10.0, _NORM),
    "max_norm": _strength("largest norm of the weights into a unit", 0.5, 5.0, _NORM),
    "label_smoothing": _strength(
        "share of a label dealt out to all classes", 0.01, 0.2, _PROBABILITY, log=False
    ),
    "input_noise": _strength("standard deviation of noise on the features", 0.01, 0.3, _SHARE),
    "mixup": _strength("alpha of the Beta distribution that blends rows", 0.05, 1.0, _STRENGTH),
    "cutmix": _strength(
        "probability that the rows of a batch swap columns", 0.05, 1.0, _SHARE, log=False
    ),
    "fgsm": _strength("how far adversarial rows are moved", 1e-3, 0.1, _SHARE),
    "skip": _word("skip connections around hidden layers", (False, True)),
    "stochastic_depth": _strength(
        "probability to skip the last layer; counts with skip alone",
        0.05,
        0.5,
        _PROBABILITY,
        log=False,
    ),
    "averaging": _word("average of the weights over training", AVERAGES),
    "numeric_embedding": _word("what numbers become before the first layer", NUMERIC_EMBEDDINGS),
    "embedding_size": Parameter(
        says="how many numbers each becomes, where it becomes several",
        usual=Choices(values=(4, 8, 16)),
        plain=8,
        limits=Limits(least=1, most=1024, whole=True),
    ),
    "frequency_scale": Parameter(
        says="spread of the frequencies of a periodic embedding",
        usual=Interval(low=0.01, high=3.0, log=True),
        plain=0.1,
        limits=Limits(least=0, most=1000, above=True),
    ),
    "level_size": Parameter(
        says="vectors of columns of many levels, times their usual length",
        usual=Choices(values=(0.5, 1.0, 2.0)),
        plain=1.0,
        limits=Limits(least=0, most=100, above=True),
    ),
    "members": Parameter(
        says="networks in one that share nearly all weights, at their cost",
        usual=Choices(values=(1, 8)),
        plain=1,
        limits=Limits(least=1, most=256, whole=True),
    ),
}


def is_regularisation(name: str) -> bool:
    """Whether a parameter of a trial regularises: dropout, and strengths with their switches."""
    parameter = PARAMETERS.get(name.removeprefix("use_"))
    return name == "dropout" or (parameter is not None and parameter.can_be_off)
