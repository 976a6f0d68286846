"""A trial's trained network as one portable file.

Loads TensorFlow once everything else is found. The weights are those the trial ended with: nothing
is trained again.
"""

from pathlib import Path

from objectives.preparation import load_prepared
from objectives.quiet import load_tensorflow
from search.errors import TrialError
from search.figures import best_trial, find_trial, trial_figures
from search.settings import Settings
from search.space import hyperparameters
from search.study import same_data
from search.weights import WEIGHTS_FILE, unpack
from storage.artifacts import find_artifact
from storage.database import open_database
from storage.studies import load_study


def export(study: str, path: Path, *, trial: int | None = None, storage: str | None = None) -> int:
    """Write a trial's model, and its model card beside it; return the trial's number.

    Args:
        study: name of the study.
        path: of the file to write, ending in `.keras`.
        trial: number of the trial; the best one unless told.
        storage: a database URL, as for `launch`.

    Raises:
        TrialError: no such trial, or one that did not complete and so has no trained model.
        StudyChangedError, storage.errors.StorageError, objectives.errors.ObjectiveError: the
            study, its data or the file to write cannot be used.
    """
    db = open_database(storage, create=False)
    record = load_study(db, study)
    settings = Settings.from_json(record.settings)
    chosen = best_trial(db, record) if trial is None else find_trial(db, record, trial)
    figures = trial_figures(db, study, chosen.number)
    if figures.state != "complete":
        raise TrialError(
            f"only a complete trial has a trained model; trial {chosen.number} of `{study}` is "
            f"{figures.state}. `dampen show {study}` lists the best ones."
        )
    file = find_artifact(db, chosen._trial_id, WEIGHTS_FILE)
    prepared = load_prepared(same_data(db, record, settings))

    load_tensorflow()  # it takes seconds, so everything that can be refused comes before
    from objectives.export import export_model
    from objectives.network import build_network

    network = build_network(prepared.x_train.shape[1], hyperparameters(chosen.params), seed=0)
    network.set_weights(unpack(file))
    export_model(
        network,
        prepared.preprocessing,
        path,
        card={
            "target": settings.data.target,
            "labels": list(settings.data.labels),
            "study": study,
            "trial": chosen.number,
            "validation": figures.metrics,
            "network": figures.network,
            "versions": settings.versions,
        },
    )
    return chosen.number
