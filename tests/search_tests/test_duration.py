"""Durations are read and written as people do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.duration import format_duration, parse_duration
from search.errors import SettingError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1.5h", 5400), (" 10 M ", 600), ("0.5s", 0.5)],
)
def test_number_and_unit_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "s", "0s", "-5m", "1h30m", "ten minutes", "1e3s", "1d"])
def test_anything_else_is_refused_with_the_form_to_use(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_duration(text)
    assert str(caught.value) == (
        f"a duration must be a positive number and its unit, as 90s, 10m or 2h; got `{text}`."
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (60, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_seconds_are_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


@given(st.floats(0, 1e6))
def test_no_unit_overflows_into_the_next(seconds: float) -> None:
    words = format_duration(seconds).split()
    units = dict(zip(words[1::2], map(int, words[::2]), strict=True))
    assert units.get("s", 0) < 60
    assert units.get("min", 0) < 60
