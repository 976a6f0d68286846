"""Python source as a formatter leaves it: literals, lists and calls, wrapped at 100 columns.

Whatever a table's owner typed (names, labels, paths) enters source through `literal` alone, so that
nothing in it can end a string and go on as code. Next: `writing.py` writes with these.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

WIDTH = 100  # columns of a line
INDENT = "    "


def literal(value: object) -> str:
    """Return the source of a string, a number or None.

    Strings stand in double quotes unless that needs more escapes than single ones; characters that
    do not print are escaped, as `repr` escapes them. Floats are rounded to four digits.
    """
    if isinstance(value, str):
        quote = "'" if value.count('"') > value.count("'") else '"'
        return quote + "".join(_escaped(c, quote) for c in value) + quote
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def listing(head: str, items: Sequence[str], brackets: str = "[]") -> list[str]:
    """Return the lines of `head = [items]`, one item a line where they do not fit on one."""
    start, end = brackets[0], brackets[1]
    line = f"{head} = {start}{', '.join(items)}{end}"
    return [line] if fits(line) else [f"{head} = {start}", *(f"{INDENT}{i}," for i in items), end]


def name_list(head: str, names: Iterable[str]) -> list[str]:
    """Return the lines of `head = ["a", "b"]`."""
    return listing(head, [literal(name) for name in names])


def name_dict(head: str, values: Mapping[str, object]) -> list[str]:
    """Return the lines of `head = {"a": 1, "b": 2}`."""
    items = [f"{literal(name)}: {literal(value)}" for name, value in values.items()]
    return listing(head, items, "{}")


def call(head: str, arguments: Sequence[str], tail: str = "", *, indent: int = 0) -> list[str]:
    """Return the lines of a call: `head(`, `arguments`, `)` and `tail`.

    On one line, else the arguments on a line of their own, else one a line. An argument may have
    several lines, which puts each argument on its own.

    Args:
        head: what stands before the opening parenthesis.
        arguments: source of each argument.
        tail: what follows the closing parenthesis.
        indent: levels of indentation.
    """
    pad = INDENT * indent
    together = ", ".join(arguments)
    if "\n" not in together:
        if fits(f"{pad}{head}({together}){tail}"):
            return [f"{pad}{head}({together}){tail}"]
        if fits(f"{pad}{INDENT}{together}"):
            return [f"{pad}{head}(", f"{pad}{INDENT}{together}", f"{pad}){tail}"]
    inner = [line for a in arguments for line in f"{a},".split("\n")]
    return [f"{pad}{head}(", *(f"{pad}{INDENT}{line}" for line in inner), f"{pad}){tail}"]


def imports(wanted: Iterable[str]) -> list[str]:
    """Return the import lines of "module", "module as alias" and "module.name", sorted.

    Classes stand before functions, as import sorters put them.
    """
    plain, chosen = [], dict[str, list[str]]()
    for entry in sorted(wanted):
        module, _, name = entry.partition(":")
        if name:
            chosen.setdefault(module, []).append(name)
        else:
            plain.append(f"import {module}")
    lines = plain
    for module, names in chosen.items():
        names.sort(key=lambda name: (name[0].islower(), name))
        lines += _wrapped_import(f"from {module} import ", names)
    return lines


def fits(line: str) -> bool:
    """Whether a line keeps within WIDTH columns; East Asian characters are two wide."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide <= WIDTH


def _escaped(character: str, quote: str) -> str:
    if character in "'\"":
        return f"\\{character}" if character == quote else character
    return repr(character)[1:-1]


def _wrapped_import(head: str, names: Sequence[str]) -> list[str]:
    line = head + ", ".join(names)
    return [line] if fits(line) else [f"{head}(", *(f"{INDENT}{name}," for name in names), ")"]
