"""One peer's search, in a process of its own: KerasTuner, or Optuna with `model.fit`.

Started by `throughput.py`. Both peers get the arrays, the space, the stock Keras networks and the
early stopping that this project's own trials get, and are written as their users write them: a
`keras.metrics.AUC` metric, `EarlyStopping` on `val_auc`, nothing stored but what the peer stores
by itself. TensorFlow keeps its default threads.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from objectives.features.preparation import Prepared, load_prepared
from objectives.hyperparameters import Hyperparameters
from objectives.network import build_network
from search.spaces.space import hyperparameters, regularization_space


def main() -> None:
    """Search, and print each trial's seconds and number of epochs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=("kerastuner", "optuna"))
    parser.add_argument("folder", type=Path, help="of the prepared arrays")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--patience", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    search = _kerastuner if options.peer == "kerastuner" else _optuna
    fitting = Fitting(
        load_prepared(options.folder),
        epochs=options.epochs,
        patience=options.patience,
        seed=options.seed,
    )
    seconds, epochs = search(fitting, options.trials)
    if not len(seconds) == len(epochs) == options.trials:
        # KerasTuner goes on after a trial that failed, which would look very fast
        raise SystemExit(
            f"{options.trials} trials must have been fitted; {len(epochs)} were. The errors "
            "above say why; KerasTuner also needs the package `tensorboard`."
        )
    print(json.dumps({"seconds": seconds, "epochs": epochs}))


class Fitting:
    """What both peers do with a trial: build, compile, fit."""

    def __init__(self, prepared: Prepared, *, epochs: int, patience: int, seed: int) -> None:
        train, validation = prepared.folds[0].train, prepared.folds[0].validation
        self.inputs = prepared.inputs
        self.x, self.validation_x = (
            keras.tree.map_structure(np.array, part.inputs("standard"))
            for part in (train, validation)
        )
        self.y = np.array(train.y)
        self.validation = (self.validation_x, np.array(validation.y))
        self.space = regularization_space(len(self.y))
        self.epochs = epochs
        self.patience = patience
        self.seed = seed

    def build(self, chosen: Hyperparameters) -> keras.Model:
        """Return the stock network of a trial, compiled."""
        model = build_network(self.inputs, chosen, seed=self.seed)
        model.compile(
            optimizer=keras.optimizers.Adam(chosen.learning_rate),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[keras.metrics.AUC(name="auc", from_logits=True)],
        )
        return model

    def stopping(self) -> keras.callbacks.EarlyStopping:
        """Return the early stopping of a trial."""
        return keras.callbacks.EarlyStopping("val_auc", mode="max", patience=self.patience)


def _kerastuner(fitting: Fitting, trials: int) -> tuple[list[float], list[int]]:
    """KerasTuner's BayesianOptimization, which draws its first 36 trials here at random."""
    import keras_tuner  # type: ignore[import-untyped, import-not-found, unused-ignore]

    epochs: list[int] = []
    ends: list[float] = []

    class Tuner(keras_tuner.BayesianOptimization):  # type: ignore[misc]
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(
            kerastuner_network(fitting, epochs),
            objective=keras_tuner.Objective("val_auc", "max"),
            max_trials=trials,
            seed=fitting.seed,
            directory=folder,
            project_name="peer",
        )
        began = time.perf_counter()
        tuner.search(
            fitting.x,
            fitting.y,
            epochs=fitting.epochs,
            validation_data=fitting.validation,
            callbacks=[fitting.stopping()],
            verbose=0,
        )
    return np.diff([began, *ends]).tolist(), epochs


def kerastuner_network(fitting: Fitting, epochs: list[int]) -> Any:
    """Return KerasTuner's `HyperModel`, which appends to `epochs` how many each trial took."""
    import keras_tuner

    class Network(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> keras.Model:
            return fitting.build(_chosen(fitting.space, _suggester(hp)))

        def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
            history = model.fit(*args, batch_size=hp.get("batch_size"), **kwargs)
            epochs.append(len(history.epoch))
            return history

    return Network()


def _optuna(fitting: Fitting, trials: int) -> tuple[list[float], list[int]]:
    """Optuna's TPE in memory around `model.fit`, with the session cleared between trials."""
    epochs: list[int] = []
    ends: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        keras.utils.clear_session()
        chosen = _chosen(fitting.space, trial._suggest)
        history = fitting.build(chosen).fit(
            fitting.x,
            fitting.y,
            batch_size=chosen.batch_size,
            epochs=fitting.epochs,
            validation_data=fitting.validation,
            callbacks=[fitting.stopping()],
            verbose=0,
        )
        epochs.append(len(history.epoch))
        return float(max(history.history["val_auc"]))

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=fitting.seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    began = time.perf_counter()
    study.optimize(
        objective, n_trials=trials, callbacks=[lambda *_: ends.append(time.perf_counter())]
    )
    return np.diff([began, *ends]).tolist(), epochs


def _chosen(
    space: dict[str, BaseDistribution], suggest: Callable[[str, BaseDistribution], Any]
) -> Hyperparameters:
    return hyperparameters({name: suggest(name, kind) for name, kind in space.items()})


def _suggester(hp: Any) -> Callable[[str, BaseDistribution], Any]:
    """Return a function that draws a parameter as KerasTuner names its kinds."""

    def suggest(name: str, kind: BaseDistribution) -> Any:
        if isinstance(kind, FloatDistribution):
            return hp.Float(name, kind.low, kind.high, sampling="log" if kind.log else "linear")
        if isinstance(kind, IntDistribution):
            return hp.Int(name, kind.low, kind.high)
        assert isinstance(kind, CategoricalDistribution)
        choices = list(kind.choices)
        return hp.Boolean(name) if choices == [False, True] else hp.Choice(name, choices)

    return suggest


if __name__ == "__main__":
    main()
