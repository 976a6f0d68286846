"""Networks and commands in words, for a terminal."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from search.spaces.space import hyperparameters, is_dense
from storage.url import redact, resolve_url

# The rest of a cocktail, said where it is on.
_MORE = {
    "weight_decay": ("weight decay", ".1e"),
    "clip_norm": ("clip norm", ".2g"),
    "max_norm": ("max norm", ".2g"),
    "label_smoothing": ("label smoothing", ".2f"),
    "input_noise": ("noise", ".2g"),
    "mixup": ("mixup", ".2g"),
    "cutmix": ("cutmix", ".2f"),
    "fgsm": ("FGSM", ".1e"),
    "stochastic_depth": ("stochastic depth", ".2f"),
}


def say_network(params: Mapping[str, Any]) -> str:
    """Return a network in one line: `128-64 relu, dropout 0.21, L1 off, L2 3.2e-04, ...`.

    Of a person's own network its parameters: `filters 16, dropout 0.21`.
    """
    if not is_dense(params):
        said = [f"{name} {say_parameter(value)}" for name, value in params.items()]
        return ", ".join(said) or "no parameters"
    chosen = hyperparameters(params)
    widths = "-".join(str(width) for width in chosen.widths)
    normalization = "" if chosen.normalization == "none" else f" {chosen.normalization} norm,"
    scaling = "" if chosen.scaling == "standard" else f", {chosen.scaling} scaling"
    weight = "" if chosen.class_weight == "none" else f", {chosen.class_weight} classes"
    skip = " with skips" if chosen.skip else ""
    shape = "" if chosen.dropout_shape == "constant" or not chosen.dropout else chosen.dropout_shape
    optimizer = "" if chosen.optimizer == "adam" else f" {chosen.optimizer}"
    schedule = "" if chosen.schedule == "constant" else f" {chosen.schedule}"
    more = [f", {said}" for said in say_more(asdict(chosen))]
    averaging = "" if chosen.averaging == "none" else f", {chosen.averaging} average"
    embedding = ""
    if chosen.numeric_embedding != "none":
        embedding = f", {chosen.numeric_embedding} numbers of {chosen.embedding_size}"
    if chosen.level_size != 1:
        embedding += f", levels {chosen.level_size:g} times as long"
    members = "" if chosen.members == 1 else f", {chosen.members} members"
    return (
        f"{widths} {chosen.activation}{skip},{normalization} "
        f"dropout {_strength(chosen.dropout, '.2f')}{shape and f' {shape}'}, "
        f"L1 {_strength(chosen.l1, '.1e')}, L2 {_strength(chosen.l2, '.1e')}, "
        f"lr {chosen.learning_rate:.1e}{optimizer}{schedule}, batch {chosen.batch_size}"
        f"{scaling}{weight}{''.join(more)}{averaging}{embedding}{members}"
    )


def say_parameter(value: Any) -> str:
    """Return the value of a parameter, a fraction to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def say_more(network: Mapping[str, Any]) -> list[str]:
    """Return the strengths beyond dropout, L1 and L2 that a network has on: `mixup 0.2`, ..."""
    return [
        f"{said} {network[name]:{form}}"
        for name, (said, form) in _MORE.items()
        if network.get(name)  # older releases' have none
    ]


def say_value(value: float, standard_error: float | None) -> str:
    """Return a ROC-AUC, with its standard error where there is one: `0.9123 ±0.0045`."""
    return f"{value:.4f}" if standard_error is None else f"{value:.4f} ±{standard_error:.4f}"


def say_columns(columns: Sequence[str]) -> str:
    """Return how many columns there are, in words."""
    return "1 column" if len(columns) == 1 else f"{len(columns):,} columns"


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
