"""A place where searches run: real commands in a folder of its own, and the database behind them.

What stands in the database is read behind the commands' backs, through a connection of the tests'
own. Next: `whole.py` says what must stand there after a fault.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psutil
from postgresql import Server
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from .figures import Figures

STUDY = "siege"
FINISHED = ("COMPLETE", "PRUNED", "FAIL")
SECONDS_TO_END = 90.0  # for a command; a worker's start takes ten while others start too

_TRAINING = {"search.worker", "worker"}  # in the command lines of a pool's worker, and of others

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial as the database has it."""

    number: int
    state: str  # COMPLETE, PRUNED, FAIL, RUNNING or WAITING
    value: float | None
    completed: str | None  # when it was told
    evaluation: str | None
    worker_id: str | None
    attempts: int

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


@dataclass(frozen=True, kw_only=True)
class Command:
    """A `dampen` command that was started. What it says goes to files, which hold any amount."""

    process: "subprocess.Popen[bytes]"
    output: Path = field(repr=False)
    errors: Path = field(repr=False)

    @property
    def stdout(self) -> str:
        return self.output.read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def end(self, *, seconds: float = SECONDS_TO_END) -> int:
        """Waits for its end and returns its exit code."""
        return self.process.wait(seconds)

    def succeed(self) -> None:
        """Waits for its end, which must be a good one."""
        assert self.end() == 0, self.stderr


@dataclass(kw_only=True)
class Place:
    """A folder that commands run in, and what they must not lose.

    Args:
        path: the folder.
        logs: where the commands' output goes; elsewhere, since the folder's disk may be full.
        url: the database; None for `dampen.db` in the folder.
        server: the database's server, if it has one.
    """

    path: Path
    logs: Path
    url: str | None = None
    server: Server | None = None
    started: list[Command] = field(default_factory=list)
    faults: int = 0
    told: dict[int, Trial] = field(default_factory=dict)  # finished before the last fault
    figures: Figures | None = None  # once they are known
    note: str = ""  # for the reader of the figures
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)  # of commands

    # Commands

    def start(self, *arguments: str) -> Command:
        """Starts `dampen`, in a session of its own."""
        number = next(self._numbers)
        output, errors = (self.logs / f"{number}.{kind}" for kind in ("out", "err"))
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "search", *arguments],
                cwd=self.path,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        command = Command(process=process, output=output, errors=errors)
        self.started.append(command)
        return command

    def launch(self, *, trials: int, workers: int) -> Command:
        """Starts a study of short trials, as most faults meet it."""
        return self.start(
            *("launch", "--study", STUDY, "--trials", str(trials), "--workers", str(workers)),
            *("--confirm", "0"),
            *("--max-epochs", "5", "--folds", "1"),
        )

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started here, orphans included."""
        here = str(self.path)
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.cwd() == here and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        """The living processes that train, or are about to."""
        found = []
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                if _TRAINING & {*process.cmdline()}:
                    found.append(process)
        return found

    def end_all(self) -> None:
        """Leaves nothing running, whatever a test did."""
        while found := self.processes():
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)
        for command in self.started:
            command.process.wait()
        if "engine" in self.__dict__:
            self.engine.dispose()

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("DAMPEN_")
            and name not in ("TF_CPP_MIN_LOG_LEVEL", "FORCE_COLOR")
        }
        return {**kept, "COLUMNS": "100", **({"DAMPEN_STORAGE": self.url} if self.url else {})}

    # The database

    @property
    def database(self) -> str:
        return "SQLite" if self.url is None else "PostgreSQL"

    @property
    def file(self) -> Path:
        return self.path / "dampen.db"

    @property
    def artifacts(self) -> Path:
        return self.path / "dampen.artifacts"

    @cached_property
    def engine(self) -> Engine:
        if self.url is None:
            return create_engine(f"sqlite:///{self.file}")
        url = make_url(self.url).set(drivername="postgresql+psycopg")
        return create_engine(url, pool_pre_ping=True, isolation_level="AUTOCOMMIT")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement; none where there is no such table yet."""
        if self.url is None and not self.file.exists():
            return []  # looking would make it
        try:
            with self.engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(statement))]
        except (OperationalError, ProgrammingError) as error:
            if "no such table" in str(error) or "does not exist" in str(error):
                return []
            raise

    def trials(self) -> list[Trial]:
        """The study's trials by number; one that has two values comes twice."""
        return [
            Trial(
                number=number,
                state=state,
                value=value,
                completed=None if completed is None else str(completed),
                evaluation=evaluation,
                worker_id=worker_id,
                attempts=attempts or 0,
            )
            for number, state, value, completed, evaluation, worker_id, attempts in self.query(
                "SELECT t.number, t.state, v.value, t.datetime_complete, d.evaluation, "
                "d.worker_id, d.attempts FROM trials t "
                "LEFT JOIN trial_values v ON v.trial_id = t.trial_id "
                "LEFT JOIN dampen_trials d ON d.trial_id = t.trial_id "
                "ORDER BY t.number, v.trial_value_id"
            )
        ]

    def n_finished(self) -> int:
        return sum(trial.finished for trial in self.trials())

    def planned(self) -> int:
        """The study's budget."""
        ((planned,),) = self.query("SELECT planned_trials FROM dampen_studies")
        return int(planned)

    # Faults

    def expect_fault(self) -> None:
        """Counts a fault that is about to happen; what is finished by now must outlive it."""
        self.told.update({trial.number: trial for trial in self.trials() if trial.finished})
        self.faults += 1

    def await_finished(self, number: int, *commands: Command) -> None:
        """Waits until so many trials are finished, while the commands run."""

        def enough() -> bool:
            for command in commands:
                assert command.running, f"it ended too early: {command.stderr}"
            return self.n_finished() >= number

        wait_for(enough, f"{number} finished trials")


def wait_for(
    look: Callable[[], Found], what: str, *, seconds: float = SECONDS_TO_END, pause: float = 0.02
) -> Found:
    """Looks again and again until it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(pause)
    return found
