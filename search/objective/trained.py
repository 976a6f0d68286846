"""A trial's networks as they were when it ended, from its stored weights. Loads TensorFlow.

A person's own objective may have changed since. So each network is held against what the trial's
own said of some validation rows: better none than another one under its name.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objectives.features.preparation import Prepared
from search.errors import TrialError
from search.objective.task import Task
from search.weights import unpack, unpack_logits

if TYPE_CHECKING:
    import keras

_ROWS = 64  # that a network is held against
_TOLERANCE = 1e-2  # of a logit, absolute and relative: other machines round otherwise


def trained_networks(task: Task, prepared: Prepared, file: Path) -> Iterator["keras.Model"]:
    """Yield a trial's trained networks, one a fold.

    Args:
        task: what the trial trained, as its objective says now.
        prepared: the study's data.
        file: what the trial left (`weights.py`).

    Raises:
        TrialError: the objective builds another network than the one that was trained.
    """
    logits = unpack_logits(file)
    for k, weights in enumerate(unpack(file)):
        network = task.model(0)
        same = _fit(network, weights)
        if same:
            network.set_weights(weights)
            said = logits[k] if logits else None  # an older release's have none
            inputs = prepared.folds[k].validation.inputs(task.regime.scaling)
            same = said is None or _says(network, inputs, said)
        if not same:
            raise TrialError(
                "the trial trained another network than its objective builds now: the file has "
                "changed since. Put its earlier text back, or take a later trial with --trial."
            )
        yield network


def _fit(network: "keras.Model", weights: Sequence[NDArray[Any]]) -> bool:
    return [tuple(v.shape) for v in network.weights] == [each.shape for each in weights]


def _says(network: "keras.Model", inputs: Any, logits: NDArray[np.float32]) -> bool:
    """Whether a network gives these logits, (m,) or (m, K), for rows of validation."""
    from keras import tree

    few = tree.map_structure(lambda x: np.asarray(x[:_ROWS]), inputs)
    found = np.asarray(network(few, training=False)).reshape(-1, *logits.shape[1:])
    return np.allclose(found, logits[:_ROWS], rtol=_TOLERANCE, atol=_TOLERANCE)
