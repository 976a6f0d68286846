"""No fault loses, repeats or spoils a trial.

Real searches on breast cancer, over SQLite and a real PostgreSQL, meet faults and are gone on with
as a person would; `whole.py` says what must hold in the end. Run with `python -m pytest -m faults
tests/faults`, which takes some minutes on two cores; the table at the end stands in the README.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future

import pytest

from .crowd import four_workers_and_the_dashboard
from .full_disk import disk_runs_full
from .killed_searches import (
    kill_of_everything_then_two_resumes_at_once,
    kill_of_the_launcher_leaves_the_worker,
)
from .killed_workers import kill_of_a_worker
from .outage import server_stops_and_starts_again
from .place import Place
from .stopped import sigterm_to_a_worker_and_to_the_launcher
from .truncated import database_is_cut_short

Scenario = Callable[[Place], None]

BOTH = ("SQLite", "PostgreSQL")
SCENARIOS: Mapping[Scenario, tuple[str, ...]] = {
    kill_of_a_worker: BOTH,
    kill_of_everything_then_two_resumes_at_once: BOTH,
    kill_of_the_launcher_leaves_the_worker: BOTH,
    sigterm_to_a_worker_and_to_the_launcher: BOTH,
    disk_runs_full: BOTH,
    database_is_cut_short: ("SQLite",),
    four_workers_and_the_dashboard: ("SQLite",),
    server_stops_and_starts_again: ("PostgreSQL",),
}


@pytest.mark.faults
@pytest.mark.parametrize(
    ("scenario", "database"),
    [(scenario, database) for scenario, databases in SCENARIOS.items() for database in databases],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_fault(
    scenario: Scenario,
    database: str,
    lanes: "Mapping[str, Future[None]]",
    request: pytest.FixtureRequest,
) -> None:
    lanes[request.node.nodeid].result()
