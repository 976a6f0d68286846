"""What each pruner saves and what it costs: replayed on logged random trials.

Each table's log (`trial_log.py`; `samplers.py` says how to make one) holds whole learning curves,
of trials that nothing stopped. A search is so many of its trials in a random order; a pruner sees
of each what it would have seen, and may stop it.

How to run, from the root of the repository:

    python tests/benchmarks/pruners.py sqlite:///log.db

How to read it. "epochs" is the share of the epochs that were trained, of those that would have been
without a pruner; "lost" is how far the best trial that was left lies below the best of all, in
thousandths of ROC-AUC; both are means over tables with their standard errors. "kept the best" is
how often that is the same trial. Samplers are not replayed: under one that learns, later trials are
better than these, and fewer of them are stopped.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import optuna
from machine import print_machine, print_table
from numpy.typing import NDArray
from optuna.pruners import BasePruner, PercentilePruner, WilcoxonPruner
from trial_log import Log, LoggedTrial, read_log

from search.pruning import make_pruner, rungs
from search.settings import DEFAULT_MAX_EPOCHS

Report = tuple[int, float, int]  # step, value, epochs trained until then

PRUNERS: Mapping[str, Callable[[int], BasePruner]] = {
    "none": lambda folds: make_pruner("none", DEFAULT_MAX_EPOCHS, folds),
    "median": lambda folds: make_pruner("median", DEFAULT_MAX_EPOCHS, folds),
    "best quarter": lambda folds: PercentilePruner(25, n_startup_trials=10, n_min_trials=5),
    "worst quarter": lambda folds: PercentilePruner(75, n_startup_trials=10, n_min_trials=5),
    "hyperband": lambda folds: make_pruner("hyperband", DEFAULT_MAX_EPOCHS, folds),
    "wilcoxon": lambda folds: WilcoxonPruner(p_threshold=0.1),
}


def main() -> None:
    """Replay all pruners on all tables and print how they compare."""
    options = _options()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logs = read_log(options.log)
    found = np.full((len(PRUNERS), len(logs), 3), np.nan)
    print_machine()
    for t, log in enumerate(logs):
        folds = len(log.trials[0].folds) or 1
        for p, (name, make) in enumerate(PRUNERS.items()):
            if name == "wilcoxon" and folds == 1:
                continue  # it compares folds
            runs = [
                _replay(log, name, make(folds), options.trials, seed)
                for seed in range(options.seeds)
            ]
            found[p, t] = np.mean(runs, axis=0)
        print(f"{log.name}: {len(log.trials)} trials, {folds} folds", flush=True)
    for kind, chosen in _kinds(logs).items():
        print(f"\n{kind}, {options.trials} trials, {int(chosen.sum())} tables\n")
        _print(found[:, chosen])


def _kinds(logs: list[Log]) -> dict[str, NDArray[np.bool_]]:
    several = np.array([bool(log.trials[0].folds) for log in logs])
    return {
        name: chosen
        for name, chosen in (("Folds", several), ("One split", ~several))
        if chosen.sum() > 1
    }


def _replay(
    log: Log, name: str, pruner: BasePruner, n_trials: int, seed: int
) -> tuple[float, float, float]:
    """Return the share of epochs trained, what was lost in ROC-AUC, and whether nothing was."""
    order = np.random.default_rng(seed).permutation(len(log.trials))[:n_trials]
    study = optuna.create_study(study_name="replay", direction="maximize", pruner=pruner)
    trained, left = 0, []
    for i in order:
        logged = log.trials[i]
        trial = study.ask()
        for step, value, epochs in _reports(logged, name):
            trial.report(value, step)
            if trial.should_prune():
                trained += epochs
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            trained += logged.epochs
            left.append(logged.value)
            study.tell(trial, logged.value)
    best = max(log.trials[i].value for i in order)
    whole = sum(log.trials[i].epochs for i in order)
    lost = best - max(left)
    return trained / whole, 1e3 * lost, float(lost == 0)


def _reports(logged: LoggedTrial, name: str) -> Iterator[Report]:
    if logged.folds:
        for k in range(1, len(logged.folds)):
            seen = logged.folds[:k]
            value = seen[-1] if name == "wilcoxon" else float(np.mean(seen))
            yield k, value, logged.epochs * k // len(logged.folds)
        return
    asked = rungs("hyperband" if name == "hyperband" else "median", DEFAULT_MAX_EPOCHS)
    for epoch in sorted(asked):
        if epoch < len(logged.curve):
            yield epoch, max(logged.curve[:epoch]), epoch


def _print(found: NDArray[np.float64]) -> None:
    rows = []
    for name, of_one in zip(PRUNERS, found, strict=True):
        if np.isnan(of_one).all():
            continue
        mean, error = of_one.mean(axis=0), of_one.std(axis=0, ddof=1) / np.sqrt(len(of_one))
        rows.append(
            [
                name,
                f"{100 * mean[0]:.0f}% ±{100 * error[0]:.0f}",
                f"{mean[1]:.2f} ±{error[1]:.2f}",
                f"{100 * mean[2]:.0f}%",
            ]
        )
    print_table(["pruner", "epochs", "lost, 1e-3", "kept the best"], rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", help="database URL of the logged studies")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()
