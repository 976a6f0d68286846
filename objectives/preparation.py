"""A table made ready for the trials of one study, once, and shared by all its workers.

The arrays are written as .npy files and opened memory-mapped: N worker processes map the same
pages, so the data are in memory once and parsed once. The test rows are split off and left in the
table. Next: `network` and `training` use the arrays.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from objectives.dataset import Table
from objectives.errors import DataError
from objectives.preprocessing import Preprocessing, fit_preprocessing
from objectives.split import split_rows

_ARRAYS = ("x_train", "y_train", "x_validation", "y_validation")
_PREPROCESSING = "preprocessing.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What a trial trains on and is judged by.

    Attributes:
        x_train, x_validation: (n_rows, n_features) float32, finite.
        y_train, y_validation: (n_rows,) float32, 1.0 for the positive class.
        preprocessing: how raw columns become features, fitted on the training rows.
    """

    x_train: npt.NDArray[np.float32]
    y_train: npt.NDArray[np.float32]
    x_validation: npt.NDArray[np.float32]
    y_validation: npt.NDArray[np.float32]
    preprocessing: Preprocessing

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One readable name per column of x."""
        return self.preprocessing.feature_names


def prepare(table: Table, seed: int) -> Prepared:
    """Split the table by `seed`, fit the preprocessing on the training rows, and apply it.

    Raises:
        DataError: too few rows of a class, or no column of use.
    """
    split = split_rows(table.y, seed)
    frame_train = table.frame.iloc[split.train]
    preprocessing = fit_preprocessing(frame_train)
    return Prepared(
        x_train=preprocessing.transform(frame_train),
        y_train=table.y[split.train].astype(np.float32),
        x_validation=preprocessing.transform(table.frame.iloc[split.validation]),
        y_validation=table.y[split.validation].astype(np.float32),
        preprocessing=preprocessing,
    )


def save_prepared(prepared: Prepared, folder: Path) -> None:
    """Write the arrays and the preprocessing into `folder`, which is made when missing.

    Each file is written beside and renamed, so that a process that has the old ones mapped goes on
    undisturbed; the preprocessing comes last and marks the folder complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _PREPROCESSING).unlink(missing_ok=True)
    for name in _ARRAYS:
        array: npt.NDArray[np.float32] = getattr(prepared, name)
        with _written_beside(folder / f"{name}.npy") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    with _written_beside(folder / _PREPROCESSING) as file:
        file.write(prepared.preprocessing.to_json().encode())


def load_prepared(folder: Path) -> Prepared:
    """Open what `save_prepared` wrote, the arrays memory-mapped, copy-on-write.

    Nobody writes to them; but only what could be written to can be handed to TensorFlow uncopied.

    Raises:
        DataError: the folder is missing, incomplete or damaged.
    """
    try:
        text = (folder / _PREPROCESSING).read_text(encoding="utf-8")
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False)
            for name in _ARRAYS
        }
        return Prepared(**arrays, preprocessing=Preprocessing.from_json(text))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"`{folder}` must hold prepared data; reading it failed: {error}. Prepare it again."
        ) from error


@contextmanager
def _written_beside(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
