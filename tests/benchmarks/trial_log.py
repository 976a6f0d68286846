"""Studies of random trials, as they were logged, and stand-ins for what they measured.

A log is a database of studies that were launched with `--sampler random --pruner none`: one for
each table. `samplers.py` and `pruners.py` replay searches on it, so that comparing them costs no
training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import cross_val_predict

from search.settings import Settings
from search.spaces.space import first_trials
from storage.database import Database, open_database
from storage.evaluations import read_evaluations
from storage.progress import list_studies
from storage.studies import load_study

Params = Mapping[str, Any]

_RANDOM = 20_000


@dataclass(frozen=True, kw_only=True)
class LoggedTrial:
    """One trained trial."""

    params: Params
    value: float  # validation ROC-AUC
    noise: float | None  # its standard error, over folds
    folds: tuple[float, ...]  # ROC-AUC of each fold; empty for one split
    curve: tuple[float, ...]  # ROC-AUC of each epoch; of several folds that of the median one
    epochs: int  # of all folds


@dataclass(frozen=True, kw_only=True)
class Log:
    """The trials of one table."""

    name: str
    space: Mapping[str, BaseDistribution]
    first: Sequence[Params]  # what every study begins with
    trials: Sequence[LoggedTrial]


def read_log(url: str) -> list[Log]:
    """Return the studies of a database that have complete trials, in the order of their names."""
    db = open_database(url, create=False)
    logs = [_read_study(db, summary.name) for summary in list_studies(db)]
    return sorted((log for log in logs if log.trials), key=lambda log: log.name)


def _read_study(db: Database, name: str) -> Log:
    record = load_study(db, name)
    settings = Settings.from_json(record.settings)
    evaluations = read_evaluations(db, record.study_id, learning_curves=True)
    trials = []
    for trial in db.optuna.get_all_trials(record.study_id, deepcopy=False):
        stored = evaluations.get(trial.number)
        if trial.state != TrialState.COMPLETE or stored is None:
            continue
        folds = stored.evaluation.get("folds", [])
        epochs = [fold["epochs"] for fold in folds] or [stored.evaluation["epochs"]]
        trials.append(
            LoggedTrial(
                params=trial.params,
                value=trial.value,
                noise=stored.evaluation.get("standard_error"),
                folds=tuple(fold["roc_auc"] for fold in folds),
                curve=tuple(stored.learning_curve["validation_roc_auc"]),
                epochs=sum(epochs),
            )
        )
    space = settings.distributions()
    return Log(name=name, space=space, first=first_trials(space), trials=trials)


class Surrogate:
    """What a trial of a table would have come to, learnt from its log.

    The mean is an extra-trees regression on ranks of the values, whose long lower tail would
    otherwise be all it sees, carried back to values; the noise is what a retraining would differ
    by: the standard error where there are folds, `noise` else.
    """

    def __init__(self, log: Log, *, noise: float, seed: int = 0) -> None:
        self._space = log.space
        values = np.array([trial.value for trial in log.trials])
        self._sorted = np.sort(values)
        self._x = np.array([self._encoded(trial.params) for trial in log.trials])
        ranks = np.searchsorted(self._sorted, values) / (len(values) - 1)
        self._trees = ExtraTreesRegressor(100, min_samples_leaf=2, random_state=seed, n_jobs=1)
        predicted = cross_val_predict(self._trees, self._x, ranks, cv=5)
        self.fit = float(np.corrcoef(predicted, ranks)[0, 1])
        self._trees.fit(self._x, ranks)
        errors = [trial.noise for trial in log.trials if trial.noise is not None]
        # Folds share their rows over all trials: what is left between trials is about half.
        self.noise = float(np.median(errors)) / 2 if errors else noise

    def ranks(self, params: Sequence[Params]) -> NDArray[np.float64]:
        """Return the expected share of the table's logged trials that each beats."""
        return np.asarray(self._trees.predict(np.array([self._encoded(each) for each in params])))

    def mean(self, params: Sequence[Params]) -> NDArray[np.float64]:
        """Return the expected validation ROC-AUC of each, without noise."""
        places = np.linspace(0, 1, len(self._sorted))
        return np.interp(self.ranks(params), places, self._sorted)

    def _encoded(self, params: Params) -> list[float]:
        """Return parameters as numbers: switched off strengths as the least there is."""
        row = []
        for name, distribution in self._space.items():
            value = params[name]
            if isinstance(distribution, CategoricalDistribution):
                choices = distribution.choices
                if all(isinstance(choice, (int, float)) for choice in choices):
                    row.append(float(value))
                else:
                    row += [float(value == choice) for choice in choices]
            elif params.get(f"use_{name}") is False:
                assert isinstance(distribution, FloatDistribution)
                row.append(float(np.log(distribution.low) - 1))
            elif getattr(distribution, "log", False):
                row.append(float(np.log(value)))
            else:
                row.append(float(value))
        return row


def best_of_random(log: Log, surrogate: Surrogate) -> float:
    """Return the best noiseless value of 20,000 random trials."""
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    params = [study.ask(dict(log.space)).params for _ in range(_RANDOM)]
    return float(surrogate.mean(params).max())


def replay(
    log: Log,
    surrogate: Surrogate,
    sampler: BaseSampler,
    first: Sequence[Params],
    budgets: Sequence[int],
    seed: int,
) -> NDArray[np.float64]:
    """Return the noiseless value of what looks best within each budget of a search."""
    rng = np.random.default_rng(seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for params in first:
        study.enqueue_trial(dict(params))
    means: list[float] = []
    seen: list[float] = []
    for _ in range(max(budgets)):
        trial = study.ask(dict(log.space))
        (mean,) = surrogate.mean([trial.params])
        means.append(float(mean))
        seen.append(float(mean + surrogate.noise * rng.standard_normal()))
        study.tell(trial, seen[-1])
    return np.array([means[int(np.argmax(seen[:budget]))] for budget in budgets])
