"""One epoch of the engine against the same network hand-written in JAX and the bare products.

20,000 x 40 generated rows (12,000 to train on, 4,000 to validate), batch 256, two hidden ReLU
layers, L1 and L2 penalties, Adam. An epoch is one call: shuffle, all batches with the last partial
one, then the validation logits. The contenders:

- dampen: `objectives.engine.Program`, dropout rate, penalties and learning rate as variables.
- JAX: `epoch_jax.py`, one jitted function, the same things as arguments: the practical limit. It
  needs an environment of its own (`python -m venv jax; jax/bin/pip install jax`), given by
  `--jax-python`. At dropout 0 it is also measured with dropout left out of the program, which
  the engine never does, since its programs serve every rate.
- products: only the matrix products of forward and backward passes, in NumPy.

Each is one process with one thread, all bound to one core, taking turns epoch by epoch.

How to run, from the root of the repository:

    python tests/benchmarks/epoch.py --jax-python jax/bin/python
    python tests/benchmarks/epoch.py --jax-python jax/bin/python --widths 64 --epochs 3

How to read it. Milliseconds are medians over `--epochs`, after two epochs to warm up. The target is
at most 1.5 times JAX's time. The losses are the mean training losses of the last epoch: they are
alike where both train the same thing, and differ by the random numbers.
"""

import argparse
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from children import Server
from machine import jax_version, print_machine, print_table
from tables import prepare_into

TARGET = 1.5
WARM_UP = 2  # epochs


def main() -> None:
    """Measure every case and print the table."""
    options = _options()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        arrays = prepare_into(options.data, Path(folder), seed=0)
        for width in options.widths:
            for dropout in options.dropouts:
                rows += _case(width, dropout, arrays, options)
    print_table(
        (
            "width",
            "dropout",
            "dampen, ms",
            "JAX, ms",
            "products, ms",
            "/ JAX",
            "/ products",
            "target",
            "loss, dampen",
            "loss, JAX",
        ),
        rows,
    )
    print_machine(*([jax_version(options.jax_python)] if options.jax_python else []))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jax-python", help="an interpreter that has JAX; left out without it")
    parser.add_argument("--jax-prng", default="threefry2x32", help="JAX's random generator")
    parser.add_argument("--data", default="synthetic-20000x40")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--dropouts", type=float, nargs="+", default=[0.0, 0.2])
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=30, help="measured, of each contender")
    parser.add_argument("--core", type=int, default=0, help="the core all are bound to")
    return parser.parse_args()


def _case(
    width: int, dropout: float, arrays: Path, options: argparse.Namespace
) -> list[list[object]]:
    """Return the table's rows of one width and dropout rate."""
    case = json.dumps(
        {
            "width": width,
            "dropout": dropout,
            "batch_size": options.batch_size,
            "l1": 1e-5,
            "l2": 1e-4,
            "learning_rate": 1e-3,
            "prng": options.jax_prng,
        }
    )
    scripts: dict[str, tuple[Any, ...]] = {
        "dampen": ("epoch_program.py", arrays, case),
        "products": ("epoch_products.py", arrays, case),
    }
    if options.jax_python:
        scripts["JAX"] = ("epoch_jax.py", arrays, case)
        if dropout == 0:
            scripts["JAX without"] = ("epoch_jax.py", arrays, case, "--leave-dropout-out")
    said = _take_turns(scripts, options)
    shown = f"{dropout:g}"
    rows = [_row(width, shown, said, "JAX")]
    if "JAX without" in said:
        rows.append(_row(width, f"{shown}, not in JAX", said, "JAX without"))
    return rows


def _take_turns(
    scripts: dict[str, tuple[Any, ...]], options: argparse.Namespace
) -> dict[str, list[dict[str, float]]]:
    """Return what each contender said of each measured epoch: its seconds and its loss."""
    said: dict[str, list[dict[str, float]]] = {name: [] for name in scripts}
    with ExitStack() as stack:
        servers = {}
        for name, (script, *arguments) in scripts.items():
            jax = {"python": options.jax_python} if name.startswith("JAX") else {}
            server = Server(script, *arguments, core=options.core, **jax)
            servers[name] = stack.enter_context(server)
        for _ in range(WARM_UP):
            for server in servers.values():
                server.step()
        for _ in range(options.epochs):
            for name, server in servers.items():
                said[name].append(server.step())
    return said


def _row(
    width: int, dropout: str, said: dict[str, list[dict[str, float]]], jax: str
) -> list[object]:
    ms = {name: 1000 * median(e["seconds"] for e in epochs) for name, epochs in said.items()}
    compared = jax in ms
    return [
        width,
        dropout,
        f"{ms['dampen']:.1f}",
        f"{ms[jax]:.1f}" if compared else "",
        f"{ms['products']:.1f}",
        f"{ms['dampen'] / ms[jax]:.2f}" if compared else "",
        f"{ms['dampen'] / ms['products']:.2f}",
        f"<= {TARGET}",
        f"{said['dampen'][-1]['loss']:.4f}",
        f"{said[jax][-1]['loss']:.4f}" if compared else "",
    ]


if __name__ == "__main__":
    main()
