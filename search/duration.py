"""Durations as people write them: `90s`, `10m`, `2h`."""

import math
import re

from search.errors import SettingError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str | float) -> float:
    """Return the seconds meant by a number and its unit, `s`, `m` or `h`.

    Args:
        text: such as "90s"; a number that is no text is one of seconds.

    Raises:
        SettingError: no number, no unit, not positive, or no end.
    """
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 < text < math.inf:
        return float(text)
    text = str(text)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise SettingError(
            f"a duration must be a positive number and its unit, as 90s, 10m or 2h; got `{text}`."
        )
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """Return seconds as a person would say them: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
