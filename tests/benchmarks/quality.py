"""Test ROC-AUC of a search after equal time: this project, its peers, and boosting.

Each method (`quality_method.py` says what each is) has a process of its own and the same time on
the same cores, one after another. For each split seed the test rows are the same for all, scored
once, by what the method chose on validation rows.

How to run, from the root of the repository; what is done stands in the log, and is not done again:

    pip install keras-tuner tensorboard lightgbm xgboost
    python tests/benchmarks/quality.py TABLE.csv [TABLE.csv ...] --seconds 300 --log quality.jsonl

How to read it. Each cell is the mean over the split seeds with its standard error. "mean rank" is
over all tables and seeds, 1 the best, and its standard error is over tables. The second table has
the differences to the first method, paired by table and seed, with standard errors over tables. The
third says where the first method stood on the very same validation rows, after a share of the time
that took KerasTuner all of it: tables on which this project cross-validates are left out.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from children import ask
from machine import print_machine, print_table
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped, unused-ignore]

METHODS = ("regularization", "cocktail", "kerastuner", "lightgbm", "xgboost")
SHARES = (0.1, 0.25, 0.5, 1.0)

Record = dict[str, Any]


def main() -> None:
    """Run what the log lacks, and print the tables."""
    options = _options()
    for seed in range(options.seeds):  # so that a log cut short has all tables alike
        for path in options.tables:
            for method in options.methods:
                if (path.stem, seed, method) not in _read(options.log, options.seconds):
                    _run(path, seed, method, options)
    records = _read(options.log, options.seconds)
    _print_quality(records)
    _print_on_the_way(records)
    print_machine()


def _run(path: Path, seed: int, method: str, options: argparse.Namespace) -> None:
    found = ask(
        "quality_method.py",
        *(method, path, "--target", options.target, "--seed", seed),
        *("--began", time.time(), "--seconds", options.seconds),
    )
    record = {"table": path.stem, "seed": seed, "method": method, "budget": options.seconds}
    with options.log.open("a") as log:
        log.write(json.dumps({**record, **found}) + "\n")
    said = ", ".join(f"{name} {value:.4f}" for name, value in found["test"].items())
    print(
        f"{path.stem}, seed {seed}: {said}; {found['trials']} trials in {found['seconds']:.0f} s",
        flush=True,
    )


def _read(log: Path, seconds: float) -> dict[tuple[str, int, str], Record]:
    if not log.exists():
        return {}
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return {
        (each["table"], each["seed"], each["method"]): each
        for each in records
        if each["budget"] == seconds
    }


def _print_quality(records: dict[tuple[str, int, str], Record]) -> None:
    cells: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for (table, seed, _), record in sorted(records.items(), key=lambda r: METHODS.index(r[0][2])):
        cells[table, seed] |= record["test"]
    models = max((list(cell) for cell in cells.values()), key=len)
    whole = {key: cell for key, cell in cells.items() if len(cell) == len(models)}
    tables = sorted({table for table, _ in whole})
    by_table = [
        np.array([[cell[m] for m in models] for (t, _), cell in whole.items() if t == table])
        for table in tables
    ]  # each (seeds, models)
    rows = [
        [table, *map(_with_error, values.T)] for table, values in zip(tables, by_table, strict=True)
    ]
    ranks = np.array([rankdata(-values, axis=1).mean(axis=0) for values in by_table])
    rows.append(["mean rank", *(_with_error(each, digits=2) for each in ranks.T)])
    print(f"\n{sum(map(len, by_table))} splits of {len(tables)} tables\n")
    print_table(("test ROC-AUC", *models), rows)
    differences = np.array([(values - values[:, :1]).mean(axis=0) for values in by_table])
    better = np.array([(values > values[:, :1]).mean(axis=0) for values in by_table])
    print()
    print_table(
        (f"against {models[0]}", *models[1:]),
        [
            ["difference", *(_with_error(each) for each in differences.T[1:])],
            ["better, share of splits", *(f"{each:.2f}" for each in better.mean(axis=0)[1:])],
        ],
    )


def _print_on_the_way(records: dict[tuple[str, int, str], Record]) -> None:
    """Print this project's best value so far against what KerasTuner had in the end."""
    differences = defaultdict(list)
    for (table, seed, method), record in records.items():
        ours = records.get((table, seed, METHODS[0]))
        if method != "kerastuner" or ours is None or ours["folds"] > 1:
            continue
        differences[table].append(
            [_best_until(ours, share) - record["validation"] for share in SHARES]
        )
    if differences:
        print()
        print_table(
            ("validation, less KerasTuner's, after", *(f"{share:.0%}" for share in SHARES)),
            [
                [
                    t,
                    *(
                        "no trial yet" if np.isnan(each).any() else _with_error(each)
                        for each in np.array(d).T
                    ),
                ]
                for t, d in sorted(differences.items())
            ],
        )


def _best_until(record: Record, share: float) -> float:
    end = share * record["budget"]
    return max((value for after, value in record["values"] if after <= end), default=np.nan)


def _with_error(values: NDArray[np.float64] | Sequence[float], digits: int = 4) -> str:
    values = np.asarray(values)
    if len(values) < 2:
        return f"{values.mean():.{digits}f}"
    return f"{values.mean():.{digits}f} ±{values.std(ddof=1) / np.sqrt(len(values)):.{digits}f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", type=Path, help="of two classes")
    parser.add_argument("--target", default="target")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--log", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
