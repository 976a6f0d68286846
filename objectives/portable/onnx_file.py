"""An exported model as an ONNX file, where ONNX can hold it: when every column is numeric.

Texts cannot go in: the converter has neither the lookup of a level nor the split of a date into
characters, and would write a file that no runtime opens rather than say so.
"""

import importlib.util
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from objectives.errors import ModelFileError

_PACKAGES = ("tf2onnx", "onnx")


def write_onnx(model: Any, path: Path) -> None:
    """Write a Keras model to `path`.

    Raises:
        ModelFileError: a column is no number, the converter is not installed, or it fails.
        OSError: the file cannot be written.
    """
    texts = [f"`{tensor.name}`" for tensor in model.inputs if tensor.dtype == "string"]
    if texts:
        more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
        raise ModelFileError(
            "ONNX can hold this model only when all its columns are numeric; "
            f"{', '.join(texts[:5])}{more} hold text. Export it with --format savedmodel, "
            "or search with --drop for those columns."
        )
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelFileError(
            f"ONNX needs the packages {' and '.join(_PACKAGES)}; "
            f"{' and '.join(missing)} cannot be found. Run pip install 'dampen[onnx]'."
        )
    from keras import tree

    # Keras exports only what was called once.
    model(tree.map_structure(lambda t: np.zeros((1, *t.shape[1:]), np.float32), model.input))
    try:
        _convert(model, path)
    except OSError:
        raise
    except Exception as error:  # whatever the converter trips over
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise ModelFileError(
            f"ONNX cannot hold this model: {reason}. Export it with --format savedmodel."
        ) from error


def _convert(model: Any, path: Path) -> None:
    import onnx

    level = logging.root.manager.disable
    logging.disable(logging.ERROR)  # the converter reports each step
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, about the converter
            model.export(path, format="onnx", verbose=False)
        onnx.checker.check_model(str(path), full_check=True)
    finally:
        logging.disable(level)
