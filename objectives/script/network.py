"""The network of a script.

Each function returns lines of source. It is the network that `objectives/network.py` builds, less
the names and the layers that do nothing; the tests hold the two to each other. Of members it gives
each one's logits, since each has a loss of its own. Next: `training.py` trains it.
"""

import math

from objectives.features.quantiles import END
from objectives.hyperparameters import FREQUENCIES, PIECES
from objectives.script.layout import INDENT, call, fits, listing, literal
from objectives.script.plan import Plan
from objectives.script.recipe import model_class


def build_lines(plan: Plan) -> list[str]:
    """Return the function `build`, from the sizes of the inputs to a Keras model."""
    chosen = plan.hyperparameters
    sizes = ["n_features"] * plan.has_features + ["n_codes"] * bool(plan.embeddings)
    result = "one logit a class" if len(plan.labels) > 2 else "the logit of the positive class"
    of_each = " by each member" if chosen.members > 1 else ""
    penalty = _penalty(plan)
    bound = f"keras.constraints.MaxNorm({literal(float(chosen.max_norm))})"
    return [
        f"def build({', '.join(sizes)}):",
        f'    """Return the network, which gives {result}{of_each}."""',
        *([f"    penalty = {penalty}"] if penalty else []),
        *([f"    bound = {bound}"] if chosen.max_norm > 0 else []),
        *_input_lines(plan),
        *(_member_lines(plan) if chosen.members > 1 else []),
        *_hidden_lines(plan),
        *_logits_lines(plan),
        f"    return {model_class(plan)}(inputs, logits)",
    ]


def _penalty(plan: Plan) -> str | None:
    """Return the source of the weights' penalty; None without."""
    l1, l2 = literal(float(plan.hyperparameters.l1)), literal(float(plan.hyperparameters.l2))
    chosen = (plan.hyperparameters.l1 > 0, plan.hyperparameters.l2 > 0)
    return {
        (True, True): f"keras.regularizers.L1L2(l1={l1}, l2={l2})",
        (True, False): f"keras.regularizers.L1({l1})",
        (False, True): f"keras.regularizers.L2({l2})",
    }.get(chosen)


def _penalised(plan: Plan, weights: str = "kernel") -> list[str]:
    return [f"{weights}_regularizer=penalty"] if _penalty(plan) else []


def _input_lines(plan: Plan) -> list[str]:
    changes = _feature_lines(plan) if plan.has_features else []
    if not plan.embeddings:
        return ["    x = inputs = keras.Input((n_features,))", *changes]
    arguments = ["n", "length", *_penalised(plan, "embeddings")]
    lines = [
        '    codes = keras.Input((len(EMBEDDED),), dtype="int32", name="codes")',
        "    parts = [",
        f"        layers.Embedding({', '.join(arguments)})(codes[:, i])",
        "        for i, (n, length) in enumerate(zip(n_codes, EMBEDDED.values(), strict=True))",
        "    ]",
        '    inputs = {"codes": codes}',
    ]
    parts = "parts"
    if plan.has_features:
        head = "x = features" if changes else "features"
        lines[-1] = f'    {head} = keras.Input((n_features,), name="features")'
        lines.append('    inputs = {"features": features, "codes": codes}')
        parts = f"[{'x' if changes else 'features'}, *parts]"
    return [*lines, *changes, f"    x = layers.Concatenate()({parts})"]


def _feature_lines(plan: Plan) -> list[str]:
    """Return what is done to the features `x` before all else."""
    chosen = plan.hyperparameters
    lines = []
    if chosen.input_noise > 0:
        lines.append(f"    x = layers.GaussianNoise({literal(float(chosen.input_noise))})(x)")
    if chosen.numeric_embedding != "none" and plan.values:
        lines += _number_lines(plan)
    return lines


def _number_lines(plan: Plan) -> list[str]:
    """Return what makes several numbers of each number among the features `x`."""
    chosen, k = plan.hyperparameters, len(plan.values)
    lines = [f"    numbers, others = x[:, :{k}], x[:, {k}:]"] if plan.has_others else []
    numbers = "numbers" if plan.has_others else "x"
    if chosen.numeric_embedding == "periodic":
        n_parts = 2 * FREQUENCIES
        spread = f"keras.initializers.RandomNormal(stddev={literal(float(chosen.frequency_scale))})"
        arguments = ['"bk,kf->bkf"', f"({k}, {FREQUENCIES})", f"kernel_initializer={spread}"]
        lines += [
            *call("turns = layers.EinsumDense", arguments, f"({numbers})", indent=1),
            "    angles = 2 * np.pi * turns",
            "    waves = [keras.ops.sin(angles), keras.ops.cos(angles)]",
            "    several = keras.ops.concatenate(waves, axis=-1)",
        ]
    else:
        n_parts = PIECES
        inner = f"*ndtri(np.arange(1, {PIECES}) / {PIECES})"
        lines += [
            f"    # How far a number has come in each {PIECES}th of the rows",
            f'    edges = np.array([-{END:g}, {inner}, {END:g}], "float32")',
            f"    several = ({numbers}[:, :, None] - edges[:-1]) / np.diff(edges)",
            "    several = keras.ops.clip(several, 0, 1)",
        ]
    arguments = [
        '"bkp,kpd->bkd"',
        f"({k}, {chosen.embedding_size})",
        'bias_axes="kd"',
        'activation="relu"',
        _within(math.sqrt(6 / n_parts)),
        *_penalised(plan),
    ]
    lines += call("x = layers.EinsumDense", arguments, "(several)", indent=1)
    flat = "layers.Flatten()(x)"
    joined = f"layers.Concatenate()([{flat}, others])"
    return [*lines, f"    x = {joined if plan.has_others else flat}"]


def _member_lines(plan: Plan) -> list[str]:
    arguments = [
        '"bw,mw->bmw"',
        f"({plan.hyperparameters.members}, x.shape[-1])",
        "kernel_initializer=keras.initializers.RandomNormal(stddev=1.0)",
    ]
    return [
        "    # A scale and a last layer of its own for each member; the rest is shared",
        *call("x = layers.EinsumDense", arguments, "(x)", indent=1),
    ]


def _hidden_lines(plan: Plan) -> list[str]:
    chosen = plan.hyperparameters
    widths, n = chosen.widths, len(chosen.widths)
    if n == 1:
        return _layer_lines(plan, str(widths[0]), literal(float(chosen.dropout)), 1)
    rate = literal(float(chosen.dropout))
    counts = chosen.skip
    if chosen.dropout > 0 and chosen.dropout_shape != "constant":
        counts = True
        by = "(i + 1)" if chosen.dropout_shape == "increasing" else f"({n} - i)"
        rate = f"{literal(chosen.dropout / n)} * {by}"
    over, named = str(widths), []
    if not fits(f"    for i, width in enumerate({widths}):"):
        over = "widths"
        named = [INDENT + line for line in listing("widths", [str(w) for w in widths], "()")]
    return [
        *named,
        f"    for i, width in enumerate({over}):" if counts else f"    for width in {over}:",
        *(["        before = x"] if chosen.skip else []),
        *_layer_lines(plan, "width", rate, 2),
        *(_skip_lines(plan) if chosen.skip else []),
    ]


def _layer_lines(plan: Plan, width: str, rate: str, indent: int) -> list[str]:
    chosen = plan.hyperparameters
    normal = {"batch": "BatchNormalization", "layer": "LayerNormalization"}
    activation = literal(chosen.activation)
    arguments = [width]
    if chosen.normalization == "none":
        arguments.append(f"activation={activation}")
    if chosen.normalization == "batch":
        arguments.append("use_bias=False")  # the normalisation has one
    if chosen.activation != "tanh":
        arguments.append('kernel_initializer="he_uniform"')
    arguments += _penalised(plan)
    if chosen.max_norm > 0:
        arguments.append("kernel_constraint=bound")
    after = []
    if chosen.normalization != "none":
        after = [f"{normal[chosen.normalization]}()", f"Activation({activation})"]
    if chosen.dropout > 0:
        after.append(f"Dropout({rate})")
    return [
        *call("x = layers.Dense", arguments, "(x)", indent=indent),
        *(f"{INDENT * indent}x = layers.{layer}(x)" for layer in after),
    ]


def _skip_lines(plan: Plan) -> list[str]:
    """Return what adds to the outputs `x` of the i-th hidden layer what it was given, `before`."""
    chosen = plan.hyperparameters
    n = len(chosen.widths)
    lines = ["        if i > 0:"]
    if chosen.stochastic_depth > 0:
        rate = literal(chosen.stochastic_depth / (n - 1)) + (" * i" if n > 2 else "")
        alike = "(None, 1, 1)" if chosen.members > 1 else "(None, 1)"
        drop = [rate, f"noise_shape={alike}"]
        lines += call("x = layers.Dropout", drop, "(x)  # stochastic depth", indent=3)
    changes = [a != b for a, b in zip(chosen.widths, chosen.widths[1:], strict=False)]
    indent = 3
    if any(changes) and not all(changes):
        lines.append("            if before.shape[-1] != width:")
        indent = 4
    if any(changes):
        arguments = ["width", "use_bias=False", *_penalised(plan)]
        lines += call("before = layers.Dense", arguments, "(before)", indent=indent)
    return [*lines, "            x = layers.Add()([before, x])"]


def _logits_lines(plan: Plan) -> list[str]:
    chosen, several = plan.hyperparameters, len(plan.labels) > 2
    outputs = len(plan.labels) if several else 1
    if chosen.members == 1:
        return call("logits = layers.Dense", [str(outputs), *_penalised(plan)], "(x)", indent=1)
    arguments = [
        '"bmw,mwn->bmn"' if several else '"bmw,mw->bm"',
        f"({chosen.members}, {outputs})" if several else str(chosen.members),
        f'bias_axes="{"mn" if several else "m"}"',
        _within(math.sqrt(3 / chosen.widths[-1])),
        *_penalised(plan),
    ]
    return call("logits = layers.EinsumDense", arguments, "(x)", indent=1)


def _within(limit: float) -> str:
    bounds = f"-{literal(limit)}, {literal(limit)}"
    return f"kernel_initializer=keras.initializers.RandomUniform({bounds})"
