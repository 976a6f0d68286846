"""A trial's verdict in three sentences that a student understands: what, why, and what to change.

Only what is in the database is used, so nothing is trained or loaded for it. What to change is
said with the other trials of the study in view: the largest strength that still learned there is
worth more than a rule of thumb. `objectives/diagnosis.py` gave the verdicts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from objectives.hyperparameters import Hyperparameters
from search.errors import TrialError
from search.figures import STATE_NAMES, best_trial, find_trial
from search.space import hyperparameters
from search.wording import say_network
from storage.database import Database
from storage.evaluations import read_evaluations
from storage.studies import load_study

# Failures, the most instructive first: what was too strong teaches more than what was too weak.
INSTRUCTIVE = ("collapsed", "diverged", "overfit", "unlucky", "underfit")
LEARNED = ("healthy", "overfit")

_MEANINGS = {
    "healthy": "is healthy: it learned from the training rows, and what it learned holds on others",
    "collapsed": "collapsed: its network came to say the same of every row, whatever its columns",
    "overfit": "is overfit: it knows its training rows much better than rows it has not seen",
    "underfit": "is underfit: it has not learned what the columns can tell",
    "diverged": "diverged: its weights blew up instead of settling",
    "unlucky": "is unlucky: its result depends on which rows it was judged by",
}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One trial, explained."""

    trial: int
    role: str  # "best", "failure" or "asked for"
    verdict: str | None  # None for a trial that failed
    value: float | None
    sentences: tuple[str, str, str]  # what it is, the evidence, what to change

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A finished trial with what was stored of it."""

    trial: FrozenTrial
    evaluation: Mapping[str, Any]

    @property
    def number(self) -> int:
        return self.trial.number

    @property
    def verdict(self) -> str | None:
        return self.evaluation.get("verdict")

    @property
    def facts(self) -> Mapping[str, Any]:
        """Empty where an older release judged."""
        found: Mapping[str, Any] = self.evaluation.get("diagnosis", {})
        return found

    @property
    def chosen(self) -> Hyperparameters:
        return hyperparameters(self.trial.params)

    @property
    def learned(self) -> bool:
        return self.verdict in LEARNED and self.facts.get("chance") is None


def explain(db: Database, name: str, number: int | None = None) -> tuple[Explanation, ...]:
    """Explain a trial; for None the best one, and the most instructive failure if there is one.

    Raises:
        StudyNotFoundError, TrialError: there is no such study or trial, or it has not ended.
    """
    record = load_study(db, name)
    evaluations = read_evaluations(db, record.study_id)
    trials = db.optuna.get_all_trials(record.study_id, deepcopy=False)
    judged = [
        _Judged(trial=trial, evaluation=evaluations[trial.number].evaluation)
        for trial in trials
        if trial.state.is_finished() and trial.number in evaluations
    ]
    by_number = {each.number: each for each in judged}
    if number is not None:
        trial = find_trial(db, record, number)
        if number not in by_number:
            raise TrialError(
                f"only a trial that has ended can be explained; trial {number} of `{name}` is "
                f"{STATE_NAMES[trial.state]}."
            )
        return (_explain(by_number[number], judged, "asked for"),)
    best = by_number[best_trial(db, record).number]
    failure = _most_instructive(judged, best)
    return (
        _explain(best, judged, "best"),
        *([_explain(failure, judged, "failure")] if failure else []),
    )


def _explain(one: _Judged, judged: Sequence[_Judged], role: str) -> Explanation:
    return Explanation(
        trial=one.number,
        role=role,
        verdict=one.verdict,
        value=one.trial.value,
        sentences=_sentences(one, judged),
    )


def _sentences(one: _Judged, judged: Sequence[_Judged]) -> tuple[str, str, str]:
    if one.verdict is None or not one.trial.params:
        reason = one.evaluation.get("reason") or "the reason was not stored"
        return (
            f"Trial {one.number} failed: it came to no result.",
            f"Its last words were: {reason}.",
            "Other trials are not touched by this; where many fail alike, the message says why.",
        )
    what = f"Trial {one.number} ({say_network(one.trial.params)}) {_MEANINGS[one.verdict]}."
    evidence = one.evaluation.get("evidence", "An older release judged it and kept no evidence.")
    return what, evidence, _CHANGES[one.verdict](one, judged)


def _most_instructive(judged: Sequence[_Judged], best: _Judged) -> _Judged | None:
    """Return the failure that teaches most: of the first kind there is, the one nearest to life."""
    for verdict in INSTRUCTIVE:
        found = [each for each in judged if each.verdict == verdict and each is not best]
        if found:
            return min(found, key=lambda each: (_distance(each), each.number))
    return None


def _distance(one: _Judged) -> float:
    """Return how far a failure is from the edge; 0 where that is not a matter of a strength."""
    chosen = one.chosen
    if one.verdict == "collapsed":
        return chosen.l2 if one.facts.get("penalty") == "L2" else chosen.l1
    if one.verdict == "diverged":
        return chosen.learning_rate
    return -(one.facts.get("gap") or 0.0) if one.verdict == "overfit" else 0.0


def _change_collapsed(one: _Judged, judged: Sequence[_Judged]) -> str:
    penalty = one.facts.get("penalty")
    if penalty is None:
        return (
            "No penalty did this, so lower the learning rate, or try another activation or a "
            "normalization, so that units do not fall silent for good."
        )

    def strength(each: _Judged) -> float:
        return each.chosen.l1 if penalty == "L1" else each.chosen.l2

    alive = max((e for e in judged if e.learned and strength(e) > 0), key=strength, default=None)
    if alive is None:
        return (
            f"No trial of this study learned with {penalty} on, so leave it off or begin at a "
            f"hundredth of {strength(one):.1e}."
        )
    return (
        f"Lower {penalty}: the largest strength that still learned in this study is "
        f"{strength(alive):.1e} (trial {alive.number}); this one had {strength(one):.1e}."
    )


def _change_diverged(one: _Judged, judged: Sequence[_Judged]) -> str:
    stable = [e for e in judged if e.learned and e.chosen.learning_rate < one.chosen.learning_rate]
    if not stable:
        return "Lower the learning rate to a tenth, and look for extreme values in the columns."
    nearest = max(stable, key=lambda each: each.chosen.learning_rate)
    return (
        f"Lower the learning rate: the next smaller one that learned in this study is "
        f"{nearest.chosen.learning_rate:.1e} (trial {nearest.number})."
    )


def _change_overfit(one: _Judged, judged: Sequence[_Judged]) -> str:
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


def _change_underfit(one: _Judged, judged: Sequence[_Judged]) -> str:
    if one.facts.get("chance") == "no_signal":
        return (
            "Look at the data before the network: check the target, and look for columns that "
            "could tell something about it."
        )
    chosen = one.chosen
    named = (("dropout", chosen.dropout), ("L1", chosen.l1), ("L2", chosen.l2))
    strong = [name for name, strength in named if strength > 0]
    less = f"less {' and '.join(strong)}, " if strong else ""
    return f"Give it more freedom: {less}wider layers, more epochs or a larger learning rate."


def _change_unlucky(one: _Judged, judged: Sequence[_Judged]) -> str:
    if one.facts.get("chance") == "one_class":
        return (
            "Split the rows otherwise (another --seed, or without --time or --group), so that "
            "every class is among the rows that judge."
        )
    return (
        "Do not believe its mean: prefer a trial whose folds agree, or train it again with another "
        "seed; a lower learning rate often makes the folds agree."
    )


def _change_healthy(one: _Judged, judged: Sequence[_Judged]) -> str:
    best = max(judged, key=lambda each: _complete_value(each))
    if best is not one and _complete_value(best) > 0:
        return (
            f"Nothing is wrong with it; trial {best.number} ({say_network(best.trial.params)}) is "
            f"better on the validation rows, with {best.trial.value:.4f}."
        )
    return f"Nothing needs changing{_limits(judged)}."


def _complete_value(one: _Judged) -> float:
    return (one.trial.value or 0.0) if one.trial.state == TrialState.COMPLETE else 0.0


def _limits(judged: Sequence[_Judged]) -> str:
    """Return the largest strengths that still learned, as the end of a sentence."""
    learned = [each.chosen for each in judged if each.learned]
    largest = {
        "L1": max((chosen.l1 for chosen in learned), default=0.0),
        "L2": max((chosen.l2 for chosen in learned), default=0.0),
    }
    said = [f"{name} {strength:.1e}" for name, strength in largest.items() if strength > 0]
    return (
        f"; the largest strengths that still learned here are {' and '.join(said)}" if said else ""
    )


_CHANGES: Mapping[str, Callable[[_Judged, Sequence[_Judged]], str]] = {
    "healthy": _change_healthy,
    "collapsed": _change_collapsed,
    "overfit": _change_overfit,
    "underfit": _change_underfit,
    "diverged": _change_diverged,
    "unlucky": _change_unlucky,
}
