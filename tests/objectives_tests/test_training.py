"""Training stops when it should, ends at its best epoch, and repeats bit for bit."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from objectives.hyperparameters import (
    ACTIVATIONS,
    NORMALIZATIONS,
    Embedding,
    Hyperparameters,
    Inputs,
)
from objectives.metrics import evaluate, log_loss, probabilities, roc_auc
from objectives.network import Networks, build_network
from objectives.programs import Programs
from objectives.rows import Rows, place
from objectives.training import Outcome, Training
from objectives.verdict.case import guilty_penalty, is_collapsed

Floats = NDArray[np.float32]
optimizers = keras.optimizers

FIVE = Inputs(n_features=5)
TABLES = (Embedding(n_codes=7, dimension=3), Embedding(n_codes=60, dimension=2))
CODED = Inputs(n_features=5, embeddings=TABLES, n_outputs=3)
CHOSEN = Hyperparameters(
    widths=(6, 4),
    activation="relu",
    normalization="batch",
    dropout=0.3,
    l1=1e-3,
    l2=1e-2,
    learning_rate=0.01,
    batch_size=16,
)


def training(
    rows: Rows,
    y: NDArray[Any],
    programs: Programs,
    chosen: Hyperparameters = CHOSEN,
    *,
    inputs: Inputs = FIVE,
    seed: int = 0,
    max_epochs: int = 6,
    patience: int = 6,
    optimizer: keras.Optimizer | None = None,
    model: keras.Model | None = None,
) -> Training:
    return Training(
        model or build_network(inputs, chosen, seed=seed),
        optimizer or optimizers.Adam(chosen.learning_rate),
        rows,
        y,
        programs,
        batch_size=chosen.batch_size,
        max_epochs=max_epochs,
        patience=patience,
        seed=seed,
    )


def walked(*args: Any, **settings: Any) -> Training:
    run = training(*args, **settings)
    for _ in run.epochs():
        pass
    return run


def finished(*args: Any, **settings: Any) -> Outcome:
    return walked(*args, **settings).outcome()


def digest(run: Training) -> str:
    """Return a hash of every bit of the weights."""
    return hashlib.sha256(b"".join(w.tobytes() for w in run.weights())).hexdigest()


# Early stopping, on a program that plays a script


class Script:
    """A cache and its only program, whose epochs give the validation scores it was told."""

    def __init__(self, *scores: Floats, losses: dict[int, float] | None = None) -> None:
        self.scores = scores
        self.losses = losses or {}
        self.starts = 1
        self.kept: list[int] = []
        self.ran = 0

    def program_for(self, *_: Any) -> "Script":
        return self

    def start(self, *_: Any, seed: int) -> None: ...

    def epoch(self, *_: Any, epoch: int, **__: Any) -> tuple[float, Floats]:
        self.ran = epoch
        return self.losses.get(epoch, 0.5), self.scores[epoch - 1]

    def keep(self) -> None:
        self.kept.append(self.ran)

    def best_weights(self) -> list[Floats]:
        return []


LABELS = np.array([0, 0, 1, 1], np.float32)
SCORES = {  # logits of the four rows with the ROC-AUC that names them
    0.0: np.array([2, 1, -1, -2], np.float32),
    0.5: np.array([-1, 2, 1, 1.5], np.float32),
    0.75: np.array([-1, 2, 1, 3], np.float32),
    1.0: np.array([-2, -1, 1, 2], np.float32),
}


def scripted(*aucs: float, patience: int = 2) -> tuple[Script, Training]:
    script = Script(*(SCORES[auc] for auc in aucs))
    return script, played(script, LABELS, patience=patience)


def played(script: Script, y: NDArray[Any], *, patience: int = 2) -> Training:
    return Training(
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
        optimizers.SGD(0.1),
        None,  # type: ignore[arg-type]  # the script reads no rows
        y,
        script,  # type: ignore[arg-type]
        batch_size=1,
        max_epochs=len(script.scores),
        patience=patience,
        seed=0,
    )


@pytest.mark.parametrize(
    ("aucs", "patience", "epochs", "best"),
    [
        ((0.5, 0.75, 0.5, 0.5, 1.0), 2, 4, 2),  # two epochs without a better one
        ((0.5, 0.75, 0.5, 0.5, 1.0), 3, 5, 5),
        ((0.5, 0.75, 0.5, 1.0, 0.5, 0.5, 1.0), 2, 6, 4),  # a better one starts the count anew
        ((0.75, 0.75, 0.75, 1.0), 2, 3, 1),  # an equal one does not
        ((0.5, 0.75, 1.0), 1, 3, 3),  # to the last epoch allowed
        ((0.0, 0.0, 0.5), 1, 2, 1),  # 0 is a value like any other
    ],
)
def test_training_stops_after_patience_epochs_without_a_better_auc(
    aucs: tuple[float, ...], patience: int, epochs: int, best: int
) -> None:
    script, run = scripted(*aucs, patience=patience)
    records = list(run.epochs())
    assert [record.number for record in records] == list(range(1, epochs + 1))
    assert script.ran == epochs
    outcome = run.outcome()
    assert (outcome.best_epoch, script.kept[-1]) == (best, best)
    assert outcome.metrics is not None
    assert outcome.metrics.roc_auc == aucs[best - 1]
    assert outcome.logits is SCORES[aucs[best - 1]]
    assert outcome.epochs == tuple(records)


def test_a_record_says_the_epochs_figures() -> None:
    _, run = scripted(0.75, 0.5)
    first, second = run.epochs()
    assert (first.validation_auc, first.best_auc) == (0.75, 0.75)
    assert (second.validation_auc, second.best_auc) == (0.5, 0.75)
    assert first.training_loss == 0.5
    assert first.validation_loss == log_loss(LABELS, SCORES[0.75])


@pytest.mark.parametrize("where", ["loss", "scores"])
def test_what_is_not_finite_ends_training_as_diverged(where: str) -> None:
    script, run = scripted(0.5, 0.75, 1.0)
    if where == "loss":
        script.losses = {2: float("nan")}
    else:
        script.scores = (SCORES[0.5], np.array([0, 1, np.inf, 1], np.float32))
    assert [record.number for record in run.epochs()] == [1]
    outcome = run.outcome()
    assert (outcome.diverged, outcome.best_epoch, len(outcome.epochs)) == (True, 1, 1)


CLASSES = np.array([0, 1, 2, 1])


def test_training_on_classes_stops_and_reports_by_their_mean_auc_against_the_rest() -> None:
    best = 4 * np.eye(3, dtype=np.float32)[CLASSES]
    worse, worst = best[[1, 0, 2, 3]], best[[1, 2, 0, 0]]
    run = played(Script(worst, worse, best, worse, worst, best), CLASSES)
    records = list(run.epochs())
    assert [record.validation_auc for record in records] == [
        pytest.approx(roc_auc_score(CLASSES, probabilities(logits), multi_class="ovr"))
        for logits in (worst, worse, best, worse, worst)
    ]
    assert records[2].validation_loss == log_loss(CLASSES, best) < records[1].validation_loss
    outcome = run.outcome()
    assert (outcome.best_epoch, outcome.diverged) == (3, False)
    assert outcome.logits is best
    assert outcome.metrics == evaluate(CLASSES, best)


def test_before_any_epoch_there_are_neither_metrics_nor_weights() -> None:
    _, run = scripted(1.0)
    outcome = run.outcome()
    assert (outcome.metrics, outcome.best_epoch, outcome.logits) == (None, 0, None)
    with pytest.raises(RuntimeError, match="no epoch"):
        run.weights()


# On the real engine


@pytest.fixture(scope="module")
def programs() -> Programs:
    """Return a cache that keeps its programs from test to test."""
    return Programs()


def test_the_weights_are_those_of_the_best_epoch(
    rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    # A learning rate too large for the task: the validation ROC-AUC goes up and down.
    chosen = replace(CHOSEN, learning_rate=0.3)
    model = build_network(FIVE, chosen, seed=0)
    run = Training(
        model,
        optimizers.Adam(chosen.learning_rate),
        rows,
        y_validation,
        programs,
        batch_size=16,
        max_epochs=12,
        patience=12,
        seed=0,
    )
    records = list(run.epochs())
    outcome = run.outcome()
    best = max(records, key=lambda record: record.validation_auc)
    assert outcome.best_epoch == best.number < len(records) == 12
    assert best.validation_auc > records[-1].validation_auc
    model.set_weights(run.weights())
    predicted = model.predict(rows.x_validation, verbose=0).ravel()
    assert roc_auc(y_validation, predicted) == best.validation_auc
    assert outcome.metrics is not None
    assert outcome.metrics.roc_auc == best.validation_auc


def test_a_huge_learning_rate_diverges_at_once(
    rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    chosen = replace(CHOSEN, normalization="none", learning_rate=1e30)
    finished(rows, y_validation, programs, replace(chosen, learning_rate=0.01))
    run = walked(rows, y_validation, programs, chosen)
    outcome = run.outcome()
    assert (outcome.diverged, outcome.metrics, outcome.epochs) == (True, None, ())
    assert outcome.logits is None
    with pytest.raises(RuntimeError, match="no epoch"):  # not the weights of the trial before
        run.weights()


def test_an_infinite_feature_diverges_at_once(
    table: tuple[Floats, Floats], y_validation: Floats, programs: Programs
) -> None:
    x, y = table[0].copy(), table[1]
    x[17, 2] = np.inf
    outcome = finished(place(x[:40], y[:40], x[40:]), y_validation, programs)
    assert (outcome.diverged, outcome.epochs) == (True, ())


def test_a_huge_penalty_collapses_the_network(
    rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    # 40 steps of 0.05 an epoch: enough in the first to bring every weight, at most 1.1, to zero.
    chosen = replace(CHOSEN, normalization="none", batch_size=1, learning_rate=0.05)
    assert not is_collapsed(walked(rows, y_validation, programs, chosen).signs())
    dead = walked(rows, y_validation, programs, replace(chosen, l1=5.0)).signs()
    assert is_collapsed(dead)
    assert guilty_penalty(dead.last_layers) == "L1"


def test_signs_tell_the_weights_and_rows_as_keras_has_them(
    table: tuple[Floats, Floats], rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    model = build_network(FIVE, CHOSEN, seed=0)
    start = [float(np.abs(layer.kernel).mean()) for layer in model.layers if _dense(layer)]
    rate = optimizers.Adam(0.3)  # too large: the best epoch is not the last
    run = walked(
        rows, y_validation, programs, model=model, optimizer=rate, max_epochs=12, patience=12
    )
    outcome, weights = run.outcome(), run.weights()
    signs = run.signs()
    model.set_weights(weights)
    kernels = [np.abs(layer.kernel) for layer in model.layers if _dense(layer)]
    x, y = table[0][:40], table[1][:40]
    assert outcome.best_epoch < signs.epochs == 12, "or the two states would not be told apart"
    assert signs.training_auc == roc_auc(y, model.predict(x, verbose=0).ravel())
    assert outcome.metrics is not None
    assert signs.roc_auc == outcome.metrics.roc_auc
    assert [layer.name for layer in signs.layers] == ["dense_0", "dense_1", "logit"]
    assert [layer.start for layer in signs.layers] == pytest.approx(start)
    assert [layer.end for layer in signs.layers] == pytest.approx([k.mean() for k in kernels])
    assert [layer.small for layer in signs.layers] == [np.mean(k < 1e-3) for k in kernels]
    assert {(layer.l1, layer.l2) for layer in signs.layers} == {(CHOSEN.l1, CHOSEN.l2)}
    assert signs.layers != signs.last_layers
    assert outcome.logits is not None
    assert signs.best_spread == pytest.approx(np.std(probabilities(outcome.logits)))
    assert signs.counts == (np.sum(y_validation == 0), np.sum(y_validation == 1))


def test_signs_compile_nothing(rows: Rows, y_validation: Floats) -> None:
    programs = Programs()
    run = walked(rows, y_validation, programs)
    traces = run._program.traces
    run.signs()
    assert run._program.traces == traces


def test_signs_of_classes_and_codes(coded_rows: Rows, classes: NDArray[np.int64]) -> None:
    signs = walked(coded_rows, classes[40:], Programs(), inputs=CODED).signs()
    assert {layer.name for layer in signs.layers} >= {"embedding_0", "embedding_1", "logits"}
    assert signs.counts == tuple(np.bincount(classes[40:], minlength=3))
    assert signs.training_auc is not None


def _dense(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.Dense)


@pytest.mark.parametrize("stop_after", [1, 2])
def test_training_can_be_left_at_any_epoch(
    stop_after: int, rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    run = training(rows, y_validation, programs)
    records = list(islice(run.epochs(), stop_after))
    outcome = run.outcome()
    assert len(outcome.epochs) == stop_after
    assert outcome.metrics is not None
    assert outcome.metrics.roc_auc == records[-1].best_auc
    left = digest(run)
    assert left == digest(walked(rows, y_validation, programs, max_epochs=stop_after))


def test_a_training_that_was_left_does_not_disturb_the_next(
    rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    undisturbed = digest(walked(rows, y_validation, programs))
    left = training(rows, y_validation, programs, replace(CHOSEN, dropout=0.8), seed=3).epochs()
    next(left)
    assert digest(walked(rows, y_validation, programs)) == undisturbed


def test_a_training_whose_program_was_taken_over_says_so(
    rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    first = training(rows, y_validation, programs)
    going_on = first.epochs()
    next(going_on)
    finished(rows, y_validation, programs, seed=1)
    with pytest.raises(RuntimeError, match="a later training of the same architecture"):
        next(going_on)
    with pytest.raises(RuntimeError, match="Finish a training, `weights` included"):
        first.weights()
    assert first.outcome().best_epoch == 1  # needs none of the program's variables


def test_a_learning_rate_schedule_is_followed_in_every_trial(
    rows: Rows, y_validation: Floats, programs: Programs
) -> None:
    def stopping() -> keras.Optimizer:
        # From the fourth step on, which is the second epoch's first, nothing is learned.
        return optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay([2], [0.3, 0.0]))

    chosen = replace(CHOSEN, normalization="none")
    for seed in (0, 1):
        outcome = finished(
            rows, y_validation, programs, chosen, seed=seed, optimizer=stopping(), max_epochs=3
        )
        losses = [epoch.validation_loss for epoch in outcome.epochs]
        start = build_network(FIVE, chosen, seed=seed)(rows.x_validation).numpy().ravel()
        assert losses[0] == losses[1] == losses[2] != log_loss(y_validation, start)


# Bit for bit


def test_a_trial_repeats_whichever_ran_before_and_whatever_is_cached(
    rows: Rows, y_validation: Floats
) -> None:
    cold = digest(walked(rows, y_validation, Programs()))
    warm = Programs()
    keras.utils.set_random_seed(99)  # the global seeds decide nothing
    for other in (replace(CHOSEN, dropout=0.7, l1=0.1, batch_size=5), replace(CHOSEN, widths=(3,))):
        finished(rows, y_validation, warm, other, seed=8)
    assert digest(walked(rows, y_validation, warm)) == cold
    assert digest(walked(rows, y_validation, warm, seed=1)) != cold


def test_a_trial_with_classes_and_embeddings_repeats_whatever_is_cached(
    coded_rows: Rows, classes: NDArray[np.int64]
) -> None:
    def walk(programs: Programs, chosen: Hyperparameters = CHOSEN, *, seed: int = 0) -> str:
        y = classes[40:]
        return digest(walked(coded_rows, y, programs, chosen, inputs=CODED, seed=seed))

    cold, warm = walk(Programs()), Programs()
    keras.utils.set_random_seed(99)  # the global seeds decide nothing
    walk(warm, replace(CHOSEN, dropout=0.7, l1=0.1, batch_size=5), seed=8)
    assert walk(warm) == cold
    assert walk(warm, seed=1) != cold
    assert len(warm) == 1


def test_a_network_learns_classes_from_codes_alone(codes: NDArray[np.int32]) -> None:
    y = codes[:, 0] % 3
    x = {"features": np.zeros((53, 0), np.float32), "codes": codes}
    rows = place(
        {name: part[:40] for name, part in x.items()},
        y[:40],
        {name: part[40:] for name, part in x.items()},
    )
    inputs = replace(CODED, n_features=0)
    chosen = replace(CHOSEN, widths=(16,), normalization="none", dropout=0.0, learning_rate=0.1)
    run = walked(rows, y[40:], Programs(), chosen, inputs=inputs, max_epochs=30, patience=30)
    outcome = run.outcome()
    assert outcome.metrics is not None
    assert (outcome.metrics.roc_auc, outcome.diverged) == (1.0, False)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_kept_network_trains_as_a_new_one_and_is_left_as_it_was(
    activation: str, normalization: str, rows: Rows, y_validation: Floats
) -> None:
    drawn = replace(CHOSEN, activation=activation, normalization=normalization)
    _assert_a_kept_network_is_as_new(FIVE, drawn, rows, y_validation)


def test_a_kept_network_with_embeddings_trains_as_a_new_one(
    coded_rows: Rows, classes: NDArray[np.int64]
) -> None:
    _assert_a_kept_network_is_as_new(CODED, CHOSEN, coded_rows, classes[40:])


def _assert_a_kept_network_is_as_new(
    inputs: Inputs, drawn: Hyperparameters, rows: Rows, y: NDArray[Any]
) -> None:
    # Each trial leaves its network to the next: what one changed, the others would start from.
    networks, kept, built = Networks(), Programs(), Programs()
    trials = [
        (drawn, 0),
        (replace(drawn, dropout=0.6, l1=0.0, l2=0.1, learning_rate=0.1), 1),
        (replace(drawn, dropout=0.0, l1=0.0, l2=0.0), 2),
        (drawn, 0),
    ]
    digests = []
    for chosen, seed in trials:
        model = networks.network(inputs, chosen, seed=seed)
        fresh = build_network(inputs, chosen, seed=seed)
        run = walked(rows, y, kept, chosen, seed=seed, model=model)
        digests.append(digest(run))
        expected = walked(rows, y, built, chosen, seed=seed, model=fresh)
        assert digests[-1] == digest(expected)
        assert run.outcome().epochs == expected.outcome().epochs
        assert np.array_equal(run.outcome().logits, expected.outcome().logits)
        untrained = build_network(inputs, chosen, seed=seed)
        for layer, other in zip(model.layers, untrained.layers, strict=True):
            assert layer.get_config() == other.get_config()
        for own, initial in zip(model.get_weights(), untrained.get_weights(), strict=True):
            assert own.tobytes() == initial.tobytes()
    assert digests[0] == digests[3]
    assert len(set(digests)) == 3
    assert (len(kept), len(built)) == (1, 1)


ALONE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("again", sys.argv[1])
again = importlib.util.module_from_spec(spec)
sys.modules["again"] = again
from objectives.execution import configure_process
from objectives.rows import place
configure_process(1)
spec.loader.exec_module(again)
import numpy as np
data = np.load(sys.argv[2])
rows = place(data["x"][:40], data["y"][:40], data["x"][40:])
print(again.digest(again.walked(rows, data["y"][40:], again.Programs())))
"""


def test_a_trial_repeats_in_a_fresh_process_with_another_hash_seed(
    rows: Rows,
    y_validation: Floats,
    table: tuple[Floats, Floats],
    programs: Programs,
    tmp_path: Any,
) -> None:
    np.savez(tmp_path / "table.npz", x=table[0], y=table[1])
    command = [sys.executable, "-c", ALONE, __file__, str(tmp_path / "table.npz")]
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == digest(walked(rows, y_validation, programs))
