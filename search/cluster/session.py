"""A connection to Ray: a cluster's, or a Ray that lives as long as the block.

Ray says nothing of its own on the terminal, counts no usage and serves no dashboard here. A Ray
that is started here listens on every address, which it cannot be talked out of; so it takes calls
from those alone who show a token that this process and its children know.
"""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import objectives
import search
import storage
from search.errors import SettingError
from search.placement import Placement

SECONDS_TO_ANSWER = 5.0  # for a cluster's address; Ray itself tries for many minutes
_STORE_BYTES = 100 * 2**20  # of a Ray that is started here, where the data are files at hand
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextmanager
def connected(placement: Placement, namespace: str) -> Iterator[Any]:
    """Give the module `ray`, connected; at the end this process leaves, and its own Ray ends.

    Args:
        placement: which cluster.
        namespace: in which actors are named.

    Raises:
        SettingError: no cluster is at the address, or this process is connected to Ray already.
    """
    own = placement.address is None
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)} if own else {}
    with _environment({**_QUIET, **token}), _signals_kept():
        import ray

        if ray.is_initialized():
            raise SettingError(
                "this process is connected to Ray already; call ray.shutdown() before it launches "
                "a study on Ray."
            )
        # What it says of nodes that die goes to standard output else, whatever `init` is told.
        ray._private.worker._worker_logs_enabled = False
        # The cluster's table of jobs would have the command line, and so what --storage says.
        ray._private.utils.get_entrypoint_name = lambda: "dampen"
        quiet = {"namespace": namespace, "log_to_driver": False, "logging_level": "error"}
        if placement.address is None:
            ray.init("local", include_dashboard=False, object_store_memory=_STORE_BYTES, **quiet)
        else:
            _join(ray, placement.address, quiet)
    try:
        yield ray
    finally:
        with _signals_kept():
            ray.shutdown()


def _join(ray: Any, address: str, quiet: Mapping[str, Any]) -> None:
    found = _found(address)
    modules = [str(Path(str(room.__file__)).parent) for room in (objectives, search, storage)]
    # What stands in RAY_ADDRESS would go before the address that was asked for.
    with _environment({"RAY_ADDRESS": found}):
        try:
            ray.init(found, runtime_env={"py_modules": modules}, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            said = str(error).strip().splitlines()[0]
            raise SettingError(
                f"this machine must be a node of the Ray cluster at {found} (`ray start "
                f"--address={found}`), with the same Ray; Ray says: {said}"
            ) from None


def _found(address: str) -> str:
    """Return a cluster's address as HOST:PORT once somebody answers there."""
    found = address
    if address == "auto":
        from ray._private.services import canonicalize_bootstrap_address

        found = canonicalize_bootstrap_address("auto") or ""
    if not found:
        raise SettingError(
            "--address auto must find a Ray cluster that this machine is a node of; there is none. "
            "Start one (`ray start --head`), say --address HOST:PORT, or leave --address out."
        )
    host, _, port = found.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
        _greet(found)
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"a Ray cluster must answer at {found}; none does ({error}). Check --address, and that "
            "`ray status` works on this machine."
        ) from None
    return found


def _greet(address: str) -> None:
    """Raise TimeoutError where who answers does not speak Ray's language, gRPC."""
    import grpc

    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return  # it would not speak to a stranger
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=SECONDS_TO_ANSWER)
        except grpc.FutureTimeoutError:
            raise TimeoutError("what answers there is something else") from None


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Undo what Ray does to this process's signals, which mean a stop in good order here."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
