"""How much of a study's time is not training, phase by phase, and how that grows with its trials.

One worker, breast cancer, SQLite, the default sampler and pruner. Two parts:

1. A real study of `--trials` trials. Wall time runs from the first claim to the end of the last
   trial; training is the calls of `Program.epoch` and the copies of the best weights. The first
   epoch of a new program also traces it: that is charged as a usual epoch of the same trial to
   training and the rest to "build: trace". Target: at most 15% of the wall time is not training.
2. A study of `--growth` trials whose training is replaced by a response surface that costs nothing,
   through the same claims, draws and writes. Each column is the mean of the 50 trials before that
   many were done. The share it comes to is reckoned with part 1's training time.

The worker is the measured process itself, so that each phase can be timed. The pool and the display
are another process; the table names what one of its looks at the database costs (5 a second).

How to run, from the root of the repository:

    python tests/benchmarks/overhead.py
    python tests/benchmarks/overhead.py --trials 3 --growth 100
"""

import argparse
from collections import defaultdict
from typing import Any

import numpy as np
from children import ask
from machine import print_machine, print_table

TARGET = 0.15
MARKS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)  # trials done
WINDOW = 50  # trials before a mark
NOTHING = 1e-5  # s a trial: a phase that the stub replaced
EPOCHS, FIRST_EPOCH, KEEP = (
    "train: epochs",
    "train: first epoch of a new program",
    "train: keep the best weights",
)
TRACE = "build: trace"
REST = "in none of these"

Trial = dict[str, float]  # phase -> s


def main() -> None:
    """Run both parts and print their tables."""
    options = _options()
    said = _study(options, options.trials)
    real = _settled(said)
    training = _print_shares(real)
    if options.growth:
        said = _study(options, options.growth, "--stub-epochs", options.stub_epochs)
        _print_growth(_settled(said), real, training)
        print(f"\nA look of the pool at {options.growth} trials: {1000 * said['look']:.1f} ms.")
    print_machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200, help="of the real study")
    parser.add_argument("--growth", type=int, default=5_000, help="of the stubbed one; 0 skips it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pruner", default="median")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--stub-epochs", type=int, default=20, help="a stubbed trial reports")
    return parser.parse_args()


def _study(options: argparse.Namespace, trials: int, *more: object) -> Any:
    return ask(
        "overhead_worker.py",
        *("--trials", trials, "--seed", options.seed, "--pruner", options.pruner),
        *("--epochs", options.epochs, "--patience", options.patience),
        *more,
    )


def _settled(said: Any) -> list[Trial]:
    """Return what a study's trials spent, by phase."""
    trials = zip(said["phases"], said["walls"], said["epochs"], strict=True)
    return [_settle(*trial) for trial in trials]


def _settle(phases: Trial, wall: float, epochs: int) -> Trial:
    """Return a trial's phases with the trace set apart from training, and the rest named.

    Args:
        phases: as `overhead_worker.py` measured them.
        wall: s, the whole trial.
        epochs: how many of them traced nothing.
    """
    settled = defaultdict(float, phases)
    first = settled.pop(FIRST_EPOCH, 0.0)
    usual = min(first, settled[EPOCHS] / epochs) if epochs else first
    settled[EPOCHS] += usual
    settled[TRACE] += first - usual
    settled[REST] = wall - sum(settled.values())
    return settled


def _print_shares(trials: list[Trial]) -> float:
    """Print part 1; return the mean seconds of training in a trial."""
    total: Trial = defaultdict(float)
    for trial in trials:
        for phase, seconds in trial.items():
            total[phase] += seconds
    wall = sum(total.values())
    training = total[EPOCHS] + total[KEEP]
    print(f"A study of {len(trials)} trials, {wall:.1f} s\n")
    rows = [
        [phase, f"{1000 * seconds / len(trials):.2f}", f"{seconds / wall:.1%}"]
        for phase, seconds in sorted(total.items(), key=lambda entry: -entry[1])
    ]
    rows.append(
        [
            f"**not training** (target <= {TARGET:.0%})",
            f"{1000 * (wall - training) / len(trials):.2f}",
            f"**{1 - training / wall:.1%}**",
        ]
    )
    without = (wall - training - total[TRACE]) / wall
    rows.append(["not training, traces left out", "", f"{without:.1%}"])
    print_table(("phase", "ms a trial", "share"), rows)
    return training / len(trials)


def _print_growth(trials: list[Trial], real: list[Trial], training: float) -> None:
    """Print part 2: milliseconds a trial by phase, before each mark."""
    marks = [mark for mark in MARKS if mark <= len(trials)] or [len(trials)]
    windows = [trials[max(0, mark - WINDOW) : mark] for mark in marks]
    seen = sorted({phase for trial in trials for phase in trial})
    phases = [p for p in seen if np.mean([t.get(p, 0.0) for t in trials]) > NOTHING]
    print(f"\nMilliseconds a trial without training, by trials done (of {len(trials)})\n")
    rows = [
        [phase, *(f"{1000 * np.mean([t.get(phase, 0.0) for t in w]):.2f}" for w in windows)]
        for phase in phases
    ]
    sums = [float(np.mean([sum(t.get(p, 0.0) for p in phases) for t in w])) for w in windows]
    # What the stub leaves out does not grow: it is taken from the real study.
    left_out = {p for t in real for p in t} - set(phases) - {EPOCHS, KEEP}
    fixed = float(np.mean([sum(t.get(p, 0.0) for p in left_out) for t in real]))
    shares = [f"{(s + fixed) / (s + fixed + training):.1%}" for s in sums]
    blank = [""] * len(marks)
    rows.append(["all of these", *(f"{1000 * s:.2f}" for s in sums)])
    rows.append([f"what the stub leaves out: build, metrics, ..., {1000 * fixed:.1f} ms", *blank])
    rows.append([f"share with that, and {1000 * training:.1f} ms of training", *shares])
    print_table(("phase", *map(str, marks)), rows)


if __name__ == "__main__":
    main()
