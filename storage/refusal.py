"""Turns a database driver's refusal into a sentence that says what to do.

Drivers speak in codes ("file is not a database", "attempt to write a readonly database"); people
need to know which file, and what to type. Next: `errors.py` for what is raised.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from storage.errors import (
    DatabaseBusyError,
    DatabaseUnreachableError,
    DatabaseUnreadableError,
    StorageError,
)
from storage.url import passwords, redact

BUSY_TIMEOUT_SECONDS = 60
# The caller knows what these mean, or they are bugs.
_STATEMENTS_FAULT = (IntegrityError, ProgrammingError, DataError)

# SQLSTATE: connection exceptions, shutdowns and restarts, too many connections.
_AWAY_STATES = ("08", "57P01", "57P02", "57P03", "53300")
# A refusal to connect has no SQLSTATE, only words. Of those that a server says itself ("FATAL:"),
# these pass by waiting; a wrong password does not.
_AWAY_WORDS = ("starting up", "shutting down", "recovery", "too many", "connection slots")

# What the driver says -> what is the matter, and what to do.
_REMEDIES = (
    (
        "not a database",
        "it is a file of another kind. Choose another --storage, or move the file away",
    ),
    (
        "malformed",
        "it is damaged or cut short. Restore a copy of it, or save what is left with "
        "sqlite3's .recover command, and open that",
    ),
    (
        "readonly",
        "it cannot be written to. Change the permissions of the file and its folder, or choose "
        "another --storage",
    ),
    (
        "unable to open",
        "it cannot be opened. Check the permissions of the file and its folder, or choose "
        "another --storage",
    ),
    ("disk is full", "the disk is full. Free some space, then type `dampen resume`"),
    ("no space left", "the server's disk is full. Free some space, then type `dampen resume`"),
    ("disk i/o", "the disk refused to read or write. Check the disk and its free space"),
    (
        "no such table",
        "its tables are gone. Restore a copy of it, or choose another --storage",
    ),
)


@contextmanager
def sentences(url: str) -> Iterator[None]:
    """Within the block, a database's refusal is raised as an error of this room.

    Raises:
        DatabaseBusyError: another process held the database for longer than the busy timeout.
        DatabaseUnreachableError: the server does not answer, or the connection broke; whether
            what was being written arrived is not known.
        DatabaseUnreadableError: any other refusal that is not the statement's own fault.
    """
    try:
        yield
    except _STATEMENTS_FAULT:
        raise
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error) as error:
        secret = any(password in str(error) for password in passwords(url))
        raise refusal(url, error) from (None if secret else error)


def speak_in_sentences(engine: Engine, url: str) -> None:
    """From now on the engine raises errors of this room, as within `sentences`.

    So whoever uses it meets the same errors, Optuna's storage included, which would otherwise wrap
    a lost connection in advice about invalid data.
    """

    def say(context: ExceptionContext) -> BaseException | None:
        error = context.sqlalchemy_exception
        # A ping that fails is not an error: the pool makes a new connection.
        if error is None or context.is_pre_ping or isinstance(error, _STATEMENTS_FAULT):
            return None
        return refusal(url, error)

    event.listen(engine, "handle_error", say)


def is_away(error: BaseException) -> bool:
    """Whether the database server is away for the moment, rather than says no."""
    if isinstance(error, DatabaseUnreachableError):
        return True  # said already, of a proxy
    original = _driver_error(error)
    if not any(kind.__name__ == "OperationalError" for kind in type(original).__mro__):
        return False
    if not hasattr(original, "sqlstate"):
        return False  # a file has no server that could be away
    if original.sqlstate is not None:
        return str(original.sqlstate).startswith(_AWAY_STATES)
    said = str(original)
    return "FATAL:" not in said or any(words in said for words in _AWAY_WORDS)


def refusal(url: str, error: Exception) -> StorageError:
    """Returns the error of this room that says in a sentence what the driver meant."""
    said = driver_text(error)
    for password in passwords(url):
        said = said.replace(password, "***")
    if is_away(error):
        return DatabaseUnreachableError(
            f"The storage {redact(url)} must answer; it does not: {said}. Check that the server is "
            "running, and the host and port of the URL."
        )
    lowered = said.lower()
    if "locked" in lowered or "busy" in lowered:
        return DatabaseBusyError(
            f"The storage {redact(url)} must become free within {BUSY_TIMEOUT_SECONDS} s; another "
            "process held it longer. End that process, or use PostgreSQL for many workers."
        )
    for fragment, remedy in _REMEDIES:
        if fragment in lowered:
            return DatabaseUnreadableError(f"The storage {redact(url)} cannot be used: {remedy}.")
    return DatabaseUnreadableError(
        f"The storage {redact(url)} cannot be used; its database says: {said}. Check the URL."
    )


def driver_text(error: BaseException) -> str:
    """Returns the first line of the driver's own words, without SQLAlchemy's statement below."""
    lines = str(_driver_error(error)).strip().splitlines() or [""]
    return " ".join(lines[0].split()).rstrip(".")


def _driver_error(error: BaseException) -> BaseException:
    while isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return getattr(error, "orig", None) or error
