"""What doctor, backup and delete say fits into 80 columns and leaves nothing out."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from search.errors import SettingError
from search.terminal.findings import print_findings
from search.upkeep import agreed, diagnosis_json, say_backup, say_contents
from storage.backup import Backup
from storage.deletion import Contents
from storage.finding import Finding, ok, problem, warning

BACKUP = Backup(
    url="sqlite:////tmp/a%20b.db",
    artifacts=Path("/tmp/a b.artifacts"),
    trials=50,
    files=1,
    missing=0,
    size=3_140_000,
)


def _printed(*findings: Finding) -> list[str]:
    file = io.StringIO()
    print_findings(Console(file=file, width=80, highlight=False), findings)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_each_finding_is_a_line_with_what_to_type_below() -> None:
    assert _printed(
        ok("integrity", "every page and every reference holds"),
        warning("trials", "Study rooks has 1 running trial.", "dampen resume rooks", ["trial 3"]),
        problem("files", "1 of 2 recorded files must be in [a]; gone."),
    ) == [
        "ok       integrity  every page and every reference holds",
        "warning  trials     Study rooks has 1 running trial.",
        "                    - trial 3",
        "                    > dampen resume rooks",
        "problem  files      1 of 2 recorded files must be in [a]; gone.",
        "problems: 1, warnings: 1",
    ]


def test_long_findings_are_folded_and_many_details_are_counted() -> None:
    found = problem("files", "x" * 200, "y" * 200, [f"file {number}" for number in range(8)])
    lines = _printed(found)
    assert max(map(len, lines)) == 80
    assert "".join(lines).count("x") == 200
    assert "- file 4" in " ".join(lines)
    assert "file 5" not in " ".join(lines)
    assert any(line.endswith("- and 3 more (--json lists them)") for line in lines)


def test_document_has_every_detail_and_no_password() -> None:
    details = [f"file {number}" for number in range(8)]
    document = diagnosis_json(
        "postgresql+psycopg://ada:s3cret@db/dampen", [warning("files", "a", "b", details)]
    )
    assert document == {
        "storage": "postgresql+psycopg://ada:***@db/dampen",
        "healthy": True,
        "findings": [
            {
                "check": "files",
                "level": "warning",
                "says": "a",
                "remedy": "b",
                "details": tuple(details),
            }
        ],
    }
    assert not diagnosis_json("sqlite:////a.db", [problem("files", "a")])["healthy"]


def test_study_is_said_with_what_goes_with_it() -> None:
    contents = Contents(name="rooks", trials=1, files=12, size=3_140_000)
    assert say_contents(contents) == "study rooks with 1 trial and 12 files (3.1 MB)"


def test_backup_is_said_with_how_to_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAMPEN_ARTIFACTS", raising=False)
    assert say_backup(BACKUP) == (
        "Copied 50 trials and 1 file (3.1 MB).\n"
        "To use it: dampen studies --storage sqlite:////tmp/a%20b.db"
    )
    monkeypatch.setenv("DAMPEN_ARTIFACTS", "/shared")
    assert say_backup(BACKUP).endswith(
        "To use it: DAMPEN_ARTIFACTS='/tmp/a b.artifacts' "
        "dampen studies --storage sqlite:////tmp/a%20b.db"
    )


def test_nobody_to_ask_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(SettingError, match=r"--yes is needed where nobody can be asked: Sure\?"):
        agreed("Sure?")
