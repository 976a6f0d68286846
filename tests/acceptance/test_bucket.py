"""A search whose files lie in a bucket, and all that is done with it afterwards."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from s3 import CREDENTIALS

from search.study import launch
from storage.errors import StorageURLError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Folder

ADDRESS = "s3://searches/team"
LAUNCH = (
    *("launch", "--study", "rooks", "--space", "quick", "--max-epochs", "10", "--folds", "1"),
    *("--confirm", "0"),
)


@pytest.fixture
def client(s3: str, folder: "Folder") -> Any:
    folder.environment.update(CREDENTIALS, AWS_ENDPOINT_URL=s3, AWS_MAX_ATTEMPTS="1")
    return boto3.client(
        "s3",
        endpoint_url=s3,
        region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def test_a_mistyped_bucket_is_refused_before_the_table_is_read(
    tmp_path: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageURLError, match="must be s3://BUCKET"):
        launch("there_is_none.csv", artifacts="s3:/x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_search_into_a_bucket_is_read_by_every_command(
    client: Any, folder: "Folder", tmp_path: "Path"
) -> None:
    refused = folder.run(*LAUNCH, "--artifacts", ADDRESS)
    assert refused.returncode == 2
    assert "Files must be kept in s3://searches/team; the bucket cannot be used" in refused.stderr
    assert folder.studies() == []

    client.create_bucket(Bucket="searches")
    done = folder.run(*LAUNCH, "--trials", "4", "--workers", "2", "--artifacts", ADDRESS)
    assert done.returncode == 0, done.stderr
    kept = client.list_objects_v2(Bucket="searches")["Contents"]
    assert len(kept) >= 4
    assert all(each["Key"].startswith("team/") for each in kept)
    here = {path.name for path in (tmp_path / "dampen.artifacts").iterdir()}
    assert here <= {"prepared", "downloaded"}

    for arguments in (
        ("export", "rooks", "-o", "model.keras"),
        ("report", "rooks", "-o", "report.html"),
        ("show", "rooks", "--trial", "0", "--pictures"),
        ("resume", "rooks", "--trials", "5"),
        ("doctor",),
        ("backup", "copy.db"),
    ):
        run = folder.run(*arguments)
        assert run.returncode == 0, (arguments, run.stdout, run.stderr)
    assert "stay in s3://searches/team" in run.stderr
    elsewhere = folder.run("resume", "rooks", "--trials", "6", "--storage", "sqlite:///copy.db")
    assert elsewhere.returncode == 0, elsewhere.stderr

    deleted = folder.run("delete", "rooks", "--yes")
    assert deleted.returncode == 0, deleted.stderr
