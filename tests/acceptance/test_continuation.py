"""Searching in parts or with several workers comes to the planned trials, each once."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Folder, Whole


def test_search_in_two_parts_draws_and_trains_what_it_would_have_in_one(
    folder: "Folder", check_same: Callable[["Folder", int], None]
) -> None:
    # A sampler that is made anew from the study's seed draws its first parameters again.
    first = folder.start_search(trials=6)
    assert first.wait(timeout=90) == 0
    assert len(folder.trials()) == 6
    second = folder.run("resume", "rooks", "--trials", "12")
    assert second.returncode == 0, second.stderr
    check_same(folder, 12)


def test_two_workers_finish_exactly_the_planned_number(folder: "Folder") -> None:
    found = folder.json("launch", "--trials", "11", "--workers", "2", "--max-epochs", "6")
    assert found["state"] == "finished"
    assert [trial.number for trial in folder.trials()] == list(range(11))
    assert {trial.state for trial in folder.trials()} <= {"COMPLETE", "PRUNED"}
    assert len(folder.query("SELECT DISTINCT worker_id FROM dampen_trials")) == 2


def test_resuming_a_finished_study_changes_nothing(whole: "Whole") -> None:
    before = whole.folder.trials()
    done = whole.folder.run("resume", "rooks")
    assert done.returncode == 0, done.stderr
    assert whole.folder.trials() == before
