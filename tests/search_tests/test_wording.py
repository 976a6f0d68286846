"""Networks and commands in words, to be read and to be typed."""

import shlex
from pathlib import Path

import pytest

from search.space import first_trials, regularization_space
from search.wording import resume_command, say_network
from storage.url import resolve_url


def test_networks_are_said_in_a_line() -> None:
    plain, tried = first_trials(regularization_space(300))
    assert say_network(plain) == ("128-128 relu, dropout off, L1 off, L2 off, lr 1.0e-03, batch 32")
    assert say_network(tried) == (
        "128-128 relu, batch norm, dropout 0.20, L1 off, L2 1.0e-04, lr 1.0e-03, batch 32"
    )


def test_command_for_the_folders_own_storage_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAMPEN_STORAGE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert resume_command("rooks", resolve_url(None)) == "dampen resume rooks"


def test_command_can_be_typed_whatever_the_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAMPEN_STORAGE", raising=False)
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    url = resolve_url(f"sqlite:///{folder}/dampen.db")
    assert shlex.split(resume_command("two rooks", url)) == [
        *("dampen", "resume", "two rooks", "--storage", url)
    ]


def test_command_holds_no_password() -> None:
    command = resume_command("rooks", "postgresql+psycopg://ann:secret@host/studies")
    assert "secret" not in command
    assert "--storage 'postgresql+psycopg://ann:***@host/studies'" in command
