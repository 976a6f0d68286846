"""The kind of a column is what a person would say who looked at all of its cells."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pytest

from objectives.table.dataset import Table, read_table
from objectives.table.schema import Column

N = 200


def table_of(values: object, n: int = N) -> Table:
    rng = np.random.default_rng(0)
    return read_table(
        pd.DataFrame({"c": values, "other": rng.normal(size=n), "target": [0, 1] * (n // 2)})
    )


def column_of(values: object, n: int = N) -> Column:
    return table_of(values, n).schema.columns[0]


def cycled(values: Sequence[object]) -> list[object]:
    return [values[i % len(values)] for i in range(N)]


def shuffled(values: object) -> np.ndarray:
    return np.random.default_rng(1).permutation(np.asarray(values))


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (np.linspace(0, 1, N) ** 2, "numeric", "numbers from 0 to 1"),
        (cycled([0, 1]), "numeric", "two numbers, 0 and 1"),
        (cycled(["1.5", "?", "2", "NA"]), "numeric", "numbers from 1.5 to 2"),
        (cycled([1, 2, 3]), "categorical", "whole numbers, 3 different"),
        (cycled([0.0, 1.0, 2.0, None]), "categorical", "whole numbers, 3 different"),
        (cycled(["1", "2.0", "+3", "4.000e+00"]), "categorical", "whole numbers, 4 different"),
        (cycled(["1", "2", "3", "?"]), "numeric", "whole numbers from 1 to 3"),
        (cycled(["1e0", "2", "3"]), "numeric", "whole numbers from 1 to 3"),
        (cycled(range(20)), "categorical", "whole numbers, 20 different"),
        (cycled(range(10**9, 10**9 + 3)), "categorical", "whole numbers, 3 different"),
        (cycled(range(21)), "numeric", "21 different"),
        (cycled([1, 10, 100, 1000]), "numeric", "whole numbers from 1 to 1000"),
        (cycled([1, 2, 3, np.inf]), "numeric", "numbers from 1 to 3"),
        (cycled(["a", "b"]), "categorical", "text, 2 different"),
        (cycled([True, False]), "categorical", "true or false"),
        (cycled(["02139", "10001"]), "categorical", "text, 2 different"),
        (cycled(["2020-01-02", "2020-01-03"]), "datetime", "dates, year first"),
        (cycled(["02/01/2020", "13/01/2020"]), "datetime", "day before month"),
        (cycled(["01/02/2020", "01/13/2020"]), "datetime", "month before day"),
        (cycled(["01/02/2020", "02/02/2020"]), "datetime", "day before month (none of them shows"),
        (cycled(["01/02/03", "03/04/21"]), "datetime", "day before month (none of them shows"),
        (cycled(["2020-01-02 10:00", None]), "datetime", "with times of day"),
        (pd.date_range("2020-01-01", periods=N), "datetime", "dates, year first"),
        ([1.0] * (N - 1) + [None], "numeric", "whole numbers from 1 to 1"),
        (["x"] * (N - 1) + [None], "categorical", "text, 1 different"),
        ([f"n {i}" if i % 4 == 0 else None for i in range(N)], "text", "only whether a cell"),
        ([f"n {i // 4}" for i in range(N)], "categorical", "text, 50 different"),
        (["x"] * N, "dropped", "every cell is `x`"),
        ([0.5] * N, "dropped", "every cell is 0.5"),
        (["2020-01-01"] * N, "dropped", "the same date"),
        ([None] * N, "dropped", "every cell is empty"),
        ([""] * N, "dropped", "every cell is empty"),
        (["?"] * N, "dropped", "every cell is empty"),
        ([np.inf, None] * (N // 2), "dropped", "no cell is a finite number"),
        (range(N), "dropped", "it numbers the rows"),
        ([3 * i for i in range(N, 0, -1)], "dropped", "it numbers the rows"),
        (shuffled(range(7, N + 7)), "dropped", "it numbers the rows"),
        (shuffled([3 * i for i in range(N)]), "numeric", "200 different"),
        ([f"row {i}" for i in range(N)], "dropped", "names, identifiers or free text"),
        ([f"row {min(i, N - 5)}" for i in range(N)], "dropped", "196 different texts in 200"),
    ],
)
def test_kinds_and_their_reasons(values: object, kind: str, words: str) -> None:
    column = column_of(values)
    assert (column.kind, words in column.why) == (kind, True), column


def test_a_few_whole_numbers_that_hardly_repeat_are_numbers() -> None:
    assert column_of(shuffled([*range(12), *range(12)]), 24).kind == "numeric"


def test_the_frame_holds_the_used_columns_typed_for_their_kind() -> None:
    table = table_of(cycled(["2020-01-02", None]))
    assert table.frame["c"].iloc[0] == 18263 and np.isnan(table.frame["c"].iloc[1])
    table = table_of(cycled([2, 10, 3, 4, 5, 6]))
    assert table.frame["c"].iloc[:2].tolist() == ["2", "10"]
    table = table_of([f"n {i}" if i % 4 == 0 else None for i in range(N)])
    assert table.frame["c"].cat.categories.tolist() == ["filled"]
    assert table.frame["c"].notna().sum() == N // 4
    table = table_of(range(N))
    assert list(table.frame.columns) == ["other"] and table.columns == ("c", "other")
    assert [column.name for column in table.schema.used] == ["other"]


def test_an_infinity_stays_one() -> None:
    assert np.isinf(table_of(cycled([1.5, np.inf])).frame["c"].iloc[1])


def test_no_kind_depends_on_the_target() -> None:
    def kinds(target: list[object]) -> Iterator[str]:
        frame = pd.DataFrame(
            {
                "codes": cycled([1, 2, 3]),
                "id": range(N),
                "n": np.arange(N) / 7,
                "t": cycled(list("ab")),
            }
        )
        return (column.kind for column in read_table(frame.assign(target=target)).schema.columns)

    # Not even on which rows have one: 190 of them would leave "id" with gaps in its run.
    assert list(kinds(cycled([0, 1]))) == list(kinds([*cycled([1, 0])[:190], *[None] * 10]))


def test_ten_thousand_levels_are_one_categorical_column() -> None:
    column = column_of([f"level {i % 10_000}" for i in range(40_000)], 40_000)
    assert (column.kind, column.why) == ("categorical", "text, 10,000 different")
