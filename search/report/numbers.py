"""Numbers as a report writes them; what is not known is a dash."""

from collections.abc import Mapping
from typing import Any

UNKNOWN = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def say_number(value: float | None, form: str = ".3f") -> str:
    """Return a number in a format."""
    return UNKNOWN if value is None else format(value, form).replace("-", _MINUS)


def say_difference(value: float | None) -> str:
    """Return a difference with its sign."""
    return say_number(value, "+z.3f")


def say_interval(found: Mapping[str, Any]) -> str:
    """Return the bounds of an interval: `0.742 to 0.866`."""
    if found.get("low") is None or found.get("high") is None:
        return UNKNOWN
    return f"{say_number(found['low'])} to {say_number(found['high'])}"


def say_p(p: float | None) -> str:
    """Return a p value: `p = 0.62`, `p < 0.001`."""
    if p is None:
        return "p unknown"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def say_strength(name: str, strength: float) -> str:
    """Return a dropout rate or the strength of a penalty; 0 is off."""
    if not strength:
        return "off"
    return f"{strength:.2f}" if name == "dropout" else f"{strength:.1e}"
