"""Whether a study is still worth its trials: what more of them would gain, against chance.

`--stop-when-flat` ends a study when its next trials are expected to raise the best value by less
than the best trials differ by chance: whatever else they found could not be told from luck.

Symbols: v values of the recent trials, b the best value, s the spread of v.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean, median, stdev

from optuna.trial import FrozenTrial, TrialState

from objectives.assessment.comparison import compare_roc_auc
from objectives.assessment.intervals import LEVEL
from objectives.features.preparation import Prepared, load_prepared
from search.figures import ENDED_EARLY
from search.winner.ensembling import Scored, score_of
from search.winner.winner import ranked
from storage.database import Database
from storage.evaluations import read_evaluations
from storage.progress import StudySummary
from storage.studies import StudyRecord, set_planned_trials

LEAST = 30  # finished trials, before which no study is judged
RECENT = 20  # finished trials that say what the next ones will be like
AHEAD = 20  # trials that are looked ahead
BETWEEN = 5  # trials from one judgement to the next
_RIVALS = 4  # trials that the best is compared with
_RESAMPLES = 200  # where there is no formula, for more than two classes
_FEW = 5  # complete trials among the recent ones, below which they say nothing


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What the next trials promise, in ROC-AUC."""

    gain: float  # expected, at most, of the AHEAD next trials
    noise: float  # standard error of the difference between the best trials

    @property
    def flat(self) -> bool:
        """Whether a gain would be lost in the noise."""
        return self.gain <= self.noise


def expected_gain(recent: Sequence[float | None], best: float) -> float:
    """Return how much AHEAD trials like the recent ones would raise the best value, at most.

    The expected improvement of one, E[max(0, v - b)] with normal v (Jones et al. 1998, eq. 15), as
    often as there are trials; those that were stopped early improve nothing.

    Args:
        recent: values of the last trials that finished; None for one that was stopped.
        best: the best value so far.
    """
    values = [value for value in recent if value is not None]
    if len(values) < _FEW:
        return math.inf
    mean, spread = fmean(values), stdev(values)
    if spread == 0:
        return 0.0
    z = (mean - best) / spread
    normal = NormalDist()
    improvement = spread * (z * normal.cdf(z) + normal.pdf(z))
    return min(1 - best, AHEAD * improvement * len(values) / len(recent))


class StopWhenFlat:
    """Watches a study and ends it when it no longer pays.

    Args:
        db: where the study is.
        record: the study.
        folder: of its prepared data.
        say: gets the sentence that says why it ended.
    """

    def __init__(
        self, db: Database, record: StudyRecord, folder: Path, say: Callable[[str], None]
    ) -> None:
        self._db = db
        self._record = record
        self._folder = folder
        self._say = say
        self._next = LEAST

    def watch(self, summary: StudySummary) -> None:
        """Judge the study if enough trials have finished since the last time."""
        finished, planned = summary.counts.finished, summary.planned_trials
        if finished < self._next or finished >= planned:
            return
        self._next = finished + BETWEEN
        trials = self._db.optuna.get_all_trials(self._record.study_id, deepcopy=False)
        found = outlook(self._db, self._record, trials, self._folder)
        if found is None or not found.flat:
            return
        name = self._record.name
        set_planned_trials(self._db, name, finished + summary.counts.running)
        why = (
            f"{name} ended after {finished} of {planned} trials: {AHEAD} more are expected to gain "
            f"less than {max(found.gain, 1e-5):.1g} of ROC-AUC, and the best ones differ by "
            f"{found.noise:.1g} by chance"
        )
        self._db.optuna.set_study_user_attr(self._record.study_id, ENDED_EARLY, why)
        self._say(f"{why}; `dampen resume {name} --trials {planned}` goes on")


def outlook(
    db: Database, record: StudyRecord, trials: Sequence[FrozenTrial], folder: Path
) -> Outlook | None:
    """Return what a study's next trials promise; None while too little is known to say."""
    ended = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    best = ranked(t for t in ended if t.state == TrialState.COMPLETE)[: _RIVALS + 1]
    if len(best) < 2 or best[0].value is None:
        return None
    noise = _noise(db, record, best, folder)
    if noise is None:
        return None
    ended.sort(key=lambda trial: (trial.datetime_complete is None, trial.datetime_complete))
    recent = [t.value if t.state == TrialState.COMPLETE else None for t in ended[-RECENT:]]
    return Outlook(gain=expected_gain(recent, best[0].value), noise=noise)


def _noise(
    db: Database, record: StudyRecord, best: Sequence[FrozenTrial], folder: Path
) -> float | None:
    """Return the standard error of the difference between the best trial and the next.

    Of folds that of their paired differences, of one split DeLong's; the median over the rivals.
    """
    evaluations = read_evaluations(db, record.study_id)
    folds: list[list[float]] = [
        [f["roc_auc"] for f in evaluations[t.number].evaluation["folds"]] for t in best
    ]
    if len(folds[0]) > 1:
        pairs = [[a - b for a, b in zip(folds[0], other, strict=True)] for other in folds[1:]]
        return median(stdev(each) / math.sqrt(len(each)) for each in pairs)
    prepared = load_prepared(folder)
    scored = [each for t in best if (each := score_of(db, t, prepared)) is not None]
    errors = [_standard_error(prepared, scored[0], other) for other in scored[1:]]
    known = [error for error in errors if error is not None]
    return median(known) if known else None


def _standard_error(prepared: Prepared, first: Scored, second: Scored) -> float | None:
    y = prepared.folds[0].validation.y
    compared = compare_roc_auc(
        y, first.validation[0], second.validation[0], n_resamples=_RESAMPLES
    ).difference
    if math.isnan(compared.low) or math.isnan(compared.high):
        return None
    return (compared.high - compared.low) / (2 * NormalDist().inv_cdf((1 + LEVEL) / 2))
