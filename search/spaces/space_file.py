"""A search space as a person asks for it: a name, or a TOML file, and single parameters beside it.

    base = "cocktail"
    l1 = "off"
    dropout = {low = 0.0, high = 0.5}

Everything wrong with it is said at once, with its line in the file. `space_entries.py` says what a
parameter may be given, `space_text.py` writes such a file.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from search.errors import SettingError
from search.spaces.named_spaces import DEFAULT_SPACE, NAMED, SpaceSpec
from search.spaces.parameters import PARAMETERS
from search.spaces.space_entries import nearest_of, read_ranges, say_ranges, shown

_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")  # as tomllib ends


def read_space(space: str | Path, fixed: Mapping[str, Any] | None = None) -> SpaceSpec:
    """Return a space by its name or from its file.

    Args:
        space: the name of a space, or the path of a TOML file.
        fixed: what else is said of single parameters, and counts: as a line of the file would.

    Raises:
        SettingError: naming every mistake in a line of its own.
    """
    if str(space) in NAMED:
        base = str(space)
        spec = SpaceSpec(name=base, base=base, ranges=NAMED[base])
    elif str(space).endswith(".toml") or os.path.exists(space):
        spec = _from_text(Path(space).name, _text(Path(space)))
    else:
        raise SettingError(
            f"--space must be one of {', '.join(NAMED)}, or a TOML file; got "
            f"{shown(str(space))}{nearest_of(str(space), NAMED)}"
        )
    mistakes: list[str] = []

    def complain(parameter: str, says: str, key: str | None) -> None:
        option = f"--set {parameter}" if parameter in PARAMETERS else "--set"
        mistakes.append(f"{option}: {says}")

    ranges = read_ranges(fixed or {}, spec.ranges, complain)
    if mistakes:
        raise SettingError("\n".join(mistakes))
    return SpaceSpec(name=spec.name, base=spec.base, ranges=ranges)


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return what `NAME=VALUE` says, the value as TOML has it or else as a word.

    Raises:
        SettingError: it says nothing, or of one name twice.
    """
    found: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not (name and equals and text):
            raise SettingError(
                f"--set must be NAME=VALUE, such as l2=1e-4 or l1=off; got {shown(assignment)}."
            )
        if name in found:
            raise SettingError(f"--set must say `{name}` once; it says it twice.")
        found[name] = _value(text)
    return found


def stored_spec(spec: SpaceSpec) -> dict[str, Any]:
    """Return what is kept of a space in a study's settings, from which `spec_of` makes it again."""
    return {"base": spec.base, **say_ranges(spec.changes)}


def spec_of(settings: Mapping[str, Any]) -> SpaceSpec:
    """Return the space that a study's settings keep, as JSON values, with the name that it had.

    Raises:
        SettingError: this release knows less of it than the one that kept it.
    """
    changes = dict(settings.get("space_asked", {}))
    name = settings.get("space_name", DEFAULT_SPACE)
    return _spec(name, changes.pop("base", DEFAULT_SPACE), changes, {})


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingError(f"--space must be a file that is there; {file} is not.") from None
    except OSError as error:
        raise SettingError(f"--space must be a file to read; {file}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingError(f"{file.name}, line {line}: this is not text in UTF-8.") from None


def _from_text(name: str, text: str) -> SpaceSpec:
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        says = str(error)
        at = _AT.search(says)
        line = int(at[1] if at and at[1] else text.rstrip().count("\n") + 1)
        raise SettingError(
            f"{_where(name, line)}: this is not TOML. {_AT.sub('', says)}."
        ) from None
    except (ValueError, RecursionError):
        raise SettingError(
            f"{name}: this is not a space. A number in it is too long, or it is nested too deeply."
        ) from None
    return _spec(name, said.pop("base", DEFAULT_SPACE), said, _lines(text))


def _spec(
    name: str, base: Any, said: Mapping[str, Any], lines: Mapping[tuple[str, ...], int]
) -> SpaceSpec:
    """Return the space; `lines` are those of parameters and of the keys of their tables."""
    mistakes: list[tuple[int, str]] = []

    def complain(parameter: str, says: str, key: str | None) -> None:
        line = lines.get((parameter, key or ""), lines.get((parameter,), 0))
        mistakes.append((line, says))

    if not isinstance(base, str) or base not in NAMED:
        near = nearest_of(base, NAMED) if isinstance(base, str) else "."
        complain("base", f"base must be one of {', '.join(NAMED)}; got {shown(base)}{near}", None)
        base = "cocktail"  # which has every parameter, to look the others over
    ranges = read_ranges(said, NAMED[base], complain)
    if mistakes:
        raise SettingError("\n".join(f"{_where(name, n)}: {says}" for n, says in sorted(mistakes)))
    return SpaceSpec(name=name, base=base, ranges=ranges)


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line, from 1, of each key of sound TOML: (parameter,) or (parameter, key).

    `tomllib` keeps no lines, so the text is taken apart into statements: the fewest lines that are
    sound TOML by themselves.
    """
    found: dict[tuple[str, ...], int] = {}
    header: tuple[str, ...] = ()
    statement, began = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        began = began if statement else number
        statement += f"{line}\n"
        try:
            said = tomllib.loads(statement)
        except ValueError:  # goes on in the next line
            continue
        path = _path(said)
        if statement.lstrip().startswith("["):
            header = path
        elif path:
            path = header + path
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], began)
        statement = ""
    return found


def _path(said: Any) -> tuple[str, ...]:
    """Return the keys that lead into a table, the first of each."""
    path: tuple[str, ...] = ()
    while isinstance(said, dict) and said:
        key = next(iter(said))
        path, said = (*path, key), said[key]
    return path


def _where(name: str, line: int) -> str:
    return f"{name}, line {line}" if line else name


def _value(text: str) -> Any:
    for read in (lambda: tomllib.loads(f"value = {text}")["value"], lambda: float(text)):
        with suppress(ValueError, RecursionError):
            return read()  # float reads `.5` too
    return text
