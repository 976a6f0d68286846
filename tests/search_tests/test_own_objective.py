"""A person's own objective: what it may be, what is said of its mistakes, and what it promises."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from objectives.execution import configure_process
from objectives.features.preparation import Prepared, prepare
from objectives.programs import Programs
from objectives.table.dataset import read_table
from search.errors import SettingError, StudyChangedError, TrialError
from search.objective.objective_file import (
    ObjectiveFile,
    objective_text,
    read_objective,
    same_objective,
)
from search.objective.own_objective import OwnObjective, rehearse
from search.objective.trained import trained_networks
from search.sampling import draw_by, make_sampler, trial_seed
from search.settings import DataIdentity, Settings, installed_versions
from search.trial import Bench, run_trial
from search.weights import WEIGHTS_FILE, unpack_logits
from storage.artifacts import find_artifact
from storage.claims import Claim, claim_trial, requeue_trial
from storage.database import Database, close, open_database
from storage.errors import ClaimLostError, IncompatibleParameterError
from storage.evaluations import read_evaluation
from storage.parameters import record_parameters
from storage.studies import create_study, load_study, set_settings
from storage.workers import register_worker

configure_process(1)  # one thread: results are compared bit for bit

README = Path(__file__).parents[2] / "README.md"
GOOD = """
import keras

def suggest(trial):
    params = {"units": trial.suggest_int("units", 2, 16), "learning_rate": 0.01}
    if trial.suggest_categorical("drops", [False, True]):
        params["dropout"] = trial.suggest_float("dropout", 0.1, 0.5)
    return params

def build(params, inputs):
    return keras.Sequential([
        keras.Input(inputs.shape),
        keras.layers.Flatten(),
        keras.layers.Dense(params["units"], activation="relu"),
        keras.layers.Dropout(params.get("dropout", 0.0)),
        keras.layers.Dense(inputs.n_outputs),
    ])
"""
SUGGEST = "def suggest(trial):\n    return {}\n"

Write = Callable[[str], ObjectiveFile]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> ObjectiveFile:
        (tmp_path / "my.py").write_text(text)
        return read_objective(tmp_path / "my.py")

    return write


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Seventy small images of two classes, one of which is brighter on the left."""
    rng = np.random.default_rng(0)
    y = np.arange(70) % 2
    x = rng.normal(size=(70, 3, 4))
    x[:, :, 0] += y[:, None]
    path = tmp_path_factory.mktemp("arrays") / "a.npz"
    np.savez(path, x=x, y=y)
    return prepare(read_table(path), seed=0)


@pytest.fixture(scope="module")
def table() -> Prepared:
    """A table of a number and of two columns with many levels."""
    rng = np.random.default_rng(0)
    names = [f"{letter}{i:02}" for letter in "ab" for i in range(30)]
    levels = {name: rng.choice(names, 600) for name in ("town", "street")}
    frame = pd.DataFrame({"n": rng.normal(size=600), **levels, "target": np.arange(600) % 2})
    return prepare(read_table(frame), seed=0)


def test_the_readme_s_example_and_the_digits_serve(arrays: Prepared, write: Write) -> None:
    section = README.read_text(encoding="utf-8").partition("## Your own network")[2]
    example = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    digits = prepare(read_table("digits"), seed=0)
    for file in (write(example), read_objective("digits")):
        for seed in range(3):
            rehearse(file, digits, seed)
    rehearse(write(example), arrays, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_like_it\n", r"^my\.py, line 1, as it is read: ModuleNotFoundError: "),
        (SUGGEST, r"must define suggest\(trial\) and build.*; it lacks `build`\.$"),
        (
            GOOD.replace("return params", "return [params]"),
            r"^suggest of my\.py must return a dict of parameters by name; got list ",
        ),
        (
            GOOD.replace('"units", 2, 16', '"units", 2'),
            r"^my\.py, line 5, in suggest: TypeError: ",
        ),
        (
            GOOD.replace('params["units"]', 'params["unit"]'),
            r"^my\.py, line 14, in build: KeyError: 'unit'$",
        ),
        (
            GOOD.replace("0.01}", '0.01, "mixup": -1}'),
            r"returns `mixup`, which training obeys: it must be a number above 0 .*; got int -1\.",
        ),
        (
            GOOD.replace("0.01}", '0.01, "averaging": "swa"}'),
            r"it must be none, exponential, stochastic; got str 'swa'\.",
        ),
        (GOOD.replace("0.01}", '0.01, "scaling": "standard"}'), "arrays are fed as they are"),
        (
            GOOD.partition("def build")[0] + "def build(p, i):\n    return 3\n",
            "must return a Keras",
        ),
        (GOOD.replace("keras.Input(inputs.shape),", ""), "that begins with keras.Input"),
        (
            GOOD.replace("inputs.shape)", "(4, 3))"),
            r"one input, keras\.Input\(\(3, 4\)\); it takes",
        ),
        (
            GOOD.replace("Dense(inputs.n_outputs)", "Dense(2)"),
            r"must give \(rows, 1\), .*'rows', 2",
        ),
        (
            GOOD.replace("n_outputs)", "n_outputs, activation='sigmoid')"),
            "must give logits, without a sigmoid or softmax",
        ),
        (
            GOOD.replace("return keras.Sequential(", "m = keras.Sequential(")
            + "    m.compile(loss='mse')\n    return m\n",
            "must return an uncompiled model",
        ),
        (
            GOOD.replace("keras.layers.Flatten(),", "Bad(), keras.layers.Flatten(),")
            + "class Bad(keras.layers.Layer):\n    def call(self, x, training=False):\n"
            + "        return [x][bool(training)]\n",
            r"^my\.py, line \d+, as it is fed: IndexError: ",
        ),
        (GOOD + "def optimizer(params):\n    return 'adam'\n", "must return a new Keras optimizer"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(
    arrays: Prepared, write: Write, text: str, says: str
) -> None:
    file = write(text)
    with pytest.raises(SettingError, match=says) as caught:
        rehearse(file, arrays, 0)
    assert str(caught.value).isprintable()


def test_a_file_that_is_no_python_is_refused_without_running_it(
    write: Write, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"^my\.py, line 2: this is not Python: "):
        write("import os\ndef suggest(trial:\n")
    with pytest.raises(SettingError, match="must be a Python file that is there, or digits"):
        read_objective("no such.py")
    (tmp_path / "latin.py").write_bytes(b"# \xff")
    with pytest.raises(SettingError, match="must be a Python file in UTF-8"):
        read_objective(tmp_path / "latin.py")


def test_a_table_with_many_levels_feeds_two_inputs(table: Prepared, write: Write) -> None:
    with pytest.raises(SettingError, match=r"must take two inputs.*\(2,\), dtype='int32'"):
        rehearse(write(GOOD), table, 0)
    two = """
def build(params, inputs):
    features = keras.Input(inputs.shape, name="features")
    codes = keras.Input((len(inputs.embeddings),), dtype="int32", name="codes")
    vectors = [
        keras.layers.Embedding(each.n_codes, each.dimension)(codes[:, j])
        for j, each in enumerate(inputs.embeddings)
    ]
    joined = keras.layers.Concatenate()([features, *vectors])
    return keras.Model({"features": features, "codes": codes}, keras.layers.Dense(1)(joined))
"""
    rehearse(write(GOOD.partition("def build")[0] + two), table, 0)


def test_training_obeys_what_it_knows_and_has_the_usual_for_the_rest(
    arrays: Prepared, write: Write
) -> None:
    said = '"batch_size": 8, "mixup": 0.3, "optimizer": "sgd", "weight_decay": 0'
    text = GOOD.replace('"learning_rate": 0.01', said)
    params = {"units": 4, "drops": False}
    regime = OwnObjective(write(text)).task(params, arrays).regime
    assert (regime.batch_size, regime.mixup, regime.optimizer) == (8, 0.3, "sgd")
    assert (regime.learning_rate, regime.scaling, regime.weight_decay) == (1e-3, "none", 0)
    regime = OwnObjective(write(GOOD)).task(params, arrays).regime
    assert (regime.batch_size, regime.learning_rate, regime.optimizer) == (32, 0.01, "adam")


def test_an_optimizer_of_ones_own_is_taken(arrays: Prepared, write: Write) -> None:
    own = "def optimizer(params):\n    return keras.optimizers.RMSprop(params['learning_rate'])\n"
    task = OwnObjective(write(GOOD + own)).task({"units": 4, "drops": False}, arrays)
    assert type(task.optimizer()).__name__ == "RMSprop"


def test_the_seed_alone_decides_the_first_weights(arrays: Prepared, write: Write) -> None:
    task = OwnObjective(write(GOOD)).task({"units": 4, "drops": False}, arrays)
    first = task.model(3).get_weights()
    other = task.model(4).get_weights()
    again = task.model(3).get_weights()
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


# In a study


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/dampen.db")
    yield database
    close(database)


def _settings(file: ObjectiveFile, sampler: str = "tpe") -> Settings:
    data = DataIdentity(
        source="a.npz", name="a", target="y", labels=("0", "1"), columns=("x",), rows=70, sha256=""
    )
    return Settings(
        data=data,
        objective=file,
        space={},
        seed=5,
        sampler=sampler,
        pruner="none",
        max_epochs=4,
        patience=4,
        timeout_seconds=None,
        workers=1,
        versions=installed_versions(),
    )


def _bench(db: Database, study: str, file: ObjectiveFile, prepared: Prepared) -> Bench:
    settings = _settings(file)
    create_study(db, study, settings=settings.to_json(), planned_trials=20)
    objective = OwnObjective(file)
    return Bench(
        db=db,
        study=study,
        settings=settings,
        prepared=prepared,
        objective=objective,
        programs=Programs(),
    )


def _claim(db: Database, study: str) -> Claim:
    study_id = load_study(db, study).study_id
    claim = claim_trial(db, study_id, register_worker(db, study_id))
    assert claim is not None
    return claim


def _draw(bench: Bench, claim: Claim) -> tuple[dict[str, Any], dict[str, tuple[float, str]]]:
    seed = trial_seed(bench.settings.seed, claim.number, 0)
    study = optuna.load_study(
        study_name=bench.study, storage=bench.db.optuna, sampler=make_sampler("tpe", seed)
    )
    return bench.objective.draw(study, claim.trial_id)


def test_a_study_of_one_seed_draws_and_trains_the_same_again(
    db: Database, arrays: Prepared, write: Write
) -> None:
    found = []
    for study in ("one", "two"):
        bench = _bench(db, study, write(GOOD.replace("2, 16", "8, 9")), arrays)
        for _ in range(3):
            assert run_trial(bench, _claim(db, study), lambda: False) == TrialState.COMPLETE
        trials = db.optuna.get_all_trials(load_study(db, study).study_id)
        found.append([(trial.params, trial.value) for trial in trials])
    assert found[0] == found[1]
    assert max(value or 0.0 for _, value in found[0]) > 0.6


def test_a_trial_does_not_depend_on_those_before_it(
    db: Database, arrays: Prepared, write: Write
) -> None:
    file = write(GOOD.replace("2, 16", "8, 9"))
    bench = _bench(db, "one", file, arrays)
    for _ in range(2):
        run_trial(bench, _claim(db, "one"), lambda: False)
    fresh = _bench(db, "two", file, arrays)
    claims = [_claim(db, "two") for _ in range(2)]
    run_trial(fresh, claims[1], lambda: False)
    first, second = (
        next(t for t in db.optuna.get_all_trials(load_study(db, name).study_id) if t.number == 1)
        for name in ("one", "two")
    )
    assert (first.params, first.value) == (second.params, second.value)
    stored = read_evaluation(db, second._trial_id)
    assert stored is not None
    assert stored.evaluation["verdict"]


def test_a_trial_that_was_given_back_keeps_its_parameters(
    db: Database, arrays: Prepared, write: Write
) -> None:
    bench = _bench(db, "rooks", write(GOOD), arrays)
    claim = _claim(db, "rooks")
    assert run_trial(bench, claim, lambda: True) == TrialState.WAITING
    params = db.optuna.get_trial(claim.trial_id).params
    assert params
    more = GOOD.replace(
        "    return params", "    trial.suggest_int('more', 0, 9)\n    return params"
    )
    again = _claim(db, "rooks")
    assert again.trial_id == claim.trial_id
    drawn, stored = _draw(replace(bench, objective=OwnObjective(write(more))), again)
    assert set(stored) == {"more"}
    assert {**drawn, **params} == drawn


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes"])
def test_what_is_drawn_is_what_optuna_s_own_trial_would_suggest(sampler: str) -> None:
    def suggest(trial: Any) -> dict[str, Any]:
        found = {
            "a": trial.suggest_float("a", 0, 1),
            "b": trial.suggest_float("b", 1e-4, 1, log=True),
        }
        if trial.suggest_categorical("c", ["x", "y"]) == "x":
            found["d"] = trial.suggest_int("d", 1, 9)
        return {**found, "a again": trial.suggest_float("a", 0, 1)}

    drawn = []
    for draws in (True, False):
        study = optuna.create_study(sampler=make_sampler("random", 1))
        study.optimize(lambda trial: suggest(trial)["a"], n_trials=15)
        study.sampler = make_sampler(sampler, 7)
        trial_id = study._storage.create_new_trial(study._study_id)
        if draws:
            params, stored = draw_by(suggest, study, trial_id)
            assert set(stored) == set(params)
        else:
            trial = optuna.Trial(study, trial_id)
            suggest(trial)
            params = trial.params
        drawn.append(params)
    assert drawn[0] == drawn[1]


def test_a_parameter_that_became_another_one_ends_the_search(
    db: Database, arrays: Prepared, write: Write
) -> None:
    bench = _bench(db, "rooks", write(GOOD), arrays)
    record_parameters(db, claim := _claim(db, "rooks"), _draw(bench, claim)[1])
    requeue_trial(db, claim)
    changed = OwnObjective(write(GOOD.replace("[False, True]", "[True]")))
    with pytest.raises(IncompatibleParameterError, match=r"^my\.py, line 6, .* another name"):
        _draw(replace(bench, objective=changed), _claim(db, "rooks"))


def test_drawing_writes_nothing_and_storing_only_for_the_trial_s_owner(
    db: Database, arrays: Prepared, write: Write
) -> None:
    bench = _bench(db, "rooks", write(GOOD), arrays)
    claim = _claim(db, "rooks")
    params, stored = _draw(bench, claim)
    assert set(stored) == set(params)
    assert db.optuna.get_trial(claim.trial_id).params == {}
    requeue_trial(db, claim)
    with pytest.raises(ClaimLostError):
        record_parameters(db, claim, stored)
    assert db.optuna.get_trial(claim.trial_id).params == {}


def test_a_network_that_the_changed_file_builds_is_not_taken_for_a_trial_s(
    db: Database, arrays: Prepared, write: Write, tmp_path: Path
) -> None:
    bench = _bench(db, "rooks", write(GOOD), arrays)
    claim = _claim(db, "rooks")
    run_trial(bench, claim, lambda: False)
    file = find_artifact(db, claim.trial_id, WEIGHTS_FILE)
    params = db.optuna.get_trial(claim.trial_id).params

    def networks(text: str) -> list[Any]:
        task = OwnObjective(write(text)).task(params, arrays)
        return list(trained_networks(task, arrays, file))

    (network,) = networks(GOOD)
    (logits,) = unpack_logits(file)
    x = arrays.folds[0].validation.inputs("none")
    np.testing.assert_allclose(network(x).numpy()[:, 0], logits, atol=1e-5)
    for changed in (GOOD.replace("relu", "tanh"), GOOD.replace('params["units"]', "3")):
        with pytest.raises(TrialError, match="the file has changed since"):
            networks(changed)


# Whether it changed


def test_a_changed_or_missing_file_is_refused_until_it_is_named_again(
    db: Database, write: Write
) -> None:
    then = write(GOOD)
    assert same_objective("rooks", then) == then
    write(GOOD + "# no more\n")
    with pytest.raises(StudyChangedError, match=r"resume rooks --objective .*my\.py$"):
        same_objective("rooks", then)
    Path(then.source).unlink()
    with pytest.raises(StudyChangedError, match="say with --objective where it lies"):
        same_objective("rooks", then)
    with pytest.raises(SettingError, match="Leave --objective out"):
        same_objective("rooks", None, "my.py")


def test_a_moved_file_is_the_same(write: Write, tmp_path: Path) -> None:
    then = write(GOOD)
    moved = Path(then.source).rename(tmp_path / "moved.py")
    found = same_objective("rooks", then, moved)
    assert found is not None
    assert (found.sha256, found.name) == (then.sha256, "moved.py")


def test_the_text_is_kept_with_the_study(db: Database, write: Write) -> None:
    settings = _settings(write(GOOD))
    create_study(db, "rooks", settings=settings.to_json(), planned_trials=1)
    assert objective_text("rooks", db.url) == GOOD
    changed = replace(settings, objective=write(GOOD + "# more\n"))
    record = set_settings(db, "rooks", changed.to_json())
    assert Settings.from_json(record.settings) == changed
    assert objective_text("rooks", db.url) == GOOD + "# more\n"
    create_study(
        db, "queens", settings=replace(settings, objective=None).to_json(), planned_trials=1
    )
    with pytest.raises(SettingError, match="has no objective of its own"):
        objective_text("queens", db.url)
    assert objective_text("digits", None).startswith('"""A convolutional network')
