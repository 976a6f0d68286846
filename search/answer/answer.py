"""The answer of a study, as one JSON document: how good its winner is, and against what.

The test rows are looked at here and nowhere else, once: whoever asks first makes the answer, which
takes TensorFlow, and it is stored; everyone else reads it (`stored_answer`, which takes nothing).
It is made anew only when trials or retrainings came to the study since, and says how often the
test rows were looked at.

Next: `contenders.py` scores the rows, `judging.py` has the figures, `conclusion.py` the sentences.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from objectives.features.preparation import Prepared, load_prepared
from search.errors import TrialError
from search.figures import best_trial, confirmed_json, study_winner, winner_json
from search.objective.objective_file import ObjectiveFile, same_objective
from search.settings import Settings
from search.spaces.space import hyperparameters, is_dense, is_unregularised
from search.study_table import prepared_folder, same_table
from search.winner.winner import Winner, confirmed_trials
from storage.answers import StoredAnswer, read_answer, save_answer
from storage.confirmations import read_confirmations
from storage.database import Database
from storage.evaluations import Evaluation, read_evaluation, read_evaluations
from storage.progress import summarise_study
from storage.studies import StudyRecord, load_study


def stored_answer(db: Database, study: str) -> dict[str, Any] | None:
    """Return a study's answer where there is one that is not out of date.

    Raises:
        StudyNotFoundError: there is no such study.
    """
    record = load_study(db, study)
    stored = read_answer(db, record.study_id)
    if stored is None or stored.basis != _basis(db, record):
        return None
    return _document(stored)


def make_answer(
    db: Database,
    study: str,
    *,
    data: str | Path | None = None,
    objective: str | Path | None = None,
) -> dict[str, Any]:
    """Return a study's answer, which is made and stored where there is none.

    Args:
        db: where the study is.
        study: its name.
        data: where its table lies now; where it lay at launch unless told.
        objective: where its own objective lies now, likewise.

    Raises:
        StudyNotFoundError, StudyChangedError: there is no such study, or not its data.
        TrialError: workers are still at it, or no trial is complete.
        ArtifactError: the winner's trained weights are gone.
    """
    found = stored_answer(db, study)
    if found is not None:
        return found
    record = load_study(db, study)
    basis = _basis(db, record)
    if summarise_study(db, study).state == "running":
        raise TrialError(
            f"the test rows are looked at once, when study `{study}` is done; it is running. Wait "
            "for it, or stop it first."
        )
    winner = study_winner(db, record)
    if winner is None:
        best_trial(db, record)  # says that no trial is complete
        raise AssertionError
    stored = read_answer(db, record.study_id)
    looks = 1 + (stored.looks if stored else 0)
    settings = Settings.from_json(record.settings)
    file = same_objective(study, settings.objective, objective)
    document = _make(db, record, winner, data=data, objective=file, looks=looks)
    return _document(save_answer(db, record.study_id, basis=basis, document=document))


def _basis(db: Database, record: StudyRecord) -> dict[str, Any]:
    """Return what an answer depends on: it is out of date when this is no longer the same."""
    confirmations = read_confirmations(db, record.study_id) if record.confirm else []
    return {
        "trials": summarise_study(db, record.name).counts.finished,
        "confirm": record.confirm,
        "confirmations": len(confirmations),
    }


def _document(stored: StoredAnswer) -> dict[str, Any]:
    return {**stored.document, "looks": stored.looks}


def _make(
    db: Database,
    record: StudyRecord,
    winner: Winner,
    *,
    data: str | Path | None,
    objective: ObjectiveFile | None,
    looks: int,
) -> dict[str, Any]:
    """Return the document, looking at the test rows."""
    from search.answer.contenders import find_contenders  # scikit-learn's models, and TensorFlow
    from search.answer.judging import judge

    settings = Settings.from_json(record.settings)
    table = same_table(db, record, settings, data)
    prepared = load_prepared(prepared_folder(db, record, settings, table))
    complete = db.optuna.get_all_trials(
        record.study_id, deepcopy=False, states=(TrialState.COMPLETE,)
    )
    plain = next((trial for trial in complete if _is_plain(trial)), None)
    winner_is_plain = plain is not None and plain.number == winner.trial.number
    if winner_is_plain:
        plain = None  # it is not compared with itself
    found = find_contenders(db, record, winner.trial, plain, table, prepared, objective)
    evaluations = read_evaluations(db, record.study_id)
    confirmations = read_confirmations(db, record.study_id) if record.confirm else []
    judged = judge(
        found,
        table.y[prepared.test_rows],
        prepared,
        winner=winner,
        winner_is_plain=winner_is_plain,
        looks=looks,
    )
    named = {"network": winner.trial, **({"unregularised": plain} if plain else {})}
    return {
        "study": record.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": asdict(summarise_study(db, record.name).counts),
        "looks": looks,
        "labels": list(settings.data.labels),
        "positive_label": settings.data.labels[1] if len(settings.data.labels) == 2 else None,
        "rows": _rows(prepared),
        "folds": settings.folds,
        "winner": winner_json(winner, evaluations),
        "confirmed": [confirmed_json(each) for each in confirmed_trials(complete, confirmations)],
        **judged,
        "curves": {name: _curve(read_evaluation(db, t._trial_id)) for name, t in named.items()},
        "regularisation": _regularisation(complete, evaluations),
    }


def _is_plain(trial: FrozenTrial) -> bool:
    """Whether a trial is the unregularised network that every study begins with."""
    if trial.number != 0 or not is_dense(trial.params):
        return False
    return is_unregularised(hyperparameters(trial.params))


def _rows(prepared: Prepared) -> dict[str, int]:
    """Return the rows of the first fold, and those that no fold holds."""
    first = prepared.folds[0]
    return {
        "training": len(first.train.y),
        "validation": len(first.validation.y),
        "test": len(prepared.test_rows),
    }


def _curve(stored: Evaluation | None) -> dict[str, Any]:
    if stored is None:
        return {}
    kept = ("training_loss", "validation_loss", "validation_roc_auc")
    curve = {
        name: [value if math.isfinite(value) else None for value in stored.learning_curve[name]]
        for name in kept
    }
    return {**curve, "best_epoch": stored.evaluation.get("best_epoch")}


def _regularisation(
    complete: list[FrozenTrial], evaluations: Mapping[int, Evaluation]
) -> dict[str, list[list[Any]]]:
    """Return strength, value, standard error and number of each complete trial, by penalty."""
    return {
        name: [
            [
                getattr(hyperparameters(trial.params), name),
                trial.value,
                evaluations[trial.number].evaluation.get("standard_error"),
                trial.number,
            ]
            for trial in complete
            if is_dense(trial.params)
        ]
        for name in ("dropout", "l1", "l2")
    }
