"""An actor on a node: starts one worker process there, and waits for it.

The worker is the same process as on one machine (`search/worker.py`), so that TensorFlow and its
memory never are in Ray's own process. Its lifeline is this process: `stop` has it give its trial
back; whatever else ends the actor ends the worker too, and its trial is taken up as after any
death. The work begins with the constructor, which Ray calls again, on another node, when a node has
died; nobody needs to ask for it.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import objectives
import search
import storage
from search.cluster.parcel import objective_in, unpack
from search.engine import Ended
from search.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STORAGE
from search.worker_process import last_words, start_worker, stop_workers, worker_command

SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_TO_BE_ASKED = 30.0  # how the worker ended, before an actor takes it that nobody will


@dataclass(frozen=True, kw_only=True)
class Post:
    """What an actor is told about the worker to start."""

    study: str
    url: str = field(repr=False)  # may carry a password
    environment: dict[str, str] = field(repr=False)  # the launching process's, as far as it counts
    folder: Path  # of the prepared data, on the launching machine
    digest: str | None  # of the parcel; None where the node is the launching machine
    sizes: dict[str, int] = field(default_factory=dict, repr=False)  # of the parcel's files
    shares_folder: bool  # whether every node must see `folder`
    has_gpu: bool
    detached: bool


class WorkerActor:
    """One worker on one node.

    Args:
        post: which worker.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._parcel: Sequence[Any] = ()
        self._told = threading.Event()  # where the parcel is
        self._leave = threading.Event()
        self._end: Ended | None = None
        self._self = _this_actor() if post.detached else None
        threading.Thread(target=self._work, daemon=True).start()

    async def ended(self, parcel: Sequence[Any]) -> Ended:
        """Return how the worker ended, once it has.

        Ray asks again, with the parcel, when the actor has begun elsewhere; but not on behalf of a
        process that is gone.

        Args:
            parcel: Ray's reference to the content that `post.digest` names, in a list, so that it
                is fetched only where it is missing; empty where there is none.
        """
        self._parcel = parcel
        self._told.set()
        while self._end is None:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        return self._end

    async def stop(self) -> None:
        """Have the worker leave, or be killed after SECONDS_TO_STOP."""
        self._leave.set()

    def _work(self) -> None:
        try:
            self._end = self._run()
        except OSError as error:
            self._end = _refused(f"the disk of a node refused: {error}")
        except Exception as error:  # whoever waits has to hear of it
            self._end = Ended(code=EXIT_FAILED, said=[f"{type(error).__name__}: {error}"])
        if self._self is not None:  # else nobody may be left to end this actor
            import ray

            self._leave.wait(SECONDS_TO_BE_ASKED)
            ray.kill(self._self)  # its name and its place are free again

    def _run(self) -> Ended:
        post = self._post
        if post.shares_folder and not post.folder.is_dir():
            return _refused(
                f"every node must see the folder {post.folder.parents[1]} of the study's files; "
                f"{socket.gethostname()} does not."
            )
        folder = self._folder()
        command = worker_command(post.study, folder, objective_in(folder))
        worker = start_worker(command, post.url, {**post.environment, **_environment(post)})
        while worker.process.poll() is None:
            if self._leave.wait(SECONDS_BETWEEN_LOOKS):
                stop_workers([worker])
                return Ended(code=EXIT_INTERRUPTED, said=[])
        return Ended(code=worker.process.returncode, said=last_words(worker))

    def _folder(self) -> Path:
        """Return the prepared data on this node."""
        import ray

        if self._post.digest is None:
            return self._post.folder
        try:
            return unpack(self._post.digest, self._post.sizes, self._fetch)
        except (LookupError, ray.exceptions.RayError):
            # Gone with the process that launched a detached worker, which now begins elsewhere.
            if not self._post.shares_folder:
                raise
            return self._post.folder

    def _fetch(self) -> Any:
        import ray

        if not self._told.wait(SECONDS_TO_BE_ASKED):
            raise LookupError("nobody who has the data asked for this worker")
        return ray.get(self._parcel[0])


def _environment(post: Post) -> dict[str, str]:
    """Return what a worker's environment has to say on this node: its code, and its GPU."""
    rooms = (Path(str(room.__file__)).parents[1] for room in (objectives, search, storage))
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = os.pathsep.join(dict.fromkeys([*map(str, rooms), *filter(None, before)]))
    gpu = {
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else the first worker takes all of its memory
    }
    return {"PYTHONPATH": path, **(gpu if post.has_gpu else {})}


def _this_actor() -> Any:
    import ray

    return ray.get_runtime_context().current_actor


def _refused(sentence: str) -> Ended:
    return Ended(code=EXIT_STORAGE, said=[sentence])
