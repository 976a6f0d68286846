"""The end of a script: the network, when its training stops, and its training.

Each function returns lines of source. The network is what `network.py` builds, less the names and
the layers that do nothing; the tests hold the two to each other.
"""

from objectives.script.features import clip, frame_name
from objectives.script.layout import INDENT, call, literal
from objectives.script.plan import Plan

_PREDICTED_AT_ONCE = 4096  # rows


def build_lines(plan: Plan) -> list[str]:
    """Return the function `build`, from the sizes of the inputs to a Keras model."""
    widths = plan.hyperparameters.widths
    sizes = ["n_features"] * plan.has_features + ["n_codes"] * bool(plan.embeddings)
    outputs = str(len(plan.labels) if len(plan.labels) > 2 else 1)
    result = "one logit a class" if len(plan.labels) > 2 else "the logit of the positive class"
    penalty = _penalty(plan)
    return [
        f"def build({', '.join(sizes)}):",
        f'    """Return the network, which gives {result}."""',
        *([f"    penalty = {penalty}"] if penalty else []),
        *_input_lines(plan),
        *([f"    for width in {widths}:"] if len(widths) > 1 else []),
        *(_hidden_lines(plan, "width", 2) if len(widths) > 1 else []),
        *(_hidden_lines(plan, str(widths[0]), 1) if len(widths) == 1 else []),
        *call("logits = layers.Dense", [outputs, *_penalised(plan, "kernel")], "(x)", indent=1),
        "    return keras.Model(inputs, logits)",
    ]


def stopping_lines(plan: Plan) -> list[str]:
    """Return the class `StopOnAuc`, a Keras callback."""
    predicted = f"self.model.predict(self.x, batch_size={_PREDICTED_AT_ONCE}, verbose=0)"
    auc = ["        auc = roc_auc_score(self.y, logits)"]
    if len(plan.labels) > 2:
        auc = [
            "        probabilities = np.asarray(keras.ops.softmax(logits))",
            '        auc = roc_auc_score(self.y, probabilities, multi_class="ovr")',
        ]
    return [
        "class StopOnAuc(keras.callbacks.Callback):",
        '    """Stop when the validation ROC-AUC grows no more, and go back to the best epoch."""',
        "",
        "    def __init__(self, x, y):",
        "        super().__init__()",
        "        self.x, self.y = x, y",
        "        self.best, self.best_epoch, self.weights = -1.0, 0, None",
        "",
        "    def on_epoch_end(self, epoch, logs=None):",
        f"        logits = {predicted}",
        *auc,
        "        if auc > self.best:",
        "            self.best, self.best_epoch = auc, epoch",
        "            self.weights = self.model.get_weights()",
        "        self.model.stop_training = epoch - self.best_epoch >= PATIENCE",
        "",
        "    def on_train_end(self, logs=None):",
        "        self.model.set_weights(self.weights)",
    ]


def training_lines(plan: Plan, fold_start: list[str]) -> list[str]:
    """Return the training and what it prints; each of several folds begins with `fold_start`."""
    searched = f"the search had {plan.value:.4f}"
    if plan.folds == 1:
        line = f'print(f"validation ROC-AUC {{stop.best:.4f}}; {searched}")'
        return [*_fit_lines(plan, 0), line]
    line = f'print(f"validation ROC-AUC {{np.mean(aucs):.4f}} +- {{error:.4f}}; {searched}")'
    return [
        "aucs = []",
        "for train, validation in folds:",
        *(INDENT + start for start in fold_start),
        *_fit_lines(plan, 1),
        "    aucs.append(stop.best)",
        "error = np.std(aucs, ddof=1) / np.sqrt(len(aucs))",
        line,
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


def _penalised(plan: Plan, weights: str) -> list[str]:
    return [f"{weights}_regularizer=penalty"] if _penalty(plan) else []


def _input_lines(plan: Plan) -> list[str]:
    if not plan.embeddings:
        return ["    x = inputs = keras.Input((n_features,))"]
    arguments = ["n", "length", *_penalised(plan, "embeddings")]
    lines = [
        '    codes = keras.Input((len(EMBEDDED),), dtype="int32", name="codes")',
        "    parts = [",
        f"        layers.Embedding({', '.join(arguments)})(codes[:, i])",
        "        for i, (n, length) in enumerate(zip(n_codes, EMBEDDED.values(), strict=True))",
        "    ]",
        '    inputs = {"codes": codes}',
    ]
    if plan.has_features:
        lines[-1] = '    features = keras.Input((n_features,), name="features")'
        lines.append('    inputs = {"features": features, "codes": codes}')
    parts = "[features, *parts]" if plan.has_features else "parts"
    return [*lines, f"    x = layers.Concatenate()({parts})"]


def _hidden_lines(plan: Plan, width: str, indent: int) -> list[str]:
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
    dense = call(
        "x = layers.Dense", [*arguments, *_penalised(plan, "kernel")], "(x)", indent=indent
    )
    after = []
    if chosen.normalization != "none":
        after = [f"{normal[chosen.normalization]}()", f"Activation({activation})"]
    if chosen.dropout > 0:
        after.append(f"Dropout({literal(float(chosen.dropout))})")
    return [*dense, *(f"{INDENT * indent}x = layers.{layer}(x)" for layer in after)]


def _fit_lines(plan: Plan, indent: int) -> list[str]:
    """Return what trains on the rows `train` and leaves `model` and `stop`."""
    chosen = plan.hyperparameters
    loss = "SparseCategoricalCrossentropy" if len(plan.labels) > 2 else "BinaryCrossentropy"
    compiled = [
        f"optimizer=keras.optimizers.Adam({literal(float(chosen.learning_rate))})",
        f"loss=keras.losses.{loss}(from_logits=True)",
    ]
    weighted = _weight_lines(plan)
    fitted = [
        "x_train",
        "y[train]",
        *(["sample_weight=w"] if weighted else []),
        f"batch_size={chosen.batch_size}",
        "epochs=MAX_EPOCHS",
        "callbacks=[stop]",
        "verbose=0",
    ]
    sizes = ["x_train.shape[1]"]
    if plan.embeddings:
        sizes = ['x_train["features"].shape[1]'] * plan.has_features
        sizes.append('(x_train["codes"].max(axis=0) + 1).tolist()')
    return [
        *_features_lines(plan, indent),
        *(INDENT * indent + line for line in weighted),
        *call("model = build", sizes, indent=indent),
        *call("model.compile", compiled, indent=indent),
        f"{INDENT * indent}stop = StopOnAuc(x_validation, y[validation])",
        *call("model.fit", fitted, indent=indent),
    ]


def _features_lines(plan: Plan, indent: int) -> list[str]:
    lines = []
    for part, method in (("train", "fit_transform"), ("validation", "transform")):
        features = f"prepare.{method}({frame_name(plan)}.iloc[{part}])"
        bound = clip(plan)
        if bound is not None:
            features = f"np.clip({features}, -{bound}, {bound})"
        if not plan.embeddings:
            lines.append(f"{INDENT * indent}x_{part} = {features}")
            continue
        codes = f"number_levels(table.iloc[train], table.iloc[{part}])"
        lines.append(f'{INDENT * indent}x_{part} = {{"codes": {codes}}}')
        if plan.has_features:
            lines.append(f'{INDENT * indent}x_{part}["features"] = {features}')
    return lines


def _weight_lines(plan: Plan) -> list[str]:
    balanced = plan.hyperparameters.class_weight == "balanced"
    if plan.roles.weight is None:
        return ['w = compute_sample_weight("balanced", y[train])'] if balanced else []
    lines = ["w = weights[train]"]
    if balanced:
        lines = ['w = weights[train] * compute_sample_weight("balanced", y[train])']
    return [*lines, "w = w / w.mean()"]
