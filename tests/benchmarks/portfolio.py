"""A few configurations that between them are good on every table, and what they are worth.

Made from the logs of random trials (`trial_log.py`; `samplers.py` says how to make them): of all
logged configurations the one whose expected rank is best on average, then the one that adds most to
the best of both, and so on (greedily, as Feurer et al. 2022 do it, arXiv:2007.04074, sec. 4.1). A
rank is the share of a table's random trials that a configuration beats.

What it is worth is measured on a table that had no part in making it: for each table a portfolio is
made of the others, and a search that begins with it is replayed against one that does not.

How to run, from the root of the repository:

    python tests/benchmarks/portfolio.py sqlite:///log.db

How to read it. First the portfolio of all tables, as `search/spaces/portfolio.py` holds it. Then,
for each budget, the regret in thousandths of ROC-AUC as in `samplers.py`, with and without the
portfolio of the other tables, and the difference with its standard error over tables.
"""

import argparse
import json
import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from machine import print_machine, print_table
from numpy.typing import NDArray
from optuna.samplers import TPESampler
from trial_log import Surrogate, best_of_random, read_log, replay

from search.spaces.portfolio import of_table, relative

SIZE = 6
BUDGETS = (10, 25, 50, 100)
NOISE = 0.002
CANDIDATES = 100  # of each table: its best trials


def main() -> None:
    """Make the portfolio and measure it, each table left out in its turn."""
    options = _options()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logs = read_log(options.log)
    surrogates = [Surrogate(log, noise=NOISE) for log in logs]
    print_machine()
    candidates = [
        relative(trial.params, log.space)
        for log in logs
        for trial in sorted(log.trials, key=lambda trial: -trial.value)[:CANDIDATES]
    ]
    ranks = np.stack(
        [
            surrogate.ranks([of_table(each, log.space) for each in candidates])
            for log, surrogate in zip(logs, surrogates, strict=True)
        ]
    )  # (tables, candidates)
    chosen = _greedy(ranks)
    print(json.dumps([candidates[i] for i in chosen], indent=1))
    print("mean rank of the best of the first k:", _best_of(ranks, chosen))
    regrets = np.zeros((2, len(logs), len(BUDGETS)))
    for t, (log, surrogate) in enumerate(zip(logs, surrogates, strict=True)):
        others = _greedy(np.delete(ranks, t, axis=0))
        portfolio = [of_table(candidates[i], log.space) for i in others]
        best = best_of_random(log, surrogate)
        for k, first in enumerate((log.first, [*log.first, *portfolio])):
            found = [
                replay(log, surrogate, TPESampler(seed=seed), first, BUDGETS, seed)
                for seed in range(options.seeds)
            ]
            regrets[k, t] = 1e3 * (best - np.mean(found, axis=0))
        print(f"{log.name}: rank of the others' best {ranks[t, others].max():.3f}", flush=True)
    _print(regrets)


def _greedy(ranks: NDArray[np.float64]) -> list[int]:
    chosen: list[int] = []
    reached = np.zeros(len(ranks))
    for _ in range(SIZE):
        gains = np.maximum(ranks, reached[:, None]).mean(axis=0)
        chosen.append(int(np.argmax(gains)))
        reached = np.maximum(reached, ranks[:, chosen[-1]])
    return chosen


def _best_of(ranks: NDArray[np.float64], chosen: Sequence[int]) -> str:
    means = [ranks[:, chosen[: k + 1]].max(axis=1).mean() for k in range(len(chosen))]
    return ", ".join(f"{mean:.3f}" for mean in means)


def _print(regrets: NDArray[np.float64]) -> None:
    n = regrets.shape[1]
    gain = regrets[0] - regrets[1]
    error = gain.std(axis=0, ddof=1) / np.sqrt(n)
    rows = [
        ["without", *(f"{each:.2f}" for each in regrets[0].mean(axis=0))],
        ["with", *(f"{each:.2f}" for each in regrets[1].mean(axis=0))],
        ["gained", *(f"{g:.2f} ±{e:.2f}" for g, e in zip(gain.mean(axis=0), error, strict=True))],
    ]
    print_table(["regret, 1e-3, after", *map(str, BUDGETS)], rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", help="database URL of the logged studies")
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
