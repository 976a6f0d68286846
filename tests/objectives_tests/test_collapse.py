"""The lesson's network, which one reader saw end with a ROC curve of 0.5, gets its explanation.

Dense(128, l1) - Dense(64, l2) - Dense(1, l1_l2), 50 epochs, standardised inputs. Beside breast
cancer stand rows made up here with the signal of a credit table: 1,000 rows, 60 columns, of which
20 matter a little, 30% positive.
"""

import keras
import numpy as np
import pandas as pd
import pytest
from keras.layers import Dense
from keras.regularizers import L1, L1L2, L2

from objectives.features.preparation import Prepared, prepare
from objectives.programs import Programs
from objectives.rows import place
from objectives.table.dataset import read_table
from objectives.training import Training
from objectives.verdict.diagnosis import Diagnosis, diagnose
from objectives.verdict.linear import linear_model
from objectives.verdict.probe import probe_l1


def lesson(n_features: int, strength: float) -> keras.Model:
    def start(seed: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=seed)

    return keras.Sequential(
        [
            keras.Input((n_features,)),
            Dense(128, "relu", kernel_regularizer=L1(strength), kernel_initializer=start(0)),
            Dense(64, "relu", kernel_regularizer=L2(strength), kernel_initializer=start(1)),
            Dense(1, kernel_regularizer=L1L2(strength, strength), kernel_initializer=start(2)),
        ]
    )


def run(prepared: Prepared, strength: float, *, patience: int = 50) -> Diagnosis:
    """Train as the lesson does, or with early stopping as a search does."""
    fold = prepared.folds[0]
    x, x_validation = (part.inputs("standard") for part in (fold.train, fold.validation))
    training = Training(
        lesson(prepared.inputs.n_features, strength),
        keras.optimizers.Adam(1e-3),
        place(x, fold.train.y, x_validation),
        fold.validation.y,
        PROGRAMS,
        batch_size=32,
        max_epochs=50,
        patience=patience,
        seed=0,
    )
    for _ in training.epochs():
        pass
    return diagnose(
        [training.signs()],
        learning_rate=1e-3,
        cut_short=False,
        linear=lambda: linear_model(prepared.folds),
    )


PROGRAMS = Programs()


@pytest.fixture(scope="module")
def cancer() -> Prepared:
    return prepare(read_table("breast-cancer"), seed=0)


@pytest.fixture(scope="module")
def credit() -> Prepared:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1_000, 60))
    worth = np.append(np.linspace(0.6, 0.1, 20), np.zeros(40))
    y = (x @ worth + rng.logistic(size=1_000) > 1.1).astype(int)
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(60)]).assign(target=y)
    return prepare(read_table(frame, "target"), seed=0)


@pytest.mark.parametrize("patience", [50, 10])
def test_breast_cancer_at_a_tenth_is_collapsed_by_l1(cancer: Prepared, patience: int) -> None:
    found = run(cancer, 0.1, patience=patience)
    assert (found.verdict, found.facts["penalty"]) == ("collapsed", "L1")
    first = found.facts["layers"][0]
    assert first["small"] > 0.99
    assert "L1 at 1.0e-01 pulled the weights to zero" in found.evidence


def test_credit_rows_learn_at_a_hundredth(credit: Prepared) -> None:
    found = run(credit, 0.01)
    assert found.verdict != "collapsed"
    assert found.facts["roc_auc"] == pytest.approx(0.79, abs=0.05)
    assert found.facts["output_spread"] > 0.05


@pytest.mark.parametrize("patience", [50, 10])
def test_credit_rows_are_collapsed_by_l1_at_a_twentieth(credit: Prepared, patience: int) -> None:
    found = run(credit, 0.05, patience=patience)
    assert (found.verdict, found.facts["penalty"]) == ("collapsed", "L1")
    assert found.facts["last_output_spread"] < 1e-3


def test_probe_lies_between_what_lived_and_what_died(cancer: Prepared, credit: Prepared) -> None:
    found = probe_l1(credit)
    assert found.dies_at is not None
    assert 0.01 < found.dies_at < 0.05
    assert probe_l1(cancer).bound == 0.1
