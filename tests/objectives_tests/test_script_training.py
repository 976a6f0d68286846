"""A script trains as the search does: steps, schedules, mixed and moved rows, averages."""

import ast
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.stats import beta, kstest

from objectives.hyperparameters import Hyperparameters, Inputs
from objectives.network import build_network
from objectives.optimizers import make_optimizer, rate_factor
from objectives.programs import Programs
from objectives.recipe import recipe_of
from objectives.rows import place
from objectives.script.writing import Plan, write_script
from objectives.table.roles import Roles
from objectives.table.schema import Column, Schema
from objectives.training import Training

NAMES = ("a", "b", "c")
CODED = (
    Column(name="a", kind="numeric", why=""),
    Column(name="c", kind="categorical", why=""),
)
PLAIN = Hyperparameters(
    widths=(8, 8),
    activation="tanh",
    normalization="none",
    dropout=0.0,
    l1=0.0,
    l2=1e-3,
    learning_rate=0.01,
    batch_size=32,
)
# Each part of a cocktail, and what its script says that no other does.
PIECES: dict[str, tuple[dict[str, Any], str]] = {
    "sgd": ({"optimizer": "sgd"}, "SGD(0.1, momentum=0.9, nesterov=True)"),
    "nadam": ({"optimizer": "nadam"}, "Nadam(0.01)"),
    "decay": ({"weight_decay": 0.1}, "weight_decay=0.1"),
    "clip": ({"clip_norm": 0.5}, "global_clipnorm=0.5"),
    "warmup": ({"schedule": "warmup"}, "def warmup"),
    "cosine": ({"schedule": "cosine"}, "def cosine"),
    "smoothing": ({"label_smoothing": 0.1}, "label_smoothing=0.1"),
    "max norm": ({"max_norm": 2.0}, "kernel_constraint=bound"),
    "noise": ({"input_noise": 0.1}, "GaussianNoise(0.1)"),
    "shape": ({"dropout": 0.2, "dropout_shape": "increasing"}, "Dropout(0.1 * (i + 1))"),
    "skip": ({"skip": True}, "layers.Add()"),
    "depth": ({"skip": True, "stochastic_depth": 0.2}, "noise_shape=(None, 1)"),
    "periodic": ({"numeric_embedding": "periodic"}, "keras.ops.sin"),
    "piecewise": ({"numeric_embedding": "piecewise", "scaling": "quantile"}, "np.diff(edges)"),
    "members": ({"members": 3}, "def members_loss"),
    "exponential": ({"averaging": "exponential"}, "SwapEMAWeights(swap_on_epoch=True)"),
    "stochastic": ({"averaging": "stochastic"}, "set_weights(self.mean)"),
    "mixup": ({"mixup": 0.2}, "# of Beta(0.2, 0.2)"),
    "cutmix": ({"cutmix": 0.5}, "# cutmix"),
    "fgsm": ({"fgsm": 0.05}, "0.05 * tf.sign(slope)"),
}
ALL = replace(
    PLAIN,
    widths=(16, 8),
    normalization="batch",
    dropout=0.1,
    l1=1e-5,
    dropout_shape="decreasing",
    optimizer="nadam",
    schedule="cosine",
    weight_decay=0.01,
    clip_norm=1.0,
    max_norm=2.0,
    label_smoothing=0.05,
    input_noise=0.05,
    mixup=0.2,
    cutmix=0.2,
    fgsm=0.02,
    skip=True,
    stochastic_depth=0.1,
    averaging="exponential",
    numeric_embedding="periodic",
    members=4,
    class_weight="balanced",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with tables of numbers: `two.csv` with two classes, `three.csv` with more."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(400, 3)).round(4), columns=list(NAMES))
    score = frame["a"] - frame["b"] + 0.5 * rng.normal(size=400)
    frame.assign(target=(score > 0.5).astype(int)).to_csv(folder / "two.csv", index=False)
    frame.assign(target=np.digitize(score, [-0.5, 1])).to_csv(folder / "three.csv", index=False)
    return folder


def _plan(folder: Path, chosen: Hyperparameters, n_classes: int = 2, **given: Any) -> Plan:
    facts: dict[str, Any] = {
        "study": "rooks",
        "trial": 7,
        "data_path": str(folder / ("two.csv" if n_classes == 2 else "three.csv")),
        "target": "target",
        "labels": ("0", "1", "2")[:n_classes],
        "roles": Roles(),
        "schema": Schema(columns=tuple(Column(name=n, kind="numeric", why="") for n in NAMES)),
        "hyperparameters": chosen,
        "seed": 0,
        "folds": 1,
        "max_epochs": 1,
        "patience": 9,
        "training_seed": 5,
        "value": 0.9,
    }
    return Plan(**{**facts, **given})


@contextmanager
def _eagerly() -> Iterator[None]:
    """Run functions step by step: of an epoch on few rows, that is faster than tracing it."""
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            yield
    finally:
        tf.config.run_functions_eagerly(False)


def _names(script: str, **given: Any) -> dict[str, Any]:
    names = dict(given)
    exec(script, names)
    return names


def _definitions(plan: Plan) -> dict[str, Any]:
    """Return what a script defines; it reads and trains nothing."""
    return _names(write_script(plan).partition("keras.utils.set_random_seed")[0])


@pytest.mark.parametrize("piece", PIECES)
def test_each_part_is_said_where_it_is_on_and_runs(folder: Path, piece: str) -> None:
    chosen, said = PIECES[piece]
    script = write_script(_plan(folder, replace(PLAIN, batch_size=256, **chosen)))
    ast.parse(script)
    assert said in script
    for other, (_, its) in PIECES.items():
        within = (piece, other) == ("depth", "skip")
        assert (its in script) == (other == piece or within), other
    with _eagerly():
        stop = _names(script)["stop"]
    assert 0 < stop.best <= 1


@pytest.mark.parametrize("columns", [CODED, CODED[1:]], ids=["beside numbers", "alone"])
def test_all_parts_run_on_columns_of_many_levels(folder: Path, columns: tuple[Column, ...]) -> None:
    chosen = replace(ALL, batch_size=256, averaging="stochastic")
    plan = _plan(folder, chosen, 3, schema=Schema(columns=columns), embeddings={"c": 2})
    with _eagerly():
        stop = _names(write_script(plan))["stop"]
    assert 0 < stop.best <= 1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scripts_of_all_parts_are_formatted_and_have_nothing_unused(
    folder: Path, tmp_path: Path, n_classes: int
) -> None:
    coded = {"embeddings": {"c": 2}, "roles": Roles(weight="b")}
    of_codes = {**coded, "schema": Schema(columns=CODED)}
    only_codes = {**coded, "schema": Schema(columns=CODED[1:])}
    every = {name: replace(PLAIN, **chosen) for name, (chosen, _) in PIECES.items()}
    every["all"] = ALL
    every["deep"] = replace(ALL, widths=(65536,) * 10, averaging="stochastic")
    for name, chosen in every.items():
        for given in ({}, of_codes, only_codes, {"folds": 3}):
            file = tmp_path / f"{name} {len(list(tmp_path.iterdir()))}.py"
            file.write_text(write_script(_plan(folder, chosen, n_classes, **given)))
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "E,F,I,W"], ["format", "--diff"]):
        done = subprocess.run(
            [*ruff, *command, "--isolated", "--line-length", "100", str(tmp_path)],
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_learning_rates_of_a_script_are_those_of_the_search(folder: Path) -> None:
    for schedule in ("warmup", "cosine"):
        for optimizer, rate in (("adam", 0.01), ("sgd", 0.1)):
            chosen = replace(PLAIN, schedule=schedule, optimizer=optimizer)
            found = _definitions(_plan(folder, chosen))[schedule]
            for epoch in range(80):
                wanted = rate * rate_factor(schedule, epoch + 1)
                assert found(epoch, 0.5) == pytest.approx(wanted), (schedule, epoch)


# Of two classes and of three, with members and without, and all that draws nothing.
STEPS = {
    "sgd": (
        2,
        replace(
            PLAIN,
            normalization="layer",
            optimizer="sgd",
            schedule="warmup",
            weight_decay=0.1,
            clip_norm=0.3,
            label_smoothing=0.1,
            max_norm=0.8,
            fgsm=0.05,
            skip=True,
            members=3,
            class_weight="balanced",
            averaging="stochastic",
        ),
    ),
    "nadam": (
        3,
        replace(
            PLAIN,
            optimizer="nadam",
            schedule="cosine",
            members=3,
            class_weight="balanced",
            numeric_embedding="periodic",
        ),
    ),
    "adam": (3, replace(PLAIN, widths=(8,), l1=1e-4, label_smoothing=0.2)),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_script_takes_the_steps_of_the_search(folder: Path, name: str) -> None:
    """Of what draws nothing, from the same weights, where an epoch is one step."""
    n_classes, chosen = STEPS[name]
    chosen = replace(chosen, batch_size=1000)
    inputs = Inputs(n_features=3, n_outputs=1 if n_classes == 2 else 3, n_numeric=3)
    model = build_network(inputs, chosen, seed=3)
    start = model.get_weights()
    epochs = 8 if chosen.averaging == "stochastic" else 4  # which begins with the fifth
    plan = _plan(folder, chosen, n_classes, max_epochs=epochs)
    began = "model.set_weights([s.reshape(w.shape) for s, w in zip(start, model.get_weights())])"
    script = write_script(plan).replace("model.compile(", f"{began}\nmodel.compile(")
    with _eagerly():
        names = _names(script, start=start)
    training = Training(
        model,
        make_optimizer(chosen),
        place(
            np.float32(names["x_train"]),
            names["y"][names["train"]],
            np.float32(names["x_validation"]),
            np.float32(names["w"]) if "w" in names else None,
        ),
        names["y"][names["validation"]],
        Programs(),
        recipe_of(chosen),
        batch_size=1000,
        max_epochs=epochs,
        patience=9,
        seed=0,
    )
    best = max(epoch.validation_auc for epoch in training.epochs())
    assert names["stop"].best == pytest.approx(best, abs=1e-4)
    assert names["stop"].best_epoch + 1 == training.outcome().best_epoch > 1
    for found, wanted in zip(names["model"].get_weights(), training.weights(), strict=True):
        assert found.ravel() == pytest.approx(wanted.ravel(), abs=2e-4)


def _mixed(plan: Plan, x: Any, weights: Any = None) -> tuple[Any, float, list[Any]]:
    """Return rows that a step of the script has mixed, the share that each keeps of itself, and the
    labels and weights of its two losses. Row i has the label i."""
    names = _definitions(plan)
    n = len(keras.tree.flatten(x)[0])
    sizes = [part.shape[1] for part in keras.tree.flatten(x)]
    model = names["build"](*sizes) if not plan.embeddings else names["build"](sizes[1], [n])
    model.compile(optimizer="sgd", loss="mse")
    given: list[Any] = []

    def compute_loss(x: Any, y: Any, logits: Any, w: Any = None) -> Any:
        given.append((x, np.asarray(y), w if w is None else np.asarray(w)))
        return 0 * tf.reduce_sum(logits) + (1.0 if len(given) == 1 else 0.0)

    model.compute_loss = compute_loss
    y = tf.range(n, dtype=tf.float32)
    data = (keras.tree.map_structure(tf.constant, x), y)
    share = model.train_step(data if weights is None else (*data, tf.constant(weights)))["loss"]
    mixed = keras.tree.map_structure(np.asarray, given[0][0])
    return mixed, float(share), [(labels, w) for _, labels, w in given]


def test_mixup_of_a_script_blends_rows_and_labels_by_one_share(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    w = np.arange(6, dtype=np.float32)
    plan = _plan(folder, replace(PLAIN, mixup=0.5), roles=Roles(weight="c"))
    mixed, share, ((own, its), (before, theirs)) = _mixed(plan, x, w)
    assert 0 <= share <= 1
    assert mixed == pytest.approx(share * x + (1 - share) * np.roll(x, 1, axis=0), abs=1e-6)
    assert own.tolist() == its.tolist() == [0, 1, 2, 3, 4, 5]
    assert before.tolist() == theirs.tolist() == [5, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("alpha", [1e-6, 0.2, 1.0])
def test_shares_of_mixup_have_the_beta_distribution(folder: Path, alpha: float) -> None:
    keras.utils.set_random_seed(1)
    text = write_script(_plan(folder, replace(PLAIN, mixup=alpha)))
    drawn = text[text.index("powers = ") : text.index("x = share")].replace("        ", "")
    shares = [float(_names(f"import keras\n{drawn}")["share"]) for _ in range(80)]
    if alpha == 1e-6:
        assert set(np.round(shares, 3)) == {0.0, 1.0}
    else:
        assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 1e-3


def test_cutmix_of_a_script_swaps_columns_and_counts_them(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    x = {
        "features": np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32),
        "codes": np.arange(5, dtype=np.int32)[:, None],
    }
    plan = _plan(
        folder, replace(PLAIN, cutmix=1.0), schema=Schema(columns=CODED), embeddings={"c": 2}
    )
    shares = set()
    for _ in range(10):
        mixed, share, _ = _mixed(plan, x)
        stays = []
        for name, part in x.items():
            own = np.all(mixed[name] == part, axis=0)
            assert np.all(own | np.all(mixed[name] == np.roll(part, 1, axis=0), axis=0))
            stays += own.tolist()
        assert share == pytest.approx(np.mean(stays))
        shares.add(round(share, 3))
    assert len(shares) > 3


@pytest.mark.slow
def test_a_script_with_all_parts_on_reaches_the_roc_auc_of_the_search(folder: Path) -> None:
    names = _names(write_script(_plan(folder, ALL, max_epochs=8)))
    training = Training(
        build_network(Inputs(n_features=3, n_numeric=3), ALL, seed=1),
        make_optimizer(ALL),
        place(
            np.float32(names["x_train"]),
            names["y"][names["train"]],
            np.float32(names["x_validation"]),
            np.float32(names["w"]),
        ),
        names["y"][names["validation"]],
        Programs(),
        recipe_of(ALL),
        batch_size=ALL.batch_size,
        max_epochs=8,
        patience=9,
        seed=1,
    )
    best = max(epoch.validation_auc for epoch in training.epochs())
    assert best > 0.9
    assert names["stop"].best == pytest.approx(best, abs=0.02)
