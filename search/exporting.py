"""A trial's trained network as one portable file.

Loads TensorFlow once everything else is found. The weights are those the trial ended with: nothing
is trained again.
"""

from pathlib import Path

from objectives.features.preparation import load_prepared
from objectives.quiet import load_tensorflow
from search.figures import complete_trial, trial_figures
from search.settings import Settings
from search.space import hyperparameters
from search.study import prepared_folder, same_table
from search.weights import WEIGHTS_FILE, unpack
from storage.artifacts import find_artifact
from storage.database import open_database
from storage.studies import load_study


def export(
    study: str,
    path: Path,
    *,
    trial: int | None = None,
    form: str = "keras",
    storage: str | None = None,
) -> int:
    """Write a trial's model, and its model card beside it; return the trial's number.

    Args:
        study: name of the study.
        path: of the file to write, ending in `.keras` or `.onnx`; of a SavedModel's folder.
        trial: number of the trial; the best one unless told.
        form: keras, savedmodel or onnx.
        storage: a database URL, as for `launch`.

    Raises:
        TrialError: no such trial, or one that did not complete and so has no trained model.
        StudyChangedError, storage.errors.StorageError, objectives.errors.ObjectiveError: the
            study, its data or the file to write cannot be used.
    """
    db = open_database(storage, create=False)
    record = load_study(db, study)
    settings = Settings.from_json(record.settings)
    chosen = complete_trial(db, record, trial)
    figures = trial_figures(db, study, chosen.number)
    file = find_artifact(db, chosen._trial_id, WEIGHTS_FILE)
    table = same_table(db, record, settings)
    prepared = load_prepared(prepared_folder(db, record, settings, table))

    load_tensorflow()  # it takes seconds, so everything that can be refused comes before
    from objectives.network import build_network
    from objectives.portable.export import export_model

    hyper = hyperparameters(chosen.params)
    networks = []
    for weights in unpack(file):
        network = build_network(prepared.inputs, hyper, seed=0)
        network.set_weights(weights)
        networks.append(network)
    export_model(
        networks,
        [fold.preprocessing for fold in prepared.folds],
        path,
        form=form,
        scaling=hyper.scaling,
        card={
            "target": settings.data.target,
            "labels": list(settings.data.labels),
            "study": study,
            "trial": chosen.number,
            "validation": figures.metrics,
            "standard_error": figures.standard_error,
            "folds": settings.folds,
            "class_weight": hyper.class_weight,
            "network": figures.network,
            "versions": settings.versions,
        },
    )
    return chosen.number
