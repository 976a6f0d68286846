"""The storage proxy: what goes through it, and what is said when it is not there or another's."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages._grpc.server import make_server
from optuna.trial import Trial, TrialState
from postgresql import Server

from storage.claims import Claim, claim_trial
from storage.database import Database, close, open_database
from storage.errors import (
    AddressError,
    DatabaseUnreachableError,
    DatabaseUnreadableError,
    StorageURLError,
)
from storage.evaluations import finish_trial
from storage.patience import Patience
from storage.proxied import _patiently, called_through
from storage.proxy import _again, serve_proxy
from storage.studies import StudyRecord, create_study
from storage.url import proxy_address
from storage.workers import register_worker

Open = Callable[..., Database]

_SERVE = "import sys; from search.cli import main; sys.argv = ['dampen', *sys.argv[1:]]; main()"


class Process:
    """`dampen storage-proxy` in a process of its own."""

    def __init__(self, url: str, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, "storage-proxy", "--port", str(port)],
            env={**os.environ, "DAMPEN_STORAGE": url},
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        found = re.search(r"at (127\.0\.0\.1:(\d+)) ", said)
        assert found, said + self.process.stderr.read()
        self.address, self.port = found[1], int(found[2])

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=10)
        return self.process.returncode


@pytest.fixture(scope="module")
def served_url(postgresql: Server) -> str:
    return postgresql.create_database()


@pytest.fixture(scope="module")
def proxy(served_url: str) -> Iterator[str]:
    """The address of a proxy, which is a thread of this process."""
    db = open_database(served_url, proxied=False)
    port = _free_port()
    server = make_server(called_through(db.optuna, _again), "127.0.0.1", port)
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()
    close(db)


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DAMPEN_PROXY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def proxied(
    proxy: str, served_url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> Database:
    monkeypatch.setenv("DAMPEN_PROXY", proxy)
    return open_storage(served_url)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _claim(db: Database, record: StudyRecord) -> Claim:
    claim = claim_trial(db, record.study_id, register_worker(db, record.study_id))
    assert claim is not None
    return claim


def _finish(db: Database, claim: Claim, value: float) -> None:
    finish_trial(
        db,
        claim,
        state=TrialState.COMPLETE,
        value=value,
        evaluation={},
        learning_curve=[],
        attributes={"verdict": "healthy"},
    )


def test_address_is_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_address() is None
    monkeypatch.setenv("DAMPEN_PROXY", "db.example:13000")
    assert proxy_address() == ("db.example", 13000)


@pytest.mark.parametrize("text", ["db.example", ":13000", "db.example:", "db.example:0", "a:b"])
def test_an_address_without_host_or_port_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAMPEN_PROXY", text)
    with pytest.raises(
        StorageURLError,
        match=re.escape(f"HOST:PORT, as `dampen storage-proxy` says it; got {text!r}"),
    ):
        proxy_address()


def test_a_file_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(StorageURLError, match="must be a PostgreSQL server"):
        serve_proxy(f"sqlite:///{tmp_path}/dampen.db", say=print)


def test_a_file_is_opened_without_the_proxy(
    tmp_path: Path, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAMPEN_PROXY", f"127.0.0.1:{_free_port()}")
    db = open_storage(f"sqlite:///{tmp_path}/dampen.db")
    assert db.optuna.get_all_studies() == []


def test_a_port_that_is_taken_costs_a_sentence(served_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=f"Port {port} is busy.*dampen storage-proxy --port"):
            serve_proxy(served_url, port=port, say=print)


def test_a_proxy_that_does_not_answer_costs_a_sentence(
    served_url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{_free_port()}"
    monkeypatch.setenv("DAMPEN_PROXY", address)
    with pytest.raises(
        DatabaseUnreachableError, match=f"proxy at {address} must answer; it does not"
    ):
        open_storage(served_url)


def test_the_proxy_of_another_database_is_refused(
    proxy: str, postgresql: Server, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.lent_database() as other:
        create_study(open_storage(other), "elsewhere", settings={}, planned_trials=1)
        monkeypatch.setenv("DAMPEN_PROXY", proxy)
        with pytest.raises(DatabaseUnreadableError, match="it serves another one") as caught:
            open_storage(other)
    assert "p@ss" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)


def test_what_is_reported_through_the_proxy_is_in_the_database(
    proxied: Database, served_url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = create_study(proxied, "reports", settings={}, planned_trials=1)
    claim = _claim(proxied, record)
    study = optuna.load_study(study_name="reports", storage=proxied.optuna)
    Trial(study, claim.trial_id).report(0.75, 4)
    monkeypatch.delenv("DAMPEN_PROXY")
    direct = open_storage(served_url).optuna.get_trial(claim.trial_id)
    assert direct.intermediate_values == {4: 0.75}


def test_what_is_finished_beside_the_proxy_is_seen_through_it(proxied: Database) -> None:
    record = create_study(proxied, "history", settings={}, planned_trials=3)
    for value in (0.5, 0.7):
        _finish(proxied, _claim(proxied, record), value)
        found = proxied.optuna.get_all_trials(record.study_id, deepcopy=False)
        assert found[-1].value == value
        assert found[-1].user_attrs == {"verdict": "healthy"}
    running = _claim(proxied, record)
    states = [trial.state for trial in proxied.optuna.get_all_trials(record.study_id)]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING]
    _finish(proxied, running, 0.6)
    assert proxied.optuna.get_best_trial(record.study_id).value == 0.7


def test_a_sampler_sees_the_same_through_the_proxy_as_without(
    proxied: Database, served_url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = create_study(proxied, "sampled", settings={}, planned_trials=2)
    distribution = optuna.distributions.FloatDistribution(0.0, 0.6)
    for number in range(30):
        proxied.optuna.create_new_trial(
            record.study_id,
            optuna.trial.create_trial(
                params={"dropout": number / 60},
                distributions={"dropout": distribution},
                value=number % 7,
            ),
        )
    monkeypatch.delenv("DAMPEN_PROXY")
    drawn = []
    for db in (proxied, open_storage(served_url)):
        sampler = optuna.samplers.TPESampler(seed=3)
        study = optuna.load_study(study_name="sampled", storage=db.optuna, sampler=sampler)
        drawn.append(study.ask({"dropout": distribution}).params)
        study.tell(study.trials[-1].number, state=TrialState.FAIL)
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_a_proxy_that_is_away_is_waited_for(
    served_url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Process(served_url)
    monkeypatch.setenv("DAMPEN_PROXY", first.address)
    db = open_storage(served_url, patience=Patience(limit_seconds=60))
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(db.optuna.get_all_studies()))
    asking.start()
    second = Process(served_url, first.port)
    try:
        asking.join(30)
        assert len(found) == 1
    finally:
        assert second.end(signal.SIGTERM) == 0


def test_who_waited_in_vain_for_a_proxy_ends_instead_of_beginning_again() -> None:
    def away() -> None:
        raise DatabaseUnreachableError("The storage proxy at a:1 must answer; it does not.")

    patience = Patience(limit_seconds=0.2)
    with pytest.raises(DatabaseUnreadableError, match="must answer"):
        _patiently("a:1", patience, away)
    patience.over.set()  # told to leave meanwhile: gives its trial back like anyone
    with pytest.raises(DatabaseUnreachableError):
        _patiently("a:1", patience, away)


def test_the_proxy_asks_again_where_its_own_connection_broke() -> None:
    class Breaking:
        asked = 0

        def get_trial(self, trial_id: int) -> int:
            self.asked += 1
            if self.asked == 1:
                raise DatabaseUnreachableError("broken")
            return trial_id

    breaking: Any = Breaking()
    served: Any = called_through(breaking, _again)
    assert served.get_trial(7) == 7
    assert breaking.asked == 2
