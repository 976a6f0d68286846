"""Numeric columns: their value in one of two scalings, and an indicator of their gaps.

    standard   (x - center) / scale, clipped to [-clip, clip]
    quantile   the normal score of the value's rank, `quantiles`

Everything starts from float32, as the exported model does (see `preprocessing`). Cells that are no
finite number are gaps, and filled with the training rows' median.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.features.quantiles import fit_knots, normal_scores
from objectives.table.columns import numbers

Float32 = npt.NDArray[np.float32]

# Standard deviations. Further out, one mistyped or heavy-tailed cell would drown its row in every
# unit it reaches; ten keeps all that ordinary data hold and bounds what a new row can do.
CLIP = 10.0
# Below this spread, single-precision arithmetic meets subnormal numbers, which some devices flush.
MIN_SCALE = 1e-30
# Mean and deviation count a value that lies further than this many spreads beyond the central rows
# as lying there: one mistyped 1e30 would else make a constant of all other rows.
FENCE = 10.0
# The shares of rows that can be the central ones: the first whose values differ.
CENTRAL = ((25, 75), (5, 95), (1, 99))


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """A numeric column: its value, scaled, and an indicator of its gaps.

    `center` and `scale` are mean and standard deviation of the training rows after filling with
    `median` and pulling far outliers in; all are exact in float32. `knots` and `normals` are the
    quantile scaling. A column may give the value, the indicator or both.
    """

    name: str
    median: float
    center: float
    scale: float
    has_value: bool
    has_indicator: bool
    knots: tuple[float, ...] = ()  # none without a value
    normals: tuple[float, ...] = ()  # normal score at each knot


def single_precision(series: pd.Series) -> Float32:
    """Return a numeric column as float32; a number too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return numbers(series).astype(np.float32)


def fit_numeric(name: str, x: Float32) -> NumericColumn | str:
    """Fit a column on its training cells (n,), or say why it is of no use."""
    finite = np.isfinite(x)
    if not finite.any():
        return "no number in the training rows"
    values = filled(x)
    pulled = pull_in(values)
    center, scale = np.float32(pulled.mean()), np.float32(pulled.std())
    knots, normals = fit_knots(x[finite], apart=MIN_SCALE)
    # Rounding can leave a constant column a spread in its last digit: compare the cells as well.
    varies = bool(scale >= MIN_SCALE and np.ptp(values) > 0 and len(knots) > 1)
    gaps = not finite.all()
    if not varies and not gaps:
        return "the same in every training row"
    return NumericColumn(
        name=name,
        median=float(_median(x)),
        center=float(center) if varies else 0.0,
        scale=float(scale) if varies else 1.0,
        has_value=varies,
        has_indicator=bool(gaps),
        knots=tuple(knots.tolist()) if varies else (),
        normals=tuple(normals.tolist()) if varies else (),
    )


def scale_column(column: NumericColumn, x: Float32, scaling: str, clip: float) -> Float32:
    """Return the cells (n,) filled and scaled, each finite."""
    # Every operation in float32, in the order of the exported graph.
    cells = np.where(np.isfinite(x), x, np.float32(column.median))
    if scaling == "quantile":
        knots = np.array(column.knots, dtype=np.float32)
        return normal_scores(cells, knots, np.array(column.normals, dtype=np.float32))
    with np.errstate(over="ignore"):  # a difference beyond float32 is infinite, and clipped
        value = (cells - np.float32(column.center)) / np.float32(column.scale)
    clipped: Float32 = np.clip(value, -np.float32(clip), np.float32(clip))
    return clipped


def filled(x: Float32) -> npt.NDArray[np.float64]:
    """Return the cells (n,) with the median of the finite ones in the place of all others."""
    return np.where(np.isfinite(x), x, _median(x)).astype(np.float64)


def pull_in(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the values with those far beyond the central ones at the fence."""
    for low, high in np.percentile(values, CENTRAL):
        if high > low:
            reach = FENCE * (high - low)
            return np.clip(values, low - reach, high + reach)
    return values


def _median(x: Float32) -> np.float32:
    finite = x[np.isfinite(x)].astype(np.float64)
    return np.float32(np.median(finite)) if len(finite) else np.float32(0)
