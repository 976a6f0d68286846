"""What every benchmark prints: a table, and the machine, the versions and the command."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("dampen", "tensorflow", "keras", "optuna", "numpy", "keras-tuner")


def print_machine(*more: str) -> None:
    """Print cores, processor, versions and the command that is running, as one paragraph.

    Args:
        more: versions of what runs in other interpreters, such as "jax 0.10".
    """
    versions = [f"python {platform.python_version()}", *_versions(_PACKAGES), *more]
    load = f"load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    print(f"\nMachine: {_cores()} cores, {_processor()}, {platform.system()}, {load}.")
    print(f"Versions: {', '.join(versions)}.")
    print(f"Command: `{shlex.join(['python', _relative(sys.argv[0]), *sys.argv[1:]])}`\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table: the first column to the left, the others to the right."""
    print(f"| {' | '.join(headings)} |")
    print(f"|---|{'---:|' * (len(headings) - 1)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def jax_version(python: str) -> str:
    """Return "jax X" as another interpreter has it."""
    code = "import jax; print(jax.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return f"jax {done.stdout.strip()}"


def _versions(packages: Iterable[str]) -> list[str]:
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue  # an optional peer
    return found


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _relative(path: str) -> str:
    file = Path(path).resolve()
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else file.name
