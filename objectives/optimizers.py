"""The optimizer of a trial, and how its learning rate goes over the epochs."""

import math

import keras

from objectives.hyperparameters import FIRST_CYCLE, SGD_RATE, WARMUP_EPOCHS, Regime


def make_optimizer(chosen: Regime) -> keras.Optimizer:
    """Return the stock Keras optimizer of a trial, unbuilt.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019, arXiv:1711.05101); SGD
    has Nesterov momentum 0.9 and SGD_RATE times the learning rate.
    """
    options = {
        "weight_decay": chosen.weight_decay or None,
        "global_clipnorm": chosen.clip_norm or None,
    }
    if chosen.optimizer == "sgd":
        rate = SGD_RATE * chosen.learning_rate
        return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **options)
    kind = {"adam": keras.optimizers.Adam, "nadam": keras.optimizers.Nadam}[chosen.optimizer]
    return kind(chosen.learning_rate, **options)


def rate_factor(schedule: str, epoch: int) -> float:
    """Return what the learning rate is multiplied by in an epoch, in (0, 1].

    "warmup" rises linearly over the first epochs (Goyal et al. 2017, arXiv:1706.02677); "cosine"
    falls and starts again in ever longer cycles (Loshchilov and Hutter 2017, arXiv:1608.03983,
    eq. 5).

    Args:
        schedule: one of SCHEDULES.
        epoch: 1-based.
    """
    if schedule == "warmup":
        return min(1.0, epoch / WARMUP_EPOCHS)
    if schedule == "cosine":
        done, cycle = epoch - 1, FIRST_CYCLE
        while done >= cycle:
            done, cycle = done - cycle, 2 * cycle
        return (1 + math.cos(math.pi * done / cycle)) / 2
    return 1.0
