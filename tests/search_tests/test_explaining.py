"""Three sentences for a verdict, and the largest strength that still learned is named."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import FloatDistribution, distribution_to_json
from optuna.trial import TrialState, create_trial

from search.advice import Judged, advise
from search.errors import TrialError
from search.explaining import Explanation, explain
from search.figures import count_verdicts
from search.spaces.space import first_trials, regularization_space
from storage.claims import claim_trial
from storage.database import Database, close, open_database
from storage.evaluations import finish_trial
from storage.parameters import record_parameters
from storage.studies import StudyRecord, create_study
from storage.workers import register_worker

SPACE = regularization_space(300, l1_bound=0.1)
PLAIN = first_trials(SPACE)[0]


class Told:
    """A study to which trials are told without training."""

    def __init__(self, folder: Path) -> None:
        self.db: Database = open_database(f"sqlite:///{folder}/dampen.db")
        self.record: StudyRecord = create_study(
            self.db, "rooks", settings={}, planned_trials=100, first_trials=[]
        )
        self.worker = register_worker(self.db, self.record.study_id, seconds_between_beats=60)

    def tell(
        self,
        verdict: str | None,
        value: float | None = 0.8,
        *,
        facts: dict[str, Any] | None = None,
        state: TrialState = TrialState.COMPLETE,
        **params: Any,
    ) -> None:
        """End the next trial, which has the parameters of the plain network but for `params`."""
        claim = claim_trial(self.db, self.record.study_id, self.worker)
        assert claim is not None
        chosen = {**PLAIN, **params}
        stored = {
            name: (kind.to_internal_repr(chosen[name]), distribution_to_json(kind))
            for name, kind in SPACE.items()
        }
        record_parameters(self.db, claim, stored)
        judged = {"verdict": verdict, "evidence": f"Seen: {verdict}.", "diagnosis": facts or {}}
        finish_trial(
            self.db,
            claim,
            state=state,
            value=value,
            evaluation=judged if verdict else {"reason": "ValueError: no"},
            learning_curve={},
            attributes={},
        )

    def explain(self, number: int | None = None) -> tuple[Explanation, ...]:
        return explain(self.db, "rooks", number)

    def advice(self, number: int) -> str:
        """What to change about a trial."""
        return self.explain(number)[0].sentences[2]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    close(made.db)


def test_best_trial_is_explained_in_three_sentences(told: Told) -> None:
    told.tell("healthy", 0.8)
    told.tell("healthy", 0.9, use_l1=True, l1=1e-3)
    (best,) = told.explain()
    assert (best.trial, best.role, best.verdict, best.value) == (1, "best", "healthy", 0.9)
    what, evidence, change = best.sentences
    assert what.startswith("Trial 1 (128-128 relu, dropout off, L1 1.0e-03, L2 off")
    assert what.endswith("on others.")
    assert evidence == "Seen: healthy."
    assert change == (
        "Nothing needs changing; the largest strengths that still learned here are L1 1.0e-03."
    )
    assert json.loads(json.dumps(best.to_json()))["sentences"] == list(best.sentences)


def test_collapse_is_told_with_the_largest_strength_that_still_learned(told: Told) -> None:
    dead = {"penalty": "L1"}
    told.tell("healthy", 0.9)
    told.tell("healthy", 0.8, use_l1=True, l1=4e-3)
    told.tell("healthy", 0.8, use_l1=False, l1=5e-2)  # switched off, so it says nothing
    told.tell("healthy", 0.5, use_l1=True, l1=6e-3, facts={"chance": "not_learned"})
    told.tell("collapsed", 0.5, use_l1=True, l1=9e-2, facts=dead)
    told.tell("overfit", 0.7)
    told.tell("collapsed", 0.5, use_l1=True, l1=2e-2, facts=dead)
    _, failure = told.explain()
    assert (failure.trial, failure.role) == (6, "failure"), "the collapse nearest to life"
    assert failure.sentences[2] == (
        "Lower L1: the largest strength that still learned in this study is 4.0e-03 (trial 1); "
        "this one had 2.0e-02."
    )


def test_collapse_below_a_strength_that_learned_elsewhere_names_that_network(told: Told) -> None:
    told.tell("healthy", 0.9, use_l2=True, l2=9e-2, normalization="layer")
    told.tell("collapsed", 0.5, use_l2=True, l2=5e-2, facts={"penalty": "L2"})
    change = told.advice(1)
    assert change.startswith("Lower L2 from 5.0e-02, or build the network as trial 0 (128-128 relu")
    assert "layer norm" in change
    assert change.endswith("which still learned with the largest strength of this study.")


def test_collapse_by_l2_and_by_no_penalty(told: Told) -> None:
    told.tell("collapsed", 0.5, use_l2=True, l2=9e-2, facts={"penalty": "L2"})
    told.tell("collapsed", 0.5, facts={"penalty": None})
    assert told.advice(0) == (
        "No trial of this study learned with L2 on, so leave it off or begin at a hundredth of "
        "9.0e-02."
    )
    assert told.advice(1).startswith("No penalty did this, so lower the learning rate")


def test_divergence_is_told_with_the_next_smaller_learning_rate_that_learned(told: Told) -> None:
    told.tell("diverged", None, state=TrialState.PRUNED, learning_rate=2e-2)
    assert told.advice(0).startswith("Lower the learning rate to a tenth")
    told.tell("healthy", 0.8, learning_rate=1e-3)
    told.tell("healthy", 0.8, learning_rate=8e-3)
    told.tell("healthy", 0.8, learning_rate=3e-2)
    assert told.advice(0) == (
        "Lower the learning rate: the next smaller one that learned in this study is 8.0e-03 "
        "(trial 2)."
    )


def test_overfitting_is_told_with_a_trial_that_does_as_well_without_the_gap(told: Told) -> None:
    told.tell("overfit", 0.8, facts={"gap": 0.2})
    assert "no healthy trial of this study does as well yet" in told.advice(0)
    told.tell("healthy", 0.7)
    told.tell("healthy", 0.85, dropout=0.5)
    assert "trial 2 (128-128 relu, dropout 0.50" in told.advice(0)


def test_underfitting_is_told_with_what_to_loosen(told: Told) -> None:
    told.tell("underfit", 0.6, dropout=0.5, use_l1=True)
    told.tell("underfit", 0.5, facts={"chance": "no_signal"})
    assert "less dropout and L1, wider layers" in told.advice(0)
    assert told.advice(1).startswith("Look at the data before the network")


def test_bad_luck_is_told_by_its_cause(told: Told) -> None:
    told.tell("unlucky", 0.6)
    told.tell("unlucky", None, state=TrialState.PRUNED, facts={"chance": "one_class"})
    assert told.advice(0).startswith("Do not believe its mean")
    assert told.advice(1).startswith("Split the rows otherwise")


def test_healthy_trial_that_is_not_the_best_names_the_best(told: Told) -> None:
    told.tell("healthy", 0.7)
    told.tell("healthy", 0.9, dropout=0.3)
    told.tell("healthy", 0.95, state=TrialState.PRUNED)
    assert told.advice(0).startswith("Nothing is wrong with it; trial 1 (128-128 relu, dropout 0.3")


def test_trial_that_failed_is_told_by_its_message(told: Told) -> None:
    told.tell(None, None, state=TrialState.FAIL)
    (found,) = told.explain(0)
    assert found.verdict is None
    assert found.sentences[1] == "Its last words were: ValueError: no."


def test_trial_that_has_not_ended_and_none_at_all_are_refused(told: Told) -> None:
    with pytest.raises(TrialError, match="has no complete trial yet"):
        told.explain()
    claim_trial(told.db, told.record.study_id, told.worker)
    with pytest.raises(TrialError, match="trial 0 of `rooks` is running"):
        told.explain(0)
    with pytest.raises(TrialError, match="has no trial 7"):
        told.explain(7)


def test_judgement_of_an_older_release_is_told_without_its_evidence(told: Told) -> None:
    told.tell("healthy")
    one = Judged(trial=told.db.optuna.get_all_trials(told.record.study_id)[0], evaluation={})
    assert (one.verdict, one.facts, one.learned) == (None, {}, False)


def test_verdicts_are_counted_most_first() -> None:
    found = count_verdicts([{"verdict": v} for v in ("collapsed", "healthy", "healthy")] + [{}])
    assert list(found.items()) == [("healthy", 2), ("collapsed", 1)]


def _own(number: int, verdict: str, **params: float) -> Judged:
    """A trial of a person's own network, which draws what it likes."""
    trial = create_trial(
        params=params,
        distributions={name: FloatDistribution(0, 1) for name in params},
        value=0.8,
    )
    trial.number = number
    return Judged(trial=trial, evaluation={"verdict": verdict, "diagnosis": {"penalty": "L1"}})


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (_own(0, "healthy", rate=0.1), "Nothing needs changing."),
        (_own(0, "collapsed", rate=0.1), "Lower L1 in the network, to a hundredth at first."),
        (_own(0, "collapsed", l1=0.5), r"strength that still learned .* is 1\.0e-01 \(trial 1\)"),
        (_own(0, "overfit", rate=0.1), r"trial 1 \(l1 0\.1, learning_rate 0\.01\) has no such gap"),
        (_own(0, "underfit"), "Give it more freedom: less regularisation, a larger network"),
        (_own(0, "diverged", learning_rate=0.5), r"that learned .* is 1\.0e-02 \(trial 1\)"),
        (_own(0, "diverged", rate=0.5), "Lower the learning rate to a tenth"),
        (_own(0, "unlucky"), "prefer a trial whose folds agree"),
    ],
)
def test_advice_about_a_network_of_ones_own_names_what_is_known_of_it(
    one: Judged, says: str
) -> None:
    learned = _own(1, "healthy", l1=0.1, learning_rate=0.01)
    assert re.search(says, advise(one, [one, learned]))
