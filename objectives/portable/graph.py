"""Raw columns to class probabilities, as one Keras model of stock layers and operations.

    n   rows      k  values of numbers and dates      C  categorical columns      K  classes

What the folds share is read once: numbers are joined, texts looked up among the levels of all
folds, dates parsed (`date_graph`). Then each fold repeats the formulas of its own preprocessing,
operation by operation, once for each scaling; the networks answer, and the mean of their
probabilities is taken. One operation serves all columns of a kind: many columns cost little more
than one. `export` writes the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from objectives.features.encoding import CategoricalColumn, EmbeddedColumn
from objectives.features.preprocessing import Preprocessing
from objectives.features.quantiles import MAX_KNOTS
from objectives.portable.date_graph import Dates, phases, read_dates, since
from objectives.table.cells import level_text

ENCODER = "rows_to_probabilities"
# Beyond every knot: never reached by the search for a value's place.
_BEYOND = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """A network, what it is fed by, and what it counts."""

    network: keras.Model
    preprocessing: Preprocessing  # of its fold
    scaling: str  # of numeric values, one of SCALINGS
    weight: float  # in the mean; the branches' sum to 1


def raw_model(branches: Sequence[Branch], names: Mapping[str, str]) -> keras.Model:
    """Return a model from raw columns, each (n, 1), to probabilities (n, K) float32.

    It holds nothing but its inputs and one inner model: Keras wants the names within a model to be
    unique, so a column called like an operation ("divide") would collide with it otherwise.

    Args:
        branches: at least one.
        names: the model's input for each raw column.
    """
    folds = list({id(each.preprocessing): each.preprocessing for each in branches}.values())
    numeric = {column.name for fold in folds for column in fold.numeric}
    outer: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    feeds: dict[str, Any] = {}
    for i, (column, name) in enumerate(names.items()):
        dtype = "float32" if column in numeric else "string"
        outer[name] = keras.Input(shape=(1,), dtype=dtype, name=name)
        inner[column] = keras.Input(shape=(1,), dtype=dtype, name=f"column_{i}")
        feeds[f"column_{i}"] = outer[name]
    fed = _Fed(_read(folds, inner))
    answers = [_probabilities(branch, fed, i) for i, branch in enumerate(branches)]
    mean = weighted_mean(answers, [branch.weight for branch in branches])
    encoder = keras.Model({x.name: x for x in inner.values()}, mean, name=ENCODER)
    return keras.Model(outer, encoder(feeds))


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """The raw columns, read; a column's place in a tensor is its place among the names."""

    numeric: tuple[str, ...]
    numbers: Any  # (n, q) float32, NaN or infinite where missing
    levels: Mapping[str, Sequence[str]]  # of each categorical column, as `_spellings`
    places: Any  # (n, C) int, 0 for a level of no fold, else 1 + its place
    text: tuple[str, ...]
    filled: Any  # (n, T) float32
    dates: Mapping[str, Dates]


def _read(preprocessings: Sequence[Preprocessing], inputs: Mapping[str, Any]) -> _Shared:
    numeric = _in_order(c.name for fold in preprocessings for c in fold.numeric)
    text = _in_order(name for fold in preprocessings for name in fold.text)
    orders = {c.name: c.order for fold in preprocessings for c in fold.datetimes}
    levels: dict[str, dict[str, None]] = {}
    for fold in preprocessings:
        for column in fold.leveled:
            levels.setdefault(column.name, {}).update(dict.fromkeys(column.levels))
    known = {name: _spellings(tuple(found)) for name, found in levels.items()}
    return _Shared(
        numeric=numeric,
        numbers=_joined([inputs[name] for name in numeric]),
        levels=known,
        places=_joined([_lookup(found)(inputs[name]) for name, found in known.items()]),
        text=text,
        filled=_filled_texts([inputs[name] for name in text]),
        dates=read_dates({name: inputs[name] for name in orders}, orders),
    )


class _Fed:
    """Features and codes of each fold, made once however many networks are fed by them."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._features: dict[tuple[int, str], Any] = {}
        self._codes: dict[int, Any] = {}

    def features(self, branch: Branch) -> Any:
        key = (id(branch.preprocessing), branch.scaling)
        if key not in self._features:
            self._features[key] = _features(branch.preprocessing, branch.scaling, self._shared)
        return self._features[key]

    def codes(self, branch: Branch) -> Any:
        key = id(branch.preprocessing)
        if key not in self._codes:
            self._codes[key] = _codes(branch.preprocessing, self._shared)
        return self._codes[key]


def _probabilities(branch: Branch, made: _Fed, number: int) -> Any:
    """Return one network's probabilities (n, K)."""
    network = branch.network
    inputs = {tensor.name: tensor for tensor in network.inputs}
    n_features = network.inputs[0].shape[1] if len(inputs) == 1 else inputs["features"].shape[1]
    features, codes = made.features(branch), made.codes(branch)
    rows = codes if features is None else features
    fed: Any = _padded(features, n_features, rows, "float32")
    if len(inputs) > 1:
        fed = {
            "features": fed,
            "codes": _padded(codes, inputs["codes"].shape[1], rows, "int32"),
        }
    # Every network has the same name: in a model of its own it may keep it.
    own: Any = keras.Input((n_features,), name="features")
    if len(inputs) > 1:
        codes = keras.Input((inputs["codes"].shape[1],), dtype="int32", name="codes")
        own = {"features": own, "codes": codes}
    return class_probabilities(keras.Model(own, network(own), name=f"fold_{number}")(fed))


def class_probabilities(logits: Any) -> Any:
    """Return the probabilities (n, K) that logits (n, 1), of two classes, or (n, K) stand for."""
    if logits.shape[1] > 1:
        return ops.softmax(logits, axis=1)
    return _joined([ops.sigmoid(ops.negative(logits)), ops.sigmoid(logits)])


def weighted_mean(answers: Sequence[Any], weights: Sequence[float]) -> Any:
    """Return the sum of the answers, (n, K) each, times their weights."""
    if len(answers) == 1:
        return answers[0]
    stacked = ops.stack(list(answers), axis=1)  # (n, branches, K)
    return ops.sum(ops.multiply(stacked, _row(weights)[:, None]), axis=1)


def _features(preprocessing: Preprocessing, scaling: str, shared: _Shared) -> Any:
    """Return the features of `Preprocessing.transform`, in its order; None for none."""
    blocks = []
    if preprocessing.values:
        scale = _normal_scores if scaling == "quantile" else _standardised
        blocks.append(scale(preprocessing, _filled_values(preprocessing, shared)))
    blocks += _indicators(preprocessing, shared)
    blocks += [p for c in preprocessing.datetimes for p in phases(c, shared.dates[c.name])]
    if preprocessing.text:
        places = [shared.text.index(name) for name in preprocessing.text]
        blocks.append(_columns(shared.filled, places))
    if preprocessing.categorical:
        blocks.append(_one_hot(preprocessing.categorical, shared))
    return _joined(blocks)


def _filled_values(preprocessing: Preprocessing, shared: _Shared) -> Any:
    """Return the values (n, k) float32 before scaling, gaps filled with the median."""
    blocks = []
    numeric = [column for column in preprocessing.numeric if column.has_value]
    if numeric:
        median = _row([column.median for column in numeric])
        x = _columns(shared.numbers, [shared.numeric.index(column.name) for column in numeric])
        # One after the other, each straight from its test: only so does ONNX choose between the
        # two, and not multiply the one that is not finite with 0.
        x = ops.where(ops.isnan(x), median, x)
        blocks.append(ops.where(ops.isinf(x), median, x))
    for column in preprocessing.datetimes:
        if column.days.has_value:
            dates = shared.dates[column.name]
            days = since(column.origin, dates)
            blocks.append(ops.where(dates.known, days, np.float32(column.days.median)))
    return _joined(blocks)


def _indicators(preprocessing: Preprocessing, shared: _Shared) -> list[Any]:
    """Return 1.0 where a cell is missing, for each column with an indicator."""
    present = []
    numeric = [column.name for column in preprocessing.numeric if column.has_indicator]
    if numeric:
        x = _columns(shared.numbers, [shared.numeric.index(name) for name in numeric])
        present.append(ops.isfinite(x))
    for column in preprocessing.datetimes:
        if column.days.has_indicator:
            present.append(shared.dates[column.name].known)
    return [ops.cast(ops.logical_not(known), "float32") for known in present]


def _standardised(preprocessing: Preprocessing, filled: Any) -> Any:
    center = _row([column.center for column in preprocessing.values])
    scale = _row([column.scale for column in preprocessing.values])
    value = ops.divide(ops.subtract(filled, center), scale)
    return ops.clip(value, -preprocessing.clip, preprocessing.clip)


def _normal_scores(preprocessing: Preprocessing, filled: Any) -> Any:
    """Return `quantiles.normal_scores` of each column; its place among the knots by bisection."""
    columns = preprocessing.values
    knots = np.concatenate([_to_length(c.knots, _BEYOND) for c in columns])
    scores = np.concatenate([_to_length(c.normals, 0.0) for c in columns])
    first = np.arange(len(columns), dtype=np.int32) * MAX_KNOTS
    last = np.array([len(c.knots) - 2 for c in columns], dtype=np.int32)
    place = ops.add(ops.zeros_like(filled, dtype="int32"), first)
    step = MAX_KNOTS // 2
    while step:
        knot = ops.take(knots, ops.add(place, np.int32(step)), axis=0)
        further = ops.cast(ops.greater_equal(filled, knot), "int32")
        place = ops.add(place, ops.multiply(further, np.int32(step)))
        step //= 2
    place = ops.minimum(place, first + last)
    after = ops.add(place, np.int32(1))
    low, high = ops.take(knots, place, axis=0), ops.take(knots, after, axis=0)
    share = ops.clip(ops.divide(ops.subtract(filled, low), ops.subtract(high, low)), 0.0, 1.0)
    start, end = ops.take(scores, place, axis=0), ops.take(scores, after, axis=0)
    return ops.add(start, ops.multiply(share, ops.subtract(end, start)))


def _one_hot(columns: Sequence[CategoricalColumn], shared: _Shared) -> Any:
    """Return the one-hot blocks of all columns at once, (n, their widths)."""
    # Without an "other" slot, unlisted is -1, which is no feature's slot.
    tables = [
        _table(shared.levels[c.name], c.levels, 0 if c.has_other else -1, int(c.has_other))
        for c in columns
    ]
    slots = _places(columns, tables, shared)  # (n, c)
    column = np.concatenate([np.full(c.width, i, np.int32) for i, c in enumerate(columns)])
    slot = np.concatenate([np.arange(c.width, dtype=np.int32) for c in columns])
    return ops.cast(ops.equal(_columns(slots, column.tolist()), slot), "float32")


def _codes(preprocessing: Preprocessing, shared: _Shared) -> Any:
    """Return the codes of `Preprocessing.codes`, int32; None for none."""
    columns = preprocessing.embedded
    if not columns:
        return None
    return _places(
        columns, [_table(shared.levels[c.name], c.levels, 0, 1) for c in columns], shared
    )


def _places(
    columns: Sequence[CategoricalColumn | EmbeddedColumn],
    tables: Sequence[np.ndarray[Any, np.dtype[np.int32]]],
    shared: _Shared,
) -> Any:
    """Return what each column's table has for its cell, (n, columns) int32."""
    names = list(shared.levels)
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])], dtype=np.int32)
    cells = _columns(shared.places, [names.index(column.name) for column in columns])
    return ops.take(np.concatenate(tables), ops.add(ops.cast(cells, "int32"), starts), axis=0)


def _spellings(levels: Sequence[str]) -> tuple[str, ...]:
    """Return the levels, and how else a file may write those that are whole numbers: 3 as 3.0."""
    others = [f"{level}.0" for level in levels if level_text(f"{level}.0") == level]
    return tuple(dict.fromkeys([*levels, *others]))


def _table(
    known: Sequence[str], levels: Sequence[str], unlisted: int, first: int
) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return a fold's place for no level, and for each level of any fold."""
    places = {level: i + first for i, level in enumerate(levels)}
    found = (places.get(level_text(level), unlisted) for level in known)
    return np.array([unlisted, *found], dtype=np.int32)


def _lookup(levels: Sequence[str]) -> keras.layers.Layer:
    # The token for unlisted levels must differ from every level, even from a level "[UNK]".
    token = "[UNK]"  # noqa: S105, no password
    while token in levels:
        token = f"[{token}]"
    return keras.layers.StringLookup(
        vocabulary=list(levels), num_oov_indices=1, oov_token=token, mask_token=None
    )


def _filled_texts(inputs: Sequence[Any]) -> Any:
    if not inputs:
        return None
    lookup = _lookup([""])
    return ops.cast(ops.equal(_joined([lookup(x) for x in inputs]), 0), "float32")


def _padded(tensor: Any, width: int, rows: Any, dtype: str) -> Any:
    """Return the tensor with columns of zeros on its right, (n, width); `rows` tells n."""
    if tensor is None:
        tensor = ops.cast(rows[:, :0], dtype)
    missing = width - tensor.shape[1]
    return ops.pad(tensor, [[0, 0], [0, missing]]) if missing else tensor


def _columns(tensor: Any, places: Sequence[int]) -> Any:
    if list(places) == list(range(tensor.shape[1])):
        return tensor
    return ops.take(tensor, np.array(places, dtype=np.int32), axis=1)


def _joined(tensors: Sequence[Any]) -> Any:
    if not tensors:
        return None
    return tensors[0] if len(tensors) == 1 else ops.concatenate(list(tensors), axis=1)


def _row(values: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def _to_length(values: Sequence[float], filler: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array([*values, *[filler] * (MAX_KNOTS - len(values))], dtype=np.float32)


def _in_order(names: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
