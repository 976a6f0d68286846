"""Any table with the columns of training is scored in row order, and any other is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raw_rows import small_network

from objectives.errors import DataError, ModelFileError
from objectives.features.preprocessing import Preprocessing, fit_preprocessing
from objectives.portable.export import export_model
from objectives.portable.model_card import card_path, read_card
from objectives.portable.remarks import Remarks
from objectives.portable.scoring import predict, predict_batches
from objectives.table.columns import categorical, read_days
from objectives.table.schema import Column, Kind, Schema

KINDS: dict[str, Kind] = {
    "age": "numeric",
    "code": "categorical",
    "won": "categorical",
    "day": "datetime",
}


def raw_frame(n_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows),
            "code": rng.choice(["1", "2", "x"], n_rows),
            "won": rng.random(n_rows) < 0.5,
            "day": [f"{day}.12.2020" for day in rng.integers(1, 32, n_rows)],
            "target": rng.choice(["no", "yes"], n_rows),
        }
    )


def fit() -> Preprocessing:
    frame = raw_frame()
    typed = pd.DataFrame(
        {
            "age": frame["age"].astype(float),
            "code": categorical(frame["code"]),
            "won": categorical(frame["won"]),
            "day": read_days(frame["day"], "DMY"),
        }
    )
    columns = [
        Column(name=name, kind=kind, why="", order="DMY" if kind == "datetime" else None)
        for name, kind in KINDS.items()
    ]
    row = Column(name="row", kind="dropped", why="numbers the rows")
    return fit_preprocessing(typed, Schema(columns=(*columns, row)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, preprocessing = tmp_path_factory.mktemp("model") / "model.keras", fit()
    card = {"target": "target", "labels": ["no", "yes"]}
    export_model([small_network(preprocessing)], [preprocessing], path, card=card)
    return path


def test_every_row_gets_a_probability_of_each_class_and_a_label_in_order(model: Path) -> None:
    scored = predict(model, raw_frame())
    assert list(scored.columns) == ["probability_no", "probability_yes", "label"]
    assert np.allclose(scored["probability_no"] + scored["probability_yes"], 1)
    assert (scored["label"] == np.where(scored["probability_yes"] >= 0.5, "yes", "no")).all()
    assert scored["label"].nunique() == 2
    alone = predict(model, raw_frame().iloc[[7]])
    assert alone.index.tolist() == [7]
    assert np.isclose(alone["probability_yes"].iloc[0], scored["probability_yes"].iloc[7])


def test_labels_that_look_alike_keep_columns_of_their_own(tmp_path: Path) -> None:
    labels = ["1", "1.0", " 1", "label", "probability_1"]
    preprocessing = fit()
    network = small_network(preprocessing, 5)
    card = {"target": "t", "labels": labels}
    export_model([network], [preprocessing], tmp_path / "m.keras", card=card)
    scored = predict(tmp_path / "m.keras", raw_frame())
    assert list(scored.columns) == [*(f"probability_{label}" for label in labels), "label"]
    best = scored.drop(columns="label").to_numpy().argmax(axis=1)
    assert scored["label"].tolist() == [labels[i] for i in best]


def test_frame_csv_and_parquet_score_alike_in_batches_of_any_size(
    model: Path, tmp_path: Path
) -> None:
    frame = raw_frame()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=7)
    whole = predict(model, frame)
    for data in (frame, tmp_path / "t.csv", str(tmp_path / "t.parquet")):
        parts = list(predict_batches(model, data, batch_rows=7))
        assert [len(part) for part in parts] == [7] * 8 + [4]
        pd.testing.assert_frame_equal(pd.concat(parts), whole, atol=1e-6)


def test_a_categorical_column_whose_new_values_are_numbers_stays_text(
    model: Path, tmp_path: Path
) -> None:
    frame = raw_frame()
    ones = frame[frame["code"] == "1"].reset_index(drop=True)
    ones.to_csv(tmp_path / "ones.csv", index=False)
    pd.testing.assert_frame_equal(predict(model, tmp_path / "ones.csv"), predict(model, ones))
    for code in (1, 1.0, "1.0"):
        pd.testing.assert_frame_equal(predict(model, ones.assign(code=code)), predict(model, ones))


def test_dates_of_a_dtype_score_as_their_text_in_whatever_order(model: Path) -> None:
    frame = raw_frame()
    dates = pd.to_datetime(frame["day"], format="%d.%m.%Y")
    pd.testing.assert_frame_equal(predict(model, frame.assign(day=dates)), predict(model, frame))


def test_the_target_may_be_absent_and_other_columns_are_said_once(model: Path) -> None:
    frame, remarks = raw_frame(), Remarks()
    changed = frame.drop(columns="target").assign(extra="?", row=1)[
        ["extra", "won", "row", "code", "age", "day"]
    ]
    got = predict(model, changed, batch_rows=7, remarks=remarks)
    pd.testing.assert_frame_equal(got, predict(model, frame), atol=1e-6)
    assert remarks.notes() == ("1 column is not used by the model: `extra`.",)


def test_gaps_and_unseen_levels_are_scored_and_counted(model: Path) -> None:
    rows = pd.DataFrame(
        {
            "age": [None, 20, 30],
            "code": ["new", None, "newer"],
            "won": [None, "maybe", True],
            "day": ["31.11.2020", "", "soon"],
        }
    )
    remarks = Remarks()
    assert predict(model, rows, batch_rows=2, remarks=remarks)["probability_yes"].notna().all()
    assert remarks.rare == {"code": (2, "new"), "won": (1, "maybe")}
    assert remarks.notes() == (
        "`code`: 2 cells hold a category that training had rarely or never, such as 'new'; "
        "scored as any rare one.",
        "`won`: 1 cell holds a category that training had rarely or never, such as 'maybe'; "
        "scored as any rare one.",
        "`day`: 2 cells hold what cannot be read as a date, such as '31.11.2020'; scored as empty.",
    )


def test_what_is_as_in_training_gets_no_remark(model: Path) -> None:
    remarks = Remarks()
    predict(model, raw_frame(), remarks=remarks)
    assert remarks.notes() == ()


def test_no_rows_give_no_scores(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("age,code,won,day\n")
    for data in (tmp_path / "empty.csv", raw_frame().iloc[:0]):
        scored = predict(model, data)
        assert list(scored.columns) == ["probability_no", "probability_yes", "label"]
        assert len(scored) == 0


def test_a_table_that_does_not_fit_is_refused_before_the_first_batch(
    model: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="it lacks `code`, `won`, `day`"):
        predict_batches(model, pd.DataFrame({"age": [1]}))
    with pytest.raises(DataError, match="there is no file"):
        predict_batches(model, tmp_path / "none.csv")
    (tmp_path / "twice.csv").write_text("age,age,code,won\n1,2,1,True\n")
    with pytest.raises(DataError, match="got `age` more than once"):
        predict_batches(model, tmp_path / "twice.csv")


def test_a_cell_that_is_no_number_is_named_with_its_row(model: Path) -> None:
    frame = raw_frame().assign(age=["12", "", "?", *["old"] * 57])
    with pytest.raises(DataError, match=r"column `age` must hold numbers.*row 4 holds 'old'"):
        predict(model, frame)
    frame["age"] = [*["12"] * 50, "old", *["7"] * 9]
    with pytest.raises(DataError, match=r"row 51 holds 'old'"):
        predict(model, frame, batch_rows=7)


def test_a_model_that_cannot_be_read_gets_a_sentence(model: Path, tmp_path: Path) -> None:
    def copy(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelFileError, match="there is no model file"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.keras", model.read_bytes())
    with pytest.raises(ModelFileError, match="there is none"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.keras.json", b"{")
    with pytest.raises(ModelFileError, match="cannot be read"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.keras.json", b'{"format": 1}')
    with pytest.raises(ModelFileError, match=r"must be a model card of format 2.*Export the model"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.keras.json", card_path(model).read_bytes())
    copy("m.keras", b"damaged")
    with pytest.raises(ModelFileError, match="loading it failed"):
        predict(tmp_path / "m.keras", raw_frame())


def test_the_card_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(model.read_bytes())
    card = card_path(model).read_text()
    for before, after in (('"input": "age"', '"input": "size"'), ('"yes"\n', '"yes", "?"\n')):
        assert before in card
        (tmp_path / "m.keras.json").write_text(card.replace(before, after, 1))
        with pytest.raises(ModelFileError, match="it lists other columns or labels"):
            predict(tmp_path / "m.keras", raw_frame())


def test_a_batch_holds_at_least_one_row(model: Path) -> None:
    with pytest.raises(ValueError, match="`batch_rows` must be an int of at least 1; got 0"):
        predict_batches(model, raw_frame(), batch_rows=0)


def test_new_rows_are_read_in_the_encoding_of_the_training_file_and_a_guess_is_said(
    model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(raw_frame(2).assign(code="ň").to_csv(index=False).encode("cp1250"))
    note = "The file is not in UTF-8; it was read as the likeliest encoding, cp1252."
    for encoding, level, notes in ((None, "ò", 1), ("cp1250", "ň", 0)):
        card = {**read_card(model), "encoding": encoding}
        (tmp_path / "m.keras").write_bytes(model.read_bytes())
        (tmp_path / "m.keras.json").write_text(json.dumps(card))
        remarks = Remarks()
        predict(tmp_path / "m.keras", path, remarks=remarks)
        assert remarks.rare["code"][1] == level
        assert sum(said.startswith(note) for said in remarks.notes()) == notes
