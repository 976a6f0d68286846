"""Arrays with their labels: an .npz file of `x` and `y`, and scikit-learn's digits.

    n   rows      d   numbers in a row of x

`x` (n, ...) holds images, series or anything of one shape a row, `y` (n,) a label a row, numbers or
texts. Every kind of number becomes float32, its value as it is: an 8-bit image stays in [0, 255],
and its network rescales it. Nothing is unpickled. Next: `dataset` makes a table of them.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_digits

from objectives.errors import DataError
from objectives.table.columns import read_column

SUFFIX = ".npz"
X, Y = "x", "y"

Floats = npt.NDArray[np.float32]


def is_npz(data: object) -> bool:
    """Tell whether data is the path of an .npz file, by its suffix."""
    return isinstance(data, str | Path) and Path(data).suffix.lower() == SUFFIX


def read_npz(path: Path) -> tuple[Floats, pd.Series]:
    """Return `x` (n, ...) and `y` (n,), the labels as a typed column (`columns.read_column`).

    Raises:
        DataError: the file cannot be read, or either is not there or not what it should be.
    """
    arrays = _load(path)
    x, y = _features(path, arrays), arrays.get(Y)
    if y is None:
        raise DataError(
            f"{path.name} must hold labels as `{Y}`; it holds {_listed(arrays)}. Save it with "
            f"numpy.savez(..., {X}=..., {Y}=...)."
        )
    if y.ndim != 1 or len(y) != len(x):
        raise DataError(
            f"`{Y}` of {path.name} must have a label for each of the {len(x):,} rows of `{X}`; its "
            f"shape is {_say(y.shape)}. Give it {len(x):,} labels, not one-hot."
        )
    if y.dtype.kind not in "biufUS":
        raise DataError(
            f"`{Y}` of {path.name} must hold numbers or texts; it holds {y.dtype}. "
            "Save the labels as integers or as texts."
        )
    texts: npt.NDArray[Any] = y
    if y.dtype.kind == "S":
        texts = np.array([label.decode("utf-8", "replace") for label in y.tolist()])
    return x, read_column(pd.Series(texts, name=Y))


def read_features(path: Path) -> Floats:
    """Return `x` (n, ...) alone, of rows to score.

    Raises:
        DataError: as for `read_npz`.
    """
    return _features(path, _load(path))


def read_digits() -> tuple[Floats, pd.Series, str]:
    """Return scikit-learn's 1,797 digits, (n, 8, 8) in [0, 16], their labels, and a hash of both.

    Source: Alpaydin and Kaynak 1998, UCI "Optical Recognition of Handwritten Digits".
    """
    bunch = load_digits()
    x = np.ascontiguousarray(bunch.images, np.float32)
    y = np.ascontiguousarray(bunch.target, np.int64)
    return (
        x,
        read_column(pd.Series(y, name=Y)),
        hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest(),
    )


def numbered(x: Floats) -> pd.DataFrame:
    """Return rows of numbers (n, d) as a frame of the columns x0, x1, ..., without a copy."""
    names = pd.Index([f"{X}{i}" for i in range(x.shape[1])], dtype=object)
    return pd.DataFrame(x, columns=names, copy=False)


def say_shape(shape: tuple[int, ...]) -> str:
    """Return the shape of a row in words: `8 x 8`."""
    return " x ".join(map(str, shape))


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name in (X, Y)} | {
                name: np.empty(0) for name in file.files if name not in (X, Y)
            }
    except FileNotFoundError:
        raise DataError(f"there is no file `{path}`. Check its path.") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        pickled = "pickle" in str(error).lower()
        why = "it holds Python objects, which are not read" if pickled else str(error)
        raise DataError(
            f"`{path}` must be an .npz file of arrays of numbers or texts; {why}. Save it with "
            f"numpy.savez(..., {X}=..., {Y}=...)."
        ) from error


def _features(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> Floats:
    x = arrays.get(X)
    if x is None:
        raise DataError(
            f"{path.name} must hold the rows' features as `{X}`; it holds {_listed(arrays)}. Save "
            f"it with numpy.savez(..., {X}=..., {Y}=...)."
        )
    if x.dtype.kind not in "biuf":
        raise DataError(
            f"`{X}` of {path.name} must hold numbers; it holds {x.dtype}. Turn it into numbers."
        )
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise DataError(
            f"`{X}` of {path.name} must be (rows, ...), an array a row; its shape is "
            f"{_say(x.shape)}. Single numbers are (rows, 1)."
        )
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(x, np.float32)
    bad = ~np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if bad.any():
        raise DataError(
            f"`{X}` of {path.name} must hold finite numbers in single precision; "
            f"{np.count_nonzero(bad):,} of its {len(found):,} rows hold NaN or infinity, row "
            f"{int(bad.argmax()) + 1:,} first. Fill them, or leave those rows out."
        )
    return found


def _listed(arrays: dict[str, npt.NDArray[Any]]) -> str:
    return ", ".join(f"`{name}`" for name in list(arrays)[:5]) or "nothing"


def _say(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
