"""What the test rows said, in plain sentences: how good, against what, and whether it was worth it.

A difference counts when its 95% interval leaves out 0. Where it does not, the simpler model is as
good as far as these rows can tell, and that is said first. Next: `answer.py` asks for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Difference = Mapping[str, Any]  # a comparison of the network with another model, as JSON values

_NAMES = {
    "logistic": "logistic regression",
    "boosting": "gradient boosting",
    "unregularised": "the same kind of network without regularisation",
    "ensemble": "the ensemble",
}
SIMPLER = ("logistic", "boosting")


def conclude(
    *,
    trial: int,
    rows: int,
    roc_auc: Mapping[str, Any],
    comparisons: Sequence[Difference],
    winner_is_plain: bool,
    confirmed: Mapping[str, Any] | None,
    looks: int,
    own: bool = False,
) -> str:
    """Return the conclusion.

    Args:
        trial: the winner's number.
        rows: test rows.
        roc_auc: of the winner on them: value, low, high.
        comparisons: of the winner with each other model.
        winner_is_plain: whether the winner is the unregularised network.
        confirmed: how it was chosen: values and mean of its retrainings, if so.
        looks: how often the test rows were looked at.
        own: whether the network is a person's own, of which there is no unregularised one.
    """
    others = {each["b"]: each for each in comparisons}
    sentences = [_say_how_good(trial, rows, roc_auc)]
    sentences += [_say_simpler(name, others[name]) for name in SIMPLER if name in others]
    if winner_is_plain:
        sentences.append("It is the network without regularisation: none did better here.")
    elif "unregularised" in others:
        sentences.append(_say_regularisation(others["unregularised"]))
    elif not own:
        sentences.append(
            "What regularisation did cannot be told: the unregularised trial left no network."
        )
    if "ensemble" in others and others["ensemble"]["difference"]["high"] is not None:
        sentences += _say_ensemble(others["ensemble"])
    if confirmed is not None:
        sentences.append(
            f"It was chosen by training the best few again: {confirmed['mean']:.3f} on validation "
            f"rows, on average of {len(confirmed['values'])} fresh trainings."
        )
    if looks > 1:
        sentences.append(
            f"The test rows were looked at {looks} times, so they are no longer quite unseen."
        )
    return " ".join(sentences)


def _say_how_good(trial: int, rows: int, roc_auc: Mapping[str, Any]) -> str:
    if roc_auc["value"] is None:
        return f"The {rows:,} test rows cannot say how good trial {trial} is: a class is missing."
    return (
        f"On {rows:,} test rows that nothing was chosen by, the network of trial {trial} has a "
        f"ROC-AUC of {roc_auc['value']:.3f}{_say_interval(roc_auc)}."
    )


def _say_interval(interval: Mapping[str, Any]) -> str:
    if interval["low"] is None:
        return ""
    return f" (95% interval {interval['low']:.3f} to {interval['high']:.3f})"


def _say_simpler(name: str, comparison: Difference) -> str:
    verdict, gap = _judge(comparison)
    model = _NAMES[name][0].upper() + _NAMES[name][1:]
    if verdict == "better":
        return f"It beats {_NAMES[name]} by {gap}."
    if verdict == "worse":
        return f"{model} is better, and needs no search: the network is behind by {gap}. Use that."
    if verdict == "unknown":
        return f"Whether {_NAMES[name]} is as good, these rows cannot say."
    return (
        f"{model}, which needs no search, is as good as far as these rows can tell: the network's "
        f"ROC-AUC minus its is {gap}, which may be chance."
    )


def _say_regularisation(comparison: Difference) -> str:
    verdict, gap = _judge(comparison)
    said = {
        "better": f"Regularisation was worth it: {_NAMES['unregularised']} is behind by {gap}.",
        "worse": f"Regularisation did harm here: {_NAMES['unregularised']} is ahead by {gap}.",
        "alike": f"Regularisation made no difference that these rows can show ({gap}).",
        "unknown": "What regularisation did, these rows cannot say.",
    }
    return said[verdict]


def _say_ensemble(comparison: Difference) -> list[str]:
    verdict, gap = _judge(comparison)
    if verdict != "worse":
        return []
    return [
        f"The ensemble is better than the network alone, by {gap}: dampen export --ensemble writes "
        "it."
    ]


def _judge(comparison: Difference) -> tuple[str, str]:
    """Return better, worse, alike or unknown, as the network is, and the difference in words."""
    difference = comparison["difference"]
    value, low, high = difference["value"], difference["low"], difference["high"]
    if value is None or low is None or high is None:
        return "unknown", ""
    if low > 0:
        return "better", f"{value:.3f} ({low:.3f} to {high:.3f})"
    if high < 0:
        return "worse", f"{-value:.3f} ({-high:.3f} to {-low:.3f})"
    return "alike", f"{value:+z.3f} ({low:+z.3f} to {high:+z.3f})"
