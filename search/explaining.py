"""A trial's verdict in three sentences that a student understands: what, why, and what to change.

Only what is in the database is used, so nothing is trained for it. `objectives/verdict/` gave the
verdicts, `advice.py` says what to change.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.advice import Judged, advise
from search.errors import TrialError
from search.figures import STATE_NAMES, complete_trial, find_trial
from search.wording import say_network
from storage.database import Database
from storage.evaluations import read_evaluations
from storage.studies import load_study

# Failures, the most instructive first: what was too strong teaches more than what was too weak.
INSTRUCTIVE = ("collapsed", "diverged", "overfit", "unlucky", "underfit")

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
    role: str  # "best" for the winner, "failure" or "asked for"
    verdict: str | None  # None for a trial that failed
    value: float | None
    sentences: tuple[str, str, str]  # what it is, the evidence, what to change

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values."""
        return asdict(self)


def explain(db: Database, name: str, number: int | None = None) -> tuple[Explanation, ...]:
    """Explain a trial; for None the winner, and the most instructive failure if there is one.

    Raises:
        StudyNotFoundError, TrialError: there is no such study or trial, or it has not ended.
    """
    record = load_study(db, name)
    evaluations = read_evaluations(db, record.study_id)
    trials = db.optuna.get_all_trials(record.study_id, deepcopy=False)
    judged = [
        Judged(trial=trial, evaluation=evaluations[trial.number].evaluation)
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
    best = by_number[complete_trial(db, record, None).number]
    failure = _most_instructive(judged, best)
    return (
        _explain(best, judged, "best"),
        *([_explain(failure, judged, "failure")] if failure else []),
    )


def _explain(one: Judged, judged: Sequence[Judged], role: str) -> Explanation:
    return Explanation(
        trial=one.number,
        role=role,
        verdict=one.verdict,
        value=one.trial.value,
        sentences=_sentences(one, judged),
    )


def _sentences(one: Judged, judged: Sequence[Judged]) -> tuple[str, str, str]:
    if one.verdict is None:
        reason = one.evaluation.get("reason") or "the reason was not stored"
        return (
            f"Trial {one.number} failed: it came to no result.",
            f"Its last words were: {reason}.",
            "Other trials are not touched by this; where many fail alike, the message says why.",
        )
    what = f"Trial {one.number} ({say_network(one.trial.params)}) {_MEANINGS[one.verdict]}."
    evidence = one.evaluation.get("evidence", "An older release judged it and kept no evidence.")
    return what, evidence, advise(one, judged)


def _most_instructive(judged: Sequence[Judged], best: Judged) -> Judged | None:
    """Return the failure that teaches most: of the first kind there is, the one nearest to life."""
    for verdict in INSTRUCTIVE:
        found = [each for each in judged if each.verdict == verdict and each is not best]
        if found:
            return min(found, key=lambda each: (_distance(each), each.number))
    return None


def _distance(one: Judged) -> float:
    """Return how far a failure is from the edge; 0 where that is not a matter of a strength."""
    if one.verdict == "collapsed":
        return one.strength(one.facts.get("penalty") or "L1")
    if one.verdict == "diverged":
        return one.learning_rate or 0.0
    return -(one.facts.get("gap") or 0.0) if one.verdict == "overfit" else 0.0
