"""A process that trains leading trials again, one after another, as it is told.

`confirming.py` starts it as `python -m search.winner.confirming_worker STUDY REPEAT=FOLDER ...`, a
folder of prepared data for each repeat, and writes a line for each retraining to its standard
input: the trial's identifier, its number and the repeat. When that closes, what is running is
dropped and the process leaves; nothing but a result in the database is ever missed. It counts as a
worker of the study, so that nobody deletes the study meanwhile.
"""

import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from objectives.cross_validation import Result, combine
from objectives.features.preparation import load_prepared
from objectives.network import Networks
from objectives.programs import Programs
from objectives.training import Outcome
from search.exits import EXIT_ALL_FAIL, EXIT_DONE, EXIT_STORAGE
from search.objective.objective import open_objective
from search.objective.objective_file import same_objective
from search.pool import SECONDS_BETWEEN_LOOKS
from search.sampling import trial_seed
from search.settings import Settings
from search.trial import Bench, make_training
from search.winner.confirming import repeat_seed
from search.worker import beat_until, leave, say
from search.worker_process import heartbeat_seconds, leave_on_signal
from storage.confirmations import Retraining, record_confirmation
from storage.database import Database, open_database
from storage.errors import DatabaseBusyError, DatabaseUnreachableError, StorageError
from storage.patience import PATIENCE_SECONDS, Patience
from storage.studies import load_study
from storage.workers import register_worker

# A network whose loss ceased to be finite ranks nothing, and that is what it is worth.
WORTH_NOTHING = 0.5


def main(study: str, folders: dict[int, Path]) -> int:
    """Train what standard input says until it closes; return the exit code."""
    stop = threading.Event()
    leave_on_signal(stop)
    told: queue.SimpleQueue[Retraining] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(told, stop), daemon=True).start()
    patience = Patience(limit_seconds=PATIENCE_SECONDS, say=say, over=stop)
    try:
        _serve(study, folders, told, stop, patience)
    except StorageError as error:
        say(str(error))
        return EXIT_STORAGE
    except Exception as error:
        say(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
        return EXIT_ALL_FAIL
    return EXIT_DONE


def _serve(
    study: str,
    folders: dict[int, Path],
    told: "queue.SimpleQueue[Retraining]",
    stop: threading.Event,
    patience: Patience,
) -> None:
    db = open_database(create=False, patience=patience)
    record = load_study(db, study)
    settings = Settings.from_json(record.settings)
    first = Bench(
        db=db,
        study=study,
        settings=settings,
        prepared=load_prepared(next(iter(folders.values()))),
        objective=open_objective(settings, same_objective(study, settings.objective), Networks()),
        programs=Programs(),
    )
    seconds = heartbeat_seconds()
    worker_id = register_worker(db, record.study_id, seconds_between_beats=seconds)
    threading.Thread(target=beat_until, args=(db, worker_id, seconds, stop), daemon=True).start()
    repeat, bench = 0, first
    try:
        while (retraining := _next(told, stop)) is not None:
            if retraining.repeat != repeat:
                repeat = retraining.repeat
                bench = replace(first, prepared=load_prepared(folders[repeat]), placed={})
            result = train_again(bench, retraining, stop.is_set)
            if result is not None:
                _record(db, retraining, result)
    finally:
        stop.set()
        leave(db, worker_id)


def train_again(
    bench: Bench, retraining: Retraining, stopping: Callable[[], bool]
) -> Result | None:
    """Train a trial's network on each of the bench's folds; None when `stopping` says so."""
    number = retraining.number
    trial = bench.db.optuna.get_trial(retraining.trial_id)
    task = bench.objective.task(trial.params, bench.prepared)
    seed = repeat_seed(bench.settings.seed, retraining.repeat)
    outcomes: list[Outcome] = []
    for fold in range(len(bench.prepared.folds)):
        training = make_training(bench, fold, task, trial_seed(seed, number, 1 + fold))
        for _ in training.epochs():
            if stopping():
                return None
        outcomes.append(training.outcome())
    return combine(outcomes, [fold.validation.y for fold in bench.prepared.folds])


def _record(db: Database, retraining: Retraining, result: Result) -> None:
    """Store the result; again where the connection broke, since twice does no harm."""
    folds = [fold["roc_auc"] for fold in result.folds] or [result.value]
    values = [WORTH_NOTHING if value is None else value for value in folds]
    figures = {
        "folds": values,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
    }
    value = sum(values) / len(values)
    try:
        record_confirmation(db, retraining, value=value, result=figures)
    except (DatabaseUnreachableError, DatabaseBusyError):
        record_confirmation(db, retraining, value=value, result=figures)


def _next(told: "queue.SimpleQueue[Retraining]", stop: threading.Event) -> Retraining | None:
    """Wait for what is to be trained next; None once this process is to leave."""
    while not stop.is_set():
        with suppress(queue.Empty):
            return told.get(timeout=SECONDS_BETWEEN_LOOKS)
    return None


def _listen(told: "queue.SimpleQueue[Retraining]", stop: threading.Event) -> None:
    """Queue what standard input says, line by line; at its end all is over."""
    # os.read, since a thread inside sys.stdin's own buffer aborts the interpreter when it exits
    rest = b""
    while read := os.read(sys.stdin.fileno(), 1024):
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            trial_id, number, repeat = map(int, line.split())
            told.put(Retraining(trial_id=trial_id, number=number, repeat=repeat))
    stop.set()


if __name__ == "__main__":
    pairs = (argument.partition("=") for argument in sys.argv[2:])
    sys.exit(main(sys.argv[1], {int(repeat): Path(folder) for repeat, _, folder in pairs}))
