"""Bad input gets a sentence and exit code 2, and leaves no study behind."""

import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from search.cli import app

if TYPE_CHECKING:
    from conftest import Folder, Whole

ROWS = 60

# The arguments after `dampen`, and what the sentence must say.
CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "missing file": (("launch", "tabel.csv"), "there is no file `tabel.csv`; did you mean"),
    "folder": (("launch", "a-folder"), "`a-folder` is a folder"),
    "empty file": (("launch", "empty.csv"), "it is empty"),
    "bytes of another kind": (("launch", "bytes.csv"), "must be a CSV file in UTF-8"),
    "no target named": (("launch", "no_target.csv"), "--target must name the column"),
    "no such target": (
        ("launch", "table.csv", "--target", "traget"),
        "has no target column `traget`; did you mean `target`?",
    ),
    "one class": (("launch", "one_class.csv"), "every row is `yes`"),
    "regression target": (
        ("launch", "table.csv", "--target", "x"),
        f"got {ROWS} different numbers, which looks like a regression target",
    ),
    "too few rows": (("launch", "few.csv"), "must have at least 5 rows of each class"),
    "no URL": (("launch", "--storage", "studies.db"), "type sqlite:///studies.db"),
    "unknown database": (("launch", "--storage", "mongo://host/db"), "not supported"),
    "no such folder": (("launch", "--storage", "sqlite:///no/where.db"), "must exist"),
    "a file that is no database": (
        ("launch", "--storage", "sqlite:///table.csv"),
        "it is a file of another kind",
    ),
    "unknown sampler": (
        ("launch", "--sampler", "grid"),
        "--sampler must be one of tpe, random, gp, cmaes; got `grid`",
    ),
    "no trials": (("launch", "--trials", "0"), "--trials must be a whole number of at least 1"),
    "no unit": (("launch", "--timeout", "90"), "as 90s, 10m or 2h; got `90`"),
    "nothing to resume": (("resume",), "There is no storage at"),
}


def _make_tables(folder: Path) -> None:
    rows = [f"{number / 7},{'yes' if number % 2 else 'no'}" for number in range(ROWS)]
    (folder / "a-folder").mkdir()
    (folder / "table.csv").write_text("\n".join(["x,target", *rows]))
    (folder / "no_target.csv").write_text("\n".join(["x,answer", *rows]))
    (folder / "few.csv").write_text("\n".join(["x,target", *rows[:8]]))
    (folder / "one_class.csv").write_text("x,target\n" + "1,yes\n2,yes\n" * 20)
    (folder / "empty.csv").touch()
    (folder / "bytes.csv").write_bytes(b"x,target\n\xff\xfe\x00\x81,yes\n" * 20)


def _check(done: "subprocess.CompletedProcess[str]", sentence: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("dampen: ")
    assert sentence in line


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_line_and_leaves_no_study(
    case: str, folder: "Folder", monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process, since starting one takes a hundred times as long as refusing.
    _make_tables(folder.path)
    monkeypatch.chdir(folder.path)
    monkeypatch.delenv("DAMPEN_STORAGE", raising=False)
    arguments, sentence = CASES[case]
    done = CliRunner().invoke(app, arguments)
    _check(subprocess.CompletedProcess([], done.exit_code, done.stdout, done.stderr), sentence)
    assert folder.studies() == []


def test_existing_study_is_not_touched(whole: "Whole") -> None:
    before = whole.folder.trials()
    done = whole.folder.run("launch", "--study", "rooks")
    _check(done, "'rooks' exists. Go on with it (`dampen resume rooks`) or choose another --study")
    assert whole.folder.trials() == before
    assert whole.folder.studies() == ["rooks"]


def test_budget_cannot_be_lowered(whole: "Whole") -> None:
    done = whole.folder.run("resume", "rooks", "--trials", "11")
    _check(done, "--trials must be at least the 12 planned for study `rooks`")


def test_unwritable_folder(folder: "Folder") -> None:
    # The superuser may write everywhere, so steps down once everything is imported.
    script = (
        "import os, search.inspecting, search.cli, search.study\n"
        "from objectives.table.roles import Roles\n"
        "search.inspecting.inspect('breast-cancer', None, Roles(), seed=0, folds=1, shown=False)\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "search.cli.main()"
    )
    with tempfile.TemporaryDirectory() as name:
        guarded = Path(name)
        guarded.chmod(0o555)
        process = folder.start_python(
            "-c", script, "launch", "--storage", f"sqlite:///{guarded}/dampen.db"
        )
        stdout, stderr = process.communicate(timeout=30)
        guarded.chmod(0o755)
        assert list(guarded.iterdir()) == []
    _check(
        subprocess.CompletedProcess([], process.returncode, stdout, stderr),
        f"folder must be writable; {guarded} is not",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_file_without_permission(folder: "Folder") -> None:
    _make_tables(folder.path)
    (folder.path / "table.csv").chmod(0)
    _check(folder.run("launch", "table.csv"), "permission was denied")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_gp_without_its_package_says_what_to_install(folder: "Folder") -> None:
    _check(folder.run("launch", "--sampler", "gp"), 'pip install "dampen[gp]"')


@pytest.mark.parametrize(
    "arguments", [("launch", "--trials", "many"), ("launch", "--epochs", "3"), ("lunch",)]
)
def test_what_the_command_line_does_not_know_is_a_usage_error(
    folder: "Folder", arguments: tuple[str, ...]
) -> None:
    done = folder.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert folder.studies() == []


@pytest.mark.parametrize("change", ["another column", "other content", "gone"])
def test_resume_on_changed_data_says_what_differs(
    mixed: "Folder", tmp_path: Path, change: str
) -> None:
    folder = mixed.copy(tmp_path / "copy")
    file = folder.path / "mixed.csv"
    header, *rows = file.read_text(encoding="utf-8").splitlines()
    changed, sentence = {
        "another column": (
            [header.replace("town", "city"), *rows[:200]],
            "300 rows then, 200 now; columns gone: town; columns new: city",
        ),
        "other content": ([header, *reversed(rows)], "same rows and columns, but other content"),
        "gone": ([], f"was launched on {file}, which is not there"),
    }[change]
    file.write_text("\n".join(changed) + "\n", encoding="utf-8")
    if change == "gone":
        file.unlink()
    before = folder.trials()

    _check(folder.run("resume", "mixed", "--trials", "9"), sentence)
    assert folder.trials() == before
    assert folder.query("SELECT planned_trials FROM dampen_studies") == [(4,)]
