"""The evidence for a verdict in words, each a sentence of the numbers that decided.

`diagnosis.py` has the rules, `case.py` the numbers.
"""

import math
from statistics import stdev

from objectives.verdict.case import Case, constant_from, guilty_penalty, has_exploded

MAX_LAYERS = 6  # that are named one by one


def say_diverged(case: Case) -> str:
    """Say where the loss ceased to be finite."""
    k = next(i for i, fold in enumerate(case.folds) if fold.diverged)
    where = f" of fold {k + 1}" if len(case.folds) > 1 else ""
    return (
        f"The loss became NaN or infinite in epoch {case.folds[k].epochs + 1}{where}, at a "
        f"learning rate of {case.learning_rate:.1e}."
    )


def say_exploded(case: Case) -> str:
    """Say how large the loss became."""
    signs = next(fold for fold in case.folds if has_exploded(fold))
    loss, nothing = signs.training_losses[-1], math.log(len(signs.counts))
    return (
        f"The training loss ended at {loss:.3g} nats a row, {loss / nothing:.0f} times that of "
        f"knowing nothing, at a learning rate of {case.learning_rate:.1e}."
    )


def say_collapsed(case: Case) -> str:
    """Say when the output became a constant, and which penalty did it."""
    signs = case.dead_folds[0]
    layers = signs.last_layers
    penalty = guilty_penalty(layers)
    why = "no penalty did it, for no layer lost its weights"
    if penalty is not None:
        strength = max(layer.l1 if penalty == "L1" else layer.l2 for layer in layers)
        why = f"{penalty} at {strength:.1e} pulled the weights to zero"
    small = ", ".join(f"{layer.name} {layer.small:.0%}" for layer in layers[:MAX_LAYERS])
    start, spreads = constant_from(signs), (signs.best_spread, signs.last_spread)
    kept = f"; the kept weights are those of epoch {signs.best_epoch}"
    return (
        f"From epoch {start} on the output hardly varied (standard deviation "
        f"{min(spread for spread in spreads if spread is not None):.0e}): {why} (below 1e-3: "
        f"{small}){kept if signs.best_epoch < start else ''}."
    )


def say_squashed(case: Case) -> str:
    """Say that the scores rank although Keras's metric does not see it."""
    return (
        f" The scores still rank (ROC-AUC {case.value:.3f}), but lie so close together that "
        f"Keras's AUC metric reads {case.keras_auc:.3f}."
    )


def say_unlucky(case: Case) -> str:
    """Say how far the folds lie apart."""
    values = case.values
    dead = f" {len(case.dead_folds)} of them collapsed." if case.dead_folds else ""
    explained = (case.error or 0.0) * math.sqrt(len(values))
    return (
        f"The folds' ROC-AUC reach from {min(values):.3f} to {max(values):.3f}: a standard "
        f"deviation of {stdev(values):.3f}, of which the choice of rows explains {explained:.3f}."
        f"{dead}"
    )


def say_overfit(case: Case) -> str:
    """Say how large the gap is and when it opened."""
    opened = case.gap_opened_at
    how = f"; validation loss was lowest at epoch {opened} and then rose" if opened else ""
    return f"{say_both(case)}: a gap of {case.gap:.3f}{how}."


def say_underfit(case: Case) -> str:
    """Say what logistic regression comes to instead."""
    linear = case.linear
    if linear is None:
        return f"{say_both(case)}."
    if case.at_chance and case.is_chance(linear.validation_auc):
        return (
            f"{say_both(case)}: chance, as for logistic regression ({linear.validation_auc:.3f}), "
            "so the columns seem to say nothing about the target."
        )
    return (
        f"{say_both(case)}; logistic regression has {linear.training_auc:.3f} and "
        f"{linear.validation_auc:.3f}."
    )


def say_unfinished(case: Case) -> str:
    """Say how much was seen of a trial that was cut short."""
    return (
        f"Nothing was wrong by epoch {case.folds[-1].epochs} of fold {len(case.folds)}, where it "
        "was stopped; more cannot be said."
    )


def say_both(case: Case) -> str:
    """Say the ROC-AUC on training and on validation rows, without a full stop."""
    if case.training_auc is None:
        return f"ROC-AUC {case.value:.3f} on validation rows"
    return f"ROC-AUC {case.training_auc:.3f} on training rows, {case.value:.3f} on validation rows"
