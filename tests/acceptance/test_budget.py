"""The budget is the number of finished trials, however many work on it."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Folder, Whole


def test_two_workers_finish_exactly_the_planned_number(folder: "Folder") -> None:
    found = folder.json(
        "launch", "--trials", "11", "--workers", "2", "--max-epochs", "6", "--confirm", "0"
    )
    assert found["state"] == "finished"
    assert [trial.number for trial in folder.trials()] == list(range(11))
    assert {trial.state for trial in folder.trials()} <= {"COMPLETE", "PRUNED"}
    assert len(folder.query("SELECT DISTINCT worker_id FROM dampen_trials")) == 2


def test_resuming_a_finished_study_changes_nothing(whole: "Whole") -> None:
    before = whole.folder.trials()
    done = whole.folder.run("resume", "rooks")
    assert done.returncode == 0, done.stderr
    assert whole.folder.trials() == before


def test_timeout_ends_a_search_in_good_order(folder: "Folder") -> None:
    done = folder.run("launch", "--timeout", "1s", "--study", "short", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "interrupted"
    assert done.stderr.splitlines()[-1] == "To go on: dampen resume short"
