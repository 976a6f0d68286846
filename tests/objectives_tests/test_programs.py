"""A second trial of an architecture traces nothing, and the cache stays within its bounds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from objectives.engine import Program
from objectives.hyperparameters import Embedding, Hyperparameters, Inputs
from objectives.network import build_network
from objectives.programs import Programs
from objectives.rows import Rows, place

layers, optimizers = keras.layers, keras.optimizers

FIVE = Inputs(n_features=5)
TABLES = (Embedding(n_codes=7, dimension=3), Embedding(n_codes=60, dimension=2))
CODED = Inputs(n_features=5, embeddings=TABLES, n_outputs=3)
CHOSEN = Hyperparameters(
    widths=(6, 4),
    activation="relu",
    normalization="none",
    dropout=0.3,
    l1=1e-3,
    l2=1e-2,
    learning_rate=0.01,
    batch_size=16,
)


def run(
    programs: Programs, model: keras.Model, rows: Rows, *, seed: int = 0, batch_size: int = 16
) -> Program:
    """Run one epoch and return the program it ran on."""
    program = programs.program_for(model, optimizers.Adam(0.01), rows)
    program.start(model, None, seed=seed)
    program.epoch(rows, batch_size=batch_size, seed=seed, epoch=1)
    return program


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.6},
        {"dropout": 0.0},
        {"l1": 0.5},
        {"l1": 0.0, "l2": 0.0},
        {"l2": 0.5},
        {"learning_rate": 1.0},
        {"batch_size": 7},
    ],
    ids=str,
)
def test_a_second_trial_of_one_architecture_traces_nothing(
    changes: dict[str, Any], rows: Rows, shared: Programs
) -> None:
    second = replace(CHOSEN, **changes)
    program = shared.program_for(
        build_network(FIVE, CHOSEN, seed=0), optimizers.Adam(CHOSEN.learning_rate), rows
    )
    model = build_network(FIVE, second, seed=1)
    again = shared.program_for(model, optimizers.Adam(second.learning_rate), rows)
    again.start(model, optimizers.Adam(second.learning_rate), seed=1)
    again.epoch(rows, batch_size=second.batch_size, seed=1, epoch=1)
    again.epoch(rows, batch_size=second.batch_size, seed=1, epoch=2)
    assert again is program
    assert again.traces == 1


@pytest.fixture(scope="module")
def shared() -> Programs:
    """Return a cache that keeps its programs from test to test."""
    return Programs()


@pytest.mark.parametrize(
    "changes", [{"dropout": 0.0}, {"l1": 0.5, "l2": 0.0}, {"batch_size": 7}], ids=str
)
def test_a_second_trial_with_embeddings_traces_nothing(
    changes: dict[str, Any], coded_rows: Rows, shared: Programs
) -> None:
    second = replace(CHOSEN, **changes)
    program = run(shared, build_network(CODED, CHOSEN, seed=0), coded_rows)
    model = build_network(CODED, second, seed=1)  # whose operations Keras named anew
    assert run(shared, model, coded_rows, seed=1, batch_size=second.batch_size) is program
    assert program.traces == 1


def test_other_embeddings_and_numbers_of_classes_are_other_programs(coded_rows: Rows) -> None:
    programs = Programs()
    wider = (TABLES[0], Embedding(n_codes=60, dimension=3))
    for inputs in (CODED, replace(CODED, embeddings=wider), replace(CODED, n_outputs=4)):
        assert run(programs, build_network(inputs, CHOSEN, seed=0), coded_rows).traces == 1
    assert len(programs) == 3


def test_other_numbers_of_rows_trace_nothing(rows: Rows, shared: Programs) -> None:
    program = run(shared, build_network(FIVE, CHOSEN, seed=0), rows)
    x, y, x_validation = (part.numpy() for part in (rows.x, rows.y, rows.x_validation))
    fewer = place(x[:21], y[:21], x_validation[:6])
    assert run(shared, build_network(FIVE, CHOSEN, seed=0), fewer) is program
    assert program.traces == 1


def automatic(width: int = 3, activation: str = "relu") -> keras.Model:
    """Return a model whose every name Keras chose, each time another one."""
    inputs = keras.Input((5,))
    hidden = layers.Dense(width, activation)(inputs)
    return keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.2)(layers.Add()([hidden, hidden]))))


def test_automatic_names_trace_nothing(rows: Rows) -> None:
    programs = Programs()
    program = run(programs, automatic(), rows)
    assert run(programs, automatic(), rows) is program
    assert program.traces == 1


@pytest.mark.parametrize(
    "build",
    [lambda: automatic(width=4), lambda: automatic(activation="tanh")],
    ids=["width", "activation"],
)
def test_another_shape_or_activation_is_another_program(
    build: Callable[[], keras.Model], rows: Rows
) -> None:
    programs = Programs()
    first, second = run(programs, automatic(), rows), run(programs, build(), rows)
    assert first is not second
    assert (first.traces, second.traces, len(programs)) == (1, 1, 2)


def test_features_of_another_type_are_another_program(rows: Rows) -> None:
    x, y, x_validation = (part.numpy() for part in (rows.x, rows.y, rows.x_validation))
    doubles = place(x.astype(np.float64), y, x_validation.astype(np.float64))
    programs = Programs()
    assert run(programs, automatic(), rows) is not run(programs, automatic(), doubles)


def test_features_in_another_structure_are_another_program() -> None:
    def build() -> keras.Model:
        a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
        return keras.Model([a, b], layers.Dense(1)(layers.Add()([a, b])))

    x, y = np.ones((4, 2), np.float32), np.array([0, 1, 0, 1], np.float32)
    programs = Programs()
    listed = run(programs, build(), place([x, x], y, [x, x]))
    named = run(programs, build(), place({"a": x, "b": x}, y, {"a": x, "b": x}))
    assert listed is not named


# The bounds


def sized(width: int) -> keras.Model:
    return keras.Sequential([keras.Input((5,)), layers.Dense(width), layers.Dense(1)])


def lookup(programs: Programs, width: int, rows: Rows) -> Program:
    return programs.program_for(sized(width), optimizers.SGD(0.1), rows)


def test_the_least_recently_used_program_goes_first(rows: Rows) -> None:
    programs = Programs(max_programs=2)
    one, two = lookup(programs, 1, rows), lookup(programs, 2, rows)
    assert lookup(programs, 1, rows) is one
    lookup(programs, 3, rows)
    assert len(programs) == 2
    assert lookup(programs, 1, rows) is one
    assert lookup(programs, 2, rows) is not two


def test_the_cache_is_bounded_in_bytes(rows: Rows) -> None:
    size = lookup(Programs(), 100, rows).bytes
    programs = Programs(max_bytes=int(2.5 * size))
    for width in (98, 99, 100, 101):
        lookup(programs, width, rows)
        assert len(programs) <= 2
    assert len(programs) == 2


def test_the_program_in_use_is_kept_whatever_its_size(rows: Rows) -> None:
    programs = Programs(max_bytes=1)
    for width in (3, 4):
        program = lookup(programs, width, rows)
        assert len(programs) == 1
        assert lookup(programs, width, rows) is program


def test_bytes_count_weights_optimizer_and_best(rows: Rows) -> None:
    small, large = (lookup(Programs(), width, rows).bytes for width in (10, 1000))
    assert large - small >= 990 * 7 * 4 * 2  # weights and best weights, four bytes each


def test_an_evicted_architecture_works_again_and_gives_the_same(rows: Rows) -> None:
    programs = Programs(max_programs=1)

    def logits() -> Any:
        model = build_network(FIVE, CHOSEN, seed=0)
        program = programs.program_for(model, optimizers.Adam(0.01), rows)
        program.start(model, None, seed=0)
        return program.epoch(rows, batch_size=16, seed=0, epoch=1)[1].tobytes()

    first = logits()
    run(programs, automatic(), rows)
    assert logits() == first


def test_an_evicted_program_still_finishes_its_trial(rows: Rows) -> None:
    programs = Programs(max_programs=1)
    model = build_network(FIVE, CHOSEN, seed=0)
    program = run(programs, model, rows)
    run(programs, automatic(), rows)
    program.epoch(rows, batch_size=16, seed=0, epoch=2)
    program.keep()
    assert len(program.best_weights()) == 6
