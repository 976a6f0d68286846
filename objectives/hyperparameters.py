"""What a trial is asked to train: the hyperparameters of a dense network.

TensorFlow-free, so that the search can speak of networks without loading it.
`objectives/network.py` builds what is described here.
"""

from dataclasses import dataclass

ACTIVATIONS = ("relu", "gelu", "tanh")
NORMALIZATIONS = ("none", "batch", "layer")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A dense network with one logit, and how it is trained. Zero means off."""

    widths: tuple[int, ...]  # units of each hidden layer, input side first
    activation: str  # one of ACTIVATIONS
    normalization: str  # one of NORMALIZATIONS
    dropout: float  # rate in [0, 1), after every hidden layer
    l1: float  # strength on every kernel, >= 0
    l2: float  # strength on every kernel, >= 0
    learning_rate: float  # Adam's, > 0
    batch_size: int  # rows a step, >= 1
