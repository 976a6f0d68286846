"""A study's page in optuna-dashboard, kept up to date while its trials run.

Whoever watches a study keeps its page too: the process of `launch` and `resume`, and each
`dampen worker`. All of it is derived from the database, so any number of them may do so, and a page
that a killed process left behind is brought up to date by the next. What it costs is bounded:

- the note and the figures are renewed when trials have finished, and never take more than
  `SHARE_OF_NOTES` of the time;
- a trial that takes the lead gets pictures at once, as long as all of them together stay within
  `SHARE_OF_PICTURES` of the time; beyond that the one that leads when there is time again, at the
  latest at the end of a study that took `SECONDS_OF_PICTURES / SHARE_AT_END`.

Next: `noting.py` for the words, `plots.py` and `picturing.py` for the figures.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType

from optuna.trial import FrozenTrial, TrialState

from search.figures import ENDED_EARLY, N_TOP, study_winner
from search.page.noting import Leader, study_note
from search.page.picturing import attach_pictures, has_pictures
from search.page.plots import curves_figure, roc_figure
from search.settings import Settings
from search.winner.winner import ranked
from storage.answers import read_answer
from storage.database import Database
from storage.errors import ArtifactError, StorageError
from storage.evaluations import read_evaluation
from storage.front import Front, save_front
from storage.progress import StudySummary, summarise_study
from storage.studies import StudyRecord

METRIC = "validation ROC-AUC"
SECONDS_BETWEEN_NOTES = 10.0
SHARE_OF_NOTES = 0.01
SHARE_OF_PICTURES = 0.02
SHARE_AT_END = 0.04
SECONDS_OF_PICTURES = 0.8  # until they were drawn once: matplotlib is loaded for the first


Watch = Callable[[StudySummary], None]


class Page:
    """A context manager whose `watch` keeps a study's page; it is written when it is entered.

    Args:
        db: where the study is.
        record: the study.
        say: gets a sentence when a picture could not be drawn, which is no reason to end a search.
    """

    def __init__(
        self, db: Database, record: StudyRecord, say: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self._db = db
        self._record = record
        self._say = say
        self._began = time.monotonic()
        self._next_note = 0.0
        self._noted: tuple[str, int] | None = None  # state and finished trials
        self._pictured: float | None = None  # the value of the trial that led
        self._spent = 0.0  # seconds on pictures
        self._expected = SECONDS_OF_PICTURES

    def __enter__(self) -> "Page":
        self.watch(summarise_study(self._db, self._record.name))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            summary = summarise_study(self._db, self._record.name)
            if kind is None:
                self._pictured = None  # the winner may be another than who led
                self._picture(summary, SHARE_AT_END)
            renew(self._db, self._record, summary)
        except StorageError:
            return  # away, or deleted; what ended the search is what matters

    def watch(self, summary: StudySummary) -> None:
        """Bring the page up to date, if there is something new and time for it."""
        if summary.state == "interrupted":
            summary = replace(summary, state="running")  # its workers are just about to come
        self._picture(summary, SHARE_OF_PICTURES)
        now, stands = time.monotonic(), (summary.state, summary.counts.finished)
        if now < self._next_note or stands == self._noted:
            return
        renew(self._db, self._record, summary)
        self._noted = stands
        done = time.monotonic()
        self._next_note = done + max(SECONDS_BETWEEN_NOTES, (done - now) / SHARE_OF_NOTES)

    def _picture(self, summary: StudySummary, share: float) -> None:
        """Draw the trial that leads, if it has no pictures yet and there is time for it."""
        began = time.monotonic()
        if summary.best_value in (None, self._pictured):
            return
        if self._spent + self._expected > share * (began - self._began):
            return
        winner = study_winner(self._db, self._record)
        if winner and not has_pictures(self._db, self._record, winner.trial._trial_id):
            self._draw(winner.trial.number)
            self._expected = time.monotonic() - began
            self._spent += self._expected
        self._pictured = summary.best_value

    def _draw(self, number: int) -> None:
        try:
            attach_pictures(self._db, self._record.name, number)
        except Exception as error:
            if isinstance(error, StorageError) and not isinstance(error, ArtifactError):
                raise  # the database, not the picture
            self._say(
                f"trial {number} could not be drawn for the dashboard: "
                f"{type(error).__name__}: {error}"
            )


def both(first: Watch, second: Watch) -> Watch:
    """Return a function that watches a study for two."""

    def watch(summary: StudySummary) -> None:
        first(summary)
        second(summary)

    return watch


def renew(db: Database, record: StudyRecord, summary: StudySummary) -> None:
    """Write a study's note and figures as they are now.

    Args:
        db: where the study is.
        record: the study.
        summary: how far it has come.
    """
    settings = Settings.from_json(record.settings)
    trials = db.optuna.get_all_trials(record.study_id, deepcopy=False)
    verdicts = Counter(str(t.user_attrs["verdict"]) for t in trials if "verdict" in t.user_attrs)
    answer = read_answer(db, record.study_id)
    top = _leaders(db, ranked(t for t in trials if t.state == TrialState.COMPLETE)[:N_TOP])
    note = study_note(
        settings,
        summary,
        dict(verdicts.most_common()),
        top[0][0] if top else None,
        study_winner(db, record),
        conclusion=answer.document.get("conclusion") if answer else None,
        ended_early=db.optuna.get_study_user_attrs(record.study_id).get(ENDED_EARLY),
        url=db.url,
        now=datetime.now(UTC),
    )
    front = Front(
        finished=summary.counts.finished,
        metric=METRIC,
        note=note,
        figures=_figures(top, settings.data.labels),
    )
    save_front(db, record.study_id, front)


def _leaders(db: Database, best: list[FrozenTrial]) -> list[tuple[Leader, dict[str, object]]]:
    """Return trials with what was stored of them, and their learning curves."""
    found = []
    for trial in best:
        stored = read_evaluation(db, trial._trial_id)
        if stored is not None and trial.value is not None:
            leader = Leader(
                number=trial.number,
                value=trial.value,
                params=trial.params,
                evaluation=stored.evaluation,
            )
            found.append((leader, stored.learning_curve))
    return found


def _figures(
    top: list[tuple[Leader, dict[str, object]]], labels: tuple[str, ...]
) -> dict[str, str]:
    """Return the figures by name, in whose order the dashboard does not show them."""
    if not top:
        return {}
    figures = {"learning-curves": curves_figure({each.number: curve for each, curve in top})}
    best = top[0][0]
    if roc := best.evaluation.get("roc"):
        names = (f"trial {best.number}",) if len(roc) == 1 else labels
        figures["roc"] = roc_figure(best.number, roc, names)
    return figures
