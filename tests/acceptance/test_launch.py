"""One command searches the built-in table and says what it found."""

import json
import re
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from search import load

if TYPE_CHECKING:
    from conftest import Folder, Whole

SHOW_KEYS = {
    *("study", "state", "metric", "direction", "seed", "planned_trials"),
    *("trials", "best", "seconds"),
}


def test_launch_ends_well_and_prints_one_document(whole: "Whole") -> None:
    assert whole.done.returncode == 0, whole.done.stderr
    document = whole.document  # would not be read if anything else were on standard output
    assert document.keys() >= SHOW_KEYS
    assert document["study"] == "rooks"
    assert document["state"] == "finished"
    assert document["metric"] == "validation_roc_auc"
    assert document["direction"] == "maximize"
    assert document["seed"] == 3
    assert document["planned_trials"] == 12
    assert document["trials"].keys() == {"complete", "pruned", "failed", "running", "waiting"}
    assert document["trials"]["complete"] + document["trials"]["pruned"] == 12
    assert 0 < document["seconds"] < 60


def test_best_trial_is_the_best_and_is_good(whole: "Whole") -> None:
    best = whole.document["best"]
    assert best.keys() >= {"number", "value", "params", "metrics"}
    complete = [t for t in whole.folder.trials() if t.state == "COMPLETE" and t.value is not None]
    assert best["value"] == max(trial.value or 0 for trial in complete) > 0.9
    assert best["metrics"]["roc_auc"] == best["value"]
    assert best["params"].keys() == complete[0].params.keys()


def test_standard_error_has_the_table_and_plain_progress_and_no_chatter(whole: "Whole") -> None:
    lines = whole.done.stderr.splitlines()
    began = next(i for i, line in enumerate(lines) if " / 12 trials" in line)
    table, progress = lines[:began], lines[began:]
    assert table[0] == "breast-cancer 569 rows, target: benign 62.7% (positive) or malignant 37.3%"
    columns = [line for line in table if re.search(r" numeric +numbers from ", line)]
    assert len(columns) == 30
    assert re.fullmatch(
        r"L1 is searched up to 1\.0e-01: at 1\.\de-01 it outweighs all .*", table[-1]
    )
    for line in progress:
        assert re.match(r"\d+ / 12 trials, .*; best 0\.\d{4}: ", line), line
    assert progress[-1].startswith("12 / 12 trials")


def test_first_trials_are_the_plain_network_and_the_well_tried_default(whole: "Whole") -> None:
    plain, tried = whole.folder.trials()[:2]
    assert (plain.params["dropout"], plain.params["use_l1"], plain.params["use_l2"]) == (0, 0, 0)
    assert (tried.params["dropout"], tried.params["use_l1"], tried.params["use_l2"]) == (0.2, 0, 1)


def test_python_gives_the_figures_that_the_command_prints(whole: "Whole") -> None:
    study = load("rooks", storage=f"sqlite:///{whole.folder.path}/dampen.db")
    assert json.loads(json.dumps(study.figures.to_json())) == whole.document


def test_every_finished_trial_has_a_verdict_with_its_evidence(whole: "Whole") -> None:
    document = whole.document
    assert sum(document["verdicts"].values()) == 12
    stored = whole.folder.query(
        "SELECT value_json FROM trial_user_attributes WHERE key = 'verdict'"
    )
    assert len(stored) == 12
    evidence = whole.folder.query("SELECT evaluation ->> '$.evidence' FROM dampen_trials")
    assert all(len(text) > 20 for (text,) in evidence)
    assert json.loads(whole.document["settings"]["space"]["l1"])["attributes"]["high"] == 0.1


def test_explanation_is_three_sentences_as_text_and_as_json(whole: "Whole") -> None:
    found = whole.folder.json("explain", "rooks")
    best = found["explanations"][0]
    assert (found["study"], best["trial"], best["role"]) == (
        "rooks",
        whole.document["best"]["number"],
        "best",
    )
    assert len(best["sentences"]) == 3
    said = " ".join(whole.folder.run("explain", "rooks").stdout.split())
    assert " ".join(" ".join(best["sentences"]).split()) in said


def test_installed_command_is_the_module(folder: "Folder") -> None:
    (command,) = entry_points(group="console_scripts", name="dampen")
    assert command.value == "search.cli:main"
    done = folder.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"dampen \d+\.\d+\.\d+\S*\n", done.stdout)
