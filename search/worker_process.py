"""How a worker process is set up, started and stopped, and what a signal means to it.

Free of TensorFlow, for the sake of those who start one. Next: `worker.py` is what runs in the
process; `engine.py`, `cluster/` and `confirming.py` start some, `joining.py` becomes one.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from search.duration import parse_duration
from search.errors import SettingError
from storage.url import ENVIRONMENT_VARIABLE
from storage.workers import SECONDS_BETWEEN_BEATS

HEARTBEAT_VARIABLE = "DAMPEN_HEARTBEAT"
SECONDS_TO_STOP = 3.0  # for a worker to give its trial back; Ctrl-C promises 5 s in all


@dataclass(frozen=True, kw_only=True, eq=False)
class Started:
    """A process that was started; its standard input is its lifeline."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]  # what it says


def start_worker(
    command: Sequence[str], url: str, environment: Mapping[str, str] | None = None
) -> Started:
    """Start a worker on the storage at `url`; `environment` goes before what it has otherwise."""
    log = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the worker
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, **worker_environment(url), **(environment or {})},
        start_new_session=True,  # Ctrl-C in the terminal is for whoever started it alone
    )
    return Started(process=process, log=log)


def stop_workers(workers: Sequence[Started], *, seconds: float = SECONDS_TO_STOP) -> None:
    """Ask the workers to leave, wait for so long in all, and kill those that stay."""
    try:
        for worker in workers:
            _close_lifeline(worker)
        end = time.monotonic() + seconds
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, end - time.monotonic()))
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
            worker.log.close()


def last_words(worker: Started) -> list[str]:
    """Return the lines that a worker said until it ended, and close its files."""
    _close_lifeline(worker)
    with worker.log as log:
        log.seek(0)
        return log.read().decode(errors="replace").strip().splitlines()


def _close_lifeline(worker: Started) -> None:
    assert worker.process.stdin is not None
    with suppress(BrokenPipeError):
        worker.process.stdin.close()


def worker_command(study: str, folder: Path, objective: Path | None = None) -> list[str]:
    """Return the command of a worker of a pool; its standard input is its lifeline.

    Args:
        study: its name.
        folder: of the prepared data.
        objective: where its own objective lies; where it lay at launch unless told.
    """
    told = [] if objective is None else [str(objective)]
    # -P: a file called search.py in the current folder must not stand in for this package
    return [sys.executable, "-P", "-m", "search.worker", study, str(folder), *told]


def worker_environment(url: str) -> dict[str, str]:
    """Return what a worker's environment has to say: the storage, and how it trains."""
    return {ENVIRONMENT_VARIABLE: url, **training_environment()}


def training_environment() -> dict[str, str]:
    """Return what the environment of a process that trains says: one thread, no GPU, no chatter.

    Small programs run faster on one core than on a GPU, which the engine does not use yet.
    """
    return {
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def heartbeat_seconds() -> float:
    """Return how often a worker says that it lives: DAMPEN_HEARTBEAT, or else every 10 s.

    Raises:
        SettingError: the variable is set, and to no duration.
    """
    text = os.environ.get(HEARTBEAT_VARIABLE)
    if not text:
        return SECONDS_BETWEEN_BEATS
    try:
        return parse_duration(text)
    except SettingError:
        raise SettingError(
            f"{HEARTBEAT_VARIABLE} must be a duration such as 10s or 2m; got `{text}`."
        ) from None


def leave_on_signal(stop: threading.Event) -> None:
    """From now on SIGTERM or Ctrl-C sets `stop` (the trial is given back); a second kills."""

    def leave(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
