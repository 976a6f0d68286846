"""What a trial is asked to train: a dense network, how any network is trained, what it is fed.

TensorFlow-free, so that the search can speak of networks without loading it.
`objectives/network.py` builds what is described here.
"""

from dataclasses import dataclass

ACTIVATIONS = ("relu", "gelu", "tanh")
NORMALIZATIONS = ("none", "batch", "layer")
SCALINGS = ("standard", "quantile")  # of numeric columns, objectives/features/preprocessing.py
UNSCALED = "none"  # of arrays, which are fed as they are
CLASS_WEIGHTS = ("none", "balanced")
DROPOUT_SHAPES = ("constant", "increasing", "decreasing")  # from the first hidden layer to the last
OPTIMIZERS = ("adam", "nadam", "sgd")  # objectives/optimizers.py
SCHEDULES = ("constant", "warmup", "cosine")  # of the learning rate, objectives/optimizers.py
NUMERIC_EMBEDDINGS = ("none", "periodic", "piecewise")  # objectives/layers.py
AVERAGES = ("none", "exponential", "stochastic")  # of weights, objectives/averaging.py

# What the choices come to, here for whoever says it without TensorFlow (`objectives/script`).
# SGD's share of the learning rate makes one range serve all: a step of Adam is about as long as its
# rate, one of plain gradient descent as the gradient, which is short on standardised rows.
SGD_RATE = 10.0
WARMUP_EPOCHS = 5
FIRST_CYCLE = 10  # epochs; each cycle of "cosine" is twice as long as the one before
WINDOW = 2.0  # epochs that the exponential average looks back, about
FIRST_EPOCH = 5  # of those at whose ends the stochastic average takes the weights
FREQUENCIES = 16  # of a feature's periodic embedding
PIECES = 16  # of a feature's range, with about as many rows in each


@dataclass(frozen=True, kw_only=True)
class Regime:
    """How a network is trained, whatever network it is. Zero and "none" mean off."""

    learning_rate: float  # as Adam wants it, > 0
    batch_size: int  # rows a step, >= 1
    scaling: str = "standard"  # one of SCALINGS; UNSCALED for arrays
    class_weight: str = "none"  # one of CLASS_WEIGHTS: how rows of each class weigh in the loss
    optimizer: str = "adam"  # one of OPTIMIZERS
    schedule: str = "constant"  # one of SCHEDULES
    weight_decay: float = 0.0  # decoupled: this share of a weight, times the learning rate, a step
    clip_norm: float = 0.0  # largest global norm of a gradient
    label_smoothing: float = 0.0  # share of each label dealt out to all classes, [0, 1)
    mixup: float = 0.0  # alpha of the Beta distribution that rows are blended by
    cutmix: float = 0.0  # probability that a batch's rows swap columns, [0, 1]
    fgsm: float = 0.0  # how far each feature of the adversarial rows is moved
    averaging: str = "none"  # one of AVERAGES


@dataclass(frozen=True, kw_only=True)
class Hyperparameters(Regime):
    """A dense network, and how it is trained. Zero, False and "none" mean off."""

    widths: tuple[int, ...]  # units of each hidden layer, input side first
    activation: str  # one of ACTIVATIONS
    normalization: str  # one of NORMALIZATIONS
    dropout: float  # rate in [0, 1), after every hidden layer
    l1: float  # strength on every kernel, >= 0
    l2: float  # strength on every kernel, >= 0
    # The rest of a cocktail (Kadra et al. 2021, arXiv:2106.11189).
    dropout_shape: str = "constant"  # one of DROPOUT_SHAPES
    max_norm: float = 0.0  # largest norm of the weights into a hidden unit
    input_noise: float = 0.0  # standard deviation of Gaussian noise on the features, [0, 1]
    skip: bool = False  # skip connections around the hidden layers after the first
    stochastic_depth: float = 0.0  # probability that the last of them is skipped, [0, 1)
    # What numbers become before the first layer, and how many networks there are in one.
    numeric_embedding: str = "none"  # one of NUMERIC_EMBEDDINGS; "piecewise" wants quantile scaling
    embedding_size: int = 8  # numbers that a numeric feature becomes, >= 1
    frequency_scale: float = 0.1  # of "periodic": standard deviation of frequencies, > 0
    level_size: float = 1.0  # times the usual length of the vectors of `Embedding`, > 0
    members: int = 1  # networks that share all but their first scale and last layer, >= 1


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A table of vectors, one for each level of a column with many levels."""

    n_codes: int  # rows of the table: the levels, and 0 for all others
    dimension: int  # usual length of a vector

    def length(self, level_size: float) -> int:
        """Return the length of a vector that is so many times as long as usual, >= 1."""
        return max(1, round(level_size * self.dimension))


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a network is fed and what it gives, the same for all folds of a study."""

    n_features: int  # columns of the feature matrix, >= 0
    embeddings: tuple[Embedding, ...] = ()  # one a column of codes
    n_outputs: int = 1  # logits: 1 for two classes, one a class for more
    n_numeric: int = 0  # of the features, the first so many are numbers
    array: tuple[int, ...] | None = None  # shape of a row of an array; None for a table

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row of the features: of a table, `(n_features,)`."""
        return (self.n_features,) if self.array is None else self.array
