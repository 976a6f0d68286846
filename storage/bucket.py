"""A bucket of S3, or of any server that speaks its language, as a place for files.

Through Optuna's `Boto3ArtifactStore`; the endpoint and the credentials are boto3's own affair, from
AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and their kin. Readers need paths, so that a file that is read
is downloaded once: what lies under an identifier never changes.
"""

import importlib.util
import io
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from storage.errors import ArtifactError, StorageURLError
from storage.patience import Patience
from storage.place import OUR_NAME, Content, Folder, check_identifier, write_content

SCHEME = "s3://"
# What a server says, and with which status, when it shall be asked again; boto3 has done so itself.
_PASSING_CODES = {"RequestTimeout", "SlowDown"}
_PASSING_STATUSES = {429, 500, 502, 503, 504}
_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")

Result = TypeVar("Result")


def bucket_address(text: str) -> str:
    """Returns `s3://BUCKET` or `s3://BUCKET/PREFIX` in its one normal form.

    Raises:
        StorageURLError: it is nothing of the kind.
    """
    found = _ADDRESS.fullmatch(text)
    parts = [part for part in (found["prefix"] or "").split("/") if part] if found else []
    if found is None or not text.isprintable() or {".", ".."} & set(parts):
        raise StorageURLError(
            f"A place for files must be s3://BUCKET or s3://BUCKET/PREFIX; got {text!r}. A folder "
            "that every machine sees is named by DAMPEN_ARTIFACTS."
        )
    return SCHEME + "/".join([found["bucket"], *parts])


@dataclass(frozen=True)
class Bucket:
    """A bucket, or what lies below a prefix in it.

    Args:
        address: as `bucket_address` returns it.
        downloads: a folder of this machine for what is read; it need not exist yet.
        patience: how to wait for a bucket that is away.
    """

    address: str
    downloads: Path
    patience: Patience = field(default_factory=Patience, repr=False, compare=False)

    remedy = "Restore it from the bucket's versions, if it keeps them."

    def __str__(self) -> str:
        return self.address

    def write(self, artifact_id: str, filename: str, content: Content) -> None:
        """Uploads at once, which a bucket does whole or not at all."""
        check_identifier(artifact_id, self)
        with tempfile.TemporaryDirectory(prefix="dampen-") as folder:
            file = Path(folder) / f"content{Path(filename).suffix}"
            try:
                write_content(file, filename, content)
            except OSError as error:
                raise ArtifactError(
                    f"The file {filename!r} must be written to {folder} on its way to {self}; that "
                    f"failed: {error.strerror or error}. Free some space, then type "
                    "`dampen resume`."
                ) from error
            with file.open("rb") as body:
                self.store().write(artifact_id, body)

    def fetch(self, artifact_id: str) -> Path | None:
        """Downloads it, if that was not done before."""
        from optuna.artifacts.exceptions import ArtifactNotFound

        check_identifier(artifact_id, self)
        file = self.downloads / artifact_id
        if file.is_file():
            return file
        try:
            self.downloads.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.downloads) as folder:
                partial = Path(folder) / artifact_id

                def download() -> None:
                    with partial.open("wb") as target:
                        shutil.copyfileobj(self.store().open_reader(artifact_id), target)

                _patiently(self, download)
                os.replace(partial, file)
        except ArtifactNotFound:
            return None
        except OSError as error:
            raise ArtifactError(
                f"A file of {self} must be downloaded to {self.downloads}; that failed: "
                f"{error.strerror or error}. Free some space or mend the folder."
            ) from error
        return file

    def sizes(self, artifact_ids: Collection[str]) -> dict[str, int]:
        """Lists the bucket, once for all of them."""
        for each in artifact_ids:
            check_identifier(each, self)
        wanted = set(artifact_ids)
        if not wanted:
            return {}
        return {name: size for name, size, _ in self._listed() if name in wanted}

    def untouched(self, seconds: float) -> dict[str, int]:
        """By the age that the bucket says."""
        return {
            name: size
            for name, size, age in self._listed()
            if OUR_NAME.fullmatch(name) and age > seconds
        }

    def remove(self, artifact_id: str) -> None:
        """Removes the copy on this machine too."""
        check_identifier(artifact_id, self)
        self.store().remove(artifact_id)
        Folder(self.downloads).remove(artifact_id)

    def store(self) -> "_Store":
        """Returns a Boto3ArtifactStore below the prefix."""
        return self._opened

    def _listed(self) -> list[tuple[str, int, float]]:
        """Name, bytes and age in seconds of each object right below the prefix."""
        store, prefix = self._opened.optuna, self._opened.prefix

        def ask() -> list[Any]:
            pages = store.client.get_paginator("list_objects_v2").paginate(
                Bucket=store.bucket, Prefix=prefix, Delimiter="/"
            )
            return [each for page in pages for each in page.get("Contents", ())]

        now = time.time()
        return [
            (each["Key"].removeprefix(prefix), each["Size"], now - each["LastModified"].timestamp())
            for each in _patiently(self, ask)
        ]

    @cached_property
    def _opened(self) -> "_Store":
        name, _, prefix = self.address.removeprefix(SCHEME).partition("/")

        def connect() -> Any:
            import boto3
            from optuna.artifacts import Boto3ArtifactStore

            return Boto3ArtifactStore(name, boto3.client("s3"), avoid_buf_copy=True)

        store = _patiently(self, connect)
        return _Store(place=self, optuna=store, prefix=f"{prefix}/" if prefix else "")


@dataclass(frozen=True, kw_only=True)
class _Store:
    """Optuna's store for a bucket, below a prefix, with patience and refusals in sentences."""

    place: Bucket
    optuna: Any  # a Boto3ArtifactStore
    prefix: str  # empty, or ends with a slash

    def open_reader(self, artifact_id: str) -> BinaryIO:
        body: BinaryIO = _patiently(
            self.place, lambda: self.optuna.open_reader(self.prefix + artifact_id)
        )
        return body

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        content = content_body.read()  # may be sent again
        _patiently(
            self.place, lambda: self.optuna.write(self.prefix + artifact_id, io.BytesIO(content))
        )

    def remove(self, artifact_id: str) -> None:
        _patiently(self.place, lambda: self.optuna.remove(self.prefix + artifact_id))


def _patiently(place: Bucket, ask: Callable[[], Result]) -> Result:
    """Returns what a bucket answers, waiting for it; a refusal is raised as an ArtifactError."""
    if importlib.util.find_spec("boto3") is None:
        raise ArtifactError(
            f"Files in {place} need the package boto3, which is not installed. "
            "Type: pip install 'dampen[s3]'."
        )
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return place.patience.call(ask, what=f"The bucket {place}", passes=_passes)
    except (Boto3Error, BotoCoreError, ClientError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ArtifactError(
            f"Files must be kept in {place}; the bucket cannot be used: {said}. Check its name, "
            "the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and AWS_ENDPOINT_URL."
        ) from error


def _passes(error: Exception) -> bool:
    """Whether a bucket, or the way to it, is away for the moment, rather than says no."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return (
            error.response.get("Error", {}).get("Code") in _PASSING_CODES
            or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _PASSING_STATUSES
        )
    away = (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.IncompleteReadError,
    )
    return isinstance(error, away) and not isinstance(error, exceptions.SSLError)
