"""A pool asks its engine for workers, replaces those that end, and leaves them as it was told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import search.pool
from search.engine import Ended
from search.errors import SearchFailedError
from search.exits import EXIT_DONE, EXIT_FAILED, EXIT_STORAGE
from search.pool import MAX_CRASHES, Orders, run_pool
from storage.database import Database, close, open_database
from storage.progress import StudySummary
from storage.studies import StudyRecord, create_study


class Engine:
    """Workers that do nothing but end as a test says."""

    def __init__(self, ends: list[Ended] | None = None) -> None:
        self.ends = ends or []
        self.done: list[str] = []
        self.workers = 0

    def start(self) -> None:
        self.workers += 1
        self.done.append("start")

    def ended(self) -> list[Ended]:
        if not self.workers or not self.ends:
            return []
        self.workers -= 1
        return [self.ends.pop(0)]

    def stop(self) -> None:
        self.done.append("stop")

    def interrupt(self) -> None:
        self.done.append("interrupt")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(search.pool, "SECONDS_BETWEEN_LOOKS", 0.0)
    db = open_database(f"sqlite:///{tmp_path}/dampen.db")
    yield db, create_study(db, "rooks", settings={}, planned_trials=6)
    close(db)


def _run(
    study: tuple[Database, StudyRecord],
    engine: Engine,
    watch: Callable[[StudySummary], None],
    *,
    workers: int = 4,
    deadline: float | None = None,
) -> None:
    db, record = study
    orders = Orders(study=record.name, study_id=record.study_id, workers=workers, deadline=deadline)
    run_pool(db, orders, engine, watch)


def _interrupt_at(look: int) -> Callable[[StudySummary], None]:
    seen: list[StudySummary] = []

    def watch(summary: StudySummary) -> None:
        seen.append(summary)
        if len(seen) == look:
            raise KeyboardInterrupt

    return watch


@pytest.mark.parametrize(("workers", "started"), [(4, 4), (9, 6)])
def test_workers_are_asked_for_at_once_and_no_more_than_there_are_trials(
    study: Any, workers: int, started: int
) -> None:
    engine = Engine()
    with pytest.raises(KeyboardInterrupt):
        _run(study, engine, _interrupt_at(4), workers=workers)
    assert engine.done == ["start"] * started + ["interrupt"]


def test_a_worker_that_left_is_replaced(study: Any) -> None:
    engine = Engine([Ended(code=EXIT_DONE, said=[])])
    with pytest.raises(KeyboardInterrupt):
        _run(study, engine, _interrupt_at(4), workers=1)
    assert engine.done == ["start", "start", "interrupt"]


def test_workers_are_stopped_when_the_time_is_over(study: Any) -> None:
    engine = Engine()
    _run(study, engine, lambda _: None, deadline=0.0)
    assert engine.done == ["stop"]


def test_what_a_worker_says_of_its_storage_ends_the_search_and_stops_the_others(
    study: Any,
) -> None:
    engine = Engine([Ended(code=EXIT_STORAGE, said=["hello", "the disk is full"])])
    with pytest.raises(SearchFailedError, match=r"^the disk is full$"):
        _run(study, engine, lambda _: None)
    assert engine.done[-1] == "stop"


@pytest.mark.parametrize("said", [["no memory"], []])
def test_workers_that_crash_one_after_another_end_the_search(study: Any, said: list[str]) -> None:
    engine = Engine([Ended(code=EXIT_FAILED, said=said)] * MAX_CRASHES)
    last = said[-1] if said else "it said nothing"
    with pytest.raises(SearchFailedError, match=rf"5 workers in a row .* 1: {last}\)"):
        _run(study, engine, lambda _: None, workers=1)
    assert engine.done == ["start"] * MAX_CRASHES + ["stop"]
