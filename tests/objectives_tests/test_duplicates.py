"""Copies of rows are found whatever the kind of a column, and told from ordinary equality."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from objectives.splitting.duplicates import MIN_ORDINARY, equal_rows, rows_together

cells = st.sampled_from([0.0, -0.0, 1.5, np.nan, np.inf, -np.inf])
levels = st.sampled_from(["a", "b", None])


@given(rows=st.lists(st.tuples(cells, levels, cells), min_size=1, max_size=30))
def test_rows_have_one_number_exactly_when_they_are_equal_in_every_column(
    rows: list[tuple[float, str | None, float]],
) -> None:
    a, b, c = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {
            "a": np.array(a, float),
            "b": pd.Categorical(b, ["a", "b"]),
            "c": np.array(c, float),
        }
    )
    wanted = [tuple("gap" if x is None or x != x else x for x in row) for row in rows]
    codes = equal_rows(frame)
    assert codes.dtype == np.int64
    for i, first in enumerate(wanted):
        assert [first == other for other in wanted] == (codes == codes[i]).tolist()


def test_the_same_cells_in_other_columns_are_another_row() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    assert len(set(equal_rows(frame))) == 2


def test_without_copies_each_row_may_go_alone() -> None:
    assert rows_together(pd.DataFrame({"a": np.arange(20.0)})) is None


def test_groups_that_share_a_copy_are_one() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 1.0, 3.0, 4.0], "b": [0.0, 1, 2, 1, 3, 4]})
    together = rows_together(frame, np.array([7, 7, 8, 9, 9, 10]))
    assert together is not None
    assert [len(set(together[rows])) for rows in ([0, 1, 3, 4], [2], [5])] == [1, 1, 1]
    assert len(set(together)) == 3


def test_equality_that_chance_makes_is_ordinary_and_binds_nothing() -> None:
    # Three columns of few levels: hundreds of rows in each of eight sets, too few sets to split.
    rng = np.random.default_rng(0)
    few = pd.DataFrame({c: pd.Categorical(rng.choice(["x", "y"], 2000)) for c in "abc"})
    assert len(np.unique(equal_rows(few))) == 8
    together = rows_together(few)
    assert together is not None and len(set(together)) == 2000


def test_many_copies_of_measured_rows_are_copies() -> None:
    # A rare class made common by copying it: the classic leak.
    rng = np.random.default_rng(0)
    rows = np.r_[np.arange(900), np.repeat(np.arange(900, 920), 40)]
    frame = pd.DataFrame(rng.normal(size=(920, 4)), columns=list("abcd")).iloc[rows]
    together = rows_together(frame)
    assert together is not None
    assert np.array_equal(np.unique(together[900:], return_counts=True)[1], [40] * 20)


def test_pairs_are_copies_even_in_a_table_of_one_column() -> None:
    frame = pd.DataFrame({"a": np.repeat(np.arange(100.0), MIN_ORDINARY - 1)})
    together = rows_together(frame)
    assert together is not None and len(set(together)) == 100
