"""How the command line ends, whatever comes while it does."""

import signal
from collections.abc import Iterator

import pytest

import search.cli

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the signals' handlers back that a command line has changed."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def test_a_signal_interrupts_a_command_and_nothing_once_it_is_over(
    handlers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A handler that raised while the interpreter left would print a traceback.
    def command() -> None:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise SystemExit(3)

    monkeypatch.setattr(search.cli, "app", command)
    with pytest.raises(SystemExit, match="3"):
        search.cli.main()
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL, signal.SIG_DFL]
