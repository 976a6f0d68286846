"""How a command answers: its figures, or one line and an exit code (`search/exits.py`)."""

import functools
import io
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import typer

from objectives.errors import ObjectiveError
from search.errors import Interrupted, SearchError, SearchFailedError
from search.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from storage.errors import StorageError

if TYPE_CHECKING:
    from rich.console import Console

    from search.study import Study

DEBUG = "--debug"

Command = TypeVar("Command", bound=Callable[..., None])


def answering(command: Command) -> Command:
    """Turn what a command raises into one line and an exit code; `--debug` lets it through."""

    @functools.wraps(command)
    def answered(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except Interrupted as interrupted:
            _print_interrupted(interrupted)
            raise SystemExit(EXIT_INTERRUPTED) from None
        except KeyboardInterrupt:
            raise SystemExit(EXIT_INTERRUPTED) from None
        except (SearchError, ObjectiveError, StorageError) as error:
            if DEBUG in sys.argv:
                raise
            typer.echo(f"dampen: {error}", err=True)
            failed = isinstance(error, SearchFailedError)
            raise SystemExit(EXIT_FAILED if failed else EXIT_USAGE) from None
        except Exception as error:
            if DEBUG in sys.argv:
                raise
            typer.echo(
                f"dampen: unexpected {type(error).__name__}: {error}. "
                f"`dampen {DEBUG} ...` shows where it came from.",
                err=True,
            )
            raise SystemExit(EXIT_FAILED) from None

    return cast("Command", answered)


def print_end(study: "Study", *, as_json: bool) -> None:
    """Print a study's figures, and how to go on when it is not finished."""
    from search.terminal.studies import print_study
    from search.wording import resume_command

    figures = study.figures
    if as_json:
        print_json(figures.to_json())
    else:
        winner = study.trial(figures.winner["trial"]) if figures.winner else None
        print_study(console(), figures, winner)
    if figures.state != "finished":
        typer.echo(f"To go on: {resume_command(study.name, study.url)}", err=True)


def _print_interrupted(interrupted: Interrupted) -> None:
    from search.study import load
    from search.wording import resume_command

    typer.echo("Interrupted; every finished trial is kept.", err=True)
    try:
        study = load(interrupted.study, storage=interrupted.url)
    except StorageError as error:  # interrupted while the database is away, most likely
        typer.echo(f"dampen: {error}", err=True)
        typer.echo(f"To go on: {resume_command(interrupted.study, interrupted.url)}", err=True)
    else:
        print_end(study, as_json="--json" in sys.argv)


def print_json(document: Any) -> None:
    """Print the one document that `--json` promises on standard output."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # JSON has its own way to write what an encoding lacks
        text = json.dumps(document, indent=2)
    typer.echo(text)


def escape_what_cannot_be_shown() -> None:
    r"""Let names from the data print as `\xe4` where standard output's encoding lacks them."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def console() -> "Console":
    """Return standard output as the tables of `search/terminal/` want it."""
    from rich.console import Console

    return Console(highlight=False)
