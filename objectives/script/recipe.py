"""What a script does to the rows, labels and losses of a batch (`objectives/augmentation.py`).

A subclass of keras.Model where rows are mixed or moved, a loss where each member has its own.
Each function returns lines of source. Next: `network.py` and `training.py` use what is named here.
"""

from objectives.script.layout import call, literal
from objectives.script.plan import Plan


def model_class(plan: Plan) -> str:
    """Return the name of the network's class: keras.Model, unless a step is no plain one."""
    return "AugmentedModel" if _mixes(plan) or _moves(plan) else "keras.Model"


def model_lines(plan: Plan) -> list[str]:
    """Return the class `AugmentedModel`; nothing where each step is a plain one."""
    if model_class(plan) == "keras.Model":
        return []
    trained = "mixed rows" if _mixes(plan) else "rows"
    if _moves(plan):
        trained += ", and on them moved to where they are harder"
    unpacked = "x, y, w = data" if _weighs(plan) else "x, y = data"
    return [
        "class AugmentedModel(keras.Model):",
        f'    """Train on {trained}."""',
        "",
        "    def train_step(self, data):",
        f"        {unpacked}",
        *(_mix_lines(plan) if _mixes(plan) else []),
        *(_move_lines(plan) if _moves(plan) else _plain_lines(plan)),
        "        gradients = tape.gradient(loss, self.trainable_variables)",
        "        self.optimizer.apply(gradients, self.trainable_variables)",
        '        return {"loss": loss}',
    ]


def loss_lines(plan: Plan) -> list[str]:
    """Return the function `members_loss`; nothing of one member, whose loss is a stock one."""
    chosen = plan.hyperparameters
    if chosen.members == 1:
        return []
    arguments = ["y", "logits", "from_logits=True", *_smoothing(plan)]
    if len(plan.labels) == 2:
        name, returned = "binary_crossentropy", "return keras.losses.binary_crossentropy"
    else:
        name = "categorical_crossentropy"
        if chosen.label_smoothing == 0:
            name = f"sparse_{name}"
        returned = f"losses = keras.losses.{name}"
    return [
        "def members_loss(y, logits):",
        '    """Return the mean of the members\' losses, of each row."""',
        f"    y = keras.ops.repeat(y[:, None], {chosen.members}, axis=1)",
        *call(returned, arguments, indent=1),
        *(["    return keras.ops.mean(losses, axis=1)"] if len(plan.labels) > 2 else []),
    ]


def loss(plan: Plan) -> str:
    """Return the source of the loss that the network is compiled with."""
    if plan.hyperparameters.members > 1:
        return "members_loss"
    name = "BinaryCrossentropy"
    if len(plan.labels) > 2:
        smooth = plan.hyperparameters.label_smoothing > 0
        name = "CategoricalCrossentropy" if smooth else "SparseCategoricalCrossentropy"
    return f"keras.losses.{name}({', '.join(['from_logits=True', *_smoothing(plan)])})"


def labels(plan: Plan) -> str:
    """Return the source of the training rows' labels, one-hot where several are smoothed."""
    if len(plan.labels) > 2 and plan.hyperparameters.label_smoothing > 0:
        return f"keras.utils.to_categorical(y[train], {len(plan.labels)})"
    return "y[train]"


def _smoothing(plan: Plan) -> list[str]:
    share = plan.hyperparameters.label_smoothing
    return [f"label_smoothing={literal(float(share))}"] if share > 0 else []


def _mixes(plan: Plan) -> bool:
    return plan.hyperparameters.mixup > 0 or plan.hyperparameters.cutmix > 0


def _moves(plan: Plan) -> bool:
    return plan.hyperparameters.fgsm > 0 and plan.has_features


def _weighs(plan: Plan) -> bool:
    return plan.roles.weight is not None or plan.hyperparameters.class_weight == "balanced"


def _mix_lines(plan: Plan) -> list[str]:
    """Return what mixes `x`, and leaves the `share` that a row keeps and what was before."""
    chosen = plan.hyperparameters
    share = "1.0"
    lines = []
    if chosen.mixup > 0:  # as logarithms: draws of a small alpha are too small for floats
        share, alpha = "share", float(chosen.mixup)
        of_both = f"{literal(alpha)}, {literal(alpha)}"
        lines += [
            f"powers = keras.ops.log(keras.random.uniform((2,))) / {literal(alpha)}",
            f"draws = keras.ops.log(keras.random.gamma((2,), {literal(alpha + 1)})) + powers",
            f"share = keras.ops.sigmoid(draws[0] - draws[1])  # of Beta({of_both})",
        ]
    kept = share
    if chosen.cutmix > 0:
        kept = "kept"
        columns = "x.shape[1]"
        if plan.embeddings:
            columns = "len(EMBEDDED)"
            columns = f'x["features"].shape[1] + {columns}' if plan.has_features else columns
        probability = literal(float(chosen.cutmix))
        lines += [
            f"n = {columns}",
            "kept = keras.random.uniform((n,)) < keras.random.uniform(())  # cutmix",
            f"cuts = keras.random.uniform(()) < {probability}",
            f'kept = keras.ops.where(cuts, keras.ops.cast(kept, "float32"), {share})',
            "share = keras.ops.mean(kept)",
        ]
    lines += _blend_lines(plan, kept)
    lines.append("y_before = keras.ops.roll(y, 1, axis=0)")
    if _weighs(plan):
        lines.append("w_before = keras.ops.roll(w, 1, axis=0)")
    return [f"        {line}" for line in lines]


def _blend_lines(plan: Plan, kept: str) -> list[str]:
    """Return what blends `x` with the rows before, of which each column keeps a share."""
    if not plan.embeddings:
        return [f"x = {kept} * x + (1 - {kept}) * keras.ops.roll(x, 1, axis=0)"]
    by_column = kept == "kept" and plan.has_features  # the codes' columns stand last
    of_codes = "kept[-len(EMBEDDED) :]" if by_column else kept
    lines = [
        'codes = x["codes"]',
        f"stays = keras.random.uniform(keras.ops.shape(codes)) < {of_codes}",
        "codes = keras.ops.where(stays, codes, keras.ops.roll(codes, 1, axis=0))",
    ]
    if not plan.has_features:
        return [*lines, 'x = {"codes": codes}']
    if by_column:
        lines.append("kept = kept[: -len(EMBEDDED)]")
    before = 'keras.ops.roll(x["features"], 1, axis=0)'
    return [
        *lines,
        f'features = {kept} * x["features"] + (1 - {kept}) * {before}',
        'x = {"features": features, "codes": codes}',
    ]


def _plain_lines(plan: Plan) -> list[str]:
    """Return the loss of mixed rows, on the `tape`."""
    return [
        "        with tf.GradientTape() as tape:",
        "            logits = self(x, training=True)",
        *[f"            {line}" for line in _loss_lines(plan, "loss = ")],
    ]


def _move_lines(plan: Plan) -> list[str]:
    """Return the mean loss of rows and of rows moved by the sign of its slopes, on the `tape`."""
    strength = literal(float(plan.hyperparameters.fgsm))
    features = 'x["features"]' if plan.embeddings else "x"
    harder = f"{features} + {strength} * tf.sign(slope)"
    if plan.embeddings:
        harder = f'{{**x, "features": {harder}}}'
    return [
        "",
        "        def loss_of(x):",
        "            logits = self(x, training=True)",
        *[f"            {line}" for line in _loss_lines(plan, "return ")],
        "",
        "        with tf.GradientTape() as tape:",
        "            with tf.GradientTape() as slopes:",
        f"                slopes.watch({features})",
        "                loss = loss_of(x)",
        f"            slope = tf.stop_gradient(slopes.gradient(loss, {features}))",
        f"            harder = {harder}",
        "            loss = (loss + loss_of(harder)) / 2",
    ]


def _loss_lines(plan: Plan, start: str) -> list[str]:
    """Return what begins with `start` and a batch's loss, given its `logits`."""
    w, w_before = (", w", ", w_before") if _weighs(plan) else ("", "")
    if not _mixes(plan):
        return [f"{start}self.compute_loss(x, y, logits{w})"]
    return [
        f"own = self.compute_loss(x, y, logits{w})",
        f"before = self.compute_loss(x, y_before, logits{w_before})",
        f"{start}share * own + (1 - share) * before",
    ]
