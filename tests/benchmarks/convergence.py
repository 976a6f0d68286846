"""Whether the engine trains as well as `model.fit`: best validation ROC-AUC over seeds.

On each data set the same network starts from the same weights, once in `objectives.training` and
once in `model.fit` with `EarlyStopping(restore_best_weights=True)` on the exact ROC-AUC, computed
after every epoch. Shuffles and dropout masks come from different generators, so single runs
differ and only their distribution can be compared: the differences are paired by seed.

How to run, from the root of the repository:

    python tests/benchmarks/convergence.py
    python tests/benchmarks/convergence.py --seeds 2 --epochs 3 --data breast-cancer

How to read it. "difference" is the engine's ROC-AUC less `fit`'s, its mean with its standard error.
"p" is of Wilcoxon's signed-rank test (Wilcoxon 1945), two-sided, and "p, worse" of the same test
against the engine being worse: a small one would be bad news. Each network is tried on each data
set, so of many tests one in twenty falls below 0.05 by chance alone.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from children import ask
from machine import print_machine, print_table
from numpy.typing import NDArray
from scipy.stats import wilcoxon  # type: ignore[import-untyped, unused-ignore]
from tables import GENERATED, prepare_into

NETWORKS: dict[str, dict[str, Any]] = {
    "dropout 0.2, L1, L2": {"normalization": "none", "dropout": 0.2, "l1": 1e-5, "l2": 1e-4},
    "batch norm., L2": {"normalization": "batch", "dropout": 0.0, "l1": 0.0, "l2": 1e-3},
}
SHARED = {
    "widths": [64, 32],
    "activation": "relu",
    "learning_rate": 2e-3,
    "batch_size": 64,
}


def main() -> None:
    """Train every pair and print a row for each data set and network."""
    options = _options()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for data in options.data:
            arrays = prepare_into(data, Path(folder), seed=0)
            for name in options.networks:
                rows.append([Path(data).stem, name, *_row(arrays, NETWORKS[name], options)])
    print_table(
        (
            "data",
            "network",
            "seeds",
            "engine",
            "fit",
            "difference",
            "p",
            "p, worse",
            "epochs, engine",
            "epochs, fit",
        ),
        rows,
    )
    print_machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    small = [name for name in GENERATED if name != "synthetic-20000x40"]
    parser.add_argument(
        "--data",
        nargs="+",
        default=["breast-cancer", *small],
        help="built-in or generated names, or CSVs with a column `target`",
    )
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--patience", type=int, default=8)
    return parser.parse_args()


def _row(arrays: Path, network: dict[str, Any], options: argparse.Namespace) -> list[object]:
    said = ask(
        "convergence_pairs.py",
        arrays,
        json.dumps({**SHARED, **network}),
        *("--seeds", options.seeds, "--epochs", options.epochs, "--patience", options.patience),
    )
    engine, engine_epochs, fit, fit_epochs = np.array(said).T
    differences = engine - fit
    error = np.std(differences, ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return [
        len(differences),
        f"{np.mean(engine):.4f}",
        f"{np.mean(fit):.4f}",
        f"{np.mean(differences):+.4f} +- {error:.4f}",
        f"{_p(differences, 'two-sided'):.2f}",
        f"{_p(differences, 'less'):.2f}",
        f"{np.mean(engine_epochs):.1f}",
        f"{np.mean(fit_epochs):.1f}",
    ]


def _p(differences: NDArray[np.float64], alternative: str) -> float:
    """Return Wilcoxon's p; 1 where no pair differs, which the test does not allow."""
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, alternative=alternative).pvalue)


if __name__ == "__main__":
    main()
