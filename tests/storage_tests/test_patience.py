"""Waiting for a database that is away: with growing pauses, up to a limit, and saying so."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg import errors

from storage import patience as module
from storage.patience import Patience
from storage.refusal import is_away

REFUSED = psycopg.OperationalError("connection failed: Connection refused")


class Clock:
    """Time that passes only while someone waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(threading.Event, "wait", lambda event, seconds: self.pass_by(seconds))
        monkeypatch.setattr(module.random, "uniform", lambda low, high: high)

    def pass_by(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _away_until(clock: Clock, end: float) -> Callable[[], str]:
    def connect() -> str:
        if clock.now < end:
            raise REFUSED
        return "connection"

    return connect


def test_pauses_grow_and_stay_bounded(clock: Clock) -> None:
    assert Patience(limit_seconds=600).call(_away_until(clock, 120)) == "connection"
    assert clock.pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert clock.pauses == sorted(clock.pauses)
    assert max(clock.pauses) == 15.0


def test_the_wait_is_said_once_with_its_limit_and_its_end(clock: Clock) -> None:
    said: list[str] = []
    Patience(limit_seconds=600, say=said.append).call(_away_until(clock, 60))
    begin, end = said
    assert "does not answer (connection failed: Connection refused)" in begin
    assert "for up to 10 minutes" in begin
    assert end == f"The database answers again, after {clock.now:.0f} s."


def test_what_else_is_waited_for_is_named_and_has_its_own_errors(clock: Clock) -> None:
    said: list[str] = []

    def ask() -> str:
        if clock.now < 60:
            raise TimeoutError("no answer")
        return "object"

    patience = Patience(limit_seconds=600, say=said.append)
    passes = lambda error: isinstance(error, TimeoutError)  # noqa: E731
    assert patience.call(ask, what="The bucket s3://rooks", passes=passes) == "object"
    begin, end = said
    assert begin.startswith("The bucket s3://rooks does not answer (no answer). Trying again")
    assert end.startswith("The bucket s3://rooks answers again")
    with pytest.raises(psycopg.OperationalError):
        patience.call(_away_until(clock, 1e9), passes=passes)


def test_absence_of_a_moment_is_not_worth_a_word(clock: Clock) -> None:
    said: list[str] = []
    Patience(limit_seconds=600, say=said.append).call(_away_until(clock, 0.3))
    assert said == []


def test_after_the_limit_the_error_is_raised(clock: Clock) -> None:
    with pytest.raises(psycopg.OperationalError, match="refused"):
        Patience(limit_seconds=60).call(_away_until(clock, 1e9))
    assert 60 <= clock.now < 60 + 15


def test_without_a_limit_nothing_is_waited_for(clock: Clock) -> None:
    with pytest.raises(psycopg.OperationalError):
        Patience().call(_away_until(clock, 1))
    assert clock.pauses == []


def test_wrong_password_is_not_waited_for(clock: Clock) -> None:
    def connect() -> None:
        raise psycopg.OperationalError("connection failed: FATAL:  password authentication failed")

    with pytest.raises(psycopg.OperationalError, match="password"):
        Patience(limit_seconds=600).call(connect)
    assert clock.pauses == []


def test_process_that_is_about_to_leave_waits_no_longer() -> None:
    patience = Patience(limit_seconds=600)
    threading.Timer(0.2, patience.over.set).start()
    began = time.monotonic()

    def connect() -> None:
        raise REFUSED

    with pytest.raises(psycopg.OperationalError):
        patience.call(connect)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (REFUSED, True),
        (psycopg.OperationalError("failed to resolve host 'db': Name or service not known"), True),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), True),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), True),
        (psycopg.OperationalError("the connection is lost"), True),
        (errors.AdminShutdown("terminating connection due to administrator command"), True),
        (errors.CannotConnectNow("the database system is shutting down"), True),
        (psycopg.OperationalError('FATAL:  database "nope" does not exist'), False),
        (psycopg.OperationalError('FATAL:  role "nobody" does not exist'), False),
        (errors.DiskFull("could not extend file"), False),
        (errors.DeadlockDetected("deadlock detected"), False),
        (errors.UniqueViolation("duplicate key"), False),
        (ValueError("connection refused"), False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_passes_by_waiting(error: Exception, away: bool) -> None:
    assert is_away(error) is away
