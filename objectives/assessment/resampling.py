"""Resamples of rows, as how often each row is counted, so that nothing is sorted or copied twice.

Rows are drawn with replacement within each class, so that every resample has the classes of the
rows it stands for, and a metric that needs them all is always defined. One resample is a column of
counts; many lie side by side, because a running sum down the rows then runs over neighbours.
Next: `counted_metrics.py` evaluates all metrics of many columns at once.

| symbol | shape | what |
|---|---|---|
| y | (n,) int64 | class of each row |
| counts | (n, b) float64 | how often a row is in each of b resamples; whole numbers >= 0 |
| r | (m, n_resamples) | m statistics of each resample |
| l | (g,) | empirical influence of each of g groups of rows on a statistic |
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Statistics = Callable[[Floats], Floats]  # counts (n, b) -> (m, b)

# Cells of counts evaluated at once: 1.3 MB, which stay near the core. Four times as many took twice
# the time of the processor.
_CELLS = 160_000

# Groups of rows left out in turn, over all classes. The acceleration is of order 1/sqrt(n), so
# more would cost more than they tell.
_GROUPS = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Resamples:
    """Statistics of the rows themselves and of resamples of them.

    With influences l_ki of groups i of class k on a statistic and v_k = sum_i l_ki^2 / g_k^2:

    - acceleration: sum_ki (l_ki / g_k)^3 / (6 (sum_k v_k)^1.5), of several samples (Davison and
      Hinkley 1997, "Bootstrap methods and their application", section 5.3.2).
    - spread: resamples of n_k rows vary by (n_k - 1) / n_k too little; the factor by which their
      standard deviation has to grow.
    - freedom: degrees of freedom of the variance, by its shares n_k v_k / (n_k - 1) with n_k - 1
      degrees each (Satterthwaite 1946, "An approximate distribution of estimates of variance
      components", Eq. 17).
    """

    values: Floats  # (m,)
    replicates: Floats  # (m, n_resamples)
    accelerations: Floats  # (m,)
    spreads: Floats  # (m,) >= 1
    freedoms: Floats  # (m,) > 0


def resample(y: Ints, statistics: Statistics, *, n_resamples: int, seed: int) -> Resamples:
    """Return statistics of the rows and of resamples of them, stratified by class.

    Args:
        y: (n,) class of each row.
        statistics: gives m statistics of each column of counts.
        n_resamples: at least 1.
        seed: any int >= 0; the same seed draws the same resamples for the same `y`.
    """
    if n_resamples < 1:
        raise ValueError(f"`n_resamples` must be an int of at least 1; got {n_resamples}.")
    strata = [np.flatnonzero(y == label) for label in np.unique(y)]
    rng = np.random.default_rng(seed)
    drawn = [statistics(c) for c in _draws(strata, len(y), n_resamples, rng)]
    values = statistics(np.ones((len(y), 1)))[:, 0]
    accelerations, spreads, freedoms = _influences(strata, len(y), statistics, rng)
    return Resamples(
        values=values,
        replicates=np.concatenate(drawn, axis=1),
        accelerations=accelerations,
        spreads=spreads,
        freedoms=freedoms,
    )


def _draws(strata: list[Ints], n: int, total: int, rng: np.random.Generator) -> Iterator[Floats]:
    columns = _columns(n)
    for first in range(0, total, columns):
        b = min(columns, total - first)
        counts = np.empty((n, b))
        for rows in strata:
            cells = rng.integers(0, len(rows), size=(len(rows), b)) * b + np.arange(b)
            counts[rows] = np.bincount(cells.ravel(), minlength=len(rows) * b).reshape(-1, b)
        yield counts


def _influences(
    strata: list[Ints], n: int, statistics: Statistics, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield accelerations, spreads and freedoms, (m,) each, from leaving out groups of rows.

    Groups instead of rows leave the sums of squares and of cubes the same on average, as long as
    they are made by chance: rows may lie in an order that means something.
    """
    cubes, squares, sizes = [np.zeros(1)], [np.zeros(1)], [2.0]
    for rows in strata:
        groups = min(len(rows), max(2, _GROUPS // len(strata)))
        if groups < 2:
            continue  # the only row of its class is in every resample
        columns = _leave_out(np.array_split(rng.permutation(rows), groups), n)
        without = np.concatenate([statistics(c) for c in columns], axis=1)
        influence = (groups - 1) * (without.mean(axis=1, keepdims=True) - without) / groups
        cubes.append((influence**3).sum(axis=1))
        squares.append((influence**2).sum(axis=1))
        sizes.append(len(rows))
    n_k = np.array(sizes)[:, np.newaxis]
    v = np.array(np.broadcast_arrays(*squares))  # (classes, m) variance of a resample
    unbiased = v * n_k / (n_k - 1)
    yield _ratio(np.sum(np.broadcast_arrays(*cubes), axis=0), 6 * v.sum(axis=0) ** 1.5)
    yield np.sqrt(_ratio(unbiased.sum(axis=0), v.sum(axis=0), otherwise=1.0))
    yield _ratio(unbiased.sum(axis=0) ** 2, (unbiased**2 / (n_k - 1)).sum(axis=0), otherwise=1e9)


def _ratio(above: Floats, below: Floats, *, otherwise: float = 0.0) -> Floats:
    """Return a ratio, (m,), or what it is where nothing varies."""
    varies = below > 0
    return np.where(varies, above / np.where(varies, below, 1.0), otherwise)


def _leave_out(groups: list[Ints], n: int) -> Iterator[Floats]:
    columns = _columns(n)
    for first in range(0, len(groups), columns):
        left_out = groups[first : first + columns]
        counts = np.ones((n, len(left_out)))
        for column, rows in enumerate(left_out):
            counts[rows, column] = 0.0
        yield counts


def _columns(n: int) -> int:
    return max(1, _CELLS // n)
