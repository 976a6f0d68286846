"""Shows the storage in a browser: optuna-dashboard behind a guard and a small threaded server.

Three things stand between the page and the database. What only reads takes no lock, so that an
open page never holds up a worker. A study cannot be renamed: the dashboard would copy its trials
under a new name and delete the original, and with it the settings that resuming needs. And a change
that was made is answered with an empty document instead of with nothing, which the page of
optuna-dashboard 0.21 takes for a failure.
Two more make it better than it comes: `dashboard_script.py` and `dashboard_trials.py`.
Next: `guard.py` says who is let in, `server.py` listens.
"""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from storage.admission import checked_token, link
from storage.dashboard_script import PATH, serve_script
from storage.dashboard_trials import install
from storage.database import Database, close, deferred_transactions, open_database
from storage.guard import READING, Policy, guarded, refuse
from storage.hosts import served_names
from storage.server import address_of, answer, bind, is_loopback

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def serve(
    url: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str | None = None,
    allowed_hosts: Collection[str] = (),
    read_only: bool = False,
    on_ready: Callable[[str], None],
) -> None:
    """Serves the dashboard until Ctrl-C, which ends it quietly.

    Args:
        url: as for `storage.url.resolve_url`; the storage must exist.
        host: the interface to listen at. Any that others reach needs a token.
        port: 0 to 65535; 0 takes any free one.
        token: what a request must show, 16 characters or more; made where one is needed and none
            is given.
        allowed_hosts: more names that it may be called by, of a reverse proxy for instance. Others
            reach it there, so that it needs a token too.
        read_only: whether every change is refused.
        on_ready: called with the address once it answers; with a token that was made here, the
            address is the link that has it, and is to be shown to the user only.

    Raises:
        StorageMissingError: there is nothing to show.
        AddressError: the port is taken (the next free one is named), the host is not
            this machine's, an allowed one is not a name, or the token is too short.
    """
    db = open_database(url, create=False, proxied=False)
    try:
        with bind(host=host, port=port) as listening:
            policy = policy_for(
                host=host,
                loopback=is_loopback(listening),
                token=token,
                allowed_hosts=allowed_hosts,
                read_only=read_only,
            )
            app = guarded(dashboard_app(db), policy)
            address = address_of(listening)
            made = policy.token if token is None else None
            on_ready(address if made is None else link(address, made))
            answer(listening, app)
    except KeyboardInterrupt:
        return
    finally:
        close(db)


def policy_for(
    *,
    host: str,
    loopback: bool,
    token: str | None,
    allowed_hosts: Collection[str],
    read_only: bool,
) -> Policy:
    """Returns who may do what at an address; arguments and errors are as for `serve`."""
    return Policy(
        names=served_names(host=host, loopback=loopback, allowed=allowed_hosts),
        # Who needs another name for it is not on this machine.
        token=checked_token(token, needed=not loopback or bool(allowed_hosts)),
        read_only=read_only,
    )


def dashboard_app(db: Database) -> "WSGIApplication":
    """Returns the dashboard as a WSGI application on an open storage, open to everyone."""
    # Takes two seconds, so only who serves it imports it.
    from optuna_dashboard import wsgi  # type: ignore[import-untyped]

    install()
    app: WSGIApplication = wsgi(db.optuna, artifact_store=db.place.store())

    def careful(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in READING:
            if environ["PATH_INFO"] == PATH:
                return serve_script(environ, start_response)
            with deferred_transactions():
                return app(environ, start_response)
        if environ["PATH_INFO"].rstrip("/").endswith("/rename"):
            return refuse(environ, start_response, "409 Conflict", _NO_RENAMING)
        return _changed(app, environ, start_response)

    return careful


_NO_RENAMING = "A study of dampen cannot be renamed: its settings would be lost."


def _changed(
    app: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    empty = False

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        nonlocal empty
        empty = status.startswith("204")
        if empty:
            status, headers = "200 OK", [("Content-Type", "application/json")]
        return start_response(status, headers, exc_info)

    body = app(environ, start)
    return [b"{}"] if empty else body
