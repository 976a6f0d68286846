"""The evidence for a verdict in words, of plain numbers. `diagnosis.py` has the rules."""

import math
from statistics import stdev

from objectives.case import (CONSTANT_OUTPUT,)


def say_diverged(case: Case) -> str:
    k = next(i for i, fold in enumerate(case.folds) if fold.diverged)
    where = f" of fold {k + 1}" if len(case.folds) > 1 else ""
    return (
        f"The loss became NaN or infinite in epoch {case.folds[k].epochs + 1}{where}, at a "
        f"learning rate of {case.learning_rate:.1e}."
    )


def say_exploded(case: Case) -> str:
    signs = next(fold for fold in case.folds if _exploded(fold))
    loss, limit = signs.training_losses[-1], math.log(len(signs.counts))
    return (
        f"The training loss ended at {loss:.3g} nats a row, {loss / limit:.0f} times that of "
        f"knowing nothing, at a learning rate of {case.learning_rate:.1e}."
    )


def say_collapsed(case: Case) -> str:
    signs = dead_fold(case)
    layers = signs.last_layers
    penalty = guilty_penalty(layers)
    small = ", ".join(f"{layer.name} {layer.small:.0%}" for layer in layers[:6])
    if penalty is None:
        why = "no penalty did it, no layer lost its weights"
    else:
        strength = max(layer.l1 if penalty == "L1" else layer.l2 for layer in layers)
        why = f"{penalty} at {strength:.1e} pulled the weights to zero"
    kept = f"; the kept weights are those of epoch {signs.best_epoch}"
    start = dead_from(signs)
    return (
        f"From epoch {start} on the output hardly varied (standard deviation "
        f"{min(s for s in (signs.best_spread, signs.last_spread) if s is not None):.0e}): {why} "
        f"(below 1e-3: {small}){kept if signs.best_epoch < start else ''}."
    )


def say_squashed(case: Case) -> str:
    return (
        f" The scores still rank (ROC-AUC {case.value:.3f}), but lie so close together that "
        f"Keras's AUC metric reads {histogram_value(case):.3f}."
    )


def say_unlucky(case: Case) -> str:
    values = fold_values(case)
    dead = sum(map(is_collapsed, case.folds))
    also = f" {dead} of them collapsed." if dead else ""
    error = (case.error or 0.0) * math.sqrt(len(values))
    return (
        f"The folds' ROC-AUC reach from {min(values):.3f} to {max(values):.3f}: a standard "
        f"deviation of {stdev(values):.3f}, of which the choice of rows explains {error:.3f}.{also}"
    )


def say_overfit(case: Case) -> str:
    opened = gap_opened_at(case)
    how = f"; validation loss was lowest at epoch {opened} and then rose" if opened else ""
    return f"{say_both(case)}: a gap of {case.gap:.3f}{how}."


def say_underfit(case: Case) -> str:
    if case.linear is None:
        return f"{say_both(case)}."
    linear = case.linear
    if case.at_chance and case.is_chance(linear.validation_auc):
        return (
            f"{say_both(case)}: chance, as for logistic regression ({linear.validation_auc:.3f}): "
            "the columns seem to say nothing about the target."
        )
    return (
        f"{say_both(case)}; logistic regression has {linear.training_auc:.3f} and "
        f"{linear.validation_auc:.3f}."
    )


def say_both(case: Case) -> str:
    if case.training_auc is None:
        return f"ROC-AUC {case.value:.3f} on validation rows"
    return f"ROC-AUC {case.training_auc:.3f} on training rows, {case.value:.3f} on validation rows"


def say_unfinished(case: Case) -> str:
    epochs = case.folds[-1].epochs
    return (
        f"Nothing was wrong by epoch {epochs} of fold {len(case.folds)}, where it was stopped; more "
        "cannot be said."
    )
