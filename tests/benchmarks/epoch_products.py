"""The floor under `epoch.py`: the matrix products of one epoch and nothing else, in NumPy float32.

A step of b rows through weights W (in, out) costs x W forward, x' g for the gradient of W and g W'
for the gradient of x, which the first layer does not need. Results go into arrays made beforehand.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def main(folder: Path, case: str) -> None:
    """Answer each line with the seconds of one epoch's products."""
    wanted = json.loads(case)
    x = np.load(folder / "0-train-x-standard.npy")
    x_validation = np.load(folder / "0-validation-x-standard.npy")
    width, b = wanted["width"], wanted["batch_size"]
    sizes = [x.shape[1], width, width, 1]
    full, rest = divmod(len(x), b)
    step, last = _products(sizes, b, backward=True), _products(sizes, rest, backward=True)
    validation = _products(sizes, len(x_validation), backward=False)
    for _ in sys.stdin:
        began = time.perf_counter()
        for _ in range(full):
            _run(step)
        _run(last)
        _run(validation)
        print(json.dumps({"seconds": time.perf_counter() - began, "loss": 0.0}), flush=True)


def _products(sizes: list[int], rows: int, *, backward: bool) -> list[Callable[[], Matrix]]:
    """Return the products of `rows` rows through layers of these sizes, each ready to run."""
    made: list[Callable[[], Matrix]] = []
    if rows == 0:
        return made
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Matrix:
        return rng.standard_normal(shape, np.float32)

    def product(a: Matrix, b: Matrix) -> Callable[[], Matrix]:
        return partial(np.matmul, a, b, out=np.empty((len(a), b.shape[1]), np.float32))

    for layer, (wide, narrow) in enumerate(pairwise(sizes)):
        x, w, g = draw(rows, wide), draw(wide, narrow), draw(rows, narrow)
        made.append(product(x, w))
        if backward:
            made.append(product(x.T, g))
            if layer > 0:
                made.append(product(g, w.T))
    return made


def _run(products: list[Callable[[], Matrix]]) -> None:
    for product in products:
        product()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
