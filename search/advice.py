"""What to change about a trial, with the other trials of its study in view.

The largest strength that still learned on these data is worth more than a rule of thumb.
`explaining.py` puts it into words beside the verdict.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from objectives.hyperparameters import Hyperparameters
from search.spaces.space import hyperparameters, is_dense
from search.wording import say_more, say_network

LEARNED = ("healthy", "overfit")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A finished trial with what was stored of it."""

    trial: FrozenTrial
    evaluation: Mapping[str, Any]

    @property
    def number(self) -> int:
        """From 0."""
        return self.trial.number

    @property
    def verdict(self) -> str | None:
        """None for a trial that failed."""
        return self.evaluation.get("verdict")

    @property
    def facts(self) -> Mapping[str, Any]:
        """Empty where an older release judged."""
        found: Mapping[str, Any] = self.evaluation.get("diagnosis", {})
        return found

    @property
    def chosen(self) -> Hyperparameters | None:
        """The network, strengths that are off being 0; None for one of a person's own."""
        params = self.trial.params
        return hyperparameters(params) if is_dense(params) else None

    @property
    def learning_rate(self) -> float | None:
        """As it was drawn; None where the person's own objective draws none of that name."""
        rate = self.trial.params.get("learning_rate")
        return float(rate) if isinstance(rate, int | float) else None

    def strength(self, penalty: str) -> float:
        """Return the strength of L1 or L2; 0 where it is off, or not known by name."""
        chosen = self.chosen
        if chosen is None:
            value = self.trial.params.get(penalty.lower(), 0.0)
            return float(value) if isinstance(value, int | float) else 0.0
        return chosen.l1 if penalty == "L1" else chosen.l2

    @property
    def learned(self) -> bool:
        """Whether its network made something of the columns."""
        return self.verdict in LEARNED and self.facts.get("chance") is None


def advise(one: Judged, judged: Sequence[Judged]) -> str:
    """Return what to change, in one sentence, about a trial that has a verdict.

    Args:
        one: the trial.
        judged: every finished trial of its study, this one too.
    """
    assert one.verdict is not None
    return _CHANGES[one.verdict](one, judged)


def _change_collapsed(one: Judged, judged: Sequence[Judged]) -> str:
    penalty = one.facts.get("penalty")
    if penalty is None:
        return (
            "No penalty did this, so lower the learning rate, or try another activation or a "
            "normalization, so that units do not fall silent for good."
        )

    def strength(each: Judged) -> float:
        return each.strength(penalty)

    if strength(one) == 0:  # an own network's, by no name that is known here
        return f"Lower {penalty} in the network, to a hundredth at first."
    alive = max((e for e in judged if e.learned and strength(e) > 0), key=strength, default=None)
    if alive is None:
        return (
            f"No trial of this study learned with {penalty} on, so leave it off or begin at a "
            f"hundredth of {strength(one):.1e}."
        )
    if strength(alive) >= strength(one):
        return (
            f"Lower {penalty} from {strength(one):.1e}, or build the network as trial "
            f"{alive.number} ({say_network(alive.trial.params)}), which still learned with the "
            "largest strength of this study."
        )
    return (
        f"Lower {penalty}: the largest strength that still learned in this study is "
        f"{strength(alive):.1e} (trial {alive.number}); this one had {strength(one):.1e}."
    )


def _change_diverged(one: Judged, judged: Sequence[Judged]) -> str:
    rates = {e.number: e.learning_rate for e in judged if e.learned}
    own = one.learning_rate
    stable = {n: rate for n, rate in rates.items() if rate and own and rate < own}
    if not stable:
        return "Lower the learning rate to a tenth, and look for extreme values in the columns."
    nearest = max(stable, key=lambda number: stable[number])
    return (
        f"Lower the learning rate: the next smaller one that learned in this study is "
        f"{stable[nearest]:.1e} (trial {nearest})."
    )


def _change_overfit(one: Judged, judged: Sequence[Judged]) -> str:
    better = [
        each
        for each in judged
        if each.verdict == "healthy"
        and each.trial.state == TrialState.COMPLETE
        and (each.trial.value or 0.0) >= (one.trial.value or 0.0)
    ]
    if better:
        best = max(better, key=lambda each: each.trial.value or 0.0)
        return (
            f"Regularise more or make the network smaller: trial {best.number} "
            f"({say_network(best.trial.params)}) has no such gap and does at least as well."
        )
    return (
        "Regularise more (dropout, L1, L2) or make the network smaller; no healthy trial of this "
        "study does as well yet, so more rows may help most."
    )


def _change_underfit(one: Judged, judged: Sequence[Judged]) -> str:
    if one.facts.get("chance") == "no_signal":
        return (
            "Look at the data before the network: check the target, and look for columns that "
            "could tell something about it."
        )
    chosen = one.chosen
    if chosen is None:
        return (
            "Give it more freedom: less regularisation, a larger network, more epochs or a larger "
            "learning rate."
        )
    named = (("dropout", chosen.dropout), ("L1", chosen.l1), ("L2", chosen.l2))
    strong = [name for name, strength in named if strength > 0]
    strong += ["other regularisers"] if say_more(asdict(chosen)) else []
    listed = " and ".join(part for part in (", ".join(strong[:-1]), *strong[-1:]) if part)
    less = f"less {listed}, " if strong else ""
    return f"Give it more freedom: {less}wider layers, more epochs or a larger learning rate."


def _change_unlucky(one: Judged, judged: Sequence[Judged]) -> str:
    if one.facts.get("chance") == "one_class":
        return (
            "Split the rows otherwise (another --seed, or without --time or --group), so that "
            "every class is among the rows that judge."
        )
    return (
        "Do not believe its mean: prefer a trial whose folds agree, or train it again with another "
        "seed."
    )


def _change_healthy(one: Judged, judged: Sequence[Judged]) -> str:
    best = max(judged, key=lambda each: _complete_value(each))
    if best is not one and _complete_value(best) > 0:
        return (
            f"Nothing is wrong with it; trial {best.number} ({say_network(best.trial.params)}) is "
            f"better on the validation rows, with {best.trial.value:.4f}."
        )
    return f"Nothing needs changing{_limits(judged)}."


def _complete_value(one: Judged) -> float:
    return (one.trial.value or 0.0) if one.trial.state == TrialState.COMPLETE else 0.0


def _limits(judged: Sequence[Judged]) -> str:
    """Return the largest strengths that still learned, as the end of a sentence."""
    learned = [each.chosen for each in judged if each.learned and each.chosen is not None]
    largest = {
        "L1": max((chosen.l1 for chosen in learned), default=0.0),
        "L2": max((chosen.l2 for chosen in learned), default=0.0),
    }
    said = [f"{name} {strength:.1e}" for name, strength in largest.items() if strength > 0]
    return (
        f"; the largest strengths that still learned here are {' and '.join(said)}" if said else ""
    )


_CHANGES: Mapping[str, Callable[[Judged, Sequence[Judged]], str]] = {
    "healthy": _change_healthy,
    "collapsed": _change_collapsed,
    "overfit": _change_overfit,
    "underfit": _change_underfit,
    "diverged": _change_diverged,
    "unlucky": _change_unlucky,
}
