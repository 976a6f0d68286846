"""A trial as the plain Keras script that `objectives/script/writing.py` writes.

Loads no TensorFlow: all that the script needs stands in the study, its table and its prepared data.
"""

from pathlib import Path

import numpy as np

from objectives.features.preparation import load_prepared
from objectives.features.preprocessing import Preprocessing
from objectives.features.scaling import single_precision
from objectives.script.features import has_outliers
from objectives.script.splitting import keeps_copies_together
from objectives.script.writing import Plan, write_script
from objectives.table.dataset import Table
from objectives.table.dialect import Dialect
from objectives.table.npz import is_npz
from search.errors import TrialError
from search.figures import complete_trial
from search.sampling import trial_seed
from search.settings import Settings
from search.spaces.space import hyperparameters
from search.study_table import prepared_folder, same_table
from storage.database import open_database
from storage.studies import load_study


def script(
    study: str,
    *,
    trial: int | None = None,
    data: str | Path | None = None,
    storage: str | None = None,
) -> str:
    """Return a script that reads the study's table and trains the trial's network.

    Args:
        study: name of the study.
        trial: number of a complete trial; the study's winner unless told.
        data: where the study's table lies now, and is read by the script; as at launch unless told.
        storage: a database URL, as for `launch`.

    Raises:
        TrialError, StudyChangedError, storage.errors.StorageError, objectives.errors.DataError:
            the trial or the study's table cannot be used.
    """
    db = open_database(storage, create=False)
    record = load_study(db, study)
    settings = Settings.from_json(record.settings)
    if settings.objective is not None:
        raise TrialError(
            f"study `{study}` has an objective of its own, {settings.objective.name}: that file is "
            f"its code. `dampen objective {study}` prints it, `dampen show {study}` the parameters."
        )
    chosen = complete_trial(db, record, trial)
    table = same_table(db, record, settings, data)
    if is_npz(table.path):
        raise TrialError(
            f"a script reads CSV or Parquet; study `{study}` was launched on {table.name}.npz. "
            "Save its rows as a table and launch on that."
        )
    folds = load_prepared(prepared_folder(db, record, settings, table)).folds
    preprocessings = [fold.preprocessing for fold in folds]
    assert chosen.value is not None  # it is complete
    network = hyperparameters(chosen.params)
    return write_script(
        Plan(
            study=study,
            trial=chosen.number,
            data_path=table.path or table.name,
            target=table.target,
            labels=table.labels,
            roles=settings.roles,
            schema=table.schema,
            hyperparameters=network,
            seed=settings.seed,
            folds=settings.folds,
            max_epochs=settings.max_epochs,
            patience=settings.patience,
            training_seed=trial_seed(settings.seed, chosen.number, 1),
            value=chosen.value,
            dialect=table.dialect or Dialect(),
            embeddings={
                column.name: embedding.length(network.level_size)
                for each in preprocessings
                for column, embedding in zip(each.embedded, each.embeddings, strict=True)
            },
            gaps=_gaps(table, settings.roles.group),
            infinite=_has_infinity(table),
            outliers=has_outliers(table.frame, [fold.train.rows for fold in folds]),
            unlabelled=table.dropped_rows > 0,
            times_of_day=_times_of_day(preprocessings),
            copies=keeps_copies_together(table.frame),
            time_order=_time_order(table, settings.roles.time),
        )
    )


def _time_order(table: Table, name: str | None) -> str | None:
    """Return how the dates to split by are written; None for numbers, and without --time."""
    return next((c.order for c in table.schema.columns if c.name == name), None)


def _gaps(table: Table, group: str | None) -> tuple[str, ...]:
    """Return the columns of numbers or dates in which some cell, of any row, is not finite.

    And the groups' column, of which the table keeps codes only: it may have gaps too.
    """
    numbers = table.frame.select_dtypes("float64")
    found = [str(n) for n in numbers if not np.isfinite(single_precision(numbers[n])).all()]
    return (*found, *([group] if group is not None else []))


def _times_of_day(folds: list[Preprocessing]) -> tuple[str, ...]:
    dates = [date for fold in folds for date in fold.datetimes]
    return tuple(dict.fromkeys(date.name for date in dates if date.has_time))


def _has_infinity(table: Table) -> bool:
    return any(
        bool(np.isinf(single_precision(table.frame[column.name])).any())
        for column in table.schema.used
        if column.kind == "numeric"
    )
