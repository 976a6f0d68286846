"""What `dampen doctor`, `dampen backup` and `dampen delete` say and ask.

Next: `storage/doctor.py`, `storage/backup.py` and `storage/deletion.py` do what is said here.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer

from search.errors import SettingError
from storage.backup import Backup
from storage.database import close, open_database
from storage.deletion import Contents
from storage.errors import StorageError
from storage.finding import Finding
from storage.place import Folder, Place
from storage.recorded import may_serve_others
from storage.url import ARTIFACTS_VARIABLE, artifact_folder, redact


def agreed(question: str) -> bool:
    """Return whether the person at the terminal says yes; an empty answer is a no.

    Raises:
        SettingError: there is no terminal, so nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise SettingError(f"--yes is needed where nobody can be asked: {question}")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from None


def shared_place(url: str) -> str | None:
    """Return where a storage at a resolved URL keeps its files, if others may, unknown to it."""
    try:
        db = open_database(url, create=False)
    except StorageError:  # nothing will be removed
        place: Place = Folder(artifact_folder(url))
    else:
        place = db.place
        close(db)
    return str(place) if may_serve_others(url, place) else None


def diagnosis_json(url: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what the doctor found as JSON values."""
    return {
        "storage": redact(url),
        "healthy": all(finding.level != "problem" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }


def say_contents(contents: Contents) -> str:
    """Return what a study consists of: `study rooks with 50 trials and 12 files (3.1 MB)`."""
    return (
        f"study {contents.name} with {_count(contents.trials, 'trial')} and "
        f"{_count(contents.files, 'file')} ({contents.size / 1e6:.1f} MB)"
    )


def say_backup(backup: Backup) -> str:
    """Return what was copied and how to use it, a line each."""
    lines = [
        f"Copied {_count(backup.trials, 'trial')} and {_count(backup.files, 'file')} "
        f"({backup.size / 1e6:.1f} MB)."
    ]
    if backup.missing:
        lines.append(
            f"{_count(backup.missing, 'file')} could not be copied, being gone: of a study that "
            "was deleted meanwhile, or lost before (`dampen doctor` says so)."
        )
    if backup.bucket is not None:
        lines.append(f"The trials' files stay in {backup.bucket}, where the copy finds them.")
    command = f"dampen studies --storage {shlex.quote(backup.url)}"
    if backup.bucket is None and os.environ.get(ARTIFACTS_VARIABLE):
        command = f"{ARTIFACTS_VARIABLE}={shlex.quote(str(backup.artifacts))} {command}"
    return "\n".join([*lines, f"To use it: {command}"])


@contextmanager
def shown_copying() -> Iterator[Callable[[int, int], None]]:
    """Show how many files are copied, on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress

    console = Console(stderr=True)
    with Progress(
        "Copying files",
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, files: progress.update(task, completed=done, total=files)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
