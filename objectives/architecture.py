"""What two trials share when they share a program.

Shapes, layers, activations and the kind of optimizer are compiled into a program; rates of dropout
and noise, L1, L2 and max-norms, decay, clipping, the learning rate and seeds are variables it
reads. `architecture_key` keeps the first and forgets the second. Next: `objectives/strengths.py`,
which holds those, and `objectives/engine.py`, which compiles.
"""

import json
from collections.abc import Hashable
from typing import Any

import keras
import tensorflow as tf

# Optimizers whose update of one weight looks at no other weight. Their weights can lie in one
# vector, which turns a dozen small operations a variable into a dozen large ones a step.
ELEMENTWISE = frozenset(
    ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD"]
)

PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
NAMED = ("name", "keras_history", "input_layers", "output_layers")  # where layers' names stand
VARIABLE = {
    ("layers", "Dropout"): "rate",
    ("layers", "GaussianNoise"): "stddev",
    ("constraints", "MaxNorm"): "max_value",
}
COMPILED_IN = ("activity_regularizer", "layer")  # a penalty of outputs, a wrapped layer


class VariableDropout(keras.layers.Layer):
    """`keras.layers.Dropout` whose rate is a variable, so that a new rate costs no trace.

    A unit's fate hangs on 16 random bits, not 32: random numbers are most of what dropout costs.
    The rate is rounded to 1/65536, and survivors are scaled by what it was rounded to.
    """

    def __init__(self, *, noise_shape: Any = None, name: str | None = None) -> None:
        super().__init__(name=name)
        self.noise_shape = noise_shape
        self.rate = tf.Variable(0.0, trainable=False, dtype=tf.float32)
        self.seed_generator = keras.random.SeedGenerator(0)
        self.supports_masking = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drop each unit at the rate while training. (batch, ...) -> (batch, ...)."""
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return self._dropped(inputs, seed)

    def _dropped(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(inputs)
        if self.noise_shape is not None:
            shape = [s if s is not None else shape[i] for i, s in enumerate(self.noise_shape)]
        n = tf.reduce_prod(shape)
        words = tf.random.stateless_uniform(
            [(n + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32
        )
        bits = tf.reshape(tf.reshape(tf.bitcast(words, tf.int16), [-1])[:n], shape)
        dropped = tf.minimum(tf.round(self.rate * 65536), 65535)  # of 65536
        kept = tf.cast(bits >= tf.cast(dropped - 32768, tf.int16), inputs.dtype)
        return inputs * (kept * tf.cast(65536 / (65536 - dropped), inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Dropout keeps every shape."""
        return input_shape

    def take(self, stock: keras.layers.Dropout) -> None:
        """Take the rate of a stock layer."""
        self.rate.assign(stock.rate)


class VariableNoise(keras.layers.Layer):
    """`keras.layers.GaussianNoise` whose standard deviation is a variable."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.stddev = tf.Variable(0.0, trainable=False, dtype=tf.float32)
        self.seed_generator = keras.random.SeedGenerator(0)
        self.supports_masking = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Add noise while training. (batch, ...) -> (batch, ...)."""
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return inputs + self.stddev * tf.random.stateless_normal(tf.shape(inputs), seed)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Noise keeps every shape."""
        return input_shape

    def take(self, stock: keras.layers.GaussianNoise) -> None:
        """Take the standard deviation of a stock layer."""
        self.stddev.assign(stock.stddev)


def penalties(model: keras.Model) -> list[tuple[float, float] | None]:
    """Return (L1, L2) of each trainable variable; None where it has no such penalty."""
    found: list[tuple[float, float] | None] = []
    for variable in model.trainable_variables:
        regularizer = variable.regularizer
        if type(regularizer) in PENALTIES:
            found.append(
                (float(getattr(regularizer, "l1", 0.0)), float(getattr(regularizer, "l2", 0.0)))
            )
        else:
            found.append(None)
    return found


def max_norms(model: keras.Model) -> list[tuple[float, int | list[int]] | None]:
    """Return (largest norm, axis) of each trainable variable; None where it has no such bound."""
    constraints = [variable.constraint for variable in model.trainable_variables]
    return [
        (float(each.max_value), each.axis) if type(each) is keras.constraints.MaxNorm else None
        for each in constraints
    ]


def trainable_copy(model: keras.Model) -> keras.Model:
    """Return a copy whose rates are variables, without the L1, L2 and max-norms of the model.

    The engine does what they did. A subclassed model cannot be copied layer by layer: it is
    returned as it is, its rates, penalties and constraints compiled in.
    """
    if not _copyable(model):
        return model
    copy = keras.models.clone_model(model, clone_function=_variable_layer, recursive=True)
    for variable in copy.trainable_variables:
        if type(variable.regularizer) in PENALTIES:
            variable.regularizer = None
        if type(variable.constraint) is keras.constraints.MaxNorm:
            variable.constraint = None
    return copy


def architecture_key(model: keras.Model, optimizer: keras.Optimizer) -> Hashable:
    """Return equal keys for models and optimizers that can share one compiled program."""
    if not _copyable(model):
        return object()  # equal to nothing but itself
    names = _names(model)
    settings = optimizer.get_config()
    if isinstance(settings.get("learning_rate"), float):
        settings["learning_rate"] = "variable"
    if type(optimizer).__name__ in ELEMENTWISE:
        for name in ("weight_decay", "global_clipnorm"):
            if settings.get(name) is not None:
                settings[name] = "variable"
    settings.pop("name", None)
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    excluded = getattr(optimizer, "_exclude_from_weight_decay", ())
    settings["undecayed"] = [
        getattr(pattern, "pattern", None),
        [optimizer._var_key(v) in excluded for v in model.trainable_variables],
    ]
    parts = [_canonical(model.get_config(), names), type(optimizer).__name__, settings]
    return json.dumps(parts, sort_keys=True, default=str)


def _names(model: keras.Model) -> dict[str, str]:
    """Return a name by place for the name of each layer, and of each operation between them."""
    layers = list(model._flatten_layers())
    operations = (operation for layer in layers for operation in getattr(layer, "operations", ()))
    named = dict.fromkeys(part.name for part in (*layers, *operations))
    return {name: f"part_{i}" for i, name in enumerate(named)}


def _copyable(model: keras.Model) -> bool:
    """Whether the model is Keras's own Sequential or Functional: described by its layers alone."""
    return type(model).__name__ in ("Sequential", "Functional")


def _variable_layer(layer: keras.Layer) -> keras.Layer:
    if type(layer) is keras.layers.Dropout:
        return VariableDropout(noise_shape=layer.noise_shape, name=layer.name)
    if type(layer) is keras.layers.GaussianNoise:
        return VariableNoise(name=layer.name)
    return layer.__class__.from_config(layer.get_config())


def _canonical(node: Any, names: dict[str, str]) -> Any:
    """Return a Keras configuration without what may change between trials of one program."""
    if isinstance(node, (list, tuple)):
        return [_canonical(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    stock = str(node.get("module")).removeprefix("keras.")
    kind = (stock, node.get("class_name"))
    if stock == "regularizers" and kind[1] in ("L1", "L2", "L1L2"):
        return "penalty"
    kept = {k: v for k, v in node.items() if k != "seed" and not k.endswith("_initializer")}
    if kind in VARIABLE:
        kept["config"] = {**kept["config"], VARIABLE[kind]: "variable"}
    for key, value in kept.items():
        if key in NAMED:
            kept[key] = _renamed(value, names)
        elif key not in COMPILED_IN:
            kept[key] = _canonical(value, names)
    return kept


def _renamed(node: Any, names: dict[str, str]) -> Any:
    """Return names, or a structure of them, with each layer's own replaced by its place."""
    if isinstance(node, dict):
        return {key: _renamed(value, names) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_renamed(item, names) for item in node]
    return names.get(node, node) if isinstance(node, str) else node
