"""The resident size of one worker process over 500 trials.

Memory that grows from trial to trial is the standing complaint against Keras searches: graphs that
are built for every trial and never freed. The worker is the measured process itself; its study is
an ordinary one with the default pruner. The target: less than 100 MB of growth after the first 50.

How to run, from the root of the repository:

    python tests/benchmarks/memory.py
    python tests/benchmarks/memory.py --trials 6 --every 2

How to read it. "programs" is how many compiled architectures the cache holds, "functions" how many
graph functions TensorFlow has registered: if these grow when the cache does not, evicted programs
are not freed. The random sampler meets the most architectures, and so is the harder case.
"""

import argparse

from children import ask
from machine import print_machine, print_table

TARGET = 100  # MB
AFTER = 50  # trials


def main() -> None:
    """Run the study in a fresh process and print its size."""
    options = _options()
    sizes = ask(
        "memory_worker.py",
        *("--trials", options.trials, "--every", options.every, "--data", options.data),
        *("--sampler", options.sampler, "--epochs", options.epochs),
    )
    start = next((s for s in sizes if s["trials"] >= AFTER), sizes[0])
    print_table(
        ("trials", "resident, MB", f"since {start['trials']}, MB", "programs", "functions"),
        [
            [
                size["trials"],
                f"{size['bytes'] / 1e6:.0f}",
                f"{(size['bytes'] - start['bytes']) / 1e6:+.0f}",
                size["programs"],
                size["functions"],
            ]
            for size in sizes
        ],
    )
    growth = (sizes[-1]["bytes"] - start["bytes"]) / 1e6
    done = f"trial {start['trials']} to {sizes[-1]['trials']}"
    print(f"\nGrowth from {done}: {growth:.0f} MB (target after {AFTER}: < {TARGET} MB).")
    print_machine()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--every", type=int, default=50, help="trials between two looks")
    parser.add_argument("--data", default="breast-cancer")
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--epochs", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    main()
