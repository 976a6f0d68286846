"""A study whose one worker is this process, so that what it does can be measured from inside.

`search.study.launch` runs as ever, but where it would start processes, `search.worker.main` is
called here. Importing this loads TensorFlow.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import search.study
import search.worker
from search.engine import LocalEngine
from search.pool import Orders
from search.study import Study, launch
from storage.database import Database
from storage.progress import StudySummary, summarise_study


def run_in_process(**settings: Any) -> Study:
    """Launch a study and return it when its worker, in this process, has finished it.

    Args:
        settings: of `search.study.launch`; `storage` must be given, `workers` is 1.
    """
    with (
        mock.patch.object(search.study, "run_pool", _work_here),
        mock.patch.object(search.worker, "_watch_lifeline"),
        mock.patch.dict(os.environ, DAMPEN_STORAGE=settings["storage"]),
    ):
        return launch(workers=1, folds=1, confirm=0, progress=False, **settings)


def _work_here(
    db: Database, orders: Orders, engine: LocalEngine, watch: Callable[[StudySummary], None]
) -> None:
    """Stand in for `search.pool.run_pool`; a worker that retires is followed by another."""
    finished = -1
    while True:
        summary = summarise_study(db, orders.study)
        if summary.counts.finished >= summary.planned_trials:
            return
        if summary.counts.finished == finished:
            raise SystemExit(f"the worker ended after {finished} trials without finishing one")
        finished = summary.counts.finished
        search.worker.main(orders.study, Path(engine.command[-1]))
