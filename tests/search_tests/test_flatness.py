"""A study ends when more trials would gain less than its best ones differ by chance."""

import math
from pathlib import Path

import numpy as np
import pytest

from search import flatness
from search.figures import ENDED_EARLY
from search.flatness import AHEAD, BETWEEN, LEAST, Outlook, StopWhenFlat, expected_gain
from storage.database import Database, open_database
from storage.progress import StudySummary, TrialCounts, summarise_study
from storage.studies import StudyRecord, create_study, load_study


def test_gain_is_that_of_so_many_draws_from_the_recent_ones() -> None:
    rng = np.random.default_rng(0)
    recent = rng.normal(0.80, 0.02, 20)
    best = 0.84
    draws = rng.normal(recent.mean(), recent.std(ddof=1), 400_000)
    one = np.maximum(draws - best, 0).mean()
    assert expected_gain(recent.tolist(), best) == pytest.approx(AHEAD * one, rel=0.05)


def test_trials_that_were_stopped_improve_nothing() -> None:
    values = [0.7, 0.72, 0.74, 0.71, 0.73, 0.75]
    whole = expected_gain(values, 0.76)
    assert expected_gain([*values, *[None] * 6], 0.76) == pytest.approx(whole / 2)


def test_gain_ends_at_a_perfect_ranking() -> None:
    assert expected_gain([0.9, 0.95, 1.0, 0.8, 0.99], 1.0) == 0.0
    assert expected_gain([0.5, 0.99, 0.4, 0.98, 0.6], 0.99) <= 0.01 + 1e-12


def test_too_few_complete_trials_promise_anything() -> None:
    assert expected_gain([0.7, 0.8, None, None], 0.8) == math.inf


def test_equal_trials_promise_nothing() -> None:
    assert expected_gain([0.8] * 6, 0.8) == 0.0


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(f"sqlite:///{tmp_path / 'flat.db'}")


@pytest.fixture
def study(db: Database) -> StudyRecord:
    return create_study(db, "rooks", settings={}, planned_trials=200)


def seen(study: StudyRecord, db: Database, finished: int, running: int = 0) -> StudySummary:
    summary = summarise_study(db, study.name)
    counts = {**vars(summary.counts), "complete": finished, "running": running}
    return StudySummary(**{**vars(summary), "counts": TrialCounts(**counts)})


@pytest.mark.parametrize("gain", [0.001, 0.003])
def test_study_ends_once_a_gain_would_be_lost_in_the_noise(
    gain: float, db: Database, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flatness, "outlook", lambda *_: Outlook(gain=gain, noise=0.002))
    said: list[str] = []
    watcher = StopWhenFlat(db, study, Path(), said.append)
    watcher.watch(seen(study, db, LEAST - 1))
    assert load_study(db, "rooks").planned_trials == 200
    watcher.watch(seen(study, db, LEAST, running=2))
    reason = db.optuna.get_study_user_attrs(study.study_id).get(ENDED_EARLY)
    if gain > 0.002:
        assert load_study(db, "rooks").planned_trials == 200
        assert (said, reason) == ([], None)
        return
    assert load_study(db, "rooks").planned_trials == LEAST + 2
    (sentence,) = said
    assert reason in sentence
    assert f"after {LEAST} of 200 trials" in sentence
    assert "`dampen resume rooks --trials 200`" in sentence


def test_study_is_judged_every_few_trials(
    db: Database, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []
    monkeypatch.setattr(flatness, "outlook", lambda *_: judged.append(1))
    watcher = StopWhenFlat(db, study, Path(), lambda _: None)
    for finished in range(LEAST + 2 * BETWEEN):
        watcher.watch(seen(study, db, finished))
        watcher.watch(seen(study, db, finished))
    assert len(judged) == 2
