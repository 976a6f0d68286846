"""Waits for a database or a bucket that is away, not giving up, nor asking without a pause.

A server that is restarted, or a network that is down for a minute, must cost a search that minute
and nothing else. So whoever has patience waits where connections are made: what it was about to
read or to write is done when the database answers again. Next: `database.py` asks for connections
through it, `refusal.py` says which errors will pass; `bucket.py` likewise.
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
    """How long a process waits for its database and its bucket; shared by all its threads.

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
        self._told: set[str] = set()

    def call(
        self,
        action: Callable[[], Result],
        *,
        what: str = "The database",
        passes: Callable[[Exception], bool] = is_away,
    ) -> Result:
        """Returns what the action returns, calling it again while it raises what passes.

        The pauses double from 0.1 s to 15 s, and are scattered, so that a thousand workers do not
        come back in the same instant. After the limit the last error is raised.

        Args:
            action: may be called many times.
            what: is waited for, as the sentences begin.
            passes: whether an error will pass by waiting.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = action()
            except Exception as error:
                waited = time.monotonic() - began
                if not passes(error) or waited >= self.limit_seconds:
                    raise
                if waited >= _QUIET_SECONDS:
                    self._tell_away(what, error)
                if self.over.wait(pause * random.uniform(0.5, 1.0)):
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._tell_back(what, time.monotonic() - began)
                return result

    def _tell_away(self, what: str, error: Exception) -> None:
        with self._lock:
            if what in self._told:
                return
            self._told.add(what)
        self.say(
            f"{what} does not answer ({driver_text(error)}). Trying again, for up to "
            f"{self.limit_seconds / 60:.0f} minutes."
        )

    def _tell_back(self, what: str, waited: float) -> None:
        with self._lock:
            if what not in self._told:
                return
            self._told.remove(what)
        self.say(f"{what} answers again, after {waited:.0f} s.")
