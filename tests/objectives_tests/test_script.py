"""The script of a trial: how it reads, and that it does what the search did."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from objectives.features.preparation import Prepared, prepare
from objectives.hyperparameters import Embedding, Hyperparameters, Inputs
from objectives.network import build_network
from objectives.programs import Programs
from objectives.rows import place
from objectives.script.features import has_outliers
from objectives.script.splitting import keeps_copies_together
from objectives.script.writing import Plan, write_script
from objectives.splitting.duplicates import rows_together
from objectives.table.dataset import Table, read_table
from objectives.table.dialect import Dialect
from objectives.table.roles import Roles
from objectives.table.schema import Column, Schema
from objectives.training import Training

CHOSEN = Hyperparameters(
    widths=(16, 8),
    activation="relu",
    normalization="none",
    dropout=0.1,
    l1=1e-5,
    l2=1e-4,
    learning_rate=0.01,
    batch_size=32,
)


def _people(n: int = 900) -> pd.DataFrame:
    """Return rows of every kind of column; `grade` follows from most of them."""
    rng = np.random.default_rng(3)
    age = np.round(rng.normal(45, 12, n), 1)
    income = np.round(np.exp(rng.normal(10, 1, n)), 2)
    town = np.array([f"town {i}" for i in range(45)])[rng.permutation(n) % 45]
    job = rng.choice(["baker", "clerk", "smith", "piper"], n, p=[0.5, 0.3, 0.19, 0.01])
    joined = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 2500, n), "D")
    note = np.where(rng.random(n) < 0.4, [f"note {i}" for i in range(n)], None)
    score = (age - 45) / 12 + (job == "clerk") + (note != None) + rng.normal(0, 0.5, n)  # noqa: E711
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, age),
            "income": income,
            "town": town,
            "job": np.where(rng.random(n) < 0.1, None, job),
            "joined": joined.strftime("%d.%m.%Y").where(rng.random(n) > 0.1),
            "note": note,
            "family": rng.integers(0, 60, n).astype(str),
            "weight": rng.uniform(0.5, 2, n).round(2),
            "grade": np.array(["low", "middle", "high"])[np.digitize(score, [-0.2, 1.5])],
        }
    )


def _numbers(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(n, 4)).round(4), columns=["a", "b", "c", "d"])
    signal = frame["a"] - frame["b"] + 0.5 * rng.normal(size=n)
    return frame.assign(moment=rng.permutation(n) // 7, target=(signal > 0).astype(int))


def _plan(table: Table, roles: Roles, prepared: Prepared, **given: Any) -> Plan:
    """Return the plan of a trial, as the command makes it."""
    measured = table.frame.select_dtypes("float64")
    fitted = [fold.preprocessing for fold in prepared.folds]
    facts: dict[str, Any] = {
        "study": "rooks",
        "trial": 7,
        "data_path": table.path or table.name,
        "target": table.target,
        "labels": table.labels,
        "roles": roles,
        "schema": table.schema,
        "hyperparameters": CHOSEN,
        "seed": 0,
        "folds": len(fitted),
        "max_epochs": 8,
        "patience": 4,
        "training_seed": 5,
        "value": 0.9,
        "dialect": table.dialect or Dialect(),
        "embeddings": {e.name: e.dimension for one in fitted for e in one.embedded},
        "gaps": tuple(str(c) for c in measured if not np.isfinite(measured[c]).all()),
        "copies": keeps_copies_together(table.frame),
        "outliers": has_outliers(table.frame, [fold.train.rows for fold in prepared.folds]),
        "unlabelled": table.dropped_rows > 0,
    }
    return Plan(**{**facts, **given})


@dataclass(frozen=True, kw_only=True)
class Case:
    table: Table
    prepared: Prepared
    plan: Plan


def _case(path: Path, target: str, roles: Roles, folds: int, **given: Any) -> Case:
    table = read_table(path, target, roles)
    prepared = prepare(table, 0, folds)
    return Case(table=table, prepared=prepared, plan=_plan(table, roles, prepared, **given))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Case]:
    folder = tmp_path_factory.mktemp("tables")
    _numbers().drop(columns="moment").to_csv(folder / "numbers.csv", index=False)
    _numbers().to_csv(folder / "moments.csv", index=False)
    copied = pd.concat([_numbers(), _numbers()[:90]]).sample(frac=1, random_state=1)
    copied.drop(columns="moment").to_csv(folder / "copies.csv", index=False)
    answers = (_numbers()[["a", "b", "c", "d"]] > 0.9).assign(target=_numbers()["target"])
    answers.to_csv(folder / "answers.csv", index=False)
    far = _numbers().drop(columns="moment").assign(rare=0.0).astype(object)
    far.loc[::70, "rare"] = 3.0  # the central rows are equal
    far.iloc[3, 0], far.iloc[5, 1], far.iloc[7, 2] = 1e12, 1e300, "-inf"
    far.to_csv(folder / "far.csv", index=False)
    people = _people()
    people.to_csv(folder / "people.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    families = people.assign(grade=people["grade"].eq("low").map({True: "yes", False: "no"}))
    families.to_parquet(folder / "families.parquet", index=False)
    mixed = replace(CHOSEN, scaling="quantile", class_weight="balanced", normalization="batch")
    tanh = replace(CHOSEN, widths=(12,), activation="tanh", normalization="layer", l1=0.0, l2=0.0)
    drop = ("family", "town", "joined", "note")
    return {
        "numbers": _case(folder / "numbers.csv", "target", Roles(), 1),
        "folds": _case(folder / "numbers.csv", "target", Roles(), 3),
        "copies": _case(folder / "copies.csv", "target", Roles(), 1),
        "copies in folds": _case(folder / "copies.csv", "target", Roles(), 2),
        "answers": _case(folder / "answers.csv", "target", Roles(), 1),
        "far": _case(folder / "far.csv", "target", Roles(), 1, gaps=("b", "c"), infinite=True),
        "time": _case(folder / "moments.csv", "target", Roles(time="moment"), 1),
        "people": _case(
            folder / "people.csv",
            "grade",
            Roles(weight="weight", drop=("family",)),
            2,
            hyperparameters=mixed,
        ),
        "families": _case(
            folder / "families.parquet",
            "grade",
            Roles(group="family", drop=("weight", "town")),
            1,
            hyperparameters=tanh,
        ),
        "groups in folds": _case(
            folder / "families.parquet", "grade", Roles(group="family", drop=drop[1:]), 3
        ),
    }


NAMES = (
    *("numbers", "folds", "copies", "copies in folds", "answers", "time", "far"),
    *("people", "families", "groups in folds"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_formatted_and_has_nothing_unused(cases: Mapping[str, Case], name: str) -> None:
    script = write_script(cases[name].plan)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "E,F,I,W"], ["format", "--diff"]):
        done = subprocess.run(
            [*ruff, *command, "--isolated", "--line-length", "100", "-"],
            input=script,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_of_numbers_is_short_and_has_what_it_needs_alone(
    cases: Mapping[str, Case],
) -> None:
    script = write_script(cases["numbers"].plan)
    assert len(script.splitlines()) < 90
    for needless in ("Imputer", "OneHot", "column_transformer", "Embedding", "weight=", "folds"):
        assert needless not in script
    many = Schema(columns=tuple(Column(name=f"x{i}", kind="numeric", why="") for i in range(300)))
    assert len(write_script(replace(cases["numbers"].plan, schema=many)).splitlines()) < 90


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.sampled_from(
    ["a\"b'c", '"""', "\\", "x\n\nimport os", "# noqa", "{x}", "\u202e", "é\u2028", "\\N{BULLET}"]
)


@given(st.lists(words, min_size=8, max_size=8, unique=True), words, words)
@settings(max_examples=60, deadline=None)
def test_names_labels_and_paths_are_literals_whatever_they_hold(
    names: list[str], path: str, study: str
) -> None:
    kinds = ("numeric", "datetime", "categorical", "text", "categorical", "dropped")
    columns = tuple(
        Column(name=n, kind=k, why="", order="DMY") for n, k in zip(names, kinds, strict=False)
    )
    plan = Plan(
        study=study,
        trial=0,
        data_path=f"{path}.csv",
        target=names[6],
        labels=("no", *names[:2]),
        roles=Roles(weight=names[7]),
        schema=Schema(columns=columns),
        hyperparameters=CHOSEN,
        seed=0,
        folds=1,
        max_epochs=1,
        patience=1,
        training_seed=0,
        value=0.5,
        embeddings={names[4]: 3},
        gaps=(names[0],),
    )
    tree = ast.parse(write_script(plan))
    assigned = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    constants = ("DATA", "TARGET", "LABELS", "NUMERIC", "DATES", "CATEGORICAL", "TEXT", "EMBEDDED")
    assert [ast.literal_eval(assigned[name]) for name in constants] == [
        f"{path}.csv",
        names[6],
        ["no", *names[:2]],
        [names[0]],
        [names[1]],
        [names[2]],
        [names[3]],
        {names[4]: 3},
    ]
    weights = ast.unparse(assigned["weights"])
    assert weights == f"pd.to_numeric(table[{names[7]!r}]).to_numpy()"
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported <= {"keras", *(m for m in imported if m and m.startswith("sklearn."))}


def _run(script: str, before: str) -> dict[str, Any]:
    """Run a script up to the line that begins with `before`; return its names."""
    start = re.search(rf"^{before}", script, re.MULTILINE)
    assert start is not None
    names: dict[str, Any] = {}
    exec(script[: start.start()].replace("keras.utils.set_random_seed", "id"), names)
    return names


@pytest.mark.parametrize("name", ["numbers", "time"])
def test_a_script_trains_and_validates_on_the_rows_of_the_search(
    cases: Mapping[str, Case], name: str
) -> None:
    case = cases[name]
    names = _run(write_script(case.plan), "prepare = ")
    fold = case.prepared.folds[0]
    assert np.array_equal(names["y"], case.table.y)
    assert np.array_equal(np.sort(names["train"]), fold.train.rows)
    assert np.array_equal(np.sort(names["validation"]), fold.validation.rows)


def test_the_folds_of_a_script_are_those_of_the_search(cases: Mapping[str, Case]) -> None:
    case = cases["folds"]
    names = _run(write_script(case.plan), "prepare = ")
    rest = names["rest"]
    for (train, validation), fold in zip(names["folds"], case.prepared.folds, strict=True):
        assert np.array_equal(rest[train], fold.train.rows)
        assert np.array_equal(rest[validation], fold.validation.rows)


def test_by_time_a_group_is_as_late_as_its_latest_row(
    tmp_path: Path,
) -> None:
    frame = _numbers()
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["moment"], "D")
    frame = frame.assign(moment=days.dt.strftime("%d/%m/%Y"), group=np.arange(len(frame)) // 3)
    frame.to_csv(tmp_path / "t.csv", index=False)
    roles = Roles(time="moment", group="group")
    case = _case(tmp_path / "t.csv", "target", roles, 1, time_order="DMY")
    names = _run(write_script(case.plan), "prepare = ")
    assert np.array_equal(names["train"], case.prepared.folds[0].train.rows)
    assert np.array_equal(names["validation"], case.prepared.folds[0].validation.rows)


@pytest.mark.parametrize("name", ["families", "groups in folds"])
def test_no_group_of_a_script_straddles_its_parts(cases: Mapping[str, Case], name: str) -> None:
    case = cases[name]
    names = _run(write_script(case.plan), "(scale|prepare) = ")
    groups, rest = case.table.groups, names["rest"]
    assert groups is not None
    assert not set(groups[rest]) & set(groups[names["test"]])
    parts = [(names["train"], names["validation"])] if name == "families" else names["folds"]
    for train, validation in parts:
        if name != "families":
            train, validation = rest[train], rest[validation]
        assert not set(groups[train]) & set(groups[validation])
        assert len(train) > len(validation) > len(case.table.y) / 10


def test_rows_without_a_group_are_groups_of_their_own(cases: Mapping[str, Case]) -> None:
    plan = replace(cases["families"].plan, gaps=("age", "family"))
    script = write_script(plan).replace('pd.factorize(table["family"])', "pd.factorize(blank)")
    start = re.search("^# `test`", script, re.MULTILINE)
    assert start is not None
    names = {"blank": np.array(["a", None] * 450, dtype=object)}
    exec(script[: start.start()].replace("keras.utils.set_random_seed", "id"), names)
    assert len(np.unique(names["groups"])) == 451


@pytest.mark.parametrize("name", ["copies", "copies in folds"])
def test_equal_rows_of_a_script_lie_on_one_side(cases: Mapping[str, Case], name: str) -> None:
    case = cases[name]
    assert case.plan.copies == "yes"
    script = write_script(case.plan)
    if name == "copies":
        parts = [_run(script, "prepare = ")]
    else:
        loop = re.search(r"^for .*\n((?:    .*\n)*?)    x_train", script, re.MULTILINE)
        assert loop is not None
        parts = []
        names = _run(script, "prepare = ")
        for train, validation in names["folds"]:
            fold = {**names, "train": train, "validation": validation}
            exec(re.sub("^    ", "", loop[1], flags=re.MULTILINE), fold)
            parts.append(fold)
    cells = list(map(tuple, case.table.frame.to_numpy()))
    for part in parts:
        train = {cells[i] for i in part["train"]}
        assert len(part["train"]) > len(train), "copies train twice"
        assert not train & {cells[i] for i in part["validation"]}


def test_rows_that_chance_makes_equal_are_no_copies(cases: Mapping[str, Case]) -> None:
    for name, kept in (("copies", "yes"), ("answers", "some"), ("numbers", "no")):
        case = cases[name]
        assert case.plan.copies == kept
        together = rows_together(case.table.frame)
        if together is None:
            continue
        copies = _run(write_script(case.plan), "# `test`")["copies"]
        assert len(set(zip(copies, together, strict=True))) == len(set(together)), name
        assert len(set(copies)) == len(set(together)), name


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_the_features_of_a_script_are_those_of_the_search(
    cases: Mapping[str, Case], scaling: str
) -> None:
    case = cases["people"]
    plan = replace(case.plan, hyperparameters=replace(CHOSEN, scaling=scaling))
    names = _run(write_script(plan), "aucs = ")
    fold = case.prepared.folds[0]
    train, validation = (names["table"].iloc[p.rows] for p in (fold.train, fold.validation))
    bound = 10 if scaling == "standard" else 3
    names["prepare"].fit(train)
    found = np.clip(names["prepare"].transform(validation), -bound, bound)
    wanted = fold.validation.x[scaling][:, : fold.preprocessing.n_features]
    assert found.shape == wanted.shape
    # Quantiles lie elsewhere at the very ends, where rows are few.
    share, near = (1.0, 1e-4) if scaling == "standard" else (0.9, 0.2)
    for i, name in enumerate(fold.preprocessing.feature_names):
        apart = np.quantile(np.abs(found - wanted[:, [i]]), share, axis=0).min()
        assert apart < near, (name, apart)
    codes = names["number_levels"](train, validation)
    ours = fold.preprocessing.codes(case.table.frame.iloc[fold.validation.rows])
    assert len(set(zip(codes[:, 0], ours[:, 0], strict=True))) == len(set(ours[:, 0]))
    assert np.array_equal(codes == 0, ours == 0)


def test_far_outliers_spoil_the_features_of_a_script_no_more_than_those_of_the_search(
    cases: Mapping[str, Case],
) -> None:
    case = cases["far"]
    fold = case.prepared.folds[0]
    assert {3, 5, 7} <= set(fold.train.rows), "else the test shows nothing"
    names = _run(write_script(case.plan), "model = ")
    wanted = fold.validation.x["standard"]
    found = names["x_validation"][np.argsort(names["validation"])]
    assert found[:, :5] == pytest.approx(wanted[:, :5], abs=1e-4)
    assert not has_outliers(cases["numbers"].table.frame, [fold.train.rows])
    assert "Fenced" not in write_script(replace(case.plan, outliers=False))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_words_like_na_are_to_a_script_what_they_are_to_the_search(
    tmp_path: Path, suffix: str
) -> None:
    frame = _numbers().drop(columns="moment")
    frame["alley"] = np.array(["NA", "Grvl", "None"])[np.arange(len(frame)) % 3]
    frame["target"] = np.array(["None", "Some"])[frame["target"]]
    frame.loc[::50, "target"] = "n/a"
    frame.loc[1::50, "target"] = None
    path = tmp_path / f"words.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    case = _case(path, "target", Roles(), 1)
    names = _run(write_script(case.plan), "train, validation = ")
    assert case.table.labels == ("None", "Some")
    assert np.array_equal(names["y"], case.table.y)
    assert list(names["table"]["alley"]) == list(case.table.frame["alley"])


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize(
    ("activation", "widths", "l1", "embedded", "n_classes"),
    [
        ("relu", (6, 4), 1e-3, False, 2),
        ("tanh", (5,), 0.0, True, 3),
        ("gelu", (4, 4, 4), 0.0, False, 3),
    ],
)
def test_the_network_of_a_script_is_that_of_the_search(
    cases: Mapping[str, Case],
    normalization: str,
    activation: str,
    widths: tuple[int, ...],
    l1: float,
    embedded: bool,
    n_classes: int,
) -> None:
    chosen = replace(
        CHOSEN, normalization=normalization, activation=activation, widths=widths, l1=l1
    )
    _compare_networks(cases, chosen, embedded, n_classes)


@pytest.mark.parametrize(
    "piece",
    [
        {"dropout_shape": "increasing"},
        {"dropout_shape": "decreasing", "skip": True, "normalization": "batch"},
        {"dropout": 0.0, "skip": True, "stochastic_depth": 0.3},
        {"max_norm": 0.5, "input_noise": 0.1},
        {"numeric_embedding": "periodic", "embedding_size": 4, "frequency_scale": 0.7},
        {"numeric_embedding": "piecewise", "scaling": "quantile", "input_noise": 0.1},
        {"members": 3, "l1": 0.0, "l2": 0.0},
        {
            "members": 2,
            "numeric_embedding": "periodic",
            "skip": True,
            "stochastic_depth": 0.2,
            "dropout_shape": "increasing",
            "max_norm": 1.5,
            "normalization": "layer",
        },
    ],
    ids=lambda piece: " ".join(piece),
)
@pytest.mark.parametrize(
    ("widths", "embedded", "n_classes"),
    [((6, 4), True, 2), ((5,), True, 3), ((8, 8, 4), False, 3), ((4, 4, 4), False, 2)],
)
def test_the_network_of_a_script_has_each_part_of_that_of_the_search(
    cases: Mapping[str, Case],
    piece: dict[str, Any],
    widths: tuple[int, ...],
    embedded: bool,
    n_classes: int,
) -> None:
    _compare_networks(cases, replace(CHOSEN, widths=widths, **piece), embedded, n_classes)


def _compare_networks(
    cases: Mapping[str, Case], chosen: Hyperparameters, embedded: bool, n_classes: int
) -> None:
    embeddings = (Embedding(n_codes=7, dimension=3),) if embedded else ()
    plan = replace(
        cases["people" if embedded else "numbers"].plan,
        hyperparameters=chosen,
        labels=("a", "b", "c")[:n_classes],
        embeddings={"town": 3} if embedded else {},
    )
    if not embedded:
        plan = replace(plan, gaps=("a",))  # so that not all features are numbers
    inputs = Inputs(
        n_features=5,
        embeddings=embeddings,
        n_outputs=1 if n_classes == 2 else 3,
        n_numeric=len(plan.values),
    )
    wanted = build_network(inputs, chosen, seed=0)
    found = _run(write_script(plan), "keras.utils")["build"](5, *([[7]] if embedded else []))
    (names, numbers), (wanted_names, wanted_numbers) = _parts(found), _parts(wanted)
    assert names == wanted_names
    assert numbers == pytest.approx(wanted_numbers, rel=1e-3)
    x: Any = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    if embedded:
        x = {"features": x, "codes": np.arange(9)[:, None].astype(np.int32) % 7}
    start = [np.asarray(w) for w in found.get_weights()]
    order = [w.shape for w in wanted.get_weights()]
    if chosen.members > 1 and n_classes == 2:  # one logit has no axis of its own
        start[-2:] = [w[..., None] for w in start[-2:]]
    assert [w.shape for w in start] == order
    wanted.set_weights(start)
    said = np.asarray(found(x))
    if chosen.members == 1:
        assert said == pytest.approx(np.asarray(wanted(x)), abs=1e-6)
    else:
        likely = expit(said)[..., None] if n_classes == 2 else softmax(said, axis=-1)
        assert likely.shape == (9, chosen.members, inputs.n_outputs)
        logits = np.asarray(wanted(x))
        mean = expit(logits) if n_classes == 2 else softmax(logits, axis=-1)
        assert likely.mean(axis=1) == pytest.approx(mean, abs=1e-6)
    assert sum(map(float, found.losses)) == pytest.approx(sum(map(float, wanted.losses)))


def _parts(model: keras.Model) -> tuple[list[str], list[float]]:
    """Return how kernels start and are bounded, and what draws: its names and its numbers."""
    names: list[str] = []
    numbers: list[float] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.EinsumDense):
            start, bound = layer.kernel_initializer, layer.kernel_constraint
            names += [type(start).__name__, type(bound).__name__]
            numbers += [v for v in start.get_config().values() if isinstance(v, float)]
            numbers += [bound.max_value] if bound is not None else []
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            names.append(f"dropout {layer.noise_shape}")
            numbers.append(layer.rate)
        if isinstance(layer, keras.layers.GaussianNoise):
            numbers.append(layer.stddev)
    return names, numbers


@pytest.fixture(scope="module")
def printed(
    cases: Mapping[str, Case], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """Return what three scripts print, run beside each other as they stand."""
    folder = tmp_path_factory.mktemp("scripts")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    running: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        for name in ("numbers", "people", "families"):
            path = folder / f"{name}.py"
            path.write_text(write_script(cases[name].plan), encoding="utf-8")
            process = subprocess.Popen(
                [sys.executable, "-I", str(path)],
                cwd=folder,
                env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            running[name] = stack.enter_context(process)
            stack.callback(process.kill)
        done = {name: process.communicate(timeout=300) for name, process in running.items()}
    for name, (_, stderr) in done.items():
        assert running[name].returncode == 0, stderr
    return {name: stdout for name, (stdout, _) in done.items()}


@pytest.mark.slow
def test_a_script_reaches_the_roc_auc_of_the_search(
    cases: Mapping[str, Case], printed: Mapping[str, str]
) -> None:
    case = cases["numbers"]
    fold = case.prepared.folds[0]
    training = Training(
        build_network(case.prepared.inputs, CHOSEN, seed=1),
        keras.optimizers.Adam(CHOSEN.learning_rate),
        place(fold.train.inputs("standard"), fold.train.y, fold.validation.inputs("standard")),
        fold.validation.y,
        Programs(),
        batch_size=CHOSEN.batch_size,
        max_epochs=case.plan.max_epochs,
        patience=case.plan.patience,
        seed=1,
    )
    best = max(epoch.validation_auc for epoch in training.epochs())
    line = re.fullmatch(
        r"validation ROC-AUC (0\.\d{4}); the search had 0\.9000\n", printed["numbers"]
    )
    assert line is not None, printed["numbers"]
    assert float(line[1]) == pytest.approx(best, abs=0.02)


@pytest.mark.slow
def test_a_script_of_every_kind_of_column_runs_through_its_folds(
    printed: Mapping[str, str],
) -> None:
    line = re.fullmatch(
        r"validation ROC-AUC (0\.\d{4}) \+- (0\.\d{4}); the search had 0\.9000\n", printed["people"]
    )
    assert line is not None, printed["people"]
    assert 0.75 < float(line[1]) < 0.97
    assert 0 < float(line[2]) < 0.05


@pytest.mark.slow
def test_a_script_of_groups_runs(printed: Mapping[str, str]) -> None:
    line = re.match(r"validation ROC-AUC (0\.\d{4});", printed["families"])
    assert line is not None, printed["families"]
    assert 0.75 < float(line[1]) < 0.99
