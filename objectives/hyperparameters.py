"""What a trial is asked to train: the hyperparameters of a dense network, and what it is fed.

TensorFlow-free, so that the search can speak of networks without loading it.
`objectives/network.py` builds what is described here.
"""

from dataclasses import dataclass

ACTIVATIONS = ("relu", "gelu", "tanh")
NORMALIZATIONS = ("none", "batch", "layer")
SCALINGS = ("standard", "quantile")  # of numeric columns, objectives/features/preprocessing.py
CLASS_WEIGHTS = ("none", "balanced")
DROPOUT_SHAPES = ("constant", "increasing", "decreasing")  # from the first hidden layer to the last
OPTIMIZERS = ("adam", "nadam", "sgd")  # objectives/optimizers.py
SCHEDULES = ("constant", "warmup", "cosine")  # of the learning rate, objectives/optimizers.py
NUMERIC_EMBEDDINGS = ("none", "periodic", "piecewise")  # objectives/layers.py
AVERAGES = ("none", "exponential", "stochastic")  # of weights, objectives/averaging.py


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A dense network, and how it is trained. Zero, False and "none" mean off."""

    widths: tuple[int, ...]  # units of each hidden layer, input side first
    activation: str  # one of ACTIVATIONS
    normalization: str  # one of NORMALIZATIONS
    dropout: float  # rate in [0, 1), after every hidden layer
    l1: float  # strength on every kernel, >= 0
    l2: float  # strength on every kernel, >= 0
    learning_rate: float  # as Adam wants it, > 0
    batch_size: int  # rows a step, >= 1
    scaling: str = "standard"  # one of SCALINGS
    class_weight: str = "none"  # one of CLASS_WEIGHTS: how rows of each class weigh in the loss
    # The rest of a cocktail (Kadra et al. 2021, arXiv:2106.11189).
    dropout_shape: str = "constant"  # one of DROPOUT_SHAPES
    optimizer: str = "adam"  # one of OPTIMIZERS
    schedule: str = "constant"  # one of SCHEDULES
    weight_decay: float = 0.0  # decoupled: this share of a weight, times the learning rate, a step
    clip_norm: float = 0.0  # largest global norm of a gradient
    max_norm: float = 0.0  # largest norm of the weights into a hidden unit
    label_smoothing: float = 0.0  # share of each label dealt out to all classes, [0, 1)
    input_noise: float = 0.0  # standard deviation of Gaussian noise on the features, [0, 1]
    mixup: float = 0.0  # alpha of the Beta distribution that rows are blended by
    cutmix: float = 0.0  # probability that a batch's rows swap columns, [0, 1]
    fgsm: float = 0.0  # how far each feature of the adversarial rows is moved
    skip: bool = False  # skip connections around the hidden layers after the first
    stochastic_depth: float = 0.0  # probability that the last of them is skipped, [0, 1)
    averaging: str = "none"  # one of AVERAGES
    # What numbers become before the first layer, and how many networks there are in one.
    numeric_embedding: str = "none"  # one of NUMERIC_EMBEDDINGS; "piecewise" wants quantile scaling
    embedding_size: int = 8  # numbers that a numeric feature becomes, >= 1
    frequency_scale: float = 0.1  # of "periodic": standard deviation of frequencies, > 0
    members: int = 1  # networks that share all but their first scale and last layer, >= 1


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
    n_numeric: int = 0  # of the features, the first so many are numbers
