"""Each part of a cocktail does what its paper says, and another strength costs no trace."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from scipy.stats import beta, binomtest, kstest

from objectives.augmentation import Augmentation
from objectives.engine import Program
from objectives.hyperparameters import Embedding, Hyperparameters, Inputs
from objectives.network import Networks, build_network
from objectives.optimizers import SGD_RATE, make_optimizer, rate_factor
from objectives.programs import Programs
from objectives.recipe import Recipe, recipe_of
from objectives.rows import Rows
from objectives.training import Training

Floats = NDArray[np.float32]

FIVE = Inputs(n_features=5, n_numeric=3)
TABLES = (Embedding(n_codes=7, dimension=3), Embedding(n_codes=60, dimension=2))
CODED = replace(FIVE, embeddings=TABLES, n_outputs=3)
CHOSEN = Hyperparameters(
    widths=(6, 4, 4),
    activation="relu",
    normalization="batch",
    dropout=0.2,
    l1=1e-4,
    l2=1e-3,
    learning_rate=0.01,
    batch_size=16,
)
FULL = replace(
    CHOSEN,
    dropout_shape="increasing",
    optimizer="nadam",
    schedule="cosine",
    weight_decay=0.1,
    clip_norm=0.5,
    max_norm=1.5,
    label_smoothing=0.1,
    input_noise=0.1,
    mixup=0.4,
    cutmix=0.5,
    fgsm=0.05,
    skip=True,
    stochastic_depth=0.3,
    averaging="exponential",
    numeric_embedding="periodic",
    embedding_size=4,
    level_size=2.0,
    members=3,
)
STRENGTHS = {
    "weight_decay": 0.9,
    "clip_norm": 0.01,
    "max_norm": 0.3,
    "label_smoothing": 0.2,
    "input_noise": 1.0,
    "mixup": 1.0,
    "cutmix": 1.0,
    "fgsm": 0.5,
    "stochastic_depth": 0.8,
    "frequency_scale": 2.0,
}


def trained(
    chosen: Hyperparameters,
    rows: Rows,
    y: NDArray[Any],
    programs: Programs,
    *,
    inputs: Inputs = FIVE,
    networks: Networks | None = None,
    seed: int = 0,
    epochs: int = 3,
) -> Training:
    """Train from `seed` to the end."""
    build = networks.network if networks else build_network
    training = Training(
        build(inputs, chosen, seed=seed),
        make_optimizer(chosen),
        rows,
        y,
        programs,
        recipe_of(chosen),
        batch_size=chosen.batch_size,
        max_epochs=epochs,
        patience=epochs,
        seed=seed,
    )
    assert len(list(training.epochs())) == epochs
    return training


def weights(training: Training) -> bytes:
    return b"".join(w.tobytes() for w in training._program.last_weights())


# All of it together


@pytest.mark.parametrize("strength", STRENGTHS)
def test_another_strength_traces_nothing_and_counts(
    strength: str, rows: Rows, y_validation: Floats, shared: Programs
) -> None:
    first = weights(trained(FULL, rows, y_validation, shared))
    second = trained(replace(FULL, **{strength: STRENGTHS[strength]}), rows, y_validation, shared)
    assert weights(second) != first
    assert len(shared) == 1
    assert second._program.traces == 1


@pytest.fixture(scope="module")
def shared() -> Programs:
    """Return programs that the tests share, as trials do."""
    return Programs()


def test_whatever_a_program_and_a_network_did_before_decides_nothing(
    rows: Rows, y_validation: Floats, shared: Programs
) -> None:
    networks = Networks()
    trained(replace(FULL, **STRENGTHS), rows, y_validation, shared, networks=networks, seed=4)
    again = trained(FULL, rows, y_validation, shared, networks=networks)
    fresh = trained(FULL, rows, y_validation, Programs())
    assert weights(again) == weights(fresh)
    assert again.outcome().epochs == fresh.outcome().epochs


def test_codes_and_classes_train_on_all_of_it(coded_rows: Rows, classes: NDArray[np.int64]) -> None:
    training = trained(FULL, coded_rows, classes[40:], Programs(), inputs=CODED)
    outcome = training.outcome()
    assert outcome.metrics is not None
    model = build_network(CODED, FULL, seed=0)
    model.set_weights(training.weights())
    scores = model(coded_rows.x_validation, training=False)
    np.testing.assert_allclose(scores, outcome.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("averaging", ["none", "exponential", "stochastic"])
def test_kept_weights_are_those_that_were_scored(
    averaging: str, rows: Rows, y_validation: Floats
) -> None:
    chosen = replace(FULL, averaging=averaging, normalization="layer")
    training = trained(chosen, rows, y_validation, Programs(), epochs=8)
    model = build_network(FIVE, chosen, seed=0)
    model.set_weights(training.weights())
    scores = np.asarray(model(rows.x_validation, training=False))[:, 0]
    np.testing.assert_allclose(scores, training.outcome().logits, rtol=1e-4, atol=1e-5)
    assert np.allclose(training._program.score(rows.x_validation), scores, rtol=1e-4, atol=1e-5)


def test_all_of_it_still_learns(rows: Rows, y_validation: Floats) -> None:
    chosen = replace(FULL, learning_rate=0.03, widths=(32, 32), fgsm=0.01, dropout=0.0)
    outcome = trained(chosen, rows, y_validation, Programs(), epochs=40).outcome()
    assert outcome.metrics is not None
    assert outcome.metrics.roc_auc > 0.7  # a line finds 0.8 or so, a guess 0.5


# The optimizer


def keras_weights(
    chosen: Hyperparameters, rows: Rows, loss: keras.losses.Loss, epochs: int
) -> list[Floats]:
    """Train on all rows at once by `train_on_batch`, and return the weights."""
    model = build_network(FIVE, chosen, seed=0)
    model.compile(optimizer=make_optimizer(chosen), loss=loss, run_eagerly=True)
    for _ in range(epochs):
        model.train_on_batch(rows.x.numpy(), rows.y.numpy()[:, None])
    return list(model.get_weights())


PLAIN = replace(CHOSEN, dropout=0.0, normalization="none", batch_size=40)


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_decay": 0.5},
        {"clip_norm": 0.02, "optimizer": "sgd"},
        {"clip_norm": 0.02, "weight_decay": 0.5, "optimizer": "nadam"},
        {"max_norm": 0.6},
        {"skip": True},
        {"label_smoothing": 0.2},
    ],
    ids=str,
)
def test_what_keras_has_gives_the_weights_of_keras(
    changes: dict[str, Any], rows: Rows, y_validation: Floats
) -> None:
    chosen, programs = replace(PLAIN, **changes), Programs()
    strong = {name: 2 * value for name, value in changes.items() if isinstance(value, float)}
    trained(replace(chosen, **strong), rows, y_validation, programs, seed=1)  # is forgotten
    training = trained(chosen, rows, y_validation, programs, epochs=4)
    smoothing = chosen.label_smoothing
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = keras_weights(chosen, rows, loss, 4)
    for own, other in zip(training._program.last_weights(), expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=2e-5)


def test_smoothed_classes_give_the_loss_of_keras() -> None:
    z = tf.constant(np.random.default_rng(0).normal(size=(9, 3)), tf.float32)
    y = tf.constant([0, 1, 2] * 3, tf.float32)
    augmentation = Augmentation(Recipe(label_smoothing=0.3))
    augmentation.take(Recipe(label_smoothing=0.3))
    own = tf.reduce_mean(augmentation.loss([(y, tf.ones(9))], z))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)
    assert float(own) == pytest.approx(float(loss(tf.one_hot(tf.cast(y, tf.int32), 3), z)), 1e-5)


def test_optimizers_have_the_rate_that_was_chosen() -> None:
    def rate(name: str) -> float:
        return float(make_optimizer(replace(CHOSEN, optimizer=name)).learning_rate)

    assert (rate("adam"), rate("nadam")) == (pytest.approx(0.01), pytest.approx(0.01))
    assert rate("sgd") == pytest.approx(SGD_RATE * 0.01)


def test_schedules_rise_or_fall_and_start_again() -> None:
    def factors(schedule: str) -> list[float]:
        return [round(rate_factor(schedule, epoch), 3) for epoch in (1, 2, 5, 6, 10, 11, 21, 31)]

    assert factors("constant") == [1] * 8
    assert factors("warmup") == [0.2, 0.4, 1, 1, 1, 1, 1, 1]
    assert factors("cosine") == [1, 0.976, 0.655, 0.5, 0.024, 1, 0.5, 1]


def test_a_schedule_sets_the_rate_of_each_epoch(rows: Rows, y_validation: Floats) -> None:
    chosen = replace(PLAIN, schedule="warmup", optimizer="sgd", l1=0.0, l2=0.0)
    half = replace(chosen, schedule="constant", learning_rate=0.2 * 0.01)
    programs = Programs()
    warm = trained(chosen, rows, y_validation, programs, epochs=1)
    first = weights(warm)
    assert weights(trained(half, rows, y_validation, programs, epochs=1)) == first
    assert len(programs) == 1  # of both schedules


# Rows and labels


def blended(recipe: Recipe, x: Any, seed: int) -> tuple[Any, Floats, Floats]:
    """Return blended rows, and what counts of the label of each and of its partner's."""
    n = len(keras.tree.flatten(x)[0])
    augmentation = Augmentation(recipe)
    augmentation.take(recipe)
    labels = tf.range(n, dtype=tf.float32)
    mixed, targets = augmentation.blend(x, labels, tf.ones(n), (tf.constant([seed, 1]), 0))
    (own, kept), (partner, given) = targets
    assert np.array_equal(own, labels)
    assert np.array_equal(partner, np.roll(labels, 1))
    np.testing.assert_allclose(kept + given, 1, rtol=1e-6)
    return mixed, kept.numpy(), given.numpy()


def test_mixup_blends_rows_and_labels_by_one_share() -> None:
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    mixed, kept, given = blended(Recipe(mixup=0.5), tf.constant(x), seed=3)
    assert 0 < kept[0] < 1
    expected = kept[:, None] * x + given[:, None] * np.roll(x, 1, axis=0)
    np.testing.assert_allclose(mixed, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_of_mixup_have_the_beta_distribution(alpha: float) -> None:
    x = tf.zeros((2, 1))
    shares = [blended(Recipe(mixup=alpha), x, seed)[1][0] for seed in range(300)]
    assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 1e-3


def test_tiny_alpha_leaves_one_of_the_two_rows() -> None:
    shares = [blended(Recipe(mixup=1e-6), tf.zeros((2, 1)), seed)[1][0] for seed in range(20)]
    assert set(np.round(shares, 3)) <= {0.0, 1.0}


def test_codes_are_chosen_not_blended() -> None:
    codes = tf.constant(np.arange(2000).reshape(1000, 2), tf.int32)
    x = {"features": tf.zeros((1000, 3)), "codes": codes}
    mixed, kept, _ = blended(Recipe(mixup=1.0), x, seed=5)
    own = np.asarray(mixed["codes"]) == np.asarray(codes)
    partner = np.asarray(mixed["codes"]) == np.roll(codes, 1, axis=0)
    assert np.all(own | partner)
    assert binomtest(int(own.sum()), own.size, float(kept[0])).pvalue > 1e-3


def test_cutmix_takes_columns_of_the_partner_and_its_label_by_their_number() -> None:
    x = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
    shares = set()
    for seed in range(20):
        mixed, kept, _ = blended(Recipe(cutmix=1.0), tf.constant(x), seed)
        own = np.all(np.asarray(mixed) == x, axis=0)
        partner = np.all(np.asarray(mixed) == np.roll(x, 1, axis=0), axis=0)
        assert np.all(own | partner)
        assert kept[0] == pytest.approx(own.mean())
        shares.add(float(kept[0]))
    assert len(shares) > 5


def test_cutmix_comes_as_often_as_it_should_and_mixup_otherwise() -> None:
    x = tf.constant([[0.0] * 9, [1.0] * 9])
    cut = sum(
        set(np.unique(blended(Recipe(cutmix=0.3, mixup=1.0), x, seed)[0])) <= {0.0, 1.0}
        for seed in range(200)
    )
    assert binomtest(cut, 200, 0.3).pvalue > 1e-3


def test_without_blending_rows_are_left_alone() -> None:
    x, y, w = tf.ones((3, 2)), tf.zeros(3), tf.ones(3)
    same, targets = Augmentation(Recipe(fgsm=0.1)).blend(x, y, w, (tf.constant([0, 1]), 0))
    assert same is x
    assert [(label is y, weight is w) for label, weight in targets] == [(True, True)]


def test_adversarial_rows_are_moved_against_the_truth_and_trained_on() -> None:
    # One step of gradient descent on both, by hand: logistic regression without a bias.
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 5)).astype(np.float32)
    y = rng.integers(0, 2, 40).astype(np.float32)
    start = rng.normal(size=(5, 1)).astype(np.float32)
    logit = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((5,)), logit])
    model.set_weights([start])
    ones = tf.ones(40)
    rows = Rows(x=tf.constant(x), y=tf.constant(y), w=ones, x_validation=tf.constant(x))
    recipe = Recipe(fgsm=0.25)
    program = Program(model, keras.optimizers.SGD(1.0), rows, recipe)
    program.start(model, None, recipe, seed=0)
    program.epoch(rows, batch_size=40, seed=0, epoch=1)

    def gradient(features: Floats) -> Floats:
        p = 1 / (1 + np.exp(-(features @ start)[:, 0]))
        return np.asarray(features.T @ (p - y)[:, None] / 40)

    slope = (1 / (1 + np.exp(-(x @ start)[:, 0])) - y)[:, None] * start[:, 0]
    harder = x + 0.25 * np.sign(slope)
    expected = start - (gradient(x) + gradient(harder)) / 2
    np.testing.assert_allclose(program.last_weights()[0], expected, rtol=1e-4, atol=1e-5)


# Averages, on one step an epoch


def states(averaging: str, rows: Rows, epochs: int) -> tuple[list[Floats], list[Floats]]:
    """Return a kernel after each epoch, and its average."""
    chosen = replace(PLAIN, averaging=averaging)
    model = build_network(FIVE, chosen, seed=0)
    program = Program(model, make_optimizer(chosen), rows, recipe_of(chosen))
    program.start(model, None, recipe_of(chosen), seed=0)
    present, average = [np.asarray(model.get_weights()[0])], []
    for epoch in range(1, epochs + 1):
        program.epoch(rows, batch_size=40, seed=0, epoch=epoch)
        program.keep()
        present.append(program.last_weights()[0])
        average.append(program.best_weights()[0])
    return present, average


def test_the_exponential_average_follows_every_step(rows: Rows) -> None:
    present, average = states("exponential", rows, 12)
    expected = present[0]
    for step, (weight, own) in enumerate(zip(present[1:], average, strict=True), start=1):
        decay = min(0.5, (1 + step) / (10 + step))  # a window of two epochs of a step each
        expected = decay * expected + (1 - decay) * weight
        np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-6)


def test_the_stochastic_average_is_the_mean_of_ends_of_epochs(rows: Rows) -> None:
    present, average = states("stochastic", rows, 8)
    for epoch in range(1, 6):
        np.testing.assert_allclose(average[epoch - 1], present[epoch], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(average[7], np.mean(present[5:9], axis=0), rtol=1e-4, atol=1e-6)


# The network


@pytest.mark.parametrize(
    ("shape", "rates"),
    [
        ("constant", [0.3, 0.3, 0.3]),
        ("increasing", [0.1, 0.2, 0.3]),
        ("decreasing", [0.3, 0.2, 0.1]),
    ],
)
def test_dropout_goes_over_the_layers_as_its_shape_says(shape: str, rates: list[float]) -> None:
    model = build_network(FIVE, replace(CHOSEN, dropout=0.3, dropout_shape=shape), seed=0)
    found = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert found == pytest.approx(rates)


def test_a_skip_connection_adds_what_a_layer_was_given() -> None:
    model = build_network(FIVE, replace(CHOSEN, skip=True), seed=0)
    names = [layer.name for layer in model.layers]
    assert [name for name in names if name.startswith("shortcut")] == ["shortcut_1"]  # 6 to 4
    last = keras.Model(
        model.inputs[0],
        [model.get_layer(name).output for name in ("sum_1", "dropout_2", "sum_2")],
    )
    before, added, after = last(np.ones((3, 5), np.float32))
    np.testing.assert_allclose(after, before + added, rtol=1e-5)


def test_later_layers_are_skipped_more_often_and_of_each_row_as_a_whole() -> None:
    chosen = replace(CHOSEN, skip=True, stochastic_depth=0.4, dropout=0.0)
    model = build_network(FIVE, chosen, seed=0)
    rates = [model.get_layer(f"depth_{i}").rate for i in (1, 2)]
    assert rates == pytest.approx([0.2, 0.4])
    dropped = model.get_layer("depth_2")(np.ones((200, 4), np.float32), training=True)
    per_row = np.unique(np.asarray(dropped), axis=1)
    assert per_row.shape == (200, 1)
    assert binomtest(int((per_row == 0).sum()), 200, 0.4).pvalue > 1e-3


def test_noise_is_added_to_features_while_training_alone() -> None:
    model = build_network(FIVE, replace(PLAIN, input_noise=0.5), seed=0)
    x = np.zeros((2000, 5), np.float32)
    noisy = np.asarray(model.get_layer("noise")(x, training=True))
    assert noisy.std() == pytest.approx(0.5, rel=0.05)
    assert np.array_equal(model.get_layer("noise")(x, training=False), x)


def test_vectors_of_levels_are_as_many_times_their_usual_length() -> None:
    usual = [each.dimension for each in TABLES]
    for level_size, lengths in ((2.0, [2 * d for d in usual]), (0.01, [1 for _ in usual])):
        model = build_network(CODED, replace(PLAIN, level_size=level_size), seed=0)
        found = [model.get_layer(f"embedding_{j}").output.shape[-1] for j in range(len(usual))]
        assert found == lengths


@pytest.mark.parametrize("kind", ["periodic", "piecewise"])
def test_numbers_become_several_each_and_other_features_stay(kind: str) -> None:
    chosen = replace(PLAIN, numeric_embedding=kind, embedding_size=6)
    model = build_network(FIVE, chosen, seed=0)
    inner = keras.Model(model.inputs[0], model.get_layer("numbers_and_others").output)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    found = np.asarray(inner(x)).reshape(4, -1)
    assert found.shape == (4, 3 * 6 + 2)
    np.testing.assert_array_equal(found[:, 18:], x[:, 3:])
    moved = np.asarray(inner(x + np.eye(5, dtype=np.float32)[1]))  # one number moves its own six
    assert set(np.flatnonzero(np.any(moved != found, axis=0))) <= set(range(6, 12))
    assert np.any(moved[:, 6:12] != found[:, 6:12])


def test_periodic_numbers_are_sines_and_cosines_at_learnt_frequencies() -> None:
    chosen = replace(PLAIN, numeric_embedding="periodic", frequency_scale=0.7)
    model = build_network(FIVE, chosen, seed=0)
    frequencies = model.get_layer("frequencies").kernel.numpy()  # (k, f)
    linear = model.get_layer("numbers")
    assert frequencies.std() == pytest.approx(0.7, rel=0.4)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    angles = 2 * np.pi * frequencies * x[:, :, None]
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    np.testing.assert_allclose(
        keras.Model(model.inputs[0], linear.input)(np.pad(x, ((0, 0), (0, 2)))),
        waves,
        rtol=1e-4,
        atol=1e-5,
    )


def test_pieces_of_a_normal_score_fill_one_after_the_other() -> None:
    model = build_network(FIVE, replace(PLAIN, numeric_embedding="piecewise"), seed=0)
    pieces = keras.Model(model.inputs[0], model.get_layer("numbers").input)
    x = np.zeros((5, 5), np.float32)
    x[:, 0] = [-4, -3, 0, 0.1, 3]
    found = np.asarray(pieces(x))[:, 0]
    np.testing.assert_allclose(found.sum(axis=1)[[0, 1, 2, 4]], [0, 0, 8, 16], atol=1e-4)
    assert 8 < found[3].sum() < 9
    assert np.all(np.diff(found, axis=1) <= 1e-6)


@pytest.mark.parametrize("inputs", [FIVE, replace(FIVE, n_outputs=3)], ids=["two", "classes"])
def test_logits_of_members_are_those_of_their_mean_probability(inputs: Inputs) -> None:
    model = build_network(inputs, replace(PLAIN, members=4), seed=0)
    x = 30 * np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    each = keras.Model(model.inputs[0], model.get_layer("heads").output)(x)
    logits = np.asarray(model(x), np.float64)
    assert np.isfinite(logits).all()
    if inputs.n_outputs == 1:
        mean = tf.reduce_mean(tf.sigmoid(each), axis=1)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), mean, rtol=1e-4, atol=1e-6)
    else:
        mean = tf.reduce_mean(tf.nn.softmax(each), axis=1)
        np.testing.assert_allclose(tf.nn.softmax(logits), mean, rtol=1e-4, atol=1e-6)


def test_each_member_is_trained_on_its_own_loss(rows: Rows, y_validation: Floats) -> None:
    # The gradient of the mean of losses, not of the loss of the mean.
    chosen = replace(PLAIN, members=3, optimizer="sgd", l1=0.0, l2=0.0, skip=True)
    training = trained(chosen, rows, y_validation, Programs(), epochs=1)
    model = build_network(FIVE, chosen, seed=0)
    each = keras.Model(model.inputs[0], model.get_layer("heads").output)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        z = each(rows.x)[:, :, 0]
        own = tf.reduce_mean([loss(rows.y, z[:, m]) for m in range(3)])
    gradients = tape.gradient(own, [v.value for v in model.trainable_variables])
    optimizer = make_optimizer(chosen)
    optimizer.build(model.trainable_variables)
    optimizer.apply(gradients)
    for found, expected in zip(training._program.last_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_network_with_all_of_it_is_stock_keras(tmp_path: Any) -> None:
    model = build_network(CODED, FULL, seed=0)
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    x = {"features": np.ones((3, 5), np.float32), "codes": np.zeros((3, 2), np.int32)}
    np.testing.assert_array_equal(model(x, training=False), again(x, training=False))
