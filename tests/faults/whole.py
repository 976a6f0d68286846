"""What must hold after every fault, in one function.

Next: the scenarios call it when a study that met faults has come to its end.
"""

import json
import math
from collections import Counter

import numpy as np

from .figures import Figures
from .place import Place, Trial, wait_for

WEIGHTS, CURVE = "weights.npz", "learning_curve.csv"
GIVEN_UP = "given up after 3 attempts"


def check_whole(place: Place, planned: int) -> None:
    """Asserts that the study ended as planned, and that no fault took anything from it."""
    trials = place.trials()
    figures = _count(place, trials, planned)
    place.figures = figures  # before anything is asserted: a failure has figures too

    assert figures.lost == 0, _losses(place, trials, planned)
    assert figures.duplicated == 0, Counter(trial.number for trial in trials).most_common(3)
    assert [trial.number for trial in trials] == list(range(planned))
    assert all(trial.finished for trial in trials), Counter(trial.state for trial in trials)
    assert figures.given_up == sum(trial.state == "FAIL" for trial in trials), _failures(place)
    assert all(trial.worker_id for trial in trials)
    _check_parameters(place, trials)
    _check_evaluations(trials)
    _check_artifacts(place, trials)
    if place.database == "SQLite":
        assert place.query("PRAGMA integrity_check") == [("ok",)]
        assert place.query("PRAGMA foreign_key_check") == []
    wait_for(lambda: not place.processes(), "every process to end", seconds=10)


def _count(place: Place, trials: list[Trial], planned: int) -> Figures:
    numbers = Counter(trial.number for trial in trials)
    return Figures(
        faults=place.faults,
        trials=sum(trial.finished for trial in trials),
        lost=len(_losses(place, trials, planned)),
        duplicated=sum(count - 1 for count in numbers.values()),
        given_up=sum(GIVEN_UP in reason for reason in _failures(place).values()),
    )


def _losses(place: Place, trials: list[Trial], planned: int) -> dict[int, tuple[object, object]]:
    """Trials that were told or planned, and what is there in their stead."""
    there = {trial.number: trial for trial in trials}
    changed = {
        number: (told, there.get(number))
        for number, told in place.told.items()
        if there.get(number) != told
    }
    missing = {
        number: ("planned", there.get(number))
        for number in range(planned)
        if number not in there or not there[number].finished
    }
    return {**missing, **changed}


def _failures(place: Place) -> dict[int, str]:
    """The reasons of the failed trials, by number."""
    rows = place.query(
        "SELECT t.number, a.value_json FROM trials t LEFT JOIN trial_user_attributes a "
        "ON a.trial_id = t.trial_id AND a.key = 'error' WHERE t.state = 'FAIL'"
    )
    return {number: json.loads(reason) if reason else "" for number, reason in rows}


def _check_parameters(place: Place, trials: list[Trial]) -> None:
    """A complete or pruned trial has every parameter of the space, once."""
    ((settings,),) = place.query("SELECT settings FROM dampen_studies")
    space = set(json.loads(settings)["space"])
    names: dict[int, list[str]] = {}
    for number, name in place.query(
        "SELECT t.number, p.param_name FROM trials t JOIN trial_params p ON p.trial_id = t.trial_id"
    ):
        names.setdefault(number, []).append(name)
    for trial in trials:
        drawn = names.get(trial.number, [])
        assert len(drawn) == len(set(drawn)), trial
        assert set(drawn) == space or trial.state == "FAIL", trial


def _check_evaluations(trials: list[Trial]) -> None:
    """A complete trial has a value, and the figures that led to it."""
    for trial in trials:
        if trial.state == "COMPLETE":
            assert trial.value is not None, trial
            assert math.isfinite(trial.value), trial
            assert json.loads(trial.evaluation or "{}")["metrics"]["roc_auc"] == trial.value, trial


def _check_artifacts(place: Place, trials: list[Trial]) -> None:
    """Every file on record has its bytes; every trial its curve and note, complete ones weights."""
    files: dict[int, list[str]] = {}
    for number, record in place.query(
        "SELECT t.number, a.value_json FROM trials t JOIN trial_system_attributes a "
        "ON a.trial_id = t.trial_id WHERE a.key LIKE 'artifacts:%'"
    ):
        meta = json.loads(json.loads(record))
        files.setdefault(number, []).append(meta["filename"])
        file = place.artifacts / meta["artifact_id"]
        assert file.is_file(), f"trial {number} has a file on record and no bytes"
        if meta["filename"] == WEIGHTS:
            with np.load(file, allow_pickle=False) as stored:
                assert [stored[name] for name in stored.files], f"no arrays of trial {number}"
    noted = {
        number
        for (number,) in place.query(
            "SELECT t.number FROM trials t JOIN study_system_attributes a ON a.study_id = "
            "t.study_id AND a.key = 'dashboard:' || t.trial_id || ':note_str:0'"
        )
    }
    for trial in trials:
        kept = sorted(files.get(trial.number, []))
        if trial.state == "COMPLETE":
            assert kept == [CURVE, WEIGHTS], trial
        if trial.state in ("COMPLETE", "PRUNED"):
            assert CURVE in kept, trial
            assert trial.number in noted, trial
