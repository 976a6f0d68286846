"""Listens at an address, and answers from there with a WSGI application, through waitress.

The socket is made here and not by waitress, so that a port that is taken or a host that is not ours
costs a sentence, and before anything slow is imported. Next: `dashboard.py` says what is served.
"""

import errno
import logging
import socket
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING

from storage.errors import AddressError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from waitress.wasyncore import _SocketMap

_PORTS_TRIED = 100
_THREADS = 8  # a browser asks for six things at once, and a chart may take seconds
_MAX_BODY_BYTES = 128 * 1024**2  # what the dashboard takes for a file
_LOOK_UP_SECONDS = 0.2
_GRACE_SECONDS = 1


def bind(*, host: str, port: int, command: str = "dampen dashboard") -> socket.socket:
    """Returns a socket that listens; `answer` is to follow.

    Args:
        host: an address or a name of this machine; `0.0.0.0` stands for all of its addresses, `::`
            for those of IPv6 too.
        port: 0 to 65535; 0 takes any free one.
        command: what the user typed, for the remedies.

    Raises:
        AddressError: the port is taken (the next free one is named), or the host is not
            this machine's.
    """
    if not 0 <= port <= 65535:
        raise AddressError(f"`port` must be an int in [0, 65535]; got {port}. Try --port 0.")
    try:
        return socket.create_server(
            (host, port), family=_family(host), dualstack_ipv6=_is_dual(host)
        )
    except (OSError, UnicodeError) as error:  # the latter: no name at all
        raise _address_error(host, port, error, command) from error


def address_of(listening: socket.socket) -> str:
    """Returns the address to type into a browser."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104, compared, not bound
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine reaches the socket."""
    return ip_address(listening.getsockname()[0]).is_loopback


def answer(
    listening: socket.socket, app: "WSGIApplication", *, stop: threading.Event | None = None
) -> None:
    """Answers requests until Ctrl-C, which is raised, or until `stop` is set.

    The socket is closed at the end. A request that takes longer than a second is left alone then:
    its thread ends with the process.
    """
    from waitress.server import create_server
    from waitress.wasyncore import close_all, loop

    # Its warnings are of a browser that asks for much at once, or leaves in the middle.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    stop = stop or threading.Event()
    open_sockets: _SocketMap = {}
    server = create_server(
        app,
        map=open_sockets,
        sockets=[listening],
        threads=_THREADS,
        max_request_body_size=_MAX_BODY_BYTES,
        log_socket_errors=False,
        ident="dampen",
    )
    try:
        while not stop.is_set():
            loop(timeout=_LOOK_UP_SECONDS, use_poll=True, map=open_sockets, count=1)
    finally:
        server.task_dispatcher.shutdown(timeout=_GRACE_SECONDS)
        close_all(open_sockets)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_dual(host: str) -> bool:
    return host == "::" and socket.has_dualstack_ipv6()


def _address_error(host: str, port: int, error: Exception, command: str) -> AddressError:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        free = _next_free_port(host, port)
        remedy = f"{free} is free: {command} --port {free}" if free else "try --port 0"
        return AddressError(f"Port {port} is busy; {remedy}")
    if code in (errno.EACCES, errno.EPERM):
        return AddressError(
            f"Port {port} may be used by the system only; choose one above 1023: "
            f"{command} --port 8080"
        )
    return AddressError(
        f"`host` must be an address of this machine; got {host!r}. "
        "Leave it out, or try --host 127.0.0.1."
    )


def _next_free_port(host: str, port: int) -> int | None:
    for candidate in range(port + 1, min(port + 1 + _PORTS_TRIED, 65536)):
        try:
            with socket.create_server(
                (host, candidate), family=_family(host), dualstack_ipv6=_is_dual(host)
            ):
                return candidate
        except OSError:
            continue
    return None
