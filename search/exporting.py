"""A trial's trained network, or an ensemble of several trials', as one portable file.

Loads TensorFlow once everything else is found. The weights are those the trials ended with: nothing
is trained again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from objectives.features.preparation import Prepared, load_prepared
from objectives.quiet import load_tensorflow
from search.errors import TrialError
from search.figures import complete_trial, network_of, trial_figures
from search.objective.objective_file import ObjectiveFile, same_objective
from search.objective.task import Task
from search.objective.trained import trained_networks
from search.settings import Settings
from search.study_table import prepared_folder, same_table
from search.weights import WEIGHTS_FILE
from search.winner.ensembling import scored_trials, select
from storage.artifacts import find_artifact
from storage.database import Database, open_database
from storage.studies import StudyRecord, load_study


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where models come from."""

    db: Database
    record: StudyRecord
    settings: Settings
    prepared: Prepared
    objective: ObjectiveFile | None  # a person's own
    encoding: str | None  # of a CSV file

    def tasks(self, trials: Sequence[FrozenTrial]) -> list[Task]:
        """Return what the trials trained; needs TensorFlow."""
        from search.objective.objective import open_objective

        objective = open_objective(self.settings, self.objective)
        return [objective.task(trial.params, self.prepared) for trial in trials]

    def card(self) -> dict[str, Any]:
        """Return what the card of every model of the study says."""
        return {
            "target": self.settings.data.target,
            "labels": list(self.settings.data.labels),
            "study": self.record.name,
            "folds": self.settings.folds,
            "encoding": self.encoding,
            "versions": self.settings.versions,
        }


def export(
    study: str,
    path: Path,
    *,
    trial: int | None = None,
    form: str = "keras",
    data: str | Path | None = None,
    objective: str | Path | None = None,
    storage: str | None = None,
) -> int:
    """Write a trial's model, and its model card beside it; return the trial's number.

    Args:
        study: name of the study.
        path: of the file to write, ending in `.keras` or `.onnx`; of a SavedModel's folder.
        trial: number of the trial; the study's winner unless told.
        form: keras, savedmodel or onnx.
        data: where the study's table lies now; where it lay at launch unless told.
        objective: where its own objective lies now, likewise.
        storage: a database URL, as for `launch`.

    Raises:
        TrialError: no such trial, or one that did not complete and so has no trained model.
        StudyChangedError, storage.errors.StorageError, objectives.errors.ObjectiveError: the
            study, its data or the file to write cannot be used.
    """
    db = open_database(storage, create=False)
    record = load_study(db, study)
    chosen = complete_trial(db, record, trial)
    figures = trial_figures(db, study, chosen.number)
    file = find_artifact(db, chosen._trial_id, WEIGHTS_FILE)
    source = _source(db, record, data, objective)

    load_tensorflow()  # it takes seconds, so everything that can be refused comes before
    from objectives.portable.export import export_model

    (task,) = source.tasks([chosen])
    export_model(
        list(trained_networks(task, source.prepared, file)),
        [fold.preprocessing for fold in source.prepared.folds],
        path,
        form=form,
        array=source.prepared.inputs.array,
        scaling=task.regime.scaling,
        card={
            **source.card(),
            "trial": chosen.number,
            "validation": figures.metrics,
            "standard_error": figures.standard_error,
            "class_weight": task.regime.class_weight,
            "network": figures.network or figures.params,
        },
    )
    return chosen.number


def export_ensemble(
    study: str,
    path: Path,
    *,
    form: str = "keras",
    data: str | Path | None = None,
    objective: str | Path | None = None,
    storage: str | None = None,
) -> dict[int, float]:
    """Write an ensemble's model and its card; return the weight of each of its trials.

    Args:
        study: name of the study.
        path, form, data, objective, storage: as for `export`.

    Raises:
        TrialError: fewer than two complete trials left what an ensemble is chosen by.
        StudyChangedError, storage.errors.StorageError, objectives.errors.ObjectiveError: as for
            `export`.
    """
    db = open_database(storage, create=False)
    record = load_study(db, study)
    source = _source(db, record, data, objective)
    selection = select(scored_trials(db, record, source.prepared), source.prepared)
    if selection is None:
        raise TrialError(
            f"an ensemble needs two complete trials with stored predictions; study `{study}` has "
            "fewer. Trials of older releases have none: `dampen resume` with more --trials, or "
            "export one trial without --ensemble."
        )

    load_tensorflow()
    from objectives.portable.export import export_model

    tasks = source.tasks([member.scored.trial for member in selection.members])
    chosen = list(zip(tasks, selection.members, strict=True))
    folds = [fold.preprocessing for fold in source.prepared.folds]
    export_model(
        [n for task, m in chosen for n in trained_networks(task, source.prepared, m.scored.file)],
        folds * len(chosen),
        path,
        form=form,
        array=source.prepared.inputs.array,
        scaling=[task.regime.scaling for task, _ in chosen for _ in folds],
        weights=[member.weight / len(folds) for _, member in chosen for _ in folds],
        card={
            **source.card(),
            "ensemble": [
                {
                    "trial": member.scored.trial.number,
                    "weight": member.weight,
                    "network": network_of(member.scored.trial) or dict(member.scored.trial.params),
                }
                for member in selection.members
            ],
            "validation": {"roc_auc": selection.validation_roc_auc},
        },
    )
    return {member.scored.trial.number: member.weight for member in selection.members}


def _source(
    db: Database, record: StudyRecord, data: str | Path | None, objective: str | Path | None
) -> _Source:
    settings = Settings.from_json(record.settings)
    file = same_objective(record.name, settings.objective, objective)
    table = same_table(db, record, settings, data)
    prepared = load_prepared(prepared_folder(db, record, settings, table))
    encoding = table.dialect.encoding if table.dialect is not None else None
    return _Source(
        db=db,
        record=record,
        settings=settings,
        prepared=prepared,
        objective=file,
        encoding=encoding,
    )
