"""What a report says in words: the headline, the advice, and a few numbers with their meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.report.numbers import UNKNOWN, say_difference, say_interval, say_p, say_strength
from search.wording import say_more, say_network

SIMPLER = ("logistic", "boosting")
MODELS = {
    "network": "chosen network",
    "ensemble": "ensemble",
    "unregularised": "no regularisation",
    "logistic": "logistic regression",
    "boosting": "gradient boosting",
}
_CHANCE = 0.05  # p value, from which on a difference may well be chance


@dataclass(frozen=True, kw_only=True)
class Key:
    """A number that matters, and what it means."""

    title: str
    number: str
    meaning: str


def say_headline(answer: Mapping[str, Any]) -> str:
    """Return how much to regularise and whether a simpler model does as well, in a line."""
    network = answer["winner"]["network"]
    if not network:  # a person's own
        said = say_network(answer["winner"]["params"])
        return f"{said[0].upper()}{said[1:]}{_say_simpler(answer)}"
    named = (("dropout", "dropout"), ("l1", "L1"), ("l2", "L2"))
    on = [f"{name} {say_strength(key, network[key])}" for key, name in named if network[key]]
    off = [name for key, name in named if not network[key]]
    strengths = ", ".join([*on, f"{_listed(off)} off"] if off else on)
    more = say_more(network)
    if more:
        strengths += (
            f", with {_listed(more) if len(more) < 3 else f'{len(more)} more regularisers'}"
        )
    return f"{strengths[0].upper()}{strengths[1:]}{_say_simpler(answer)}"


def _say_simpler(answer: Mapping[str, Any]) -> str:
    """Return what follows from the comparisons with simpler models, as the end of the headline."""
    found = {name: _comparison(answer, name) for name in SIMPLER}
    known = {
        name: each["difference"]
        for name, each in found.items()
        if each is not None and each["difference"]["low"] is not None
    }
    better = [name for name, difference in known.items() if difference["high"] < 0]
    alike = [name for name, difference in known.items() if difference["low"] <= 0]
    if better:
        return f"; but {_listed([MODELS[name] for name in better])} did better"
    if alike:
        return f"; but {MODELS[alike[0]]} is as good"
    return "; better than simpler models" if len(known) == len(SIMPLER) else ""


def say_advice(answer: Mapping[str, Any]) -> str:
    """Return what to do and what it does, in a sentence that a student understands."""
    network, models = answer["winner"]["network"], _models(answer)
    if not network:  # a person's own
        return (
            f"Build the network with the parameters of trial {answer['winner']['trial']}; dampen "
            "export writes it with the weights that were judged here."
        )
    doing = []
    if network["dropout"]:
        doing.append(f"switch off a random {network['dropout']:.0%} of the units in every step")
    if network["l1"]:
        doing.append(
            f"charge {network['l1']:.1e} for the size of each weight (L1), so that useless ones "
            "go to zero"
        )
    if network["l2"]:
        doing.append(
            f"charge {network['l2']:.1e} for the square of each weight (L2), so that none grows "
            "large"
        )
    if more := say_more(network):
        doing.append(f"use {_listed(more)} besides")
    what = f"While it trains, {_listed(doing)}" if doing else "Train without any penalty or dropout"
    compared = _comparison(answer, "unregularised")
    if compared is None or "network" not in models or "unregularised" not in models:
        return f"{what}."
    before, after = (_roc_auc(models[name]) for name in ("unregularised", "network"))
    if before is None or after is None:
        return f"{what}."
    p = compared["p_value"]
    so = ", so the plain one would do" if p is not None and p >= _CHANCE else ""
    return (
        f"{what}: on rows it had never seen, ROC-AUC is {after:.3f}, against {before:.3f} for a "
        f"plain network without regularisation, {_say_chance(compared)}{so}."
    )


def key_numbers(answer: Mapping[str, Any]) -> list[Key]:
    """Return the three or four numbers that a reader should take away."""
    models = _models(answer)
    found = [_key_of_network(answer, models)] if "network" in models else []
    if (compared := _comparison(answer, "unregularised")) is not None:
        found.append(_key_of("Against no regularisation", compared))
    if (simpler := best_simpler(answer)) is not None:
        compared = _comparison(answer, simpler)
        if compared is not None:
            found.append(_key_of(f"Against {MODELS[simpler]}", compared))
    found.append(_key_of_winner(answer))
    return found


def best_simpler(answer: Mapping[str, Any]) -> str | None:
    """Return the simpler model with the best validation ROC-AUC, chosen without the test rows."""
    known = [
        (model["validation_roc_auc"], name)
        for name, model in _models(answer).items()
        if name in SIMPLER and model.get("validation_roc_auc") is not None
    ]
    return max(known)[1] if known else None


def say_looks(looks: int) -> str:
    """Return how often the test rows were looked at."""
    if looks <= 1:
        return "The test rows were looked at once, for this answer."
    return (
        f"The test rows were looked at {looks} times, this time included: each look that led to "
        "another choice makes the numbers here look better than they are."
    )


def _key_of_network(answer: Mapping[str, Any], models: Mapping[str, Any]) -> Key:
    found = models["network"]["test"]["roc_auc"]
    value = found["value"]
    rows = f"{answer['rows']['test']:,} test rows"
    if value is None:
        meaning = f"not known: the {rows} lack a class"
        return Key(title="ROC-AUC on the test rows", number=UNKNOWN, meaning=meaning)
    if len(answer["labels"]) == 2:
        told = f"of 100 pairs of one row of each class it ranks {100 * value:.0f} the right way"
    else:
        told = "the mean of each class against the rest"
    meaning = f"95% interval {say_interval(found)}, {rows}; {told}"
    return Key(title="ROC-AUC on the test rows", number=f"{value:.3f}", meaning=meaning)


def _key_of(title: str, compared: Mapping[str, Any]) -> Key:
    difference = compared["difference"]
    number = say_difference(difference["value"])
    meaning = f"ROC-AUC, {_say_chance(compared)}"
    return Key(title=title, number=number, meaning=meaning)


def _key_of_winner(answer: Mapping[str, Any]) -> Key:
    winner, finished = answer["winner"], sum(answer["trials"].values())
    confirmed = winner.get("confirmed")
    if confirmed is not None:
        meaning = (
            f"trained {len(confirmed['values'])} times more with other seeds and folds: validation "
            f"ROC-AUC {confirmed['mean']:.4f} ±{confirmed['standard_error']:.4f}"
        )
    else:
        error = winner.get("standard_error")
        give = "" if error is None else f" ±{error:.4f}"
        meaning = f"the best validation ROC-AUC, {winner['value']:.4f}{give}; partly luck"
    meaning += f"; verdict: {winner['verdict']}" if winner.get("verdict") else ""
    return Key(title="Chosen", number=f"trial {winner['trial']} of {finished}", meaning=meaning)


def _say_chance(compared: Mapping[str, Any]) -> str:
    """Return how sure a difference is: its interval, p, and what that means."""
    difference, p = compared["difference"], compared["p_value"]
    if p is None or difference["low"] is None:
        return "a difference that so few rows cannot judge"
    if p >= _CHANCE:
        verdict = "a difference that may be chance"
    else:
        verdict = "more than chance" if difference["value"] > 0 else "worse, and not by chance"
    low, high = say_difference(difference["low"]), say_difference(difference["high"])
    return f"{verdict} (95% interval {low} to {high}, {say_p(p)})"


def _comparison(answer: Mapping[str, Any], other: str) -> Mapping[str, Any] | None:
    for each in answer["comparisons"]:
        if each["b"] == other and each["difference"]["value"] is not None:
            found: Mapping[str, Any] = each
            return found
    return None


def _models(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {model["name"]: model for model in answer["models"]}


def _roc_auc(model: Mapping[str, Any]) -> float | None:
    value: float | None = model["test"]["roc_auc"]["value"]
    return value


def _listed(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
