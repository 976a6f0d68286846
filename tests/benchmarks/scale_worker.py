"""Some of the workers of `scale.py`: threads of one process, each with its own connections.

It answers its first line when all its workers have joined and run one trial, and its second when
nothing is left to claim.
"""

import argparse
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from storage_history import STUDY
from storage_trial import Load, run_trial

from search.settings import Settings
from storage.claims import claim_trial
from storage.database import Database, close, open_database
from storage.studies import StudyRecord, load_study
from storage.workers import end_worker, register_worker


def main() -> None:
    """Join with all workers, then run the study's trials; answer both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--shortest", type=float, required=True)
    parser.add_argument("--longest", type=float, required=True)
    options = parser.parse_args()
    seconds = options.shortest, options.longest
    with ThreadPoolExecutor(options.workers) as threads:
        sys.stdin.readline()
        began = time.monotonic()
        workers = list(threads.map(lambda _: _join(), range(options.workers)))
        list(threads.map(lambda worker: worker.run_next((0.0, 0.0)), workers))
        _answer(seconds=time.monotonic() - began)
        sys.stdin.readline()
        busy = time.process_time()
        began = time.monotonic()  # a clock that all processes of a machine share
        runs = list(threads.map(lambda worker: worker.run(seconds), workers))
        busy = time.process_time() - busy
        trials = [trial for run in runs for trial in run]
        _answer(began=began, trials=trials, idle=[run[-1][0] for run in runs if run], busy=busy)
        sys.stdin.readline()  # connections stay until the server's time was taken
        list(threads.map(_Worker.leave, workers))
    _answer()


@dataclass(frozen=True, kw_only=True)
class _Worker:
    db: Database
    record: StudyRecord
    worker_id: str
    settings: Settings

    def run(self, seconds: tuple[float, float]) -> list[tuple[float, float]]:
        """Run trials until none is left; return when each ended, and what it took beside sleep."""
        trials = []
        while (lost := self.run_next(seconds)) is not None:
            trials.append((time.monotonic(), lost))
        return trials

    def run_next(self, seconds: tuple[float, float]) -> float | None:
        began = time.monotonic()
        claim = claim_trial(self.db, self.record.study_id, self.worker_id)
        if claim is None:
            return None
        training = random.Random(claim.number).uniform(*seconds)
        load = Load(reports=2, artifact_bytes=20_000, seconds=training)
        run_trial(self.db, STUDY, self.settings, claim, load)
        return time.monotonic() - began - training

    def leave(self) -> None:
        end_worker(self.db, self.worker_id)
        close(self.db)


def _join() -> _Worker:
    db = open_database(create=False)
    record = load_study(db, STUDY)
    return _Worker(
        db=db,
        record=record,
        worker_id=register_worker(db, record.study_id),
        settings=Settings.from_json(record.settings),
    )


def _answer(**said: object) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
