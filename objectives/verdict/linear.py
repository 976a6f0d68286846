"""Logistic regression on what the networks are fed: the yardstick of a diagnosis.

A network that does worse is underfit, and data on which this is at chance too may hold no signal.
Once a study and not once a trial. Next: `diagnosis.py` uses it, `probe.py` the design matrix.
"""

import math
import warnings
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from objectives.features.preparation import Fold, Part
from objectives.hyperparameters import UNSCALED
from objectives.metrics import roc_auc
from objectives.verdict.signs import Linear, stride

MAX_ROWS = 5_000  # of each part: a second at most
MAX_CODES = 64  # most frequent levels of an embedded column that get an indicator


def linear_model(folds: Sequence[Fold]) -> Linear | None:
    """Fit logistic regression to each fold; None where a class is missing from some rows."""
    pairs = [_fit(fold) for fold in folds]
    if not all(map(math.isfinite, (auc for pair in pairs for auc in pair))):
        return None
    return Linear(
        training_auc=fmean(training for training, _ in pairs),
        validation_auc=fmean(validation for _, validation in pairs),
    )


def design_matrix(part: Part, rows: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return features (n, F) and classes (n,) of at most so many rows; arrays flat.

    They are standardised, those of arrays as they are. An embedded column stands as an indicator
    for each of its most frequent levels.
    """
    step = stride(len(part.y), rows)
    levels = np.arange(1, MAX_CODES + 1)
    x = part.x[UNSCALED] if UNSCALED in part.x else part.x["standard"]
    x, y = x[::step], part.y[::step]
    blocks = [np.asarray(x, np.float64).reshape(len(y), math.prod(x.shape[1:]))]
    blocks += [(column[:, None] == levels).astype(np.float64) for column in part.codes[::step].T]
    return np.concatenate(blocks, axis=1), y


def _fit(fold: Fold) -> tuple[float, float]:
    """Return the ROC-AUC on training and on validation rows; NaN where a class is missing."""
    x, y = design_matrix(fold.train, MAX_ROWS)
    x_validation, y_validation = design_matrix(fold.validation, MAX_ROWS)
    if len(np.unique(y)) <= max(1, *y, *y_validation):
        return math.nan, math.nan
    if UNSCALED in fold.train.x:
        center, scale = x.mean(axis=0), x.std(axis=0)
        scale[scale == 0] = 1.0
        x, x_validation = (x - center) / scale, (x_validation - center) / scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as good a yardstick
        fitted = LogisticRegression(max_iter=200, tol=1e-3).fit(x, y)
    training, validation = (fitted.decision_function(each) for each in (x, x_validation))
    return roc_auc(y, training), roc_auc(y_validation, validation)
