"""What runs on a cluster's nodes, and what is asked of Ray, without a cluster."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import search
import search.cluster.worker_actor
from search.cluster.checking import look_around
from search.cluster.parcel import objective_in, pack, unpack
from search.cluster.ray_engine import (
    RayEngine,
    _check_room,
    _namespace,
    carried_environment,
)
from search.cluster.worker_actor import Post, WorkerActor
from search.engine import Ended
from search.errors import SettingError
from search.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STORAGE
from search.placement import Placement
from storage.bucket import Bucket
from storage.database import Database, close, open_database
from storage.place import Folder

# The parcel


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder as that of prepared data, with what a writer left half done."""
    folder = tmp_path / "shared" / "prepared" / "0123"
    folder.mkdir(parents=True)
    (folder / "x.npy").write_bytes(b"numbers")
    (folder / "empty.npy").write_bytes(b"")
    (folder / "prepared.json").write_text("{}")
    (folder / ".x.npy.77").write_bytes(b"half")
    return folder


def _files(folder: Path) -> Mapping[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def test_a_parcel_is_unpacked_as_it_was_and_fetched_once(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text("def suggest(trial): ...")
    parcel = pack(prepared, tmp_path / "my.py")
    fetched: list[int] = []

    def fetch() -> Any:
        fetched.append(1)
        return parcel.content

    found = {unpack(parcel.digest, parcel.sizes, fetch, tmp_path / "cache") for _ in range(3)}
    (folder,) = found
    assert fetched == [1]
    assert _files(folder) == {
        "x.npy": b"numbers",
        "empty.npy": b"",
        "prepared.json": b"{}",
        "objective/my.py": b"def suggest(trial): ...",
    }
    assert objective_in(folder) == folder / "objective" / "my.py"
    assert objective_in(prepared) is None


def test_an_unpacked_parcel_that_lost_a_file_is_fetched_again(
    prepared: Path, tmp_path: Path
) -> None:
    parcel = pack(prepared, None)
    folder = unpack(parcel.digest, parcel.sizes, lambda: parcel.content, tmp_path / "cache")
    for damage in (lambda: (folder / "x.npy").unlink(), lambda: (folder / "x.npy").write_text("")):
        damage()
        again = unpack(parcel.digest, parcel.sizes, lambda: parcel.content, tmp_path / "cache")
        assert (again, (again / "x.npy").read_bytes()) == (folder, b"numbers")


def test_another_content_is_another_parcel(prepared: Path, tmp_path: Path) -> None:
    before = pack(prepared, None).digest
    assert pack(prepared, None).digest == before
    (prepared / "x.npy").write_bytes(b"number")
    (prepared / "empty.npy").write_bytes(b"s")
    assert pack(prepared, None).digest != before


def test_who_is_second_to_unpack_takes_what_the_first_unpacked(
    prepared: Path, tmp_path: Path
) -> None:
    parcel, cache = pack(prepared, None), tmp_path / "cache"

    def fetch_slowly() -> Any:
        unpack(parcel.digest, parcel.sizes, lambda: parcel.content, cache)
        return parcel.content

    folder = unpack(parcel.digest, parcel.sizes, fetch_slowly, cache)
    assert [each.name for each in cache.iterdir()] == [folder.name]


def test_a_parcel_that_cannot_be_fetched_leaves_nothing(tmp_path: Path) -> None:
    def fetch() -> Any:
        return {"x.npy": np.zeros(1, np.uint8), "a/b/c.npy": np.zeros(1, np.uint8)}

    with pytest.raises(OSError, match="No such file"):
        unpack("00", {"x.npy": 1}, fetch, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


# The actor


def _post(folder: Path, **given: Any) -> Post:
    post = Post(
        study="rooks",
        url="postgresql://me:secret@db.example/searches",
        environment={"DAMPEN_HEARTBEAT": "3s", "AWS_SECRET_ACCESS_KEY": "secret"},
        folder=folder,
        digest=None,
        shares_folder=True,
        has_gpu=False,
        detached=False,
    )
    return replace(post, **given)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has every worker run a program instead."""

    def use(program: str) -> None:
        command = [sys.executable, "-S", "-c", program]
        monkeypatch.setattr(search.cluster.worker_actor, "worker_command", lambda *_: command)

    return use


def _end(actor: WorkerActor) -> Ended:
    return asyncio.run(asyncio.wait_for(actor.ended([]), 10))


def test_no_secret_is_in_what_is_printed_of_a_post() -> None:
    assert "secret" not in repr(_post(Path("/shared")))


def test_a_worker_s_exit_code_and_last_words_come_back(
    prepared: Path, work: Callable[[str], None]
) -> None:
    work("import sys; print('one'); sys.stderr.write('two'); sys.exit(4)")
    end = _end(WorkerActor(_post(prepared)))
    assert (end.code, sorted(end.said)) == (4, ["one", "two"])


_SAY = "import os; print(*map(os.environ.get, {names!r}), sep='\\n')"


@pytest.mark.parametrize(("has_gpu", "sees"), [(False, ["-1", "None"]), (True, ["2", "true"])])
def test_a_worker_sees_the_gpu_that_ray_gave_it_where_one_was_asked_for(
    prepared: Path,
    work: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    has_gpu: bool,
    sees: list[str],
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    monkeypatch.setenv("PYTHONPATH", "/opt/modules")
    names = ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "DAMPEN_STORAGE")
    work(_SAY.format(names=(*names, "DAMPEN_HEARTBEAT", "PYTHONPATH")))
    said = _end(WorkerActor(_post(prepared, has_gpu=has_gpu))).said
    assert said[:2] == sees
    assert said[2] == _post(prepared).url
    assert said[3] == "3s"
    assert said[4].split(os.pathsep) == [str(Path(search.__file__).parents[1]), "/opt/modules"]


def test_a_stopped_worker_leaves_when_its_lifeline_closes(
    prepared: Path, work: Callable[[str], None]
) -> None:
    work("import sys; sys.stdin.read()")
    actor = WorkerActor(_post(prepared))
    asyncio.run(actor.stop())
    began = time.monotonic()
    assert _end(actor).code == EXIT_INTERRUPTED
    assert time.monotonic() - began < search.worker_process.SECONDS_TO_STOP


def test_a_detached_actor_ends_itself_when_its_worker_has_left(
    prepared: Path, work: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    killed, ended = [], threading.Event()
    monkeypatch.setattr(search.cluster.worker_actor, "_this_actor", lambda: "this one")
    monkeypatch.setattr(search.cluster.worker_actor, "SECONDS_TO_BE_ASKED", 0.0)
    monkeypatch.setattr(ray, "kill", lambda actor: (killed.append(actor), ended.set()))
    work("")
    WorkerActor(_post(prepared, detached=True))
    assert ended.wait(10)
    assert killed == ["this one"]


def test_a_node_that_does_not_see_the_shared_folder_runs_nothing(prepared: Path) -> None:
    gone = prepared.parents[1] / "elsewhere" / "prepared" / "0123"
    end = _end(WorkerActor(_post(gone)))
    assert end.code == EXIT_STORAGE
    assert end.said[-1].startswith(f"every node must see the folder {gone.parents[1]} of the")


def test_what_keeps_a_worker_from_starting_is_said(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("no such parcel")

    monkeypatch.setattr(search.cluster.worker_actor, "unpack", refuse)
    end = _end(WorkerActor(_post(prepared, digest="00")))
    assert (end.code, end.said) == (EXIT_FAILED, ["RuntimeError: no such parcel"])


@pytest.mark.parametrize("shares_folder", [True, False])
def test_where_the_parcel_is_gone_the_folder_that_all_see_serves(
    prepared: Path,
    work: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    shares_folder: bool,
) -> None:
    import ray

    def lost(*_: Any) -> Any:
        raise ray.exceptions.RayError("the owner has died")

    monkeypatch.setattr(search.cluster.worker_actor, "unpack", lost)
    work("")
    end = _end(WorkerActor(_post(prepared, digest="00", shares_folder=shares_folder)))
    said = [] if shares_folder else ["RayError: the owner has died"]
    assert (end.code, list(end.said)) == (0 if shares_folder else EXIT_FAILED, said)


# What a node sees


@pytest.fixture
def db(tmp_path: Path) -> Any:
    found = open_database(f"sqlite:///{tmp_path}/dampen.db")
    yield found
    close(found)


@pytest.fixture
def _environment_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", "")  # and put back at the end


@pytest.mark.usefixtures("_environment_kept")
def test_a_node_reads_what_was_written_and_writes_what_is_read(db: Database) -> None:
    db.place.write("asked", "asked.txt", b"1234")
    assert look_around(db.url, carried_environment(db), "asked", "answer") is None
    answer = db.place.fetch("answer")
    assert answer is not None
    assert answer.read_bytes() == b"1234"


@pytest.mark.usefixtures("_environment_kept")
def test_a_node_that_sees_another_folder_says_so(db: Database, tmp_path: Path) -> None:
    db.place.write("asked", "asked.txt", b"1234")
    elsewhere = {"DAMPEN_ARTIFACTS": str(tmp_path / "elsewhere")}
    said = look_around(db.url, elsewhere, "asked", "answer")
    assert said is not None
    assert said.startswith(f"it and the launching machine must see the same {tmp_path}/elsewhere")


def test_a_node_without_the_database_says_so(tmp_path: Path) -> None:
    said = look_around(f"sqlite:///{tmp_path}/none.db", {}, "asked", "answer")
    assert said is not None
    assert "none.db" in said


def test_only_what_workers_need_is_carried_to_them(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAMPEN_TOKEN", "AWS_SECRET_ACCESS_KEY", "HOME"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("DAMPEN_HEARTBEAT", "3s")
    carried = carried_environment(db)
    assert isinstance(db.place, Folder)
    assert carried == {"DAMPEN_ARTIFACTS": str(db.place), "DAMPEN_HEARTBEAT": "3s"}
    carried = carried_environment(replace(db, place=Bucket("s3://b/p", tmp_path)))
    assert (carried["DAMPEN_ARTIFACTS"], carried["AWS_SECRET_ACCESS_KEY"]) == ("s3://b/p", "secret")
    assert not {"DAMPEN_TOKEN", "HOME"} & set(carried)


# What is asked of Ray


class Ray:
    """Stands in for the module: actors that have a place or none, and end when told."""

    def __init__(self, named: tuple[str, ...] = ()) -> None:
        self.named = {name: Actor(name) for name in named}
        self.options: list[Mapping[str, Any]] = []
        self.actors: list[Actor] = []
        self.done: set[Any] = set()
        self.results: dict[Any, Any] = {}
        self.killed: list[Actor] = []
        self.util = SimpleNamespace(list_named_actors=lambda: list(self.named))
        self.exceptions = SimpleNamespace(RayError=ConnectionError)

    def remote(self, _: type) -> Any:
        def options(**given: Any) -> Any:
            self.options.append(given)
            return SimpleNamespace(remote=self._make)

        return SimpleNamespace(options=options)

    def _make(self, *_: Any) -> "Actor":
        self.actors.append(Actor(f"new {len(self.actors)}"))
        return self.actors[-1]

    def get_actor(self, name: str) -> "Actor":
        return self.named[name]

    def wait(self, promises: list[Any], **_: Any) -> Any:
        return [p for p in promises if p in self.done], [p for p in promises if p not in self.done]

    def get(self, promise: Any) -> Any:
        if isinstance(self.results[promise], Exception):
            raise self.results[promise]
        return self.results[promise]

    def kill(self, actor: "Actor") -> None:
        self.killed.append(actor)


class Actor:
    def __init__(self, name: str) -> None:
        self.stopped = threading.Event()
        self.__ray_ready__ = SimpleNamespace(remote=lambda: (name, "placed"))
        self.ended = SimpleNamespace(remote=lambda parcel: (name, "end"))
        self.stop = SimpleNamespace(remote=self.stopped.set)


def _engine(ray: Ray, said: list[str] | None = None, **given: Any) -> RayEngine:
    placement = Placement(engine="ray", cpus_per_worker=2.0, gpus_per_worker=0.25)
    post = _post(Path("/shared"), **given)
    return RayEngine(ray, placement, post, [], ([] if said is None else said).append)


def test_an_actor_takes_what_was_asked_for_and_comes_back_when_its_node_dies() -> None:
    ray = Ray()
    _engine(ray).start()
    assert ray.options == [
        {"num_cpus": 2.0, "num_gpus": 0.25, "max_restarts": -1, "max_task_retries": -1}
    ]


def test_how_workers_ended_is_said_once_and_their_places_are_free() -> None:
    ray = Ray()
    engine = _engine(ray)
    for _ in range(3):
        engine.start()
    first, second = ("new 0", "end"), ("new 2", "end")
    ray.done = {first, second}
    ray.results = {first: Ended(code=3, said=["alike"]), second: ConnectionError("it died\nmore")}
    assert engine.ended() == [
        Ended(code=3, said=["alike"]),
        Ended(code=EXIT_FAILED, said=["it died"]),
    ]
    assert ray.killed == [ray.actors[0], ray.actors[2]]
    assert (engine.workers, engine.ended()) == (1, [])


def test_those_with_a_place_are_asked_to_leave_and_all_are_ended() -> None:
    ray = Ray()
    engine = _engine(ray)
    for _ in range(3):
        engine.start()
    ray.done = {("new 1", "placed"), ("new 1", "end")}
    engine.interrupt()
    assert [actor.stopped.is_set() for actor in ray.actors] == [False, True, False]
    assert ray.killed == ray.actors
    assert engine.workers == 0


def test_detached_workers_are_left_alone_and_found_again() -> None:
    ray, said = Ray(), list[str]()
    engine = _engine(ray, said, detached=True, digest="1234567890")
    engine.start()
    (options,) = ray.options
    assert (options["name"], options["lifetime"]) == ("rooks-12345678-0", "detached")
    engine.interrupt()
    assert ray.killed == []
    assert said == ["1 workers go on without this shell; `dampen resume` comes back to them"]

    names = ("rooks-12345678-0", "rooks-12345678-7", "rooks-two-12345678-1", "kings-12345678-3")
    ray = Ray(named=names)
    engine = _engine(ray, detached=True, digest="1234567890")
    assert engine.workers == 2
    engine.start()
    assert ray.options[0]["name"] == "rooks-12345678-8"
    engine.stop()
    assert set(ray.killed) == {*(ray.named[name] for name in names[:2]), *ray.actors}


def test_workers_left_with_another_objective_or_data_are_ended() -> None:
    ray = Ray(named=("rooks-87654321-0",))
    assert _engine(ray, digest="1234567890").workers == 0
    assert ray.named["rooks-87654321-0"].stopped.is_set()  # which ends the actor, after its worker
    assert ray.killed == []


def test_studies_of_one_name_in_two_databases_are_told_apart_whoever_asks() -> None:
    names = {
        _namespace(f"postgresql+psycopg://{user}@db.example/{database}")
        for user in ("me:secret", "you")
        for database in ("a", "b")
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("node", "lacks"),
    [
        ({"Alive": True, "Resources": {"CPU": 4, "GPU": 1}}, False),
        ({"Alive": False, "Resources": {"CPU": 4, "GPU": 1}}, True),
        ({"Alive": True, "Resources": {"CPU": 4}}, True),
        ({"Alive": True, "Resources": {"CPU": 1, "GPU": 1}}, True),
    ],
)
def test_where_no_node_has_what_a_worker_takes_that_is_said(
    node: Mapping[str, Any], lacks: bool
) -> None:
    ray, said = SimpleNamespace(nodes=lambda: [node]), list[str]()
    placement = Placement(engine="ray", address="auto", cpus_per_worker=2.0, gpus_per_worker=0.25)
    _check_room(ray, placement, said.append)
    waits = "no node of the cluster has 2 CPUs and 0.25 GPUs; workers wait for one that has"
    assert said == ([waits] if lacks else [])
    if lacks:
        with pytest.raises(SettingError, match="on this machine; it has fewer"):
            _check_room(ray, replace(placement, address=None), said.append)
