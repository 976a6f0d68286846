"""How often the intervals of the report hold the true value, and how often its test errs.

Rows are drawn from a binormal model whose ROC-AUC is known, many times over; an interval of 95%
should hold it 95 times in 100, and a test at 5% should call two equally good models different 5
times in 100. This is why `objectives/assessment/assessment.py` uses the interval that it uses.

How to run, from the root of the repository (a quarter of an hour; the second takes two minutes):

    python tests/benchmarks/coverage.py
    python tests/benchmarks/coverage.py --repetitions 100 --resamples 1000

How to read it. Of 1,000 repetitions, 93.6 to 96.4 is within two standard errors of 95. "quantiles"
are the plain quantiles of the resamples; "BCa" is corrected for bias and acceleration; "ours" is
that widened for few rows, with exact bounds where the scores separate the classes; DeLong's normal
interval is there to compare. The width is the mean of ours. In the second table the true values are
those of a million rows; accuracy, balanced accuracy and F1 take few values on few rows, and where
hardly a row is called, their shares are of that. The calibration error's true value is 0.

| symbol | shape | what |
|---|---|---|
| y | (n,) | labels; the first n times the prevalence are 1 |
| s | (n,) | scores, normal with variance 1; mean mu for the positives, 0 for the others |
| p | (n,) | the true probabilities given s |
| mu | () | sqrt(2) times the normal quantile of the ROC-AUC |
"""

import argparse
import dataclasses
import math
from importlib.metadata import version
from itertools import product
from statistics import NormalDist

import numpy as np
from machine import print_machine, print_table
from numpy.typing import NDArray

from objectives.assessment.assessment import assess
from objectives.assessment.comparison import compare_roc_auc
from objectives.assessment.counted_metrics import METRICS, counted_metrics, counted_ranking
from objectives.assessment.delong import delong_difference, structural_components
from objectives.assessment.intervals import Interval, bca, unvaried
from objectives.assessment.resampling import resample

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

AREAS = (0.6, 0.8, 0.95)
PREVALENCES = (0.5, 0.1)
ROWS = (100, 300, 1000)
CORRELATIONS = (0.0, 0.5, 0.9)


def main() -> None:
    """Print the tables."""
    options = _options()
    print("\nShare of 95% intervals that hold the true ROC-AUC, in percent:\n")
    print_table(
        ("ROC-AUC, prevalence, rows", "quantiles", "DeLong", "BCa", "ours", "width"),
        (_area_row(*case, options) for case in product(AREAS, PREVALENCES, ROWS)),
    )
    print("\nShare of the report's 95% intervals that hold the true value, in percent:\n")
    print_table(
        ("ROC-AUC, prevalence, rows", *(name.replace("_", " ") for name in METRICS[1:])),
        (_metrics_row(*case, options) for case in product((0.8, 0.95), PREVALENCES, ROWS)),
    )
    print("\nShare of p values below 0.05 for two equally good models, in percent:\n")
    print_table(
        ("ROC-AUC, prevalence, rows", *(f"correlation {r}" for r in CORRELATIONS)),
        (_null_row(*case, options) for case in product(AREAS, PREVALENCES, ROWS)),
    )
    print("\nThe same of three classes, by resampling in pairs:\n")
    print_table(("rows", "p below 0.05"), (_three_row(n, options) for n in ROWS))
    print_machine(f"scipy {version('scipy')}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=1000, help="draws of rows a line")
    parser.add_argument("--resamples", type=int, default=2000, help="of each draw")
    return parser.parse_args()


def _area_row(area: float, prevalence: float, n: int, options: argparse.Namespace) -> list[object]:
    rng = np.random.default_rng(0)
    held, widths = [], []
    for repetition in range(options.repetitions):
        y, s = _scores(rng, area, prevalence, n)
        intervals = _area_intervals(y, s, options.resamples, repetition)
        held.append([i.low <= area <= i.high for i in intervals])
        widths.append(intervals[-1].high - intervals[-1].low)
    return [
        f"{area}, {prevalence}, {n}",
        *(f"{100 * share:.1f}" for share in np.mean(held, axis=0)),
        f"{np.mean(widths):.3f}",
    ]


def _area_intervals(y: Ints, s: Floats, n_resamples: int, seed: int) -> list[Interval]:
    """Return the intervals of the ROC-AUC: quantiles, DeLong's, BCa and ours."""
    drawn = resample(y, counted_ranking(y, s), n_resamples=n_resamples, seed=seed)
    t, r, acceleration = float(drawn.values[0]), drawn.replicates[0], float(drawn.accelerations[0])
    low, high = (float(bound) for bound in np.quantile(r, (0.025, 0.975)))
    v10, v01 = structural_components(y, s)
    half = 1.959964 * math.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))
    ours = bca(
        t,
        r,
        acceleration=acceleration,
        spread=float(drawn.spreads[0]),
        freedom=float(drawn.freedoms[0]),
    )
    return [
        Interval(value=t, low=low, high=high, level=0.95),
        Interval(value=t, low=t - half, high=t + half, level=0.95),
        bca(t, r, acceleration=acceleration),
        unvaried(t, min(len(v10), len(v01))) if t in (0.0, 1.0) else ours,
    ]


def _metrics_row(
    area: float, prevalence: float, n: int, options: argparse.Namespace
) -> list[object]:
    rng = np.random.default_rng(0)
    y, s = _scores(rng, area, prevalence, 1_000_000)
    metrics = counted_metrics(y, _probabilities(s, area, prevalence))
    truth = dict(zip(METRICS, metrics(np.ones((len(y), 1)))[:, 0], strict=False))
    truth["calibration_error"] = 0.0
    held = []
    for repetition in range(options.repetitions):
        y, s = _scores(rng, area, prevalence, n)
        p = _probabilities(s, area, prevalence)
        found = assess(y, p, n_resamples=options.resamples, seed=repetition)
        bounds = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
        held.append([bounds[m].low <= truth[m] <= bounds[m].high for m in METRICS[1:]])
    return [
        f"{area}, {prevalence}, {n}",
        *(f"{100 * share:.1f}" for share in np.mean(held, axis=0)),
    ]


def _null_row(area: float, prevalence: float, n: int, options: argparse.Namespace) -> list[object]:
    shares = []
    for correlation in CORRELATIONS:
        rng = np.random.default_rng(0)
        p_values = []
        for _ in range(5 * options.repetitions):  # it is as fast as one resample
            y, a = _scores(rng, area, prevalence, n)
            mean = _mean(area) * y
            noise = correlation * (a - mean) + math.sqrt(1 - correlation**2) * rng.normal(size=n)
            p_values.append(delong_difference(y, a, mean + noise)[1])
        shares.append(f"{100 * np.mean(np.array(p_values) < 0.05):.1f}")
    return [f"{area}, {prevalence}, {n}", *shares]


def _three_row(n: int, options: argparse.Namespace) -> list[object]:
    """Return how often two models of three classes, with half their noise in common, differ."""
    rng = np.random.default_rng(0)
    p_values = []
    y = np.arange(n) % 3
    for repetition in range(options.repetitions):
        shared = rng.normal(size=(n, 3)) + np.eye(3)[y]
        a, b = (np.exp(shared + rng.normal(size=(n, 3))) for _ in range(2))
        found = compare_roc_auc(
            y,
            a / a.sum(axis=1, keepdims=True),
            b / b.sum(axis=1, keepdims=True),
            n_resamples=options.resamples // 2,
            seed=repetition,
        )
        p_values.append(found.p_value)
    return [n, f"{100 * np.mean(np.array(p_values) < 0.05):.1f}"]


def _scores(
    rng: np.random.Generator, area: float, prevalence: float, n: int
) -> tuple[Ints, Floats]:
    y = (np.arange(n) < round(n * prevalence)).astype(np.int64)
    return y, rng.normal(size=n) + _mean(area) * y


def _mean(area: float) -> float:
    return math.sqrt(2) * NormalDist().inv_cdf(area)


def _probabilities(s: Floats, area: float, prevalence: float) -> Floats:
    mean = _mean(area)
    logits = mean * s - mean**2 / 2 + math.log(prevalence / (1 - prevalence))
    return np.asarray(1 / (1 + np.exp(-logits)))


if __name__ == "__main__":
    main()
