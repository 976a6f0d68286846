"""Statistics come from the training rows, and any frame ends in finite features or a sentence."""

import time
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_rows import raw_rows, schema_of, typed

from objectives.errors import DataError
from objectives.features.encoding import MAX_LEVELS
from objectives.features.preprocessing import Preprocessing, fit_preprocessing
from objectives.features.quantiles import END, MAX_KNOTS
from objectives.features.scaling import CLIP
from objectives.hyperparameters import Embedding
from objectives.table.columns import categorical, read_days
from objectives.table.schema import Column, Schema

WAVES = ("sine", "cosine")


def fit(**columns: object) -> Preprocessing:
    return fit_preprocessing(pd.DataFrame(columns))


def features(preprocessing: Preprocessing, **columns: object) -> dict[str, list[float]]:
    x = preprocessing.transform(pd.DataFrame(columns))
    return dict(zip(preprocessing.feature_names, x.T.tolist(), strict=True))


# Numeric columns


def test_a_numeric_column_has_mean_0_and_deviation_1_on_the_training_rows() -> None:
    x = fit(a=np.arange(50.0) ** 2).transform(pd.DataFrame({"a": np.arange(50.0) ** 2}))
    assert x.dtype == np.float32 and x.shape == (50, 1)
    assert abs(x.mean()) < 1e-6 and abs(x.std() - 1) < 1e-6


def test_gaps_and_infinities_get_the_median_and_an_indicator() -> None:
    got = features(fit(a=[1.0, 3.0, 8.0, np.nan]), a=[3.0, np.nan, np.inf, -np.inf])
    assert got["a (missing)"] == [0, 1, 1, 1]
    assert len(set(got["a"])) == 1


def test_without_gaps_in_training_there_is_no_indicator_and_a_later_gap_is_filled() -> None:
    got = features(fit(a=[1.0, 3.0, 8.0]), a=[3.0, np.nan])
    assert list(got) == ["a"] and got["a"][0] == got["a"][1]


def test_far_values_are_clipped() -> None:
    assert features(fit(a=[0.0, 1.0] * 9), a=[1e30, -3e38, 1e300])["a"][:2] == [CLIP, -CLIP]


def test_a_constant_column_is_dropped_and_its_gaps_are_kept() -> None:
    preprocessing = fit(same=[0.1] * 30, flag=[1.0, None] * 15, b=range(30))
    assert preprocessing.feature_names == ("b", "flag (missing)")
    assert dict(preprocessing.dropped) == {"same": "the same in every training row"}


def test_numbers_beyond_single_precision_count_as_missing() -> None:
    assert list(features(fit(a=[1e300, 1.0, 2.0]), a=[1.0])) == ["a", "a (missing)"]


def test_a_far_off_center_keeps_the_digits_that_single_precision_has() -> None:
    values = 1e9 + 64.0 * np.arange(40)
    x = fit(a=values).transform(pd.DataFrame({"a": values}))
    assert np.allclose(np.diff(x[:, 0]), 64 / np.std(values), atol=1e-4)


def test_text_in_a_numeric_column_is_refused() -> None:
    with pytest.raises(DataError, match="column `a` must hold numbers"):
        features(fit(a=[1, 2, 3]), a=["1", "x"])


def test_numbers_as_text_are_numbers() -> None:
    assert features(fit(a=["1", "2", "3"]), a=["2", 2])["a"] == [0, 0]


def test_one_mistyped_cell_makes_no_constant_of_the_others() -> None:
    values = [*np.random.default_rng(0).normal(size=60), 1e30]
    assert 0.3 < np.std(features(fit(a=values), a=values)["a"][:60]) < 1.5


def test_quantile_scaling_gives_normal_scores_whatever_the_distribution() -> None:
    values = np.random.default_rng(0).lognormal(0, 3, 5000)
    preprocessing = fit(a=values)
    assert preprocessing.scalings == ("standard", "quantile")
    assert len(preprocessing.values[0].knots) <= MAX_KNOTS
    x = preprocessing.transform(pd.DataFrame({"a": values}), "quantile")[:, 0]
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1) < 0.02
    assert abs(np.quantile(x, 0.975) - 1.96) < 0.05
    assert (np.diff(x[np.argsort(values)]) >= 0).all()


def test_quantile_scaling_is_flat_beyond_the_training_values_and_fills_with_the_median() -> None:
    values = np.arange(-1000.0, 1001.0)
    preprocessing = fit(a=[*values, np.nan])
    x = preprocessing.transform(pd.DataFrame({"a": [1e38, 1001, -np.inf, -3e38, 0]}), "quantile")
    assert x[0, 0] == x[1, 0] == END and x[3, 0] == -END
    assert x[2, 0] == x[4, 0] and abs(x[4, 0]) < 1e-6


def test_ties_share_the_score_of_their_mean_rank() -> None:
    preprocessing = fit(a=[0.0] * 80 + [1.0] * 20)
    x = preprocessing.transform(pd.DataFrame({"a": [0.0, 1.0]}), "quantile")[:, 0]
    assert np.allclose(x, [NormalDist().inv_cdf(0.4), NormalDist().inv_cdf(0.9)], atol=1e-6)


def test_columns_without_values_know_one_scaling() -> None:
    assert fit(c=["a", "b"] * 9).scalings == ("standard",)
    with pytest.raises(ValueError, match="`scaling` must be one of"):
        fit(a=[1, 2]).transform(pd.DataFrame({"a": [1]}), "none")


# Dates and texts


def dated(**cells: list[object]) -> Preprocessing:
    """Fitted on dates of the order in the column's name, and on texts."""
    columns, frame = [], {}
    for name, values in cells.items():
        if name == "note":
            columns.append(Column(name=name, kind="text", why=""))
            frame[name] = categorical(pd.Series(values, dtype=object))
        else:
            columns.append(Column(name=name, kind="datetime", why="", order=name))
            frame[name] = pd.Series(read_days(pd.Series(values, dtype=object), name))
    return fit_preprocessing(pd.DataFrame(frame), Schema(columns=tuple(columns)))


def test_a_date_is_its_days_and_its_place_in_year_and_week() -> None:
    preprocessing = dated(YMD=["2020-01-01", "2020-07-01", "2021-01-01", "2021-07-01"])
    got = features(preprocessing, YMD=["2019-12-31", "2020-01-07", "2020-07-02"])
    assert list(got) == ["YMD", *(f"YMD ({f} of {p})" for p in ("year", "week") for f in WAVES)]
    year = np.arctan2(got["YMD (sine of year)"], got["YMD (cosine of year)"]) / (2 * np.pi)
    assert np.allclose(year % 1, [0.9973, 0.0165, 0.501], atol=0.005)
    assert np.isclose(got["YMD (sine of week)"][0], got["YMD (sine of week)"][1], atol=1e-5)
    assert np.all(np.diff(got["YMD"]) > 0)


def test_times_of_day_add_the_place_in_the_day_and_tell_seconds_apart() -> None:
    times = ["2020-01-01 06:00", "2020-01-01 18:00:00", "2020-01-01 18:00:01"]
    got = features(dated(YMD=times), YMD=times)
    assert np.allclose(got["YMD (sine of day)"], [1, -1, -1], atol=1e-4)
    assert got["YMD"][1] < got["YMD"][2]


def test_a_missing_date_has_no_place_in_its_periods_and_an_indicator() -> None:
    preprocessing = dated(DMY=["1/2/2020", "3/4/2020", "", "5/6/2021"])
    got = features(preprocessing, DMY=["31/2/2020", None, "soon", "29/2/2020"])
    assert got["DMY (missing)"] == [1, 1, 1, 0]
    for wave in (f"DMY ({f} of {p})" for p in ("year", "week") for f in WAVES):
        assert got[wave][:3] == [0, 0, 0] and got[wave][3] != 0
    assert len(set(got["DMY"][:3])) == 1


def test_one_date_and_no_date_are_dropped() -> None:
    preprocessing = dated(YMD=["2020-01-01"] * 4, DMY=[""] * 4, MDY=["1/2/20", "2/2/20"] * 2)
    assert preprocessing.columns == ("MDY",)
    assert dict(preprocessing.dropped) == {
        "YMD": "the same in every training row",
        "DMY": "no date in the training rows",
    }


def test_of_a_text_only_whether_it_is_filled_counts() -> None:
    preprocessing = dated(note=["filled", None, "filled", None])
    assert features(preprocessing, note=["anything", "", None, " "]) == {
        "note (filled)": [1, 0, 0, 1]
    }


def test_columns_that_the_schema_drops_are_left_out_with_its_reason() -> None:
    schema = Schema(
        columns=(
            Column(name="a", kind="numeric", why=""),
            Column(name="b", kind="dropped", why="numbers the rows"),
        )
    )
    preprocessing = fit_preprocessing(pd.DataFrame({"a": [1.0, 2.0]}), schema)
    assert preprocessing.columns == ("a",)
    assert dict(preprocessing.dropped) == {"b": "numbers the rows"}


# Categorical columns


def test_levels_are_one_hot_the_most_frequent_first() -> None:
    preprocessing = fit(c=["b"] * 20 + ["a"] * 30)
    assert preprocessing.feature_names == ("c = a", "c = b")
    assert preprocessing.transform(pd.DataFrame({"c": ["b", "a"]})).tolist() == [[0, 1], [1, 0]]


def test_missing_is_a_level_of_its_own_when_training_has_it() -> None:
    got = features(fit(c=["a"] * 10 + [None] * 10), c=["", None, "a"])
    assert got["c = (missing)"] == [1, 1, 0]


def test_rare_and_unseen_levels_share_a_slot() -> None:
    got = features(fit(c=["a"] * 96 + ["r1", "r2", "r3", "r4"]), c=["r1", "new", None, "a"])
    assert got == {"c (other)": [1, 1, 1, 0], "c = a": [0, 0, 0, 1]}


def test_without_rare_levels_in_training_an_unseen_level_is_all_zeros() -> None:
    got = features(fit(c=["a", "b"] * 10), c=["new"])
    assert got == {"c = a": [0], "c = b": [0]}


def test_names_and_ids_are_dropped_with_the_reason() -> None:
    preprocessing = fit(id=[f"row {i}" for i in range(200)], b=range(200))
    assert preprocessing.columns == ("b",)
    assert preprocessing.dropped["id"] == "200 different texts and none in 5 or more training rows"


def test_more_than_forty_levels_are_embedded_the_most_frequent_first() -> None:
    values = [f"level {i:03d}" for i in range(100) for _ in range(105 - i)]
    preprocessing = fit(c=values)
    (column,) = preprocessing.embedded
    assert column.levels == tuple(f"level {i:03d}" for i in range(100))
    assert preprocessing.embeddings == (Embedding(n_codes=101, dimension=6),)
    assert preprocessing.n_features == 0
    codes = preprocessing.codes(pd.DataFrame({"c": ["level 000", "new", None, "level 099"]}))
    assert codes.dtype == np.int32 and codes.tolist() == [[1], [0], [0], [100]]


def test_forty_levels_are_one_hot_and_rare_ones_do_not_count() -> None:
    values = [f"level {i}" for i in range(MAX_LEVELS)] * 5 + [f"rare {i}" for i in range(99)]
    preprocessing = fit(c=values)
    assert preprocessing.n_features == MAX_LEVELS + 1 and not preprocessing.embedded


def test_ten_thousand_levels_have_a_vector_and_the_rest_share_one() -> None:
    preprocessing = fit(c=[str(i) + "x" for i in range(10_050)] * 5 + ["3x"])
    (table,) = preprocessing.embeddings
    assert table == Embedding(n_codes=10_001, dimension=20)
    assert preprocessing.codes(pd.DataFrame({"c": ["3x"]})).tolist() == [[1]]


def test_booleans_are_two_levels_from_a_frame_and_from_text() -> None:
    preprocessing = fit(c=[True, False] * 9)
    assert features(preprocessing, c=["True", "False"]) == features(preprocessing, c=[True, False])


# The whole


def test_blocks_stand_in_the_documented_order() -> None:
    preprocessing = fit(c=["a", "b"] * 9, n=[1.0, None, 3.0] * 6, m=range(18))
    assert preprocessing.feature_names == ("n", "m", "n (missing)", "c = a", "c = b")
    assert preprocessing.columns == ("n", "m", "c")
    assert preprocessing.n_features == 5


def test_other_rows_and_other_columns_change_nothing() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0] * 5, "c": list("xyx") * 5})
    preprocessing = fit_preprocessing(frame)
    more = pd.concat([frame, pd.DataFrame({"a": [1e9], "c": ["z"]})]).assign(extra="?")
    assert np.array_equal(preprocessing.transform(more)[:15], preprocessing.transform(frame))


def test_missing_columns_are_named() -> None:
    with pytest.raises(DataError, match="it lacks `b`"):
        fit(a=[1, 2], b=[3, 4]).transform(pd.DataFrame({"a": [1]}))


def test_no_column_of_use_is_refused_with_the_reasons() -> None:
    with pytest.raises(DataError, match="`a`: the same in every training row"):
        fit(a=[1, 1])
    with pytest.raises(DataError, match="needs training rows; got none"):
        fit_preprocessing(pd.DataFrame({"a": []}))


def test_no_rows_give_no_features_of_the_right_width() -> None:
    assert fit(a=[1, 2], c=["x", "y"]).transform(pd.DataFrame({"a": [], "c": []})).shape[0] == 0


def test_fifty_thousand_rows_take_well_under_half_a_second() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": rng.normal(size=50_000) for i in range(6)})
    for i in range(8):
        frame[f"c{i}"] = pd.Series(rng.integers(0, 40, 50_000)).map("level {}".format)
    preprocessing = fit_preprocessing(frame)
    start = time.perf_counter()
    preprocessing.transform(frame)
    assert time.perf_counter() - start < 2.0  # four times the goal, for a busy machine


def test_raw_cells_and_typed_ones_give_the_same() -> None:
    raw = raw_rows(600)
    preprocessing = fit_preprocessing(typed(raw), schema_of(list(raw.columns)))
    assert all(getattr(preprocessing, kind) for kind in ("numeric", "categorical", "embedded"))
    new = raw_rows(200, seed=1)
    for scaling in preprocessing.scalings:
        x = preprocessing.transform(new, scaling)
        assert np.isfinite(x).all() and np.abs(x).max() <= CLIP
        assert np.array_equal(x, preprocessing.transform(typed(new), scaling))
    assert np.array_equal(preprocessing.codes(new), preprocessing.codes(typed(new)))


def test_no_statistic_moves_when_rows_outside_the_training_rows_do() -> None:
    raw = raw_rows(600)
    schema = schema_of(list(raw.columns))
    changed = raw.copy()
    changed.iloc[400:] = raw.iloc[:200].to_numpy()
    changed.loc[400:, "income"] = 1e12
    changed.loc[400:, "city"] = "noise"
    fitted = [fit_preprocessing(typed(f).iloc[:400], schema) for f in (raw, changed)]
    assert fitted[0] == fitted[1]


def test_every_kind_survives_json() -> None:
    raw = raw_rows(600)
    preprocessing = fit_preprocessing(typed(raw), schema_of(list(raw.columns)))
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["a", "b", "1", "", "?", "nan", "\ud800", "[UNK]"]),
    st.dates(),
    st.lists(st.integers(), max_size=2),
)
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=12, max_size=12),
    st.lists(st.floats(), min_size=12, max_size=12),
    st.lists(st.floats(width=32), min_size=12, max_size=12),
    st.lists(st.sampled_from(["x", "y", "é", ""]), min_size=12, max_size=12),
    st.lists(st.integers(-(2**80), 2**80), min_size=12, max_size=12),
)
FRAMES = st.dictionaries(st.text(max_size=3), COLUMNS, max_size=4).map(
    lambda columns: pd.DataFrame(columns, index=range(12))
)


@settings(max_examples=200, deadline=None)
@given(frame=FRAMES)
def test_any_frame_ends_in_finite_features_or_a_sentence(frame: pd.DataFrame) -> None:
    train, rest = frame.iloc[:8], frame.iloc[8:]
    try:
        preprocessing = fit_preprocessing(train)
    except DataError:
        return
    x = preprocessing.transform(train)
    assert x.shape == (8, preprocessing.n_features) and np.isfinite(x).all()
    assert np.abs(x).max(initial=0) <= CLIP
    scores = preprocessing.transform(train, preprocessing.scalings[-1])
    assert np.isfinite(scores).all()
    assert len(preprocessing.feature_names) == preprocessing.n_features
    assert set(preprocessing.columns) | set(preprocessing.dropped) == set(frame.columns)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
    try:
        assert np.isfinite(preprocessing.transform(rest)).all()
    except DataError as error:
        assert "must hold numbers" in str(error)
