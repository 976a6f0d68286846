"""One method's whole search of one table within a time, and what it then says of the test rows.

Started by `quality.py`. Every method gets the same rows (`split_table`) and ends when the time is
over, counted from the start of its process, imports included; scoring the test rows comes after.
The last line says the test ROC-AUC of each model that the search gave.

- regularization, cocktail: this project, as `dampen launch --space ...` stopped by Ctrl-C: its best
  trial, its ensemble, and the two models that need no search. Without the portfolio, since that was
  made from logs of some of these tables. On a table of few rows every trial is cross-validated.
- kerastuner: BayesianOptimization, as its users write it: `peers.py` has its network, the space of
  this project's default, `val_auc` and early stopping. One split; it has no cross-validation.
- lightgbm, xgboost: tuned by Optuna on the folds that this project uses, `quality_boosting.py`.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState
from quality_boosting import Task, search_lightgbm, search_xgboost
from sklearn.metrics import roc_auc_score

from objectives.splitting.split import FEW_ROWS, FOLDS, split_table
from objectives.table.dataset import read_table

MANY = 1_000_000  # trials that no time is enough for
MAX_EPOCHS, PATIENCE = 100, 10  # this project's defaults


def main() -> None:
    """Search, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=tuple(METHODS))
    parser.add_argument("path", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--began", type=float, required=True, help="by time.time()")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    table = read_table(options.path, options.target)
    folds = FOLDS if len(table.y) < FEW_ROWS else 1
    task = Task(
        path=options.path,
        table=table,
        split=split_table(table, options.seed, folds),
        seed=options.seed,
        end=options.began + options.seconds,
        cores=len(os.sched_getaffinity(0)),
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(json.dumps(METHODS[options.method](task, options.began)))


def _dampen(space: str) -> Callable[[Task, float], dict[str, Any]]:
    def run(task: Task, began: float) -> dict[str, Any]:
        from search.answer.answer import make_answer
        from search.errors import Interrupted
        from search.study import launch
        from storage.database import open_database

        signal.signal(signal.SIGALRM, signal.default_int_handler)  # Ctrl-C when time is over
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/quality.db"
            signal.setitimer(signal.ITIMER_REAL, max(task.left(), 0.1))
            with suppress(Interrupted):
                launch(
                    task.path,
                    target=task.table.target,
                    study="quality",
                    storage=url,
                    trials=MANY,
                    workers=task.cores,
                    seed=task.seed,
                    space=space,
                    portfolio=False,
                    progress=False,
                )
            seconds = time.time() - began
            answer = make_answer(open_database(url), "quality")
            models = {m["name"]: m["test"]["roc_auc"]["value"] for m in answer["models"]}
            study = optuna.load_study(study_name="quality", storage=url)
            complete = sorted(
                (trial.datetime_complete.astimezone().timestamp(), trial.value)
                for trial in study.get_trials(states=(TrialState.COMPLETE,))
            )
            finished = sum(trial.state.is_finished() for trial in study.trials)
        found = {
            space: models["network"],
            f"{space}, ensemble": models.get("ensemble", models["network"]),
        }
        if space == "regularization":
            found |= {"logistic": models["logistic"], "HistGB": models["boosting"]}
        return {
            "test": found,
            "validation": max(value for _, value in complete),
            "trials": finished,
            "seconds": seconds,
            "values": [[ended - began, value] for ended, value in complete],
            "folds": len(task.split.folds),
        }

    return run


def _kerastuner(task: Task, began: float) -> dict[str, Any]:
    import keras
    import keras_tuner  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from peers import Fitting, kerastuner_network

    from objectives.features.preparation import prepare, rows_for
    from objectives.metrics import probabilities

    class TimeIsOver(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = self.model.stop_training or task.left() < 0

    class Over(Exception):
        """Ends the search; KerasTuner has no other way to say how long it may take."""

    ends: list[float] = []

    class Tuner(keras_tuner.BayesianOptimization):  # type: ignore[misc]
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            ends.append(time.time() - began)
            if task.left() < 0:
                raise Over

    prepared = prepare(task.table, task.seed, len(task.split.folds))
    fitting = Fitting(prepared, epochs=MAX_EPOCHS, patience=PATIENCE, seed=task.seed)
    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(
            kerastuner_network(fitting, []),
            objective=keras_tuner.Objective("val_auc", "max"),
            max_trials=MANY,
            seed=task.seed,
            directory=folder,
            project_name="peer",
        )
        with suppress(Over):
            tuner.search(
                fitting.x,
                fitting.y,
                epochs=MAX_EPOCHS,
                validation_data=fitting.validation,
                callbacks=[fitting.stopping(), TimeIsOver()],
                verbose=0,
            )
        seconds = time.time() - began
        best = tuner.get_best_models(1)[0]
    x = rows_for(prepared, 0, task.table, task.split.test, "standard")
    test, validation = (
        probabilities(np.asarray(best.predict(each, verbose=0))[:, 0])
        for each in (x, fitting.validation[0])
    )
    return {
        "test": {"KerasTuner": float(roc_auc_score(task.table.y[task.split.test], test))},
        "validation": float(roc_auc_score(fitting.validation[1], validation)),
        "trials": len(ends),
        "seconds": seconds,
    }


METHODS: dict[str, Callable[[Task, float], dict[str, Any]]] = {
    "regularization": _dampen("regularization"),
    "cocktail": _dampen("cocktail"),
    "kerastuner": _kerastuner,
    "lightgbm": search_lightgbm,
    "xgboost": search_xgboost,
}

if __name__ == "__main__":
    main()
