"""The measured part of `overhead.py`: one study in this process, with a stopwatch on every phase.

With `--stub-epochs` nothing is trained: the network and its training are replaced by a response
surface that costs nothing, so that what grows with the number of trials can be seen in minutes.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np
import optuna
from in_process import run_in_process
from numpy.typing import NDArray
from stopwatch import Stopwatch

import objectives.training
import search.trial
import search.worker
import storage.claims
from objectives.engine import Program
from objectives.hyperparameters import Hyperparameters, Inputs
from objectives.metrics import Metrics
from objectives.network import Networks
from objectives.programs import Programs
from objectives.training import Epoch, Outcome
from objectives.verdict.signs import Signs
from search.study import Study
from storage.database import open_database
from storage.progress import summarise_study

EPOCHS, FIRST_EPOCH = "train: epochs", "train: first epoch of a new program"

# Every phase, with the functions charged to it; `Program.epoch` is wrapped by `_watch_epochs`.
PHASES: tuple[tuple[str, Any, str], ...] = (
    ("load the study", optuna, "load_study"),
    ("sampler: draw", search.trial, "draw"),
    ("sampler: make Optuna's trial", optuna.trial.Trial, "__init__"),
    ("storage: record parameters", search.trial, "record_parameters"),
    ("build: Keras network", Networks, "network"),
    ("build: look up or make a program", Programs, "program_for"),
    ("build: start the program", Program, "start"),
    ("train: keep the best weights", Program, "keep"),
    ("metrics: ROC-AUC an epoch", objectives.training, "roc_auc"),
    ("metrics: log loss an epoch", objectives.training, "log_loss"),
    ("metrics: at the best epoch", objectives.training, "evaluate"),
    ("pruner: report", optuna.trial.Trial, "report"),
    ("pruner: ask", optuna.trial.Trial, "should_prune"),
    ("weights: fetch", Program, "best_weights"),
    ("weights: pack", search.trial, "pack"),
    ("storage: write the weights", search.trial, "save_artifact"),
    ("storage: finish the trial", search.trial, "finish_trial"),
)


def main() -> None:
    """Run the study; print each trial's seconds by phase, wall seconds and untraced epochs.

    And the seconds of one of the pool's looks at the finished study.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--pruner", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--patience", type=int, required=True)
    parser.add_argument("--stub-epochs", type=int, default=0)
    options = parser.parse_args()
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if options.stub_epochs:
            _stub(stack, options.stub_epochs)
        _watch_phases(stack, watch)
        study = run_in_process(
            data="breast-cancer",
            storage=f"sqlite:///{folder}/overhead.db",
            trials=options.trials,
            seed=options.seed,
            pruner=options.pruner,
            max_epochs=options.epochs,
            patience=options.patience,
        )
        look = _look_seconds(study)
    n = len(watch.walls)  # the last claim found nothing left
    said = {"phases": watch.trials[:n], "walls": watch.walls, "look": look}
    print(json.dumps({**said, "epochs": [calls.get(EPOCHS, 0) for calls in watch.calls[:n]]}))


def _watch_phases(stack: ExitStack, watch: Stopwatch) -> None:
    for phase, owner, name in PHASES:
        watch.wrap(stack, phase, owner, name)
    _watch_epochs(stack, watch)
    claim = watch.timed("storage: claim", storage.claims.claim_trial)

    def claim_trial(*args: Any) -> Any:
        watch.next_trial()
        return claim(*args)

    stack.enter_context(mock.patch.object(search.worker, "claim_trial", claim_trial))


def _watch_epochs(stack: ExitStack, watch: Stopwatch) -> None:
    """Charge an epoch that traced to a phase of its own: most of it is no training."""
    run = Program.epoch
    first, usual = watch.timed(FIRST_EPOCH, run), watch.timed(EPOCHS, run)

    def epoch(program: Program, *args: Any, **kwargs: Any) -> Any:
        if program.traces == 0:
            return first(program, *args, **kwargs)
        watch.count(EPOCHS)
        return usual(program, *args, **kwargs)

    stack.enter_context(mock.patch.object(Program, "epoch", epoch))


def _look_seconds(study: Study, repeats: int = 20) -> float:
    """Return the mean seconds of what the pool does at each look, with the study finished."""
    db = open_database(study.url, create=False)
    began = time.perf_counter()
    for _ in range(repeats):
        summarise_study(db, study.name)
    return (time.perf_counter() - began) / repeats


class _StubbedTraining:
    """Stands in for `objectives.training.Training`: a smooth function of the hyperparameters.

    All trials report the same on their way, so that none is pruned and all go through every phase.
    """

    n_epochs = 0

    def __init__(self, model: Hyperparameters, *args: Any, **kwargs: Any) -> None:
        auc = 0.98 - 0.02 * (math.log10(model.learning_rate) + 2.5) ** 2
        self._auc = auc - 0.2 * (model.dropout - 0.2) ** 2 - (0.05 if model.l1 > 1e-3 else 0.0)
        self._epochs = [
            Epoch(
                number=number,
                training_loss=1 / number,
                validation_loss=1 / number,
                validation_auc=0.5,
                best_auc=0.5,
            )
            for number in range(1, self.n_epochs + 1)
        ]
        sizes = [30, *model.widths, 1]
        self._weights = [
            np.zeros(shape, np.float32)
            for wide, narrow in pairwise(sizes)
            for shape in ((wide, narrow), (narrow,))
        ]

    def epochs(self) -> Iterator[Epoch]:
        yield from self._epochs

    def outcome(self) -> Outcome:
        return Outcome(
            metrics=Metrics(
                roc_auc=self._auc,
                accuracy=self._auc,
                f1=self._auc,
                log_loss=0.1,
                confusion_matrix=((40, 2), (2, 70)),
            ),
            best_epoch=len(self._epochs),
            epochs=tuple(self._epochs),
            diverged=False,
            seconds=0.0,
            logits=np.zeros(1, np.float32),
        )

    def weights(self) -> list[NDArray[np.float32]]:
        return self._weights

    def signs(self) -> Signs:
        n = len(self._epochs)
        return Signs(
            diverged=False,
            epochs=n,
            best_epoch=n,
            roc_auc=self._auc,
            training_auc=self._auc,
            keras_auc=self._auc,
            counts=(42, 72),
            spreads=(0.3,) * n,
            training_losses=(0.1,) * n,
            validation_losses=(0.1,) * n,
            layers=(),
            last_layers=(),
        )


def _stub(stack: ExitStack, n_epochs: int) -> None:
    def hyperparameters(_: Networks, inputs: Inputs, chosen: Hyperparameters, *, seed: int) -> Any:
        return chosen

    _StubbedTraining.n_epochs = n_epochs
    stack.enter_context(mock.patch.object(search.trial, "Training", _StubbedTraining))
    stack.enter_context(mock.patch.object(Networks, "network", hyperparameters))


if __name__ == "__main__":
    main()
