"""The best trials trained again, before a winner is named: `winner.py` says why, and the rule.

Each is trained `REPEATS` times more as its trial was, with fresh seeds, and on fresh folds of the
same rows; all of them on the same fresh folds, so that they are compared on one footing. The test
rows stay where they are. Who trains are processes of their own, as many as there are workers and
cores, each of which is told what to do next on its standard input; that is also its lifeline, as a
pool's worker has it. What is done stands in the database, a row a retraining, so that this can be
killed at any moment and goes on with what is missing. Next: `confirming_worker.py`.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from objectives.errors import DataError
from objectives.features.preparation import load_prepared, prepare_into
from objectives.table.dataset import Table
from search.duration import format_duration
from search.errors import SearchFailedError
from search.exits import EXIT_ALL_FAIL, EXIT_DONE, EXIT_INTERRUPTED, EXIT_STORAGE
from search.figures import study_winner
from search.pool import MAX_CRASHES, SECONDS_BETWEEN_LOOKS, again_if_away
from search.sampling import trial_seed
from search.settings import Settings
from search.winner.winner import Winner
from search.worker_process import Started, last_words, start_worker, stop_workers
from storage.confirmations import REPEATS, Retraining, read_confirmations, unconfirmed
from storage.database import Database
from storage.evaluations import read_evaluations
from storage.progress import summarise_study
from storage.studies import StudyRecord

SECONDS_TO_LEAVE = 1.0  # for a process with nothing to give back: what it trains begins anew
SEED_OF_REPEATS = 1_000_000_007  # in the place of a trial's number, which no study reaches


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfirmingOrders:
    """What is to be confirmed, and with what."""

    record: StudyRecord
    settings: Settings
    table: Table
    folder: Path  # of the study's prepared data; those of the fresh folds lie beside it
    workers: int
    deadline: float | None  # on time.monotonic's clock


def repeat_seed(study_seed: int, repeat: int) -> int:
    """Return the seed of a repeat, from which its folds and its trainings' seeds come."""
    return trial_seed(study_seed, SEED_OF_REPEATS, repeat)


def confirm_best(db: Database, orders: ConfirmingOrders, say: Callable[[str], None]) -> None:
    """Train the best trials again, once the study's budget is spent, until nothing is missing.

    On KeyboardInterrupt the processes leave within SECONDS_TO_LEAVE or are killed.

    Args:
        db: where the study is.
        orders: what to do.
        say: gets a sentence when it begins, and as each retraining ends.

    Raises:
        SearchFailedError: a process failed, or several crashed in a row.
        storage.errors.StorageError: the database refused, or was away for too long.
    """
    record = orders.record
    summary = summarise_study(db, record.name)
    missing = unconfirmed(db, record.study_id)
    late = orders.deadline is not None and time.monotonic() >= orders.deadline
    if summary.counts.finished < summary.planned_trials or not missing or late:
        return
    say(_announcement(db, orders, missing))
    folders = {n: _prepared(orders, n) for n in sorted({each.repeat for each in missing})}
    group = _Group(db, orders, folders)
    db.patience.over.clear()
    try:
        while again_if_away(lambda: _look(db, orders, group, say)):
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        db.patience.over.set()
        group.stop()
    if unconfirmed(db, record.study_id):
        return
    for repeat in range(1, REPEATS + 1):
        shutil.rmtree(_folder(orders, repeat), ignore_errors=True)
    winner = study_winner(db, record)
    if winner is not None:
        say(say_winner(winner))


def say_winner(winner: Winner) -> str:
    """Return which trial won, and by what."""
    number, value = winner.trial.number, f"{winner.trial.value:.4f} in the search"
    if winner.confirmed is None:
        return f"the winner is trial {number}: {value}"
    how = f"{winner.confirmed.mean:.4f} on average when trained again"
    return f"the winner is trial {number}: {how}, {value}"


def _look(
    db: Database, orders: ConfirmingOrders, group: "_Group", say: Callable[[str], None]
) -> bool:
    """Say what has come and hand out what is left; False when there is nothing more to wait for."""
    missing = unconfirmed(db, orders.record.study_id)
    done = read_confirmations(db, orders.record.study_id)
    for each in done:
        if (each.number, each.repeat) in group.awaited:
            group.awaited.discard((each.number, each.repeat))
            say(
                f"confirmed {group.total - len(group.awaited)} of {group.total}: trial "
                f"{each.number}, {each.value:.4f}"
            )
    if not missing or (orders.deadline is not None and time.monotonic() >= orders.deadline):
        return False
    group.tend(missing)
    return True


def _announcement(db: Database, orders: ConfirmingOrders, missing: Sequence[Retraining]) -> str:
    """Return what is going to be done, and about how long it takes."""
    evaluations = read_evaluations(db, orders.record.study_id)
    seconds = sum(evaluations[each.number].evaluation.get("seconds", 0.0) for each in missing)
    seconds /= _processes(orders.workers, len(missing))
    folds = f" of {orders.settings.folds} folds" if orders.settings.folds > 1 else ""
    trainings = "1 training" if len(missing) == 1 else f"{len(missing)} trainings"
    return (
        f"confirming the best {orders.record.confirm}: {trainings}{folds}, about "
        f"{format_duration(seconds)} of training"
    )


def _processes(workers: int, retrainings: int) -> int:
    return min(workers, os.cpu_count() or 1, retrainings)


def _folder(orders: ConfirmingOrders, repeat: int) -> Path:
    # With the study's number, since the folder is removed in the end, whoever else has the data.
    name = f"{orders.folder.name}-{orders.record.study_id}-{repeat}"
    return orders.folder.with_name(name)


def _prepared(orders: ConfirmingOrders, repeat: int) -> Path:
    """Return the folder of the data with a repeat's folds, which are made where they are not."""
    folder, settings = _folder(orders, repeat), orders.settings
    try:
        load_prepared(folder)
    except DataError:  # missing or damaged
        refold_seed = repeat_seed(settings.seed, repeat)
        prepare_into(folder, orders.table, settings.seed, settings.folds, refold_seed=refold_seed)
    return folder


class _Group:
    """The processes, and what each of them has in hand."""

    def __init__(self, db: Database, orders: ConfirmingOrders, folders: dict[int, Path]) -> None:
        missing = unconfirmed(db, orders.record.study_id)
        self.awaited = {(each.number, each.repeat) for each in missing}
        self.total = len(missing)
        self._db = db
        self._orders = orders
        self._command = [
            # -P: a file called search.py in the current folder must not stand in for this package
            *(sys.executable, "-P", "-m", "search.winner.confirming_worker", orders.record.name),
            *(f"{repeat}={folder}" for repeat, folder in folders.items()),
        ]
        self._in_hand: dict[Started, Retraining] = {}
        self._missing_before = len(missing)
        self._crashes = 0

    def tend(self, missing: Sequence[Retraining]) -> None:
        """Replace processes that are gone, and hand out what nobody has in hand."""
        if len(missing) < self._missing_before:
            self._missing_before, self._crashes = len(missing), 0
        for worker in list(self._in_hand):
            if worker.process.poll() is not None:
                del self._in_hand[worker]
                self._judge(worker)
        held = [each for each in self._in_hand.values() if each in missing]
        free = [each for each in missing if each not in held]
        idle = [worker for worker, each in self._in_hand.items() if each not in missing]
        wanted = _processes(self._orders.workers, len(missing))
        while free and len(held) < wanted:
            worker = idle.pop() if idle else start_worker(self._command, self._db.url)
            held.append(self._hand_out(worker, free))

    def _hand_out(self, worker: Started, free: list[Retraining]) -> Retraining:
        """Give a process the first of what is free, or its last trial once more."""
        before = self._in_hand.get(worker)
        # Which it has compiled already.
        again = (each for each in free if before and each.number == before.number)
        chosen = next(again, free[0])
        free.remove(chosen)
        self._in_hand[worker] = chosen
        _tell(worker, chosen)
        return chosen

    def stop(self) -> None:
        """Ask the processes to leave, wait, and kill those that stay."""
        workers = list(self._in_hand)
        self._in_hand.clear()
        stop_workers(workers, seconds=SECONDS_TO_LEAVE)

    def _judge(self, worker: Started) -> None:
        """Say what the end of a process means."""
        said = last_words(worker)
        code = worker.process.returncode
        if code in (EXIT_DONE, EXIT_INTERRUPTED):
            return
        self._crashes += 1
        if code in (EXIT_ALL_FAIL, EXIT_STORAGE) or self._crashes >= MAX_CRASHES:
            name = self._orders.record.name
            raise SearchFailedError(
                f"the best trials of study `{name}` could not be trained again (exit code {code}: "
                f"{said[-1] if said else 'it said nothing'}). `dampen resume {name}` tries again; "
                "with --confirm 0 the best value wins."
            )


def _tell(worker: Started, retraining: Retraining) -> None:
    assert worker.process.stdin is not None
    line = f"{retraining.trial_id} {retraining.number} {retraining.repeat}\n"
    with suppress(BrokenPipeError):  # it is gone, which the next look will find
        worker.process.stdin.write(line.encode())
        worker.process.stdin.flush()
