"""The command line: a thin layer over `search/study.py`.

Each command checks nothing itself: it calls what a notebook would call and prints what came back;
`search/answering.py` turns what it raises into one line and an exit code. Everything heavy is
imported inside the command that needs it, so that `--help` answers at once.
"""

import signal
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from search.answering import (
    DEBUG,
    answering,
    console,
    escape_what_cannot_be_shown,
    print_end,
    print_json,
)
from search.exits import EXIT_FAILED

app = typer.Typer(
    name="dampen",
    help="Find how much to regularise a Keras network on a table.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Database of the studies. [default: $DAMPEN_STORAGE, or sqlite:///dampen.db]",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where the data lie now. [default: as at launch]"),
]
ObjectiveNow = Annotated[
    Path | None,
    typer.Option(
        "--objective",
        metavar="FILE",
        help="Where its own objective lies now. [default: as at launch]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.")]
Target = Annotated[
    str | None,
    typer.Option(metavar="COL", help='Column to predict. [default: the one called "target"]'),
]
Positive = Annotated[
    str | None,
    typer.Option(metavar="LABEL", help="The positive one of two classes. [default: see README]"),
]
Categorical = Annotated[
    list[str] | None,
    typer.Option(metavar="COL", help="A column to read as categories; may be repeated."),
]
Numeric = Annotated[
    list[str] | None,
    typer.Option(metavar="COL", help="A column to read as numbers; may be repeated."),
]
Drop = Annotated[
    list[str] | None, typer.Option(metavar="COL", help="A column to leave out; may be repeated.")
]
Weight = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column that says how much a row counts in the loss."),
]
Group = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column whose equal rows stay on one side of the split."),
]
Time = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column to split by: the latest rows judge the others."),
]
Folds = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="Folds of cross-validation; 1 for one split. [default: 5 below 2,000 rows, else 1]",
    ),
]
Seed = Annotated[
    int, typer.Option(metavar="N", help="Seed of the split, the sampler and the training.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the space as a line of its file says it; may be repeated.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST:PORT", help="Ray's cluster; without it one is started here, to try out."
    ),
]
CpusPerWorker = Annotated[
    float | None, typer.Option(metavar="C", help="What Ray sets aside for a worker; 1 unless told.")
]
GpusPerWorker = Annotated[
    float | None, typer.Option(metavar="G", help="Likewise, fractions too; 0 unless told.")
]
OnInterrupt = Annotated[
    str | None,
    typer.Option(
        metavar="stop|detach", help="What Ray's workers do on Ctrl-C here; stop unless told."
    ),
]
TrialNumber = Annotated[
    int | None, typer.Option("--trial", metavar="N", help="Number of a trial, from 0.")
]

Winner = Annotated[
    int | None,
    typer.Option("--trial", metavar="N", help="Number of the trial. [default: the winner]"),
]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"dampen {version('dampen')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show where an error came from.")] = False,
) -> None:
    """Find how much to regularise a Keras network on a table."""


@app.command()
@answering
def launch(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A CSV, Parquet or .npz file, `breast-cancer` or `digits`."
        ),
    ] = "breast-cancer",
    target: Target = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the study. [default: made from the data's]"),
    ] = None,
    storage: Storage = None,
    artifacts: Annotated[
        str | None,
        typer.Option(
            metavar="S3-URL",
            help="Bucket for the files of a new storage, s3://BUCKET/PREFIX. "
            "[default: $DAMPEN_ARTIFACTS, or a folder beside the database]",
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(metavar="N", help="Trials to finish.", show_default=True)
    ] = 50,
    confirm: Annotated[
        int,
        typer.Option(metavar="N", help="Best trials to train again before one wins; 0 for none."),
    ] = 3,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop after 90s, 10m or 2h. [default: no limit]"),
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", help="Processes that train, one thread each.")
    ] = 1,
    seed: Seed = 0,
    sampler: Annotated[str, typer.Option(metavar="NAME", help="tpe, random, gp or cmaes.")] = "tpe",
    pruner: Annotated[
        str, typer.Option(metavar="NAME", help="median, hyperband or none.")
    ] = "median",
    max_epochs: Annotated[int, typer.Option(metavar="N", help="Epochs of a trial, at most.")] = 100,
    patience: Annotated[
        int,
        typer.Option(metavar="N", help="Epochs without a better ROC-AUC before a trial stops."),
    ] = 10,
    folds: Folds = None,
    positive: Positive = None,
    categorical: Categorical = None,
    numeric: Numeric = None,
    drop: Drop = None,
    weight: Weight = None,
    group: Group = None,
    time: Time = None,
    space: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="regularization, cocktail, quick, or a TOML file: `dampen space`."
        ),
    ] = "regularization",
    assignments: Assignments = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A Python file with a network of your own: `dampen objective`.",
        ),
    ] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(metavar="STUDY", help="A study, of any data, whose best trials come first."),
    ] = None,
    portfolio: Annotated[
        bool,
        typer.Option("--portfolio/--no-portfolio", help="Try early what was good on other tables."),
    ] = True,
    stop_when_flat: Annotated[
        bool,
        typer.Option("--stop-when-flat", help="End when more trials would gain less than chance."),
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            metavar="local|ray", help="Where workers run: here, or on a Ray cluster's nodes."
        ),
    ] = "local",
    address: Address = None,
    cpus_per_worker: CpusPerWorker = None,
    gpus_per_worker: GpusPerWorker = None,
    on_interrupt: OnInterrupt = None,
    as_json: AsJson = False,
) -> None:
    """Create a study and run it to its budget."""
    from search import study as studies
    from search.spaces.space_file import read_assignments

    found = studies.launch(
        data,
        target=target,
        study=study,
        storage=storage,
        artifacts=artifacts,
        trials=trials,
        confirm=confirm,
        timeout=timeout,
        workers=workers,
        seed=seed,
        sampler=sampler,
        pruner=pruner,
        max_epochs=max_epochs,
        patience=patience,
        folds=folds,
        positive=positive,
        categorical=categorical or (),
        numeric=numeric or (),
        drop=drop or (),
        weight=weight,
        group=group,
        time=time,
        space=space,
        fixed=read_assignments(assignments or ()),
        objective=objective,
        warm_start=warm_start,
        portfolio=portfolio,
        stop_when_flat=stop_when_flat,
        engine=engine,
        address=address,
        cpus_per_worker=cpus_per_worker,
        gpus_per_worker=gpus_per_worker,
        on_interrupt=on_interrupt,
    )
    print_end(found, as_json=as_json)


@app.command("space")
@answering
def print_space(
    space: Annotated[
        str,
        typer.Argument(metavar="NAME", help="regularization, cocktail, quick, or a TOML file."),
    ] = "regularization",
    assignments: Assignments = None,
) -> None:
    """Print a search space as a TOML file to edit, for `dampen launch --space FILE`."""
    from search.spaces.space_file import read_assignments, read_space
    from search.spaces.space_text import space_toml

    typer.echo(space_toml(read_space(space, read_assignments(assignments or ()))), nl=False)


@app.command("objective")
@answering
def print_objective(
    source: Annotated[
        str,
        typer.Argument(metavar="NAME", help="`digits`, a convolutional network, or a study."),
    ] = "digits",
    storage: Storage = None,
) -> None:
    """Print an objective as a file to edit, for `dampen launch --objective FILE`."""
    from search.objective.objective_file import objective_text

    typer.echo(objective_text(source, storage), nl=False)


@app.command()
@answering
def inspect(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A CSV, Parquet or .npz file, `breast-cancer` or `digits`."
        ),
    ],
    target: Target = None,
    seed: Seed = 0,
    folds: Folds = None,
    positive: Positive = None,
    categorical: Categorical = None,
    numeric: Numeric = None,
    drop: Drop = None,
    weight: Weight = None,
    group: Group = None,
    time: Time = None,
    as_json: AsJson = False,
) -> None:
    """Show what a table holds and what could ruin an answer; nothing is searched."""
    from search import inspecting
    from search.terminal.inspection import print_inspection

    roles = inspecting.make_roles(
        positive=positive,
        categorical=categorical or (),
        numeric=numeric or (),
        drop=drop or (),
        weight=weight,
        group=group,
        time=time,
    )
    found = inspecting.inspect(data, target, roles, seed=seed, folds=folds, shown=True)
    if as_json:
        print_json(found.to_json())
    else:
        print_inspection(console(), found)


@app.command()
@answering
def resume(
    study: Annotated[
        str | None,
        typer.Argument(metavar="STUDY", help="Name of the study. [default: the latest unfinished]"),
    ] = None,
    data: Data = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where its own objective lies now; named, it may have changed. "
            "[default: as at launch]",
        ),
    ] = None,
    storage: Storage = None,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", help="A raised budget, trials done included."),
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(metavar="N", help="Best trials to train again. [default: as at launch]"),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop after 90s, 10m or 2h. [default: as at launch]"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Processes that train. [default: as at launch]"),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="local|ray",
            help="Where workers run. [default: as at launch, as the next four]",
        ),
    ] = None,
    address: Address = None,
    cpus_per_worker: CpusPerWorker = None,
    gpus_per_worker: GpusPerWorker = None,
    on_interrupt: OnInterrupt = None,
    as_json: AsJson = False,
) -> None:
    """Go on with an interrupted study."""
    from search import study as studies

    found = studies.resume(
        study,
        data=data,
        objective=objective,
        storage=storage,
        trials=trials,
        confirm=confirm,
        timeout=timeout,
        workers=workers,
        engine=engine,
        address=address,
        cpus_per_worker=cpus_per_worker,
        gpus_per_worker=gpus_per_worker,
        on_interrupt=on_interrupt,
    )
    print_end(found, as_json=as_json)


@app.command()
@answering
def worker(
    study: StudyName, storage: Storage = None, data: Data = None, objective: ObjectiveNow = None
) -> None:
    """Join a study from another shell or machine, as one more worker."""
    from search.joining import join

    print_end(join(study, storage=storage, data=data, objective=objective), as_json=False)


@app.command("studies")
@answering
def list_all(storage: Storage = None, as_json: AsJson = False) -> None:
    """List the studies in the storage."""
    from search.figures import summary_json
    from search.terminal.studies import print_studies
    from storage.database import open_database
    from storage.progress import list_studies

    summaries = list_studies(open_database(storage, create=False))
    if as_json:
        print_json([summary_json(summary) for summary in summaries])
    else:
        print_studies(console(), summaries)


@app.command()
@answering
def show(
    study: StudyName,
    trial: TrialNumber = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Draw the trial, for the dashboard to show.")
    ] = False,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Show a study's figures, or one trial's."""
    from search.figures import study_figures, trial_figures
    from search.terminal.studies import print_study
    from search.terminal.trials import print_trial
    from storage.database import open_database

    db = open_database(storage, create=False)
    if pictures:
        from search.page.picturing import picture_trial

        typer.echo(picture_trial(db, study, trial), err=True)
    if trial is None:
        figures = study_figures(db, study)
        if as_json:
            print_json(figures.to_json())
        else:
            winner = trial_figures(db, study, figures.winner["trial"]) if figures.winner else None
            print_study(console(), figures, winner)
    else:
        found = trial_figures(db, study, trial)
        if as_json:
            print_json(found.to_json())
        else:
            print_trial(console(), study, found)


@app.command()
@answering
def explain(
    study: StudyName,
    trial: TrialNumber = None,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Say in three sentences what became of a trial, and what to change."""
    from search import explaining
    from search.terminal.trials import print_explanations
    from storage.database import open_database

    found = explaining.explain(open_database(storage, create=False), study, trial)
    if as_json:
        print_json({"study": study, "explanations": [each.to_json() for each in found]})
    else:
        print_explanations(console(), found)


@app.command()
@answering
def report(
    study: StudyName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write. [default: print it]"),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="html, md or json. [default: as FILE ends, else html; md to print]",
        ),
    ] = None,
    data: Data = None,
    objective: ObjectiveNow = None,
    storage: Storage = None,
) -> None:
    """Write a study's answer, with pictures and how it was done, as one file."""
    from search.answer.answer import make_answer
    from search.report.gathering import gather
    from search.report.making import choose_form, make_report, write_report
    from storage.database import open_database

    form = choose_form(form, output)
    db = open_database(storage, create=False)
    answer = make_answer(db, study, data=data, objective=objective)
    found = gather(db, study, answer, data=data)
    text = make_report(found, form)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_report(text, output)
        typer.echo(f"Wrote the report of {study} to {output}", err=True)


@app.command()
@answering
def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="DAMPEN_TOKEN",
            show_envvar=False,
            help="What visitors must show. [default: $DAMPEN_TOKEN; made if others can reach it]",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Another name it is called by, a proxy's say; may be repeated."
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    storage: Storage = None,
) -> None:
    """Browse the studies in optuna-dashboard. Ctrl-C ends it."""
    from storage.dashboard import serve

    def ready(address: str) -> None:
        typer.echo(f"The dashboard is at {address} (Ctrl-C ends it)", err=True)

    serve(
        storage,
        host=host,
        port=port,
        token=token,
        allowed_hosts=allow_host or (),
        read_only=read_only,
        on_ready=ready,
    )


@app.command("storage-proxy")
@answering
def storage_proxy(
    host: Annotated[
        str, typer.Option(help="Address to listen on; who reaches it can change every study.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 13000,
    storage: Storage = None,
) -> None:
    """Ask one PostgreSQL for many workers, who have DAMPEN_PROXY=HOST:PORT. Ctrl-C ends it."""
    from storage.proxy import serve_proxy

    serve_proxy(storage, host=host, port=port, say=lambda said: typer.echo(said, err=True))


@app.command()
@answering
def export(
    study: StudyName,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write, ending in .keras or .onnx."
        ),
    ],
    trial: Winner = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Write the weighted mean of several trials.")
    ] = False,
    form: Annotated[
        str, typer.Option("--format", metavar="NAME", help="keras, savedmodel or onnx.")
    ] = "keras",
    data: Data = None,
    objective: ObjectiveNow = None,
    storage: Storage = None,
) -> None:
    """Write a trained model that takes the raw data."""
    from objectives.portable.model_card import card_path
    from search import exporting
    from search.errors import SettingError

    if ensemble and trial is not None:
        raise SettingError("an ensemble chooses its own trials; leave out --trial or --ensemble.")
    if ensemble:
        weights = exporting.export_ensemble(
            study, output, form=form, data=data, objective=objective, storage=storage
        )
        what = f"the ensemble of {len(weights)} trials"
    else:
        number = exporting.export(
            study,
            output,
            trial=trial,
            form=form,
            data=data,
            objective=objective,
            storage=storage,
        )
        what = f"trial {number}"
    card = card_path(output)
    typer.echo(f"Wrote {what} of {study} to {output}, and its model card to {card}", err=True)


@app.command()
@answering
def code(
    study: StudyName, trial: Winner = None, data: Data = None, storage: Storage = None
) -> None:
    """Print a trial as a plain Keras script."""
    from search.coding import script

    typer.echo(script(study, trial=trial, data=data, storage=storage), nl=False)


@app.command()
@answering
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An exported .keras file.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A CSV, Parquet or .npz file of new rows.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="CSV file to write.")
    ],
) -> None:
    """Score new rows with an exported model."""
    from search.predicting import predict_file

    done = predict_file(model, data, output)
    for note in done.notes:
        typer.echo(note, err=True)
    typer.echo(f"Wrote {done.rows} predictions to {output}", err=True)


@app.command()
@answering
def doctor(
    storage: Storage = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove files that a crash left without a record.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Look the storage over: what is wrong, and what to type."""
    from search.terminal.findings import print_findings
    from search.upkeep import agreed, diagnosis_json, shared_place
    from storage.doctor import examine
    from storage.url import resolve_url

    url = resolve_url(storage)
    if clean and not yes and (place := shared_place(url)):
        clean = agreed(f"Clean {place}, in which no other storage may keep files?")
    findings = examine(url, clean=clean)
    if as_json:
        print_json(diagnosis_json(url, findings))
    else:
        print_findings(console(), findings)
    if any(finding.level == "problem" for finding in findings):
        raise SystemExit(EXIT_FAILED)


@app.command()
@answering
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, such as backup.db.")],
    storage: Storage = None,
) -> None:
    """Copy a SQLite storage with its files, while workers run."""
    from search.upkeep import say_backup, shown_copying
    from storage.backup import back_up
    from storage.database import open_database

    db = open_database(storage, create=False)
    with shown_copying() as watch:
        made = back_up(db, file, watch=watch)
    typer.echo(say_backup(made), err=True)


@app.command()
@answering
def delete(study: StudyName, storage: Storage = None, yes: Yes = False) -> None:
    """Delete a study with its trials and files."""
    from search.upkeep import agreed, say_contents
    from storage.database import open_database
    from storage.deletion import delete_study, study_contents

    db = open_database(storage, create=False)
    contents = study_contents(db, study)
    if not yes and not agreed(f"Delete {say_contents(contents)}?"):
        typer.echo("Nothing was deleted.", err=True)
        raise SystemExit(EXIT_FAILED)
    typer.echo(f"Deleted {say_contents(delete_study(db, study))}.", err=True)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    escape_what_cannot_be_shown()
    try:
        app()
    finally:  # nothing is left to lose, and nobody to catch an interruption
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: object) -> NoReturn:
    """SIGTERM, a container's stop, does as Ctrl-C."""
    raise KeyboardInterrupt
