"""`doctor`, `backup` and `delete`, as people type them."""

import re
import shutil
import sqlite3
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Folder, Whole

# Answers from a terminal, where there is none.
ANSWERING = """
import os, pty, sys
answer, *sys.argv[1:] = sys.argv[1:]
terminal, end = pty.openpty()
os.write(terminal, answer.encode() + b"\\n")
os.dup2(end, 0)
from search.cli import main
main()
"""

# Runs the command in this process, and then says what it loaded.
SCRIPT = """
import sys
from search.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""

FRAME = """
import pandas as pd, search
frame = pd.DataFrame({"x": [n / 7 for n in range(60)], "y": ["no", "yes"] * 30})
search.launch(frame, target="y", study="frame", trials=1, max_epochs=2, confirm=0, progress=False)
"""


@pytest.fixture
def copied(whole: "Whole", tmp_path: Path) -> "Folder":
    """The finished search on breast cancer, to change at will."""
    return whole.folder.copy(tmp_path / "copied")


def test_doctor_finds_nothing_wrong_after_a_search(copied: "Folder") -> None:
    before = copied.trials()
    table, document = copied.run_all(("doctor",), ("doctor", "--json"))
    assert (table.returncode, table.stderr) == (0, "")
    assert "problems: 0, warnings: 0" in table.stdout
    assert (document.returncode, document.stderr) == (0, "")
    assert '"healthy": true' in document.stdout
    assert copied.trials() == before


def test_doctor_says_what_is_lost_and_exits_with_1(copied: "Folder") -> None:
    lost = next(file for file in (copied.path / "dampen.artifacts").iterdir() if file.is_file())
    lost.unlink()
    done = copied.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "problem  files" in done.stdout
    assert re.search(r"- (weights\.npz|learning_curve\.csv) of trial \d", done.stdout)
    assert "> Put the folder back" in done.stdout

    file = copied.path / "dampen.db"
    file.write_bytes(file.read_bytes()[:30_000])
    done = copied.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "problem  storage" in done.stdout
    assert "damaged or cut short" in " ".join(done.stdout.split())


def test_doctor_without_a_storage_makes_none(folder: "Folder") -> None:
    done = folder.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "There is no storage at" in done.stdout
    assert list(folder.path.iterdir()) == []


def test_folder_of_other_storages_is_not_cleaned_unasked(
    folder: "Folder", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", str(folder.path / "shared"))
    done = folder.run("doctor", "--clean")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Clean {folder.path}/shared, in which no other storage may keep" in done.stderr


@pytest.mark.slow
def test_backup_goes_on_when_the_original_and_its_folder_are_gone(folder: "Folder") -> None:
    launched = folder.start_python("-c", FRAME)
    _, stderr = launched.communicate(timeout=90)
    assert launched.returncode == 0, stderr
    done = folder.run("backup", "kept.db")
    assert (done.returncode, done.stdout) == (0, "")
    said, use = done.stderr.splitlines()
    assert said.startswith("Copied 1 trial and 3 files (")  # weights, curve, table
    url = f"sqlite:///{folder.path}/kept.db"
    assert use == f"To use it: dampen studies --storage {url}"

    (folder.path / "dampen.db").unlink()
    shutil.rmtree(folder.path / "dampen.artifacts")
    document = folder.json("resume", "frame", "--trials", "2", "--storage", url)
    assert (document["state"], document["trials"]["failed"]) == ("finished", 0)
    assert document["planned_trials"] == 2
    assert folder.run("doctor", "--storage", url).returncode == 0


def test_backup_overwrites_nothing(copied: "Folder") -> None:
    done = copied.run("backup", "dampen.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dampen: The copy must have a name that is free")
    assert len(done.stderr.splitlines()) == 1


def test_delete_asks_and_then_leaves_nothing_of_the_study(copied: "Folder") -> None:
    refused = copied.run("delete", "rooks")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("dampen: --yes is needed where nobody can be asked")
    process = copied.start_python("-c", ANSWERING, "", "delete", "rooks")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Delete study rooks with 12 trials and " in stderr
    assert "Nothing was deleted." in stderr
    assert len(copied.trials()) == 12

    process = copied.start_python("-c", ANSWERING, "y", "delete", "rooks")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert "Deleted study rooks with 12 trials and " in stderr
    assert copied.json("studies") == []
    assert copied.query("SELECT count(*) FROM dampen_trials") == [(0,)]
    assert [path.name for path in (copied.path / "dampen.artifacts").iterdir()] == ["prepared"]
    again = copied.run("delete", "rooks", "--yes")
    assert (again.returncode, again.stdout) == (2, "")
    assert "There is no study 'rooks'" in again.stderr


def test_upkeep_loads_neither_tensorflow_nor_pandas(copied: "Folder") -> None:
    commands = [["doctor"], ["backup", "kept.db"], ["delete", "rooks", "--yes"]]
    script = f"import sys\nfor arguments in {commands}:\n    sys.argv[1:] = arguments\n" + (
        textwrap.indent(SCRIPT, "    ")
    )
    process = copied.start_python("-c", script)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    loaded = set(stderr.splitlines()[-1].split())
    assert not loaded & {"tensorflow", "keras", "pandas", "sklearn"}
    with closing(sqlite3.connect(copied.path / "kept.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM trials").fetchall() == [(12,)]
    assert copied.trials() == []
