"""A worker: the process that trains, one trial after another, until nothing is left to claim.

The pool starts it as `python -m search.worker STUDY FOLDER` with the storage in DAMPEN_STORAGE, so
that no password is on a command line. Its standard input is its lifeline: when it closes, because
the pool asks for a stop or because the pool itself was killed, the worker gives its trial back and
leaves. This is the only process that loads TensorFlow for a search.
"""

import os
import sys
import threading
from pathlib import Path

import optuna
import psutil
from optuna.trial import TrialState

from objectives.engine import configure_process
from objectives.network import Networks
from objectives.preparation import load_prepared
from objectives.programs import Programs
from objectives.rows import place
from search.exits import EXIT_ALL_FAIL, EXIT_DONE
from search.settings import Settings
from search.trial import Bench, run_trial
from storage.claims import Claim, claim_trial
from storage.database import Database, close, open_database
from storage.errors import ClaimLostError, StorageError
from storage.evaluations import finish_trial
from storage.studies import load_study
from storage.workers import beat, end_worker, register_worker

SECONDS_BETWEEN_BEATS = 10.0
# TensorFlow gives back only part of what a compiled program took (`.docs/log.md`), so a worker that
# has grown by this much leaves, and the pool starts a fresh one. A trial does not depend on which.
MAX_GROWTH_BYTES = 2**30
ALIKE = 3  # a study whose first trials, this many, all fail with one message cannot succeed


def main(study: str, folder: Path) -> int:
    """Run trials of the study until none is left to claim, or the first ones all failed alike."""
    stop = threading.Event()
    threading.Thread(target=_watch_lifeline, args=(stop,), daemon=True).start()
    configure_process(threads=1)
    db = open_database(create=False)
    record = load_study(db, study)
    settings = Settings.from_json(record.settings)
    prepared = load_prepared(folder)
    bench = Bench(
        db=db,
        study=study,
        settings=settings,
        rows=place(prepared.x_train, prepared.y_train, prepared.x_validation),
        n_features=prepared.x_train.shape[1],
        y_validation=prepared.y_validation,
        networks=Networks(),
        programs=Programs(),
    )
    worker_id = register_worker(db, record.study_id)
    beating = threading.Thread(target=_beat, args=(db, worker_id, stop), daemon=True)
    beating.start()
    try:
        return _work(bench, record.study_id, worker_id, stop)
    finally:
        end_worker(db, worker_id)
        close(db)


def _work(bench: Bench, study_id: int, worker_id: str, stop: threading.Event) -> int:
    size = psutil.Process().memory_info
    most = size().rss + MAX_GROWTH_BYTES
    while not stop.is_set() and size().rss < most:
        claim = claim_trial(bench.db, study_id, worker_id)
        if claim is None:
            return EXIT_DONE
        try:
            run_trial(bench, claim, stop.is_set)
        except ClaimLostError:
            continue  # another process took this one for dead; the trial is in other hands
        except StorageError:
            raise  # the database, not the trial: nothing could be recorded anyway
        except Exception as error:
            message = _fail(bench, claim, error)
            if _all_fail_alike(bench):
                print(message, file=sys.stderr)
                return EXIT_ALL_FAIL
    return EXIT_DONE


def _fail(bench: Bench, claim: Claim, error: Exception) -> str:
    """Fail the trial with its message, which is returned; the search goes on."""
    message = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
    finish_trial(
        bench.db,
        claim,
        state=TrialState.FAIL,
        value=None,
        evaluation={"reason": message},
        learning_curve={},
        attributes={"error": message},
    )
    return message


def _all_fail_alike(bench: Bench) -> bool:
    study = optuna.load_study(study_name=bench.study, storage=bench.db.optuna)
    finished = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
    messages = {t.user_attrs.get("error") for t in finished}
    failed = all(t.state == TrialState.FAIL for t in finished)
    return failed and len(finished) >= ALIKE and len(messages) == 1


def _watch_lifeline(stop: threading.Event) -> None:
    # os.read, since a thread inside sys.stdin's own buffer aborts the interpreter when it exits
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()


def _beat(db: Database, worker_id: str, stop: threading.Event) -> None:
    """Say every few seconds that this worker lives. A beat that fails is made up by the next."""
    while not stop.wait(SECONDS_BETWEEN_BEATS):
        try:
            beat(db, worker_id)
        except StorageError as error:
            print(f"no heartbeat: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
