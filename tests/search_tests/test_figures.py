"""The figures say what the trials say."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from search.figures import busy_seconds

Span = tuple[datetime | None, datetime | None]

BEGAN = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12)


def _at(second: int) -> datetime:
    return BEGAN + timedelta(seconds=second)


@given(SPANS)
def test_busy_seconds_are_those_in_which_a_trial_ran(spans: list[tuple[int, int]]) -> None:
    seconds = {second for start, length in spans for second in range(start, start + length)}
    found = busy_seconds((_at(start), _at(start + length)) for start, length in spans)
    assert found == len(seconds)


@given(SPANS)
def test_busy_seconds_do_not_depend_on_the_order(spans: list[tuple[int, int]]) -> None:
    timed: list[Span] = [(_at(start), _at(start + length)) for start, length in spans]
    assert busy_seconds(reversed(timed)) == busy_seconds(timed)


def test_trials_that_wait_or_run_do_not_count() -> None:
    assert busy_seconds([(None, None), (_at(5), None), (_at(0), _at(2))]) == 2
    assert busy_seconds([]) == 0
