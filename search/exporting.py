"""A trial's trained network, or an ensemble of several trials', as one portable file.

Loads TensorFlow once everything else is found. The weights are those the trials ended with: nothing
is trained again.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objectives.features.preparation import Prepared, load_prepared
from objectives.hyperparameters import Hyperparameters
from objectives.quiet import load_tensorflow
from search.ensembling import scored_trials, select
from search.errors import TrialError
from search.figures import complete_trial, trial_figures
from search.settings import Settings
from search.space import hyperparameters
from search.study import prepared_folder, same_table
from search.weights import WEIGHTS_FILE, unpack
from storage.artifacts import find_artifact
from storage.database import Database, open_database
from storage.studies import StudyRecord, load_study

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where models come from."""

    db: Database
    record: StudyRecord
    settings: Settings
    prepared: Prepared
    encoding: str | None  # of a CSV file

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
    storage: str | None = None,
) -> int:
    """Write a trial's model, and its model card beside it; return the trial's number.

    Args:
        study: name of the study.
        path: of the file to write, ending in `.keras` or `.onnx`; of a SavedModel's folder.
        trial: number of the trial; the study's winner unless told.
        form: keras, savedmodel or onnx.
        data: where the study's table lies now; where it lay at launch unless told.
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
    source = _source(db, record, data)

    load_tensorflow()  # it takes seconds, so everything that can be refused comes before
    from objectives.portable.export import export_model

    hyper = hyperparameters(chosen.params)
    export_model(
        trained_networks(source.prepared, hyper, file),
        [fold.preprocessing for fold in source.prepared.folds],
        path,
        form=form,
        scaling=hyper.scaling,
        card={
            **source.card(),
            "trial": chosen.number,
            "validation": figures.metrics,
            "standard_error": figures.standard_error,
            "class_weight": hyper.class_weight,
            "network": figures.network,
        },
    )
    return chosen.number


def export_ensemble(
    study: str,
    path: Path,
    *,
    form: str = "keras",
    data: str | Path | None = None,
    storage: str | None = None,
) -> dict[int, float]:
    """Write an ensemble's model and its card; return the weight of each of its trials.

    Args:
        study: name of the study.
        path, form, data, storage: as for `export`.

    Raises:
        TrialError: fewer than two complete trials left what an ensemble is chosen by.
        StudyChangedError, storage.errors.StorageError, objectives.errors.ObjectiveError: as for
            `export`.
    """
    db = open_database(storage, create=False)
    record = load_study(db, study)
    source = _source(db, record, data)
    selection = select(scored_trials(db, record, source.prepared), source.prepared)
    if selection is None:
        raise TrialError(
            f"an ensemble needs two complete trials with stored predictions; study `{study}` has "
            "fewer. Trials of older releases have none: `dampen resume` with more --trials, or "
            "export one trial without --ensemble."
        )

    load_tensorflow()
    from objectives.portable.export import export_model

    chosen = [(hyperparameters(m.scored.trial.params), m) for m in selection.members]
    folds = [fold.preprocessing for fold in source.prepared.folds]
    export_model(
        [n for hyper, m in chosen for n in trained_networks(source.prepared, hyper, m.scored.file)],
        folds * len(chosen),
        path,
        form=form,
        scaling=[hyper.scaling for hyper, _ in chosen for _ in folds],
        weights=[member.weight / len(folds) for _, member in chosen for _ in folds],
        card={
            **source.card(),
            "ensemble": [
                {
                    "trial": member.scored.trial.number,
                    "weight": member.weight,
                    "network": asdict(hyper),
                }
                for hyper, member in chosen
            ],
            "validation": {"roc_auc": selection.validation_roc_auc},
        },
    )
    return {member.scored.trial.number: member.weight for member in selection.members}


def trained_networks(
    prepared: Prepared, chosen: Hyperparameters, file: Path
) -> "list[keras.Model]":
    """Return a trial's networks, one a fold, with the weights it ended with; needs TensorFlow."""
    from objectives.network import build_network

    networks = []
    for weights in unpack(file):
        network = build_network(prepared.inputs, chosen, seed=0)
        network.set_weights(weights)
        networks.append(network)
    return networks


def _source(db: Database, record: StudyRecord, data: str | Path | None) -> _Source:
    settings = Settings.from_json(record.settings)
    table = same_table(db, record, settings, data)
    prepared = load_prepared(prepared_folder(db, record, settings, table))
    encoding = table.dialect.encoding if table.dialect is not None else None
    return _Source(db=db, record=record, settings=settings, prepared=prepared, encoding=encoding)
