"""Raw columns in, a float32 matrix and codes out: fitted on the training rows, then fixed.

    n   rows                            v  (n, n_features) float32, the features
    k   values of numbers and dates     e  (n, E) int32, the codes
    m   of these, those with gaps       L  levels of one categorical column
    p   phases of dates                 E  embedded columns
    t   text columns
    c   one-hot columns

The features stand in five blocks, in this order, each in column order, numbers before dates:

    k values       scaled one of two ways (`scaling`), gaps filled with the median
    m indicators   1.0 where the cell was missing
    2p phases      sine, cosine of each period of a date (`periods`)
    t texts        1.0 where the cell was filled
    c one-hots     [other,] level 1 ... level L (`encoding`)

A code is a level's row in the table of vectors that a network learns, 0 for a level without one.

The exported model (`export`) repeats these formulas with Keras operations on raw single-precision
inputs, so everything numeric here starts from float32 too: a model and its training then agree on
every value, at the price of digits beyond the seventh (1e9 plus or minus 1 is a constant column).
No TensorFlow is needed. Next: `preparation` for the arrays of a study.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.errors import DataError
from objectives.features.encoding import CategoricalColumn, EmbeddedColumn, fit_levels, level_places
from objectives.features.periods import (
    DatetimeColumn,
    cell_days,
    days_since,
    fit_datetime,
    phase_features,
)
from objectives.features.scaling import (
    CLIP,
    Float32,
    NumericColumn,
    fit_numeric,
    scale_column,
    single_precision,
)
from objectives.hyperparameters import SCALINGS, Embedding
from objectives.table.columns import categorical, name_columns, read_column
from objectives.table.schema import Column, Schema

_Fitted = NumericColumn | CategoricalColumn | EmbeddedColumn | DatetimeColumn


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What was fitted on the training rows; see the module for the order of the features.

    Attributes:
        numeric, categorical, embedded, datetimes, text: the columns used, each in table order.
        clip: bound of a standardised value, in standard deviations.
        dropped: columns left out, with the reason as words.
    """

    numeric: tuple[NumericColumn, ...] = ()
    categorical: tuple[CategoricalColumn, ...] = ()
    embedded: tuple[EmbeddedColumn, ...] = ()
    datetimes: tuple[DatetimeColumn, ...] = ()
    text: tuple[str, ...] = ()
    clip: float = CLIP
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> tuple[NumericColumn, ...]:
        """The columns that are numbers: numeric ones, and the days of dates."""
        return self.numeric + tuple(column.days for column in self.datetimes)

    @property
    def values(self) -> tuple[NumericColumn, ...]:
        """The measured columns that give a scaled value."""
        return tuple(column for column in self.measured if column.has_value)

    @property
    def indicators(self) -> tuple[NumericColumn, ...]:
        """The measured columns that give an indicator of their gaps."""
        return tuple(column for column in self.measured if column.has_indicator)

    @property
    def leveled(self) -> tuple[CategoricalColumn | EmbeddedColumn, ...]:
        """The columns of levels, one-hot ones first."""
        return (*self.categorical, *self.embedded)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the raw columns that are read, by kind."""
        names = [column.name for column in self.numeric]
        names += [column.name for column in self.leveled]
        names += [column.name for column in self.datetimes]
        return (*names, *self.text)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One readable name per feature, in order."""
        names = [column.name for column in self.values]
        names += [f"{column.name} (missing)" for column in self.indicators]
        for date in self.datetimes:
            names += [f"{date.name} ({f} of {p})" for p in date.periods for f in ("sine", "cosine")]
        names += [f"{name} (filled)" for name in self.text]
        for column in self.categorical:
            names += [f"{column.name} (other)"] if column.has_other else []
            names += [f"{column.name} = {level or '(missing)'}" for level in column.levels]
        return tuple(names)

    @property
    def n_features(self) -> int:
        """Width of the matrix that `transform` gives."""
        phases = sum(2 * len(column.periods) for column in self.datetimes)
        one_hots = sum(column.width for column in self.categorical)
        return len(self.values) + len(self.indicators) + phases + len(self.text) + one_hots

    @property
    def embeddings(self) -> tuple[Embedding, ...]:
        """The table of vectors that a network needs for each column of codes."""
        return tuple(
            Embedding(n_codes=len(column.levels) + 1, dimension=column.dimension)
            for column in self.embedded
        )

    @property
    def scalings(self) -> tuple[str, ...]:
        """The scalings that make a difference."""
        return SCALINGS if self.values else SCALINGS[:1]

    def transform(self, frame: pd.DataFrame, scaling: str = "standard") -> Float32:
        """Turn rows into features, (n_rows, n_features) float32, every cell finite.

        Columns may be typed as in `Table.frame` or hold the raw cells of a file. Columns that are
        not used are ignored; unseen levels and missing cells have their place.

        Raises:
            DataError: a column is missing, or a cell of a numeric column is not a number.
        """
        if scaling not in SCALINGS:
            raise ValueError(f"`scaling` must be one of {SCALINGS}; got {scaling!r}.")
        frame = name_columns(frame)
        check_columns(self.columns, frame)
        out = np.zeros((len(frame), self.n_features), dtype=np.float32)
        start = self._measure(frame, scaling, out)
        for i, name in enumerate(self.text, start=start):
            out[:, i] = filled_cells(frame[name])
        start += len(self.text)
        for block in self.categorical:
            places = level_places(block.levels, frame[block.name], unlisted=-1) + block.has_other
            rows = np.flatnonzero(places >= 0)
            out[rows, start + places[rows]] = 1.0
            start += block.width
        return out

    def codes(self, frame: pd.DataFrame) -> npt.NDArray[np.int32]:
        """Turn rows, as for `transform`, into codes, (n_rows, E) int32, 0 for an unlisted level.

        Raises:
            DataError: a column is missing.
        """
        frame = name_columns(frame)
        check_columns(tuple(column.name for column in self.embedded), frame)
        out = np.zeros((len(frame), len(self.embedded)), dtype=np.int32)
        for i, column in enumerate(self.embedded):
            out[:, i] = level_places(column.levels, frame[column.name], unlisted=-1) + 1
        return out

    def to_json(self) -> str:
        """Return everything as JSON text, from which `from_json` makes an equal value."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Preprocessing":
        """Return the value that `to_json` wrote."""
        stored = json.loads(text)
        return cls(
            numeric=tuple(_numeric(column) for column in stored["numeric"]),
            categorical=tuple(
                CategoricalColumn(**{**column, "levels": tuple(column["levels"])})
                for column in stored["categorical"]
            ),
            embedded=tuple(
                EmbeddedColumn(**{**column, "levels": tuple(column["levels"])})
                for column in stored["embedded"]
            ),
            datetimes=tuple(
                DatetimeColumn(**{**column, "days": _numeric(column["days"])})
                for column in stored["datetimes"]
            ),
            text=tuple(stored["text"]),
            clip=stored["clip"],
            dropped=stored["dropped"],
        )

    def _measure(self, frame: pd.DataFrame, scaling: str, out: Float32) -> int:
        """Fill values, indicators and phases; return how many features these are."""
        value, indicator = 0, len(self.values)
        phase = indicator + len(self.indicators)
        dates = {date.name: date for date in self.datetimes}
        for column in self.measured:
            date = dates.get(column.name)
            if date is None:
                x = single_precision(frame[column.name])
            else:
                days = cell_days(frame[column.name], date.order)
                x = days_since(date.origin, days)
                stop = phase + 2 * len(date.periods)
                out[:, phase:stop] = phase_features(date, days)
                phase = stop
            if column.has_value:
                out[:, value] = scale_column(column, x, scaling, self.clip)
                value += 1
            if column.has_indicator:
                out[:, indicator] = ~np.isfinite(x)
                indicator += 1
        return phase


def fit_preprocessing(frame_train: pd.DataFrame, schema: Schema | None = None) -> Preprocessing:
    """Fit every statistic on these rows and on no others.

    Args:
        frame_train: the training rows, typed as in `Table.frame`.
        schema: what its columns hold; taken from the cells when None.

    Raises:
        DataError: no rows, or not one column of use.
    """
    frame = name_columns(frame_train)
    if len(frame) == 0:
        raise DataError("preprocessing needs training rows; got none. Give a table with rows.")
    told = {column.name: column for column in schema.columns} if schema else {}
    dropped = {name: column.why for name, column in told.items() if column.kind == "dropped"}
    fitted: list[_Fitted] = []
    text: list[str] = []
    for name in (str(name) for name in frame.columns):
        column = _fit_column(name, frame[name], told.get(name))
        if column is None:
            text.append(name)
        elif isinstance(column, str):
            dropped[name] = column
        else:
            fitted.append(column)
    if not fitted and not text:
        raise _none_of_use(dropped)
    return Preprocessing(
        numeric=tuple(column for column in fitted if isinstance(column, NumericColumn)),
        categorical=tuple(column for column in fitted if isinstance(column, CategoricalColumn)),
        embedded=tuple(column for column in fitted if isinstance(column, EmbeddedColumn)),
        datetimes=tuple(column for column in fitted if isinstance(column, DatetimeColumn)),
        text=tuple(text),
        dropped=dropped,
    )


def filled_cells(series: pd.Series) -> npt.NDArray[np.bool_]:
    """Return which cells of a text column, typed or raw, hold anything. (n,)."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return categorical(series).notna().to_numpy()
    present = series.notna().to_numpy()
    return present & (series.astype(object) != "").to_numpy()


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


def _fit_column(name: str, series: pd.Series, told: Column | None) -> _Fitted | str | None:
    """Fit one column; None for a text column of use, words for a column of none."""
    if told is not None and told.kind == "dropped":
        return told.why
    if told is not None and told.kind == "datetime":
        order = told.order or "YMD"
        return fit_datetime(name, cell_days(series, order), order)
    if told is not None and told.kind == "text":
        return None if len(set(filled_cells(series))) == 2 else "the same in every training row"
    column = read_column(series) if told is None else series
    if told.kind == "numeric" if told else column.dtype == np.float64:
        return fit_numeric(name, single_precision(column))
    return fit_levels(name, categorical(column))


def _none_of_use(dropped: Mapping[str, str]) -> DataError:
    reasons = "; ".join(f"`{name}`: {reason}" for name, reason in list(dropped.items())[:5])
    return DataError(
        f"at least one column must tell rows apart; got none ({reasons or 'no columns'}). "
        "Add columns that vary and repeat."
    )


def _numeric(stored: Mapping[str, Any]) -> NumericColumn:
    knots, normals = tuple(stored["knots"]), tuple(stored["normals"])
    return NumericColumn(**{**stored, "knots": knots, "normals": normals})
