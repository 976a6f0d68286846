"""Which characters a terminal can show: blocks and signs, or ASCII alone."""

from rich.console import Console

BAR = "█"
PLAIN_BAR = "#"


def is_plain(console: Console) -> bool:
    """Return whether only ASCII is sure to be seen: an encoding without it, or TERM=dumb."""
    return console.options.ascii_only or console.is_dumb_terminal


def shown(console: Console, text: str) -> str:
    """Return a text of ours as the terminal can show it: `0.9123 +-0.0045` where it must be."""
    return text.replace("±", "+-") if is_plain(console) else text


def bar(console: Console, length: int) -> str:
    """Return a bar of `length` >= 0 columns."""
    return (PLAIN_BAR if is_plain(console) else BAR) * length
