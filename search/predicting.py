"""New rows scored with an exported model, from file to file.

Loads TensorFlow. Batches are written as they come, so neither file has to fit into memory.
"""

import os
from pathlib import Path

from objectives.errors import DataError
from objectives.quiet import load_tensorflow


def predict_file(model: Path, data: Path, output: Path) -> int:
    """Write `probability` (of the positive class) and `label` for each row; return their number.

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
    load_tensorflow()
    from objectives.scoring import predict_batches

    batches = predict_batches(model, data)
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    rows = 0
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            for batch in batches:
                batch.to_csv(file, index=False, header=rows == 0)
                rows += len(batch)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
    return rows
