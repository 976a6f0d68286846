"""Seconds per trial: this project with one and two workers, KerasTuner, and Optuna with `fit`.

All get the same rows, split, prepared arrays, search space, networks, epochs (at most 50) and early
stopping (patience 8 on validation ROC-AUC); pruning is off. They run one after another, each in a
fresh process. The peers:

- KerasTuner's BayesianOptimization: `pip install keras-tuner tensorboard` beside this project.
- Optuna's TPE in memory around `model.fit`: needs nothing more.

How to run, from the root of the repository:

    python tests/benchmarks/throughput.py --adult adult.csv
    python tests/benchmarks/throughput.py --data breast-cancer --trials 3 --peer-trials 2

`--adult` is the path of the census table "adult" as a CSV with a column `target`; without it that
part is left out.

How to read it. "mean" is wall time over trials, from the first trial's start to the last one's end:
what a study costs. "with start-up" adds starting processes and reading the data. "median" is the
middle trial's own time (ours divided by the workers, which run side by side). "epochs" is the mean
of a trial: the samplers go different ways, so no two contenders train the same networks, and the
means of a few trials are rough. The ratios compare to KerasTuner, mean with mean and median with
median. Peers run fewer trials than we do, so that theirs hold more of the first, random ones.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from children import ask
from machine import print_machine, print_table
from tables import locate, prepare_into

from search.study import launch
from storage.database import close, open_database
from storage.evaluations import read_evaluations
from storage.studies import load_study

TARGETS = {  # (one worker, two workers), times KerasTuner
    "breast-cancer": (12, 20),
    "synthetic-20000x40": (5, 8),
    "adult": (None, 5),
}


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one contender took for one search."""

    trials: int
    wall: float  # s, first trial's start to last one's end
    whole: float  # s, with start-up
    each: list[float]  # s a trial; divided by the workers
    epochs: list[int]  # of each trial


def main() -> None:
    """Run every contender on every data set and print the table."""
    options = _options()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.data:
            rows += _compare(name, Path(folder), options)
    print_table(
        (
            "data",
            "contender",
            "trials",
            "mean, s",
            "median, s",
            "with start-up, s",
            "epochs",
            "x KerasTuner, means",
            "medians",
            "target",
        ),
        rows,
    )
    print_machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        nargs="+",
        default=["breast-cancer", "synthetic-20000x40"],
        help="breast-cancer, synthetic-20000x40, or a CSV with a column `target`",
    )
    parser.add_argument("--adult", help="path of the table adult as a CSV")
    parser.add_argument("--trials", type=int, default=60, help="of each of our searches")
    parser.add_argument("--peer-trials", type=int, default=12, help="of each of the peers'")
    parser.add_argument("--repeats", type=int, default=1, help="searches, each with its own seed")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peers", nargs="*", default=["kerastuner", "optuna"])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--patience", type=int, default=8)
    options = parser.parse_args()
    if options.adult:
        options.data.append(options.adult)
    return options


def _compare(name: str, folder: Path, options: argparse.Namespace) -> list[list[object]]:
    """Return the table's rows of one data set."""
    timings: dict[str, list[Timing]] = {}
    for seed in range(options.repeats):
        for peer in options.peers:
            timings.setdefault(peer, []).append(_peer(peer, name, folder, seed, options))
        for workers in options.workers:
            label = f"dampen, {workers} worker{'s' if workers > 1 else ''}"
            timings.setdefault(label, []).append(_ours(workers, name, folder, seed, options))
    summed = {label: _pool(found) for label, found in timings.items()}
    reference = summed.get("kerastuner")
    return [
        [Path(name).stem, label, *_figures(timing, reference), _target(name, label)]
        for label, timing in summed.items()
    ]


def _ours(workers: int, name: str, folder: Path, seed: int, options: argparse.Namespace) -> Timing:
    """Run a study as a user does, and read its times from the database."""
    url = f"sqlite:///{folder}/{Path(name).stem}-{workers}-{seed}.db"
    began = time.perf_counter()
    study = launch(
        locate(name, folder),
        storage=url,
        trials=options.trials,
        confirm=0,
        workers=workers,
        seed=seed,
        pruner="none",
        folds=1,
        max_epochs=options.epochs,
        patience=options.patience,
        progress=False,
    )
    whole = time.perf_counter() - began
    db = open_database(url, create=False)
    trials = optuna.load_study(study_name=study.name, storage=db.optuna).get_trials()
    evaluations = read_evaluations(db, load_study(db, study.name).study_id)
    close(db)
    starts = [t.datetime_start for t in trials if t.datetime_start is not None]
    ends = [t.datetime_complete for t in trials if t.datetime_complete is not None]
    durations = [t.duration.total_seconds() for t in trials if t.duration is not None]
    return Timing(
        trials=len(ends),
        wall=(max(ends) - min(starts)).total_seconds(),
        whole=whole,
        each=[duration / workers for duration in durations],
        epochs=[int(e.evaluation["epochs"]) for e in evaluations.values()],
    )


def _peer(peer: str, name: str, folder: Path, seed: int, options: argparse.Namespace) -> Timing:
    arrays = prepare_into(name, folder, seed=seed)
    began = time.perf_counter()
    said = ask(
        "peers.py",
        peer,
        arrays,
        *("--trials", options.peer_trials, "--seed", seed),
        *("--epochs", options.epochs, "--patience", options.patience),
    )
    seconds = said["seconds"]
    return Timing(
        trials=len(seconds),
        wall=sum(seconds),
        whole=time.perf_counter() - began,
        each=seconds,
        epochs=said["epochs"],
    )


def _pool(timings: list[Timing]) -> Timing:
    """Return the repeats as one long search."""
    return Timing(
        trials=sum(t.trials for t in timings),
        wall=sum(t.wall for t in timings),
        whole=sum(t.whole for t in timings),
        each=[seconds for t in timings for seconds in t.each],
        epochs=[epochs for t in timings for epochs in t.epochs],
    )


def _figures(timing: Timing, reference: Timing | None) -> list[object]:
    mean, median = timing.wall / timing.trials, float(np.median(timing.each))
    ratios = ["", ""]
    if reference is not None:
        ratios = [
            f"{reference.wall / reference.trials / mean:.1f}",
            f"{float(np.median(reference.each)) / median:.1f}",
        ]
    return [
        timing.trials,
        f"{mean:.3f}",
        f"{median:.3f}",
        f"{timing.whole / timing.trials:.3f}",
        f"{np.mean(timing.epochs):.1f}",
        *ratios,
    ]


def _target(name: str, label: str) -> str:
    one, two = TARGETS.get(Path(name).stem, (None, None))
    wanted = {"dampen, 1 worker": one, "dampen, 2 workers": two}.get(label)
    return f">= {wanted}" if wanted else ""


if __name__ == "__main__":
    main()
