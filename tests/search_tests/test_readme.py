"""The README's command reference is the printed help.

Run as a script (`python tests/search_tests/test_readme.py`), this file writes the printed help into
the README's blocks; each begins with a line like `$ dampen launch --help`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from search.cli import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COMMANDS = (
    *(
        "",
        "inspect",
        "launch",
        "space",
        "objective",
        "resume",
        "worker",
        "studies",
        "show",
        "explain",
    ),
    *("report", "dashboard", "export", "predict", "code", "doctor", "backup", "delete"),
)
BLOCK = re.compile(r"^```text\n\$ dampen ((?:\w+ )?)--help\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Called `dampen` whether or not the command is on the path.
_SCRIPT = "import sys; sys.argv[0] = 'dampen'; from search.cli import main; main()"


def printed_help(command: str) -> str:
    """Return what `dampen COMMAND --help` prints in a terminal of 100 columns."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *command.split(), "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _blocks() -> dict[str, str]:
    """Return the README's blocks by command."""
    found = BLOCK.findall(README.read_text(encoding="utf-8"))
    return {command.strip(): text for command, text in found}


def test_every_command_is_in_the_readme() -> None:
    assert sorted(_blocks()) == sorted(COMMANDS)


def test_commands_here_are_those_that_the_help_lists() -> None:
    listed = printed_help("").partition("Commands:\n")[2]
    assert {line.split()[0] for line in listed.splitlines()} == set(COMMANDS[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_has_the_printed_help(command: str) -> None:
    assert _blocks().get(command) == printed_help(command), (
        "the README is behind; type: python tests/search_tests/test_readme.py"
    )


def test_everything_that_can_be_typed_has_help() -> None:
    group = typer.main.get_command(app)
    commands = [group, *group.commands.values()]  # type: ignore[attr-defined]
    assert len(commands) == len(COMMANDS)
    for command in commands:
        assert command.help, command.name
        for parameter in command.params:
            assert parameter.help, f"{command.name} {parameter.name}"


def _tree() -> set[str]:
    """Return the files of the README's tree, as paths from the root."""
    block = README.read_text(encoding="utf-8").partition("```text\nsearch/ ")[2].partition("```")[0]
    found, folders = set(), [""]
    for line in f"search/ {block}".splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        folders[depth:] = [*folders[depth : depth + 1], ""]
        if name.endswith("/"):
            folders[depth] = name
        elif name.endswith(".py"):
            found.add("".join(folders[:depth]) + name)
    return found


def test_every_file_is_in_the_tree() -> None:
    files = {
        str(file.relative_to(ROOT))
        for room in ("search", "objectives", "storage")
        for file in (ROOT / room).rglob("*.py")
        if not file.name.startswith("__")
    }
    assert _tree() == files


def rewrite() -> None:
    """Write the printed help into the README's blocks."""

    def block(match: re.Match[str]) -> str:
        command = match[1].strip()
        return f"```text\n$ dampen {match[1]}--help\n{printed_help(command)}```"

    README.write_text(BLOCK.sub(block, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
