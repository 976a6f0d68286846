"""A worker says by its exit code why it left, whatever its standard input is doing."""

import subprocess
import sys
from pathlib import Path

import pytest

from objectives.features.preparation import prepare, save_prepared
from objectives.table.dataset import read_table
from search.exits import EXIT_ALL_FAIL, EXIT_DONE
from search.settings import DataIdentity, Settings, installed_versions, stored_space
from search.spaces.space import regularization_space
from storage.database import close, open_database
from storage.progress import summarise_study
from storage.studies import create_study

# A worker whose every trial does what the test says.
SCRIPT = """
import sys
from pathlib import Path
from search import worker

def run_trial(bench, claim, stopping):
    {body}

worker.run_trial = run_trial
sys.exit(worker.main("rooks", Path(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("body", "code", "failed", "said"),
    [
        ("raise ValueError('no such layer')", EXIT_ALL_FAIL, 3, "ValueError: no such layer"),
        ("raise ValueError(f'trial {claim.number}')", EXIT_DONE, 5, ""),
    ],
    ids=["alike", "each in its way"],
)
def test_worker_gives_up_only_when_the_first_three_trials_fail_alike(
    tmp_path: Path, body: str, code: int, failed: int, said: str
) -> None:
    url = f"sqlite:///{tmp_path}/dampen.db"
    _make_study(url, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("{body}", body), str(tmp_path / "prepared")],
        env={"DAMPEN_STORAGE": url, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.PIPE,  # stays open, as the pool keeps it
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.wait(timeout=60) == code
        assert process.stderr is not None
        assert process.stderr.read().strip().endswith(said)
    finally:
        process.kill()
        process.communicate()
    db = open_database(url, create=False)
    assert summarise_study(db, "rooks").counts.failed == failed
    close(db)


def _make_study(url: str, folder: Path) -> None:
    table = read_table("breast-cancer")
    save_prepared(prepare(table, 0), folder / "prepared")
    settings = Settings(
        data=DataIdentity.of(table, "breast-cancer"),
        space=stored_space(regularization_space(300)),
        seed=0,
        sampler="random",
        pruner="none",
        max_epochs=3,
        patience=3,
        timeout_seconds=None,
        workers=1,
        versions=installed_versions(),
    )
    db = open_database(url)
    create_study(db, "rooks", settings=settings.to_json(), planned_trials=5)
    close(db)
