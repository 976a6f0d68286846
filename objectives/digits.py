"""A convolutional network for images of one channel, such as scikit-learn's digits.

This is an objective as `dampen launch --objective FILE` takes one, and an example of it: copy it,
change it, and launch with your copy.
"""

from typing import Any

import keras
from keras import layers


def suggest(trial: Any) -> dict[str, Any]:
    """Return the parameters of a trial, drawn by Optuna's own `suggest_...` methods."""
    params = {
        "blocks": trial.suggest_int("blocks", 1, 2),
        "filters": trial.suggest_categorical("filters", [8, 16, 32]),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        # These have a meaning to the training, which obeys them.
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [32, 64]),
    }
    if trial.suggest_categorical("use_l2", [False, True]):  # drawn only where it is used
        params["l2"] = trial.suggest_float("l2", 1e-6, 1e-2, log=True)
    return params


def build(params: dict[str, Any], inputs: Any) -> keras.Model:
    """Return an uncompiled model: images `inputs.shape` -> logits (n_rows, `inputs.n_outputs`)."""
    image = keras.Input(inputs.shape)
    x = layers.Rescaling(1 / 16)(image)  # pixels come as the file has them: here 0 to 16
    if len(inputs.shape) == 2:
        x = layers.Reshape((*inputs.shape, 1))(x)
    for block in range(params["blocks"]):
        x = layers.Conv2D(
            params["filters"] * 2**block,
            3,
            padding="same",
            activation="relu",
            kernel_regularizer=keras.regularizers.L2(params.get("l2", 0.0)),
        )(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(params["dropout"])(x)
    return keras.Model(image, layers.Dense(inputs.n_outputs)(x))  # no softmax: logits
