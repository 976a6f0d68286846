"""Runs the command as people do, in a folder of its own, and reads the database behind its back."""

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

STUDY = "rooks"
N_TRIALS = 12
LAUNCH = (
    *("launch", "--study", STUDY, "--seed", "3", "--max-epochs", "10", "--folds", "1"),
    *("--confirm", "0"),
)
FINISHED = ("COMPLETE", "PRUNED", "FAIL")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial as the database has it."""

    number: int
    state: str  # COMPLETE, PRUNED, FAIL, RUNNING or WAITING
    value: float | None
    completed: str | None  # when it was told
    params: dict[str, float]  # in Optuna's internal representation


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder that the command runs in."""

    path: Path
    started: list["subprocess.Popen[str]"] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)  # beside what all get

    def run(self, *arguments: str, timeout: float = 90) -> "subprocess.CompletedProcess[str]":
        """Runs `dampen` to its end."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def run_all(self, *commands: tuple[str, ...]) -> "list[subprocess.CompletedProcess[str]]":
        """Runs several commands, two at a time, which two cores do in half the time."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda arguments: self.run(*arguments), commands))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts `dampen`, as the leader of a process group, as a shell does."""
        return self.start_python("-m", "search", *arguments)

    def start_python(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**_environment(), **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def start_search(self, *arguments: str, trials: int) -> "subprocess.Popen[str]":
        """Starts the search that fixture `whole` ran in one go, or its first trials."""
        return self.start(*LAUNCH, "--trials", str(trials), *arguments)

    def wait_for_finished(self, number: int, process: "subprocess.Popen[str]") -> None:
        """Waits until so many trials are finished, while the process still runs."""
        end = time.monotonic() + 60
        while sum(trial.state in FINISHED for trial in self.trials()) < number:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "too slow"
            time.sleep(0.02)

    def json(self, *arguments: str) -> Any:
        """The document that a command prints with `--json`."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs a statement on the database; no rows where there is no such table yet."""
        file = self.path / "dampen.db"
        if not file.exists():
            return []
        try:
            with closing(sqlite3.connect(file, timeout=10)) as connection, connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise

    def studies(self) -> list[str]:
        return [name for (name,) in self.query("SELECT study_name FROM studies")]

    def trials(self) -> list[Trial]:
        """The trials of all studies, by number."""
        params: dict[int, dict[str, float]] = {}
        for trial_id, name, value in self.query(
            "SELECT trial_id, param_name, param_value FROM trial_params"
        ):
            params.setdefault(trial_id, {})[name] = value
        return [
            Trial(
                number=number,
                state=state,
                value=value,
                completed=completed,
                params=params.get(trial_id, {}),
            )
            for trial_id, number, state, value, completed in self.query(
                "SELECT t.trial_id, t.number, t.state, v.value, t.datetime_complete FROM trials t "
                "LEFT JOIN trial_values v ON v.trial_id = t.trial_id ORDER BY t.number"
            )
        ]

    def copy(self, to: Path) -> "Folder":
        """Copies folder and database; studies of files in it search on the copies."""
        shutil.copytree(self.path, to)
        copied = Folder(path=to)
        copied.query(
            "UPDATE dampen_studies SET settings = replace(settings, ?, ?)", str(self.path), str(to)
        )
        return copied

    def end_all(self) -> None:
        """Leaves nothing running, whatever a test did."""
        for process in self.started:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture(scope="session", autouse=True)
def _heed_ctrl_c() -> None:
    """A test runner in the background ignores Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """An empty folder to run in."""
    made = Folder(path=tmp_path)
    yield made
    made.end_all()


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A search on breast cancer that ran to its end in one go."""

    folder: Folder  # to read, not to change
    done: "subprocess.CompletedProcess[str]"

    @property
    def document(self) -> Any:
        return json.loads(self.done.stdout)

    def check_same(self, folder: Folder, trials: int) -> None:
        """Asserts that a folder holds this search's first trials, bit for bit, each just once."""
        found, wanted = (
            [(trial.number, trial.state, trial.value, trial.params) for trial in each]
            for each in (folder.trials(), self.folder.trials()[:trials])
        )
        assert [trial[0] for trial in found] == list(range(trials))
        assert {trial[1] for trial in found} <= set(FINISHED)
        assert found == wanted


@pytest.fixture(scope="session")
def searches(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[Folder, "subprocess.Popen[str]"]]]:
    """The two searches that most tests look at, started together."""
    whole = Folder(path=tmp_path_factory.mktemp("whole"))
    mixed = Folder(path=tmp_path_factory.mktemp("mixed"))
    rows = [_person(random.Random(number)) for number in range(500)]
    _write(mixed.path / "mixed.csv", [*_COLUMNS, "bought"], rows[:300])
    _write(mixed.path / "new.csv", _COLUMNS, [row[:-1] for row in rows[300:]])
    _write(mixed.path / "answers.csv", ["bought"], [row[-1:] for row in rows[300:]])
    yield {
        "whole": (whole, whole.start_search("--json", trials=N_TRIALS)),
        "mixed": (
            mixed,
            mixed.start(
                *("launch", "mixed.csv", "--target", "bought", "--study", "mixed"),
                *("--trials", "4", "--max-epochs", "15", "--confirm", "0"),
            ),
        ),
    }
    whole.end_all()
    mixed.end_all()


@pytest.fixture(scope="session")
def whole(searches: dict[str, tuple[Folder, "subprocess.Popen[str]"]]) -> Whole:
    folder, process = searches["whole"]
    stdout, stderr = process.communicate(timeout=90)
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    return Whole(folder=folder, done=done)


@pytest.fixture(scope="session")
def mixed(searches: dict[str, tuple[Folder, "subprocess.Popen[str]"]]) -> Folder:
    """A finished study `mixed` on a table of numbers, text and blanks, `mixed.csv`.

    `new.csv` has further rows of the same kind without the target, `answers.csv` their targets.
    """
    folder, process = searches["mixed"]
    _, stderr = process.communicate(timeout=90)
    assert process.returncode == 0, stderr
    return folder


_COLUMNS = ["age", "income", "town", "member"]


def _person(source: random.Random) -> list[str]:
    age, income = source.uniform(18, 80), source.gauss(30, 10)
    town, member = source.choice(["Rome", "Oslo", "Łódź", ""]), source.choice(["yes", "no"])
    wish = (age - 50) / 15 + 2 * (town == "Rome") - (town == "Oslo") + source.gauss(0, 0.5)
    known = f"{age:.1f}" if source.random() > 0.1 else ""
    return [known, f"{income:.2f}", town, member, "yes" if wish > 0 else "no"]


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _environment() -> dict[str, str]:
    """This environment without what would change the command's answers."""
    left_out = (
        "DAMPEN_STORAGE",
        "DAMPEN_TOKEN",
        "DAMPEN_PROXY",
        "TF_CPP_MIN_LOG_LEVEL",
        "CUDA_VISIBLE_DEVICES",
        "FORCE_COLOR",
    )
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "COLUMNS": "100"}
