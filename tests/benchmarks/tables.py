"""The data the benchmarks run on: built in or generated, so that none has to be fetched.

Everything is written as a CSV with a `target` column and read by `read_table`, the way a user's
file is.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import make_classification, make_moons

from objectives.features.preparation import prepare, save_prepared
from objectives.table.dataset import read_table

GENERATED = ("synthetic-20000x40", "noisy-2000x20", "rare-3000x40", "moons-2000x2")


def locate(name: str, folder: Path) -> str:
    """Return what `read_table` and `launch` take: a built-in's name or a file's path.

    Args:
        name: `breast-cancer`, one of GENERATED, or the path of a CSV with a `target` column.
        folder: where generated tables are written.
    """
    if name not in GENERATED:
        return name
    file = folder / f"{name}.csv"
    if not file.exists():
        x, y = _generate(name)
        frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
        frame.assign(target=y).to_csv(file, index=False, float_format="%.6g")
    return str(file)


def prepare_into(name: str, folder: Path, *, seed: int) -> Path:
    """Split and prepare a table as a study of this seed does; return the folder of its arrays."""
    prepared = folder / f"{Path(name).stem}-{seed}"
    if not prepared.exists():
        save_prepared(prepare(read_table(locate(name, folder)), seed), prepared)
    return prepared


def _generate(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return features (n, k) and labels (n,) of one of GENERATED; always the same ones."""
    if name == "moons-2000x2":
        x, y = make_moons(2_000, noise=0.35, random_state=3)
    elif name == "rare-3000x40":
        x, y = make_classification(
            3_000,
            40,
            n_informative=8,
            n_redundant=8,
            weights=[0.9],
            flip_y=0.02,
            class_sep=0.7,
            random_state=2,
        )
    elif name == "noisy-2000x20":
        x, y = make_classification(
            2_000, 20, n_informative=10, flip_y=0.15, class_sep=0.6, random_state=1
        )
    else:
        x, y = make_classification(
            20_000, 40, n_informative=15, n_redundant=10, flip_y=0.05, class_sep=0.7, random_state=0
        )
    return np.asarray(x), np.asarray(y)
