"""Any table with the columns of training is scored in row order, and any other is refused."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from objectives.dataset import read_table
from objectives.errors import DataError, ModelFileError
from objectives.export import export_model
from objectives.preparation import prepare
from objectives.scoring import predict, predict_batches


def raw_frame(n_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows),
            "code": rng.choice(["1", "2", "x"], n_rows),
            "won": rng.random(n_rows) < 0.5,
            "target": rng.choice(["no", "yes"], n_rows),
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = read_table(raw_frame())
    preprocessing = prepare(table, seed=0).preprocessing
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [keras.Input((preprocessing.n_features,)), keras.layers.Dense(1, bias_initializer="ones")]
    )
    path = tmp_path_factory.mktemp("model") / "model.keras"
    card = {"target": table.target, "labels": list(table.labels)}
    export_model(net, preprocessing, path, card=card)
    return path


def test_every_row_gets_a_probability_and_a_label_in_order(model: Path) -> None:
    scored = predict(model, raw_frame())
    assert list(scored.columns) == ["probability", "label"]
    assert scored["probability"].between(0, 1).all()
    assert (scored["label"] == np.where(scored["probability"] >= 0.5, "yes", "no")).all()
    alone = predict(model, raw_frame().iloc[[7]])
    assert alone.index.tolist() == [7]
    assert np.isclose(alone["probability"].iloc[0], scored["probability"].iloc[7], atol=1e-6)


def test_frame_csv_and_parquet_score_alike_in_batches_of_any_size(
    model: Path, tmp_path: Path
) -> None:
    frame = raw_frame()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
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
    as_numbers = ones.assign(code=1)
    pd.testing.assert_frame_equal(predict(model, as_numbers), predict(model, ones))


def test_the_target_may_be_absent_and_other_columns_are_ignored(model: Path) -> None:
    frame = raw_frame()
    changed = frame.drop(columns="target").assign(extra="?")[["extra", "won", "code", "age"]]
    pd.testing.assert_frame_equal(predict(model, changed), predict(model, frame))


def test_gaps_and_unseen_levels_are_scored(model: Path) -> None:
    rows = pd.DataFrame({"age": [None, 20], "code": ["new", None], "won": [None, "maybe"]})
    assert predict(model, rows)["probability"].notna().all()


def test_no_rows_give_no_scores(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("age,code,won\n")
    for data in (tmp_path / "empty.csv", raw_frame().iloc[:0]):
        scored = predict(model, data)
        assert len(scored) == 0 and list(scored.columns) == ["probability", "label"]


def test_a_table_that_does_not_fit_is_refused_before_the_first_batch(
    model: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="it lacks `code`, `won`"):
        predict_batches(model, pd.DataFrame({"age": [1]}))
    with pytest.raises(DataError, match="there is no file"):
        predict_batches(model, tmp_path / "none.csv")
    (tmp_path / "twice.csv").write_text("age,age,code,won\n1,2,1,True\n")
    with pytest.raises(DataError, match="got `age` more than once"):
        predict_batches(model, tmp_path / "twice.csv")
    with pytest.raises(DataError, match=r"column `age` must hold numbers.*'old'"):
        predict(model, raw_frame().assign(age="old"))


def test_a_model_that_cannot_be_read_gets_a_sentence(model: Path, tmp_path: Path) -> None:
    def copy(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelFileError, match="there is no model file"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.keras", model.read_bytes())
    with pytest.raises(ModelFileError, match="there is none"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.json", b"{")
    with pytest.raises(ModelFileError, match="cannot be read"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.json", b"{}")
    with pytest.raises(ModelFileError, match="must be a model card of format 1"):
        predict(tmp_path / "m.keras", raw_frame())
    copy("m.json", model.with_suffix(".json").read_bytes())
    copy("m.keras", b"damaged")
    with pytest.raises(ModelFileError, match="loading it failed"):
        predict(tmp_path / "m.keras", raw_frame())


def test_the_card_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(model.read_bytes())
    card = model.with_suffix(".json").read_text().replace('"input": "age"', '"input": "size"')
    (tmp_path / "m.json").write_text(card)
    with pytest.raises(ModelFileError, match="it lists other columns"):
        predict(tmp_path / "m.keras", raw_frame())


def test_a_batch_holds_at_least_one_row(model: Path) -> None:
    with pytest.raises(ValueError, match="`batch_rows` must be an int of at least 1; got 0"):
        predict_batches(model, raw_frame(), batch_rows=0)
