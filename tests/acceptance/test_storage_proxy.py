"""A search through `dampen storage-proxy`, over a real PostgreSQL."""

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from conftest import Folder
    from postgresql import Server

LAUNCH = ("launch", "--space", "quick", "--max-epochs", "10", "--folds", "1", "--confirm", "0")
FINISHED = ("COMPLETE", "PRUNED", "FAIL")
TRIALS = 16
PORT = 13_579


def _states(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT state::text FROM trials ORDER BY number").fetchall()
    return [state for (state,) in rows]


def _start_proxy(folder: "Folder") -> "subprocess.Popen[str]":
    proxy = folder.start("storage-proxy", "--port", str(PORT))
    assert proxy.stderr is not None
    assert f"127.0.0.1:{PORT}" in proxy.stderr.readline()
    return proxy


def _wait_for_finished(url: str, number: int, search: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 120
    while sum(state in FINISHED for state in _states(url)) < number:
        assert search.poll() is None, search.communicate()
        assert time.monotonic() < end, "too slow"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_search_goes_on_when_its_proxy_and_its_database_were_away(
    folder: "Folder", postgresql: "Server"
) -> None:
    with postgresql.lent_database() as url:
        folder.environment["DAMPEN_STORAGE"] = url
        proxy = _start_proxy(folder)
        folder.environment["DAMPEN_PROXY"] = f"127.0.0.1:{PORT}"
        search = folder.start(*LAUNCH, "--trials", str(TRIALS), "--workers", "2")

        _wait_for_finished(url, 4, search)
        proxy.send_signal(signal.SIGKILL)
        proxy.wait(10)
        time.sleep(2)
        away = sum(state in FINISHED for state in _states(url))
        time.sleep(3)
        # Who reports, asks the proxy: what was being trained waits there.
        assert sum(state in FINISHED for state in _states(url)) <= away + 2
        assert search.poll() is None
        proxy = _start_proxy(folder)

        _wait_for_finished(url, 8, search)
        postgresql.stop()
        time.sleep(2)
        postgresql.start()

        _, said = search.communicate(timeout=180)
        assert search.returncode == 0, said
        states = _states(url)
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(10) == 0
    assert len(states) == TRIALS
    assert set(states) <= set(FINISHED)
