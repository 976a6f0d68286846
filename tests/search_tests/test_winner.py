"""The winner is chosen by what it came to when it was trained again, and by nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.winner.winner import Winner, choose_winner, confirmed_trials, ranked
from storage.confirmations import REPEATS, Confirmation

VALUES = st.lists(st.sampled_from([0.5, 0.7, 0.8, 0.85, 0.9, 1.0]), min_size=1, max_size=8)


def _trials(values: list[float]) -> list[FrozenTrial]:
    trials = [create_trial(value=value, state=TrialState.COMPLETE) for value in values]
    for number, trial in enumerate(trials):
        trial.number = number
    return trials


def _confirm(number: int, *values: float) -> list[Confirmation]:
    return [
        Confirmation(number=number, repeat=i, value=value, result={})
        for i, value in enumerate(values, 1)
    ]


def _winner(trials: list[FrozenTrial], confirmations: list[Confirmation], confirm: int) -> Winner:
    found = choose_winner(trials, confirmations, confirm)
    assert found is not None
    return found


def test_best_mean_of_the_retrainings_wins_whatever_the_values_of_the_search() -> None:
    trials = _trials([0.99, 0.95, 0.5, 0.96])
    confirmations = [*_confirm(0, 0.8, 0.9), *_confirm(1, 0.9, 0.91), *_confirm(3, 0.7, 0.99)]
    found = _winner(trials, confirmations, 3)
    assert found.trial.number == 1
    assert found.confirmed is not None
    assert found.confirmed.values == (0.9, 0.91)
    assert found.confirmed.mean == pytest.approx(0.905)
    assert found.confirmed.standard_error == pytest.approx(0.005)
    assert found.confirmed.value == 0.95
    order = [each.trial for each in confirmed_trials(trials, confirmations)]
    assert order == [1, 0, 3]


def test_best_value_wins_until_all_of_the_leading_trials_were_trained_again() -> None:
    trials = _trials([0.99, 0.95, 0.5])
    half = [*_confirm(1, 0.9, 0.9), *_confirm(0, 0.2)]
    for confirmations, confirm in (([], 0), ([], 2), (half, 2), (_confirm(1, 0.9, 0.9), 2)):
        found = _winner(trials, confirmations, confirm)
        assert (found.trial.number, found.confirmed) == (0, None)
    found = _winner(trials, [*_confirm(1, 0.9, 0.9), *_confirm(0, 0.2, 0.3)], 2)
    assert found.trial.number == 1


def test_trial_that_was_confirmed_when_it_led_may_still_win() -> None:
    trials = _trials([0.9, 0.95, 0.96])
    confirmations = [*_confirm(0, 0.9, 0.9), *_confirm(1, 0.8, 0.8), *_confirm(2, 0.7, 0.7)]
    assert _winner(trials, confirmations, 2).trial.number == 0


def test_of_equals_the_earliest_wins() -> None:
    trials = _trials([0.9, 0.95, 0.95])
    assert [trial.number for trial in ranked(trials)] == [1, 2, 0]
    confirmations = [each for n in (2, 1, 0) for each in _confirm(n, 0.9, 0.9)]
    assert _winner(trials, confirmations, 3).trial.number == 0


def test_there_is_no_winner_without_a_complete_trial() -> None:
    assert choose_winner([], [], 3) is None


@given(values=VALUES, confirm=st.integers(1, 8), data=st.data())
def test_no_confirmed_trial_has_a_better_mean_than_the_winner(
    values: list[float], confirm: int, data: st.DataObject
) -> None:
    trials = _trials(values)
    leading = ranked(trials)[:confirm]
    again = st.lists(st.floats(0.4, 1.0), min_size=REPEATS, max_size=REPEATS)
    confirmations = [
        each for trial in leading for each in _confirm(trial.number, *data.draw(again))
    ]
    found = _winner(trials, confirmations, confirm)
    assert found.confirmed is not None
    means = {
        trial.number: math.fsum(e.value for e in confirmations if e.number == trial.number)
        / REPEATS
        for trial in leading
    }
    assert means[found.trial.number] == pytest.approx(max(means.values()))
