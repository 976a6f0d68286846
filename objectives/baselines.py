"""Two models that need no search, on the rows of the networks: what a network has to beat.

Logistic regression and gradient boosting as scikit-learn has them, nothing tuned. Both are fitted
on the training rows of each fold, and their folds' probabilities are averaged, as the networks'
are. `verdict/linear.py` has a quicker logistic regression, a yardstick for every trial's diagnosis.

    n   rows      K   classes      m_k   validation rows of fold k
    p   (n,) of class 1 where there are two classes, else (n, K)
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from objectives.table.dataset import Table

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

RARE = 5  # rows below which a level shares an indicator with others
MAX_CODES = 250  # levels of a column that boosting tells apart; 255 are its limit


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicted:
    """What a model says of rows it was not fitted on."""

    validation: tuple[Floats, ...]  # p of the validation rows of each fold
    test: Floats  # p of the test rows, the mean over the folds


def fit_and_predict(
    make: Callable[[Table], Pipeline],
    table: Table,
    folds: Sequence[tuple[Rows, Rows]],
    test: Rows,
) -> Predicted:
    """Fit a model anew on each fold's training rows, with their weights if the table has any.

    Args:
        make: `logistic` or `boosting`.
        table: the table.
        folds: (training rows, validation rows) of each.
        test: the test rows.
    """
    frame = _finite(table.frame)
    validations, tests = [], []
    # Threads of boosting wait for each other by spinning: where two of them shared two cores with
    # another process they took ten times as long as one (`.docs/log.md`).
    with threadpool_limits(limits=1):
        for train, validation in folds:
            model = _fit(make(table), table, frame, train)
            validations.append(_seen(model.predict_proba(frame.iloc[validation])))
            tests.append(_seen(model.predict_proba(frame.iloc[test])))
    return Predicted(validation=tuple(validations), test=np.mean(tests, axis=0))


def _fit(model: Pipeline, table: Table, frame: pd.DataFrame, train: Rows) -> Pipeline:
    weights = {}
    if table.weights is not None:
        weights = {f"{model.steps[-1][0]}__sample_weight": table.weights[train]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as good a baseline
        return model.fit(frame.iloc[train], table.y[train], **weights)


def logistic(table: Table) -> Pipeline:
    """Return logistic regression: numbers standardised, gaps filled and flagged, levels one-hot."""
    numbers, levels = _columns(table)
    fill = SimpleImputer(add_indicator=True, keep_empty_features=True)
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    columns = make_column_transformer(
        (make_pipeline(fill, StandardScaler()), numbers), (one_hot, levels)
    )
    return make_pipeline(columns, LogisticRegression(max_iter=2_000))


def boosting(table: Table) -> Pipeline:
    """Return gradient boosting on histograms; gaps and unseen levels go their own way."""
    numbers, levels = _columns(table)
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MAX_CODES,
    )
    columns = make_column_transformer((codes, levels), ("passthrough", numbers))
    categorical = [i < len(levels) for i in range(len(levels) + len(numbers))]
    return make_pipeline(
        columns, HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
    )


def _columns(table: Table) -> tuple[list[str], list[str]]:
    """Return the names of the columns of numbers and dates, and of all others."""
    if table.shape is not None:
        return list(table.frame.columns), []
    used = table.schema.used
    numbers = [column.name for column in used if column.kind in ("numeric", "datetime")]
    return numbers, [column.name for column in used if column.name not in numbers]


def _finite(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with infinities as gaps, as the networks take them."""
    numbers = frame.select_dtypes("float64").columns
    return frame.assign(
        **{str(name): frame[name].replace([np.inf, -np.inf], np.nan) for name in numbers}
    )


def _seen(p: Floats) -> Floats:
    return p[:, 1] if p.shape[1] == 2 else p
