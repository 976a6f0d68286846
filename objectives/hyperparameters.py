"""What a trial is asked to train: the hyperparameters of a dense network, and what it is fed.

TensorFlow-free, so that the search can speak of networks without loading it.
`objectives/network.py` builds what is described here.
"""

from dataclasses import dataclass

ACTIVATIONS = ("relu", "gelu", "tanh")
NORMALIZATIONS = ("none", "batch", "layer")
SCALINGS = ("standard", "quantile")  # of numeric columns, objectives/features/preprocessing.py
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A dense network, and how it is trained. Zero means off."""

    widths: tuple[int, ...]  # units of each hidden layer, input side first
    activation: str  # one of ACTIVATIONS
    normalization: str  # one of NORMALIZATIONS
    dropout: float  # rate in [0, 1), after every hidden layer
    l1: float  # strength on every kernel, >= 0
    l2: float  # strength on every kernel, >= 0
    learning_rate: float  # Adam's, > 0
    batch_size: int  # rows a step, >= 1
    scaling: str = "standard"  # one of SCALINGS
    class_weight: str = "none"  # one of CLASS_WEIGHTS: how rows of each class weigh in the loss


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A table of vectors, one for each level of a column with many levels."""

    n_codes: int  # rows of the table: the levels, and 0 for all others
    dimension: int  # length of a vector


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a network is fed and what it gives, the same for all folds of a study."""

    n_features: int  # columns of the feature matrix, >= 0
    embeddings: tuple[Embedding, ...] = ()  # one a column of codes
    n_outputs: int = 1  # logits: 1 for two classes, one a class for more
