"""One TensorFlow set-up for every test of this room, made before any of them touches TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from numpy.typing import NDArray

from objectives.engine import configure_process
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
def y_validation(table: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the labels (13,) of the validation rows of `rows`."""
    return table[1][40:]
