"""The end of a script: its network compiled and trained, and when its training stops.

Each function returns lines of source. The optimizer and its schedule are those of
`objectives/optimizers.py`, the averages those of `objectives/averaging.py`; of the exponential one,
what batch normalisation has gathered stays as it is, and the first epoch is looked back to from its
first step.
"""

from objectives.hyperparameters import (
    FIRST_CYCLE,
    FIRST_EPOCH,
    SGD_RATE,
    WARMUP_EPOCHS,
    WINDOW,
)
from objectives.script.features import clip, frame_name
from objectives.script.layout import INDENT, call, literal
from objectives.script.plan import Plan
from objectives.script.recipe import labels, loss

_PREDICTED_AT_ONCE = 4096  # rows


def schedule_lines(plan: Plan) -> list[str]:
    """Return the function that the learning rate follows; nothing where it is constant."""
    rate = _rate(plan)
    return {
        "warmup": [
            "def warmup(epoch, _):",
            f'    """Return the learning rate of an epoch: it rises for {WARMUP_EPOCHS} epochs."""',
            f"    return {rate} * min(1, (epoch + 1) / {WARMUP_EPOCHS})",
        ],
        "cosine": [
            "def cosine(epoch, _):",
            '    """Return the learning rate of an epoch: it falls, then starts again."""',
            f"    cycle = {FIRST_CYCLE}",
            "    while epoch >= cycle:",
            "        epoch, cycle = epoch - cycle, 2 * cycle",
            f"    return {rate} * (1 + np.cos(np.pi * epoch / cycle)) / 2",
        ],
    }.get(plan.hyperparameters.schedule, [])


def stopping_lines(plan: Plan) -> list[str]:
    """Return the class `StopOnAuc`, a Keras callback."""
    averages = plan.hyperparameters.averaging == "stochastic"
    predicted = f"self.model.predict(self.x, batch_size={_PREDICTED_AT_ONCE}, verbose=0)"
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
        *(_average_lines() if averages else []),
        f"        logits = {predicted}",
        *_auc_lines(plan),
        "        if auc > self.best:",
        "            self.best, self.best_epoch = auc, epoch",
        "            self.weights = self.model.get_weights()",
        *(["        self.model.set_weights(present)"] if averages else []),
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


def _auc_lines(plan: Plan) -> list[str]:
    """Return what makes `auc` of logits: of members, by their mean probability."""
    of_members = ".mean(axis=1)" if plan.hyperparameters.members > 1 else ""
    if len(plan.labels) > 2:
        return [
            f"        probabilities = np.asarray(keras.ops.softmax(logits)){of_members}",
            '        auc = roc_auc_score(self.y, probabilities, multi_class="ovr")',
        ]
    if of_members:
        return [
            f"        probabilities = expit(np.float64(logits)){of_members}",
            "        auc = roc_auc_score(self.y, probabilities)",
        ]
    return ["        auc = roc_auc_score(self.y, logits)"]


def _average_lines() -> list[str]:
    """Return what gives the model the mean of its weights at the ends of epochs so far."""
    return [
        "        present = self.model.get_weights()",
        f"        if epoch < {FIRST_EPOCH}:",
        "            self.mean = present",
        "        else:  # the mean over the ends of epochs, scored and kept in their place",
        f"            share = 1 / (epoch - {FIRST_EPOCH - 2})",
        "            pairs = zip(self.mean, present, strict=True)",
        "            self.mean = [mean + share * (new - mean) for mean, new in pairs]",
        "        self.model.set_weights(self.mean)",
    ]


def _rate(plan: Plan) -> str:
    chosen = plan.hyperparameters
    factor = SGD_RATE if chosen.optimizer == "sgd" else 1
    return literal(float(factor * chosen.learning_rate))


def _optimizer(plan: Plan) -> tuple[str, list[str]]:
    """Return the optimizer's class and its arguments."""
    chosen = plan.hyperparameters
    arguments = [_rate(plan)]
    if chosen.optimizer == "sgd":
        arguments += ["momentum=0.9", "nesterov=True"]
    if chosen.weight_decay > 0:
        arguments.append(f"weight_decay={literal(float(chosen.weight_decay))}")
    if chosen.clip_norm > 0:
        arguments.append(f"global_clipnorm={literal(float(chosen.clip_norm))}")
    if chosen.averaging == "exponential":
        arguments += ["use_ema=True", f"ema_momentum=1 - 1 / ({WINDOW:g} * steps)"]
    name = {"adam": "Adam", "nadam": "Nadam", "sgd": "SGD"}[chosen.optimizer]
    return f"keras.optimizers.{name}", arguments


def _fit_lines(plan: Plan, indent: int) -> list[str]:
    """Return what trains on the rows `train` and leaves `model` and `stop`."""
    chosen, pad = plan.hyperparameters, INDENT * indent
    weighted = _weight_lines(plan)
    optimizer, options = _optimizer(plan)
    callbacks: dict[str, str] = {}
    if chosen.schedule != "constant":
        callbacks["schedule"] = f"keras.callbacks.LearningRateScheduler({chosen.schedule})"
    if chosen.averaging == "exponential":
        callbacks["swap"] = "keras.callbacks.SwapEMAWeights(swap_on_epoch=True)"
    callbacks["stop"] = "StopOnAuc(x_validation, y[validation])"
    compiled = [f"optimizer={optimizer}({', '.join(options)})", f"loss={loss(plan)}"]
    optimized = []
    if len(options) > 1:
        if chosen.averaging == "exponential":
            optimized.append(f"{pad}steps = np.ceil(len(train) / {chosen.batch_size})")
        optimized += call(f"optimizer = {optimizer}", options, indent=indent)
        compiled[0] = "optimizer=optimizer"
    fitted = [
        "x_train",
        labels(plan),
        *(["sample_weight=w"] if weighted else []),
        f"batch_size={chosen.batch_size}",
        "epochs=MAX_EPOCHS",
        f"callbacks=[{', '.join(callbacks)}]",
        "verbose=0",
    ]
    sizes = ["x_train.shape[1]"]
    if plan.embeddings:
        sizes = ['x_train["features"].shape[1]'] * plan.has_features
        sizes.append('(x_train["codes"].max(axis=0) + 1).tolist()')
    return [
        *_features_lines(plan, indent),
        *(pad + line for line in weighted),
        *call("model = build", sizes, indent=indent),
        *optimized,
        *call("model.compile", compiled, indent=indent),
        *(f"{pad}{name} = {made}" for name, made in callbacks.items()),
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
