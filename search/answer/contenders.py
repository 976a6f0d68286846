"""The models that an answer compares, and what each says of validation and of test rows.

    network              the study's winner
    ensemble             the weighted mean of several trials (`ensembling.py`)
    unregularised        the plain network that every study begins with
    logistic, boosting   what needs no search (`objectives/baselines.py`)

All have seen the rows of the study's folds. This is the one place where test rows are scored: the
networks see them through the preprocessing of each fold, and the folds' probabilities are averaged,
as an exported model does it. Loads TensorFlow, when it is called. Next: `answer.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial
from sklearn.pipeline import Pipeline

from objectives.baselines import boosting, fit_and_predict, logistic
from objectives.features.preparation import Prepared, rows_for
from objectives.metrics import probabilities
from objectives.quiet import load_tensorflow
from objectives.table.dataset import Table
from objectives.verdict.signs import share_of_small
from search.objective.objective_file import ObjectiveFile
from search.objective.task import Objective
from search.objective.trained import trained_networks
from search.settings import Settings
from search.weights import WEIGHTS_FILE
from search.winner.ensembling import (
    Selection,
    auc_of_probabilities,
    score_of,
    scored_trials,
    select,
)
from storage.artifacts import find_artifact
from storage.database import Database
from storage.errors import ArtifactError
from storage.studies import StudyRecord

Floats = NDArray[np.floating[Any]]
Shares = tuple[tuple[str, float], ...]

BATCH = 65_536  # rows that a network scores at a time
UNREGULARISED = 0  # the number of the plain trial


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """A model that the test rows judge."""

    name: str
    validation: tuple[Floats, ...]  # of each fold, (m_k,) or (m_k, K) probabilities
    validation_roc_auc: float  # the mean of the folds', as a trial's value
    test: Floats  # (n,) or (n, K) probabilities
    near_zero: Shares = ()  # of a network: layers, and the share of their weights below 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Contenders:
    """All of them, the network first; what is not to be had is left out."""

    models: tuple[Contender, ...]
    selection: Selection | None  # of the ensemble


def find_contenders(
    db: Database,
    record: StudyRecord,
    winner: FrozenTrial,
    plain: FrozenTrial | None,
    table: Table,
    prepared: Prepared,
    objective: ObjectiveFile | None,
) -> Contenders:
    """Score validation and test rows by all models of a study.

    Args:
        db: where the study is.
        record: the study.
        winner: the trial it recommends.
        plain: its unregularised trial, if that is complete.
        table: its table.
        prepared: its prepared data.
        objective: its own objective; None where it has none.

    Raises:
        ArtifactError: the winner's weights are gone.
        TrialError, SettingError: its own objective is not as it was, or cannot be run.
    """
    file = find_artifact(db, winner._trial_id, WEIGHTS_FILE)
    selection = select(scored_trials(db, record, prepared), prepared)
    load_tensorflow()
    from objectives.network import Networks
    from search.objective.objective import open_objective

    opened = open_objective(Settings.from_json(record.settings), objective, Networks())
    scorer = _Scorer(db=db, table=table, prepared=prepared, objective=opened)
    models = [scorer.network("network", winner, file)]
    if selection is not None:
        models.append(scorer.ensemble(selection))
    if plain is not None and (its := _file(db, plain)) is not None:
        models.append(scorer.network("unregularised", plain, its))
    models += [scorer.baseline(name, make) for name, make in _BASELINES.items()]
    return Contenders(models=tuple(models), selection=selection)


_BASELINES: dict[str, Callable[[Table], Pipeline]] = {"logistic": logistic, "boosting": boosting}


def _file(db: Database, trial: FrozenTrial) -> Path | None:
    try:
        return find_artifact(db, trial._trial_id, WEIGHTS_FILE)
    except ArtifactError:
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scorer:
    """Scores rows by trained models, and keeps what networks are fed."""

    db: Database
    table: Table
    prepared: Prepared
    objective: Objective
    fed: dict[tuple[int, str], Any] = field(default_factory=dict)

    def network(self, name: str, trial: FrozenTrial, file: Path) -> Contender:
        """Return a trial's networks; its stored logits, or else its networks, say the rest."""
        stored = score_of(self.db, trial, self.prepared)
        task = self.objective.task(trial.params, self.prepared)
        scaling = task.regime.scaling
        tests, validation, shares = [], [], []
        for k, network in enumerate(trained_networks(task, self.prepared, file)):
            tests.append(_score(network, self._test_inputs(k, scaling)))
            part = self.prepared.folds[k].validation
            validation.append(
                stored.validation[k] if stored else _score(network, part.inputs(scaling))
            )
            shares.append(_shares_near_zero(network))
        return self._contender(
            name, tuple(validation), np.mean(tests, axis=0), near_zero=_mean_shares(shares)
        )

    def ensemble(self, selection: Selection) -> Contender:
        """Return the weighted mean of an ensemble's trials."""
        total: Any = 0.0
        for member in selection.members:
            task = self.objective.task(member.scored.trial.params, self.prepared)
            scaling = task.regime.scaling
            tests = [
                _score(network, self._test_inputs(k, scaling))
                for k, network in enumerate(
                    trained_networks(task, self.prepared, member.scored.file)
                )
            ]
            total = total + member.weight * np.mean(tests, axis=0)
        # Of single rounding errors, and of more than two classes: probabilities again.
        return self._contender("ensemble", selection.validation, np.clip(total, 0.0, 1.0))

    def baseline(self, name: str, make: Callable[[Table], Pipeline]) -> Contender:
        """Return a model that needs no search, fitted on the folds' rows."""
        rows = [(fold.train.rows, fold.validation.rows) for fold in self.prepared.folds]
        found = fit_and_predict(make, self.table, rows, self.prepared.test_rows)
        return self._contender(name, found.validation, found.test)

    def _contender(
        self, name: str, validation: tuple[Floats, ...], test: Floats, near_zero: Shares = ()
    ) -> Contender:
        y = [fold.validation.y for fold in self.prepared.folds]
        return Contender(
            name=name,
            validation=validation,
            validation_roc_auc=fmean(map(auc_of_probabilities, y, validation)),
            test=test,
            near_zero=near_zero,
        )

    def _test_inputs(self, k: int, scaling: str) -> Any:
        if (k, scaling) not in self.fed:
            self.fed[k, scaling] = rows_for(
                self.prepared, k, self.table, self.prepared.test_rows, scaling
            )
        return self.fed[k, scaling]


def _score(network: Any, inputs: Any) -> Floats:
    """Return a network's probabilities, (n,) of class 1 or (n, K)."""
    from keras import tree

    n = len(tree.flatten(inputs)[0])
    logits = [
        np.asarray(
            network(
                tree.map_structure(lambda x, i=start: np.asarray(x[i : i + BATCH]), inputs),
                training=False,
            )
        )
        for start in range(0, n, BATCH)
    ]
    z = np.concatenate(logits)
    return probabilities(z[:, 0] if z.shape[1] == 1 else z)


def _shares_near_zero(network: Any) -> list[tuple[str, float]]:
    """Return the kernels and tables of a network, and the share of their weights near zero."""
    return [
        (variable.path.split("/")[-2], share_of_small(np.asarray(variable)))
        for variable in network.trainable_variables
        if len(variable.shape) > 1
    ]


def _mean_shares(folds: Sequence[Sequence[tuple[str, float]]]) -> Shares:
    return tuple(
        (layers[0][0], fmean(share for _, share in layers)) for layers in zip(*folds, strict=True)
    )
