"""`studies` and `show` answer from the database alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Folder, Whole


def test_studies_as_json(whole: "Whole") -> None:
    (line,) = whole.folder.json("studies")
    assert line.keys() >= {"study", "state", "trials", "planned_trials", "best_value"}
    assert (line["study"], line["state"], line["planned_trials"]) == ("rooks", "finished", 12)
    assert line["best_value"] == whole.document["best"]["value"]
    assert line["trials"] == whole.document["trials"]
    assert line["last_activity"].endswith("+00:00")


def test_show_prints_the_document_of_launch(whole: "Whole") -> None:
    assert whole.folder.json("show", "rooks") == whole.document


def test_show_of_a_trial_has_its_whole_history(whole: "Whole") -> None:
    best = whole.document["best"]
    trial = whole.folder.json("show", "rooks", "--trial", str(best["number"]))
    assert (trial["number"], trial["state"]) == (best["number"], "complete")
    assert trial["value"] == trial["metrics"]["roc_auc"] == best["value"]
    assert trial["params"] == best["params"]
    assert trial["verdict"] == "healthy"
    assert trial["seconds"] > 0
    assert 1 <= trial["best_epoch"] <= trial["epochs"] <= 10
    curve = trial["learning_curve"]
    assert curve.keys() == {"training_loss", "validation_loss", "validation_roc_auc"}
    assert {len(values) for values in curve.values()} == {trial["epochs"]}
    assert max(curve["validation_roc_auc"]) == trial["value"]
    assert curve["validation_roc_auc"][trial["best_epoch"] - 1] == trial["value"]
    matrix = trial["metrics"]["confusion_matrix"]
    assert sum(map(sum, matrix)) == 114  # the validation rows, a fifth of 569
    assert trial["metrics"].keys() >= {"accuracy", "f1", "log_loss"}


def test_tables_say_in_words_what_the_documents_say(whole: "Whole") -> None:
    best = whole.document["best"]
    commands = (("studies",), ("show", "rooks"), ("show", "rooks", "--trial", "0"))
    answers = whole.folder.run_all(*commands)
    assert [(done.returncode, done.stderr) for done in answers] == [(0, "")] * 3
    studies, study, trial = (done.stdout for done in answers)

    (line,) = (line for line in studies.splitlines() if line.startswith("rooks"))
    assert line.split()[:6] == ["rooks", "finished", "12", "/", "12", f"{best['value']:.4f}"]

    assert "rooks is finished" in study
    assert "Best trials by validation ROC-AUC" in study
    assert f"{best['number']}   {best['value']:.4f}" in study
    mattered = study.partition("What mattered")[2]
    assert all(name in mattered for name, share in whole.document["importances"].items() if share)
    assert f"Learning curve of trial {whole.document['winner']['trial']}, the winner" in study

    assert trial.startswith("Trial 0 of rooks is complete")
    assert "dropout off, L1 off, L2 off" in trial
    assert "Confusion matrix" in trial
    assert "Learning curve of trial 0" in trial


def test_unknown_study_and_trial_are_told_with_what_there_is(
    whole: "Whole", folder: "Folder"
) -> None:
    study, trial = whole.folder.run_all(("show", "bishops"), ("show", "rooks", "--trial", "12"))
    nothing = folder.run("studies")
    for done in (study, trial, nothing):
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
    assert "There is no study 'bishops'" in study.stderr
    assert "This storage has: rooks" in study.stderr
    assert "study `rooks` has no trial 12; it has trials 0 to 11" in trial.stderr
    assert "`dampen launch` makes one" in nothing.stderr
    assert not (folder.path / "dampen.db").exists()
