"""Which place is a storage's: all of its files lie in one, which its first study decides.

A bucket is recorded in the database, so that whoever opens that finds the files without being told.
A folder is not: it lies beside the database, or where each machine's DAMPEN_ARTIFACTS says.
Next: `place.py` for folders, `bucket.py` for buckets.
"""

import os

from sqlalchemy import Connection, select, update

from storage.bucket import Bucket, bucket_address
from storage.errors import StorageURLError
from storage.patience import Patience
from storage.place import Folder, Place
from storage.schema import own_studies, schema_version
from storage.url import ARTIFACTS_VARIABLE, artifact_folder


def place_of(
    connection: Connection, url: str, artifacts: str | None = None, *, patience: Patience
) -> Place:
    """Returns where a storage keeps its files.

    Args:
        connection: to the storage.
        url: resolved.
        artifacts: the bucket that the user named; without it, DAMPEN_ARTIFACTS may name one.
        patience: how to wait for a bucket that is away.

    Raises:
        StorageURLError: the user named another place than the storage's, or no place.
    """
    folder = artifact_folder(url)
    recorded = _recorded(connection)
    told = artifacts or os.environ.get(ARTIFACTS_VARIABLE) or ""
    if artifacts or "://" in told:
        told = bucket_address(told)
        if recorded is None and not _has_studies(connection):
            recorded = told  # as soon as there is a study
        elif recorded != told:
            raise _elsewhere(recorded or str(folder), told)
    elif told and recorded is not None:
        raise _elsewhere(recorded, told)
    if recorded is None:
        return Folder(folder)
    return Bucket(recorded, folder / "downloaded", patience)


def settle_place(connection: Connection, place: Place) -> None:
    """Records the place, in the transaction that makes a study.

    Raises:
        StorageURLError: another process's study decided otherwise meanwhile.
    """
    recorded = _recorded(connection, lock=True)
    if recorded == place.address:
        return
    if recorded is not None or _has_studies(connection):
        raise _elsewhere(recorded or "a folder", str(place))
    connection.execute(update(schema_version).values(artifacts=place.address))


def _recorded(connection: Connection, *, lock: bool = False) -> str | None:
    query = select(schema_version.c.artifacts)
    return connection.scalar(query.with_for_update() if lock else query)


def _has_studies(connection: Connection) -> bool:
    return connection.scalar(select(own_studies.c.study_id).limit(1)) is not None


def _elsewhere(place: str, told: str) -> StorageURLError:
    return StorageURLError(
        f"The files of this storage are in {place}, all of them; got {told}. Leave out --artifacts "
        f"and {ARTIFACTS_VARIABLE}, or choose another --storage."
    )
