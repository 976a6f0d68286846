"""Tables with a column of every kind, as a file has them and as `Table.frame` has them."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from objectives.features.preprocessing import Preprocessing
from objectives.table.columns import categorical, numbers, read_days
from objectives.table.schema import Column, Schema

_DAY = 86_400  # seconds


def raw_rows(n_rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Cells as a person's file has them: gaps, outliers, odd dates, rare and strange levels."""
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp("2019-03-01") + pd.to_timedelta(rng.integers(0, 900 * _DAY, n_rows), "s")
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows),
            "income": rng.lognormal(10, 2, n_rows).round(2),
            "far": 1e9 + rng.normal(0, 500, n_rows),
            "gaps": np.where(rng.random(n_rows) < 0.3, np.nan, rng.normal(size=n_rows)),
            "flag": np.where(rng.random(n_rows) < 0.3, np.nan, 1.0),
            "spike": np.where(rng.random(n_rows) < 0.9, 0.0, rng.exponential(size=n_rows)),
            "city": rng.choice(["Rome", "Łódź", "", "[UNK]", "x y"], n_rows),
            "code": rng.choice(["1", "2", "3.0", "007"], n_rows),
            "rare": rng.choice(["a", "b", *(f"r{i}" for i in range(90))], n_rows),
            "shop": [f"shop {i}" for i in rng.integers(0, 60, n_rows)],
            "member": rng.random(n_rows) < 0.5,
            "born": [f"{moment:%d/%m/%Y}" for moment in moments],
            "seen": [f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in moments[::-1]],
            "note": np.where(rng.random(n_rows) < 0.6, "", "called, waits"),
        }
    )
    odd = {
        "income": [np.inf, -np.inf, 1e39, -3e38, 1e30],
        "born": ["31/02/2020", "", "1/2/03", "0/1/2020", "29.02.2020 23:59"],
        "seen": ["2020-02-30", "", "1970-1-1", "2020-12-31 23:59:59.999999 +02:00", "soon"],
        "city": ["new", "", "Rome", "rome", "\n"],
        "code": ["1.0", "2.00", "", "3", "7"],
    }
    for name, cells in odd.items():
        frame.loc[: len(cells) - 1, name] = cells[:n_rows]
    return frame


def schema_of(columns: Sequence[str]) -> Schema:
    """What `raw_rows` holds, of these columns."""
    orders = {"born": "DMY", "seen": "YMD"}
    kinds = dict.fromkeys(("age", "income", "far", "gaps", "flag", "spike"), "numeric")
    kinds |= dict.fromkeys(("city", "code", "rare", "shop", "member"), "categorical")
    kinds |= dict.fromkeys(orders, "datetime") | {"note": "text"}
    return Schema(
        columns=tuple(
            Column(name=name, kind=kinds[name], why="so", order=orders.get(name))  # type: ignore[arg-type]
            for name in columns
        )
    )


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows as `Table.frame` has them."""
    columns: dict[str, object] = {}
    for column in schema_of(list(frame.columns)).columns:
        cells = frame[column.name]
        if column.kind == "numeric":
            columns[column.name] = numbers(cells)
        elif column.kind == "datetime":
            columns[column.name] = read_days(cells, column.order or "YMD")
        elif column.kind == "text":
            columns[column.name] = categorical(cells.map(lambda cell: "filled" if cell else None))
        else:
            columns[column.name] = categorical(cells)
    return pd.DataFrame(columns, index=frame.index)


def small_network(
    preprocessing: Preprocessing, n_outputs: int = 1, *, seed: int = 0, more: int = 0
) -> keras.Model:
    """A network of stock layers, for features `more` wider than the preprocessing's."""
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    features = keras.Input((preprocessing.n_features + more,), name="features")
    parts, inputs = [features], features
    if preprocessing.embedded:
        codes = keras.Input((len(preprocessing.embedded),), dtype="int32", name="codes")
        inputs = {"features": features, "codes": codes}
        for j, table in enumerate(preprocessing.embeddings):
            vector = layers.Embedding(table.n_codes, table.dimension, name=f"embedding_{j}")
            parts.append(vector(codes[:, j]))
    x = layers.Concatenate(name="joined")(parts) if len(parts) > 1 else features
    x = layers.Dense(8, activation="relu", kernel_regularizer="l2", name="dense_0")(x)
    x = layers.BatchNormalization(name="normalization_0")(x)
    x = layers.Dropout(0.3, name="dropout_0")(x)
    return keras.Model(inputs, layers.Dense(n_outputs, name="logits")(x), name="network")


def trained_probabilities(
    networks: Sequence[keras.Model],
    preprocessings: Sequence[Preprocessing],
    frame: pd.DataFrame,
    scaling: str = "standard",
) -> np.ndarray:
    """What the training process would give: (n, K), the mean over the folds."""
    answers = []
    for network, preprocessing in zip(networks, preprocessings, strict=True):
        x = preprocessing.transform(frame, scaling)
        width = {tensor.name: tensor.shape[1] for tensor in network.inputs}["features"]
        x = np.pad(x, [(0, 0), (0, width - x.shape[1])])
        inputs = {"features": x, "codes": preprocessing.codes(frame)}
        logits = network(inputs if preprocessing.embedded else x, training=False)
        if logits.shape[1] == 1:
            p = np.asarray(keras.ops.sigmoid(logits), dtype=np.float64)
            answers.append(np.concatenate([1 - p, p], axis=1))
        else:
            answers.append(np.asarray(keras.ops.softmax(logits), dtype=np.float64))
    return np.mean(answers, axis=0)
