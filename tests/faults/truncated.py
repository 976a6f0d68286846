"""A database file is cut short: every command says so, and none makes it worse."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .place import STUDY, Place
from .whole import check_whole

PAGE = 4096
TRIALS = 4


def database_is_cut_short(place: Place) -> None:
    """At several lengths; with the whole file put back, the study goes on."""
    place.launch(trials=TRIALS, workers=1).succeed()
    # Before anybody here looks into it: closing a file cancels the locks SQLite has on it.
    whole = place.file.read_bytes()
    size = len(whole)
    cuts = {"a page": size - PAGE, "half": size // 2 // PAGE * PAGE, "within a page": size - 1000}
    cuts |= {"one page left": PAGE, "within the header": 50}
    commands = [(cut, ("resume", STUDY, "--trials", "8")) for cut in cuts]
    commands += [("half", ("worker", STUDY)), ("half", ("launch",)), ("a page", ("show", STUDY))]
    commands += [("half", ("doctor",)), ("within a page", ("doctor",))]
    for name, length in cuts.items():
        place.expect_fault()
        _cut(place, name).write_bytes(whole[:length])
    before = {name: _contents(_cut(place, name)) for name in cuts}
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda command: _refuse(place, *command), commands))
    assert {name: _contents(_cut(place, name)) for name in cuts} == before, "a file was changed"

    place.start("resume", STUDY, "--trials", "8").succeed()
    check_whole(place, 8)


def _cut(place: Place, name: str) -> Path:
    folder = place.path / name.replace(" ", "-")
    folder.mkdir(exist_ok=True)
    return folder / "dampen.db"


def _contents(file: Path) -> dict[str, str]:
    """What lies in the file's folder, by name."""
    return {
        found.name: hashlib.sha256(found.read_bytes()).hexdigest()
        for found in file.parent.iterdir()
        if found.is_file()
    }


def _refuse(place: Place, cut: str, arguments: tuple[str, ...]) -> None:
    command = place.start(*arguments, "--storage", f"sqlite:///{_cut(place, cut)}")
    assert command.end() != 0, (cut, arguments, command.stdout)
    said = command.stderr + (command.stdout if arguments == ("doctor",) else "")
    assert "Traceback" not in said, (cut, arguments, said)
    assert any(words in said for words in ("cut short", "another kind")), (cut, arguments, said)
    if arguments != ("doctor",):
        assert command.stderr.count("\n") == 1, (cut, arguments, said)
        assert command.stderr.startswith("dampen: "), (cut, arguments, said)
