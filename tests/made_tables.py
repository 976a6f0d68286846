"""Tables made by a test: what `read_table` would return, without reading anything."""

from typing import Any

import numpy as np
import pandas as pd

from objectives.table.dataset import Table
from objectives.table.schema import Column, Schema


def make_table(frame: pd.DataFrame, y: Any, **given: Any) -> Table:
    """Return a table of these typed columns and classes; `given` replaces what else it holds."""
    y = np.asarray(y, dtype=np.int64)
    columns = tuple(
        Column(
            name=str(name),
            kind="numeric" if frame[name].dtype == np.float64 else "categorical",
            why="made by a test",
        )
        for name in frame
    )
    fields: dict[str, Any] = {
        "name": "made",
        "path": None,
        "frame": frame,
        "schema": Schema(columns=columns),
        "target": "target",
        "labels": tuple(f"class {k}" for k in range(int(y.max()) + 1)),
        "y": y,
        "weights": None,
        "groups": None,
        "times": None,
        "sha256": "0" * 64,
        "columns": tuple(map(str, frame.columns)),
        "dropped_rows": 0,
    }
    return Table(**{**fields, **given})
