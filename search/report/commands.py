"""The command that makes a study again, from what it was launched with."""

import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from objectives.table.roles import Roles
from search.settings import Settings
from search.spaces.named_spaces import DEFAULT_SPACE
from search.spaces.space_text import space_changes


def launch_command(settings: Settings, *, trials: int, confirm: int) -> str:
    """Return the `dampen launch` that leads to the same study.

    The table is named without its folder: a report goes to people who have it elsewhere. A space
    file is not named, since they do not have it: what it changed is.
    """
    words = ["dampen", "launch", _file(settings.data.source)]
    for option, value in _options(settings, trials, confirm):
        text = str(value)
        words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return " ".join(map(_quoted, words))


def _file(source: str) -> str:
    name = Path(source).name
    return f"./{name}" if name.startswith("-") else name


def _options(settings: Settings, trials: int, confirm: int) -> Iterator[tuple[str, Any]]:
    yield "--target", settings.data.target
    yield "--trials", trials
    yield "--workers", settings.workers
    yield "--seed", settings.seed
    yield "--sampler", settings.sampler
    yield "--pruner", settings.pruner
    yield "--max-epochs", settings.max_epochs
    yield "--patience", settings.patience
    yield "--folds", settings.folds
    yield "--confirm", confirm
    if settings.timeout_seconds is not None:
        yield "--timeout", f"{settings.timeout_seconds:g}s"
    if settings.objective is not None and settings.objective.source != settings.data.source:
        yield "--objective", _file(settings.objective.source)
    spec = settings.spec()
    if spec.base != DEFAULT_SPACE:
        yield "--space", spec.base
    for change in space_changes(spec):
        yield "--set", change
    for role in fields(Roles):
        told = getattr(settings.roles, role.name)
        for value in told if isinstance(told, tuple) else [told]:
            if value is not None:
                yield f"--{role.name}", value


def visible(command: str) -> str:
    """Return a command as one line in which nothing is hidden."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in command)


def _quoted(word: str) -> str:
    """Return a word as a shell reads it back, also where a column's name has a line break."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"  # bash and zsh


def _escaped(c: str) -> str:
    if c.isprintable() and c not in "\\'":
        return c
    return f"\\U{ord(c):08x}" if ord(c) > 127 else f"\\x{ord(c):02x}"
