"""The yardstick is logistic regression on the rows of the networks, codes as indicators."""

import numpy as np
import pandas as pd

from objectives.features.preparation import prepare
from objectives.table.dataset import read_table
from objectives.verdict.linear import design_matrix, linear_model


def test_it_learns_what_a_line_can_tell_on_both_parts() -> None:
    found = linear_model(prepare(read_table("breast-cancer"), seed=0, folds=3).folds)
    assert found is not None
    assert found.training_auc > found.validation_auc - 0.02 > 0.95


def test_it_is_at_chance_on_noise() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2_000, 3)), columns=list("abc"))
    prepared = prepare(read_table(frame.assign(target=rng.integers(0, 2, 2_000)), "target"), seed=0)
    found = linear_model(prepared.folds)
    assert found is not None
    assert abs(found.validation_auc - 0.5) < 0.1


def test_codes_stand_as_indicators_of_the_most_frequent_levels() -> None:
    rng = np.random.default_rng(1)
    code = rng.integers(0, 60, 3_000)
    frame = pd.DataFrame(
        {"town": [f"town {c:02}" for c in code], "target": (code < 20).astype(int)}
    )
    prepared = prepare(read_table(frame, "target"), seed=0)
    part = prepared.folds[0].train
    x, y = design_matrix(part, rows=500)
    assert len(x) == len(y) <= 500
    assert x.shape[1] == prepared.inputs.n_features + 64
    found = linear_model(prepared.folds)
    assert found is not None
    assert found.validation_auc > 0.99


def test_without_a_class_in_the_training_rows_there_is_none() -> None:
    prepared = prepare(read_table("breast-cancer"), seed=0)
    prepared.folds[0].train.y[:] = 1
    assert linear_model(prepared.folds) is None
