"""Words such as NA mean the same wherever a table comes from."""

from pathlib import Path

import pandas as pd
import pytest

from objectives.table.dataset import read_table


def _frame(labels: list[str]) -> pd.DataFrame:
    n = 60
    return pd.DataFrame(
        {
            "x": [i * 0.37 % 5 for i in range(n)],
            "grade": [["None", "NA", "good"][i % 3] for i in range(n)],
            "target": [labels[i % len(labels)] for i in range(n)],
        }
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_none_is_a_class_and_words_in_a_text_column_are_levels(kind: str, tmp_path: Path) -> None:
    frame = _frame(["None", "Mild", "Severe"])
    table = read_table(_written(frame, kind, tmp_path))
    assert table.labels == ("Mild", "None", "Severe")
    assert set(table.frame["grade"].cat.categories) == {"None", "NA", "good"}
    assert table.dropped_rows == 0


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("word", ["NA", "n/a", "nan", "null", "?"])
def test_word_for_an_unknown_label_leaves_its_rows_out(
    word: str, kind: str, tmp_path: Path
) -> None:
    table = read_table(_written(_frame(["yes", "no", word]), kind, tmp_path))
    assert table.labels == ("no", "yes")
    assert table.dropped_rows == 20


def _written(frame: pd.DataFrame, kind: str, folder: Path) -> pd.DataFrame | Path:
    path = folder / f"table.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    return frame if kind == "frame" else path
