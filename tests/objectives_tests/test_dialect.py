"""However a CSV file is written, the same table comes out of it."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from objectives.errors import DataError
from objectives.table.dialect import Dialect, detect_dialect
from objectives.table.files import file_dialect, read_batches


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cells(path: Path) -> dict[str, list[object]]:
    (frame,) = read_batches(path, batch_rows=100)
    return frame.astype(object).where(frame.notna(), None).to_dict("list")


COMMAS = 'name,size\n"Żółw, a",1.5\nb,\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("zipped", [False, True])
def test_delimiter_encoding_and_packing_are_detected(
    tmp_path: Path, delimiter: str, encoding: str, zipped: bool
) -> None:
    text = COMMAS.replace(", a", "; a").replace(",", delimiter).encode(encoding)
    path = written(tmp_path, gzip.compress(text) if zipped else text)
    assert detect_dialect(path) == Dialect(delimiter=delimiter, encoding=encoding, gzip=zipped)
    assert cells(path) == {"name": ["Żółw; a", "b"], "size": ["1.5", None]}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("prénom,ville\nHélène,Orléans\nFrançois,Besançon\n", "cp1252"),
        ("name,x\nStraße,1\nMünchen,2\n", "cp1252"),
        ("имя,город\nИван,Москва\nПётр,Казань\n", "cp1251"),  # noqa: RUF001
        ("名前,都市\n太郎,東京\n花子,大阪\n", "cp932"),
    ],
)
def test_bytes_that_are_no_utf8_get_the_best_guess(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = written(tmp_path, text.encode(encoding))
    assert detect_dialect(path).encoding == encoding
    (header, row, *_) = text.splitlines()
    assert [[k, v[0]] for k, v in cells(path).items()] == [
        list(pair) for pair in zip(header.split(","), row.split(","), strict=True)
    ]


@pytest.mark.parametrize(
    "words",
    [
        *(
            "Köln",
            "Noël",
            "20 °C",
            "it\u2019s",
            "§ 5",
            "5 €",
            "Málaga",
            "España",
            "Ærø",
            "Åsa",
            "à",
        ),
        *("été", "São Paulo", "“quoted”", "½ cup", "Straße\nMünchen\nfünf €"),
    ],
)
def test_the_files_of_a_western_source_are_all_read_in_one_encoding(
    tmp_path: Path, words: str
) -> None:
    path = written(tmp_path, f"name,x\n{words},1\n".encode("cp1252"))
    dialect = detect_dialect(path)
    assert (dialect.encoding, dialect.guessed) == ("cp1252", True)


CZECH = "Dvořák, Plzeň, Třebíč, Jiří Novák, Žďár nad Sázavou, České Budějovice, ženatý, rozvedený"
POLISH = "Łódź, Wałęsa, Gdańsk, Białystok, mężczyzna, żonaty"


@pytest.mark.parametrize("words", [CZECH, POLISH])
def test_what_is_clearly_another_language_is_read_as_that(tmp_path: Path, words: str) -> None:
    path = written(tmp_path, f"name;x\n{words};1\n".encode("cp1250"))
    assert detect_dialect(path).encoding == "cp1250"


def test_an_encoding_that_is_known_from_the_source_is_no_guess(tmp_path: Path) -> None:
    path = written(tmp_path, "name,x\nPlzeň,1\n".encode("cp1250"))
    for likely in ("cp1250", "iso8859_2"):
        dialect = detect_dialect(path, likely)
        assert (dialect.encoding, dialect.guessed) == (likely, False)
    for likely in ("utf-8", "ascii", "no such encoding"):
        assert detect_dialect(path, likely).guessed
    assert detect_dialect(written(tmp_path, "a,b\né,1\n"), "cp1250").encoding == "utf-8"


@pytest.mark.parametrize(("encoding", "found"), [("utf-8", "utf-8"), ("cp1252", "cp1252")])
def test_the_first_letter_that_is_no_ascii_may_stand_far_down(
    tmp_path: Path, encoding: str, found: str
) -> None:
    rows = "abcdefgh,1\n" * 50_000 + "Hélène à Orléans,2\n"
    path = written(tmp_path, ("a,b\n" + rows).encode(encoding))
    assert detect_dialect(path).encoding == found


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("a;b\n1,5;x\n-2,25;y\n3;z\n", ["1.5", "-2.25", "3"]),
        ("a;b\n1,5e3;x\n,5;y\n", ["1.5e3", ".5"]),
        ("a\tb\n1,5\tx\n0,125\ty\n", ["1.5", "0.125"]),
        ("a\tb\n1,500\tx\n2,250\ty\n", ["1,500", "2,250"]),  # thousands, as likely
        ("a;b\n1.5;x\n2.25;1,5\n", ["1.5", "2.25"]),
        ('a,b\n"1,5",x\n"2,5",y\n', ["1,5", "2,5"]),
        ("a;b\n1,5;x\nred, blue;y\n", ["1.5", "red, blue"]),
    ],
)
def test_a_decimal_comma_becomes_a_point_where_the_head_shows_it(
    tmp_path: Path, content: str, values: list[str]
) -> None:
    assert cells(written(tmp_path, content))["a"] == values


def test_commas_in_names_and_numbers_do_not_hide_the_semicolons(tmp_path: Path) -> None:
    path = written(tmp_path, "Weight, kg;Height, cm;x\n70,5;180,2;1\n71,5;181,2;0\n")
    assert cells(path)["Height, cm"] == ["180.2", "181.2"]


def test_lists_within_cells_do_not_hide_the_commas(tmp_path: Path) -> None:
    path = written(tmp_path, "a,tags|more,c\n1,x|y,2\n3,z|w,4\n")
    assert list(cells(path)) == ["a", "tags|more", "c"]


def test_a_quoted_cell_may_hold_newlines_delimiters_and_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, 'a;b\n"x\n;""y""";1\nz;2\n')
    assert cells(path) == {"a": ['x\n;"y"', "z"], "b": ["1", "2"]}


def test_blanks_after_a_delimiter_are_no_part_of_the_cell(tmp_path: Path) -> None:
    assert cells(written(tmp_path, 'a, b\n1, "x, y"\n2, \n')) == {
        "a": ["1", "2"],
        "b": ["x, y", None],
    }


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert cells(written(tmp_path, "name\nx\ny\n")) == {"name": ["x", "y"]}


def test_a_dialect_says_itself_in_words() -> None:
    dialect = Dialect(delimiter=";", encoding="cp1252", decimal=",", gzip=True)
    assert str(dialect) == "CSV with semicolons, decimal comma, cp1252, gzip"
    assert str(Dialect(encoding="utf-8-sig")) == "CSV with commas, UTF-8"


def test_parquet_has_no_dialect(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "t.parquet")
    assert file_dialect(tmp_path / "t.parquet") is None


def test_a_change_of_encoding_far_down_gets_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\né,1\n".encode() + b"x,1\n" * 100_000 + b"\xe9,2\n")
    with pytest.raises(DataError, match="begins in one and goes on in another"):
        list(read_batches(path, batch_rows=1000))


def test_parquet_comes_in_batches_and_by_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(10), "b": list("abcdefghij")}).set_index("b", drop=False)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=4)
    read = list(read_batches(tmp_path / "t.parquet", batch_rows=3, columns=["a"]))
    assert pd.concat(read)["a"].tolist() == list(range(10))
    assert pd.concat(read).index.tolist() == list(range(10)) and max(map(len, read)) == 3
