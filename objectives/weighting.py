"""How much each training row counts in the loss: its own weight, times its class's.

Rare classes may be weighed up, so that a network does not learn to call the common one always;
whether that helps is for the search to find out. Next: `objectives/rows.py` takes the weights.

Symbols: n training rows, K classes, n_c rows of class c.
    y (n,)  classes in [0, K)
    w (n,)  weights > 0, of mean 1
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def class_weights(y: NDArray[Any], n_classes: int) -> NDArray[np.float32]:
    """Return n / (K n_c) for each class, (K,): all classes then weigh the same together.

    scikit-learn's "balanced" (King and Zeng 2001, "Logistic regression in rare events data"). A
    class without rows, of which nothing can be learned, gets 0.
    """
    counts = np.bincount(y.astype(np.intp), minlength=n_classes)
    balanced = np.zeros(n_classes)
    np.divide(len(y), n_classes * counts, out=balanced, where=counts > 0)
    return balanced.astype(np.float32)


def weighted(w: NDArray[Any], y: NDArray[Any], n_classes: int) -> NDArray[np.float32]:
    """Return the row weights (n,) times those of their classes, scaled to mean 1.

    The mean is kept so that a learning rate and a penalty mean the same with and without it.
    """
    balanced = w.astype(np.float64) * class_weights(y, n_classes)[y.astype(np.intp)]
    return np.asarray(balanced / balanced.mean(), np.float32)
