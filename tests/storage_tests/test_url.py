"""Which database is meant, and what is said about a URL that cannot be used."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.errors import StorageURLError
from storage.url import artifact_folder, database_file, redact, resolve_url


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAMPEN_STORAGE", raising=False)
    return tmp_path


def test_argument_wins_over_environment_and_environment_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve_url() == f"sqlite:///{tmp_path}/dampen.db"
    monkeypatch.setenv("DAMPEN_STORAGE", "sqlite:///environment.db")
    assert resolve_url() == f"sqlite:///{tmp_path}/environment.db"
    assert resolve_url("sqlite:///argument.db") == f"sqlite:///{tmp_path}/argument.db"


def test_resolving_a_resolved_url_changes_nothing(tmp_path: Path) -> None:
    resolved = resolve_url(f"sqlite:///{tmp_path}/a%20b 50%25 {{c}}.db")
    assert resolve_url(resolved) == resolved
    assert database_file(resolved) == tmp_path / "a b 50% {c}.db"


def test_resolving_makes_no_file(tmp_path: Path) -> None:
    resolve_url()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("runs.db", "sqlite:///runs.db"),
        ("/data/runs.db", "sqlite:////data/runs.db"),
        ("sqlite:runs.db", "sqlite:///runs.db"),
        ("sqlite://runs.db", "sqlite:///runs.db"),
        ("sqlite:///:memory:", "must be a file"),
        ("sqlite://", "must be a file"),
        ("sqlite:///a.db?mode=ro", "Leave out the `?`"),
        ("sqlite:///no/such/folder/a.db", "mkdir -p"),
        ("mysql://u:secret@h/d", "got a 'mysql' URL, which is not supported"),
        ("postgresql://u:secret@h:port/d", "cannot be read as a URL"),
        ("u:secret@h/d", "got 'u:***@h/d'"),
        ("postgresql://u:secret@h", "must name a database"),
    ],
)
def test_unusable_url_is_answered_with_what_to_type(url: str, said: str) -> None:
    with pytest.raises(StorageURLError) as caught:
        resolve_url(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_bare_absolute_path_is_told_its_url(tmp_path: Path) -> None:
    with pytest.raises(StorageURLError) as caught:
        resolve_url(str(tmp_path / "runs.db"))
    assert f"type sqlite:///{tmp_path}/runs.db" in str(caught.value)


def test_folder_is_no_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageURLError, match="is a folder"):
        resolve_url(f"sqlite:///{tmp_path}")


def test_unwritable_folder_is_refused(
    guarded_folder: Path, as_ordinary_user: Callable[[], Any]
) -> None:
    with as_ordinary_user(), pytest.raises(StorageURLError, match="must be writable"):
        resolve_url(f"sqlite:///{guarded_folder}/dampen.db")


def test_postgresql_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StorageURLError) as caught:
        resolve_url("postgresql://u:secret@h/d")
    assert "pip install 'dampen[postgres]'" in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_postgresql_is_normalised_to_psycopg_three(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert resolve_url(f"{scheme}://u:p%40ss@h:5433/d") == "postgresql+psycopg://u:p%40ss@h:5433/d"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/d",
        "postgresql://u:sec@secret@h/d",
        "postgresql://u:secret@h:port/d?x",
        "postgresql://h/d?user=u&password=secret",
        "postgresql://u@h/d?sslpassword=secret&x=1",
    ],
)
def test_redacted_url_has_no_password(url: str) -> None:
    assert "secret" not in redact(url)
    assert "***" in redact(url)


def test_url_without_password_is_redacted_to_itself() -> None:
    for url in ("sqlite:////a/b@c:d.db", "postgresql://u@h/d"):
        assert redact(url) == url


def test_artifacts_lie_beside_their_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAMPEN_ARTIFACTS", raising=False)
    assert artifact_folder("sqlite:////data/dampen.db") == Path("/data/dampen.artifacts")
    assert artifact_folder("sqlite:////data/runs.sqlite") == Path("/data/runs.sqlite.artifacts")
    assert artifact_folder("postgresql+psycopg://h/d") == tmp_path / "dampen.artifacts"


def test_artifacts_lie_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAMPEN_ARTIFACTS", "shared")
    for url in ("sqlite:////data/dampen.db", "postgresql+psycopg://h/d"):
        assert artifact_folder(url) == tmp_path / "shared"
