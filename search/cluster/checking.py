"""Whether the nodes of a cluster see a study's database and its files, before it is launched.

A worker that keeps its networks where nobody else looks would lose them without a word.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.cluster.ray_engine import carried_environment
from search.cluster.session import connected
from search.errors import SettingError
from search.placement import Placement
from storage.bucket import Bucket
from storage.database import Database, close, open_database
from storage.errors import StorageError
from storage.place import Place

SECONDS_TO_ANSWER = 60.0  # for all nodes; the first task on a node starts Python and unpacks code


def check_nodes(placement: Placement, db: Database) -> None:
    """Let every node open the database, read a file of this process, and write one for it.

    Nodes that join later are looked at by `worker_actor.py`.

    Args:
        placement: which cluster; a Ray of this machine needs no looking at.
        db: the storage.

    Raises:
        SettingError: the cluster does not answer, or a node lacks something; says which.
        storage.errors.ArtifactError: this process cannot write to the place of files.
    """
    if placement.address is None:
        return
    with connected(placement, "dampen") as ray:
        nodes = {
            each["NodeID"]: each["NodeManagerHostname"]
            for each in ray.nodes()
            if each["Alive"] and placement.fits(each["Resources"])
        }
        asked, answers = str(uuid.uuid4()), {node: str(uuid.uuid4()) for node in nodes}
        try:
            db.place.write(asked, "asked.txt", asked.encode())
            said = _ask(ray, db, asked, answers)
            for node, name in nodes.items():
                if (lacks := said[node]) is not None:
                    raise SettingError(f"the node {name} cannot work on this study: {lacks}")
                if db.place.fetch(answers[node]) is None:
                    raise SettingError(f"the node {name} cannot work on this study: {_unseen(db)}")
        finally:
            for artifact_id in (asked, *answers.values()):
                db.place.remove(artifact_id)


def look_around(url: str, environment: Mapping[str, str], asked: str, answer: str) -> str | None:
    """Return what this node lacks, in a sentence; None where it lacks nothing.

    Args:
        url: of the storage.
        environment: of the launching process, as far as it counts.
        asked: which file to read.
        answer: which file to write.
    """
    os.environ.update(environment)
    try:
        db = open_database(url, create=False)
        try:
            with _without_a_trace(db.place) as place:
                file = place.fetch(asked)
                if file is None:
                    return _unseen(db)
                place.write(answer, "answer.txt", file.read_bytes())
        finally:
            close(db)
    except StorageError as error:
        return str(error)
    return None


@contextmanager
def _without_a_trace(place: Place) -> Iterator[Place]:
    """Give a place whose downloads are gone after the block: a worker may have no use for any."""
    if not isinstance(place, Bucket):
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        yield replace(place, downloads=Path(folder))


def _ask(ray: Any, db: Database, asked: str, answers: Mapping[str, str]) -> dict[str, str | None]:
    """Return what each node says."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    look, environment = ray.remote(look_around), carried_environment(db)
    said: dict[str, str | None] = dict.fromkeys(
        answers,
        f"it did not answer within {SECONDS_TO_ANSWER:.0f} s. `ray status` says how it is.",
    )
    asking = {
        look.options(num_cpus=0, max_retries=0, scheduling_strategy=On(node, soft=False)).remote(
            db.url, environment, asked, answer
        ): node
        for node, answer in answers.items()
    }
    if not asking:
        return said
    done, _ = ray.wait(list(asking), num_returns=len(asking), timeout=SECONDS_TO_ANSWER)
    for promise in done:
        try:
            said[asking[promise]] = ray.get(promise)
        except ray.exceptions.RayError as error:
            last = str(error).strip().splitlines()[-1]
            said[asking[promise]] = f"{last}. The packages that dampen needs must be there."
    return said


def _unseen(db: Database) -> str:
    return (
        f"it and the launching machine must see the same {db.place}, where trained networks are "
        "kept; they do not. Name a folder that all see with DAMPEN_ARTIFACTS, or a bucket with "
        "--artifacts."
    )
