"""How good the best of N trials is, by sampler: replayed on logged random trials.

Each table's log of random trials (`trial_log.py`) becomes a surrogate: what a trial with any
parameters would be expected to come to, and its noise. Samplers search on that, as many seeds and
trials as wanted, for seconds instead of days. They see noisy values; what counts is the noiseless
value of the trial they would have called best.

How to make a log, one study for each table:

    for table in TABLES; do
        dampen launch $table.csv --target target --study $table --sampler random --pruner none \
            --trials 300 --confirm 0 --storage sqlite:///log.db
    done

How to run, from the root of the repository (`gp` needs PyTorch, and takes hours):

    python tests/benchmarks/samplers.py sqlite:///log.db

How to read it. "regret" is how far the chosen trial lies below the best of 20,000 random ones, in
thousandths of ROC-AUC, averaged over tables and seeds, with its standard error over tables; "rank"
is the mean rank among the samplers, 1 the best. The surrogate is no better than its fit, the
correlation of its predictions with what trials came to that it had not seen, which is printed.
"""

import argparse
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import optuna
from machine import print_machine, print_table
from numpy.typing import NDArray
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from scipy.stats import rankdata
from trial_log import Surrogate, best_of_random, read_log, replay

BUDGETS = (25, 50, 100, 200)
NOISE = 0.002  # of a value on one split, where no folds say it

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "quasi-random": lambda seed: QMCSampler(seed=seed, warn_independent_sampling=False),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "gp": lambda seed: GPSampler(seed=seed),
    "tpe, joint": lambda seed: TPESampler(seed=seed),
    "joint, 20 first": lambda seed: TPESampler(seed=seed, n_startup_trials=20),
    "joint, 5 first": lambda seed: TPESampler(seed=seed, n_startup_trials=5),
    "joint, 100 candidates": lambda seed: TPESampler(seed=seed, n_ei_candidates=100),
    "tpe, one by one": lambda seed: _one_by_one(seed),
    "one by one, 20 first": lambda seed: _one_by_one(seed, n_startup_trials=20),
    "one by one, 5 first": lambda seed: _one_by_one(seed, n_startup_trials=5),
    "one by one, 100 candidates": lambda seed: _one_by_one(seed, n_ei_candidates=100),
}


def main() -> None:
    """Replay all samplers on all tables and print how they compare."""
    options = _options()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logs = read_log(options.log)
    names = [name for name in SAMPLERS if not options.samplers or name in options.samplers]
    regrets = np.zeros((len(logs), len(names), len(BUDGETS)))
    print_machine()
    for t, log in enumerate(logs):
        surrogate = Surrogate(log, noise=NOISE)
        best = best_of_random(log, surrogate)
        for s, name in enumerate(names):
            found = [
                replay(log, surrogate, SAMPLERS[name](seed), log.first, BUDGETS, seed)
                for seed in range(options.seeds)
            ]
            regrets[t, s] = best - np.mean(found, axis=0)
        print(f"{log.name}: {len(log.trials)} trials, fit {surrogate.fit:.2f}", flush=True)
    _print(names, regrets)


def _one_by_one(seed: int, **settings: int) -> BaseSampler:
    """Return TPE that looks at one parameter at a time; the number of "first" trials is random."""
    return TPESampler(seed=seed, multivariate=False, **settings)


def _print(names: list[str], regrets: NDArray[np.float64]) -> None:
    n_tables = len(regrets)
    ranks = np.apply_along_axis(rankdata, 1, regrets).mean(axis=0)  # (samplers, budgets)
    rows = []
    for s, name in enumerate(names):
        mean = 1e3 * regrets[:, s].mean(axis=0)
        error = 1e3 * regrets[:, s].std(axis=0, ddof=1) / np.sqrt(n_tables)
        cells = [
            f"{m:.2f} ±{e:.2f} ({r:.1f})" for m, e, r in zip(mean, error, ranks[s], strict=True)
        ]
        rows.append([name, *cells])
    print_table(["regret (rank) after", *map(str, BUDGETS)], rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", help="database URL of the logged studies")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--samplers", nargs="*", help="names of those to replay; all unless told")
    return parser.parse_args()


if __name__ == "__main__":
    main()
