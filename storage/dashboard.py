"""Shows the storage in a browser: optuna-dashboard behind a small threaded server.

Two things stand between the dashboard and the database. What only reads takes no lock, so that
an open page never holds up a worker. And a study cannot be renamed: the dashboard would copy its
trials under a new name and delete the original, and with it the settings that resuming needs.
"""

import errno
import json
import socket
import socketserver
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from storage.database import Database, close, deferred_transactions, open_database
from storage.errors import DashboardAddressError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PORTS_TRIED = 100


def serve(
    url: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    on_ready: Callable[[str], None],
) -> None:
    """Serves the dashboard until Ctrl-C, which ends it quietly.

    Args:
        url: as for `storage.url.resolve_url`; the storage must exist.
        host: the interface to listen at. The dashboard has no password, so anything but this
            machine's own lets everyone on the network change the studies.
        port: 0 to 65535; 0 takes any free one.
        on_ready: called with the address once it answers.

    Raises:
        StorageMissingError: there is nothing to show.
        DashboardAddressError: the port is taken (the next free one is named), or the host is not
            this machine's.
    """
    db = open_database(url, create=False)
    try:
        with bind(host=host, port=port) as server:
            server.set_app(dashboard_app(db))
            on_ready(address_of(server))
            server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        return
    finally:
        close(db)


def dashboard_app(db: Database) -> "WSGIApplication":
    """Returns the dashboard as a WSGI application on an open storage."""
    from optuna.artifacts import FileSystemArtifactStore

    # Takes two seconds, so only who serves it imports it.
    from optuna_dashboard import wsgi  # type: ignore[import-untyped]

    db.artifacts.mkdir(parents=True, exist_ok=True)
    app: WSGIApplication = wsgi(db.optuna, artifact_store=FileSystemArtifactStore(db.artifacts))

    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            with deferred_transactions():
                return app(environ, start_response)
        if environ["PATH_INFO"].rstrip("/").endswith("/rename"):
            return _refuse_rename(start_response)
        return app(environ, start_response)

    return guarded


def bind(*, host: str, port: int) -> WSGIServer:
    """Returns a server that has the port already; `set_app` and `serve_forever` are to follow.

    Raises:
        DashboardAddressError: see `serve`.
    """
    if not 0 <= port <= 65535:
        raise DashboardAddressError(
            f"`port` must be an int in [0, 65535]; got {port}. Try --port 8080."
        )
    server_class = _V6Server if ":" in host else _Server
    try:
        return server_class((host, port), _QuietHandler)
    except OSError as error:
        raise _address_error(host, port, error) from error


def address_of(server: WSGIServer) -> str:
    """Returns the address to type into a browser."""
    host, port = str(server.server_address[0]), server.server_address[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104, compared, not bound
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A browser asks for several things at once; a stuck one must not delay Ctrl-C."""

    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        # http.server would look up the host's name here, which waits for a slow name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser that leaves in the middle of an answer is no news.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _V6Server(_Server):
    address_family = socket.AF_INET6


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the overridden signature
        """One line a request would bury the address that was printed."""


def _refuse_rename(start_response: "StartResponse") -> Iterable[bytes]:
    reason = "A study of dampen cannot be renamed: its settings would be lost."
    start_response("409 Conflict", [("Content-Type", "application/json")])
    return [json.dumps({"reason": reason}).encode()]


def _address_error(host: str, port: int, error: OSError) -> DashboardAddressError:
    if error.errno == errno.EADDRINUSE:
        free = _next_free_port(host, port)
        remedy = f"{free} is free: dampen dashboard --port {free}" if free else "try --port 0"
        return DashboardAddressError(f"Port {port} is busy; {remedy}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DashboardAddressError(
            f"Port {port} may be used by the system only; choose one above 1023: "
            "dampen dashboard --port 8080"
        )
    return DashboardAddressError(
        f"`host` must be an address of this machine; got {host!r} ({error.strerror or error}). "
        "Leave it out, or try --host 127.0.0.1."
    )


def _next_free_port(host: str, port: int) -> int | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port + 1, min(port + 1 + _PORTS_TRIED, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    return None
