"""A launch up to its first trial: what is refused, what is kept, and what a study is called."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

import search.coding
import search.exporting
import search.study
from search.errors import SettingError, StudyChangedError, TrialError
from search.figures import ENDED_EARLY
from search.placement import Placement
from search.report.commands import launch_command
from search.settings import Settings
from search.spaces.named_spaces import NAMED
from search.spaces.ranges import Interval
from search.spaces.space import first_trials
from search.spaces.space_file import read_space
from search.study import Study, launch, resume
from storage.database import open_database
from storage.errors import StudyExistsError
from storage.studies import load_study


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Settings]:
    """Settings of the studies that are launched in `tmp_path` instead of being run."""
    studies: list[Settings] = []

    def run(db: Any, record: Any, settings: Settings, *_: Any, **__: Any) -> Study:
        studies.append(settings)
        return Study(name=record.name, url=db.url)

    monkeypatch.setattr(search.study, "_run", run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAMPEN_STORAGE", raising=False)
    return studies


def _frame(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=n).round(3), "target": ["no", "yes"] * (n // 2)})


def _launch(data: Any, **given: Any) -> Study:
    return launch(data, **{"folds": 1, "progress": False, **given})


def _copies() -> list[Path]:
    return list(Path("dampen.artifacts/data").glob("*"))


def test_a_dataframe_of_any_cells_is_kept_as_the_table_that_it_was_read_as(
    started: list[Settings],
) -> None:
    frame = _frame()
    codes = np.arange(len(frame)) // 2 % 4
    frame["interval"] = pd.arrays.IntervalArray.from_arrays(codes, codes + 1)
    frame["cut"] = pd.cut(frame["x"], 3)
    frame["complex"] = codes + 1j
    frame["mixed"] = np.array([1, "a", 2.5, None], dtype=object)[codes]
    frame["sparse"] = pd.arrays.SparseArray(codes * 0.5)
    frame[2.0] = codes
    assert _launch(frame, categorical=[2.0]).name == "DataFrame-1"
    (settings,) = started
    assert settings.data.name == "DataFrame"
    assert settings.data.columns == (*map(str, frame.columns.drop(["target", 2.0])), "2")
    read = [search.study.read_table(d, roles=settings.roles) for d in (frame, *_copies())]
    assert read[0].schema == read[1].schema
    pd.testing.assert_frame_equal(read[0].frame, read[1].frame)


def test_a_column_may_be_named_by_the_number_that_a_dataframe_has(started: list[Settings]) -> None:
    frame = _frame().rename(columns={"target": 1.0})
    _launch(frame, target=1.0)
    assert started[0].data.target == "1"


def test_a_refused_dataframe_leaves_no_copy_and_takes_none_from_another_study(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise SettingError("no.")

    with monkeypatch.context() as context:
        context.setattr(search.study, "prepare_into", refuse)
        with pytest.raises(SettingError):
            _launch(_frame())
    assert _copies() == []
    _launch(_frame())
    monkeypatch.setattr(search.study, "prepare_into", refuse)
    with pytest.raises(SettingError):
        _launch(_frame())
    assert len(_copies()) == 1


def test_a_name_that_is_taken_is_refused_before_the_table_is_read(started: list[Settings]) -> None:
    _launch(_frame(), study="rooks")
    with pytest.raises(StudyExistsError, match="'rooks' exists"):
        _launch("no such.csv", study="rooks")


@pytest.mark.parametrize("timeout", [60, 60.0, "60s", "1m"])
def test_a_timeout_may_be_a_number_of_seconds(started: list[Settings], timeout: Any) -> None:
    _launch(_frame(), timeout=timeout)
    assert started[0].timeout_seconds == 60


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True])
def test_a_timeout_that_is_no_time_is_refused(started: list[Settings], timeout: Any) -> None:
    with pytest.raises(SettingError, match=f"a duration must be a positive number .* `{timeout}`"):
        _launch(_frame(), timeout=timeout)


def test_after_a_table_moved_export_and_code_take_it_from_where_it_lies(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = _frame().assign(town=["Köln", "Ulm", "Bonn", "Hof"] * 20)
    frame.to_csv("t.csv", index=False, encoding="cp1252")
    study = _launch("t.csv")
    Path("t.csv").rename("moved.csv")
    trial = SimpleNamespace(number=0, value=0.9, params=_default(started[0]), _trial_id=1)
    cards: list[Any] = []
    exporter = SimpleNamespace(export_model=lambda *_, card, **__: cards.append(card))
    monkeypatch.setitem(sys.modules, "objectives.portable.export", exporter)
    figures = SimpleNamespace(metrics={}, standard_error=None, network={"l1": 0.0})
    task = SimpleNamespace(regime=SimpleNamespace(scaling="standard", class_weight="none"))
    monkeypatch.setattr(search.exporting._Source, "tasks", lambda *_: [task])
    for module in (search.coding, search.exporting):
        monkeypatch.setattr(module, "complete_trial", lambda *_: trial)
    for name, value in (("trial_figures", figures), ("find_artifact", None)):
        monkeypatch.setattr(search.exporting, name, lambda *_, value=value: value)
    monkeypatch.setattr(search.exporting, "load_tensorflow", lambda: None)
    monkeypatch.setattr(search.exporting, "trained_networks", lambda *_: [])
    for make in (
        lambda **data: search.coding.script(study.name, **data),
        lambda **data: search.exporting.export(study.name, Path("m.keras"), **data),
    ):
        with pytest.raises(StudyChangedError, match="say with --data where it lies"):
            make()
        found = make(data="moved.csv")
        assert found == 0 or "moved.csv" in found
    assert cards[0]["encoding"] == "cp1252"


def _default(settings: Settings) -> dict[str, Any]:
    return first_trials(settings.distributions())[1]


def test_a_study_goes_on_without_the_space_file_that_it_was_launched_with(
    started: list[Settings],
) -> None:
    file = Path("my.toml")
    file.write_text('base = "quick"\nl1 = {high = 1e-3}\nwidth = [8, 16]\n')
    study = _launch(_frame(), space=file, fixed={"dropout": 0.1})
    file.unlink()
    assert resume(study.name, progress=False).name == study.name
    then, now = started
    assert now == then
    said = {"l1": {"high": 1e-3}, "width": [8, 16], "dropout": 0.1}
    assert now.spec() == replace(read_space("quick", said), name="my.toml")
    space = now.distributions()
    assert (space["dropout"].single(), space["width"].choices) == (True, (8, 16))
    assert space["l1"] == FloatDistribution(1e-6, 1e-3, log=True)  # whatever the data bear


def test_a_space_that_this_release_would_make_otherwise_is_refused(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = _launch(_frame(), space="cocktail")
    changed = {**NAMED["cocktail"], "mixup": Interval(low=0.1, high=0.5, off=True)}
    monkeypatch.setitem(NAMED, "cocktail", changed)
    with pytest.raises(StudyChangedError, match=r"\(different: mixup\)"):
        resume(study.name, progress=False)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"space": "coktail"}, "--space must be one of "),
        ({"space": "my.toml"}, "--space must be a file that is there; my.toml is not."),
        ({"fixed": {"l2": 0}}, '--set l2: `l2` must be "off", a number above 0'),
    ],
)
def test_a_wrong_space_is_said_before_anything_is_made(
    started: list[Settings], given: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingError) as caught:
        _launch("no such.csv", **given)
    assert str(caught.value).startswith(says)
    assert list(Path().iterdir()) == []


def test_where_the_search_of_l1_ends_is_said_where_it_is_searched(
    started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    _launch(_frame(), progress=True)
    assert "L1 is searched up to " in capsys.readouterr().err
    _launch(_frame(), progress=True, fixed={"l1": {"high": 2e-4}})
    assert "L1 is searched up to 2.0e-04, as was asked for; the data bear " in (
        capsys.readouterr().err
    )
    _launch(_frame(), progress=True, space="quick")
    assert "L1" not in capsys.readouterr().err


# An objective of one's own


OBJECTIVE = "def suggest(trial):\n    return {}\n\n\ndef build(params, inputs):\n    return None\n"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts of the objectives that are tried, by nobody: that takes a process of its own."""
    texts: list[str] = []
    monkeypatch.setattr(search.study, "check_objective", lambda file, *_: texts.append(file.text))
    return texts


def _images(n: int = 80) -> Path:
    rng = np.random.default_rng(0)
    np.savez("images.npz", x=rng.normal(size=(n, 4, 4)), y=["cat", "dog"] * (n // 2))
    return Path("images.npz")


def test_arrays_are_launched_with_an_objective_which_the_study_keeps(
    started: list[Settings], tried: list[str]
) -> None:
    Path("my.py").write_text(OBJECTIVE)
    with pytest.raises(SettingError, match=r"is an array of 4 x 4, .* say --objective FILE"):
        _launch(_images())
    assert _launch(_images(), objective="my.py").name == "images-1"
    (settings,) = started
    assert tried == [OBJECTIVE]
    assert settings.objective is not None
    assert settings.objective.source == str(Path("my.py").resolve())
    assert (settings.objective.text, settings.space) == (OBJECTIVE, {})
    assert (settings.data.target, settings.data.columns) == ("y", ("x",))
    assert "--objective my.py" in launch_command(settings, trials=3, confirm=0)


def test_digits_come_with_their_objective(started: list[Settings], tried: list[str]) -> None:
    _launch("digits")
    (settings,) = started
    assert settings.objective is not None
    assert settings.objective.source == "digits"
    assert "--objective" not in launch_command(settings, trials=3, confirm=0)
    for given in ({"space": "quick"}, {"fixed": {"l1": "off"}}):
        with pytest.raises(SettingError, match="draws its own parameters; leave out --space"):
            _launch("digits", **given)


def test_rows_of_numbers_in_an_npz_file_are_searched_as_a_table(started: list[Settings]) -> None:
    x = np.random.default_rng(0).normal(size=(80, 2))
    np.savez("rows.npz", x=x, y=[0, 1] * 40)
    study = _launch("rows.npz")
    resume(study.name, progress=False)
    assert (started[0].data.columns, started[0].objective) == (("x0", "x1"), None)
    assert "width" in started[0].space


def test_a_study_follows_a_changed_objective_only_where_it_is_named(
    started: list[Settings], tried: list[str]
) -> None:
    Path("my.py").write_text(OBJECTIVE)
    study = _launch(_frame(), objective="my.py")
    assert resume(study.name, progress=False).name == study.name
    Path("my.py").write_text(OBJECTIVE + "# changed\n")
    with pytest.raises(StudyChangedError, match=r"launched with another my.py than"):
        resume(study.name, progress=False)
    resume(study.name, objective="my.py", progress=False)
    resume(study.name, progress=False)
    texts = [settings.objective.text for settings in started if settings.objective]
    assert texts == [OBJECTIVE, OBJECTIVE, *[OBJECTIVE + "# changed\n"] * 2]
    assert tried == [OBJECTIVE, OBJECTIVE + "# changed\n"]
    with pytest.raises(TrialError, match=r"has an objective of its own, my\.py"):
        search.coding.script(study.name)


def test_an_objective_moved_to_another_machine_is_named_with_its_place(
    started: list[Settings], tried: list[str]
) -> None:
    Path("my.py").write_text(OBJECTIVE)
    study = _launch(_frame(), objective="my.py")
    Path("my.py").rename("moved.py")
    with pytest.raises(StudyChangedError, match="say with --objective where it lies"):
        resume(study.name, progress=False)
    resume(study.name, objective="moved.py", progress=False)
    assert tried == [OBJECTIVE], "it has not changed"
    with pytest.raises(SettingError, match="Leave --objective out"):
        resume(_launch(_frame()).name, objective="moved.py", progress=False)


def test_a_study_that_ended_early_has_not_once_its_budget_is_raised(
    started: list[Settings],
) -> None:
    study = _launch(_frame(), trials=3, stop_when_flat=True)
    db = open_database(study.url)
    record = load_study(db, study.name)
    db.optuna.set_study_user_attr(record.study_id, ENDED_EARLY, "it was flat")
    resume(study.name, progress=False)
    assert db.optuna.get_study_user_attrs(record.study_id)[ENDED_EARLY] == "it was flat"
    resume(study.name, trials=10, progress=False)
    assert db.optuna.get_study_user_attrs(record.study_id)[ENDED_EARLY] is None
    first = started[0].first_trials
    queued = [t.system_attrs["fixed_params"] for t in db.optuna.get_all_trials(record.study_id)]
    assert len(queued) == len(first) > 3
    assert queued == first


# Where workers run


def test_a_file_that_other_machines_cannot_share_is_refused_before_anything_is_made(
    started: list[Settings],
) -> None:
    with pytest.raises(SettingError, match="cannot share a SQLite file"):
        _launch("no such.csv", engine="ray", address="auto")
    assert list(Path().iterdir()) == []


def test_a_resume_runs_workers_where_the_launch_did_but_for_what_is_told(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[Placement] = []

    def run(db: Any, record: Any, *_: Any, placement: Placement, **__: Any) -> Study:
        placed.append(placement)
        return Study(name=record.name, url=db.url)

    monkeypatch.setattr(search.study, "_run", run)
    study = _launch(_frame(), engine="ray", cpus_per_worker=2)
    for told in ({}, {"gpus_per_worker": 0.5}, {"engine": "local"}, {}):
        resume(study.name, progress=False, **told)
    ray = Placement(engine="ray", cpus_per_worker=2)
    assert placed == [ray, ray, replace(ray, gpus_per_worker=0.5), Placement(), ray]
