"""The pool: a study's workers, watched and replaced until the study is finished.

The pool trains nothing and holds no state of its own: what is done and what is left stands in the
database, so it can be killed at any moment. `search/worker.py` is what it starts, through an engine
(`engine.py`) that says where.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from search.engine import Ended, Engine
from search.errors import SearchFailedError
from search.exits import EXIT_ALL_FAIL, EXIT_DONE, EXIT_INTERRUPTED, EXIT_STORAGE
from storage.database import Database
from storage.errors import DatabaseBusyError, DatabaseUnreachableError
from storage.progress import StudySummary, summarise_study
from storage.resume import reclaim_orphans

SECONDS_BETWEEN_LOOKS = 0.2
MAX_CRASHES = 5  # in a row, with no trial finished between them


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What a pool is to do."""

    study: str
    study_id: int
    workers: int
    deadline: float | None  # on time.monotonic's clock


def run_pool(
    db: Database, orders: Orders, engine: Engine, watch: Callable[[StudySummary], None]
) -> None:
    """Run workers until the study is finished or the deadline has passed.

    On KeyboardInterrupt the workers give their trials back (`worker_process.SECONDS_TO_STOP`), or
    are killed and their trials reclaimed, before it is raised again; on a second one they are
    killed at once. An engine that was asked to may let them go on instead.

    Args:
        db: where the study is.
        orders: what to do.
        engine: starts the workers.
        watch: called with the study's state at every look, a few times a second.

    Raises:
        SearchFailedError: the first trials all failed alike, workers crash without progress, or a
            worker's database or disk refused.
        storage.errors.StorageError: the same of this process, or the database was away for longer
            than `db.patience` lasts.
    """
    pool = _Pool(db, orders, engine)
    leave = engine.stop

    def look() -> bool:
        summary = summarise_study(db, orders.study)
        watch(summary)
        if summary.counts.finished >= summary.planned_trials:
            return False
        if orders.deadline is not None and time.monotonic() >= orders.deadline:
            return False
        pool.tend(summary)
        return True

    try:
        while again_if_away(look):
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        leave = engine.interrupt
        raise
    finally:
        db.patience.over.set()
        with suppress(DatabaseUnreachableError, DatabaseBusyError):  # for the next resume to do
            pool.stop(leave)
            watch(summarise_study(db, orders.study))


def again_if_away(look: Callable[[], bool]) -> bool:
    """Return what `look` returns, which is called again where its connection broke."""
    try:
        return look()
    except (DatabaseUnreachableError, DatabaseBusyError):
        return look()  # a connection broke; making a new one waits until the database is back


class _Pool:
    def __init__(self, db: Database, orders: Orders, engine: Engine) -> None:
        self._db = db
        self._orders = orders
        self._engine = engine
        self._crashes = 0
        self._finished = 0

    def tend(self, summary: StudySummary) -> None:
        """Replace workers that are gone, and put the trials of dead ones back in the queue."""
        if summary.counts.finished > self._finished:
            self._finished, self._crashes = summary.counts.finished, 0
        for end in self._engine.ended():
            self._judge(end)
        if summary.counts.running:
            reclaim_orphans(self._db, self._orders.study_id)
        counts = summary.counts
        claimable = summary.planned_trials - counts.finished - counts.running
        while claimable > 0 and self._engine.workers < min(self._orders.workers, claimable):
            self._engine.start()

    def stop(self, leave: Callable[[], None]) -> None:
        """Leave the workers as `leave` does, and reclaim the trials of those that are gone."""
        any_left = self._engine.workers > 0
        try:
            leave()
        finally:
            if any_left:
                reclaim_orphans(self._db, self._orders.study_id)

    def _judge(self, end: Ended) -> None:
        """Say what the end of a worker means for the search."""
        if end.code in (EXIT_DONE, EXIT_INTERRUPTED):
            return
        if end.code in (EXIT_ALL_FAIL, EXIT_STORAGE):
            raise SearchFailedError(end.said[-1])
        self._crashes += 1
        if self._crashes >= MAX_CRASHES:
            last = end.said[-1] if end.said else "it said nothing"
            raise SearchFailedError(
                f"{MAX_CRASHES} workers in a row ended before they finished a trial (exit code "
                f"{end.code}: {last}). The trials done so far are kept."
            )
