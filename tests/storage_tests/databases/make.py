"""Makes the database of the schema at hand, `schema_N.db`.

It holds a study that was finished, confirmed and answered, and one that was killed in its middle.

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
WHOLE = ("launch", "--study", "pawns", "--trials", "3", "--max-epochs", "3", "--confirm", "1")
ANSWER = """
from search.answer.answer import make_answer
from storage.database import open_database
make_answer(open_database(create=False), "pawns")
"""


def make(to: Path) -> None:
    """Writes the file; nothing in it tells of the machine that made it."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "dampen.db"
        for arguments in (("-m", "search", *WHOLE), ("-c", ANSWER)):
            subprocess.run([sys.executable, *arguments], cwd=name, check=True)
        _search_and_kill(file)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(
                "UPDATE dampen_workers SET host = 'rook', machine = 'rook', "
                "beat_at = datetime(beat_at, '-1 hour')"
            )
            names = connection.execute("SELECT worker_id FROM dampen_workers ORDER BY started_at")
            for number, worker_id in enumerate(names.fetchall()):
                for table in ("dampen_workers", "dampen_trials"):
                    connection.execute(
                        f"UPDATE {table} SET worker_id = ? WHERE worker_id = ?",
                        (f"rook:1:{number:08}", *worker_id),
                    )
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
            states = [
                state
                for (state,) in connection.execute(
                    "SELECT state FROM trials NATURAL JOIN studies WHERE study_name = 'rooks'"
                )
            ]
        except sqlite3.OperationalError:
            return False  # not there yet
    return states.count("COMPLETE") >= 4 and "RUNNING" in states


if __name__ == "__main__":
    make(Path(__file__).with_name(f"schema_{SCHEMA_VERSION}.db"))
