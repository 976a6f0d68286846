"""Networks and commands in words, for a terminal."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from search.space import hyperparameters
from storage.url import redact, resolve_url


def say_network(params: Mapping[str, Any]) -> str:
    """Return a network in one line: `128-64 relu, dropout 0.21, L1 off, L2 3.2e-04, ...`."""
    chosen = hyperparameters(params)
    widths = "-".join(str(width) for width in chosen.widths)
    normalization = "" if chosen.normalization == "none" else f" {chosen.normalization} norm,"
    scaling = "" if chosen.scaling == "standard" else f", {chosen.scaling} scaling"
    weight = "" if chosen.class_weight == "none" else f", {chosen.class_weight} classes"
    return (
        f"{widths} {chosen.activation},{normalization} dropout {_strength(chosen.dropout, '.2f')}, "
        f"L1 {_strength(chosen.l1, '.1e')}, L2 {_strength(chosen.l2, '.1e')}, "
        f"lr {chosen.learning_rate:.1e}, batch {chosen.batch_size}{scaling}{weight}"
    )


def say_value(value: float, standard_error: float | None) -> str:
    """Return a ROC-AUC, with its standard error where there is one: `0.9123 ±0.0045`."""
    return f"{value:.4f}" if standard_error is None else f"{value:.4f} ±{standard_error:.4f}"


def say_labels(labels: Sequence[str], shares: Mapping[str, float] | None = None) -> str:
    """Return the classes: `yes (positive) or no`, or `a, b, c`; with shares of the rows."""
    said = {label: label if shares is None else f"{label} {shares[label]:.1%}" for label in labels}
    if len(labels) == 2:
        return f"{said[labels[1]]} (positive) or {said[labels[0]]}"
    return ", ".join(said.values())


def resume_command(study: str, url: str) -> str:
    """Return the command that goes on with a study from this folder, without a password."""
    command = f"dampen resume {shlex.quote(study)}"
    if url == resolve_url(None):
        return command
    return f"{command} --storage {shlex.quote(redact(url))}"


def _strength(value: float, form: str) -> str:
    return format(value, form) if value > 0 else "off"
