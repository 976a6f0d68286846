"""Real searches on a real Ray cluster of several nodes, over a real PostgreSQL.

The head of the cluster has no place for workers, and is the node that the searches are launched
from; two nodes have two places each. All are processes of this machine.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import pytest
from optuna.trial import TrialState

from storage.artifacts import find_artifact
from storage.database import close, open_database
from storage.errors import StorageError
from storage.evaluations import read_evaluations
from storage.progress import StudySummary, summarise_study
from storage.studies import load_study

if TYPE_CHECKING:
    from postgresql import Server

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]  # Ray's own
ray_cluster = pytest.importorskip("ray.cluster_utils", exc_type=ImportError)
GcsClient = pytest.importorskip("ray._raylet", exc_type=ImportError).GcsClient

SECONDS_TO_END = 300.0
QUICK = (
    *("launch", "--study", "rooks", "--workers", "4", "--confirm", "0", "--folds", "1"),
    *("--max-epochs", "2", "--space", "quick", "--set", "width=16", "--set", "hidden_layers=1"),
)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A folder that searches are launched in, and their database."""

    path: Path
    url: str
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts `dampen`, as the leader of a process group, as a shell does."""
        out, err = ((self.path / name).open("w") for name in ("out", "err"))
        with out, err:
            process = subprocess.Popen(
                [sys.executable, "-m", "search", *arguments],
                cwd=self.path,
                env={**os.environ, "DAMPEN_STORAGE": self.url, "COLUMNS": "100"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    @property
    def stderr(self) -> str:
        return (self.path / "err").read_text()

    def summary(self) -> StudySummary:
        db = open_database(self.url, create=False)
        try:
            return summarise_study(db, "rooks")
        finally:
            close(db)

    def await_finished(self, number: int, process: "subprocess.Popen[str] | None" = None) -> None:
        def enough() -> bool:
            assert process is None or process.poll() is None, self.stderr
            return self.n_finished() >= number

        _await(enough)

    def n_finished(self) -> int:
        try:
            return self.summary().counts.finished
        except StorageError:
            return 0  # it is not made yet

    def succeed(self, process: "subprocess.Popen[str]", trials: int) -> None:
        """Waits for the end; every trial is there just once, with its value and its files."""
        assert process.wait(SECONDS_TO_END) == 0, self.stderr
        db = open_database(self.url, create=False)
        try:
            study_id = load_study(db, "rooks").study_id
            found = db.optuna.get_all_trials(study_id)
            assert [trial.number for trial in found] == list(range(trials))
            ended = [t for t in found if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
            assert len(ended) == trials
            assert all(trial.value is not None for trial in ended)
            assert set(read_evaluations(db, study_id)) == set(range(trials))
            for trial in ended:
                if trial.state == TrialState.COMPLETE:
                    assert find_artifact(db, trial._trial_id, "weights.npz") is not None
        finally:
            close(db)
        _check_words((self.path / "out").read_text() + self.stderr)

    def workers(self) -> list[psutil.Process]:
        """Living processes that train this study."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if "search.worker" in (line := process.cmdline()) and "rooks" in line:
                    found.append(process)
        return found


def _await(look: Callable[[], bool], seconds: float = SECONDS_TO_END) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def _check_words(said: str) -> None:
    assert "Traceback" not in said
    _check_no_password(said)
    for ray_s_own in ("raylet", "core_worker", "INFO", "WARNING", "Warning"):
        assert ray_s_own not in said


def _check_no_password(text: str) -> None:
    assert "p@ss" not in text
    assert quote("p@ss", safe="") not in text  # as a URL has it


@pytest.fixture(scope="module", autouse=True)
def _heed_ctrl_c() -> None:
    """A test runner in the background ignores Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _temporary_folder(path: Path) -> Iterator[None]:
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _add_node(cluster: Any) -> Any:
    """Adds a node of two places; Ray gives one up that takes 30 s to start on a busy machine."""
    for _ in range(2):
        with suppress(Exception):
            return cluster.add_node(num_cpus=2)
    return cluster.add_node(num_cpus=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the nodes."""
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def cluster(cache: Path) -> Iterator[Any]:
    """A cluster with no place on its head, and two nodes of two places."""
    with _temporary_folder(cache), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 0, "include_dashboard": False}
        made = ray_cluster.Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            _add_node(made)
        yield made
        made.shutdown()


@pytest.fixture
def search(
    postgresql: "Server", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Search]:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", str(tmp_path / "files"))  # for the tests to find too
    made = Search(path=tmp_path, url=postgresql.create_database())
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait()
    _await(lambda: not made.workers(), 30)


def test_four_workers_on_two_nodes_finish_just_the_trials_that_were_planned(
    search: Search, cluster: Any, cache: Path
) -> None:
    process = search.start(
        *(*QUICK, "--trials", "100", "--engine", "ray", "--address", cluster.address),
        *("--storage", search.url),
    )
    search.await_finished(20, process)
    workers = search.workers()
    assert len(workers) == 4
    _check_no_password(" ".join(word for worker in workers for word in worker.cmdline()))
    jobs = GcsClient(address=cluster.address).get_all_job_info()
    assert len(jobs) > 0
    _check_no_password(str(jobs))
    search.succeed(process, 100)
    (parcels,) = cache.glob("dampen-*")
    assert len(list(parcels.iterdir())) == 1, "one unpacked parcel for both nodes of this machine"


def test_a_node_that_dies_takes_no_trial_with_it(search: Search, cluster: Any) -> None:
    lost = _add_node(cluster)
    process = search.start(
        *(*QUICK, "--trials", "250", "--engine", "ray", "--address", cluster.address),
        *("--workers", "6"),
    )
    search.await_finished(30, process)
    assert len(search.workers()) == 6
    cluster.remove_node(lost, allow_graceful=False)
    _await(lambda: len(search.workers()) == 4)  # two wait for a place
    search.succeed(process, 250)


def test_a_study_grows_with_its_cluster(search: Search, cluster: Any) -> None:
    process = search.start(
        *(*QUICK, "--trials", "5000", "--engine", "ray", "--address", cluster.address),
        *("--workers", "6"),
    )
    search.await_finished(10, process)
    assert len(search.workers()) == 4
    another = _add_node(cluster)
    _await(lambda: len(search.workers()) == 6)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130, search.stderr
    assert (search.workers(), search.summary().counts.running) == ([], 0)
    cluster.remove_node(another)


def test_a_server_that_crashes_and_comes_back_costs_time_alone(
    search: Search, cluster: Any, postgresql: "Server"
) -> None:
    process = search.start(
        *QUICK, "--trials", "100", "--engine", "ray", "--address", cluster.address
    )
    search.await_finished(30, process)
    postgresql.stop("immediate")
    time.sleep(3)
    postgresql.start()
    search.succeed(process, 100)
    assert "The database answers again" in search.stderr


def test_ctrl_c_stops_or_leaves_the_workers_to_go_on_as_was_asked(
    search: Search, cluster: Any
) -> None:
    remote = ("--engine", "ray", "--address", cluster.address, "--on-interrupt", "detach")
    process = search.start(*QUICK, "--trials", "5000", *remote)
    search.await_finished(10, process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130, search.stderr
    assert "4 workers go on without this shell" in search.stderr
    before = search.n_finished()
    left = {worker.pid for worker in search.workers()}
    search.await_finished(before + 10)

    process = search.start("resume", "rooks", "--on-interrupt", "stop")
    _await(lambda: "/ 5000 trials" in search.stderr)
    assert {worker.pid for worker in search.workers()} == left, "they were taken over"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130, search.stderr
    assert search.workers() == []
    counts = search.summary().counts
    assert (counts.running, counts.waiting > 0) == (0, True)
    _check_words(search.stderr)


def test_without_an_address_a_ray_of_its_own_runs_and_ends_with_the_search(tmp_path: Path) -> None:
    search = Search(path=tmp_path, url=f"sqlite:///{tmp_path}/dampen.db")
    process = search.start(*QUICK, "--trials", "6", "--engine", "ray", "--workers", "2")
    _await(lambda: bool(search.workers()))
    children = psutil.Process(process.pid).children(recursive=True)
    assert any(child.name() == "raylet" for child in children)
    search.succeed(process, 6)
    assert not [child for child in children if child.is_running()]
