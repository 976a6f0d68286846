"""Networks and commands in words, for a terminal."""

import shlex
from collections.abc import Mapping
from typing import Any

from search.space import hyperparameters
from storage.url import redact, resolve_url


def say_network(params: Mapping[str, Any]) -> str:
    """Return a network in one line: `128-64 relu, dropout 0.21, L1 off, L2 3.2e-04, ...`."""
    chosen = hyperparameters(params)
    widths = "-".join(str(width) for width in chosen.widths)
    normalization = "" if chosen.normalization == "none" else f" {chosen.normalization} norm,"
    return (
        f"{widths} {chosen.activation},{normalization} dropout {_strength(chosen.dropout, '.2f')}, "
        f"L1 {_strength(chosen.l1, '.1e')}, L2 {_strength(chosen.l2, '.1e')}, "
        f"lr {chosen.learning_rate:.1e}, batch {chosen.batch_size}"
    )


def resume_command(study: str, url: str) -> str:
    """Return the command that goes on with a study from this folder, without a password."""
    command = f"dampen resume {shlex.quote(study)}"
    if url == resolve_url(None):
        return command
    return f"{command} --storage {shlex.quote(redact(url))}"


def _strength(value: float, form: str) -> str:
    return format(value, form) if value > 0 else "off"
