"""How this process connects to Ray: quietly, to the cluster that was meant, or says why not."""

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from search.cluster.session import connected
from search.errors import SettingError
from search.placement import Placement

OWN = Placement(engine="ray")


class Ray:
    """Stands in for the module, and remembers how it was connected."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: Any = None
        self.environment: Mapping[str, str] = {}
        self.down = 0
        self._private = SimpleNamespace(worker=SimpleNamespace(), utils=SimpleNamespace())
        self.running = False

    def is_initialized(self) -> bool:
        return self.running

    def init(self, address: str, **given: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray does something of the kind
        self.asked, self.environment = (address, given), dict(os.environ)
        if self.error is not None:
            raise self.error

    def shutdown(self) -> None:
        self.down += 1


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    found = Ray()
    monkeypatch.setitem(sys.modules, "ray", found)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "10.9.9.9:6379")
    return found


@pytest.fixture
def answering() -> Iterator[str]:
    """An address where somebody answers as Ray does."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def test_a_ray_of_its_own_is_quiet_and_heeds_only_who_knows_its_token(ray: Ray) -> None:
    before = dict(os.environ), signal.getsignal(signal.SIGTERM)
    tokens = set()
    for _ in range(2):
        with connected(OWN, "dampen"):
            assert (dict(os.environ), signal.getsignal(signal.SIGTERM)) == before
        tokens.add(ray.environment["RAY_AUTH_TOKEN"])
    assert len(tokens) == 2
    assert ray.environment["RAY_AUTH_MODE"] == "token"
    assert ray.environment["RAY_USAGE_STATS_ENABLED"] == "0"
    address, given = ray.asked
    assert address == "local"
    assert (given["include_dashboard"], given["log_to_driver"]) == (False, False)
    assert ray.down == 2


def test_the_address_that_was_told_goes_before_the_environment_s_and_code_goes_with_it(
    ray: Ray, answering: str
) -> None:
    with connected(Placement(engine="ray", address=answering), "dampen"):
        pass
    address, given = ray.asked
    assert address == answering
    assert ray.environment["RAY_ADDRESS"] == answering
    assert "RAY_AUTH_TOKEN" not in ray.environment
    modules = [os.path.basename(module) for module in given["runtime_env"]["py_modules"]]
    assert sorted(modules) == ["objectives", "search", "storage"]
    assert os.environ["RAY_ADDRESS"] == "10.9.9.9:6379"


def test_it_is_left_when_the_block_raises(ray: Ray) -> None:
    with pytest.raises(KeyboardInterrupt), connected(OWN, "dampen"):
        raise KeyboardInterrupt
    assert ray.down == 1


def test_where_nobody_answers_that_is_said(ray: Ray, answering: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(SettingError, match=f"a Ray cluster must answer at {address}; none"),
            connected(Placement(engine="ray", address=address), "dampen"),
        ):
            pass
    assert ray.asked is None


def test_where_something_else_answers_that_is_said(
    ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.cluster.session.SECONDS_TO_ANSWER", 0.2)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with (
            pytest.raises(SettingError, match=r"what answers there is something else"),
            connected(Placement(engine="ray", address=address), "dampen"),
        ):
            pass
    assert ray.asked is None


def test_what_ray_refuses_is_said_in_a_sentence(ray: Ray, answering: str) -> None:
    ray.error = RuntimeError("Version mismatch:\n  a long story")
    with (
        pytest.raises(SettingError, match=r"; Ray says: Version mismatch:$"),
        connected(Placement(engine="ray", address=answering), "dampen"),
    ):
        pass


def test_no_cluster_to_be_found_is_said(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    services = SimpleNamespace(canonicalize_bootstrap_address=lambda _: None)
    monkeypatch.setitem(sys.modules, "ray._private", SimpleNamespace(services=services))
    monkeypatch.setitem(sys.modules, "ray._private.services", services)
    with (
        pytest.raises(SettingError, match=r"^--address auto must find a Ray cluster"),
        connected(Placement(engine="ray", address="auto"), "dampen"),
    ):
        pass


def test_who_is_connected_already_is_told_to_leave(ray: Ray) -> None:
    ray.running = True
    with (
        pytest.raises(SettingError, match=r"call ray\.shutdown\(\) before"),
        connected(OWN, "dampen"),
    ):
        pass
    assert ray.down == 0, "the other's connection stays"
