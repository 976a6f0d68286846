"""Models that need no search see the same rows, whatever the columns hold."""

import numpy as np
import pandas as pd
import pytest
from made_tables import make_table
from sklearn.metrics import roc_auc_score

from objectives.baselines import boosting, fit_and_predict, logistic
from objectives.splitting.split import split_table
from objectives.table.dataset import Table

MODELS = [logistic, boosting]


def _table(n: int = 300, n_classes: int = 2, **given: object) -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    towns = pd.Series(np.where(x > 0.5, "Rome", "Oslo"), dtype="object")
    towns[:3] = ["Łódź", "Bern", None]  # rare, and missing
    frame = pd.DataFrame(
        {
            "x": np.where(rng.random(n) < 0.1, np.nan, x),
            "far": np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
            "town": towns.astype("category"),
        }
    )
    y = np.digitize(x + rng.normal(scale=0.5, size=n), [0, 1][: n_classes - 1])
    return make_table(frame, y, **given)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_folds", [1, 3])
def test_probabilities_of_all_rows_are_good(make: object, n_classes: int, n_folds: int) -> None:
    table = _table(n_classes=n_classes)
    split = split_table(table, 0, n_folds)
    found = fit_and_predict(make, table, split.folds, split.test)  # type: ignore[arg-type]
    shape = () if n_classes == 2 else (n_classes,)
    assert found.test.shape == (len(split.test), *shape)
    for (_, rows), p in zip(split.folds, found.validation, strict=True):
        assert p.shape == (len(rows), *shape)
    if n_classes > 2:
        assert found.test.sum(axis=1) == pytest.approx(1)
    auc = roc_auc_score(table.y[split.test], found.test, multi_class="ovr")
    assert auc > 0.8


@pytest.mark.parametrize("make", MODELS)
def test_test_rows_get_the_mean_of_the_folds(make: object) -> None:
    table = _table()
    split = split_table(table, 0, 3)
    together, *alone = (
        fit_and_predict(make, table, folds, split.test)  # type: ignore[arg-type]
        for folds in (split.folds, *((fold,) for fold in split.folds))
    )
    assert together.test == pytest.approx(np.mean([one.test for one in alone], axis=0))


@pytest.mark.parametrize("make", MODELS)
def test_rows_weigh_as_the_table_says(make: object) -> None:
    table = _table()
    split = split_table(table, 0)
    weights = np.where(table.y == 1, 20, 1).astype(np.float32)
    plain = fit_and_predict(make, table, split.folds, split.test)  # type: ignore[arg-type]
    table = _table(weights=weights)
    heavy = fit_and_predict(make, table, split.folds, split.test)  # type: ignore[arg-type]
    assert heavy.test.mean() > plain.test.mean() + 0.1


def test_columns_of_one_kind_only_will_do() -> None:
    table = _table()
    for columns in (["x", "far"], ["town"]):
        one = make_table(table.frame[columns], table.y)
        split = split_table(one, 0)
        for make in MODELS:
            assert fit_and_predict(make, one, split.folds, split.test).test.std() > 0.01
