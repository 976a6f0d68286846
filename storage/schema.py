"""The tables: the project's own, version 4, and Optuna's as far as this room writes to them.

    dampen_schema         version, and where files lie        one row
    dampen_studies        what was asked for                  one row a study,  beside `studies`
    dampen_workers        who runs or ran trials of a study   one row a worker process
    dampen_trials         owner, attempts, what came out      one row a trial,  beside `trials`
    dampen_confirmations  what a leading trial came to again  one row a retraining
    dampen_answers        what the test rows said             one row a study that was asked

Own rows hang on Optuna's with ON DELETE CASCADE, so that a study deleted in the dashboard takes
them along. Optuna's tables are reached through its own models, because their enumerations are real
types on PostgreSQL and must be written exactly as Optuna writes them: this is the only file that
touches that private module, and `OPTUNA_SCHEMA` names the layout it was written for.

Own times are naive UTC by the database's clock (`utc_now`), never by a worker's: two hosts must
agree on how old a beat is. Next: `database.py` creates the tables, and `migrations.py` brings
those of an older version forward.
"""

from datetime import datetime
from typing import Any

from optuna.storages._rdb import models
from sqlalchemy import DateTime, ForeignKey, Integer, String, Table, Text, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement

SCHEMA_VERSION = 4
OPTUNA_SCHEMA = 12  # optuna.storages._rdb.models.SCHEMA_VERSION; a test compares the two
UNIQUE_KEY = "dampen:unique"  # of a study's system attribute, which no other study has

studies: Table = models.StudyModel.__table__
study_directions: Table = models.StudyDirectionModel.__table__
study_system_attributes: Table = models.StudySystemAttributeModel.__table__
trials: Table = models.TrialModel.__table__
trial_params: Table = models.TrialParamModel.__table__
trial_values: Table = models.TrialValueModel.__table__
trial_intermediate_values: Table = models.TrialIntermediateValueModel.__table__
trial_user_attributes: Table = models.TrialUserAttributeModel.__table__
trial_system_attributes: Table = models.TrialSystemAttributeModel.__table__


class utc_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function it becomes
    """The database's clock at this moment, as a naive UTC time with at least milliseconds."""

    type = DateTime()
    inherit_cache = True


@compiles(utc_now, "sqlite")
def _sqlite_now(element: utc_now, compiler: Any, **options: Any) -> str:
    # CURRENT_TIMESTAMP has whole seconds only.
    return "strftime('%Y-%m-%d %H:%M:%f', 'now')"


@compiles(utc_now, "postgresql")
def _postgresql_now(element: utc_now, compiler: Any, **options: Any) -> str:
    # now() stands still within a transaction, which may have waited for a lock.
    return "timezone('utc', clock_timestamp())"


class database_started(FunctionElement[datetime]):  # noqa: N801 - as `utc_now`
    """When the database server began to answer, as a naive UTC time; NULL where there is none."""

    type = DateTime()
    inherit_cache = True


@compiles(database_started, "sqlite")
def _sqlite_started(element: database_started, compiler: Any, **options: Any) -> str:
    return "NULL"


@compiles(database_started, "postgresql")
def _postgresql_started(element: database_started, compiler: Any, **options: Any) -> str:
    return "timezone('utc', pg_postmaster_start_time())"


class Base(DeclarativeBase):
    """Base of the project's own tables; their metadata holds no table of Optuna's."""


class SchemaRow(Base):
    """What holds for the whole storage, in a single row: the version of the tables below first."""

    __tablename__ = "dampen_schema"
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    artifacts: Mapped[str | None] = mapped_column(Text)  # the bucket of all files; NULL: a folder


class StudyRow(Base):
    """What was asked for when a study was launched."""

    __tablename__ = "dampen_studies"
    study_id: Mapped[int] = mapped_column(
        ForeignKey(studies.c.study_id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    settings: Mapped[str] = mapped_column(Text)  # a JSON object
    planned_trials: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    confirm: Mapped[int] = mapped_column(Integer, server_default=text("0"))  # trials, the best ones


class WorkerRow(Base):
    """A process that runs, or ran, trials of a study."""

    __tablename__ = "dampen_workers"
    worker_id: Mapped[str] = mapped_column(String(300), primary_key=True)
    study_id: Mapped[int] = mapped_column(
        ForeignKey(studies.c.study_id, ondelete="CASCADE"), index=True
    )
    host: Mapped[str] = mapped_column(String(255))
    machine: Mapped[str] = mapped_column(String(400))  # within which `pid` means one process
    pid: Mapped[int] = mapped_column(Integer)
    process_started: Mapped[float]  # seconds since the machine's boot
    started_at: Mapped[datetime] = mapped_column(DateTime)
    beat_at: Mapped[datetime] = mapped_column(DateTime)
    stale_after_seconds: Mapped[float] = mapped_column(server_default=text("60"))  # without a beat
    ended_at: Mapped[datetime | None] = mapped_column(DateTime)
    lost_because: Mapped[str | None] = mapped_column(Text)  # NULL when it left by itself


class TrialRow(Base):
    """Who runs a trial, how often it was begun, and what came out."""

    __tablename__ = "dampen_trials"
    trial_id: Mapped[int] = mapped_column(
        ForeignKey(trials.c.trial_id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    worker_id: Mapped[str | None] = mapped_column(
        ForeignKey(WorkerRow.worker_id, ondelete="SET NULL"), index=True
    )
    attempts: Mapped[int] = mapped_column(Integer)
    evaluation: Mapped[str | None] = mapped_column(Text)  # a JSON object
    learning_curve: Mapped[str | None] = mapped_column(Text)  # a JSON object or array


class ConfirmationRow(Base):
    """What a trial came to when it was trained again, on other folds and with other seeds."""

    __tablename__ = "dampen_confirmations"
    trial_id: Mapped[int] = mapped_column(
        ForeignKey(trials.c.trial_id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    repeat: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # from 1
    value: Mapped[float]  # as a trial's
    result: Mapped[str] = mapped_column(Text)  # a JSON object
    recorded_at: Mapped[datetime] = mapped_column(DateTime)


class AnswerRow(Base):
    """What a study's test rows said, and how often they were asked."""

    __tablename__ = "dampen_answers"
    study_id: Mapped[int] = mapped_column(
        ForeignKey(studies.c.study_id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    looks: Mapped[int] = mapped_column(Integer)
    basis: Mapped[str] = mapped_column(Text)  # a JSON object: what the answer was made from
    document: Mapped[str] = mapped_column(Text)  # a JSON object
    made_at: Mapped[datetime] = mapped_column(DateTime)


schema_version: Table = Base.metadata.tables["dampen_schema"]
own_studies: Table = Base.metadata.tables["dampen_studies"]
own_workers: Table = Base.metadata.tables["dampen_workers"]
own_trials: Table = Base.metadata.tables["dampen_trials"]
own_confirmations: Table = Base.metadata.tables["dampen_confirmations"]
own_answers: Table = Base.metadata.tables["dampen_answers"]
