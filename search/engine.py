"""What a pool has its workers from: an engine, and the one that starts processes here.

Every worker is the same process (`worker.py`), wherever it runs. Next: `cluster/ray_engine.py` for
those on other machines.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.objective.objective_file import ObjectiveFile
from search.placement import Placement
from search.worker_process import (
    Started,
    last_words,
    start_worker,
    stop_workers,
    worker_command,
)
from storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a worker ended."""

    code: int  # its exit code (`exits.py`), negative for a signal
    said: Sequence[str]  # its last words, a line each


class Engine(Protocol):
    """Starts a study's workers, and knows which of them ended. It keeps nothing about trials."""

    @property
    def workers(self) -> int:
        """How many were started, or are waiting for a place, and have not ended."""

    def start(self) -> None:
        """Start one more worker, now or as soon as there is a place for it."""

    def ended(self) -> list[Ended]:
        """Return how those workers ended that did since this was asked last."""

    def stop(self) -> None:
        """Ask all to leave, wait up to `worker_process.SECONDS_TO_STOP`, kill those that stay."""

    def interrupt(self) -> None:
        """Do what was asked for on an interruption of this process: stop, or let them go on."""


class LocalEngine:
    """Processes of this machine.

    Args:
        command: of each.
        url: of the storage.
    """

    def __init__(self, command: Sequence[str], url: str) -> None:
        self.command = command
        self._url = url
        self._started: list[Started] = []

    @property
    def workers(self) -> int:
        """How many have not been seen to end."""
        return len(self._started)

    def start(self) -> None:
        """Start a process."""
        self._started.append(start_worker(self.command, self._url))

    def ended(self) -> list[Ended]:
        """Return how those ended that did."""
        found = []
        for worker in list(self._started):
            if worker.process.poll() is not None:
                self._started.remove(worker)
                code = worker.process.returncode
                found.append(Ended(code=code, said=last_words(worker)))
        return found

    def stop(self) -> None:
        """Stop all, within SECONDS_TO_STOP."""
        started, self._started = self._started, []
        stop_workers(started)

    def interrupt(self) -> None:
        """Stop all: their lives hang on this process."""
        self.stop()


def check_engine(placement: Placement, db: Database) -> None:
    """Raise SettingError where the machines that workers would run on cannot serve the storage."""
    if placement.engine == "ray":
        from search.cluster.checking import check_nodes

        check_nodes(placement, db)


@contextmanager
def open_engine(
    placement: Placement,
    db: Database,
    study: str,
    folder: Path,
    objective: ObjectiveFile | None,
    say: Callable[[str], None],
) -> Iterator[Engine]:
    """Give the engine that was asked for, until the block ends.

    Args:
        placement: where workers run.
        db: the study's storage.
        study: its name.
        folder: of its prepared data.
        objective: its own; None for the networks of a space.
        say: gets a sentence where the engine has something to say.

    Raises:
        SettingError: Ray's cluster does not answer.
    """
    if placement.engine == "local":
        yield LocalEngine(worker_command(study, folder), db.url)
        return
    from search.cluster.ray_engine import ray_engine

    with ray_engine(placement, db, study, folder, objective, say) as engine:
        yield engine
