"""The measured part of `convergence.py`: on one data set, each seed by the engine and by `fit`."""

import argparse
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from objectives.execution import configure_process
from objectives.features.preparation import Prepared, load_prepared
from objectives.hyperparameters import Hyperparameters
from objectives.metrics import roc_auc
from objectives.network import build_network
from objectives.programs import Programs
from objectives.rows import place
from objectives.training import Training


def main() -> None:
    """Print both best validation ROC-AUCs and numbers of epochs, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the prepared arrays")
    parser.add_argument("network", type=json.loads)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--patience", type=int, required=True)
    options = parser.parse_args()
    configure_process(1)
    prepared = load_prepared(options.folder)
    widths = tuple(options.network.pop("widths"))
    chosen = Hyperparameters(widths=widths, **options.network)
    pairs = Pairs(prepared, chosen, options.epochs, options.patience)
    print(json.dumps([[*pairs.engine(seed), *pairs.fit(seed)] for seed in range(options.seeds)]))


class Pairs:
    """The same network on the same rows, trained twice from the same initial weights."""

    def __init__(
        self, prepared: Prepared, chosen: Hyperparameters, epochs: int, patience: int
    ) -> None:
        train, validation = prepared.folds[0].train, prepared.folds[0].validation
        self._inputs = prepared.inputs
        self._x, self._y = np.array(train.inputs("standard")), np.array(train.y)
        self._x_validation = np.array(validation.inputs("standard"))
        self._y_validation = np.array(validation.y)
        self._rows = place(self._x, self._y, self._x_validation)
        self._programs = Programs()
        self._chosen, self._epochs, self._patience = chosen, epochs, patience

    def engine(self, seed: int) -> tuple[float, int]:
        """Return the ROC-AUC that the engine's best weights score, and its epochs."""
        model = self._network(seed)
        training = Training(
            model,
            keras.optimizers.Adam(self._chosen.learning_rate),
            self._rows,
            self._y_validation,
            self._programs,
            batch_size=self._chosen.batch_size,
            max_epochs=self._epochs,
            patience=self._patience,
            seed=seed,
        )
        for _ in training.epochs():
            pass
        model.set_weights(training.weights())
        return self._score(model), len(training.outcome().epochs)

    def fit(self, seed: int) -> tuple[float, int]:
        """Return the ROC-AUC that `fit` restores the weights of, and its epochs."""
        keras.utils.set_random_seed(seed)
        model = self._network(seed)
        model.compile(
            optimizer=keras.optimizers.Adam(self._chosen.learning_rate),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
        )
        history = model.fit(
            self._x,
            self._y,
            batch_size=self._chosen.batch_size,
            epochs=self._epochs,
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_end=self._log_score(model)),
                keras.callbacks.EarlyStopping(
                    "val_roc_auc", mode="max", patience=self._patience, restore_best_weights=True
                ),
            ],
        )
        return self._score(model), len(history.epoch)

    def _network(self, seed: int) -> keras.Model:
        return build_network(self._inputs, self._chosen, seed=seed)

    def _log_score(self, model: keras.Model) -> Any:
        def log(epoch: int, logs: dict[str, float]) -> None:
            logs["val_roc_auc"] = self._score(model)

        return log

    def _score(self, model: keras.Model) -> float:
        """Return the exact ROC-AUC of a model's present weights on the validation rows."""
        logits = model(self._x_validation, training=False)
        return roc_auc(self._y_validation, np.ravel(logits))


if __name__ == "__main__":
    main()
