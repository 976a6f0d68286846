"""Pictures of a trial: ROC curve, confusion matrix and learning curve, as PNG files beside it.

They are drawn from what the database has, so nothing is trained and TensorFlow is not loaded. Any
trial gets them on demand, and one that takes the lead at once (`front.py`). Loading matplotlib
takes half a second, so only who draws does it.
"""

import shlex
from typing import Any

from search.errors import SettingError, TrialError
from search.figures import STATE_NAMES, find_trial
from search.settings import Settings
from storage.attachments import attach_files, attached_files
from storage.database import Database
from storage.evaluations import read_evaluation
from storage.studies import StudyRecord, load_study

ROC, CONFUSION, CURVE = "roc_curve.png", "confusion_matrix.png", "learning_curve.png"
_DOTS_PER_INCH = 120


def has_pictures(db: Database, record: StudyRecord, trial_id: int) -> bool:
    """Return whether a trial's pictures were drawn already."""
    return CURVE in attached_files(db, record.study_id, trial_id)


def picture_trial(db: Database, name: str, number: int | None) -> str:
    """Draw the trial that somebody asks for, and return a sentence that says so.

    Raises:
        SettingError: which one was not said.
        StudyNotFoundError, TrialError, storage.errors.ArtifactError: as for `attach_pictures`.
    """
    if number is None:
        raise SettingError(
            "--pictures draws one trial, so it needs --trial N; `dampen show "
            f"{shlex.quote(name)}` lists the best ones."
        )
    *others, last = attach_pictures(db, name, number)
    return (
        f"Drew {', '.join(others)} and {last} of trial {number}; `dampen dashboard` shows them "
        "on its page."
    )


def attach_pictures(db: Database, name: str, number: int) -> list[str]:
    """Draw a trial's pictures, in the place of those that are there; return their file names.

    Raises:
        StudyNotFoundError, TrialError: there is no such study or trial, or nothing to draw.
        storage.errors.ArtifactError: the files could not be written.
    """
    record = load_study(db, name)
    trial = find_trial(db, record, number)
    stored = read_evaluation(db, trial._trial_id)
    curve = stored.learning_curve if stored else {}
    if stored is None or not curve.get("validation_roc_auc"):
        raise TrialError(
            f"only a trial that was trained for an epoch can be drawn; trial {number} of `{name}` "
            f"is {STATE_NAMES[trial.state]}."
        )
    labels = Settings.from_json(record.settings).data.labels
    pictures = draw(number, stored.evaluation, curve, labels)
    attach_files(db, record.study_id, trial._trial_id, pictures)
    return list(pictures)


def draw(
    number: int, evaluation: dict[str, Any], curve: dict[str, Any], labels: tuple[str, ...]
) -> dict[str, bytes]:
    """Return what there is to draw of a trial as PNG files, by file name.

    Args:
        number: of the trial.
        evaluation: as it is stored.
        curve: its learning curve, as it is stored, at least one epoch.
        labels: of the classes.
    """
    from search.report.pictures.canvas import to_png
    from search.report.pictures.confusion import draw_confusion
    from search.report.pictures.learning import draw_learning_curves
    from search.report.pictures.roc import draw_roc, draw_roc_of_classes

    name, figures = f"trial {number}", {}
    roc, metrics = evaluation.get("roc") or [], evaluation["metrics"]
    if len(roc) == 1 and roc[0]:
        figures[ROC] = draw_roc({name: roc[0]}, {name: metrics.get("roc_auc")})
    elif len(roc) > 1:
        figures[ROC] = draw_roc_of_classes(dict(zip(labels, roc, strict=True)))
    if metrics:
        figures[CONFUSION] = draw_confusion(metrics["confusion_matrix"], labels)
    kept = {**curve, "best_epoch": evaluation["best_epoch"]}
    figures[CURVE] = draw_learning_curves({name: kept})
    return {file: to_png(figure, dots_per_inch=_DOTS_PER_INCH) for file, figure in figures.items()}
