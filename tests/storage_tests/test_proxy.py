"""The storage proxy: what goes through it, and what is said when it is not there or another's."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import optuna
import pytest
from optuna.storages._grpc.server import make_server
from optuna.trial import Trial, TrialState
from postgresql import Server
from sqlalchemy import delete

from storage.claims import Claim, claim_trial
from storage.database import Database, close, open_database, writing
from storage.errors import (
    AddressError,
    DatabaseUnreachableError,
    DatabaseUnreadableError,
    StorageURLError,
)
from storage.evaluations import finish_trial
from storage.patience import Patience
from storage.proxied import _in_sentences, _patiently, called_through
from storage.proxy import _again, serve_proxy
from storage.schema import study_system_attributes
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


@contextmanager
def _serving(db: Database) -> Iterator[str]:
    """The address of a proxy, which is a thread of this process."""
    port = _free_port()
    server = make_server(called_through(db.optuna, _again), "127.0.0.1", port)
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def proxy(served_url: str) -> Iterator[str]:
    db = open_database(served_url, proxied=False)
    with _serving(db) as address:
        yield address
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


def test_the_proxy_of_a_database_with_a_study_of_the_same_name_and_number_is_refused(
    postgresql: Server, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.lent_database() as one, postgresql.lent_database() as other:
        served = open_storage(one)
        records = [
            create_study(db, "rooks", settings={}, planned_trials=1)
            for db in (served, open_storage(other))
        ]
        assert records[0].study_id == records[1].study_id
        with _serving(served) as address:
            monkeypatch.setenv("DAMPEN_PROXY", address)
            open_storage(one)
            with pytest.raises(DatabaseUnreadableError, match="it serves another one"):
                open_storage(other)


def test_a_proxy_with_studies_is_refused_where_there_are_none(
    proxy: str,
    served_url: str,
    postgresql: Server,
    open_storage: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_study(open_storage(served_url), "there", settings={}, planned_trials=1)
    monkeypatch.setenv("DAMPEN_PROXY", proxy)
    with (
        postgresql.lent_database() as other,
        pytest.raises(DatabaseUnreadableError, match="it serves another one"),
    ):
        open_storage(other)


def test_studies_of_an_older_release_are_told_apart_by_name_and_number(
    postgresql: Server, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.lent_database() as url:
        served = open_storage(url)
        create_study(served, "rooks", settings={}, planned_trials=1)
        with writing(served) as connection:
            connection.execute(delete(study_system_attributes))
        with _serving(served) as address:
            monkeypatch.setenv("DAMPEN_PROXY", address)
            assert open_storage(url).optuna.get_study_id_from_name("rooks") == 1


def test_a_request_that_is_never_answered_is_given_up_and_waited_for(
    served_url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.proxied.DEADLINE_SECONDS", 0.3)
    # Takes what is sent, and says nothing: as a machine that died.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DAMPEN_PROXY", f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(DatabaseUnreachableError, match="must answer; it does not"):
            open_storage(served_url)


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


class Away:
    """A database whose server is away for as long as anyone waits for it."""

    def __init__(self, url: str, *, patience: Patience, proxied: bool) -> None:
        self.optuna = self
        self.patience = patience
        self.asked, self.ended = threading.Event(), threading.Event()

    def get_all_studies(self) -> None:
        def connect() -> None:
            self.asked.set()
            raise DatabaseUnreachableError("away")

        try:
            self.patience.call(connect)
        finally:
            self.ended.set()


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_proxy_that_ends_while_its_database_is_away_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Any] = []
    errors: list[Exception] = []
    closed: list[Any] = []
    said: list[str] = []

    def open_away(*args: Any, **options: Any) -> Any:
        opened.append(Away(*args, **options))
        return opened[0]

    def ask(port: int) -> None:
        storage = optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=port)
        with pytest.raises(DatabaseUnreachableError) as caught:
            _in_sentences("a:1", storage.get_all_studies)
        errors.append(caught.value)

    def interrupted(server: Any) -> None:
        asking.start()
        assert opened[0].asked.wait(10)
        raise KeyboardInterrupt

    port = _free_port()
    asking = threading.Thread(target=ask, args=[port])
    monkeypatch.setattr("storage.proxy.open_database", open_away)
    monkeypatch.setattr("storage.proxy.close", closed.append)
    monkeypatch.setattr("grpc._server._Server.wait_for_termination", interrupted)
    serve_proxy("postgresql://a/b", port=port, say=said.append)
    assert opened[0].ended.wait(5), "gRPC's threads are waited for when the process ends"
    assert closed == opened
    asking.join(10)
    assert len(errors) == 1, "who asked waits for the next proxy"


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_the_address_that_is_said_can_be_copied_to_other_machines(
    host: str, served_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(server: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("grpc._server._Server.wait_for_termination", interrupted)
    monkeypatch.setattr(socket, "gethostname", lambda: "db.example")
    said: list[str] = []
    serve_proxy(served_url, host=host, port=0, say=said.append)
    name = "127.0.0.1" if host == "127.0.0.1" else "db.example"
    assert said[0].startswith(f"The storage proxy is at {name}:")


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


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAVAILABLE", DatabaseUnreachableError),
        ("DEADLINE_EXCEEDED", DatabaseUnreachableError),
        ("CANCELLED", DatabaseUnreachableError),
        ("UNKNOWN", DatabaseUnreadableError),
    ],
)
def test_a_proxy_that_gives_no_answer_is_away_and_one_that_refuses_is_not(
    code: str, kind: type[Exception]
) -> None:
    class Failed(grpc.RpcError):  # type: ignore[misc]
        def code(self) -> Any:
            return grpc.StatusCode[code]

        def details(self) -> str:
            return "said"

    def ask() -> None:
        raise Failed

    with pytest.raises(kind):
        _in_sentences("a:1", ask)


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
