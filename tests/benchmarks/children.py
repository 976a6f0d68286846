"""How the benchmarks start processes: each thing measured gets a fresh one, without a GPU.

A measured script prints one line of JSON, its last, and nothing else is taken from it. A server is
measured step by step instead: it answers each line it is sent with a line of JSON, so that several
can take turns on one core. `machine.py` describes what they run on.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

# For processes that share one core: every library that has a thread pool is told to use one thread.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, without a GPU and with a silent TensorFlow."""
    quiet = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    return {**os.environ, **quiet, **(extra or {})}


def ask(script: str, *arguments: object, extra: Mapping[str, str] | None = None) -> Any:
    """Run a script of this folder to its end and return what its last line says.

    Raises:
        SystemExit: it failed; the message carries the end of what it said.
    """
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(
        command, env=environment(extra), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Server:
    """A script that is measured a step at a time. Use it as a context manager.

    Args:
        script: a file of this folder; it answers every line on its standard input.
        arguments: of the script, each turned into text.
        python: the interpreter, one with the packages the script needs.
        core: the processor core it is bound to, where the system has `taskset`; None for any.
        extra: added to its environment.
    """

    def __init__(
        self,
        script: str,
        *arguments: object,
        python: str = sys.executable,
        core: int | None = 0,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        bindable = core is not None and shutil.which("taskset")
        bound = ["taskset", "-c", str(core)] if bindable else []
        self._command = [*bound, python, str(HERE / script), *map(str, arguments)]
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed by __exit__
        self._process = subprocess.Popen(
            self._command,
            env=environment({**ONE_THREAD, **(extra or {})}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def step(self) -> Any:
        """Let it take one step and return its answer.

        Raises:
            SystemExit: it ended instead.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write("step\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._complaints.seek(0)
            raise SystemExit(
                f"{' '.join(self._command)} failed:\n{self._complaints.read()[-3000:]}"
            )
        return json.loads(line)
