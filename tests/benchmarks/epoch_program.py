"""The engine's part in `epoch.py`: one epoch of `objectives.engine.Program` for each line read."""

import json
import sys
import time
from pathlib import Path

import keras

from objectives.engine import Program
from objectives.execution import configure_process
from objectives.features.preparation import load_prepared
from objectives.hyperparameters import Hyperparameters
from objectives.network import build_network
from objectives.rows import place


def main(folder: Path, case: str) -> None:
    """Build the case's network and answer each line with an epoch's seconds and loss."""
    wanted = json.loads(case)
    configure_process(1)
    prepared = load_prepared(folder)
    train, validation = prepared.folds[0].train, prepared.folds[0].validation
    rows = place(train.inputs("standard"), train.y, validation.inputs("standard"))
    chosen = Hyperparameters(
        widths=(wanted["width"], wanted["width"]),
        activation="relu",
        normalization="none",
        **{k: wanted[k] for k in ("dropout", "l1", "l2", "learning_rate", "batch_size")},
    )
    model = build_network(prepared.inputs, chosen, seed=0)
    program = Program(model, keras.optimizers.Adam(chosen.learning_rate), rows)
    program.start(model, None, seed=0)
    for epoch, _ in enumerate(sys.stdin, start=1):
        began = time.perf_counter()
        loss, _ = program.epoch(rows, batch_size=chosen.batch_size, seed=0, epoch=epoch)
        print(json.dumps({"seconds": time.perf_counter() - began, "loss": loss}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
