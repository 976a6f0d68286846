"""What a person sees while a search runs, on standard error.

On a terminal two lines are kept up to date; anywhere else a line is printed when trials finish.
Everything shown is read from the database, so it covers workers of other shells too.
"""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from search.duration import format_duration
from search.figures import best_trial
from search.wording import say_network
from storage.database import Database
from storage.progress import StudySummary
from storage.studies import StudyRecord


class Progress:
    """A context manager whose `watch` shows a study's state.

    Args:
        db: where the study is.
        record: the study.
        shown: False shows nothing.
    """

    def __init__(self, db: Database, record: StudyRecord, *, shown: bool = True) -> None:
        self._db = db
        self._record = record
        self._shown = shown
        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._began = time.monotonic()
        self._finished_before: int | None = None
        self._printed = -1
        self._best: tuple[float, str] | None = None

    def __enter__(self) -> "Progress":
        if self._shown and self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def watch(self, summary: StudySummary) -> None:
        """Show the study as it stands."""
        if not self._shown:
            return
        finished = summary.counts.finished
        if self._finished_before is None:
            self._finished_before = self._printed = finished
        if self._live is None and finished == self._printed:
            return
        self._printed = finished
        lines = [self._counts(summary), self._best_line(summary)]
        if self._live is not None:
            self._live.update(Text("\n".join(line for line in lines if line)), refresh=True)
        else:
            print("; ".join(line for line in lines if line), file=sys.stderr, flush=True)

    def say(self, sentence: str) -> None:
        """Print a sentence above what is kept up to date."""
        if self._live is not None:
            self._live.console.print(Text(sentence))
        elif self._shown:
            print(sentence, file=sys.stderr, flush=True)

    def _counts(self, summary: StudySummary) -> str:
        counts = summary.counts
        parts = [f"{counts.finished} / {summary.planned_trials} trials"]
        parts += [
            f"{n} {what}" for n, what in ((counts.pruned, "pruned"), (counts.failed, "failed")) if n
        ]
        done = counts.finished - (self._finished_before or 0)
        elapsed = time.monotonic() - self._began
        if done and elapsed > 0:
            left = (summary.planned_trials - counts.finished) * elapsed / done
            parts.append(f"{60 * done / elapsed:.0f} a minute")
            if left:
                parts.append(f"{format_duration(left)} left")
        elif not done:
            parts.append("starting")
        return ", ".join(parts)

    def _best_line(self, summary: StudySummary) -> str:
        if summary.best_value is None:
            return ""
        if self._best is None or self._best[0] != summary.best_value:
            trial = best_trial(self._db, self._record)
            self._best = (summary.best_value, say_network(trial.params))
        value, network = self._best
        return f"best {value:.4f}: {network}"
