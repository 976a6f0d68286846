"""ROC-AUC of a search on real tables, beside two models that need none, on the same rows.

Every file is launched as a newcomer would, with its target's name and nothing else. The best trial
is exported, and the exported model scores the raw test rows. Logistic regression and
HistGradientBoosting (`objectives/baselines.py`) are fitted on the training rows of each fold, as
the networks are, and their folds' probabilities are averaged, as the networks' are: all three have
seen the same rows. Nothing is tuned to a table.

How to run, from the root of the repository:

    python tests/benchmarks/real_tables.py TABLE.csv [TABLE.csv ...] --target target --trials 60

How to read it. "validation" is what the search maximised, the best of many: it flatters the network
and not the others. "test" is the one to compare, with half the width of its 95% interval (BCa
bootstrap). "difference" is the network's test ROC-AUC minus the better of the other two's, with its
interval (DeLong; a bootstrap for more than two classes).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import print_machine, print_table
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from objectives.assessment.assessment import assess
from objectives.assessment.comparison import compare_roc_auc
from objectives.baselines import boosting, fit_and_predict, logistic
from objectives.portable.scoring import predict
from objectives.splitting.split import Split, split_table
from objectives.table.dataset import Table, read_table
from search.exporting import export
from search.study import launch

Probabilities = NDArray[np.floating[Any]]  # (n, K)

HEADINGS = (
    *("data", "rows", "network: validation", "logistic", "boosting"),
    *("network: test", "logistic", "boosting", "difference", "minutes"),
)


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--target", default="target")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = []
    for path in options.tables:
        rows.append(_measure(path, options))
        print(f"{path.stem}: {rows[-1]}", flush=True)
    print()
    print_table(HEADINGS, rows)
    print_machine()


def _measure(path: Path, options: argparse.Namespace) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        study = launch(
            path,
            target=options.target,
            storage=f"sqlite:///{folder}/tables.db",
            trials=options.trials,
            workers=options.workers,
            seed=options.seed,
            progress=False,
        )
        minutes = (time.perf_counter() - began) / 60
        best, folds = study.figures.best, study.figures.settings["folds"]
        assert best is not None
        table = read_table(path, options.target)
        split = split_table(table, options.seed, folds)
        model = Path(folder) / "model.keras"
        export(study.name, model, storage=study.url)
        network = _scored(model, path, table, split)
    others = [_baseline(make, table, split) for make in (logistic, boosting)]
    y = table.y[split.test]
    tests = [_seen(network), *(test for _, test in others)]
    areas = [assess(y, p).roc_auc for p in tests]
    better = max((1, 2), key=lambda i: areas[i].value)
    difference = compare_roc_auc(y, tests[0], tests[better]).difference
    return [
        path.stem,
        f"{len(table.y):,}",
        *(f"{value:.3f}" for value in (best["value"], *(value for value, _ in others))),
        *(f"{area.value:.3f} ±{(area.high - area.low) / 2:.3f}" for area in areas),
        f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})",
        f"{minutes:.1f}",
    ]


def _scored(model: Path, path: Path, table: Table, split: Split) -> Probabilities:
    """Return (n_test, K) probabilities of the exported model on the raw test rows."""
    raw = pd.read_csv(path, dtype=str)
    raw = raw[raw[table.target].notna()].iloc[split.test].reset_index(drop=True)
    scores = predict(model, raw.drop(columns=table.target))
    return scores.filter(like="probability_").to_numpy(np.float64)


def _baseline(
    make: Callable[[Table], Pipeline], table: Table, split: Split
) -> tuple[float, Probabilities]:
    """Return the mean validation ROC-AUC of the folds and the mean of their test probabilities."""
    found = fit_and_predict(make, table, split.folds, split.test)
    areas = [
        roc_auc_score(table.y[rows], p, multi_class="ovr")
        for (_, rows), p in zip(split.folds, found.validation, strict=True)
    ]
    return float(np.mean(areas)), found.test


def _seen(p: Probabilities) -> Probabilities:
    """Return (n,) of the positive class where there are two, else (n, K)."""
    return p[:, 1] if p.shape[1] == 2 else p


if __name__ == "__main__":
    main()
