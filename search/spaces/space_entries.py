"""What is said of one parameter of a space, as TOML has it: a value, a list or a table.

    l2 = 1e-4                                            fixed, and always on
    l1 = "off"                                           never on
    activation = ["relu", "gelu"]                        one of these
    l2 = {low = 1e-6, high = 1e-2, log = true, off = true}     what is left out is the base's

`read_ranges` turns what was said into ranges and says every mistake; `say_range` is the way back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from search.spaces.parameters import PARAMETERS, Parameter
from search.spaces.ranges import OFF, Choices, FromTable, Interval, Range, Ranges, Value
from search.spaces.toml_text import toml_value

_KEYS = ("low", "high", "log", "off")
Complain = Callable[[str, str | None], None]  # a sentence, and the key of the table it is about


def read_ranges(
    said: Mapping[str, Any], base: Ranges, complain: Callable[[str, str, str | None], None]
) -> Ranges:
    """Return a base's ranges, changed as was said.

    Args:
        said: parameter -> value, list or table.
        base: the ranges of what is not said.
        complain: gets every mistake: the parameter, the key of its table or None, a sentence.
    """
    found, mistaken = dict(base), set[str]()
    for name, value in said.items():
        if name not in PARAMETERS:
            complain(name, _unknown_name(name), None)
            continue

        def of_this(says: str, key: str | None, name: str = name) -> None:
            mistaken.add(name)
            complain(name, f"`{name}` {says}", key)

        read = _range(PARAMETERS[name], value, base.get(name), of_this)
        if read is not None and name not in mistaken:
            found[name] = read
    skip, depth = found.get("skip"), found.get("stochastic_depth", OFF)
    if depth != OFF and not (isinstance(skip, Choices) and True in skip.values):
        found["stochastic_depth"] = OFF  # there is nothing to skip by
        if depth != base.get("stochastic_depth") and "skip" not in mistaken:
            says = "`stochastic_depth` counts only with skip connections; add skip = [false, true]."
            complain("stochastic_depth", says, None)
    return {name: found[name] for name in PARAMETERS if name in found}


def nearest_of(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for a word that is nearly a known one; a full stop otherwise."""
    close = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else "."


def say_range(found: Interval | Choices, parameter: Parameter) -> Any:
    """Return a range as it is said of a parameter: a value, a list or a table."""
    if isinstance(found, Choices):
        if len(found.values) + found.off == 1:
            return found.values[0] if found.values else "off"
        return [*(["off"] if found.off else []), *found.values]
    table: dict[str, Any] = {"low": found.low}
    if found.high is not None:
        table["high"] = found.high
    usual = parameter.usual
    for key in ("log", "off"):  # said where it is so, or where it would be so unless said
        if getattr(found, key) or getattr(usual, key, False):
            table[key] = getattr(found, key)
    return table


def say_ranges(ranges: Ranges) -> dict[str, Any]:
    """Return ranges as they are said; what comes from the table is not."""
    return {
        name: say_range(found, PARAMETERS[name])
        for name, found in ranges.items()
        if not isinstance(found, FromTable)
    }


def _unknown_name(name: str) -> str:
    strength = name.removeprefix("use_")
    if name != strength and strength in PARAMETERS and PARAMETERS[strength].can_be_off:
        return f'`{name}` goes with `{strength}`: say off = true or false there, or "off".'
    if name == "base":
        return "`base` is chosen by the name of the space, or in a file."
    near = nearest_of(name, PARAMETERS)
    rest = " `dampen space cocktail` prints them all." if near == "." else ""
    return f"{shown(name)} is not a parameter{near}{rest}"


def _range(
    parameter: Parameter, value: Any, base: Range | None, complain: Complain
) -> Interval | Choices | None:
    if isinstance(value, Mapping) and not parameter.words:
        return _interval(parameter, value, base, complain)
    if not isinstance(value, list | tuple):
        value = [value]
    elif not value:
        complain(f"has an empty list; wanted {_wanted(parameter)}.", None)
        return None
    off = parameter.can_be_off and "off" in value
    values = [each for each in value if not (off and each == "off")]
    if len(value) - len(values) > 1:
        complain('has "off" twice in its list.', None)
    return Choices(values=tuple(_values(parameter, values, complain)), off=off)


def _values(parameter: Parameter, values: Sequence[Any], complain: Complain) -> list[Value]:
    found: list[Value] = []
    for value in values:
        if parameter.words:
            read = _word(parameter, value, complain)
        else:
            read = _number(parameter, value, None, complain)
        if read is None:
            continue
        if read in found:
            complain(f"has {shown(value)} twice in its list.", None)
        found.append(read)
    return found


def _word(parameter: Parameter, value: Any, complain: Complain) -> Value | None:
    for word in parameter.words:
        if type(value) is type(word) and value == word:
            return word
    near = "."
    if isinstance(value, str):
        near = nearest_of(value, [word for word in parameter.words if isinstance(word, str)])
    complain(f"must be {_wanted(parameter)}; got {shown(value)}{near}", None)
    return None


def _number(parameter: Parameter, value: Any, key: str | None, complain: Complain) -> float | None:
    limits = parameter.limits
    assert limits is not None
    is_number = isinstance(value, int if limits.whole else int | float)
    if is_number and not isinstance(value, bool) and limits.admit(value):
        return value if limits.whole else float(value)
    if key is not None:
        complain(f"must have as {key} {limits.say()}; got {shown(value)}.", key)
    else:
        complain(f"must be {_wanted(parameter)}; got {shown(value)}.", None)
    return None


def _interval(
    parameter: Parameter, table: Mapping[str, Any], base: Range | None, complain: Complain
) -> Interval | None:
    default = next((d for d in (base, parameter.usual) if isinstance(d, Interval)), None)
    keys = _KEYS if parameter.can_be_off else _KEYS[:3]
    for key in table:
        if key == "off" and key not in keys:
            complain("cannot be off.", key)
        elif key not in keys:
            near = nearest_of(key, keys)
            complain(f"has no key {shown(key)}{near} It takes {', '.join(keys)}.", key)
    ends: dict[str, float | None] = {}
    for key in ("low", "high"):
        if key in table:
            ends[key] = _number(parameter, table[key], key, complain)
            if ends[key] is None:
                return None
        elif default is None:
            complain("needs both low and high.", None)
            return None
        else:
            ends[key] = getattr(default, key)
    for key in ("log", "off"):
        if key in keys and not isinstance(table.get(key, False), bool):
            complain(f"must have true or false as {key}; got {shown(table[key])}.", key)
            return None
    low, high = ends["low"], ends["high"]
    log = table.get("log", default.log if default else False)
    assert low is not None
    if high is not None and low >= high:
        key = "high" if "high" in table else "low"
        complain(f"must have low below high; got low = {low:g} and high = {high:g}.", key)
    elif log and low <= 0:
        key = "low" if "low" in table else "log"
        complain(f"must have low above 0 where log = true; got low = {low:g}.", key)
    off = table.get("off", default.off if default else False) and parameter.can_be_off
    return Interval(low=low, high=high, log=log, off=off)


def _wanted(parameter: Parameter) -> str:
    """Return in words what may be said of a parameter."""
    if parameter.words:
        return f"one of {', '.join(map(toml_value, parameter.words))}, or a list of them"
    assert parameter.limits is not None
    off = '"off", ' if parameter.can_be_off else ""
    return f"{off}{parameter.limits.say()}, a list of them, or {{low = ..., high = ...}}"


def shown(value: Any) -> str:
    """Return a value as it was written, in at most some 40 characters that can be printed."""
    try:
        text = toml_value(value)
    except TypeError:  # a date or a time
        text = str(value)
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= 40 else f"{text[:37]}..."
