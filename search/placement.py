"""Where a study's workers run, as it was asked for: on this machine, or as actors of a Ray cluster.

Next: `engine.py` for how either starts them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from search.errors import SettingError
from storage.url import database_file, resolve_url

ENGINES = ("local", "ray")
ON_INTERRUPT = ("stop", "detach")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where workers run, and what each of them takes there."""

    engine: str = "local"
    address: str | None = None  # of Ray's cluster: auto or HOST:PORT; None for a Ray of its own
    cpus_per_worker: float = 1.0
    gpus_per_worker: float = 0.0
    on_interrupt: str = "stop"

    @property
    def detaches(self) -> bool:
        """Whether workers go on when the shell that launched them is interrupted."""
        return self.on_interrupt == "detach"

    def fits(self, resources: Mapping[str, float]) -> bool:
        """Whether a node with these resources, as Ray names them, has a place for a worker."""
        enough = resources.get("CPU", 0) >= self.cpus_per_worker
        return enough and resources.get("GPU", 0) >= self.gpus_per_worker


def choose_placement(before: Placement, told: Mapping[str, Any], storage: str | None) -> Placement:
    """Return where workers are to run, checked.

    Args:
        before: as it is unless told; another engine than that begins with the defaults.
        told: fields of a Placement; None for what was not told.
        storage: as for `search.study.launch`.

    Raises:
        SettingError: what was told cannot be meant, or Ray is not installed.
    """
    told = {name: value for name, value in told.items() if value is not None}
    engine = told.get("engine", before.engine)
    if engine not in ENGINES:
        raise SettingError(f"--engine must be one of {', '.join(ENGINES)}; got {engine}.")
    if engine == "local" and (options := [_option(name) for name in told if name != "engine"]):
        raise SettingError(
            f"{options[0]} is of use with --engine ray alone. Add it, or leave it out."
        )
    placement = replace(before if engine == before.engine else Placement(), **told)
    if placement.engine == "ray":
        _check_ray(placement, storage)
    return placement


def _check_ray(placement: Placement, storage: str | None) -> None:
    if placement.on_interrupt not in ON_INTERRUPT:
        raise SettingError(
            f"--on-interrupt must be one of {', '.join(ON_INTERRUPT)}; got "
            f"{placement.on_interrupt}."
        )
    _check_share("--cpus-per-worker", placement.cpus_per_worker, least="above 0")
    _check_share("--gpus-per-worker", placement.gpus_per_worker, least="0 or above")
    if find_spec("ray") is None:
        raise SettingError(
            "--engine ray needs the package ray, which is not installed. "
            'Type: pip install "dampen[cluster]".'
        )
    if placement.address is None:
        if placement.detaches:
            raise SettingError(
                "--on-interrupt detach needs --address, since a Ray that this shell starts ends "
                "with it."
            )
        return
    _check_address(placement.address)
    if (file := database_file(resolve_url(storage))) is not None:
        raise SettingError(
            f"workers on other machines cannot share a SQLite file, whose locks do not work over a "
            f"network; got {file.name}. Say --storage postgresql://..., or leave --address out."
        )


def _check_address(address: str) -> None:
    _, colon, port = address.rpartition(":")
    if address != "auto" and not (colon and port.isdecimal() and "/" not in address):
        raise SettingError(
            f"--address must be auto or a Ray cluster's HOST:PORT, as 10.0.0.1:6379; got {address}."
        )


def _check_share(option: str, value: float, *, least: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = number and math.isfinite(value) and (value > 0 or (value == 0 and least != "above 0"))
    if not (fits and (value <= 1 or value == int(value))):
        raise SettingError(f"{option} must be {least}, and whole where it is above 1; got {value}.")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
