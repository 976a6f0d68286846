"""Which names a request may call the dashboard by, against DNS rebinding.

A page of a stranger can have its own name resolve to this machine, and the browser then takes the
dashboard for a part of that page. Only the name gives it away, and it stands in the Host header,
which no page can change. An address in digits is no name that could be made to resolve to
something else, so every one is let through: it is how people reach a container, a forwarded port
or a machine without a name. Next: `guard.py` refuses by what this file says.
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address

from storage.errors import AddressError

_HOST = re.compile(r"(?:\[(?P<digits>[0-9a-f:.]+)\]|(?P<name>[^\s:/@\[\]]+))(?::\d*)?")


def served_names(*, host: str, loopback: bool, allowed: Iterable[str] = ()) -> frozenset[str]:
    """Returns the names that the dashboard answers to.

    Args:
        host: where it listens, as the user typed it.
        loopback: whether only this machine reaches it there. If not, it has this machine's own
            name too.
        allowed: more names, of a reverse proxy for instance.

    Raises:
        AddressError: one of `allowed` is not a name.
    """
    names = {"localhost", host.lower(), *map(_allowed_name, allowed)}
    if not loopback:
        # Not the name with the domain: asking for it waits for a slow name server.
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local"}
    return frozenset(names)


def is_served(host_header: str, names: frozenset[str]) -> bool:
    """Whether a Host header has one of the names, or an address in digits; the port is anyone's."""
    name = _name(host_header)
    return name is not None and (name in names or _is_address(name))


def name_shown(host_header: str) -> str:
    """Returns the name in a Host header, to be named to a person, or all of what is no name."""
    return _name(host_header) or host_header


def _name(host_header: str) -> str | None:
    found = _HOST.fullmatch(host_header.lower())
    if found is None:
        return None
    return found["digits"] or found["name"].removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _allowed_name(text: str) -> str:
    name = _name(text)
    if name is None or "*" in name:
        raise AddressError(
            "`--allow-host` must be a name as it stands in a browser's address bar, such as "
            f"dash.example.com; got {text!r}. Leave out the rest of the address."
        )
    return name
