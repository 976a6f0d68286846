"""Waits for a database that is away, instead of giving up or asking without a pause.

A server that is restarted, or a network that is down for a minute, must cost a search that minute
and nothing else. So whoever has patience waits where connections are made: what it was about to
read or to write is done when the database answers again. Next: `database.py` asks for connections
through it, `refusal.py` says which errors will pass.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from storage.refusal import driver_text, is_away

PATIENCE_SECONDS = 15 * 60.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 15.0
_QUIET_SECONDS = 1.0  # a shorter absence is not worth a line

Result = TypeVar("Result")


class Patience:
    """How long a process waits for its database; shared by all its threads.

    Args:
        limit_seconds: how long to wait at most, from the first failure on; 0 waits for nothing.
        say: gets a sentence when the waiting begins and when it ends.
        over: once it is set, nothing is waited for any more: the process is about to leave.
    """

    def __init__(
        self,
        *,
        limit_seconds: float = 0.0,
        say: Callable[[str], None] | None = None,
        over: threading.Event | None = None,
    ) -> None:
        self.limit_seconds = limit_seconds
        self.say = say or (lambda sentence: None)
        self.over = over or threading.Event()
        self._lock = threading.Lock()
        self._told = False

    def call(self, action: Callable[[], Result]) -> Result:
        """Returns what the action returns, calling it again while the database is away.

        The pauses double from 0.1 s to 15 s, and are scattered, so that a thousand workers do not
        come back in the same instant. After the limit the last error is raised.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = action()
            except Exception as error:
                waited = time.monotonic() - began
                if not is_away(error) or waited >= self.limit_seconds:
                    raise
                if waited >= _QUIET_SECONDS:
                    self._tell_away(error)
                if self.over.wait(pause * random.uniform(0.5, 1.0)):
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._tell_back(time.monotonic() - began)
                return result

    def _tell_away(self, error: Exception) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        self.say(
            f"The database does not answer ({driver_text(error)}). Trying again, for up to "
            f"{self.limit_seconds / 60:.0f} minutes."
        )

    def _tell_back(self, waited: float) -> None:
        with self._lock:
            if not self._told:
                return
            self._told = False
        self.say(f"The database answers again, after {waited:.0f} s.")
