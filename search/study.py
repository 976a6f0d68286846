"""What a notebook can do, and all that the command line does: launch, resume and load a study.

The process that calls these never loads TensorFlow: it checks, splits and prepares the data once,
writes what the study is to do into the database, and lets `search/pool.py` do it.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from objectives.features.preparation import prepare_into
from objectives.table.dataset import Table, read_table
from objectives.table.npz import say_shape
from objectives.verdict.probe import UNPROBED, probe_l1
from search.duration import parse_duration
from search.engine import check_engine, open_engine
from search.errors import Interrupted, SettingError
from search.figures import ENDED_EARLY, StudyFigures, TrialFigures, study_figures, trial_figures
from search.flatness import StopWhenFlat
from search.inspecting import inspect, make_roles
from search.objective.objective_file import BUILT_IN as OBJECTIVES
from search.objective.objective_file import check_objective, read_objective, same_objective
from search.page.front import Page, both
from search.placement import Placement, choose_placement
from search.pool import Orders, run_pool
from search.progress import Progress
from search.pruning import DEFAULT_PRUNER
from search.sampling import DEFAULT_SAMPLER
from search.settings import (
    DEFAULT_CONFIRM,
    DEFAULT_MAX_EPOCHS,
    DEFAULT_PATIENCE,
    DEFAULT_TRIALS,
    DataIdentity,
    Settings,
    check_choices,
    installed_versions,
)
from search.spaces.beginning import beginning
from search.spaces.named_spaces import DEFAULT_SPACE
from search.spaces.space_file import read_space, stored_spec
from search.study_table import (
    Data,
    arrays_folder,
    kept_table,
    prepared_folder,
    same_table,
    table_space,
)
from search.terminal.inspection import print_inspection, print_probe
from search.winner.confirming import ConfirmingOrders, confirm_best
from search.worker_process import heartbeat_seconds
from storage.bucket import bucket_address
from storage.database import Database, open_database
from storage.drive import drive_warning
from storage.errors import StorageMissingError, StudyNotFoundError
from storage.patience import PATIENCE_SECONDS
from storage.place import try_out
from storage.progress import latest_unfinished, list_studies
from storage.studies import (
    StudyRecord,
    check_free,
    create_study,
    load_study,
    set_confirm,
    set_planned_trials,
    set_settings,
)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study in a storage. `figures` is read when it is first asked for, and then kept."""

    name: str
    url: str = field(repr=False)  # may carry a password

    @cached_property
    def figures(self) -> StudyFigures:
        """The study's figures, the same as `dampen show STUDY --json`."""
        return study_figures(open_database(self.url, create=False), self.name)

    def trial(self, number: int) -> TrialFigures:
        """Return one trial's figures, the same as `dampen show STUDY --trial N --json`."""
        return trial_figures(open_database(self.url, create=False), self.name, number)


def launch(
    data: Data = "breast-cancer",
    *,
    target: str | None = None,
    study: str | None = None,
    storage: str | None = None,
    artifacts: str | None = None,
    trials: int = DEFAULT_TRIALS,
    confirm: int = DEFAULT_CONFIRM,
    timeout: str | float | None = None,
    workers: int = 1,
    seed: int = 0,
    sampler: str = DEFAULT_SAMPLER,
    pruner: str = DEFAULT_PRUNER,
    max_epochs: int = DEFAULT_MAX_EPOCHS,
    patience: int = DEFAULT_PATIENCE,
    folds: int | None = None,
    positive: str | None = None,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    drop: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    space: str | Path = DEFAULT_SPACE,
    fixed: Mapping[str, Any] | None = None,
    objective: str | Path | None = None,
    warm_start: str | None = None,
    portfolio: bool = True,
    stop_when_flat: bool = False,
    engine: str = "local",
    address: str | None = None,
    cpus_per_worker: float | None = None,
    gpus_per_worker: float | None = None,
    on_interrupt: str | None = None,
    progress: bool = True,
) -> Study:
    """Create a study and run it to its budget.

    Args:
        data: `breast-cancer`, `digits`, the path of a CSV, Parquet or .npz file, or a DataFrame.
        target: the column to predict; the one called "target" unless told.
        study: a name of its own; made from the data's name unless told.
        storage: a database URL; the environment's DAMPEN_STORAGE, or else `sqlite:///dampen.db`.
        artifacts: the bucket for the files of a new storage, as "s3://BUCKET/PREFIX"; a folder
            unless told, DAMPEN_ARTIFACTS or one beside the database.
        trials: the budget: trials that end complete, pruned or failed, >= 1.
        confirm: how many of the best trials are trained again, twice each, once the budget is
            spent, for the winner to be chosen on that; >= 0, 0 for none.
        timeout: how long to go on at most, as "90s", "10m" or "2h", or in seconds; `resume` takes
            the rest.
        workers: processes that train, one thread each, >= 1.
        seed: of the split, the sampler and the training, >= 0.
        sampler: tpe, random, gp or cmaes.
        pruner: median, hyperband or none.
        max_epochs: epochs of a trial at most, >= 1.
        patience: epochs without a better validation ROC-AUC before a trial stops, >= 1.
        folds: of cross-validation within each trial, >= 1; 1 for one split; unless told, 5 below
            2,000 rows and 1 from there on.
        positive: label of the positive class, where there are two; chosen by what the labels say
            or by their frequency unless told (`objectives/table/target.py`).
        categorical, numeric, drop: columns to be read as categories, as numbers, or not at all.
        weight: column that says how much a row counts in the training loss, > 0.
        group: column whose equal rows stay on one side of every split.
        time: column to split by: the latest rows are the test rows.
        space: regularization, cocktail or quick, or the path of a space file
            (`search/spaces/space_file.py`).
        fixed: what else is said of single parameters of the space, as a line of such a file would:
            a value, which fixes it, "off", a list of values, or a dictionary with low and high.
        objective: a Python file that draws the parameters and builds the network, instead of a
            space (`search/objective`); of `digits` a convolutional one unless told.
        warm_start: a study in the storage, of any data, whose best trials are tried first.
        portfolio: whether what was good on other tables is tried early.
        stop_when_flat: whether to end when more trials would gain less than the best ones differ
            by chance (`search/flatness.py`).
        engine: where workers run: "local", processes of this machine, or "ray", actors of a Ray
            cluster.
        address: of the cluster, "auto" or "HOST:PORT"; unless told, a Ray is started here for as
            long as this lasts.
        cpus_per_worker: what Ray sets aside for each, > 0; 1 unless told.
        gpus_per_worker: likewise, >= 0, fractions too; 0 unless told.
        on_interrupt: what becomes of the workers on Ctrl-C: "stop", or "detach", to go on; stop
            unless told.
        progress: whether to show the table and the progress on standard error.

    Raises:
        SettingError, objectives.errors.DataError, storage.errors.StorageError: something given
            cannot be used; no study was made.
        SearchFailedError: the first trials all failed alike, or the workers keep dying.
        Interrupted: Ctrl-C, as a KeyboardInterrupt; what was finished is kept for `resume`.
    """
    check_choices(
        trials=trials,
        confirm=confirm,
        sampler=sampler,
        pruner=pruner,
        max_epochs=max_epochs,
        patience=patience,
        workers=workers,
        seed=seed,
        folds=folds,
    )
    heartbeat_seconds()  # a bad one is refused before a worker meets it
    if artifacts:
        bucket_address(artifacts)  # likewise before a storage is made for it
    timeout_seconds = parse_duration(timeout) if timeout is not None else None
    placement = choose_placement(
        Placement(),
        {
            "engine": engine,
            "address": address,
            "cpus_per_worker": cpus_per_worker,
            "gpus_per_worker": gpus_per_worker,
            "on_interrupt": on_interrupt,
        },
        storage,
    )
    spec = read_space(space, fixed)
    if objective is None and str(data) in OBJECTIVES:
        objective = str(data)
    file = None if objective is None else read_objective(objective)
    if file is not None and (fixed or spec.name != DEFAULT_SPACE):
        raise SettingError(
            f"the objective {file.name} draws its own parameters; leave out --space and --set, or "
            "leave out --objective."
        )
    roles = make_roles(
        positive=positive,
        categorical=categorical,
        numeric=numeric,
        drop=drop,
        weight=weight,
        group=group,
        time=time,
    )
    if study is not None:
        _check_free(storage, artifacts, study)
    raw = file is not None
    found = inspect(data, target, roles, seed=seed, folds=folds, shown=progress, raw=raw)
    if found.table.shape is not None and file is None:
        raise SettingError(
            f"a row of {found.table.name} is an array of {say_shape(found.table.shape)}, for which "
            "no network is built in; say --objective FILE. `dampen objective` prints an example."
        )
    db = open_database(storage, artifacts=artifacts)
    try_out(db.place)
    check_engine(placement, db)
    with kept_table(data, found.table, db) as source:
        table = found.table
        if isinstance(data, pd.DataFrame):  # a file from here on, with the hash of a file
            table = replace(read_table(source, table.target, roles), name=table.name)
        identity = DataIdentity.of(table, source)
        folder = arrays_folder(db, identity, roles, table, folds=found.folds, seed=seed)
        prepared = prepare_into(folder, table, seed, found.folds)
        if file is not None:
            check_objective(file, folder, seed)
        probe = probe_l1(prepared) if file is None else UNPROBED
        settings = Settings(
            data=identity,
            roles=roles,
            folds=found.folds,
            objective=file,
            space={} if file is not None else table_space(spec, prepared, probe.bound),
            space_name=spec.name,
            space_asked=stored_spec(spec),
            l1_bound=probe.bound,
            l1_dies_at=probe.dies_at,
            seed=seed,
            sampler=sampler,
            pruner=pruner,
            max_epochs=max_epochs,
            patience=patience,
            timeout_seconds=timeout_seconds,
            stop_when_flat=stop_when_flat,
            workers=workers,
            placement=placement,
            versions=installed_versions(),
        )
        first = beginning(db, settings, warm_start=warm_start, portfolio=portfolio)
        settings = replace(settings, first_trials=first)
        name = study if study is not None else _free_name(db, table.name)
        record = create_study(
            db,
            name,
            settings=settings.to_json(),
            planned_trials=trials,
            first_trials=first,
            confirm=confirm,
        )
    if progress:
        print_inspection(Console(stderr=True, highlight=False), found)
        if file is None:
            print_probe(Console(stderr=True, highlight=False), probe, spec)
    return _run(
        db,
        record,
        settings,
        table,
        folder,
        placement=placement,
        workers=workers,
        seconds=timeout_seconds,
        flat=stop_when_flat,
        progress=progress,
    )


def resume(
    study: str | None = None,
    *,
    data: str | Path | None = None,
    objective: str | Path | None = None,
    storage: str | None = None,
    trials: int | None = None,
    confirm: int | None = None,
    timeout: str | float | None = None,
    workers: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    cpus_per_worker: float | None = None,
    gpus_per_worker: float | None = None,
    on_interrupt: str | None = None,
    progress: bool = True,
) -> Study:
    """Go on with a study to its budget, with everything it was launched with.

    Args:
        study: its name; the unfinished study with the latest activity unless told.
        data: where the same table lies now; where it lay at launch unless told.
        objective: where its own objective lies now. Named here, it may have changed: new trials,
            and all that is trained again, follow it as it is.
        storage: as for `launch`.
        trials: a raised budget, counting the trials already done; all of it is spent then.
        confirm: how many of the best trials are to be trained again, from now on; as at launch
            unless told.
        timeout: for this time only; as at launch unless told.
        workers: for this time only; as at launch unless told.
        engine, address, cpus_per_worker, gpus_per_worker, on_interrupt: likewise. Workers that
            were left to go on are taken over.
        progress: whether to show progress on standard error.

    Raises:
        StudyChangedError: the data, the space or the objective are not what the study was
            launched with.
        SettingError, storage.errors.StorageError, SearchFailedError, Interrupted: as for `launch`.
    """
    heartbeat_seconds()
    db = open_database(storage, create=False)
    record = load_study(db, study) if study is not None else _latest(db)
    settings = Settings.from_json(record.settings)
    if trials is not None and trials < record.planned_trials:
        raise SettingError(
            f"--trials must be at least the {record.planned_trials} planned for study "
            f"`{record.name}`, since it counts the trials already done; got {trials}."
        )
    if confirm is not None and confirm < 0:
        raise SettingError(f"--confirm must be a whole number of at least 0; got {confirm}.")
    workers = settings.workers if workers is None else workers
    if workers < 1:
        raise SettingError(f"--workers must be a whole number of at least 1; got {workers}.")
    seconds = parse_duration(timeout) if timeout is not None else settings.timeout_seconds
    placement = choose_placement(
        settings.placement,
        {
            "engine": engine,
            "address": address,
            "cpus_per_worker": cpus_per_worker,
            "gpus_per_worker": gpus_per_worker,
            "on_interrupt": on_interrupt,
        },
        db.url,
    )
    check_engine(placement, db)
    table = same_table(db, record, settings, data)
    folder = prepared_folder(db, record, settings, table)
    if objective is None or settings.objective is None:
        same_objective(record.name, settings.objective, objective)
    else:
        settings = _with_objective(settings, objective, folder, shown=progress)
        record = set_settings(db, record.name, settings.to_json())
    if trials is not None:
        if settings.stop_when_flat:  # whatever ended it early does not any more
            db.optuna.set_study_user_attr(record.study_id, ENDED_EARLY, None)
        record = set_planned_trials(db, record.name, trials, first_trials=settings.first_trials)
    if confirm is not None:
        record = set_confirm(db, record.name, confirm)
    return _run(
        db,
        record,
        settings,
        table,
        folder,
        placement=placement,
        workers=workers,
        seconds=seconds,
        flat=settings.stop_when_flat and trials is None,  # who raises the budget wants it spent
        progress=progress,
    )


def load(study: str, *, storage: str | None = None) -> Study:
    """Return a study that is in the storage.

    Raises:
        storage.errors.StudyNotFoundError: its message names the studies that are there.
    """
    db = open_database(storage, create=False)
    return Study(name=load_study(db, study).name, url=db.url)


def _with_objective(
    settings: Settings, source: str | Path, folder: Path, *, shown: bool
) -> Settings:
    """Return the settings with the objective that lies there, which is tried if it has changed."""
    assert settings.objective is not None
    file = read_objective(source)
    if file.sha256 != settings.objective.sha256:
        check_objective(file, folder, settings.seed)
        if shown:
            print(f"{file.name} has changed; trials follow it from here on", file=sys.stderr)
    return replace(settings, objective=file)


def _run(
    db: Database,
    record: StudyRecord,
    settings: Settings,
    table: Table,
    folder: Path,
    *,
    placement: Placement,
    workers: int,
    seconds: float | None,
    flat: bool,
    progress: bool,
) -> Study:
    deadline = None if seconds is None else time.monotonic() + seconds
    orders = Orders(
        study=record.name,
        study_id=record.study_id,
        workers=workers,
        deadline=deadline,
    )
    then = ConfirmingOrders(
        record=record,
        settings=settings,
        table=table,
        folder=folder,
        workers=workers,
        deadline=deadline,
    )
    try:
        with Progress(db, record, shown=progress) as shown, Page(db, record, shown.say) as page:
            if warning := drive_warning(db.url):
                shown.say(warning)
            db.patience.limit_seconds, db.patience.say = PATIENCE_SECONDS, shown.say
            watch = both(shown.watch, page.watch)
            if flat:
                watch = both(watch, StopWhenFlat(db, record, folder, shown.say).watch)
            with open_engine(
                placement, db, record.name, folder, settings.objective, shown.say
            ) as engine:
                run_pool(db, orders, engine, watch)
            confirm_best(db, then, shown.say)
    except KeyboardInterrupt:
        raise Interrupted(record.name, db.url) from None
    return Study(name=record.name, url=db.url)


def _check_free(storage: str | None, artifacts: str | None, study: str) -> None:
    """Refuse the name of a study that exists before a large table is read for nothing."""
    try:
        db = open_database(storage, create=False, artifacts=artifacts)
    except StorageMissingError:
        return
    check_free(db, study)


def _free_name(db: Database, data_name: str) -> str:
    taken = {summary.name for summary in list_studies(db)}
    number = 1
    while f"{data_name}-{number}" in taken:
        number += 1
    return f"{data_name}-{number}"


def _latest(db: Database) -> StudyRecord:
    record = latest_unfinished(db)
    if record is None:
        raise StudyNotFoundError(
            "There is no unfinished study to resume. `dampen studies` lists those there are; "
            "`dampen resume STUDY --trials N` raises the budget of one."
        )
    return record
