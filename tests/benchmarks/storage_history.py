"""Studies that have come far already, for `storage_cost.py`: a few trials, copied many times.

The first trials are run, through `storage_trial.py`. Then the study is doubled by INSERT ... SELECT
until it has the trials wanted, every row that hangs on a trial included. Of its files, only those
of the trials that were run exist.
"""

from sqlalchemy import Connection, Table, insert, select
from storage_trial import Load, run_trial

from search.settings import DataIdentity, Settings, stored_space
from search.spaces.space import regularization_space
from storage.claims import claim_trial
from storage.database import Database, writing
from storage.schema import (
    own_trials,
    trial_intermediate_values,
    trial_params,
    trial_system_attributes,
    trial_user_attributes,
    trial_values,
    trials,
)
from storage.studies import create_study, set_planned_trials
from storage.workers import end_worker, register_worker

STUDY = "storage"
_PATTERNS = 50  # trials that are run
_TABLES = (
    trial_params,
    trial_values,
    trial_intermediate_values,
    trial_user_attributes,
    trial_system_attributes,
    own_trials,
)


def make_history(db: Database, *, n_trials: int, sampler: str, load: Load) -> None:
    """Make a study, named STUDY, with so many finished trials."""
    settings = _settings(sampler)
    n_done = min(n_trials, _PATTERNS)
    record = create_study(db, STUDY, settings=settings.to_json(), planned_trials=n_done)
    worker_id = register_worker(db, record.study_id)
    while claim := claim_trial(db, record.study_id, worker_id):
        run_trial(db, STUDY, settings, claim, load)
    end_worker(db, worker_id)
    while n_done < n_trials:
        n_copied = min(n_done, n_trials - n_done)
        with writing(db) as connection:
            _copy(connection, n_copied, n_done)
        n_done += n_copied
    set_planned_trials(db, STUDY, n_trials)


def _settings(sampler: str) -> Settings:
    return Settings(
        data=DataIdentity(
            source="breast-cancer",
            name="breast-cancer",
            target="target",
            labels=("0", "1"),
            columns=tuple(f"x{number}" for number in range(30)),
            rows=569,
            sha256="0" * 64,
        ),
        space=stored_space(regularization_space(341)),
        seed=0,
        sampler=sampler,
        pruner="median",
        max_epochs=100,
        patience=10,
        timeout_seconds=None,
        workers=1,
        versions={},
    )


def _copy(connection: Connection, n_copied: int, shift: int) -> None:
    """Copy the first trials, with all that hangs on them; numbers and identifiers are shifted.

    The study is alone in its database, so its trials are identified without gaps, in their order.
    """
    plain = [trials.c[name] for name in _names(trials, without="number")]
    first = select(trials).where(trials.c.number < n_copied).order_by(trials.c.number).subquery()
    connection.execute(
        insert(trials).from_select(
            ["number", *(column.name for column in plain)],
            select(first.c.number + shift, *(first.c[column.name] for column in plain)),
        )
    )
    for table in _TABLES:
        names = _names(table, without="trial_id")
        connection.execute(
            insert(table).from_select(
                ["trial_id", *names],
                select(table.c.trial_id + shift, *(table.c[name] for name in names))
                .join_from(table, trials, table.c.trial_id == trials.c.trial_id)
                .where(trials.c.number < n_copied),
            )
        )


def _names(table: Table, *, without: str) -> list[str]:
    """Name the columns that are copied as they are: the database gives a row its key."""
    return [c.name for c in table.c if not c.primary_key and c.name != without]
