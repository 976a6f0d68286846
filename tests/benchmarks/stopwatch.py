"""Where the time of each trial goes, by wrapping the functions it passes through.

A phase is charged only with what its own function does: time inside a wrapped function that it
calls belongs to that one. So phases add up, and what is left of a trial is in none of them.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock


class Stopwatch:
    """Seconds by phase for each trial of a worker that runs in this process, in one thread."""

    def __init__(self) -> None:
        self.trials: list[defaultdict[str, float]] = []  # phase -> s
        self.calls: list[Counter[str]] = []  # what `count` was told, of each trial
        self.walls: list[float] = []  # s, of each trial that has ended
        self._began: float | None = None
        self._inside: list[float] = []  # s spent in wrapped functions, of each open phase

    def next_trial(self) -> None:
        """End the trial that is measured and begin the next."""
        now = time.perf_counter()
        if self._began is not None:
            self.walls.append(now - self._began)
        self.trials.append(defaultdict(float))
        self.calls.append(Counter())
        self._began = now

    def timed(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, charged to a phase. Before the first trial nothing is charged."""

        def charged(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            self._inside.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - began
                inside = self._inside.pop()
                if self._inside:
                    self._inside[-1] += took
                if self.trials:
                    self.trials[-1][phase] += took - inside

        return charged

    def count(self, what: str) -> None:
        """Add one to a number of the present trial."""
        self.calls[-1][what] += 1

    def wrap(self, stack: ExitStack, phase: str, owner: Any, name: str) -> None:
        """Charge `owner.name` to a phase until the stack is left.

        Raises:
            AttributeError: there is no such function any more.
        """
        timed = self.timed(phase, getattr(owner, name))
        stack.enter_context(mock.patch.object(owner, name, timed))
