"""The README's command reference is the printed help.

Run as a script (`python tests/search_tests/test_readme.py`), this file writes the printed help into
the README's blocks; each begins with a line like `$ dampen launch --help`.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

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
    *("report", "dashboard", "storage-proxy", "export", "predict", "code", "doctor", "backup"),
    "delete",
)
BLOCK = re.compile(
    r"^```text\n\$ dampen ((?:[\w-]+ )?)--help\n(.*?)^```$", re.MULTILINE | re.DOTALL
)

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


def _block_after(heading: str, language: str) -> str:
    """Return the first block in a language below a heading of the README."""
    below = README.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```$", below, re.MULTILINE | re.DOTALL)
    assert found, f"no {language} below {heading}"
    return found[1]


def _parse(arguments: Sequence[str]) -> dict[str, Any]:
    """Return what the command line makes of `dampen ARGUMENTS`, without doing it."""
    group = typer.main.get_command(app)
    command = group.commands[arguments[0]]  # type: ignore[attr-defined]
    parsed: dict[str, Any] = command.make_context(arguments[0], list(arguments[1:])).params
    return parsed


SECONDS_TO_LEAVE = 5  # what Ctrl-C and SIGTERM promise


def test_slurm_array_runs_a_worker_and_ends_it_in_time(tmp_path: Path) -> None:
    script = tmp_path / "workers.sh"
    script.write_text(_block_after("### Without Ray", "bash"), encoding="utf-8")
    subprocess.run(["bash", "-n", script], check=True)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/bash"
    head = list(takewhile(lambda line: line.startswith("#"), lines))  # all that Slurm reads
    assert [line for line in lines if line.startswith("#SBATCH")] == head[1:]
    options = dict(re.fullmatch(r"#SBATCH --([a-z-]+)=?(\S*)", line).groups() for line in head[1:])
    assert re.fullmatch(r"\d+-\d+", options["array"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", options["time"])
    assert (options["ntasks"], options["cpus-per-task"]) == ("1", "1")
    assert {"requeue", "mem"} <= options.keys()
    name, _, seconds = options["signal"].partition("@")  # to the steps, and not to the shell
    assert name == "TERM"
    assert int(seconds) >= SECONDS_TO_LEAVE
    assert "%A" in options["output"]
    assert "%a" in options["output"]
    (run,) = (line for line in lines if "dampen worker" in line)
    step, program, *arguments = shlex.split(run)
    assert (step, program) == ("srun", "dampen")
    assert _parse(arguments)["study"] == "customers-1"


def test_kubernetes_job_runs_workers_until_the_study_is_finished() -> None:
    (job,) = yaml.safe_load_all(_block_after("### Without Ray", "yaml"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", job["metadata"]["name"])
    assert job["spec"]["parallelism"] > 1
    assert "completions" not in job["spec"], "the first worker that ends well says that all is done"
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "a policy for failures needs it"
    assert pod["terminationGracePeriodSeconds"] >= SECONDS_TO_LEAVE
    (container,) = pod["containers"]
    program, *arguments = container["command"]
    assert program == "dampen"
    assert _parse(arguments)["study"] == "customers-1"
    variables = {each["name"] for each in container["env"]}
    assert variables == {"DAMPEN_STORAGE", "DAMPEN_ARTIFACTS"}
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]}


def rewrite() -> None:
    """Write the printed help into the README's blocks."""

    def block(match: re.Match[str]) -> str:
        command = match[1].strip()
        return f"```text\n$ dampen {match[1]}--help\n{printed_help(command)}```"

    README.write_text(BLOCK.sub(block, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
