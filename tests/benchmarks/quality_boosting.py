"""LightGBM and XGBoost, tuned by Optuna until time is over, for `quality_method.py`.

TPE over the usual parameters, on the folds that this project uses: up to 2,000 trees with early
stopping, categories as categories, gaps as gaps. The first trial has the library's defaults. The
models of the folds are averaged.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import roc_auc_score

from objectives.splitting.split import Split
from objectives.table.dataset import Table

MAX_TREES = 2_000
TREES_WITHOUT_GAIN = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A table, how its rows are split, and when time is over."""

    path: Path
    table: Table
    split: Split
    seed: int
    end: float  # of time.time()
    cores: int

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.time()


def _search(
    name: str,
    defaults: dict[str, Any],
    suggest: Callable[[optuna.Trial], dict[str, Any]],
    fit: Callable[..., Callable[[pd.DataFrame], Any]],
) -> Callable[[Task, float], dict[str, Any]]:
    """Return a search over a boosting library's parameters, whose first trial has its defaults."""

    def run(task: Task, began: float) -> dict[str, Any]:
        frame = _with_categories(task.table)
        y, test = task.table.y, task.split.test
        best = {"value": -math.inf, "test": np.full(len(test), 0.5)}

        def objective(trial: optuna.Trial) -> float:
            values, tests = [], []
            chosen = suggest(trial)
            for train, validation in task.split.folds:
                if task.left() < 0 and trial.number > 0:
                    raise optuna.TrialPruned
                rows = (frame.iloc[train], y[train]), (frame.iloc[validation], y[validation])
                predict = fit(task, chosen, *rows)
                values.append(roc_auc_score(y[validation], predict(rows[1][0])))
                tests.append(predict(frame.iloc[test]))
            value = float(np.mean(values))
            if value > best["value"]:
                best.update(value=value, test=np.mean(tests, axis=0))
            return value

        sampler = optuna.samplers.TPESampler(seed=task.seed)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.enqueue_trial(defaults)
        study.optimize(objective, timeout=max(task.left(), 0.1))
        return {
            "test": {name: float(roc_auc_score(y[test], best["test"]))},
            "validation": best["value"],
            "trials": len(study.trials),
            "seconds": time.time() - began,
        }

    return run


def _with_categories(table: Table) -> pd.DataFrame:
    categories = {
        column.name: "category"
        for column in table.schema.used
        if column.kind not in ("numeric", "datetime")
    }
    names = [column.name for column in table.schema.used]
    return table.frame[names].astype(categories)


def _suggest_lightgbm(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
        "subsample": trial.suggest_float("subsample", 0.4, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "reg_alpha": trial.suggest_float("reg_alpha", 1e-8, 10.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-8, 10.0, log=True),
    }


def _fit_lightgbm(task: Task, chosen: dict[str, Any], train: Any, validation: Any) -> Any:
    import lightgbm  # type: ignore[import-untyped, import-not-found, unused-ignore]

    def over(env: Any) -> None:
        if task.left() < 0:
            raise lightgbm.callback.EarlyStopException(env.iteration, env.evaluation_result_list)

    model = lightgbm.LGBMClassifier(
        n_estimators=MAX_TREES,
        subsample_freq=1,
        random_state=task.seed,
        n_jobs=task.cores,
        verbose=-1,
        **chosen,
    )
    stopping = lightgbm.early_stopping(TREES_WITHOUT_GAIN, verbose=False)
    model.fit(*train, eval_set=[validation], eval_metric="auc", callbacks=[stopping, over])
    return lambda rows: model.predict_proba(rows)[:, 1]


def _suggest_xgboost(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "max_depth": trial.suggest_int("max_depth", 1, 11),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.1, 100.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.4, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "reg_alpha": trial.suggest_float("reg_alpha", 1e-8, 10.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-8, 10.0, log=True),
        "gamma": trial.suggest_float("gamma", 1e-8, 7.0, log=True),
    }


def _fit_xgboost(task: Task, chosen: dict[str, Any], train: Any, validation: Any) -> Any:
    import xgboost  # type: ignore[import-untyped, import-not-found, unused-ignore]

    class TimeIsOver(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return task.left() < 0

    model = xgboost.XGBClassifier(
        n_estimators=MAX_TREES,
        early_stopping_rounds=TREES_WITHOUT_GAIN,
        eval_metric="auc",
        enable_categorical=True,
        random_state=task.seed,
        n_jobs=task.cores,
        callbacks=[TimeIsOver()],
        **chosen,
    )
    model.fit(*train, eval_set=[validation], verbose=False)
    return lambda rows: model.predict_proba(rows)[:, 1]


_LIGHTGBM = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_child_samples": 20,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "reg_alpha": 1e-8,
    "reg_lambda": 1e-8,
}
_XGBOOST = {
    "learning_rate": 0.3,
    "max_depth": 6,
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "reg_alpha": 1e-8,
    "reg_lambda": 1.0,
    "gamma": 1e-8,
}

search_lightgbm = _search("LightGBM", _LIGHTGBM, _suggest_lightgbm, _fit_lightgbm)
search_xgboost = _search("XGBoost", _XGBOOST, _suggest_xgboost, _fit_xgboost)
