"""An objective of one's own from launch to report: the digits' convolution, copied and changed."""

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Folder


@pytest.mark.slow
def test_a_copied_objective_is_searched_changed_resumed_confirmed_and_exported(
    folder: "Folder",
) -> None:
    def done(*arguments: str) -> str:
        found = folder.run(*arguments)
        assert found.returncode == 0, found.stderr
        return found.stdout

    mine = folder.path / "mine.py"
    mine.write_text(done("objective").replace("suggest_int", "suggest_integer"))
    launch = ("launch", "digits", "--objective", "mine.py", "--study", "rooks", "--folds", "1")
    launch = (*launch, "--trials", "2", "--max-epochs", "3", "--confirm", "1")
    wrong = folder.run(*launch)
    assert wrong.returncode == 2
    assert "mine.py, line 16, in suggest: AttributeError: " in wrong.stderr
    assert folder.run("show", "rooks").returncode != 0, "no study was made"

    mine.write_text(done("objective"))
    done(*launch)
    mine.write_text(mine.read_text() + "\n# changed\n")
    refused = folder.run("resume", "rooks", "--trials", "3")
    assert refused.returncode == 2
    assert "launched with another mine.py" in refused.stderr
    done("resume", "rooks", "--trials", "3", "--objective", "mine.py")
    figures = json.loads(done("show", "rooks", "--json"))
    assert figures["trials"]["complete"] + figures["trials"]["pruned"] == 3
    assert figures["winner"]["chosen_by"] == "confirmation"
    assert figures["winner"]["value"] > 0.9
    assert figures["winner"]["params"]["filters"] in (8, 16, 32)
    assert "text" not in figures["settings"]["objective"]

    answer = json.loads(done("report", "rooks", "--format", "json"))["answer"]
    assert {"network", "logistic", "boosting"} <= {model["name"] for model in answer["models"]}

    done("export", "rooks", "-o", "rooks.keras")
    x = np.random.default_rng(0).integers(0, 17, (5, 8, 8)).astype(np.uint8)
    np.savez(folder.path / "new.npz", x=x)
    done("predict", "rooks.keras", "new.npz", "-o", "scores.csv")
    scores = pd.read_csv(folder.path / "scores.csv")
    assert len(scores) == 5
    np.testing.assert_allclose(scores.iloc[:, :10].sum(axis=1), 1, atol=1e-5)
