"""Files of a trial: its weights and its learning curve, in the storage's folder or bucket.

The bytes are kept, whole, and only then recorded, in Optuna's own format, so that a crash leaves no
record without bytes and the dashboard lists what is there. Next: `place.py` says where they lie,
`attachments.py` keeps files of trials that are finished.
"""

import json
import mimetypes
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from storage.claims import Claim, check_claim
from storage.database import Database, reading, writing
from storage.errors import ArtifactError
from storage.place import Content
from storage.schema import trial_system_attributes

_PREFIX = "artifacts:"  # of Optuna's system attributes
_DEFAULT_MIMETYPE = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file that is whole in its place, under its identifier, as Optuna describes it."""

    artifact_id: str
    filename: str  # as it is shown
    mimetype: str
    encoding: str | None

    def record(self) -> str:
        """Returns it as Optuna keeps it: a JSON text inside the JSON value."""
        return json.dumps(json.dumps(asdict(self)))


@contextmanager
def stored_files(db: Database, contents: Mapping[str, Content]) -> Iterator[list[StoredFile]]:
    """Writes files to be recorded within the block; where that raises, they are removed again.

    Args:
        contents: by plain file name, the bytes, or a function that writes them to the path it is
            given, which ends as the name does.

    Raises:
        ArtifactError: a name is no plain file name, nothing was written, or the disk or the bucket
            refused.
    """
    stored: list[StoredFile] = []
    try:
        for filename, content in contents.items():
            stored.append(_store(db, filename, content))
        yield stored
    except BaseException:
        for file in stored:
            with suppress(ArtifactError):  # the doctor finds it; what was raised matters more
                db.place.remove(file.artifact_id)
        raise


def record_files(connection: Connection, trial_id: int, files: Iterable[StoredFile]) -> None:
    """Records files with a trial, in the transaction of whatever belongs to them."""
    for file in files:
        _record(connection, trial_id, file)


def save_artifact(
    db: Database,
    claim: Claim,
    *,
    filename: str,
    content: Content,
) -> str:
    """Keeps a file with the running trial; one of the same name is replaced.

    Args:
        filename: a plain file name, shown in the dashboard.
        content: as for `stored_files`.

    Returns:
        The artifact's identifier, which is also its file's name in its place.

    Raises:
        ArtifactError: the name is no plain file name, nothing was written, or the disk or the
            bucket refused.
        ClaimLostError: the trial is no longer this worker's; no file is left behind.
    """
    with stored_files(db, {filename: content}) as stored, writing(db) as connection:
        check_claim(connection, claim)
        replaced = _find(connection, claim.trial_id, filename)
        record_files(connection, claim.trial_id, stored)
        _forget(connection, claim.trial_id, replaced)
    for old in replaced:
        db.place.remove(old)
    return stored[0].artifact_id


def find_artifact(db: Database, trial_id: int, filename: str) -> Path:
    """Returns where a trial's file can be read, under its identifier; a bucket's is downloaded.

    Raises:
        ArtifactError: the trial has no such file, its place has lost it, or the bucket refused.
    """
    with reading(db) as connection:
        found = _find(connection, trial_id, filename)
    if not found:
        raise ArtifactError(f"The trial must have a file {filename!r}; none was kept with it.")
    file = db.place.fetch(found[-1])
    if file is None:
        raise ArtifactError(
            f"The file {filename!r} must be in {db.place}; it is gone. {db.place.remedy}"
        )
    return file


def read_artifact(db: Database, trial_id: int, filename: str) -> bytes:
    """Returns the bytes of a trial's file; raises as `find_artifact` does."""
    return find_artifact(db, trial_id, filename).read_bytes()


def _store(db: Database, filename: str, content: Content) -> StoredFile:
    _check_filename(filename)
    artifact_id = str(uuid.uuid4())
    db.place.write(artifact_id, filename, content)
    mimetype, encoding = mimetypes.guess_type(filename)
    return StoredFile(
        artifact_id=artifact_id,
        filename=filename,
        mimetype=mimetype or _DEFAULT_MIMETYPE,
        encoding=encoding,
    )


def _check_filename(filename: str) -> None:
    if filename in ("", ".", "..") or "\\" in filename or Path(filename).name != filename:
        raise ArtifactError(
            f"`filename` must be a plain file name such as model.keras; got {filename!r}. "
            "Leave out the folder."
        )


def _find(connection: Connection, trial_id: int, filename: str) -> list[str]:
    """Identifiers of the trial's files of that name, oldest first."""
    attributes = trial_system_attributes.c
    query = (
        select(attributes.value_json)
        .where(
            attributes.trial_id == trial_id,
            attributes.key.startswith(_PREFIX, autoescape=True),
        )
        .order_by(attributes.trial_system_attribute_id)
    )
    # Optuna keeps a JSON text inside the JSON value; the dashboard leaves null where it deleted.
    metas = [json.loads(json.loads(text)) for text in connection.scalars(query)]
    return [str(meta["artifact_id"]) for meta in metas if meta and meta["filename"] == filename]


def _record(connection: Connection, trial_id: int, file: StoredFile) -> None:
    connection.execute(
        insert(trial_system_attributes).values(
            trial_id=trial_id, key=_PREFIX + file.artifact_id, value_json=file.record()
        )
    )


def _forget(connection: Connection, trial_id: int, artifact_ids: list[str]) -> None:
    attributes = trial_system_attributes.c
    connection.execute(
        delete(trial_system_attributes).where(
            attributes.trial_id == trial_id,
            attributes.key.in_([_PREFIX + artifact_id for artifact_id in artifact_ids]),
        )
    )
