"""The pool: worker processes on this machine, watched until the study is finished.

The pool trains nothing and holds no state of its own: what is done and what is left stands in the
database, so it can be killed at any moment. `search/worker.py` is what it starts.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from search.errors import SearchFailedError
from search.exits import EXIT_ALL_FAIL, EXIT_DONE, EXIT_INTERRUPTED, EXIT_STORAGE
from search.worker_process import (
    Started,
    last_words,
    start_worker,
    stop_workers,
    worker_command,
)
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
    folder: Path  # of the prepared data
    workers: int
    deadline: float | None  # on time.monotonic's clock


def run_pool(db: Database, orders: Orders, watch: Callable[[StudySummary], None]) -> None:
    """Run workers until the study is finished or the deadline has passed.

    On KeyboardInterrupt the workers give their trials back (`worker_process.SECONDS_TO_STOP`), or
    are killed and their trials reclaimed, before it is raised again; on a second one they are
    killed at once.

    Args:
        watch: called with the study's state at every look, a few times a second.

    Raises:
        SearchFailedError: the first trials all failed alike, workers crash without progress, or a
            worker's database or disk refused.
        storage.errors.StorageError: the same of this process, or the database was away for longer
            than `db.patience` lasts.
    """
    pool = _Pool(db, orders)

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
    finally:
        db.patience.over.set()
        with suppress(DatabaseUnreachableError, DatabaseBusyError):  # for the next resume to do
            pool.stop()
            watch(summarise_study(db, orders.study))


def again_if_away(look: Callable[[], bool]) -> bool:
    """Return what `look` returns, which is called again where its connection broke."""
    try:
        return look()
    except (DatabaseUnreachableError, DatabaseBusyError):
        return look()  # a connection broke; making a new one waits until the database is back


class _Pool:
    def __init__(self, db: Database, orders: Orders) -> None:
        self._db = db
        self._orders = orders
        self._workers: list[Started] = []
        self._crashes = 0
        self._finished = 0

    def tend(self, summary: StudySummary) -> None:
        """Replace workers that are gone, and put the trials of dead ones back in the queue."""
        if summary.counts.finished > self._finished:
            self._finished, self._crashes = summary.counts.finished, 0
        for worker in list(self._workers):
            if worker.process.poll() is not None:
                self._workers.remove(worker)
                self._judge(worker)
        if summary.counts.running:
            reclaim_orphans(self._db, self._orders.study_id)
        counts = summary.counts
        claimable = summary.planned_trials - counts.finished - counts.running
        while claimable > 0 and len(self._workers) < min(self._orders.workers, claimable):
            command = worker_command(self._orders.study, self._orders.folder)
            self._workers.append(start_worker(command, self._db.url))

    def stop(self) -> None:
        """Ask the workers to leave, wait, kill those that stay, and reclaim their trials."""
        try:
            stop_workers(self._workers)
        finally:
            if self._workers:
                self._workers.clear()
                reclaim_orphans(self._db, self._orders.study_id)

    def _judge(self, worker: Started) -> None:
        """Say what the end of a worker means for the search."""
        said, code = last_words(worker), worker.process.returncode
        if code in (EXIT_DONE, EXIT_INTERRUPTED):
            return
        if code in (EXIT_ALL_FAIL, EXIT_STORAGE):
            raise SearchFailedError(said[-1])
        self._crashes += 1
        if self._crashes >= MAX_CRASHES:
            last = said[-1] if said else "it said nothing"
            raise SearchFailedError(
                f"{MAX_CRASHES} workers in a row ended before they finished a trial (exit code "
                f"{code}: {last}). The trials done so far are kept."
            )
