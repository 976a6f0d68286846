"""Stands before the dashboard, which has no password, and decides which requests reach it.

A request is looked at in this order, and the first that does not fit is its answer:

| what                              | else | against                                        |
|-----------------------------------|------|------------------------------------------------|
| the name it calls us by           | 403  | a stranger's page that resolves to us, `hosts` |
| the token, where one is asked for | 401  | everyone else on the network, `admission`      |
| where a change comes from         | 403  | a stranger's page that sends us a form         |
| that it changes nothing           | 403  | a slip of the hand, under `--read-only`        |

Next: `dashboard.py` says what is guarded, `server.py` who calls it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from storage.admission import address_without_token, cookie, is_admitted, is_link
from storage.hosts import is_served, name_shown

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READING = ("GET", "HEAD", "OPTIONS")

_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_FRAMES = "frame-ancestors 'self'"
# A file that somebody uploaded must not act as the page does, whatever is in it.
_UPLOADED = f"{_FRAMES}; sandbox"

_HOP = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>dampen</title>
<meta http-equiv="refresh" content="0; url={address}"></head>
<body><a href="{address}">The dashboard</a></body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Who may do what."""

    names: frozenset[str]  # as from `storage.hosts.served_names`
    token: str | None = field(default=None, repr=False)  # None lets everyone in
    read_only: bool = False


def guarded(app: "WSGIApplication", policy: Policy) -> "WSGIApplication":
    """Returns the application, reached only by what the policy allows."""

    def guard(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start = _with_headers(environ, start_response)
        if not is_served(environ.get("HTTP_HOST", ""), policy.names):
            return refuse(environ, start, "403 Forbidden", _unknown_name(environ))
        if policy.token is not None:
            if is_link(environ, policy.token):
                return _hop(environ, start, policy.token)
            if not is_admitted(environ, policy.token):
                return refuse(environ, start, "401 Unauthorized", _STRANGER)
        if environ["REQUEST_METHOD"] not in READING:
            if not _is_same_origin(environ):
                return refuse(environ, start, "403 Forbidden", _FOREIGN)
            if policy.read_only:
                return refuse(environ, start, "403 Forbidden", _READ_ONLY)
        return app(_without_secrets(environ), start)

    return guard


def refuse(
    environ: "WSGIEnvironment", start_response: "StartResponse", status: str, sentence: str
) -> Iterable[bytes]:
    """Answers a request with a sentence, in the form that who asked can show."""
    if environ["PATH_INFO"].startswith("/api/") or environ["REQUEST_METHOD"] not in READING:
        kind, body = "application/json", json.dumps({"reason": sentence})
    else:
        kind, body = "text/plain; charset=utf-8", f"{sentence}\n"
    headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
    if status.startswith("401"):
        headers.append(("WWW-Authenticate", "Bearer"))
    start_response(status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body.encode()]


_STRANGER = (
    "This dashboard must be opened with its token: by the link that `dampen dashboard` printed, or "
    "by adding /?token=TOKEN to the address."
)
_FOREIGN = (
    "A change must come from the dashboard's own page; this one came from another site. Behind a "
    "reverse proxy, let it pass on the Host header."
)
_READ_ONLY = "This dashboard is read-only; start it without --read-only to change anything."


def _unknown_name(environ: "WSGIEnvironment") -> str:
    name = name_shown(environ.get("HTTP_HOST", ""))[:100]
    return (
        f"This dashboard must be called by a name it knows; got {name!r}. If that is where you "
        f"want it, add --allow-host {name or 'NAME'} to `dampen dashboard`."
    )


def _is_same_origin(environ: "WSGIEnvironment") -> bool:
    """Whether a change comes from our own page, or from a program that is not a browser.

    Browsers say where a request comes from, and no page can change it: in Sec-Fetch-Site, where
    the connection is encrypted or stays on this machine, and everywhere in Origin.
    """
    if "HTTP_SEC_FETCH_SITE" in environ:
        return environ["HTTP_SEC_FETCH_SITE"] in ("same-origin", "none")
    if "HTTP_ORIGIN" not in environ:
        return True
    # Not the scheme: a reverse proxy may speak HTTPS for us.
    origin = str(environ["HTTP_ORIGIN"]).partition("://")[2]
    return origin.lower() == str(environ["HTTP_HOST"]).lower()


def _hop(
    environ: "WSGIEnvironment", start_response: "StartResponse", token: str
) -> Iterable[bytes]:
    """Answers the link with a page that leaves the cookie and goes on to the address without token.

    Not with a redirect: that would still count as the doing of the site where the link stood, in a
    mail or a chat, and the browser would keep a strict cookie from it.
    """
    address = escape(address_without_token(environ))
    body = _HOP.format(address=address).encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'"),
        ("Set-Cookie", cookie(token)),
    ]
    start_response("200 OK", headers)
    return [body]


def _without_secrets(environ: "WSGIEnvironment") -> "WSGIEnvironment":
    """Returns the request as the dashboard needs it: what it does not know, it cannot log."""
    secret = ("HTTP_AUTHORIZATION", "HTTP_COOKIE")
    return {key: value for key, value in environ.items() if key not in secret}


def _with_headers(environ: "WSGIEnvironment", start_response: "StartResponse") -> "StartResponse":
    uploaded = environ["PATH_INFO"].lstrip("/").startswith("artifacts/")
    added = [*_HEADERS, ("Content-Security-Policy", _UPLOADED if uploaded else _FRAMES)]

    def start(
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
    ) -> Callable[[bytes], object]:
        kept = [
            # A reverse proxy may have another scheme and name than we know.
            (name, _path(value) if name.lower() == "location" else value)
            for name, value in headers
            # The dashboard offers its files to every site.
            if not name.lower().startswith("access-control-")
        ]
        return start_response(status, [*kept, *added], exc_info)

    return start


def _path(address: str) -> str:
    return urlsplit(address)._replace(scheme="", netloc="").geturl()
