"""Who is let in to the dashboard: whoever shows its token, in a link, a cookie or a header.

The link is for people and works once a browser: it leaves a cookie there, and the token out of the
address bar. The header, `Authorization: Bearer TOKEN`, is for programs. The cookie holds what
follows from the token, and not the token, which may have characters that a cookie may not; its name
differs with the token, since a browser sends the cookies of all ports of a machine to each.
Next: `guard.py` asks, and refuses.
"""

import hmac
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from storage.errors import AddressError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SHORTEST = 16  # characters; those who guess are not slowed down
_PARAMETER = "token"


def checked_token(token: str | None, *, needed: bool) -> str | None:
    """Returns the token to ask for, made here if one is needed and none is given.

    Args:
        token: the user's own.
        needed: whether others than this machine's users reach the dashboard.

    Raises:
        AddressError: the user's own is too short.
    """
    if token is None:
        return secrets.token_urlsafe() if needed else None
    if len(token) < _SHORTEST:
        raise AddressError(
            f"`--token` must have at least {_SHORTEST} characters; got {len(token)}. Leave it out, "
            "and one is made where others can reach the dashboard."
        )
    return token


def link(address: str, token: str) -> str:
    """Returns what a person opens to be let in."""
    return f"{address}/?{urlencode({_PARAMETER: token})}"


def is_admitted(environ: "WSGIEnvironment", token: str) -> bool:
    """Whether a request has the token in its header, or the cookie that the link left."""
    scheme, _, shown = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer" and _equal(shown.strip(), token.encode()):
        return True
    proof = _cookie_value(token).encode()
    cookies = (part.strip().partition("=") for part in environ.get("HTTP_COOKIE", "").split(";"))
    # A generator would stop at the first that fits; what is compared must not depend on it.
    fits = [_equal(value, proof) for name, _, value in cookies if name == _cookie_name(token)]
    return any(fits)


def is_link(environ: "WSGIEnvironment", token: str) -> bool:
    """Whether a request is a person's who follows the link."""
    if environ["REQUEST_METHOD"] != "GET":
        return False
    fits = [
        hmac.compare_digest(value.encode(), token.encode())
        for name, value in _query(environ)
        if name == _PARAMETER
    ]
    return any(fits)


def cookie(token: str) -> str:
    """Returns the value of a Set-Cookie header; the browser forgets it when it is closed."""
    return f"{_cookie_name(token)}={_cookie_value(token)}; HttpOnly; SameSite=Strict; Path=/"


def address_without_token(environ: "WSGIEnvironment") -> str:
    """Returns the path that the link leads to, as a browser takes it, on this server only."""
    # Two slashes at the front would lead to another server.
    path = "/" + environ["PATH_INFO"].lstrip("/")
    others = [(name, value) for name, value in _query(environ) if name != _PARAMETER]
    return quote(path.encode("latin-1")) + (f"?{urlencode(others)}" if others else "")


def _query(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    return parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)


def _cookie_name(token: str) -> str:
    return f"dampen_{_derived(token, 'name')[:8]}"


def _cookie_value(token: str) -> str:
    return _derived(token, "value")


def _derived(token: str, purpose: str) -> str:
    return hmac.new(token.encode(), purpose.encode(), sha256).hexdigest()


def _equal(header: str, secret: bytes) -> bool:
    """Whether a part of a header is the secret, in a time that does not say how much of it is."""
    return hmac.compare_digest(header.encode("latin-1"), secret)
