"""A file is scored into a file, whole or not at all, and what was odd is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from objectives.errors import DataError
from search.predicting import Predicted, predict_file


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Batches that scoring gives, an exception among them being raised; without a model."""
    import objectives.portable.scoring

    batches: list[Any] = []

    def predict_batches(model: Path, data: Path, *, remarks: Any) -> Iterator[pd.DataFrame]:
        remarks.extra = ("extra",)
        for batch in batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    monkeypatch.setattr(objectives.portable.scoring, "predict_batches", predict_batches)
    return batches


def test_batches_are_written_in_order_under_one_header(scored: list[Any], tmp_path: Path) -> None:
    scored += [
        pd.DataFrame({"probability_a, b": [0.25], "label": ["x"]}),
        pd.DataFrame({"probability_a, b": [0.5, 0.75], "label": ['"', "é"]}, index=[1, 2]),
    ]
    done = predict_file(Path("m.keras"), Path("t.csv"), tmp_path / "out.csv")
    assert done == Predicted(rows=3, notes=("1 column is not used by the model: `extra`.",))
    assert json.loads(pd.read_csv(tmp_path / "out.csv").to_json(orient="values")) == [
        [0.25, "x"],
        [0.5, '"'],
        [0.75, "é"],
    ]


def test_no_rows_give_a_header(scored: list[Any], tmp_path: Path) -> None:
    scored.append(pd.DataFrame({"probability_a": [], "label": []}))
    assert predict_file(Path("m"), Path("t"), tmp_path / "out.csv").rows == 0
    assert (tmp_path / "out.csv").read_text() == "probability_a,label\n"


def test_a_fault_further_down_leaves_the_old_file_alone(scored: list[Any], tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    scored += [pd.DataFrame({"label": ["x"]}), DataError("row 2 is broken.")]
    with pytest.raises(DataError, match="row 2 is broken"):
        predict_file(Path("m"), Path("t"), tmp_path / "out.csv")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.csv", "old")]


def test_a_missing_folder_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an existing folder"):
        predict_file(Path("m"), Path("t"), tmp_path / "none" / "out.csv")
