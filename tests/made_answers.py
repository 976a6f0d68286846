"""Made-up studies with an answer, as `search/report/` reads them: nothing was trained for them."""

import random
from typing import Any

from search.report.gathering import Gathered
from search.spaces.space import hyperparameters

SPACE: dict[str, dict[str, Any]] = {
    "dropout": {"low": 0.0, "high": 0.6, "log": False},
    "use_l1": {"choices": [False, True]},
    "l1": {"low": 1e-6, "high": 0.03, "log": True},
    "use_l2": {"choices": [False, True]},
    "l2": {"low": 1e-6, "high": 0.1, "log": True},
    "hidden_layers": {"low": 1, "high": 3, "log": False},
    "width": {"choices": [16, 32, 64]},
    "taper": {"choices": [1.0, 0.5]},
    "activation": {"choices": ["relu", "gelu", "tanh"]},
    "normalization": {"choices": ["none", "batch", "layer"]},
    "learning_rate": {"low": 3e-4, "high": 3e-2, "log": True},
    "batch_size": {"choices": [16, 32, 64]},
}
TITLES = ("What it is worth", "What regularisation did", "The search", "How it was done")
PICTURES = {
    *("intervals", "roc", "calibration", "confusion", "half", "learning", "nearzero"),
    *("slicedropout", "slicel1", "slicel2", "history", "importances", "parallel"),
}


def made_report(
    *, labels: tuple[str, ...] = ("no", "yes"), trials: int = 24, name: str = "rooks"
) -> Gathered:
    """Return what a report shows of a made-up study; the same for the same arguments."""
    source = random.Random(7)
    made = [_trial(source, number) for number in range(trials)]
    best = max((t for t in made if t["state"] == "complete"), key=lambda t: t["value"])
    answer = made_answer(made, best, labels, name)
    return Gathered(
        answer=answer,
        figures=_figures(made, best, labels, name),
        trials=made,
        space=SPACE,
        columns=[{"name": f"{name} 1", "kind": "numeric", "why": f"numbers of {name}"}],
        lessons=[{"role": "best", "sentences": [f"Of {name}.", "Evidence.", "Change nothing."]}],
        reproduce=f"dampen launch '{name}'",
        resume=f"dampen resume '{name}'",
    )


def made_answer(
    made: list[dict[str, Any]], best: dict[str, Any], labels: tuple[str, ...], name: str
) -> dict[str, Any]:
    """Return an answer as `search/answer/answer.py` makes it."""
    complete = [trial for trial in made if trial["state"] == "complete"]
    network = _network(best)
    strengths: dict[str, list[Any]] = {"dropout": [], "l1": [], "l2": []}
    for trial in complete:
        for strength, points in strengths.items():
            points.append([_network(trial)[strength], trial["value"], 0.01, trial["number"]])
    confirmed = {"values": [0.8, 0.82], "mean": 0.81, "standard_error": 0.01}
    others = ("ensemble", "unregularised", "logistic", "boosting")
    curve = {
        "training_loss": [0.7, 0.5, None],
        "validation_loss": [0.7, 0.6, 0.65],
        "validation_roc_auc": [0.6, 0.8, 0.79],
        "best_epoch": 2,
    }
    return {
        "study": name,
        "made_at": "2025-11-24T10:00:00+00:00",
        "trials": {"complete": len(complete), "pruned": len(made) - len(complete)},
        "looks": 1,
        "labels": list(labels),
        "positive_label": labels[1] if len(labels) == 2 else None,
        "rows": {"training": 600, "validation": 200, "test": 200},
        "folds": 1,
        "winner": {
            "trial": best["number"],
            "value": best["value"],
            "standard_error": 0.01,
            "params": best["params"],
            "network": network,
            "verdict": "healthy",
            "chosen_by": "confirmation",
            "confirmed": confirmed,
        },
        "confirmed": [{"trial": best["number"], "value": best["value"], **confirmed}],
        "ensemble": {"trials": [0, 1], "weights": [0.75, 0.25], "validation_roc_auc": 0.83},
        "threshold": 0.4 if len(labels) == 2 else None,
        "models": [_model("network", labels, 0.81), *(_model(o, labels, 0.79) for o in others)],
        "comparisons": [_comparison(other, 0.02, 0.03) for other in others],
        "conclusion": f"The network of {name} is good.",
        "curves": {"network": curve, "unregularised": {**curve, "best_epoch": 1}},
        "near_zero": {
            "network": [{"layer": "dense_0", "share": 0.25}],
            "unregularised": [{"layer": "dense_0", "share": 0.0}],
        },
        "regularisation": strengths,
    }


def _comparison(other: str, difference: float, give: float) -> dict[str, Any]:
    found = {"value": difference, "low": difference - give, "high": difference + give}
    return {"a": "network", "b": other, "difference": found, "p_value": 0.2, "method": "delong"}


def _model(name: str, labels: tuple[str, ...], value: float) -> dict[str, Any]:
    metrics = ("roc_auc", "average_precision", "accuracy", "f1", "log_loss", "brier_score")
    interval = {"value": value, "low": value - 0.05, "high": value + 0.04}
    points = [[i / 40, (i / 40) ** (1 / value - 1)] for i in range(41)]
    matrix = [[90 if i == j else 5 + j for j in range(len(labels))] for i in range(len(labels))]
    two = len(labels) == 2
    return {
        "name": name,
        "validation_roc_auc": value + 0.01,
        "test": {metric: dict(interval) for metric in metrics},
        **({"roc": points} if two else {"roc_of_class": dict.fromkeys(labels, points)}),
        "calibration": [
            {"mean_predicted": p, "observed": {"value": p, "low": p - 0.1, "high": p}, "count": 9}
            for p in (0.1, 0.5, 0.9)
        ],
        "confusion": {"half": matrix, "threshold": matrix if two else None},
    }


def _trial(source: random.Random, number: int) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for parameter, found in SPACE.items():
        if "choices" in found:
            params[parameter] = source.choice(found["choices"])
        elif isinstance(found["low"], int):
            params[parameter] = source.randint(found["low"], found["high"])
        else:
            params[parameter] = source.uniform(found["low"], found["high"])
    state = "pruned" if number % 5 == 4 else "complete"
    value = 0.5 if number % 7 == 6 else source.uniform(0.75, 0.82)
    verdict = "collapsed" if value == 0.5 else "healthy"
    return {
        "number": number,
        "state": state,
        "value": value,
        "params": params,
        "verdict": verdict,
    }


def _network(trial: dict[str, Any]) -> dict[str, Any]:
    chosen = hyperparameters(trial["params"])
    return {"dropout": chosen.dropout, "l1": chosen.l1, "l2": chosen.l2}


def _figures(
    made: list[dict[str, Any]], best: dict[str, Any], labels: tuple[str, ...], name: str
) -> dict[str, Any]:
    top = {
        "number": best["number"],
        "value": best["value"],
        "standard_error": 0.01,
        "params": best["params"],
        "verdict": "healthy",
    }
    return {
        "study": name,
        "state": "finished",
        "seed": 3,
        "planned_trials": len(made),
        "trials": {"complete": len(made), "pruned": 0},
        "verdicts": {"healthy": len(made)},
        "top": [top],
        "importances": {"l1": 0.6, "width": 0.3, "dropout": 0.1},
        "seconds": 75.0,
        "workers": [],
        "data": {
            "name": name,
            "target": name,
            "rows": 1000,
            "sha256": "ab" * 32,
            "labels": list(labels),
            "columns": [f"{name} 1"],
        },
        "settings": {
            "sampler": "tpe",
            "pruner": "median",
            "max_epochs": 100,
            "patience": 10,
            "workers": 1,
            "l1_bound": 0.03,
            "l1_dies_at": 0.03,
            "versions": {"python": "3.11", "keras": "3.15"},
            "roles": {"group": name},
        },
    }
