"""Commands that do not train never load what trains, and the help loads next to nothing."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Folder, Whole

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


def _loaded(folder: "Folder", script: str, *arguments: str) -> set[str]:
    process = folder.start_python("-c", script, *arguments)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    return set(stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("launch", "--help"), ("--version",)])
def test_help_loads_nothing_heavy(folder: "Folder", arguments: tuple[str, ...]) -> None:
    loaded = _loaded(folder, SCRIPT, *arguments)
    heavy = {"tensorflow", "keras", "optuna", "pandas", "sklearn", "sqlalchemy", "numpy", "rich"}
    assert loaded & heavy <= {"rich"}, "typer may load rich; nothing else"


def test_commands_that_do_not_train_load_no_tensorflow(whole: "Whole", tmp_path: Path) -> None:
    commands = [
        ["studies"],
        ["show", "rooks"],
        ["show", "rooks", "--trial", "0"],
        ["show", "rooks", "--trial", "0", "--pictures"],
        ["explain", "rooks"],
        ["resume", "rooks"],
    ]
    script = f"import sys\nfor arguments in {commands}:\n    sys.argv[1:] = arguments\n" + (
        textwrap.indent(SCRIPT, "    ")
    )
    folder = whole.folder.copy(tmp_path / "copy")
    assert not _loaded(folder, script) & {"tensorflow", "keras"}


def test_dashboard_loads_no_tensorflow(whole: "Whole") -> None:
    script = (
        "import sys; from storage.dashboard import dashboard_app\n"
        "from storage.database import open_database\n"
        "dashboard_app(open_database(create=False))\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    assert not _loaded(whole.folder, script) & {"tensorflow", "keras"}
