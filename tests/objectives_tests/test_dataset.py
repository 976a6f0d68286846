"""A table is read the same way from every source, or refused with one sentence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from objectives.errors import DataError
from objectives.table.columns import categorical, name_columns, numbers, read_days
from objectives.table.dataset import BUILT_IN, hash_content, read_table


def small_frame(n_rows: int = 20) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [18.0 + i * 37 % 61 for i in range(n_rows)],
            "city": ["Rome" if i % 3 else "Oslo" for i in range(n_rows)],
            "target": ["yes" if i % 2 else "no" for i in range(n_rows)],
        }
    )


def write(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(data: object, target: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_table(data, target)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


# What comes out


def test_breast_cancer_is_built_in_with_benign_as_positive() -> None:
    table = read_table("breast-cancer", None)
    assert BUILT_IN == ("breast-cancer", "digits")
    assert table.frame.shape == (569, 30)
    assert (table.name, table.path, table.target) == ("breast-cancer", None, "target")
    assert table.labels == ("malignant", "benign")
    assert table.y.dtype == np.int64 and int(table.y.sum()) == 357


def test_csv_parquet_and_frame_give_the_same_table(tmp_path: Path) -> None:
    frame = small_frame()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    tables = [read_table(d) for d in (tmp_path / "t.csv", str(tmp_path / "t.parquet"), frame)]
    for table in tables:
        pd.testing.assert_frame_equal(table.frame, tables[0].frame)
        assert table.labels == ("no", "yes")
        assert table.columns == ("age", "city")
        assert table.y.tolist() == tables[0].y.tolist()
    assert [table.name for table in tables] == ["t", "t", "DataFrame"]
    assert tables[0].path == str(tmp_path / "t.csv") and tables[2].path is None


def test_a_packed_file_is_called_as_it_is_unpacked(tmp_path: Path) -> None:
    small_frame().to_csv(tmp_path / "plain.csv.gz", index=False)
    assert read_table(tmp_path / "plain.csv.gz").name == "plain"


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_no_folder(name: str) -> None:
    with pytest.raises(DataError, match="got an empty name"):
        read_table(name)


def test_reading_leaves_the_frame_as_it_was() -> None:
    frame = small_frame()
    before = frame.copy()
    read_table(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_rows_without_a_target_are_left_out_and_counted() -> None:
    frame = small_frame(20)
    frame.loc[[0, 7], "target"] = None
    table = read_table(frame)
    assert (len(table.frame), len(table.y), table.dropped_rows) == (18, 18, 2)
    assert table.frame["age"].iloc[0] == frame["age"].iloc[1]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    small_frame().to_csv(tmp_path / "t.csv", index=False, encoding="utf-8-sig")
    assert read_table(tmp_path / "t.csv").columns[0] == "age"


def test_quoted_newlines_and_commas_stay_within_their_cell(tmp_path: Path) -> None:
    rows = "".join(f'"a,\nb",{i % 2}\nc,{i % 2}\n' for i in range(10))
    table = read_table(write(tmp_path, '"te\nxt",target\n' + rows))
    assert table.columns == ("te\nxt",)
    assert table.frame["te\nxt"].iloc[:2].tolist() == ["a,\nb", "c"]


def test_the_target_is_found_in_any_case_and_exactly_first() -> None:
    frame = small_frame()
    assert read_table(frame.rename(columns={"target": "Target"})).target == "Target"
    assert read_table(frame.assign(Target=1)).target == "target"


@pytest.mark.parametrize(
    ("column", "target"), [(1, "1"), (1, 1), (True, "True"), (" won ", "won"), ("won", " won ")]
)
def test_a_target_may_be_called_in_odd_ways(column: object, target: object) -> None:
    table = read_table(small_frame().rename(columns={"target": column}), target)  # type: ignore[arg-type]
    assert (table.target, table.labels) == (str(column), ("no", "yes"))


def test_what_was_detected_of_a_file_is_kept(tmp_path: Path) -> None:
    small_frame().to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",")
    assert (
        str(read_table(tmp_path / "t.csv").dialect) == "CSV with semicolons, decimal comma, UTF-8"
    )
    assert read_table(small_frame()).dialect is None


def test_names_that_are_no_text_become_text() -> None:
    frame = small_frame().rename(columns={"age": 0, "city": ("a", 1)})
    assert read_table(frame).columns == ("0", "('a', 1)")


# Identity


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    small_frame().to_csv(tmp_path / "a.csv", index=False)
    first = read_table(tmp_path / "a.csv").sha256
    write(tmp_path, (tmp_path / "a.csv").read_bytes(), "b.csv")
    assert read_table(tmp_path / "b.csv").sha256 == first
    write(tmp_path, (tmp_path / "a.csv").read_bytes() + b"3,Oslo,no\n", "b.csv")
    assert read_table(tmp_path / "b.csv").sha256 != first


def test_the_hash_of_a_frame_is_the_same_in_another_process() -> None:
    code = (
        "from objectives.table.dataset import read_table; import pandas as pd;"
        "f = pd.DataFrame({'a': [1.0, None] * 8, 'b': list('xy') * 8, 'target': [0, 1] * 8});"
        "print(read_table(f).sha256, read_table('breast-cancer').sha256)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_the_hash_of_a_frame_sees_every_change_and_no_index() -> None:
    frame = small_frame()
    changed = [
        frame.rename(columns={"age": "Age"}),
        frame[["city", "age", "target"]],
        frame.iloc[::-1],
        frame.assign(age=frame["age"].where(frame["age"] != 18)),
        frame.assign(city=frame["city"].replace("Oslo", "oslo")),
    ]
    hashes = [read_table(f).sha256 for f in [frame, *changed]]
    assert len(set(hashes)) == len(hashes)
    assert read_table(frame.set_index(frame.index + 5)).sha256 == hashes[0]


def test_the_hash_cannot_be_fooled_by_moving_text_between_levels() -> None:
    first = pd.DataFrame({"a": pd.Categorical(["ab", "c"])})
    second = pd.DataFrame({"a": pd.Categorical(["a", "bc"])})
    assert hash_content(first) != hash_content(second)


# Sentences


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path: Path) -> None:
    write(tmp_path, "x", "german.csv")
    assert f"there is no file `{tmp_path / 'germn.csv'}`; did you mean" in refusal(
        tmp_path / "germn.csv"
    )
    assert "did you mean the built-in `breast-cancer`?" in refusal("breast-cancr")
    assert "the folder" in refusal(tmp_path / "none" / "x.csv")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "t.csv", "it is empty"),
        (b"\n\n", "t.csv", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "t.csv", "it holds bytes that are no text"),
        (b"PK\x03\x04\x00\x00", "t.xlsx", "it is an Excel workbook"),
        (b"a,target\n1,2\n1,2,3,4\n", "t.csv", "CSV table; reading it failed"),
        (b"a,target\n1,2,3\n1,2,3\n", "t.csv", "as many cells as the header"),
        (b"not parquet", "t.parquet", "Parquet table; reading it failed"),
        (b"not gzip", "t.csv.gz", "reading it failed"),
        (b"a,target\n", "t.csv", "must hold rows"),
        (b"a,a,target\n1,2,0\n", "t.csv", "got `a` more than once"),
        (b"target\n" + b"0\n1\n" * 9, "t.csv", "must have feature columns"),
    ],
)
def test_a_file_that_is_no_table_gets_a_sentence(
    tmp_path: Path, content: bytes, name: str, words: str
) -> None:
    assert words in refusal(write(tmp_path, content, name))


def test_an_unreadable_file_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions bind no root user, and tests often run as root: refuse the read itself.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pd, "read_csv", refuse)
    assert "permission was denied" in refusal(write(tmp_path, "a,target\n1,0\n"))


def test_an_unknown_target_suggests_names_like_it() -> None:
    assert "did you mean `city`?" in refusal(small_frame(), "Citi")
    assert "the columns are `age`, `city`, `target`" in refusal(small_frame(), "zzz")


def test_without_a_target_column_the_option_is_named_with_the_columns() -> None:
    message = refusal(small_frame().rename(columns={"target": "outcome"}))
    assert "--target" in message and "`outcome`" in message


def test_a_built_in_has_its_own_target() -> None:
    assert "the target of the built-in `breast-cancer` is `target`" in refusal(
        "breast-cancer", "mean radius"
    )


def test_data_of_another_type_are_refused() -> None:
    assert "got ndarray" in refusal(np.zeros((3, 3)))


def test_too_few_rows_of_a_class_are_refused_with_the_number_needed() -> None:
    frame = small_frame(20).assign(target=[1] * 4 + [0] * 16)
    message = refusal(frame)
    assert "at least 5 rows of each class" in message and "got 4 of `1`" in message


# Anything at all


def read_or_refuse(data: object, target: str | None = None) -> None:
    try:
        table = read_table(data, target)  # type: ignore[arg-type]
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert len(table.frame) == len(table.y) and set(table.y) == set(range(len(table.labels)))
        assert set(table.frame.dtypes.astype(str)) <= {"float64", "category"}
        assert tuple(table.frame.columns) == tuple(column.name for column in table.schema.used)
        assert tuple(column.name for column in table.schema.columns) == table.columns
        assert not any("\n" in column.why for column in table.schema.columns)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='a1,"\n\r\t;\0é ', max_size=60).map(str.encode),
        st.lists(st.sampled_from(["0,x", "1,y", "0,", ",", "1", '0,"z']), max_size=24).map(
            lambda rows: "\n".join(["target,b", *rows]).encode()
        ),
    ),
    suffix=st.sampled_from([".csv", ".parquet", ".csv.gz", ""]),
)
def test_any_bytes_end_in_a_table_or_a_sentence(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    read_or_refuse(write(tmp_path, content, f"t{suffix}"))


@settings(deadline=None)
@given(
    cells=st.lists(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=2), st.dates()),
        max_size=3,
    ),
    n_rows=st.integers(0, 20),
)
def test_any_target_ends_in_a_table_or_a_sentence(cells: list[object], n_rows: int) -> None:
    target = pd.Series(
        [cells[i % len(cells)] if cells else None for i in range(n_rows)], dtype=object
    )
    read_or_refuse(pd.DataFrame({"a": np.arange(n_rows) ** 2 / 7, "target": target}))


ODD_CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.characters(categories=("Cs", "Mn", "Cc")),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=2),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["a", "1", "", "?", "NaN", "inf", "-nan", "1e999", "007", "e\u0301"]),
    st.sampled_from(["01/02/2020", "13/02/2020", "02/13/2020", "2020-01-02", "01.02.20 10:00"]),
)
ODD_COLUMNS = st.one_of(
    st.lists(ODD_CELLS, min_size=20, max_size=20),
    st.lists(ODD_CELLS, min_size=1, max_size=3).map(lambda cells: [*cells * 20][:20]),
    st.lists(st.floats(), min_size=20, max_size=20),
    st.just([None] * 20),
    st.just([float("nan")] * 20),
    st.just([f"level {i}" for i in range(20)]),
    st.just(range(20)),
    st.lists(st.sampled_from(["01/02/2020", "03/04/21", "", "?"]), min_size=20, max_size=20),
    st.lists(st.sampled_from(["13/02/2020", "3.4.21 10:00", None]), min_size=20, max_size=20),
    st.lists(st.sampled_from(["02/13/2020", "02/28/2021"]), min_size=20, max_size=20),
    st.lists(st.sampled_from(["2020-01-02", "2020-01-02T03:04:05Z"]), min_size=20, max_size=20),
)
ODD_NAMES = st.one_of(st.text(max_size=3), st.integers(0, 2), st.sampled_from(["target", "a", " "]))
ODD_FRAMES = st.one_of(
    st.lists(st.tuples(ODD_NAMES, ODD_COLUMNS), max_size=4, unique_by=lambda pair: str(pair[0])),
    st.lists(st.tuples(ODD_NAMES, ODD_COLUMNS), max_size=4),
).map(
    lambda columns: pd.concat(
        [
            *(pd.Series(cells, dtype=object, name=name) for name, cells in columns),
            pd.Series(np.arange(20) ** 2 / 7, name="other"),
            pd.Series(["yes", "no"] * 10, name="target"),
        ],
        axis=1,
    )
)


@settings(max_examples=300, deadline=None)
@given(frame=ODD_FRAMES)
def test_any_frame_ends_in_a_table_or_a_sentence(frame: pd.DataFrame) -> None:
    read_or_refuse(frame)
    try:
        inferred = frame.infer_objects()
    except UnicodeError:
        return  # the strings of pandas hold no lone surrogate
    read_or_refuse(inferred)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    frame=ODD_FRAMES,
    form=st.fixed_dictionaries(
        {
            "sep": st.sampled_from([",", ";", "\t", "|"]),
            "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
            "decimal": st.sampled_from([".", ","]),
        }
    ),
)
def test_any_frame_as_a_file_ends_in_a_table_or_a_sentence(
    tmp_path: Path, frame: pd.DataFrame, form: dict[str, str]
) -> None:
    frame.to_csv(tmp_path / "t.csv", index=False, errors="replace", **form)  # type: ignore[call-overload]
    read_or_refuse(tmp_path / "t.csv")


@settings(max_examples=200, deadline=None)
@given(frame=ODD_FRAMES)
def test_a_raw_cell_means_what_the_table_took_it_for(frame: pd.DataFrame) -> None:
    try:
        table = read_table(frame)
    except DataError:
        return
    raw = name_columns(frame)
    for column in table.schema.used:
        cells, typed = raw[column.name], table.frame[column.name]
        if column.kind == "numeric":
            assert np.array_equal(numbers(cells), typed, equal_nan=True)
        elif column.kind == "datetime":
            assert column.order is not None
            assert np.array_equal(read_days(cells, column.order), typed, equal_nan=True)
        else:
            levels = categorical(cells)
            assert np.array_equal(levels.isna(), typed.isna())
            assert column.kind == "text" or levels.dropna().tolist() == typed.dropna().tolist()


def test_raw_cells_of_a_file_and_of_a_frame_are_the_levels_of_the_table(tmp_path: Path) -> None:
    written = ["1", "2.0", " 3", "+4", "5.000e+00"] * 10
    raw = pd.DataFrame({"c": written, "n": np.arange(50) / 7, "target": [0, 1] * 25})
    raw.to_csv(tmp_path / "t.csv", index=False)
    for data in (raw, tmp_path / "t.csv"):
        table = read_table(data)
        assert table.schema.kind("c") == "categorical"
        assert categorical(raw["c"]).tolist() == table.frame["c"].tolist() == list("12345") * 10
