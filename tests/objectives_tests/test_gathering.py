"""Reading in batches changes nothing, and nothing is held as text for longer than a batch."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.errors import DataError
from objectives.table import dataset, gathering
from objectives.table.dataset import read_table
from objectives.table.files import pieces
from objectives.table.gathering import Gathered, Wanted, gather


def gathered(values: list[object], rows: int, wanted: Wanted = "any") -> Gathered:
    frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})

    def batches(columns: Collection[str] | None) -> Iterator[pd.DataFrame]:
        return pieces(frame if columns is None else frame[list(columns)], rows)

    return gather(batches, lambda names: dict.fromkeys(names, wanted))["c"]


CELLS = st.sampled_from(
    [None, None, "1", "2.5", "02", "2020-01-02", "01/02/2020", "13/02/2020", "x", "y", "1.0", "inf"]
)


@given(values=st.lists(CELLS, max_size=12), rows=st.integers(1, 5))
def test_a_column_is_the_same_in_batches_of_any_size(values: list[object], rows: int) -> None:
    whole, parts = gathered(values, 100), gathered(values, rows)
    assert (parts.form, parts.levels, parts.n_rows) == (whole.form, whole.levels, len(values))
    assert list(parts.days) == list(whole.days)
    for name in ("numbers", "codes", "filled"):
        first, second = getattr(parts, name), getattr(whole, name)
        assert (first is None) == (second is None)
        assert first is None or np.array_equal(first, second, equal_nan=name == "numbers")
    for order, days in whole.days.items():
        assert np.array_equal(parts.days[order], days, equal_nan=True)


def test_numbers_that_turn_out_to_be_text_are_read_again_as_they_were_written() -> None:
    column = gathered(["1.50", "2", "x"], 1)
    assert (column.form, column.levels) == ("levels", ("1.50", "2", "x"))


def test_a_leading_zero_far_down_makes_codes_of_the_numbers() -> None:
    assert gathered(["10001", "10002", "02139"], 1).levels == ("10001", "10002", "02139")


def test_only_the_columns_that_need_it_are_read_again(tmp_path: Path) -> None:
    asked: list[Collection[str] | None] = []
    frame = pd.DataFrame({"a": ["1", "x"], "b": ["1", "2"], "c": ["2020-01-01", "x"]})

    def batches(columns: Collection[str] | None) -> Iterator[pd.DataFrame]:
        asked.append(columns)
        return pieces(frame if columns is None else frame[list(columns)], 1)

    columns = gather(batches, lambda names: dict.fromkeys(names, "any"))
    assert asked == [None, ["a", "c"]]
    assert list(columns) == ["a", "b", "c"]


def test_free_text_is_given_up_once_its_vocabulary_has_no_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "MAX_VOCABULARY", 5)
    texts: list[object] = [f"text {i}" if i % 3 else None for i in range(30)]
    column = gathered(texts, 4)
    assert column.form == "filled" and column.levels[:3] == ("text 1", "text 2", "text 4")
    assert column.filled is not None and column.filled.tolist() == [i % 3 > 0 for i in range(30)]
    assert gathered(texts, 4, "whole text").form == "levels"
    assert gathered([f"text {i // 3}" for i in range(30)], 4).form == "levels"


def test_watch_is_told_the_rows_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "_BATCH_CELLS", 1)  # the smallest batches, of 1,000 rows
    frame = pd.DataFrame({"a": np.arange(2500) / 7, "target": [0, 1] * 1250})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for data in (frame, tmp_path / "t.csv"):
        seen: list[int] = []
        read_table(data, watch=seen.append)
        assert seen == [1000, 2000, 2500]


def test_a_cell_that_is_no_number_is_named_with_its_row() -> None:
    with pytest.raises(DataError, match=r"`c` is said to hold numbers; got 'x' in row 5"):
        gathered(["1", "?", None, "007", "x"], 2, "numbers")
