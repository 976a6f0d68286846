"""The probe finds what a brute-force search finds, from the data alone, and stays within bounds."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from objectives.features.preparation import Prepared, prepare
from objectives.table.dataset import read_table
from objectives.verdict.probe import Probe, probe_l1

Floats = NDArray[np.float64]


def _prepared(make: Callable[[Floats], NDArray[np.bool_]], *, width: int = 4) -> Prepared:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, width))
    y = make(x + 0.3 * rng.normal(size=x.shape))
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(width)]).assign(target=y.astype(int))
    return prepare(read_table(frame, "target"), seed=0)


def test_beyond_it_the_smallest_network_is_worth_less_than_it_costs() -> None:
    # One hidden unit that passes the one feature on: logit = v (w x) + a, L1 times (|v| + |w|).
    prepared = _prepared(lambda x: x[:, 0] > 0, width=1)
    train = prepared.folds[0].train
    x, signs = train.x["standard"][:, 0].astype(float), 2.0 * train.y - 1

    def least_cost(strength: float) -> float:
        def cost(theta: Floats) -> float:
            w, v, a = theta
            loss = np.mean(np.logaddexp(0, -signs * (v * w * x + a)))
            return float(loss + strength * (abs(w) + abs(v)))

        return min(
            minimize(cost, [size, size, 0.0], method="Nelder-Mead").fun for size in (1.0, 2.0)
        )

    dies_at = probe_l1(prepared).dies_at
    assert dies_at is not None
    rate = train.y.mean()
    nothing = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    assert least_cost(0.97 * dies_at) < nothing - 1e-4
    assert least_cost(1.03 * dies_at) > nothing - 1e-4


def test_stronger_signal_bears_a_stronger_penalty() -> None:
    clear = probe_l1(_prepared(lambda x: x[:, 0] > 0)).dies_at
    faint = probe_l1(_prepared(lambda x: x @ [0.3, 0.3, 0.3, 0.3] > 1.2)).dies_at
    assert clear is not None
    assert faint is not None
    assert clear > 1.5 * faint


def test_it_is_not_known_where_no_feature_by_itself_says_much() -> None:
    found = probe_l1(_prepared(lambda x: x[:, 0] * x[:, 1] > 0))
    assert found.dies_at is None
    assert found.bound == 1e-2


def test_classes_are_probed_too() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 5))
    y = np.digitize(x[:, 0] + 0.3 * rng.normal(size=600), [-0.5, 0.5])
    table = read_table(pd.DataFrame(x, columns=list("abcde")).assign(target=y), "target")
    found = probe_l1(prepare(table, seed=0))
    assert found.dies_at is not None
    assert 1e-3 < found.dies_at < 0.5


@pytest.mark.parametrize(
    ("dies_at", "bound"),
    [(0.2, 0.1), (0.0323, 0.032), (1e-7, 1e-4), (0.0, 1e-4), (None, 1e-2)],
)
def test_bound_has_two_digits_and_stays_within_limits(dies_at: float | None, bound: float) -> None:
    assert Probe(dies_at=dies_at).bound == bound


def test_columns_of_codes_alone_are_probed() -> None:
    rng = np.random.default_rng(2)
    code = rng.integers(0, 60, 3_000)
    frame = pd.DataFrame(
        {"town": [f"town {c:02}" for c in code], "target": (code < 20).astype(int)}
    )
    prepared = prepare(read_table(frame, "target"), seed=0)
    assert prepared.inputs.embeddings
    assert probe_l1(prepared).dies_at is not None


def test_same_rows_give_the_same_strength() -> None:
    prepared = _prepared(lambda x: x[:, 0] > x[:, 1])
    assert probe_l1(prepared) == probe_l1(prepared)


def test_it_loads_no_tensorflow() -> None:
    script = (
        "import sys, objectives.verdict.probe; assert not {'tensorflow', 'keras'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
