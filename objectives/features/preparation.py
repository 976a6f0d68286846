"""A table made ready for the trials of one study, once, and shared by all its workers.

    n   rows of a part      F   features, the most of any fold      E   embedded columns, likewise

Each fold has its own preprocessing, fitted on its training rows alone; the arrays of all folds have
one width (`padding`). The arrays are written as .npy files and opened memory-mapped: N
worker processes map the same pages, so the data are in memory once and parsed once. Of the test
rows only the numbers are kept, for the report to find them in the table. Next: `network` and
`training` use the arrays.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.errors import DataError
from objectives.features.arrays import Array, ArrayFolder, Keep, in_memory, open_array
from objectives.features.padding import shared_inputs, widen
from objectives.features.preprocessing import Preprocessing, fit_preprocessing
from objectives.hyperparameters import SCALINGS, UNSCALED, Embedding, Inputs
from objectives.splitting.refolding import refold
from objectives.splitting.split import split_table
from objectives.table.dataset import Table

BATCH = 65_536  # rows transformed at a time: 13 MB of 50 features

_MARK = "prepared.json"
_TEST_ROWS = "test-rows"

Watch = Callable[[int], None]  # is told how many rows were transformed so far


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The training or the validation rows of a fold.

    Attributes:
        x: (n, F) float32, finite, by scaling; "quantile" only where it makes a difference. Of
            arrays (n, ...) alone, under UNSCALED.
        codes: (n, E) int32 rows of the embedding tables; E may be 0.
        y: (n,) int64 class of each row.
        w: (n,) float32 weight of each row; over the fold's training rows their mean is 1.
        rows: (n,) int64 row numbers in the table, ascending.
    """

    x: Mapping[str, npt.NDArray[np.float32]]
    codes: npt.NDArray[np.int32]
    y: npt.NDArray[np.int64]
    w: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]

    def inputs(self, scaling: str) -> Array | dict[str, Array]:
        """Return what a network is fed: the features, with the codes beside them if there are."""
        x = self.x[scaling]
        return {"features": x, "codes": self.codes} if self.codes.shape[1] else x


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """Rows to train on, rows to be judged by, and what was fitted on the former."""

    preprocessing: Preprocessing
    train: Part
    validation: Part


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What the trials of a study train on and are judged by.

    Attributes:
        folds: one for a hold-out, K for cross-validation.
        inputs: what a network for any of the folds is fed.
        labels: of the classes, in the order of their numbers.
        test_rows: (n_test,) int64 row numbers in the table that no fold holds.
    """

    folds: tuple[Fold, ...]
    inputs: Inputs
    labels: tuple[str, ...]
    test_rows: npt.NDArray[np.int64]

    @property
    def scalings(self) -> tuple[str, ...]:
        """The scalings that there are arrays for."""
        return tuple(self.folds[0].train.x)

    @property
    def n_train(self) -> int:
        """Training rows of the first fold."""
        return len(self.folds[0].train.y)

    @property
    def imbalanced(self) -> bool:
        """Whether the rarest class has less than half of an equal share of the training rows."""
        counts = np.bincount(self.folds[0].train.y, minlength=len(self.labels))
        return bool(2 * counts.min() * len(counts) < counts.sum())


def prepare(table: Table, seed: int, folds: int = 1, *, refold_seed: int | None = None) -> Prepared:
    """Split the table by `seed`, fit each fold's preprocessing, and apply it; all in memory.

    Args:
        table: the table.
        seed: of the split.
        folds: 1 for a hold-out, or how many.
        refold_seed: for other folds than the split's, with its test rows (`refolding`).

    Raises:
        DataError: too few rows of a class for the split, or no column of use.
    """
    return _prepare(in_memory, table, seed, folds, refold_seed, None)


def prepare_into(
    folder: Path,
    table: Table,
    seed: int,
    folds: int = 1,
    *,
    refold_seed: int | None = None,
    watch: Watch | None = None,
) -> Prepared:
    """Do as `prepare` does, with the arrays in `folder`; as `load_prepared` opens them.

    No more than BATCH rows of them are in memory at a time. `watch` is called with the rows
    transformed so far, those of all parts, folds and scalings together.

    Raises:
        DataError: as for `prepare`.
    """
    with ArrayFolder(folder, _MARK) as files:
        prepared = _prepare(files.keep, table, seed, folds, refold_seed, watch)
        files.complete(_description(prepared))
    return prepared


def rows_for(
    prepared: Prepared, k: int, table: Table, rows: npt.NDArray[np.int64], scaling: str
) -> Array | dict[str, Array]:
    """Return what the networks of fold k are fed for rows of the table, as `Part.inputs` does.

    For rows that no fold holds: of the test rows nothing is prepared, so that nobody comes upon
    them by chance.
    """
    if table.shape is not None:
        return table.arrays(rows)
    fitted, inputs = prepared.folds[k].preprocessing, prepared.inputs
    frame = table.frame.iloc[rows]
    x = widen(fitted.transform(frame, scaling), inputs.n_features)
    if not inputs.embeddings:
        return x
    return {"features": x, "codes": widen(fitted.codes(frame), len(inputs.embeddings))}


def save_prepared(prepared: Prepared, folder: Path) -> None:
    """Write what is in memory into `folder`, which is made when missing."""
    with ArrayFolder(folder, _MARK) as files:
        for k, fold in enumerate(prepared.folds):
            for name, part in (("train", fold.train), ("validation", fold.validation)):
                for key, array in _arrays(part).items():
                    files.keep(f"{k}-{name}-{key}", array.shape, array.dtype, [array])
        rows = prepared.test_rows
        files.keep(_TEST_ROWS, rows.shape, rows.dtype, [rows])
        files.complete(_description(prepared))


def load_prepared(folder: Path) -> Prepared:
    """Open what `save_prepared` or `prepare_into` wrote, the arrays memory-mapped, copy-on-write.

    Raises:
        DataError: the folder is missing, incomplete or damaged.
    """
    try:
        stored = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        inputs = stored["inputs"]
        embeddings = tuple(Embedding(**table) for table in inputs["embeddings"])
        array = None if inputs.get("array") is None else tuple(inputs["array"])
        return Prepared(
            folds=tuple(
                Fold(
                    preprocessing=Preprocessing.from_json(text),
                    train=_open_part(folder, f"{k}-train", stored["scalings"]),
                    validation=_open_part(folder, f"{k}-validation", stored["scalings"]),
                )
                for k, text in enumerate(stored["folds"])
            ),
            inputs=Inputs(**{**inputs, "embeddings": embeddings, "array": array}),
            labels=tuple(stored["labels"]),
            test_rows=open_array(folder, _TEST_ROWS),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"`{folder}` must hold prepared data; reading it failed: {error}. Prepare it again."
        ) from error


def _description(prepared: Prepared) -> str:
    return json.dumps(
        {
            "labels": prepared.labels,
            "inputs": asdict(prepared.inputs),
            "scalings": prepared.scalings,
            "folds": [fold.preprocessing.to_json() for fold in prepared.folds],
        }
    )


def _arrays(part: Part) -> dict[str, Array]:
    features = {f"x-{scaling}": x for scaling, x in part.x.items()}
    return {**features, "codes": part.codes, "y": part.y, "w": part.w, "rows": part.rows}


def _open_part(folder: Path, name: str, scalings: Sequence[str]) -> Part:
    return Part(
        x={scaling: open_array(folder, f"{name}-x-{scaling}") for scaling in scalings},
        codes=open_array(folder, f"{name}-codes"),
        y=open_array(folder, f"{name}-y"),
        w=open_array(folder, f"{name}-w"),
        rows=open_array(folder, f"{name}-rows"),
    )


def _prepare(
    keep: Keep, table: Table, seed: int, folds: int, refold_seed: int | None, watch: Watch | None
) -> Prepared:
    split = split_table(table, seed, folds)
    if refold_seed is not None:
        split = refold(table, split, refold_seed)
    fitted = [
        Preprocessing()  # nothing is fitted to arrays
        if table.shape is not None
        else fit_preprocessing(table.frame.iloc[train], table.schema)
        for train, _ in split.folds
    ]
    making = _Making(keep, table, fitted, watch)
    return Prepared(
        folds=tuple(
            Fold(
                preprocessing=preprocessing,
                train=making.part(f"{k}-train", preprocessing, train, train),
                validation=making.part(f"{k}-validation", preprocessing, validation, train),
            )
            for k, (preprocessing, (train, validation)) in enumerate(
                zip(fitted, split.folds, strict=True)
            )
        ),
        inputs=making.inputs,
        labels=tuple(table.labels),
        test_rows=keep(_TEST_ROWS, split.test.shape, np.int64, [split.test]),
    )


class _Making:
    """Makes parts of a table, all of the sizes that serve every fold."""

    def __init__(
        self, keep: Keep, table: Table, fitted: Sequence[Preprocessing], watch: Watch | None
    ) -> None:
        self._keep = keep
        self._table = table
        self._watch = watch
        self._made = 0  # rows
        self._scalings = [s for s in SCALINGS if any(s in one.scalings for one in fitted)]
        self.inputs = shared_inputs(fitted, len(table.labels))
        if table.shape is not None:
            self._scalings = [UNSCALED]
            n_features = table.frame.shape[1]
            self.inputs = replace(self.inputs, n_features=n_features, array=table.shape)

    def part(
        self,
        name: str,
        fitted: Preprocessing,
        rows: npt.NDArray[np.int64],
        train: npt.NDArray[np.int64],
    ) -> Part:
        """Make the part of these rows; `train` are the training rows of their fold."""
        n, y, weights = len(rows), self._table.y[rows], np.ones(len(rows))
        if self._table.weights is not None:
            unit = self._table.weights[train].mean(dtype=np.float64)
            weights = self._table.weights[rows] / unit
        x = {}
        for scaling in self._scalings:
            blocks = self._blocks(
                rows, self.inputs.n_features, lambda frame, s=scaling: _apply(fitted, frame, s)
            )
            blocks = (block.reshape(len(block), *self.inputs.shape) for block in blocks)
            shape = (n, *self.inputs.shape)
            x[scaling] = self._keep(f"{name}-x-{scaling}", shape, np.float32, blocks)
        embedded = len(self.inputs.embeddings)
        codes = self._blocks(rows, embedded, fitted.codes) if embedded else ()
        return Part(
            x=x,
            codes=self._keep(f"{name}-codes", (n, embedded), np.int32, codes),
            y=self._keep(f"{name}-y", (n,), np.int64, [y]),
            w=self._keep(f"{name}-w", (n,), np.float32, [weights]),
            rows=self._keep(f"{name}-rows", (n,), np.int64, [rows]),
        )

    def _blocks(
        self, rows: npt.NDArray[np.int64], width: int, apply: Callable[..., Array]
    ) -> Iterator[Array]:
        """Yield BATCH rows after BATCH rows, each as `apply` makes it, `width` columns wide."""
        for start in range(0, len(rows), BATCH):
            block = apply(self._table.frame.iloc[rows[start : start + BATCH]])
            self._made += len(block)
            if self._watch is not None:
                self._watch(self._made)
            yield widen(block, width)


def _apply(fitted: Preprocessing, frame: pd.DataFrame, scaling: str) -> Array:
    """Return the features of a batch of rows; of arrays their numbers as they are."""
    return frame.to_numpy() if scaling == UNSCALED else fitted.transform(frame, scaling)
