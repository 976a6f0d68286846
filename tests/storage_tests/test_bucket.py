"""Files in a bucket of a real S3 server, found again without being told where they are."""

import io
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions
from optuna.trial import TrialState
from s3 import CREDENTIALS
from sqlalchemy import text

from storage.artifacts import find_artifact, read_artifact, save_artifact
from storage.attachments import attach_files, attached_files
from storage.backup import back_up
from storage.bucket import Bucket, _passes, _Store, bucket_address
from storage.claims import Claim, claim_trial
from storage.database import Database, reading
from storage.deletion import Contents, delete_study, study_contents
from storage.doctor import examine
from storage.errors import ArtifactError, ClaimLostError, StorageURLError
from storage.evaluations import finish_trial
from storage.patience import Patience
from storage.place import Folder, try_out
from storage.studies import StudyRecord, create_study
from storage.workers import end_worker

Open = Callable[..., Database]


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAMPEN_ARTIFACTS", raising=False)


@pytest.fixture
def client(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, with an empty bucket `rooks`; so has what the test calls."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": s3}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="rooks")
    yield client
    for each in client.list_objects_v2(Bucket="rooks").get("Contents", ()):
        client.delete_object(Bucket="rooks", Key=each["Key"])
    client.delete_bucket(Bucket="rooks")


@pytest.fixture
def db(client: Any, url: str, open_storage: Open) -> Database:
    return open_storage(url, artifacts="s3://rooks/team/a")


@pytest.fixture
def claim(db: Database, study: StudyRecord, worker_id: str) -> Claim:
    claimed = claim_trial(db, study.study_id, worker_id)
    assert claimed is not None
    return claimed


def _keys(client: Any) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket="rooks").get("Contents", ())]


def _finish(db: Database, claim: Claim, **files: Any) -> None:
    finish_trial(
        db,
        claim,
        state=TrialState.COMPLETE,
        value=0.5,
        evaluation={},
        learning_curve=[],
        attributes={},
        files={f"{name}.csv": content for name, content in files.items()},
    )
    end_worker(db, claim.worker_id)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://rooks", "s3://rooks"),
        ("s3://rooks/", "s3://rooks"),
        ("s3://my.rooks-1//team/a/", "s3://my.rooks-1/team/a"),
    ],
)
def test_an_address_has_one_normal_form(text: str, address: str) -> None:
    assert bucket_address(text) == address
    assert bucket_address(address) == address


@pytest.mark.parametrize(
    "text", ["rooks", "/data", "s3:/rooks", "s3://", "s3://A", "gs://rooks", "s3://rooks/../x"]
)
def test_what_is_no_bucket_is_refused(text: str, tmp_path: Path, open_storage: Open) -> None:
    with pytest.raises(StorageURLError, match="must be s3://BUCKET or s3://BUCKET/PREFIX; got"):
        open_storage(f"sqlite:///{tmp_path}/dampen.db", artifacts=text)


@pytest.mark.slow
def test_a_file_is_kept_below_the_prefix_and_read_back(
    client: Any, db: Database, claim: Claim
) -> None:
    kept = save_artifact(db, claim, filename="model.keras", content=b"weights")
    assert _keys(client) == [f"team/a/{kept}"]
    assert read_artifact(db, claim.trial_id, "model.keras") == b"weights"
    assert find_artifact(db, claim.trial_id, "model.keras").is_file()


@pytest.mark.slow
def test_a_writer_is_given_a_path_that_ends_as_the_file_name(db: Database, claim: Claim) -> None:
    def write(path: Path) -> None:
        assert path.suffix == ".keras"
        path.write_bytes(b"weights")

    save_artifact(db, claim, filename="model.keras", content=write)
    assert read_artifact(db, claim.trial_id, "model.keras") == b"weights"


@pytest.mark.slow
def test_a_file_is_whole_before_it_is_recorded_and_gone_when_it_is_not(
    client: Any, db: Database, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(*args: object) -> None:
        seen.extend(_keys(client))
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.artifacts._record", look)
    with pytest.raises(KeyboardInterrupt):
        save_artifact(db, claim, filename="model.keras", content=b"weights")
    assert len(seen) == 1
    assert _keys(client) == []


@pytest.mark.slow
def test_a_file_of_the_same_name_is_replaced(client: Any, db: Database, claim: Claim) -> None:
    for content in (b"first", b"second"):
        save_artifact(db, claim, filename="model.keras", content=content)
        assert read_artifact(db, claim.trial_id, "model.keras") == content
    assert len(_keys(client)) == 1


@pytest.mark.slow
def test_a_late_file_leaves_nothing(client: Any, db: Database, claim: Claim) -> None:
    _finish(db, claim)
    with pytest.raises(ClaimLostError):
        save_artifact(db, claim, filename="model.keras", content=b"late")
    assert _keys(client) == []


@pytest.mark.slow
def test_a_file_is_downloaded_once(client: Any, db: Database, claim: Claim) -> None:
    kept = save_artifact(db, claim, filename="model.keras", content=b"weights")
    first = find_artifact(db, claim.trial_id, "model.keras")
    client.delete_object(Bucket="rooks", Key=f"team/a/{kept}")
    assert find_artifact(db, claim.trial_id, "model.keras") == first
    first.unlink()
    with pytest.raises(ArtifactError, match="must be in s3://rooks/team/a; it is gone"):
        find_artifact(db, claim.trial_id, "model.keras")


@pytest.mark.slow
def test_pictures_of_a_finished_trial_are_kept_and_replaced(
    client: Any, db: Database, study: StudyRecord, claim: Claim
) -> None:
    _finish(db, claim, curve=b"1,2")
    for content in (b"old", b"new"):
        attach_files(db, study.study_id, claim.trial_id, {"roc.png": content})
    (kept,) = attached_files(db, study.study_id, claim.trial_id).values()
    assert len(_keys(client)) == 2
    assert client.get_object(Bucket="rooks", Key=f"team/a/{kept}")["Body"].read() == b"new"


@pytest.mark.slow
def test_whoever_opens_the_storage_finds_the_bucket_without_being_told(
    db: Database, study: StudyRecord, open_storage: Open
) -> None:
    assert str(open_storage(db.url, create=False).place) == "s3://rooks/team/a"
    assert str(open_storage(db.url, artifacts="s3://rooks/team/a/").place) == "s3://rooks/team/a"


@pytest.mark.slow
@pytest.mark.parametrize("told", ["s3://knights", "/data/files"])
def test_another_place_is_refused_with_both_names(
    db: Database,
    study: StudyRecord,
    open_storage: Open,
    monkeypatch: pytest.MonkeyPatch,
    told: str,
) -> None:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", told)
    with pytest.raises(StorageURLError, match=f"are in s3://rooks/team/a, all of them; got {told}"):
        open_storage(db.url)


def test_a_storage_with_files_in_a_folder_takes_no_bucket(url: str, open_storage: Open) -> None:
    db = open_storage(url)
    assert isinstance(db.place, Folder)
    late = open_storage(url, artifacts="s3://rooks")  # nothing is there yet
    create_study(db, "first", settings={}, planned_trials=1)
    with pytest.raises(StorageURLError, match=f"are in {db.artifacts}, all of them; got s3://rook"):
        open_storage(url, artifacts="s3://rooks")
    with pytest.raises(StorageURLError, match="are in a folder, all of them; got s3://rooks"):
        create_study(late, "second", settings={}, planned_trials=1)
    assert isinstance(open_storage(url).place, Folder)


def test_the_environment_may_name_the_bucket(
    url: str, open_storage: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", "s3://rooks")
    db = open_storage(url)
    create_study(db, "first", settings={}, planned_trials=1)
    assert db.artifacts == tmp_path / "dampen.artifacts"  # what is made of the data lies there
    monkeypatch.delenv("DAMPEN_ARTIFACTS")
    assert str(open_storage(url).place) == "s3://rooks"


@pytest.mark.slow
def test_a_bucket_is_tried_out_by_writing_reading_and_removing(client: Any, tmp_path: Path) -> None:
    try_out(Bucket("s3://rooks/b", tmp_path))
    assert _keys(client) == []
    with pytest.raises(ArtifactError, match=r"kept in s3://knights; the bucket cannot be used"):
        try_out(Bucket("s3://knights", tmp_path))


@pytest.mark.slow
def test_a_bucket_that_cannot_be_reached_costs_a_sentence_without_the_secret(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match="cannot be used: Could not connect") as caught:
        try_out(Bucket("s3://rooks", tmp_path))
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which has read it
    with pytest.raises(ArtifactError, match="Unable to locate credentials"):
        try_out(Bucket("s3://rooks", tmp_path))


def test_without_boto3_it_is_said_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("boto3", "boto3.exceptions"):
        monkeypatch.setitem(sys.modules, module, None)
    for act in (try_out, lambda place: place.fetch("a"), lambda place: place.sizes(["a"])):
        with pytest.raises(ArtifactError, match=r"pip install 'dampen\[s3\]'"):
            act(Bucket("s3://rooks", tmp_path))


def _answer(code: str, status: int) -> exceptions.ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, "PutObject")


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="http://a"), True),
        (exceptions.ConnectTimeoutError(endpoint_url="http://a"), True),
        (exceptions.ReadTimeoutError(endpoint_url="http://a"), True),
        (exceptions.ConnectionClosedError(endpoint_url="http://a"), True),
        (exceptions.ResponseStreamingError(error="broken"), True),
        (_answer("SlowDown", 503), True),
        (_answer("InternalError", 500), True),
        (_answer("RequestTimeout", 400), True),
        (_answer("AccessDenied", 403), False),
        (_answer("NoSuchBucket", 404), False),
        (exceptions.NoCredentialsError(), False),
        (exceptions.SSLError(endpoint_url="http://a", error="certificate"), False),
        (OSError("No space left on device"), False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_passes_by_waiting_for_a_bucket(error: Exception, passes: bool) -> None:
    assert _passes(error) is passes


class _Flaky:
    """Optuna's store of a server that is away for so many requests, and keeps what it gets."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.kept: dict[str, bytes] = {}

    def _answers(self) -> None:
        self.away -= 1
        if self.away >= 0:
            raise exceptions.EndpointConnectionError(endpoint_url="http://a")

    def write(self, artifact_id: str, body: io.BytesIO) -> None:
        self.kept[artifact_id] = body.read()  # some of it may have been sent
        self._answers()

    def open_reader(self, artifact_id: str) -> Any:
        self._answers()
        store = self

        class Body(io.BytesIO):
            def read(self, *args: Any) -> bytes:
                store._answers()
                return super().read(*args)

        return Body(self.kept[artifact_id])

    def remove(self, artifact_id: str) -> None:
        self._answers()
        del self.kept[artifact_id]

    bucket = "rooks"

    @property
    def client(self) -> "_Flaky":
        return self

    def get_paginator(self, operation: str) -> "_Flaky":
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        for key, body in self.kept.items():
            self._answers()
            entry = {"Key": key, "Size": len(body), "LastModified": datetime.now(UTC)}
            yield {"Contents": [entry]}


def _flaky(folder: Path, store: _Flaky, patience: Patience) -> Bucket:
    place = Bucket("s3://rooks", folder, patience)
    vars(place)["_opened"] = _Store(place=place, optuna=store, prefix="")
    return place


def test_a_bucket_that_is_away_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Event, "wait", lambda event, seconds: False)
    store = _Flaky(0)
    place = _flaky(tmp_path, store, Patience(limit_seconds=60))
    store.away = 3
    place.write("a", "a.txt", b"weights")
    assert store.kept == {"a": b"weights"}
    store.away = 3  # before it is opened, and in the middle
    file = place.fetch("a")
    assert file is not None
    assert file.read_bytes() == b"weights"
    store.away = 3
    assert place.sizes(["a", "b"]) == {"a": 7}
    store.away = 3
    place.remove("a")
    assert store.kept == {}
    assert not file.exists()


def test_who_waited_in_vain_for_a_bucket_is_told_what_it_said(tmp_path: Path) -> None:
    place = _flaky(tmp_path, _Flaky(10**9), Patience(limit_seconds=0.2))
    with pytest.raises(ArtifactError, match="cannot be used: Could not connect"):
        place.write("a", "a.txt", b"weights")


def test_a_storage_waits_for_its_bucket_as_for_its_database(
    tmp_path: Path, open_storage: Open
) -> None:
    patience = Patience(limit_seconds=60)
    db = open_storage(f"sqlite:///{tmp_path}/d.db", artifacts="s3://rooks", patience=patience)
    place: Any = db.place
    assert place.patience is db.patience is patience


def test_a_copy_that_cannot_be_removed_costs_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _Flaky(0)
    place = _flaky(tmp_path, store, Patience())
    place.write("a", "a.txt", b"weights")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ArtifactError, match="must be removable"):
        place.remove("a")


@pytest.mark.parametrize("artifact_id", ["", "..", "../b/secret", "a/b"])
def test_an_identifier_from_a_database_cannot_lead_out_of_the_prefix(
    tmp_path: Path, artifact_id: str
) -> None:
    place = Bucket("s3://rooks/a", tmp_path)
    for act in (place.fetch, place.remove, lambda each: place.sizes([each])):
        with pytest.raises(ArtifactError, match="leads elsewhere"):
            act(artifact_id)


@pytest.mark.slow
def test_a_study_is_deleted_with_its_objects(
    client: Any, db: Database, study: StudyRecord, claim: Claim
) -> None:
    client.put_object(Bucket="rooks", Key="team/others", Body=b"x")
    _finish(db, claim, weights=b"weights", curve=b"1,2")
    whole = Contents(name="rooks", trials=1, files=2, size=10)
    assert study_contents(db, "rooks") == whole
    assert delete_study(db, "rooks") == whole
    assert _keys(client) == ["team/others"]


def _found(db: Database, check: str, *, clean: bool = False) -> Any:
    return next(each for each in examine(db.url, clean=clean) if each.check == check)


@pytest.mark.slow
def test_doctor_finds_objects_that_are_gone_and_those_that_nobody_knows(
    client: Any, db: Database, study: StudyRecord, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    _finish(db, claim, weights=b"weights", curve=b"1,2")
    for name in (str(uuid.uuid4()), "thesis.docx", f"below/{uuid.uuid4()}"):
        client.put_object(Bucket="rooks", Key=f"team/a/{name}", Body=b"x")
    assert _found(db, "files").says == "2 recorded, and there"
    assert _found(db, "leftovers").says == "no file without a record"  # it may yet be recorded
    later = datetime.now(UTC).timestamp() + 7200
    monkeypatch.setattr("storage.bucket.time.time", lambda: later)
    assert "1 file without a record (0.0 MB) in s3://rooks/team/a" in _found(db, "leftovers").says
    assert _found(db, "leftovers", clean=True).says.startswith("removed 1 file")
    assert len(_keys(client)) == 4

    with reading(db) as connection:
        (recorded,) = connection.scalars(
            text("SELECT key FROM trial_system_attributes WHERE value_json LIKE '%curve%'")
        )
    client.delete_object(Bucket="rooks", Key=f"team/a/{recorded.removeprefix('artifacts:')}")
    finding = _found(db, "files")
    assert finding.says == "1 of 2 recorded files must be in s3://rooks/team/a; gone."
    assert finding.details == ("curve.csv of trial 0 of study rooks",)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_backup_leaves_the_objects_where_they_are(
    db: Database, claim: Claim, open_storage: Open, tmp_path: Path
) -> None:
    _finish(db, claim, curve=b"1,2")
    made = back_up(db, tmp_path / "copy.db")
    assert (made.files, made.missing, made.bucket) == (0, 0, "s3://rooks/team/a")
    copy = open_storage(made.url, create=False)
    assert read_artifact(copy, claim.trial_id, "curve.csv") == b"1,2"


@pytest.mark.slow
def test_the_dashboard_serves_and_takes_files_of_the_bucket(
    client: Any, db: Database, claim: Claim
) -> None:
    kept = save_artifact(db, claim, filename="curve.csv", content=b"1,2")
    store: Any = db.place.store()
    assert store.open_reader(kept).read() == b"1,2"
    store.write("uploaded", io.BytesIO(b"y"))
    assert client.get_object(Bucket="rooks", Key="team/a/uploaded")["Body"].read() == b"y"
    store.remove("uploaded")
    assert len(_keys(client)) == 1
