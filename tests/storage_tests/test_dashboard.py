"""The dashboard answers, holds nobody up, and cannot lose a study's settings."""

import json
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from optuna.trial import TrialState

from storage.artifacts import save_artifact
from storage.claims import claim_trial
from storage.dashboard import address_of, bind, dashboard_app, serve
from storage.database import Database, writing
from storage.errors import DashboardAddressError, StorageMissingError
from storage.progress import list_studies
from storage.studies import StudyRecord, load_study

Spawn = Callable[..., "subprocess.Popen[str]"]

# Not through a proxy that the environment may name.
_BROWSER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(address: str) -> bytes:
    with _BROWSER.open(address, timeout=10) as answer:
        return bytes(answer.read())


@pytest.fixture
def address(db: Database) -> Iterator[str]:
    with bind(host="127.0.0.1", port=0) as server:
        server.set_app(dashboard_app(db))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield address_of(server)
        server.shutdown()
        thread.join()


def test_page_studies_and_files_are_served(
    db: Database, study: StudyRecord, worker_id: str, address: str
) -> None:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    artifact_id = save_artifact(db, claim, filename="roc.png", content=b"\x89PNG")
    db.optuna.set_trial_state_values(claim.trial_id, TrialState.COMPLETE, [0.875])
    assert b"<html" in _get(f"{address}/dashboard").lower()
    listed = json.loads(_get(f"{address}/api/studies"))
    assert [entry["study_name"] for entry in listed["study_summaries"]] == ["rooks"]
    detail = json.loads(_get(f"{address}/api/studies/{study.study_id}?after=0"))
    assert detail["trials"][0]["values"] == [0.875]
    file = f"{address}/artifacts/{study.study_id}/{claim.trial_id}/{artifact_id}"
    assert _get(file) == b"\x89PNG"


def test_page_is_answered_while_a_worker_holds_the_write_lock(
    db: Database, study: StudyRecord, address: str
) -> None:
    with writing(db):
        assert b"rooks" in _get(f"{address}/api/studies")
        assert _get(f"{address}/api/studies/{study.study_id}?after=0")


def test_note_can_be_written(db: Database, study: StudyRecord, address: str) -> None:
    request = urllib.request.Request(
        f"{address}/api/studies/{study.study_id}/note",
        data=json.dumps({"body": "promising", "version": 1}).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    with _BROWSER.open(request, timeout=10) as answer:
        assert answer.status == 204
    assert "promising" in str(db.optuna.get_study_system_attrs(study.study_id))


def test_deleting_a_study_takes_its_rows_and_files_along(
    db: Database, study: StudyRecord, worker_id: str, address: str
) -> None:
    claim = claim_trial(db, study.study_id, worker_id)
    assert claim is not None
    save_artifact(db, claim, filename="roc.png", content=b"\x89PNG")
    request = urllib.request.Request(
        f"{address}/api/studies/{study.study_id}", headers={"Content-Type": "application/json"}
    )
    request.method = "DELETE"
    with _BROWSER.open(request, timeout=10) as answer:
        assert answer.status == 204
    assert list_studies(db) == []
    assert list(db.artifacts.iterdir()) == []


def test_study_cannot_be_renamed_and_so_lose_its_settings(
    db: Database, study: StudyRecord, address: str
) -> None:
    request = urllib.request.Request(
        f"{address}/api/studies/{study.study_id}/rename",
        data=b'{"study_name": "queens"}',
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        _BROWSER.open(request, timeout=10)
    with caught.value as answer:
        assert answer.code == 409
        assert "cannot be renamed" in json.loads(answer.read())["reason"]
    assert load_study(db, "rooks") == study


def test_busy_port_is_answered_with_a_free_one() -> None:
    with bind(host="127.0.0.1", port=0) as server:
        port = server.server_port
        with pytest.raises(DashboardAddressError) as caught:
            bind(host="127.0.0.1", port=port)
        said = str(caught.value)
        found = re.fullmatch(
            rf"Port {port} is busy; (\d+) is free: dampen dashboard --port (\d+)", said
        )
        assert found is not None
        assert found[1] == found[2]
        with socket.create_server(("127.0.0.1", int(found[1]))):
            pass


def test_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(DashboardAddressError, match="must be an address of this machine"):
        bind(host="192.0.2.1", port=0)


def test_port_out_of_range_is_refused() -> None:
    with pytest.raises(DashboardAddressError, match=r"\[0, 65535\]; got 70000"):
        bind(host="127.0.0.1", port=70000)


def test_missing_storage_is_not_made(empty_url: str) -> None:
    with pytest.raises(StorageMissingError):
        serve(empty_url, on_ready=print)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_interrupt_ends_the_server_quietly(db: Database, study: StudyRecord, spawn: Spawn) -> None:
    process = spawn(
        "import sys\n"
        "from storage.dashboard import serve\n"
        "serve(sys.argv[1], port=0, on_ready=lambda address: print(address, flush=True))\n",
        db.url,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert b"rooks" in _get(f"{address}/api/studies")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
