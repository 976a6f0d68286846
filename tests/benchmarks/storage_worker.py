"""The measured part of `storage_cost.py`: one worker, whose trials are those of `storage_trial.py`.

It answers its first line when it has opened the database and run one trial, for which it reads the
whole history, and its second when nothing is left to claim.
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from typing import Any

import optuna
import storage_trial
from optuna.trial import Trial
from sqlalchemy import Connection, Engine, event
from stopwatch import Stopwatch
from storage_history import STUDY
from storage_trial import Load, run_trial

import storage.claims
from search.settings import Settings
from storage.database import Database, close, open_database
from storage.studies import StudyRecord, load_study
from storage.workers import end_worker, register_worker

# Every phase but the claim, with the functions charged to it.
PHASES: tuple[tuple[str, Any, str], ...] = (
    ("draw", optuna, "load_study"),
    ("draw", storage_trial, "draw"),
    ("draw", Trial, "__init__"),
    ("parameters", storage_trial, "record_parameters"),
    ("report", Trial, "report"),
    ("prune", Trial, "should_prune"),
    ("artifact", storage_trial, "save_artifact"),
    ("finish", storage_trial, "finish_trial"),
)


def main() -> None:
    """Join the study, then run its trials; answer both with what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, required=True)
    parser.add_argument("--artifact-bytes", type=int, required=True)
    load = Load(**vars(parser.parse_args()))
    watch = Stopwatch()
    sys.stdin.readline()
    began = time.monotonic()
    db = open_database(create=False)
    record = load_study(db, STUDY)
    worker_id = register_worker(db, record.study_id)
    with ExitStack() as stack:
        for phase, owner, name in PHASES:
            watch.wrap(stack, phase, owner, name)
        _count_transactions(db.engine, watch)
        worker = _Worker(db, record, worker_id, load, watch)
        worker.run_next()
        _answer(seconds=time.monotonic() - began)
        sys.stdin.readline()
        times = [time.monotonic()]  # a clock that all processes of a machine share
        busy = time.process_time()
        while worker.run_next():
            times.append(time.monotonic())
        busy = time.process_time() - busy
    end_worker(db, worker_id)
    close(db)
    n = len(times)
    # The first trial is left out, and so is the claim that found nothing.
    _answer(times=times, busy=busy, phases=watch.trials[1:n], calls=watch.calls[1:n])


class _Worker:
    """The loop of `search.worker`, a turn at a time."""

    def __init__(
        self, db: Database, record: StudyRecord, worker_id: str, load: Load, watch: Stopwatch
    ) -> None:
        self._db, self._record, self._worker_id = db, record, worker_id
        self._settings = Settings.from_json(record.settings)
        self._load, self._watch = load, watch
        self._claim = watch.timed("claim", storage.claims.claim_trial)

    def run_next(self) -> bool:
        """Claim a trial and run it; return False if nothing was left to claim."""
        self._watch.next_trial()
        claim = self._claim(self._db, self._record.study_id, self._worker_id)
        if claim is None:
            return False
        run_trial(self._db, STUDY, self._settings, claim, self._load)
        return True


def _answer(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def _count_transactions(engine: Engine, watch: Stopwatch) -> None:
    """Count a trial's statements, its transactions, and those of them that wrote something."""

    def begin(connection: Connection) -> None:
        watch.count("transactions")
        connection.info["wrote"] = False

    def execute(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        verb = statement.split(None, 1)[0].upper()
        if verb != "BEGIN":  # which PostgreSQL's driver sends unseen
            watch.count("statements")
        if verb in ("INSERT", "UPDATE", "DELETE"):
            connection.info["wrote"] = True

    def commit(connection: Connection) -> None:
        if connection.info["wrote"]:
            watch.count("writing")

    event.listen(engine, "begin", begin)
    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", commit)


if __name__ == "__main__":
    main()
