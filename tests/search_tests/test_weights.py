"""Weights and logits come back by fold, in their order, bit for bit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.weights import pack, unpack, unpack_logits


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
    shape = (7, 3) if n_arrays % 2 else (7,)
    logits = [generator.normal(size=shape).astype(np.float32) for _ in range(n_folds)]
    file.write_bytes(pack(folds, logits))
    found = unpack(file)
    for wanted, got in zip(logits, unpack_logits(file), strict=True):
        assert np.array_equal(wanted, got)
    assert len(found) == n_folds
    for wanted, got in zip(folds, found, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(wanted, got, strict=True))


def test_file_of_an_older_release_has_weights_and_no_logits(tmp_path: Path) -> None:
    folds = [[np.ones((2, 3), np.float32), np.zeros(3, np.float32)]] * 2
    file = tmp_path / "weights.npz"
    named = {f"{k}_{i}": array for k, fold in enumerate(folds) for i, array in enumerate(fold)}
    np.savez(file, **named)
    assert len(unpack(file)) == 2
    assert unpack_logits(file) == []


def test_nothing_in_the_file_is_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "weights.npz"
    np.savez(file, **{"0_0": np.array([object()]), "logits_0": np.array([object()])})
    for read in (unpack, unpack_logits):
        with pytest.raises(ValueError, match="allow_pickle"):
            read(file)
