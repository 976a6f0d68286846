"""Where workers run: what can be asked for, and what a resume makes of what was."""

import importlib.util
from typing import Any

import pytest

import search.placement
from search.errors import SettingError
from search.placement import Placement, choose_placement

SERVER = "postgresql://me:secret@db.example/searches"
FILE = "sqlite:///dampen.db"
REMOTE = Placement(engine="ray", address="auto", gpus_per_worker=0.5)

ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")


@ray
@pytest.mark.parametrize(
    ("told", "url", "says"),
    [
        ({"engine": "dask"}, FILE, "--engine must be one of local, ray; got dask."),
        ({"address": "auto"}, SERVER, "--address is of use with --engine ray alone."),
        ({"cpus_per_worker": 2}, FILE, "--cpus-per-worker is of use with --engine ray alone."),
        ({"engine": "ray", "cpus_per_worker": 0}, FILE, "--cpus-per-worker must be above 0"),
        ({"engine": "ray", "cpus_per_worker": True}, FILE, "--cpus-per-worker must be above 0"),
        ({"engine": "ray", "gpus_per_worker": -1}, FILE, "--gpus-per-worker must be 0 or above"),
        ({"engine": "ray", "gpus_per_worker": 1.5}, FILE, "--gpus-per-worker must be 0 or above"),
        ({"engine": "ray", "on_interrupt": "go"}, FILE, "--on-interrupt must be one of stop, "),
        ({"engine": "ray", "on_interrupt": "detach"}, FILE, "--on-interrupt detach needs --add"),
        ({"engine": "ray", "address": "head"}, SERVER, "--address must be auto or a Ray cluster"),
        ({"engine": "ray", "address": "ray://a:1"}, SERVER, "--address must be auto or a Ray"),
        ({"engine": "ray", "address": "auto"}, FILE, "workers on other machines cannot share a "),
    ],
)
def test_what_cannot_be_meant_is_refused(told: dict[str, Any], url: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        choose_placement(Placement(), told, url)
    assert str(caught.value).startswith(says)


def test_without_ray_its_installation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.placement, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r'pip install "dampen\[cluster\]"'):
        choose_placement(Placement(), {"engine": "ray"}, FILE)


@ray
def test_a_resume_goes_on_as_at_launch_but_for_what_is_told() -> None:
    assert choose_placement(REMOTE, {"engine": None, "address": None}, SERVER) == REMOTE
    changed = choose_placement(REMOTE, {"cpus_per_worker": 2.0, "on_interrupt": "detach"}, SERVER)
    assert changed.address == "auto"
    assert (changed.gpus_per_worker, changed.cpus_per_worker) == (0.5, 2.0)
    assert changed.detaches


@ray
def test_another_engine_than_at_launch_begins_with_the_defaults() -> None:
    assert choose_placement(REMOTE, {"engine": "local"}, SERVER) == Placement()
    assert choose_placement(Placement(), {"engine": "ray"}, FILE) == Placement(engine="ray")
