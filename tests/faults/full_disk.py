"""The disk runs full in the middle of a study: the search stops with a sentence, and goes on later.

Folder, database and artifacts lie on a small disk in memory. With PostgreSQL only the artifacts do.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import dropwhile
from pathlib import Path

import pytest

from .place import Command, Place
from .whole import check_whole

TRIALS = 16
DISK = "24m"
KILOBYTES_LEFT = {"SQLite": (0, 150), "PostgreSQL": (0,)}  # full at once, within a few trials


def disk_runs_full(place: Place) -> None:
    with _small_disk(place):
        search = place.launch(trials=TRIALS, workers=1)
        for kilobytes in KILOBYTES_LEFT[place.database]:
            place.await_finished(place.n_finished() + 3, search)
            place.expect_fault()
            ballast = _fill(place.path, kilobytes)
            _check_words(search)
            ballast.unlink()
            search = place.start("resume")
        search.succeed()
        check_whole(place, TRIALS)


@contextmanager
def _small_disk(place: Place) -> Iterator[None]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place.path],
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        place.end_all()
        subprocess.run(["umount", place.path], check=True)


def _fill(folder: Path, kilobytes: int) -> Path:
    """Writes a file that leaves so much of the disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - kilobytes * 1024)
    return ballast


def _check_words(search: Command) -> None:
    """It ends by itself, and its last words are one sentence about the disk."""
    assert search.end() in (1, 2), search.stderr
    *progress, last = search.stderr.splitlines()
    assert last.startswith("dampen: "), search.stderr
    assert "disk is full" in last or "No space left" in last, search.stderr
    assert re.search("Free some space.*dampen resume", last), search.stderr
    # What the table holds and how far L1 goes is said before the first trial.
    trials = list(dropwhile(lambda line: " / " not in line, progress))
    assert not [line for line in trials if " / " not in line], search.stderr
