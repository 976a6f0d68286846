"""The exported file opens where nothing but TensorFlow and Keras is installed, and scores the CSV.

Takes minutes: it makes a virtual environment and installs TensorFlow into it.
"""

import csv
import json
import random
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Folder

pytestmark = pytest.mark.fresh

# What somebody writes who has the file, its card and the table: no pandas, none of this project.
SCORE = """
import csv, importlib.util, json, sys
import keras, numpy as np, tensorflow as tf

for name in ("objectives", "search", "storage", "pandas", "sklearn", "optuna"):
    assert importlib.util.find_spec(name) is None, name
model = keras.models.load_model(sys.argv[1])
card = json.load(open(sys.argv[2], encoding="utf-8"))
with open(sys.argv[3], encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))

def cells(column):
    texts = [row[column["name"]] for row in rows]
    if column["kind"] == "numeric":
        return tf.constant([[float(text) if text else np.nan] for text in texts])
    return tf.constant([[text] for text in texts])

answer = model.predict({c["input"]: cells(c) for c in card["columns"]}, verbose=0)
json.dump({"labels": card["labels"], "probabilities": answer.tolist()}, open(sys.argv[4], "w"))
"""

LAUNCH = ("--target", "grade", "--trials", "3", "--max-epochs", "8")
COLUMNS = ["id", "age", "income", "town", "shop", "rooms", "joined", "seen", "note", "grade"]


def person(number: int, source: random.Random) -> list[str]:
    """A row of what people's tables hold; the grade is one of three."""
    age, rooms = source.uniform(18, 80), source.randrange(1, 6)
    town = source.choice(["Rome", "Oslo", "Łódź", "São Paulo, SP", ""])
    joined = datetime(2015, 1, 1) + timedelta(days=source.randrange(3000))
    seen = joined + timedelta(seconds=source.randrange(10**7))
    wish = (age - 50) / 15 + 2 * (town == "Rome") + (rooms - 3) / 2 + source.gauss(0, 0.5)
    return [
        str(number),
        f"{age:.1f}" if source.random() > 0.1 else "",
        f"{source.lognormvariate(10, 2):.2f}",
        town,
        f"shop {source.randrange(60)}",
        str(rooms),
        f"{joined:%d.%m.%Y}" if source.random() > 0.1 else "",
        f"{seen:%Y-%m-%dT%H:%M:%S}",
        f"called on {source.random()}" if source.random() > 0.5 else "",
        "low" if wish < -0.5 else "high" if wish > 1 else "fair",
    ]


def write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with TensorFlow and Keras, and nothing of this project."""
    place = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = place / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "-q", "tensorflow", "keras"], check=True, timeout=600
    )
    return python


def score(python: Path, folder: Path, model: str, data: str) -> tuple[list[str], np.ndarray]:
    """Labels, and probabilities (n_rows, K), as that Python gives them."""
    (folder / "score.py").write_text(SCORE, encoding="utf-8")
    card = f"{Path(model).name}.json"
    done = subprocess.run(
        [str(python), "-I", "score.py", model, card, data, "scores.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return scores["labels"], np.array(scores["probabilities"])


def test_a_fresh_environment_scores_the_raw_csv(folder: "Folder", fresh_python: Path) -> None:
    source = random.Random(0)
    rows = [person(number, source) for number in range(600)]
    write(folder.path / "people.csv", COLUMNS, rows[:450])
    new = [[*row[:2], "inf" if i == 0 else row[2], *row[3:-1]] for i, row in enumerate(rows[450:])]
    new[1][3], new[2][4], new[3][5] = "Atlantis", "shop 999", "7"  # unseen levels
    new[4][6], new[5][7] = "31.02.2020", ""
    write(folder.path / "new.csv", COLUMNS[:-1], new)
    for arguments in (
        ("launch", "people.csv", "--study", "grades", *LAUNCH),
        ("export", "grades", "-o", "model.keras"),
        ("predict", "model.keras", "new.csv", "-o", "predictions.csv"),
    ):
        done = folder.run(*arguments, timeout=300)
        assert done.returncode == 0, done.stderr
    labels, got = score(fresh_python, folder.path, "model.keras", "new.csv")
    with (folder.path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        predicted = list(csv.DictReader(file))
    wanted = [[float(row[f"probability_{label}"]) for label in labels] for row in predicted]
    assert sorted(labels) == ["fair", "high", "low"]
    assert np.abs(got - np.array(wanted)).max() < 1e-5
    assert got.std(axis=0).min() > 0.01
