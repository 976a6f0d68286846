"""Networks and commands in words, to be read and to be typed."""

import shlex
from pathlib import Path

import pytest

from search.spaces.named_spaces import COCKTAIL
from search.spaces.space import first_trials, regularization_space, search_space
from search.wording import resume_command, say_network
from storage.url import resolve_url


def test_networks_are_said_in_a_line() -> None:
    plain, tried = first_trials(regularization_space(300))
    assert say_network(plain) == ("128-128 relu, dropout off, L1 off, L2 off, lr 1.0e-03, batch 32")
    assert say_network(tried) == (
        "128-128 relu, batch norm, dropout 0.20, L1 off, L2 1.0e-04, lr 1.0e-03, batch 32"
    )


def test_what_a_cocktail_adds_is_said_where_it_is_on() -> None:
    plain = first_trials(search_space(COCKTAIL, 300))[0]
    assert say_network(plain) == ("128-128 relu, dropout off, L1 off, L2 off, lr 1.0e-03, batch 32")
    on = {name: True for name in plain if name.startswith("use_")}
    words = {"dropout_shape": "increasing", "optimizer": "sgd", "schedule": "cosine"}
    every = {**plain, **on, **words, "dropout": 0.1, "skip": True, "averaging": "exponential"}
    assert say_network(every) == (
        "128-128 relu with skips, dropout 0.10 increasing, L1 1.0e-06, L2 1.0e-06, "
        "lr 1.0e-03 sgd cosine, batch 32, weight decay 1.0e-04, clip norm 0.1, max norm 0.5, "
        "label smoothing 0.01, noise 0.01, mixup 0.05, cutmix 0.05, FGSM 1.0e-03, "
        "stochastic depth 0.05, exponential average"
    )


def test_a_network_of_ones_own_is_said_by_its_parameters() -> None:
    params = {"filters": 16, "dropout": 0.123456, "learning_rate": 1.2e-5, "kind": "conv"}
    assert say_network(params) == "filters 16, dropout 0.123, learning_rate 1.2e-05, kind conv"
    assert say_network({}) == "no parameters"


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
