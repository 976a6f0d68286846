"""What could ruin an answer is said, from training and validation rows alone, and nothing else."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import make_table
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from objectives.splitting.split import split_table
from objectives.table import inspection
from objectives.table.dataset import Table, read_table
from objectives.table.inspection import Remark, inspect_table, runs_test
from objectives.table.schema import Column, Schema
from objectives.table.single_columns import column_area, gaps_area, halve

Ints = NDArray[np.int64]

N = 2000


def labels(n: int = N, n_classes: int = 2) -> Ints:
    return np.random.default_rng(1).integers(0, n_classes, n)


def plain(y: Ints, **columns: Any) -> Table:
    """Return a table of one harmless column and `columns`."""
    noise = np.random.default_rng(2).normal(size=len(y))
    return make_table(pd.DataFrame({"noise": noise, **columns}), y)


def found(table: Table, word: str, folds: int = 1) -> list[Remark]:
    return [remark for remark in inspect_table(table, 0, folds) if word in remark.says]


def only(table: Table, word: str, folds: int = 1) -> Remark:
    (remark,) = found(table, word, folds)
    return remark


def area(column: Any, y: Ints) -> float:
    return column_area(pd.Series(column), y, halve(y, np.random.RandomState(0)))


def test_there_is_nothing_to_say_about_a_sound_table() -> None:
    assert inspect_table(plain(labels()), 0) == ()
    assert inspect_table(plain(labels(n_classes=4)), 0, 5) == ()
    assert inspect_table(read_table("breast-cancer"), 0, 5) == ()


# One column that tells the target


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_tells_the_target_is_named_with_its_roc_auc(sign: int) -> None:
    y = labels()
    rng = np.random.default_rng(0)
    told = sign * (y + rng.normal(scale=0.2, size=N))
    remark = only(plain(y, **{"paid on": told}), "alone predicts")
    assert remark.level == "warning" and remark.column == "paid on"
    assert "`paid on` alone predicts `target` almost perfectly: ROC-AUC 0.99" in remark.says
    assert remark.remedy.endswith("leave it out with --drop 'paid on'.")
    weak = sign * (y + rng.normal(scale=0.5, size=N))
    assert found(plain(y, weak=weak), "alone predicts") == []


@given(seed=st.integers(0, 1000), n_classes=st.integers(2, 4))
def test_the_area_of_an_ordered_column_is_scikit_learns(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(n_classes), np.arange(n_classes), rng.integers(0, n_classes, 60)]
    x = np.round(rng.normal(size=len(y)) + y, 1)
    each = [roc_auc_score(y == k, x) for k in range(n_classes)]
    assert area(x, y) >= np.mean([max(a, 1 - a) for a in each]) - 1e-12


def test_the_middle_of_a_scale_tells_a_class_too() -> None:
    y = labels(n_classes=3)
    assert area(np.array([1.0, 0.0, 2.0])[y], y) > 0.999
    assert area(np.abs(np.array([1.0, 0.0, 2.0])[y] - 1), labels(n_classes=3)) < 0.9


def test_levels_that_tell_the_target_are_named() -> None:
    y = labels()
    level = pd.Categorical(np.where(y == 1, "a", np.random.default_rng(0).choice(["b", "c"], N)))
    assert "ROC-AUC 1.0000" in only(plain(y, level=level), "`level` alone predicts").says


@pytest.mark.parametrize("rows_of_a_level", [1, 2, 4])
def test_many_levels_of_few_rows_do_not_pass_for_knowledge(rows_of_a_level: int) -> None:
    y = labels()
    levels = np.random.default_rng(0).permutation(N) // rows_of_a_level
    assert area(pd.Categorical(levels.astype(str)), y) == pytest.approx(0.5, abs=0.05)


def test_gaps_that_tell_the_target_are_named() -> None:
    y = labels()
    rng = np.random.default_rng(0)
    numbers = np.where(y == 1, rng.normal(size=N), np.nan)
    texts = pd.Categorical(np.where(y == 1, None, "filled"), ["filled"])
    for name, cells in (("left", numbers), ("note", texts)):
        remark = only(plain(y, **{name: cells}), "alone predicts")
        assert remark.column == name
        assert f"whether `{name}` is filled alone predicts" in remark.says
    infinite = np.where(y == 1, rng.normal(size=N), np.inf)
    assert gaps_area(pd.Series(infinite), y, halve(y, np.random.RandomState(0))) == 1


def test_a_column_without_a_number_in_it_is_worth_nothing() -> None:
    y = labels()
    assert area(np.full(N, np.nan), y) == 0.5
    assert area(np.full(N, 7.0), y) == 0.5


def test_a_few_rows_are_told_apart_by_chance_and_so_never_named() -> None:
    y = np.repeat([0, 1], [7, 6])
    assert found(plain(y, told=y.astype(float)), "alone predicts") == []


def test_columns_of_many_rows_are_tried_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.where(np.arange(N) < 8, 1, 0)  # so few that a plain sample may hold none
    monkeypatch.setattr(inspection, "SAMPLE", 100)
    for seed in range(5):
        inspect_table(plain(y, c=pd.Categorical(labels().astype(str))), seed)
    told = plain(labels(), told=labels().astype(float))
    assert only(told, "alone predicts").column == "told"


# Rows


def test_repeated_rows_are_counted_with_those_at_odds() -> None:
    y = labels()
    x = np.random.default_rng(0).normal(size=N)
    x[1000:1010] = x[:10]
    frame = pd.DataFrame({"x": x, "z": -x})
    table = make_table(frame, y)
    kept = np.setdiff1d(np.arange(N), split_table(table, 0).test)
    repeats = len(kept) - len(np.unique(x[kept]))
    at_odds = 2 * sum(y[i] != y[1000 + i] for i in range(10) if i in kept)
    remark = only(table, "repeat an earlier one")
    assert remark.level == "note"
    assert remark.says.startswith(f"{repeats} of the {len(kept):,} training and validation rows")
    assert f"; {at_odds} rows are at odds with an equal row about `target`." in remark.says
    assert "one side of every split" in remark.remedy
    by_time = make_table(frame, y, times=np.arange(float(N)))
    assert "by time may part them" in only(by_time, "repeat an earlier one").remedy


def test_many_repeated_rows_are_a_warning() -> None:
    x = np.repeat(np.random.default_rng(0).normal(size=N // 2), 2)
    y = np.repeat(labels(N // 2), 2)
    remark = only(make_table(pd.DataFrame({"x": x}), y), "repeat an earlier one")
    assert remark.level == "warning" and "at odds" not in remark.says


def test_rows_that_few_values_make_equal_are_said_to_fall_as_they_do() -> None:
    frame = pd.DataFrame({c: pd.Categorical(labels().astype(str)) for c in "a"})
    remark = only(make_table(frame, np.roll(labels(), 1)), "repeat an earlier one")
    assert "few values fall as they do. If they are there by mistake" in remark.remedy


def test_rows_sorted_by_the_target_are_named_and_shuffled_ones_are_not() -> None:
    for n_classes in (2, 3):
        y = labels(n_classes=n_classes)
        remark = only(plain(np.sort(y)), "sorted by `target`")
        assert f"fall into {n_classes} runs of one class, where" in remark.says
        assert "--time" in remark.remedy
        assert found(plain(y), "sorted") == []


def test_with_times_the_order_of_the_file_does_not_matter() -> None:
    times = np.random.default_rng(0).permutation(N).astype(float)
    frame = pd.DataFrame({"noise": np.random.default_rng(2).normal(size=N)})
    assert found(make_table(frame, np.sort(labels()), times=times), "sorted") == []


def test_alternating_classes_are_not_sorted_ones() -> None:
    assert found(plain(np.arange(N) % 2), "sorted") == []


@given(counts=st.lists(st.integers(1, 6), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_the_runs_test_has_the_mean_and_deviation_of_shuffled_rows(
    counts: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    shuffled = [runs_test(rng.permutation(y)) for _ in range(400)]
    runs = np.array([run for run, _, _ in shuffled], float)
    expected = shuffled[0][1]
    assert runs.mean() == pytest.approx(expected, abs=0.35)
    zs = [z for _, _, z in shuffled]
    assert np.isfinite(zs).all()
    if np.std(runs) > 0.5:
        assert np.std(zs) == pytest.approx(1, abs=0.25)


# Classes


@pytest.mark.parametrize(("folds", "remedy"), [(1, "--folds 5"), (5, "More rows")])
def test_few_rows_of_a_class_to_be_judged_by_are_named(folds: int, remedy: str) -> None:
    y = np.random.default_rng(0).permutation(np.repeat([0, 1], [500, 30]))
    test = only(plain(y), "the test rows hold 6 of the class `class 1`")
    assert test.level == "warning" and "interval" in test.remedy
    validation = only(plain(y), "the validation rows hold", folds)
    assert f"hold {6 if folds == 1 else 24} of the class `class 1`" in validation.says
    assert remedy in validation.remedy


def test_a_class_below_5_percent_is_named() -> None:
    y = np.random.default_rng(0).permutation(np.repeat([0, 1], [9700, 300]))
    remark = only(plain(y), "3.00% of the rows")
    assert remark.level == "note" and "`class 1`" in remark.says and "accuracy" in remark.remedy
    y = np.random.default_rng(0).permutation(np.repeat([0, 1], [9400, 600]))
    assert inspect_table(plain(y), 0) == ()


def test_each_of_twenty_equal_classes_is_no_rare_one() -> None:
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(25), 400))
    assert found(plain(y), "of the rows") == []


def test_columns_that_number_the_rows_are_named() -> None:
    y = labels()
    columns = (
        Column(name="noise", kind="numeric", why="numbers"),
        Column(name="row id", kind="dropped", why="numbers the rows"),
        Column(name="same", kind="dropped", why="the same in every row"),
    )
    frame = pd.DataFrame({"noise": np.random.default_rng(2).normal(size=N)})
    (remark,) = inspect_table(make_table(frame, y, schema=Schema(columns=columns)), 0)
    assert remark.level == "note" and remark.column == "row id"
    assert remark.remedy.endswith("--numeric 'row id'.")


def test_a_file_whose_first_column_counts_its_rows_is_told_so() -> None:
    y = labels()
    frame = pd.DataFrame({"id": np.arange(1, N + 1), "x": np.random.default_rng(0).normal(size=N)})
    assert only(read_table(frame.assign(target=y)), "numbers the rows").column == "id"


# The whole


def test_warnings_come_before_notes() -> None:
    y = np.sort(np.repeat([0, 1], [1950, 50]))
    levels = [remark.level for remark in inspect_table(plain(y), 0)]
    assert set(levels) == {"warning", "note"} and levels == sorted(levels, reverse=True)


def test_the_test_rows_are_not_looked_at() -> None:
    y = labels()
    rng = np.random.default_rng(0)
    told, gap = y + rng.normal(scale=0.2, size=N), np.where(y == 1, 1.0 * y, np.nan)
    table = plain(y, told=told, gap=gap, c=pd.Categorical(y.astype(str), ["0", "1", "z"]))
    said = inspect_table(table, 0)
    assert len(said) == 3
    test = split_table(table, 0).test
    frame = table.frame.copy()
    frame.loc[test, ["told", "gap", "noise"]] = rng.normal(size=(len(test), 3))
    frame.loc[test, "c"] = "z"
    assert inspect_table(make_table(frame, y), 0) == said


def test_every_remark_is_two_sentences_of_their_own() -> None:
    y = np.sort(np.repeat([0, 1], [190, 10]))
    x = np.repeat(np.random.default_rng(0).normal(size=100), 2)
    remarks = inspect_table(make_table(pd.DataFrame({"x": x, "told": 1.0 * y}), y), 0)
    assert len(remarks) >= 5
    for remark in remarks:
        assert remark.says.endswith(".") and remark.remedy.endswith(".")
        assert "  " not in remark.says and "nan" not in remark.says


def test_a_million_rows_of_fifty_columns_are_looked_over_within_twenty_seconds() -> None:
    n = 1_000_000
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {f"n{i}": rng.normal(size=n) for i in range(40)}
    for i in range(10):
        columns[f"c{i}"] = pd.Categorical.from_codes(rng.integers(0, 9, n), list("abcdefghi"))
    table = make_table(pd.DataFrame(columns), (rng.random(n) < 0.01).astype(np.int64))
    began = time.monotonic()
    (remark,) = inspect_table(table, 0)
    assert time.monotonic() - began < 20
    assert "of the rows" in remark.says and math.isclose(table.y.mean(), 0.01, rel_tol=0.1)


def test_an_encoding_that_was_guessed_is_said_once(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(60) % 7 / 2, "target": ["ja", "nö"] * 30})
    for encoding, said in (("cp1252", 1), ("utf-8", 0)):
        frame.to_csv(tmp_path / "t.csv", index=False, encoding=encoding)
        assert len(found(read_table(tmp_path / "t.csv"), "likeliest encoding, cp1252")) == said
