"""New rows scored with an exported model, from file to file.

Loads TensorFlow. Batches are written as they come, so neither file has to fit into memory.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from objectives.errors import DataError
from objectives.quiet import load_tensorflow


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What came of scoring a file."""

    rows: int
    notes: tuple[str, ...]  # sentences about what was odd in it


def predict_file(model: Path, data: Path, output: Path) -> Predicted:
    """Write `probability_<label>` of each class and `label` for each row.

    Args:
        model: an exported `.keras` file, its model card beside it.
        data: a CSV or Parquet file with the model's columns.
        output: the CSV to write, row order kept; replaced when everything is scored.

    Raises:
        objectives.errors.ObjectiveError: one of the three cannot be used.
    """
    if not output.parent.is_dir():
        raise DataError(
            f"predictions must go into an existing folder; `{output.parent}` is none. "
            "Make the folder, or choose another with -o."
        )
    if output.is_dir() or output.resolve() == Path(data).resolve():
        what = "a folder" if output.is_dir() else "the table that is to be scored"
        raise DataError(
            f"predictions must go into a file of their own; `{output}` is {what}. "
            "Choose another with -o."
        )
    output = output.resolve()  # a link stays one
    load_tensorflow()
    from objectives.portable.remarks import Remarks
    from objectives.portable.scoring import predict_batches

    remarks = Remarks()
    batches = predict_batches(model, data, remarks=remarks)
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    rows = 0
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            for batch in batches:
                batch.to_csv(file, index=False, header=rows == 0)
                rows += len(batch)
        if output.is_file() or not output.exists():
            beside.replace(output)
        else:  # a device or a pipe
            with beside.open("rb") as file, output.open("wb") as device:
                shutil.copyfileobj(file, device)
    finally:
        beside.unlink(missing_ok=True)
    return Predicted(rows=rows, notes=remarks.notes())
