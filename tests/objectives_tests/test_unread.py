"""What is a number or a date to a person and not to the reader is named, with what to write."""

import numpy as np
import pandas as pd
import pytest

from objectives.table import gathering
from objectives.table.dataset import Table, read_table
from objectives.table.inspection import Remark, inspect_table
from objectives.table.roles import Roles
from objectives.table.unread import looks_like

N = 200


def _table(cells: object) -> Table:
    noise = np.random.default_rng(0).normal(size=N)
    return read_table(pd.DataFrame({"c": cells, "other": noise, "target": [0, 1] * (N // 2)}))


def _remark(table: Table) -> Remark:
    (remark,) = (remark for remark in inspect_table(table, 0) if remark.column == "c")
    return remark


def _cycled(texts: list[str]) -> list[str]:
    return [texts[i % len(texts)] for i in range(N)]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1,234", "999", "12,345.50"], "numbers with separators"),
        (["1 234,5", "2 000", "n/a"], "numbers with separators"),
        (["$1,234", "$999.50", "-$3", "($4)"], "amounts of money"),
        (["12 €", "1.250,00 €", "3 EUR"], "amounts of money"),
        (["12.3%", "4 %", "", "100%"], "percentages"),
        (["03/04/2020 10:15 AM", "03/05/2020 1:00:10 pm"], "times with AM or PM"),
        (["3 Mar 2020", "14 June 2021", "1-Apr-99"], "dates with the names of months"),
        (["March 3, 2020", "Mar 14, 2021 10:00"], "dates with the names of months"),
        (["Mon, 2 Mar 2020", "Tuesday 3 March 2020"], "dates with the names of months"),
    ],
)
def test_ways_of_writing_that_are_not_read_are_named_with_a_remedy(
    texts: list[str], words: str
) -> None:
    look = looks_like(texts)
    assert look is not None and look[0].startswith(f"which look like {words}, such as `")
    assert look[1].startswith("Write ")


@pytest.mark.parametrize(
    "texts",
    [["a", "b"], ["May", "June"], ["1-2", "3-4"], ["$5"], ["10 kg", "20 kg"], ["A1", "B2"], []],
)
def test_levels_and_names_are_taken_for_nothing_else(texts: list[str]) -> None:
    assert looks_like(texts) is None


def test_a_column_that_is_left_out_or_read_as_levels_is_warned_of() -> None:
    remark = _remark(_table([f"${i + 1000:,}" for i in range(N)]))
    assert remark.level == "warning"
    assert remark.says == (
        "`c` is left out: 200 different texts in 200 cells: names, identifiers or free text, "
        "which look like amounts of money, such as `$1,000`."
    )
    assert remark.remedy == "Write plain numbers with a decimal point, such as 1234.5."
    levels = _remark(_table(_cycled(["12.5%", "3%", "7%"])))
    assert levels.says.startswith("`c` is read as categorical: text, 3 different, which look like")


def test_a_vocabulary_that_was_given_up_is_still_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MAX_VOCABULARY", 50)
    remark = _remark(_table([f"{i % 28 + 1} Mar {1800 + i}" for i in range(N)]))
    assert remark.says.startswith("`c` is left out: nearly every text is different")


def test_categories_that_a_person_asked_for_are_not_warned_of() -> None:
    table = _table(_cycled(["12.5%", "3%", "7%"]))
    assert table.schema.columns[0].remedy is not None
    frame = pd.DataFrame({"c": _cycled(["12.5%", "3%", "7%"]), "target": [0, 1] * (N // 2)})
    asked = read_table(frame, roles=Roles(categorical=("c",)))
    assert asked.schema.columns[0].remedy is None


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (np.linspace(1e300, 2e300, N), "every number is beyond 3.4e+38, the largest in single"),
        (1e9 + np.linspace(0, 1, N), "numbers from 1000000000 to 1000000001, which are one in"),
        (np.linspace(1e-300, 2e-300, N), "numbers from 1e-300 to 2e-300, which are one in single"),
    ],
)
def test_numbers_that_single_precision_cannot_tell_apart_are_left_out_with_the_reason(
    cells: object, says: str
) -> None:
    remark = _remark(_table(cells))
    assert remark.says.startswith(f"`c` is left out: {says}")
    assert remark.remedy != ""


def test_a_few_numbers_beyond_single_precision_are_gaps() -> None:
    cells = np.linspace(0, 1, N)
    cells[3] = 1e300
    (column,) = (c for c in _table(cells).schema.columns if c.name == "c")
    assert (column.kind, column.why) == ("numeric", "numbers from 0 to 1")
