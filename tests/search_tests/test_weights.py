"""Weights come back by fold, in their order, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.weights import pack, unpack


@given(n_folds=st.integers(1, 12), n_arrays=st.integers(1, 12))
def test_what_was_packed_comes_back(
    tmp_path_factory: pytest.TempPathFactory, n_folds: int, n_arrays: int
) -> None:
    generator = np.random.default_rng(n_folds * 100 + n_arrays)
    folds = [
        [generator.normal(size=(i + 1, 2)).astype(np.float32) for i in range(n_arrays)]
        for _ in range(n_folds)
    ]
    file = tmp_path_factory.mktemp("weights") / "weights.npz"
    file.write_bytes(pack(folds))
    found = unpack(file)
    assert len(found) == n_folds
    for wanted, got in zip(folds, found, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(wanted, got, strict=True))
