"""One TensorFlow set-up for every test of this room, made before any of them touches TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from numpy.typing import NDArray

from objectives.execution import configure_process
from objectives.rows import Rows, place

configure_process(1)  # one thread: results are compared bit for bit


@pytest.fixture
def table() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features (53, 5) and labels (53,) that a line separates in part."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(53, 5)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] + rng.normal(size=53) > 0).astype(np.float32)
    return x, y


@pytest.fixture
def rows(table: tuple[NDArray[np.float32], NDArray[np.float32]]) -> Rows:
    """Return the table's first 40 rows to train on and the other 13 to validate on."""
    x, y = table
    return place(x[:40], y[:40], x[40:])


@pytest.fixture
def classes(table: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.int64]:
    """Return three classes (53,) that lines separate in part, each in every part of the rows."""
    x = table[0]
    noise = np.random.default_rng(8).normal(size=53)
    return np.digitize(x[:, 0] - x[:, 1] + 0.5 * noise, [-0.7, 0.7]).astype(np.int64)


@pytest.fixture
def codes() -> NDArray[np.int32]:
    """Return codes (53, 2): in [0, 7), where rows share them, and in [0, 60), each once at most."""
    rng = np.random.default_rng(9)
    columns = [rng.integers(0, 7, 53), rng.permutation(60)[:53]]
    return np.stack(columns, axis=1).astype(np.int32)


@pytest.fixture
def rows_of_classes(
    table: tuple[NDArray[np.float32], NDArray[np.float32]], classes: NDArray[np.int64]
) -> Rows:
    """Return the rows of `rows` with the labels of `classes`."""
    return place(table[0][:40], classes[:40], table[0][40:])


@pytest.fixture
def coded_rows(
    table: tuple[NDArray[np.float32], NDArray[np.float32]],
    classes: NDArray[np.int64],
    codes: NDArray[np.int32],
) -> Rows:
    """Return the rows of `rows_of_classes` with `codes` beside the features."""
    x = table[0]
    return place(
        {"features": x[:40], "codes": codes[:40]},
        classes[:40],
        {"features": x[40:], "codes": codes[40:]},
    )


@pytest.fixture
def y_validation(table: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the labels (13,) of the validation rows of `rows`."""
    return table[1][40:]
