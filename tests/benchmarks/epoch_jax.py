"""The network of `epoch.py` written by hand in JAX: one jitted call an epoch.

It imports nothing of this project, so that its interpreter needs only JAX and NumPy. It does what
an epoch of the engine does: a permutation, every batch with the last partial one, dropout after
each hidden layer, L1 and L2 on the kernels, Adam as Keras defines it, then the validation logits.
The dropout rate, the penalties and the learning rate are arguments: a new value compiles nothing.

Symbols: n rows, d features, b rows a batch.
    x (n, d), y (n,)       float32 features and labels, 0 or 1
    weights, m, v          [(kernel, bias), ...] and Adam's two moments, shaped alike
"""

import argparse
import json
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax  # type: ignore[import-not-found, unused-ignore]
import jax.numpy as jnp  # type: ignore[import-not-found, unused-ignore]
import numpy as np

B1, B2, EPSILON = 0.9, 0.999, 1e-7  # Keras's defaults of Adam


def main() -> None:
    """Answer each line with an epoch's seconds and mean training loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the prepared arrays")
    parser.add_argument("case", type=json.loads)
    parser.add_argument("--leave-dropout-out", action="store_true")
    options = parser.parse_args()
    case = options.case
    jax.config.update("jax_default_prng_impl", case["prng"])
    x, y, x_validation = (
        jnp.asarray(np.load(options.folder / f"0-{name}.npy"), jnp.float32)
        for name in ("train-x-standard", "train-y", "validation-x-standard")
    )
    weights = _draw(jax.random.key(0), [x.shape[1], case["width"], case["width"], 1])
    state = (weights, _zeros(weights), _zeros(weights), jnp.float32(0))
    knobs = {k: jnp.float32(case[k]) for k in ("dropout", "l1", "l2", "learning_rate")}
    epoch = partial(
        jax.jit(_epoch, static_argnames=("b", "drop"), donate_argnums=0),
        b=case["batch_size"],
        drop=not options.leave_dropout_out,
    )
    for number, _ in enumerate(sys.stdin, start=1):
        began = time.perf_counter()
        key = jax.random.fold_in(jax.random.key(1), number)
        state, loss, logits = epoch(state, key, knobs, x, y, x_validation)
        loss, _ = float(loss), np.asarray(logits)
        print(json.dumps({"seconds": time.perf_counter() - began, "loss": loss}), flush=True)


def _draw(key: Any, sizes: list[int]) -> Any:
    """Return He-uniform kernels and zero biases."""
    weights = []
    for wide, narrow in pairwise(sizes):
        key, own = jax.random.split(key)
        limit = (6 / wide) ** 0.5
        kernel = jax.random.uniform(own, (wide, narrow), minval=-limit, maxval=limit)
        weights.append((kernel, jnp.zeros(narrow)))
    return weights


def _zeros(weights: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, weights)


def _logits(weights: Any, x: Any, dropout: Any, key: Any) -> Any:
    """Forward pass, (rows, d) -> (rows,); `key` None leaves dropout out."""
    for layer, (kernel, bias) in enumerate(weights[:-1]):
        x = jax.nn.relu(x @ kernel + bias)
        if key is not None:
            kept = jax.random.bernoulli(jax.random.fold_in(key, layer), 1 - dropout, x.shape)
            x = jnp.where(kept, x / (1 - dropout), 0)
    kernel, bias = weights[-1]
    return (x @ kernel + bias)[:, 0]


def _objective(weights: Any, x: Any, y: Any, key: Any, knobs: Any) -> Any:
    """Return the penalised mean loss, and the summed data loss beside it."""
    z = _logits(weights, x, knobs["dropout"], key)
    total = jnp.sum(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
    penalty = sum(
        knobs["l1"] * jnp.sum(jnp.abs(kernel)) + knobs["l2"] * jnp.sum(kernel**2)
        for kernel, _ in weights
    )
    return total / len(y) + penalty, total


def _step(state: Any, x: Any, y: Any, key: Any, knobs: Any) -> Any:
    """Return the state after one batch and its summed data loss."""
    weights, m, v, t = state
    gradients, total = jax.grad(_objective, has_aux=True)(weights, x, y, key, knobs)
    t = t + 1
    rate = knobs["learning_rate"] * jnp.sqrt(1 - B2**t) / (1 - B1**t)
    m = jax.tree.map(lambda m, g: m + (1 - B1) * (g - m), m, gradients)
    v = jax.tree.map(lambda v, g: v + (1 - B2) * (g * g - v), v, gradients)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, m, v)
    return (weights, m, v, t), total


def _epoch(
    state: Any, key: Any, knobs: Any, x: Any, y: Any, x_validation: Any, *, b: int, drop: bool
) -> Any:
    """Return the state after an epoch, the mean training loss and the validation logits."""
    n = len(y)
    shuffling, dropping = jax.random.split(key)
    order = jax.random.permutation(shuffling, n)

    def batch(i: Any, carried: Any, rows: Any) -> Any:
        state, total = carried
        own = jax.random.fold_in(dropping, i) if drop else None
        state, loss = _step(state, x[rows], y[rows], own, knobs)
        return state, total + loss

    def full(i: Any, carried: Any) -> Any:
        return batch(i, carried, jax.lax.dynamic_slice(order, (i * b,), (b,)))

    carried = jax.lax.fori_loop(0, n // b, full, (state, jnp.float32(0)))
    if n % b:
        carried = batch(n // b, carried, order[n - n % b :])
    state, total = carried
    return state, total / n, _logits(state[0], x_validation, knobs["dropout"], None)


if __name__ == "__main__":
    main()
