"""What is said about a column wins over what is inferred, and a slip of it gets a sentence."""

import numpy as np
import pandas as pd
import pytest

from objectives.errors import DataError
from objectives.table.dataset import Table, read_table
from objectives.table.roles import Roles

N = 40


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": range(N),
            "zip": ["02139", "10001"] * (N // 2),
            "size": rng.integers(0, 1000, N),
            "code": [1, 2, 3, 4] * (N // 4),
            "w": rng.random(N) + 0.5,
            "who": [f"person {i // 2}" for i in range(N)],
            "when": pd.date_range("2020-01-01", periods=N).strftime("%d.%m.%Y"),
            "target": [0, 1] * (N // 2),
        }
    )


def read(changed: pd.DataFrame | None = None, **roles: object) -> Table:
    return read_table(frame() if changed is None else changed, roles=Roles(**roles))  # type: ignore[arg-type]


def refusal(changed: pd.DataFrame | None = None, **roles: object) -> str:
    with pytest.raises(DataError) as caught:
        read(changed, **roles)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_kind_that_is_said_wins() -> None:
    table = read(categorical=("size",), numeric=("id", "zip", "code"), drop=("w",))
    kinds = {column.name: (column.kind, column.why) for column in table.schema.columns}
    assert kinds["size"] == ("categorical", "said to be categories")
    assert kinds["zip"] == kinds["code"] == kinds["id"] == ("numeric", "said to be numbers")
    assert kinds["w"] == ("dropped", "asked to be dropped")
    assert table.frame["zip"].tolist()[:2] == [2139, 10001]
    assert table.frame["size"].iloc[0] == str(frame()["size"].iloc[0])


def test_columns_that_speak_of_rows_are_no_features() -> None:
    table = read(weight="w", group="who", time="when")
    assert not {"w", "who", "when"} & set(table.frame.columns)
    assert {"w", "who", "when"} <= set(table.columns)
    assert table.schema.kind("w") == table.schema.kind("who") == "dropped"
    assert table.weights is not None and table.weights.dtype == np.float32
    assert table.groups is not None and table.groups.tolist() == [i // 2 for i in range(N)]
    assert table.times is not None and table.times.tolist() == [18262.0 + i for i in range(N)]


def test_without_roles_there_are_none() -> None:
    table = read()
    assert table.weights is table.groups is table.times is None


def test_roles_are_read_for_the_rows_that_have_a_target() -> None:
    changed = frame().assign(
        target=[None, *[0, 1] * 19, 0], w=[-1.0, *[2.0] * (N - 1)], when=[None, *range(1, N)]
    )
    table = read(changed, weight="w", group="who", time="when")
    assert table.dropped_rows == 1
    assert table.weights is not None and table.weights.tolist() == [2.0] * (N - 1)
    assert table.times is not None and table.times.tolist() == list(range(1, N))
    assert table.groups is not None and len(table.groups) == N - 1


def test_a_row_without_a_group_is_a_group_of_its_own() -> None:
    table = read(frame().assign(who=["a", None, None, "a"] * (N // 4)), group="who")
    assert table.groups is not None
    assert len(np.unique(table.groups)) == 1 + N // 2
    assert np.count_nonzero(table.groups == table.groups[0]) == N // 2


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"drop": ("zpi",)}, "no column `zpi`, named with --drop; did you mean `zip`?"),
        ({"weight": "zzz"}, "named with --weight; the columns are `id`, `zip`"),
        ({"drop": ("target",)}, "it is the target and named with --drop"),
        ({"drop": ("zip",), "categorical": ("zip",)}, "named with --categorical and --drop"),
        ({"group": "who", "time": "who"}, "named with --group and --time"),
        ({"numeric": ("who",)}, "`who` is said to hold numbers; got 'person 0' in row 1"),
        ({"weight": "who"}, "`who` is said to hold numbers"),
        ({"weight": "id"}, "weight `id` must be a number above 0 in every row; got 0 in row 1"),
        ({"time": "who"}, "time `who` must hold dates"),
        ({"positive": "2"}, "--positive must be a label of target `target`, `0`, `1`; got `2`"),
    ],
)
def test_a_role_that_does_not_fit_gets_a_sentence(roles: dict[str, object], words: str) -> None:
    assert words in refusal(**roles)


@pytest.mark.parametrize("wrong", [None, np.inf, -1.0, 1e300, 1e-300])
def test_a_weight_is_a_number_above_0(wrong: float | None) -> None:
    words = "an empty cell" if wrong is None else "got"
    message = refusal(frame().assign(w=[1.0, wrong] * (N // 2)), weight="w")
    assert "must be a number above 0" in message and words in message and "in row 2" in message


def test_a_time_is_known_in_every_row() -> None:
    changed = frame().assign(when=["2020-01-01", None] * (N // 2))
    assert "got 20 without, the first in row 2" in refusal(changed, time="when")


def test_a_role_of_empty_cells_gets_a_sentence() -> None:
    changed = frame().assign(who=None)
    assert "must say which rows belong together" in refusal(changed, group="who")
    assert "it holds nothing" in refusal(changed, time="who")
    assert "got an empty cell in row 1" in refusal(changed, weight="who")
    assert read(changed, numeric=("who",)).schema.kind("who") == "dropped"


def test_a_column_named_twice_in_one_way_is_named_once() -> None:
    assert read(drop=("zip", "zip")).schema.kind("zip") == "dropped"


def test_when_nothing_is_left_the_reasons_are_said() -> None:
    message = refusal(frame()[["id", "zip", "target"]], drop=("zip",))
    assert "(`id`: it numbers the rows; `zip`: asked to be dropped)" in message
