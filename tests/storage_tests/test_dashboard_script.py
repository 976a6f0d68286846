"""What is served beside the dashboard's own: its script, and trials with their notes."""

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna_dashboard
import pytest
from optuna.trial import TrialState
from optuna_dashboard import _serializer

from storage.claims import claim_trial
from storage.dashboard_script import filterable, serve_script
from storage.dashboard_trials import by_trial, install
from storage.database import Database
from storage.evaluations import finish_trial
from storage.front import Front, save_front
from storage.studies import StudyRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ORIGINAL = Path(optuna_dashboard.__file__).parent / "public" / "bundle.js"


def _ask(**headers: str) -> tuple[str, dict[str, str], bytes]:
    said: list[Any] = []
    environ: WSGIEnvironment = {"REQUEST_METHOD": "GET", **headers}
    body = b"".join(serve_script(environ, lambda *answer: said.extend(answer)))  # type: ignore[arg-type,func-returns-value]
    return said[0], dict(said[1]), body


def test_script_is_the_dashboards_with_verdicts_made_filterable() -> None:
    status, headers, body = _ask()
    assert (status, headers["Content-Length"]) == ("200 OK", str(len(body)))
    original, served = ORIGINAL.read_text("utf-8"), body.decode()
    assert served.count('"verdict"===') == 2
    assert 0 < len(served) - len(original) < 200
    assert filterable("another release") == "another release"
    assert filterable(original + original) == original + original


def test_script_is_sent_packed_and_once() -> None:
    _, headers, packed = _ask(HTTP_ACCEPT_ENCODING="gzip, br")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == _ask()[2]
    status, _, body = _ask(HTTP_IF_NONE_MATCH=f"W/{headers['ETag']}")
    assert (status, body) == ("304 Not Modified", b"")


def test_attributes_of_a_study_are_told_apart_by_trial() -> None:
    note = {"dashboard:12:note_ver": 1, "dashboard:12:note_str:0": "text"}
    file = {"dashboard:artifacts:1:ab": "{}"}
    others = {"dashboard:note_ver": 1, "dashboard:plot_data:roc:0": "{}", "study:metric_names": []}
    assert by_trial({**note, **others, **file}) == {12: note, 1: file}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_trial_is_served_as_the_dashboard_would_serve_it(
    db: Database, study: StudyRecord, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for note in ("one", "two" * 2000):
        claim = claim_trial(db, study.study_id, worker_id)
        assert claim is not None
        finish_trial(
            db,
            claim,
            state=TrialState.COMPLETE,
            value=0.5,
            evaluation={},
            learning_curve={},
            attributes={},
            note=note,
        )
    save_front(db, study.study_id, Front(finished=2, metric="m", note="n", figures={}))
    attributes = db.optuna.get_study_system_attrs(study.study_id)
    trials = db.optuna.get_all_trials(study.study_id)
    plain = getattr(_serializer.serialize_frozen_trial, "plain", _serializer.serialize_frozen_trial)
    monkeypatch.setattr(_serializer, "serialize_frozen_trial", plain)
    wanted = [plain(study.study_id, trial, attributes) for trial in trials]
    install()
    install()
    served = [_serializer.serialize_frozen_trial(study.study_id, t, attributes) for t in trials]
    assert served == wanted
    assert [trial["note"]["body"] for trial in served] == ["one", "two" * 2000]
