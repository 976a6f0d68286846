"""Serves Optuna's storage proxy: one process that asks the database for many workers.

It keeps the finished trials in memory, so that a thousand workers who sample do not each read them
from the database. The server is Optuna's own, over gRPC; what it lacks is a second try where a
connection broke. Next: `proxied.py` is the workers' end.
"""

import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from optuna.storages._grpc.server import make_server

from storage.database import close, open_database
from storage.errors import DatabaseBusyError, DatabaseUnreachableError, StorageURLError
from storage.patience import PATIENCE_SECONDS, Patience
from storage.proxied import Ask, called_through
from storage.server import bind, is_loopback
from storage.url import database_file, redact, resolve_url


def serve_proxy(
    url: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 13000,
    say: Callable[[str], None],
) -> None:
    """Serves a PostgreSQL storage to workers with DAMPEN_PROXY set, until Ctrl-C.

    Args:
        url: as for `storage.url.resolve_url`; tables that are missing are made.
        host: the interface to listen at. Nobody is asked who they are.
        port: 0 to 65535; 0 takes any free one.
        say: gets the address when it begins, and a sentence when the database goes or comes back.

    Raises:
        StorageURLError: the storage is a file.
        AddressError: the port is taken, or the host is not this machine's.
        StorageError: as for `storage.database.open_database`.
    """
    resolved = resolve_url(url)
    if database_file(resolved) is not None:
        raise StorageURLError(
            f"The storage of a proxy must be a PostgreSQL server; got {redact(resolved)}, a file "
            "that only processes of its own machine may write to. Add --storage postgresql://..."
        )
    patience = Patience(limit_seconds=PATIENCE_SECONDS, say=say)
    # Bound once before gRPC does it, which would share a port with another server, silently.
    with bind(host=host, port=port, command="dampen storage-proxy") as listening:
        address, port = listening.getsockname()[:2]
        loopback = is_loopback(listening)
    db = open_database(resolved, patience=patience, proxied=False)
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # the one who asked is told
    quoted = f"[{host}]" if ":" in host else host
    shown = socket.gethostname() if ip_address(address).is_unspecified else quoted
    server = make_server(called_through(db.optuna, _again), quoted, port)
    try:
        server.start()
        say(f"The storage proxy is at {shown}:{port} (Ctrl-C ends it)")
        if not loopback:
            say("Whoever reaches it can read and change every study: keep it on a private network.")
        server.wait_for_termination()
    except KeyboardInterrupt:
        return
    finally:
        server.stop(None)  # who has asked is told that it is away, and asks again
        patience.over.set()
        close(db)


def _again(ask: Ask) -> Any:
    """Asks again where a connection broke: what workers write through a proxy may come twice."""
    try:
        return ask()
    except (DatabaseUnreachableError, DatabaseBusyError):
        return ask()  # making a new connection waits until the database is back
