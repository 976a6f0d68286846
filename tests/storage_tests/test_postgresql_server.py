"""A PostgreSQL server: restarted, cut off in the middle, refusing, and several claims on a row."""

import errno
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote

import pytest
from optuna.trial import TrialState
from postgresql import PASSWORD, Server
from sqlalchemy import NullPool, create_engine, inspect, text, update

from storage.claims import Claim, claim_trial, release_trials
from storage.database import Database, reading, writing
from storage.errors import (
    ClaimLostError,
    DatabaseUnreachableError,
    DatabaseUnreadableError,
    StorageError,
    StorageMissingError,
)
from storage.evaluations import finish_trial
from storage.patience import Patience
from storage.schema import SCHEMA_VERSION, own_trials, trials
from storage.studies import StudyRecord, create_study, load_study
from storage.url import resolve_url
from storage.workers import beat, list_workers, register_worker

Query = Callable[..., list[tuple[Any, ...]]]

_WRONG = "wr@ng/s3cret"
_COMPLETE: dict[str, Any] = {
    "state": TrialState.COMPLETE,
    "value": 0.5,
    "evaluation": {},
    "learning_curve": [],
    "attributes": {},
}


@pytest.fixture
def url(postgresql: Server) -> Iterator[str]:
    """A storage with nothing in it."""
    with postgresql.lent_database() as url:
        yield url


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


@contextmanager
def _stopped(server: Server, mode: Literal["fast", "immediate"] = "fast") -> Iterator[None]:
    server.stop(mode)
    _wait_until_refused(server.port)  # it may take a connection while it closes, and drop it
    try:
        yield
    finally:
        server.start()


def _wait_until_refused(port: int) -> None:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED:
                return
        time.sleep(0.01)
    raise AssertionError(f"port {port} still takes connections")


def _everything_said(error: BaseException) -> str:
    """What the error shows of itself, and what a log would show with its traceback and causes."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error)])


def _assert_no_password(error: BaseException, password: str = PASSWORD) -> None:
    said = _everything_said(error)
    assert password not in said
    assert quote(password, safe="") not in said


def test_server_that_was_restarted_between_two_calls_is_not_noticed(
    db: Database, study: StudyRecord, worker_id: str, postgresql: Server
) -> None:
    assert db.optuna.get_all_trials(study.study_id) == []
    with _stopped(postgresql, "fast"):
        pass
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    with _stopped(postgresql, "immediate"):
        pass
    assert db.optuna.get_trial(claim.trial_id).state == TrialState.RUNNING
    finish_trial(db, claim, **_COMPLETE)
    with _stopped(postgresql, "immediate"):
        pass
    assert load_study(db, "rooks") == study
    assert db.optuna.get_trial(claim.trial_id).value == 0.5


def test_server_that_is_away_is_said_to_be_so_at_once(
    db: Database, study: StudyRecord, worker_id: str, postgresql: Server
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: load_study(db, "rooks"),
        lambda: beat(db, worker_id),
        lambda: db.optuna.get_all_trials(study.study_id),
        lambda: db.optuna.set_study_user_attr(study.study_id, "note", "x"),
    ]
    with _stopped(postgresql):
        began = time.monotonic()
        for call in calls:
            with pytest.raises(
                DatabaseUnreachableError, match="Check that the server is"
            ) as caught:
                call()
            assert "Connection refused" in str(caught.value)
            _assert_no_password(caught.value)
        assert time.monotonic() - began < 5


def test_patient_process_waits_for_the_server_and_says_so(
    url: str,
    study: StudyRecord,
    postgresql: Server,
    open_storage: Callable[..., Database],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.patience._QUIET_SECONDS", 0.2)
    said: list[str] = []
    db = open_storage(url, patience=Patience(limit_seconds=60, say=said.append))
    found: list[StudyRecord] = []
    waiting = threading.Thread(target=lambda: found.append(load_study(db, "rooks")))
    with _stopped(postgresql):
        waiting.start()
        while not said:
            waiting.join(0.1)
            assert waiting.is_alive()
    waiting.join(30)
    assert found == [study]
    begin, end = said
    assert "does not answer" in begin
    assert "answers again" in end
    assert PASSWORD not in begin


def test_time_for_which_the_server_was_down_is_no_silence_of_a_worker(
    db: Database,
    study: StudyRecord,
    postgresql: Server,
    query: Query,
    silence: Callable[[float], None],
) -> None:
    for seconds_between_beats in (10, 0.001):
        register_worker(db, study.study_id, seconds_between_beats=seconds_between_beats)
    query("UPDATE dampen_workers SET machine = 'elsewhere'")
    silence(3600)
    with _stopped(postgresql):
        pass
    with reading(db) as connection:
        patient, impatient = (worker.why_dead for worker in list_workers(connection))
    assert patient is None
    assert impatient is not None
    assert re.fullmatch(r"it gave no sign of life for \d s", impatient)  # since the start


def test_connection_that_breaks_in_a_transaction_writes_nothing_and_is_said(
    db: Database, study: StudyRecord, query: Query
) -> None:
    with pytest.raises(DatabaseUnreachableError) as caught, writing(db) as connection:
        connection.execute(text("UPDATE dampen_studies SET planned_trials = 9"))
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        query("SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
        connection.execute(text("UPDATE dampen_studies SET planned_trials = 10"))
    assert str(caught.value).count(". ") == 1  # what is the matter, and what to do
    assert "must answer; it does not: terminating connection" in str(caught.value)
    _assert_no_password(caught.value)
    assert load_study(db, "rooks").planned_trials == 5


def test_connection_that_breaks_before_the_commit_writes_nothing_and_is_said(
    db: Database, study: StudyRecord, query: Query
) -> None:
    with pytest.raises(DatabaseUnreachableError) as caught, writing(db) as connection:
        connection.execute(text("UPDATE dampen_studies SET planned_trials = 9"))
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        query("SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
    _assert_no_password(caught.value)
    assert load_study(db, "rooks").planned_trials == 5


def test_connection_that_breaks_while_reading_is_said(
    db: Database, study: StudyRecord, query: Query
) -> None:
    with pytest.raises(DatabaseUnreachableError) as caught, reading(db) as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        query("SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
        connection.scalar(text("SELECT 1"))
    _assert_no_password(caught.value)


def test_wrong_password_is_said_and_not_shown(
    postgresql: Server, open_storage: Callable[..., Database]
) -> None:
    with pytest.raises(DatabaseUnreadableError) as caught:
        open_storage(postgresql.url("postgres", password=_WRONG))
    assert "postgres:***@127.0.0.1" in str(caught.value)
    assert 'password authentication failed for user "postgres"' in str(caught.value)
    assert "\n" not in str(caught.value)
    _assert_no_password(caught.value, _WRONG)


def test_missing_database_is_said(
    postgresql: Server, open_storage: Callable[..., Database]
) -> None:
    with pytest.raises(DatabaseUnreadableError) as caught:
        open_storage(postgresql.url("nowhere"))
    assert 'database "nowhere" does not exist' in str(caught.value)
    assert "\n" not in str(caught.value)
    _assert_no_password(caught.value)


def test_closed_port_is_said(url: str, open_storage: Callable[..., Database]) -> None:
    port = url.rsplit(":", 1)[1].split("/")[0]
    with pytest.raises(DatabaseUnreachableError) as caught:
        open_storage(url.replace(f":{port}/", ":1/"))
    assert "Connection refused" in str(caught.value)
    assert "Check that the server is running, and the host and port" in str(caught.value)
    assert "\n" not in str(caught.value)
    _assert_no_password(caught.value)


def test_user_without_rights_is_told_so(
    url: str, db: Database, postgresql: Server, open_storage: Callable[..., Database]
) -> None:
    postgresql.execute("CREATE ROLE guest LOGIN PASSWORD 'gu@st'")
    try:
        guest = url.replace(f"postgres:{quote(PASSWORD, safe='')}", "guest:gu%40st")
        with pytest.raises(StorageError, match="permission denied") as caught:
            create_study(open_storage(guest), "rooks", settings={}, planned_trials=1)
        _assert_no_password(caught.value, "gu@st")
    finally:
        postgresql.execute("DROP ROLE guest")


def test_storage_of_version_one_comes_forward(
    db: Database, study: StudyRecord, query: Query, open_storage: Callable[..., Database]
) -> None:
    before = inspect(db.engine).get_columns("dampen_workers")
    query("ALTER TABLE dampen_workers DROP COLUMN stale_after_seconds, DROP COLUMN lost_because")
    query("ALTER TABLE dampen_studies DROP COLUMN confirm")
    query("DROP TABLE dampen_confirmations, dampen_answers")
    query("ALTER TABLE dampen_schema DROP COLUMN artifacts")
    query("UPDATE dampen_schema SET version = 1")
    again = open_storage(db.url, create=False)
    assert query("SELECT version FROM dampen_schema") == [(SCHEMA_VERSION,)]
    after = inspect(again.engine).get_columns("dampen_workers")
    assert sorted(map(str, after)) == sorted(map(str, before))
    assert load_study(again, "rooks") == study


@pytest.mark.parametrize("late", ["finish", "release"])
def test_claim_that_was_lost_while_it_waited_for_the_trial_is_refused(
    db: Database, study: StudyRecord, claim: Claim, late: str
) -> None:
    # A row that was waited for comes back as it is now, but what is joined to it as it was.
    other = register_worker(db, study.study_id)
    outcomes: list[object] = []

    def act() -> None:
        if late == "release":
            outcomes.append(release_trials(db, claim.worker_id))
            return
        with pytest.raises(ClaimLostError) as caught:
            finish_trial(db, claim, **_COMPLETE)
        outcomes.append(str(caught.value))

    thread = threading.Thread(target=act)
    with writing(db) as connection:
        connection.execute(
            update(trials).where(trials.c.trial_id == claim.trial_id).values(state="RUNNING")
        )
        thread.start()
        _wait_for_a_lock(db)
        connection.execute(
            update(own_trials)
            .where(own_trials.c.trial_id == claim.trial_id)
            .values(worker_id=other, attempts=2)
        )
    thread.join(10)
    (outcome,) = outcomes
    assert outcome == [] if late == "release" else f"was given to {other}" in str(outcome)
    (trial,) = db.optuna.get_all_trials(study.study_id)
    assert trial.state == TrialState.RUNNING


def _wait_for_a_lock(db: Database) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with reading(db) as connection:
            if connection.scalar(waiting):
                return
        time.sleep(0.01)
    raise AssertionError("nothing waits for a lock")


def test_empty_database_is_a_missing_storage_to_whom_only_reads(
    postgresql: Server, open_storage: Callable[..., Database]
) -> None:
    url = postgresql.create_database(empty=True)
    with pytest.raises(StorageMissingError):
        open_storage(url, create=False)
    engine = create_engine(resolve_url(url), poolclass=NullPool)
    assert inspect(engine).get_table_names() == []
