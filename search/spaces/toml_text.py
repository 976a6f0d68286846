"""Values written as TOML, which the standard library only reads."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_value(value: Any) -> str:
    """Return a value as TOML on one line: `{low = 1e-6, log = true}`.

    Raises:
        TypeError: it is neither a truth value, a number, a text, a list nor a table of these.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        is_small = 0 < abs(value) < 0.01  # and finite, and read more easily as 3e-4
        return f"{Decimal(repr(value)).normalize():e}" if is_small else repr(value)
    if isinstance(value, int):
        return hex(value) if value.bit_length() > 1_000 else str(value)  # which str may refuse
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(k)} = {toml_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    raise TypeError(f"TOML here has no {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_value(key)
