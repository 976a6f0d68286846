"""How a worker process is set up: command, environment, heartbeat, and what a signal means to it.

Free of TensorFlow, for the sake of those who start one. Next: `worker.py` is what runs in the
process; `pool.py` starts several, `joining.py` becomes one.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from search.duration import parse_duration
from search.errors import SettingError
from storage.url import ENVIRONMENT_VARIABLE
from storage.workers import SECONDS_BETWEEN_BEATS

HEARTBEAT_VARIABLE = "DAMPEN_HEARTBEAT"


def worker_command(study: str, folder: Path) -> list[str]:
    """Return the command of a worker of a pool; its standard input is its lifeline."""
    # -P: a file called search.py in the current folder must not stand in for this package
    return [sys.executable, "-P", "-m", "search.worker", study, str(folder)]


def worker_environment(url: str) -> dict[str, str]:
    """Return what a worker's environment has to say: the storage, one thread, no GPU, no chatter.

    Small programs run faster on one core than on a GPU, which the engine does not use yet.
    """
    return {
        ENVIRONMENT_VARIABLE: url,
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
