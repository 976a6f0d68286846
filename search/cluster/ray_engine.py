"""The engine whose workers are actors of a Ray cluster.

All workers are asked for at once; those that find no place wait for one, so that a study grows and
shrinks with its cluster, and an autoscaler sees what is wanted. When a node dies, Ray starts its
actors again elsewhere, and the trials they had are taken up as after any death.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from search.cluster.parcel import pack
from search.cluster.session import connected
from search.cluster.worker_actor import Post, WorkerActor
from search.engine import Ended
from search.errors import SettingError
from search.exits import EXIT_FAILED
from search.objective.objective_file import BUILT_IN, ObjectiveFile
from search.placement import Placement
from search.worker_process import HEARTBEAT_VARIABLE, SECONDS_TO_STOP
from storage.database import Database
from storage.url import ARTIFACTS_VARIABLE, PROXY_VARIABLE

_CARRIED = (HEARTBEAT_VARIABLE, PROXY_VARIABLE)  # variables that workers elsewhere need too


@contextmanager
def ray_engine(
    placement: Placement,
    db: Database,
    study: str,
    folder: Path,
    objective: ObjectiveFile | None,
    say: Callable[[str], None],
) -> Iterator["RayEngine"]:
    """Give the engine of a study, connected to its cluster until the block ends.

    Args:
        placement: which cluster, and what a worker takes of it.
        db: the study's storage.
        study: its name.
        folder: of its prepared data.
        objective: its own; None for the networks of a space.
        say: gets a sentence where there is something to say.

    Raises:
        SettingError: no cluster is at the address, or this machine has no place for a worker.
    """
    with connected(placement, _namespace(db.url)) as ray:
        _check_room(ray, placement, say)
        parcel = None
        if placement.address is not None:
            own = objective is not None and objective.source not in BUILT_IN
            parcel = pack(folder, Path(objective.source) if objective and own else None)
        post = Post(
            study=study,
            url=db.url,
            environment=carried_environment(db),
            folder=folder,
            digest=None if parcel is None else parcel.digest,
            sizes={} if parcel is None else dict(parcel.sizes),
            shares_folder=parcel is not None and db.place.address is None,
            has_gpu=placement.gpus_per_worker > 0,
            detached=placement.detaches,
        )
        yield RayEngine(
            ray, placement, post, [] if parcel is None else [ray.put(parcel.content)], say
        )


def _check_room(ray: Any, placement: Placement, say: Callable[[str], None]) -> None:
    """Say that no node of the cluster has what a worker takes; refuse where none ever will."""
    if any(placement.fits(node["Resources"]) for node in ray.nodes() if node["Alive"]):
        return
    takes = f"{placement.cpus_per_worker:g} CPUs and {placement.gpus_per_worker:g} GPUs"
    if placement.address is None:
        raise SettingError(
            f"a worker must find {takes} on this machine; it has fewer. Lower --cpus-per-worker or "
            "--gpus-per-worker, or name a cluster with --address."
        )
    say(f"no node of the cluster has {takes}; workers wait for one that has")


def carried_environment(db: Database) -> dict[str, str]:
    """Return what of this process's environment its workers need on another machine.

    The keys of a bucket are among it, so that it is shown to nobody.
    """
    named = {
        name: value
        for name, value in os.environ.items()
        if name in _CARRIED or (name.startswith("AWS_") and db.place.address is not None)
    }
    return {ARTIFACTS_VARIABLE: str(db.place), **named}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """An actor that was asked for."""

    actor: Any
    placed: Any  # Ray's promise that it has a place
    end: Any  # Ray's promise of how its worker ended


class RayEngine:
    """Actors of a cluster.

    Args:
        ray: the module, connected.
        placement: what each worker takes.
        post: what each is told.
        parcel: for `WorkerActor`.
        say: gets a sentence when the workers are left to go on.
    """

    def __init__(
        self,
        ray: Any,
        placement: Placement,
        post: Post,
        parcel: list[Any],
        say: Callable[[str], None],
    ) -> None:
        self._ray = ray
        self._placement = placement
        self._post = post
        self._parcel = parcel
        self._say = say
        self._asked: list[_Asked] = []
        self._next = 0  # number of the next detached actor
        # With the content, since those that have another objective serve no more.
        self._stem = f"{post.study}-{(post.digest or '')[:8]}-"
        self._adopt()

    @property
    def workers(self) -> int:
        """How many were asked for and have not ended."""
        return len(self._asked)

    def start(self) -> None:
        """Ask for one more actor."""
        options: dict[str, Any] = {}
        if self._post.detached:
            name = f"{self._stem}{self._next}"
            options = {"lifetime": "detached", "name": name, "get_if_exists": True}
            self._next += 1
        actor_class = self._ray.remote(WorkerActor).options(
            num_cpus=self._placement.cpus_per_worker,
            num_gpus=self._placement.gpus_per_worker,
            max_restarts=-1,
            max_task_retries=-1,
            **options,
        )
        self._asked.append(self._watched(actor_class.remote(self._post)))

    def ended(self) -> list[Ended]:
        """Return how those ended that did; their places are free again."""
        found = []
        for asked in self._having_ended(0.0):
            self._asked.remove(asked)
            try:
                found.append(self._ray.get(asked.end))
            except self._ray.exceptions.RayError as error:
                said = str(error).strip().splitlines() or [type(error).__name__]
                found.append(Ended(code=EXIT_FAILED, said=[said[0]]))
            self._kill(asked)
        return found

    def stop(self) -> None:
        """Stop all; those without a place yet are no longer asked for."""
        try:
            placed = [asked.placed for asked in self._asked]
            there, _ = (
                self._ray.wait(placed, num_returns=len(placed), timeout=0) if placed else ([], [])
            )
            leaving = [asked for asked in self._asked if asked.placed in there]
            for asked in leaving:
                asked.actor.stop.remote()
            ends = [asked.end for asked in leaving]
            if ends:
                self._ray.wait(ends, num_returns=len(ends), timeout=SECONDS_TO_STOP + 1)
        finally:
            for asked in self._asked:
                self._kill(asked)
            self._asked.clear()

    def interrupt(self) -> None:
        """Stop all, or leave them to go on where that was asked for."""
        if not self._post.detached:
            self.stop()
            return
        self._say(
            f"{self.workers} workers go on without this shell; `dampen resume` comes back to them"
        )
        self._asked.clear()

    def _adopt(self) -> None:
        """Take over the study's actors that an earlier launch left to go on."""
        for name in self._ray.util.list_named_actors():
            study, _, number = name.rpartition("-")
            if study.rpartition("-")[0] != self._post.study:
                continue
            with suppress(ValueError):  # it ended meanwhile
                actor = self._ray.get_actor(name)
                if name.startswith(self._stem):
                    self._next = max(self._next, int(number) + 1)
                    self._asked.append(self._watched(actor))
                else:
                    actor.stop.remote()  # it leaves when its worker has given its trial back

    def _having_ended(self, timeout: float) -> list[_Asked]:
        ends = [asked.end for asked in self._asked]
        if not ends:
            return []
        done, _ = self._ray.wait(ends, num_returns=len(ends), timeout=timeout)
        return [asked for asked in self._asked if asked.end in done]

    def _kill(self, asked: _Asked) -> None:
        self._ray.kill(asked.actor)

    def _watched(self, actor: Any) -> _Asked:
        placed, end = actor.__ray_ready__.remote(), actor.ended.remote(self._parcel)
        return _Asked(actor=actor, placed=placed, end=end)


def _namespace(url: str) -> str:
    """Return where actors of a database's studies are named, apart from other databases'."""
    parsed = make_url(url)
    place = f"{parsed.host}:{parsed.port}/{parsed.database}"
    return f"dampen-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
