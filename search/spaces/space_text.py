"""A search space written down: as a TOML file to be edited, and in a few words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.spaces.named_spaces import NAMED, SpaceSpec
from search.spaces.parameters import PARAMETERS, Parameter
from search.spaces.ranges import FromTable, Interval
from search.spaces.space_entries import say_range, say_ranges
from search.spaces.space_file import spec_of
from search.spaces.toml_text import toml_value

_HEAD = """\
# The search space `{name}`. Save it, edit it, and type: dampen launch DATA --space FILE
#
# A line gives a parameter an interval, {{low = 1e-6, high = 1e-1, log = true, off = true}}: log for
# a logarithmic scale, off where the search may also switch it off; a list of values to choose from;
# one value, which fixes it; or "off", where it can be off. Without its line, or in a key that is
# left out, a parameter is as in the base.
base = {base}
"""
_FROM_TABLE = {
    "batch_size": (
        "three sizes that fit the table",
        "the middle one of three sizes that fit the table",
        "[16, 32, 64]",
    ),
    "scaling": ("both where there are numbers or dates", "", '["standard", "quantile"]'),
    "class_weight": ("both where one class is rare, else none", "", '"balanced"'),
}
_CHANGES = 4  # said at most, in words


def space_toml(spec: SpaceSpec) -> str:
    """Return a space as a TOML file, from which `read_space` makes it again."""
    lines = [_HEAD.format(name=spec.name, base=toml_value(spec.base))]
    for name, found in spec.ranges.items():
        parameter = PARAMETERS[name]
        lines.append(f"# {parameter.says}: {_may_be(parameter)}")
        if isinstance(found, FromTable):
            free, middle, example = _FROM_TABLE[name]
            lines.append(f"# from the data unless said: {middle if found.middle else free}")
            lines.append(f"# {name} = {example}")
            continue
        if isinstance(found, Interval) and found.high is None:
            lines.append("# high from the data unless said: the largest that lets it learn")
        lines.append(f"{name} = {toml_value(say_range(found, parameter))}")
    return "\n".join(lines) + "\n"


def say_space(spec: SpaceSpec) -> str:
    """Return a space in words: `my.toml: cocktail with l1 = "off", mixup = 0.2`."""
    changes = space_changes(spec)
    shown = changes[:_CHANGES]
    if len(changes) > len(shown):
        shown.append(f"and {len(changes) - len(shown)} more")
    words = spec.base if not shown else f"{spec.base} with {', '.join(shown)}"
    return words if spec.name in NAMED else f"{spec.name}: {words}"


def say_searched(settings: Mapping[str, Any]) -> str:
    """Return what a study searches, from its settings as JSON values: a space, or an objective."""
    objective = settings.get("objective")
    if objective is not None:
        return f"what {Path(objective['source']).name} suggests"
    return say_space(spec_of(settings))


def space_changes(spec: SpaceSpec) -> list[str]:
    """Return what is not as in the base, as `--set` takes it."""
    return [
        f"{name}={value if isinstance(value, str) else toml_value(value)}"
        for name, value in say_ranges(spec.changes).items()
    ]


def _may_be(parameter: Parameter) -> str:
    if parameter.limits is not None:
        return parameter.limits.say()
    return ", ".join(map(toml_value, parameter.words))
