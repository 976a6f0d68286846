"""A study's table: where it lies, whether it is the same still, and its prepared arrays."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from objectives.errors import DataError
from objectives.features.preparation import Prepared, load_prepared, prepare_into
from objectives.table.dataset import Table, read_table
from objectives.table.keeping import write_frame
from objectives.table.roles import Roles
from search.errors import StudyChangedError
from search.settings import (
    DataIdentity,
    Settings,
    check_same_data,
    check_same_space,
    stored_space,
)
from search.spaces.named_spaces import SpaceSpec
from search.spaces.space import search_space
from storage.database import Database
from storage.studies import StudyRecord

Data = str | Path | pd.DataFrame


@contextmanager
def kept_table(data: Data, table: Table, db: Database) -> Iterator[str]:
    """Give where a resume will find the data: a built-in's name or a file's absolute path.

    A DataFrame is written beside the database, so that the study can go on without the notebook;
    its file is removed again where the block fails.
    """
    if not isinstance(data, pd.DataFrame):
        yield table.path or table.name
        return
    file = db.artifacts / "data" / f"{table.sha256[:16]}.parquet"
    new = not file.exists()  # else another study's
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_frame(data, file)
        yield str(file.resolve())
    except BaseException:
        if new:
            file.unlink(missing_ok=True)
        raise


def same_table(
    db: Database, record: StudyRecord, settings: Settings, source: str | Path | None = None
) -> Table:
    """Read the study's table and check that it has not changed.

    Args:
        db: where the study is.
        record: the study.
        settings: what it was launched with.
        source: where the data lie on this machine; where they lay at launch unless told.

    Raises:
        StudyChangedError: the table is gone, or another one.
    """
    then = settings.data
    found = str(source) if source is not None else _where(db, then.source)
    if found == then.source and Path(found).is_absolute() and not Path(found).exists():
        raise StudyChangedError(
            f"study `{record.name}` was launched on {found}, which is not there. "
            "Put the file back, or say with --data where it lies on this machine."
        )
    table = read_table(found, then.target, settings.roles, raw=settings.objective is not None)
    check_same_data(record.name, then, DataIdentity.of(table, found))
    return table


def prepared_folder(db: Database, record: StudyRecord, settings: Settings, table: Table) -> Path:
    """Return the folder of the table's prepared arrays, which are made again where they are gone.

    Raises:
        StudyChangedError: they lead to another search space than the study's.
    """
    folds, seed = settings.folds, settings.seed
    folder = arrays_folder(db, settings.data, settings.roles, table, folds=folds, seed=seed)
    try:
        prepared = load_prepared(folder)
    except DataError:  # missing or damaged
        prepared = prepare_into(folder, table, seed, folds)
    if settings.objective is None:
        space = table_space(settings.spec(), prepared, settings.l1_bound)
        check_same_space(record.name, settings, space)
    return folder


def arrays_folder(
    db: Database, data: DataIdentity, roles: Roles, table: Table, *, folds: int, seed: int
) -> Path:
    """Return where the prepared arrays lie: one folder for all that decides what is in them."""
    decides = [data.sha256, data.target, asdict(roles), folds, seed, version("dampen")]
    key = json.dumps(decides + ([table.shape] if table.shape is not None else []))
    return db.artifacts / "prepared" / hashlib.sha256(key.encode()).hexdigest()[:16]


def table_space(spec: SpaceSpec, prepared: Prepared, l1_bound: float) -> dict[str, str]:
    """Return the search space for the data, as it is stored."""
    return stored_space(
        search_space(
            spec.ranges,
            prepared.n_train,
            scalings=prepared.scalings,
            embedded=bool(prepared.inputs.embeddings),
            imbalanced=prepared.imbalanced,
            l1_bound=l1_bound,
        )
    )


def _where(db: Database, source: str) -> str:
    """Return where the data lie: where they lay at launch, or beside a database that was moved."""
    beside = db.artifacts / "data" / Path(source).name
    return str(beside) if not Path(source).exists() and beside.exists() else source
