"""Makes the database of the schema at hand: a search killed in its middle, `schema_N.db`.

Run by hand once a schema is released, with the code that releases it; the file is kept for ever and
`test_migrations.py` opens it: `python tests/storage_tests/databases/make.py`.
"""

import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from storage.schema import SCHEMA_VERSION

PLANNED = 8
LAUNCH = ("launch", "--study", "rooks", "--seed", "3", "--max-epochs", "6")


def make(to: Path) -> None:
    """Writes the file; nothing in it tells of the machine that made it."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "dampen.db"
        _search_and_kill(file)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(
                "UPDATE dampen_workers SET host = 'rook', machine = 'rook', "
                "beat_at = datetime(beat_at, '-1 hour')"
            )
            for table in ("dampen_workers", "dampen_trials"):
                connection.execute(f"UPDATE {table} SET worker_id = 'rook:1:00000000'")
            connection.commit()
            to.unlink(missing_ok=True)
            connection.execute("VACUUM INTO ?", (str(to),))


def _search_and_kill(file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "search", *LAUNCH, "--trials", str(PLANNED)],
        cwd=file.parent,
        start_new_session=True,
    )
    while not _in_the_middle(file):
        time.sleep(0.005)
    workers = psutil.Process(process.pid).children(recursive=True)
    for member in workers:
        member.suspend()  # a worker whose pool is gone would give its trial back
    process.send_signal(signal.SIGKILL)
    for member in workers:
        member.kill()
    process.wait()


def _in_the_middle(file: Path) -> bool:
    if not file.exists():
        return False
    with closing(sqlite3.connect(file)) as connection:
        try:
            states = [row[0] for row in connection.execute("SELECT state FROM trials")]
        except sqlite3.OperationalError:
            return False  # not there yet
    return states.count("COMPLETE") >= 4 and "RUNNING" in states


if __name__ == "__main__":
    make(Path(__file__).with_name(f"schema_{SCHEMA_VERSION}.db"))
