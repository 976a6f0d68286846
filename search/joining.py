"""One more worker for a study that is there: `dampen worker`, from any shell or machine.

Needs the database and the data, nothing else. This process becomes the worker, so that a container,
a Slurm job or a person stops it by its own signals. Next: `worker.py`.
"""

import os
import sys
import threading
from pathlib import Path

from objectives.quiet import quietly
from search.errors import Interrupted
from search.objective.objective_file import same_objective
from search.page.front import Page, both
from search.progress import Progress
from search.settings import Settings
from search.study import Study
from search.study_table import prepared_folder, same_table
from search.worker_process import heartbeat_seconds, leave_on_signal, worker_environment
from storage.database import open_database
from storage.drive import drive_warning
from storage.patience import PATIENCE_SECONDS, Patience
from storage.place import try_out
from storage.studies import load_study


def join(
    study: str,
    *,
    storage: str | None = None,
    data: Path | None = None,
    objective: Path | None = None,
) -> Study:
    """Run trials of a study in this process until the study is finished.

    Meant for a process of its own: it takes over SIGTERM and SIGINT, loads TensorFlow, sets its
    environment up for training on one thread, and begins its command anew when it has grown large.

    Args:
        study: its name; it may be running, or interrupted.
        storage: as for `search.study.launch`; a database that is away is waited for.
        data: where the study's table lies on this machine; where it lay at launch unless told.
        objective: where its own objective lies, likewise.

    Raises:
        SettingError, StudyChangedError, storage.errors.StorageError: nothing was run.
        SearchFailedError: the first trials all failed alike.
        Interrupted: a signal came; the trial was given back.
    """
    heartbeat_seconds()  # a bad one is refused before anything is loaded
    stop = threading.Event()
    leave_on_signal(stop)
    patience = Patience(limit_seconds=PATIENCE_SECONDS, say=_say, over=stop)
    db = open_database(storage, create=False, patience=patience)
    record = load_study(db, study)
    try_out(db.place)  # before an hour's training is found to have nowhere to go
    settings = Settings.from_json(record.settings)
    file = same_objective(study, settings.objective, objective)
    folder = prepared_folder(db, record, settings, same_table(db, record, settings, data))
    os.environ.update(worker_environment(db.url))  # before TensorFlow reads it
    with quietly():
        from search.worker import run_worker
    with Progress(db, record) as shown, Page(db, record, shown.say) as page:
        if warning := drive_warning(db.url):
            shown.say(warning)
        patience.say = shown.say
        finished = run_worker(db, record, folder, file, stop, both(shown.watch, page.watch))
    if not finished:
        raise Interrupted(record.name, db.url)
    return Study(name=record.name, url=db.url)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
