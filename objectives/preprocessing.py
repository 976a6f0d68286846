"""Raw columns in, one float32 matrix out: fitted on the training rows, then fixed.

    n   rows
    k   numeric columns that vary           x  (n, k) float32, as read
    m   numeric columns with gaps           v  (n, n_features) float32, the result
    c   categorical columns                 L  levels of one categorical column

The features stand in three blocks, in this order, each in column order:

    k values       (x - center) / scale, gaps filled with the median, clipped to [-clip, clip]
    m indicators   1.0 where the cell was missing
    c one-hots     [other,] level 1 ... level L

The exported model (`export`) repeats these formulas with Keras operations on raw single-precision
inputs, so everything numeric here starts from float32 too: a model and its training then agree on
every value, at the price of digits beyond the seventh (1e9 plus or minus 1 is a constant column).
No TensorFlow is needed. Next: `preparation` for the arrays of a study.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.columns import categorical, name_columns, numbers, read_column
from objectives.errors import DataError

Float32 = npt.NDArray[np.float32]

# Standard deviations. Further out, one mistyped or heavy-tailed cell would drown its row in every
# unit it reaches; ten keeps all that ordinary data hold and bounds what a new row can do.
CLIP = 10.0
# Below this spread, single-precision arithmetic meets subnormal numbers, which some devices flush.
MIN_SCALE = 1e-30
# A level is rare below this many training rows: one row in twenty on tiny tables, five on others.
# A weight learnt from fewer rows memorises those rows.
RARE_BELOW = 5
# Levels of one column that get a place of their own, the most frequent first.
MAX_LEVELS = 40


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """A numeric column: its value, standardised, and an indicator of its gaps.

    `center` and `scale` are the training rows' mean and standard deviation after filling with
    `median`, all three exact in float32. A column may give the value, the indicator or both.
    """

    name: str
    median: float
    center: float
    scale: float
    has_value: bool
    has_indicator: bool


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn:
    """A categorical column, one-hot: `levels` (most frequent first; "" is missing) and the rest.

    With `has_other` a first slot stands for every level that is not listed. Without it, training
    met no such level, the slot's weights would stay as initialised, and an unseen level is all
    zeros instead.
    """

    name: str
    levels: tuple[str, ...]
    has_other: bool

    @property
    def width(self) -> int:
        """Number of features this column gives."""
        return len(self.levels) + self.has_other


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What was fitted on the training rows; see the module for the order of the features.

    Attributes:
        numeric, categorical: the columns used, each in table order.
        clip: bound of a standardised value, in standard deviations.
        dropped: columns left out, with the reason as words.
    """

    numeric: tuple[NumericColumn, ...]
    categorical: tuple[CategoricalColumn, ...]
    clip: float = CLIP
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> tuple[NumericColumn, ...]:
        """The numeric columns that give a standardised value."""
        return tuple(column for column in self.numeric if column.has_value)

    @property
    def indicators(self) -> tuple[NumericColumn, ...]:
        """The numeric columns that give an indicator of their gaps."""
        return tuple(column for column in self.numeric if column.has_indicator)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the raw columns that are read, the numeric ones first."""
        numeric = tuple(column.name for column in self.numeric)
        return numeric + tuple(column.name for column in self.categorical)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One readable name per feature, in order."""
        names = [column.name for column in self.values]
        names += [f"{column.name} (missing)" for column in self.indicators]
        for column in self.categorical:
            names += [f"{column.name} (other)"] if column.has_other else []
            names += [f"{column.name} = {level or '(missing)'}" for level in column.levels]
        return tuple(names)

    @property
    def n_features(self) -> int:
        """Width of the matrix that `transform` gives."""
        one_hots = sum(column.width for column in self.categorical)
        return len(self.values) + len(self.indicators) + one_hots

    def transform(self, frame: pd.DataFrame) -> Float32:
        """Turn raw rows into features, (n_rows, n_features) float32, every cell finite.

        Columns that are not used are ignored; unseen levels and missing cells have their place.

        Raises:
            DataError: a column is missing, or a cell of a numeric column is not a number.
        """
        frame = name_columns(frame)
        check_columns(self.columns, frame)
        out = np.zeros((len(frame), self.n_features), dtype=np.float32)
        k, m = len(self.values), len(self.indicators)
        for i, column in enumerate(self.values):
            out[:, i] = _standardise(column, single_precision(frame[column.name]), self.clip)
        for i, column in enumerate(self.indicators, start=k):
            out[:, i] = ~np.isfinite(single_precision(frame[column.name]))
        start = k + m
        for block in self.categorical:
            slots = _slots(block, frame[block.name])
            rows = np.flatnonzero(slots >= 0)
            out[rows, start + slots[rows]] = 1.0
            start += block.width
        return out

    def to_json(self) -> str:
        """Return everything as JSON text, from which `from_json` makes an equal value."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Preprocessing":
        """Return the value that `to_json` wrote."""
        stored = json.loads(text)
        return cls(
            numeric=tuple(NumericColumn(**column) for column in stored["numeric"]),
            categorical=tuple(
                CategoricalColumn(**{**column, "levels": tuple(column["levels"])})
                for column in stored["categorical"]
            ),
            clip=stored["clip"],
            dropped=stored["dropped"],
        )


def fit_preprocessing(frame_train: pd.DataFrame) -> Preprocessing:
    """Fit every statistic on these rows and on no others.

    Raises:
        DataError: no rows, or not one column of use.
    """
    frame = name_columns(frame_train)
    if len(frame) == 0:
        raise DataError("preprocessing needs training rows; got none. Give a table with rows.")
    numeric: list[NumericColumn] = []
    categories: list[CategoricalColumn] = []
    dropped: dict[str, str] = {}
    for name in frame.columns:
        column = read_column(frame[name])
        fitted: NumericColumn | CategoricalColumn | str
        if column.dtype == np.float64:
            fitted = _fit_numeric(str(name), single_precision(column))
        else:
            fitted = _fit_categorical(str(name), column)
        if isinstance(fitted, NumericColumn):
            numeric.append(fitted)
        elif isinstance(fitted, CategoricalColumn):
            categories.append(fitted)
        else:
            dropped[str(name)] = fitted
    if not numeric and not categories:
        reasons = "; ".join(f"`{name}`: {reason}" for name, reason in list(dropped.items())[:5])
        raise DataError(
            f"at least one column must tell rows apart; got none ({reasons or 'no columns'}). "
            "Add columns that vary and repeat."
        )
    return Preprocessing(numeric=tuple(numeric), categorical=tuple(categories), dropped=dropped)


def single_precision(series: pd.Series) -> Float32:
    """Return a numeric column as float32; a number too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return numbers(series).astype(np.float32)


def check_columns(wanted: tuple[str, ...], frame: pd.DataFrame) -> None:
    """Raise DataError that names the wanted columns which `frame` lacks."""
    present = set(frame.columns)
    missing = [f"`{name}`" for name in wanted if name not in present]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise DataError(
            f"the table must have the columns of training; it lacks {', '.join(missing[:10])}"
            f"{more}. Add them; cells may be empty."
        )


def _fit_numeric(name: str, x: Float32) -> NumericColumn | str:
    finite = np.isfinite(x)
    if not finite.any():
        return "no number in the training rows"
    median = np.median(x[finite].astype(np.float64)).astype(np.float32)
    filled = np.where(finite, x, median).astype(np.float64)
    center, scale = np.float32(filled.mean()), np.float32(filled.std())
    # Rounding can leave a constant column a spread in its last digit: compare the cells as well.
    varies = bool(scale >= MIN_SCALE and np.ptp(filled) > 0)
    gaps = not finite.all()
    if not varies and not gaps:
        return "the same in every training row"
    return NumericColumn(
        name=name,
        median=float(median),
        center=float(center) if varies else 0.0,
        scale=float(scale) if varies else 1.0,
        has_value=varies,
        has_indicator=gaps,
    )


def _fit_categorical(name: str, column: pd.Series) -> CategoricalColumn | str:
    levels = ["", *(str(level) for level in column.cat.categories)]
    counts = np.bincount(column.cat.codes.to_numpy(np.int64) + 1, minlength=len(levels))
    seen = int(np.count_nonzero(counts))
    if seen == 1:
        return "the same in every training row"
    rare_below = min(RARE_BELOW, max(2, len(column) // 20))
    order = sorted(range(len(levels)), key=lambda i: (-counts[i], levels[i]))
    kept = tuple(levels[i] for i in order[:MAX_LEVELS] if counts[i] >= rare_below)
    if not kept:
        return f"{seen} different texts and none in {rare_below} or more training rows"
    return CategoricalColumn(name=name, levels=kept, has_other=len(kept) < seen)


def _standardise(column: NumericColumn, x: Float32, clip: float) -> Float32:
    # Every operation in float32, in the order of the exported graph.
    filled = np.where(np.isfinite(x), x, np.float32(column.median))
    with np.errstate(over="ignore"):  # a difference beyond float32 is infinite, and clipped
        value = (filled - np.float32(column.center)) / np.float32(column.scale)
    clipped: Float32 = np.clip(value, -np.float32(clip), np.float32(clip))
    return clipped


def _slots(column: CategoricalColumn, series: pd.Series) -> npt.NDArray[np.int64]:
    """Return the place of each row within the column's one-hot block, -1 for none."""
    places = {level: i + column.has_other for i, level in enumerate(column.levels)}
    unlisted = 0 if column.has_other else -1
    typed = categorical(series)
    slots = [places.get(str(level), unlisted) for level in typed.cat.categories]
    slots.append(places.get("", unlisted))  # code -1: missing
    return np.array(slots, dtype=np.int64)[typed.cat.codes.to_numpy()]
