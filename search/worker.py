"""A worker: the process that trains, one trial after another, until the study is finished.

An engine starts it as `python -m search.worker STUDY FOLDER [OBJECTIVE]` with the storage in
DAMPEN_STORAGE, so that no password is on a command line, and with its standard input as its
lifeline: when that closes, because the pool asks for a stop or because whoever started it was
killed, the worker gives its trial back and leaves. `dampen worker` becomes one that obeys signals
alone (`joining.py`). These are the only processes that load TensorFlow for a search.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import optuna
import psutil
from optuna.trial import TrialState

from objectives.execution import configure_process
from objectives.features.preparation import load_prepared
from objectives.network import Networks
from objectives.programs import Programs
from search.errors import SearchError, SearchFailedError
from search.exits import EXIT_ALL_FAIL, EXIT_DONE, EXIT_INTERRUPTED, EXIT_STORAGE
from search.objective.objective import open_objective
from search.objective.objective_file import ObjectiveFile, line_of, same_objective
from search.page.noting import failure_note
from search.settings import Settings
from search.trial import Bench, run_trial
from search.worker_process import heartbeat_seconds, leave_on_signal
from storage.claims import Claim, claim_trial, release_trials
from storage.database import Database, close, open_database
from storage.errors import (
    ClaimLostError,
    DatabaseBusyError,
    DatabaseUnreachableError,
    StorageError,
)
from storage.evaluations import finish_trial
from storage.patience import PATIENCE_SECONDS, Patience
from storage.progress import StudySummary, summarise_study
from storage.resume import reclaim_orphans
from storage.studies import StudyRecord, load_study
from storage.workers import beat, end_worker, register_worker

configure_process(threads=1)  # before anything in this process uses TensorFlow

SECONDS_BETWEEN_LOOKS = 1.0  # while every trial that is left is in other hands
# TensorFlow gives back only part of what a compiled program took (`.docs/log.md`), so a worker that
# has grown by this much begins anew. A trial does not depend on which worker runs it.
MAX_GROWTH_BYTES = 2**30
ALIKE = 3  # a study whose first trials, this many, all fail with one message cannot succeed

Watch = Callable[[StudySummary], None]


def main(study: str, folder: Path, objective: Path | None = None) -> int:
    """Run a worker of a pool until the study is finished; return its exit code.

    Args:
        study: its name.
        folder: of the prepared data.
        objective: where its own objective lies; where it lay at launch unless told.
    """
    stop = threading.Event()
    leave_on_signal(stop)
    threading.Thread(target=_watch_lifeline, args=(stop,), daemon=True).start()
    patience = Patience(limit_seconds=PATIENCE_SECONDS, say=say, over=stop)
    try:
        db = open_database(create=False, patience=patience)
        record = load_study(db, study)
        file = same_objective(study, Settings.from_json(record.settings).objective, objective)
        finished = run_worker(db, record, folder, file, stop)
    except SearchError as error:
        say(str(error))
        return EXIT_ALL_FAIL
    except StorageError as error:
        say(str(error))
        return EXIT_STORAGE
    return EXIT_DONE if finished else EXIT_INTERRUPTED


def run_worker(
    db: Database,
    record: StudyRecord,
    folder: Path,
    objective: ObjectiveFile | None,
    stop: threading.Event,
    watch: Watch | None = None,
) -> bool:
    """Run trials in this process until the study is finished or `stop` is set.

    Does not return when the process has grown too large, but begins its command anew.

    Args:
        db: closed at the end.
        record: the study.
        folder: of the prepared data.
        objective: the study's own, as `same_objective` read it; None where it has none.
        stop: set by whoever wants the worker to leave.
        watch: called with the study's state after each trial.

    Returns:
        Whether the study is finished.

    Raises:
        SearchFailedError: the first trials all failed alike.
        SettingError: the objective cannot be run.
        storage.errors.StorageError: the database or its folder refused, or was away for longer
            than `db.patience` lasts.
    """
    settings = Settings.from_json(record.settings)
    bench = Bench(
        db=db,
        study=record.name,
        settings=settings,
        prepared=load_prepared(folder),
        objective=open_objective(settings, objective, Networks()),
        programs=Programs(),
    )
    seconds = heartbeat_seconds()
    worker_id = register_worker(db, record.study_id, seconds_between_beats=seconds)
    threading.Thread(target=beat_until, args=(db, worker_id, seconds, stop), daemon=True).start()
    size = psutil.Process().memory_info
    most = size().rss + MAX_GROWTH_BYTES
    try:
        while not (stop.is_set() or size().rss > most):
            if _step(bench, record.study_id, worker_id, stop):
                return True
            if watch is not None:
                watch(summarise_study(db, record.name))
    finally:
        leave(db, worker_id)
    if not stop.is_set():
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606, the command it was started with
    return False


def _step(bench: Bench, study_id: int, worker_id: str, stop: threading.Event) -> bool:
    """Run one trial, or wait a moment where there is none to run; True when all are finished."""
    try:
        claim = claim_trial(bench.db, study_id, worker_id)
        if claim is not None:
            _run(bench, claim, stop)
        elif _is_finished(bench, study_id):
            return True
        else:
            stop.wait(SECONDS_BETWEEN_LOOKS)
    except (DatabaseUnreachableError, DatabaseBusyError):
        # Whether the last write arrived is not known, so the trial, if it is still held, begins
        # again. This waits for the database as long as patience lasts, and ends the worker then.
        stop.wait(SECONDS_BETWEEN_LOOKS)
        release_trials(bench.db, worker_id)
    return False


def _run(bench: Bench, claim: Claim, stop: threading.Event) -> None:
    """Run one trial; one that raises is failed, and the search goes on unless all fail alike."""
    try:
        run_trial(bench, claim, stop.is_set)
    except ClaimLostError:
        return  # another process took this one for dead; the trial is in other hands
    except StorageError:
        raise  # the database, not the trial
    except Exception as error:
        message = _fail(bench, claim, error)
        if _all_fail_alike(bench):
            raise SearchFailedError(
                f"the first trials of study `{bench.study}` all failed alike: {message}"
            ) from error


def _is_finished(bench: Bench, study_id: int) -> bool:
    """Whether nothing is left to do; puts trials of dead workers back in the queue if there is."""
    summary = summarise_study(bench.db, bench.study)
    if summary.counts.finished >= summary.planned_trials:
        return True
    reclaim_orphans(bench.db, study_id)
    return False


def _fail(bench: Bench, claim: Claim, error: Exception) -> str:
    """Fail the trial with its message, which is returned."""
    said = " ".join(str(error).split())[:500]
    where = line_of(error, bench.settings.objective)
    known = isinstance(error, SearchError)
    message = said if known else f"{where and f'{where}: '}{type(error).__name__}: {said}"
    finish_trial(
        bench.db,
        claim,
        state=TrialState.FAIL,
        value=None,
        evaluation={"reason": message},
        learning_curve={},
        attributes={"error": message},
        note=failure_note(message),
    )
    return message


def _all_fail_alike(bench: Bench) -> bool:
    study = optuna.load_study(study_name=bench.study, storage=bench.db.optuna)
    finished = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
    messages = {t.user_attrs.get("error") for t in finished}
    failed = all(t.state == TrialState.FAIL for t in finished)
    return failed and len(finished) >= ALIKE and len(messages) == 1


def leave(db: Database, worker_id: str) -> None:
    """Give back what is still held. A database that is away takes this worker for dead anyway."""
    try:
        release_trials(db, worker_id)
        end_worker(db, worker_id)
    except StorageError as error:
        say(f"left without saying so: {error}")
    close(db)


def _watch_lifeline(stop: threading.Event) -> None:
    # os.read, since a thread inside sys.stdin's own buffer aborts the interpreter when it exits
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()


def beat_until(db: Database, worker_id: str, seconds: float, stop: threading.Event) -> None:
    """Say every so often that this worker lives. A beat that fails is made up by the next."""
    while not stop.wait(seconds):
        try:
            beat(db, worker_id)
        except StorageError as error:
            say(f"no heartbeat: {error}")


def say(sentence: str) -> None:
    """Say a sentence to whoever started this process."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(Path, sys.argv[2:4])))
