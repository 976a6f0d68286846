"""Which trial a study recommends.

The trial with the best value is partly the luckiest: of many values the largest is where the rows,
the folds and the seeds happened to suit. So where the best few were trained again, on other folds
and with other seeds, the largest mean of what came of that wins, and the value that got a trial
among the few does not count. Next: `confirming.py` has them trained again.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from optuna.trial import FrozenTrial

from storage.confirmations import REPEATS, Confirmation


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A trial that was trained again as often as it was to be."""

    trial: int  # its number
    value: float  # its own, of the search
    values: tuple[float, ...]  # of the retrainings
    mean: float  # of these
    standard_error: float  # of the mean: how far other seeds and folds would move it


@dataclass(frozen=True, kw_only=True)
class Winner:
    """The trial that a study recommends; `confirmed` is None where its value chose it."""

    trial: FrozenTrial
    confirmed: Confirmed | None


def ranked(complete: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return complete trials by value, the largest first, and of equals the earliest."""
    return sorted(complete, key=lambda trial: (-_value(trial), trial.number))


def confirmed_trials(
    complete: Iterable[FrozenTrial], confirmations: Iterable[Confirmation]
) -> tuple[Confirmed, ...]:
    """Return the trials with all their retrainings, the best mean first."""
    values: dict[int, list[float]] = {}
    for each in confirmations:
        values.setdefault(each.number, []).append(each.value)
    found = [
        Confirmed(
            trial=trial.number,
            value=_value(trial),
            values=tuple(values[trial.number]),
            mean=fmean(values[trial.number]),
            standard_error=stdev(values[trial.number]) / math.sqrt(len(values[trial.number])),
        )
        for trial in complete
        if len(values.get(trial.number, ())) >= REPEATS
    ]
    return tuple(sorted(found, key=lambda each: (-each.mean, each.trial)))


def choose_winner(
    complete: Sequence[FrozenTrial], confirmations: Sequence[Confirmation], confirm: int
) -> Winner | None:
    """Return the winner; None where no trial is complete.

    Until all of the `confirm` best trials were trained again the best value wins: whichever came
    first would win otherwise.
    """
    best = ranked(complete)
    if not best:
        return None
    confirmed = confirmed_trials(complete, confirmations)
    leading = {trial.number for trial in best[:confirm]}
    if not leading or not leading <= {each.trial for each in confirmed}:
        return Winner(trial=best[0], confirmed=None)
    by_number = {trial.number: trial for trial in best}
    return Winner(trial=by_number[confirmed[0].trial], confirmed=confirmed[0])


def _value(trial: FrozenTrial) -> float:
    assert trial.value is not None  # a complete trial has one
    return trial.value
