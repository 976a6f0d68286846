"""The dashboard answers, holds nobody up, and cannot lose a study's settings.

Who is let in is `test_guard.py`'s; here a guarded one is asked over a real connection.
"""

import json
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from storage.artifacts import save_artifact
from storage.claims import claim_trial
from storage.dashboard import dashboard_app, policy_for, serve
from storage.database import Database, writing
from storage.errors import AddressError, StorageMissingError
from storage.guard import READING, Policy, guarded
from storage.hosts import served_names
from storage.progress import list_studies
from storage.server import address_of, answer, bind, is_loopback
from storage.studies import StudyRecord, load_study

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN = "q7Jt0-x_2Zp9LkVw4RbE"

Spawn = Callable[..., "subprocess.Popen[str]"]

# Not through a proxy that the environment may name.
_BROWSER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(address: str) -> bytes:
    with _BROWSER.open(address, timeout=10) as answered:
        return bytes(answered.read())


@contextmanager
def _answering(app: "WSGIApplication", *, host: str = "127.0.0.1") -> Iterator[str]:
    """The address at which the application answers, for the length of the block."""
    stop = threading.Event()
    with bind(host=host, port=0) as listening:
        address = address_of(listening)
        thread = threading.Thread(
            target=answer, args=(listening, app), kwargs={"stop": stop}, daemon=True
        )
        thread.start()
        try:
            yield address
        finally:
            stop.set()
            thread.join(10)


@pytest.fixture
def address(db: Database) -> Iterator[str]:
    with _answering(dashboard_app(db)) as address:
        yield address


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
    with _BROWSER.open(request, timeout=10) as answered:
        # Its page reads every answer as JSON.
        assert (answered.status, json.loads(answered.read())) == (200, {})
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
    with _BROWSER.open(request, timeout=10) as answered:
        assert answered.status == 200
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
    with caught.value as answered:
        assert answered.code == 409
        assert "cannot be renamed" in json.loads(answered.read())["reason"]
    assert load_study(db, "rooks") == study


# What is asked with GET, by the route's pattern: all of it reads, and starts nothing that costs.
ROUTES_THAT_READ = {
    *("/", "/dashboard<:re:(/.*)?>", "/favicon.ico", "/static/<filename:path>", "/api/meta"),
    *(
        "/api/studies",
        "/api/studies/<study_id:int>",
        "/api/studies/<study_id:int>/plot/<plot_type>",
    ),
    *("/api/studies/<study_id:int>/param_importances", "/csv/<study_id:int>"),
    "/artifacts/<study_id:int>/<artifact_id:re:[0-9a-fA-F-]+>",
    "/artifacts/<study_id:int>/<trial_id:int>/<artifact_id:re:[0-9a-fA-F-]+>",
    "/incompatible-rdb-schema",
}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_read_only_dashboard_has_no_route_that_is_not_known_to_read(db: Database) -> None:
    from optuna_dashboard import wsgi

    routes = wsgi(db.optuna).routes
    assert {route.rule for route in routes if route.method in READING} == ROUTES_THAT_READ


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_guarded_dashboard_answers_its_name_and_its_token_only(
    db: Database, study: StudyRecord
) -> None:
    names = served_names(host="127.0.0.1", loopback=True)
    policy = Policy(names=names, token=TOKEN, read_only=True)
    with _answering(guarded(dashboard_app(db), policy)) as address:
        assert _refused(address) == 401
        assert _refused(f"{address}/?token={TOKEN}x") == 401
        assert _refused(f"{address}/?token={TOKEN}", Host="evil.example") == 403

        person = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        with person.open(f"{address}/?token={TOKEN}", timeout=10) as answered:
            assert b"url=/" in answered.read()
        with person.open(f"{address}/api/studies", timeout=10) as answered:
            assert b"rooks" in answered.read()

        bearer = {"Authorization": f"Bearer {TOKEN}"}
        program = urllib.request.Request(f"{address}/api/studies", headers=bearer)
        with _BROWSER.open(program, timeout=10) as answered:
            assert b"rooks" in answered.read()
            assert answered.headers["Server"] == "dampen"
        deletion = f"{address}/api/studies/{study.study_id}"
        assert _refused(deletion, method="DELETE", **bearer) == 403
    assert load_study(db, "rooks") == study


def _refused(address: str, *, method: str = "GET", **headers: str) -> int:
    request = urllib.request.Request(address, headers=headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        _BROWSER.open(request, timeout=10)
    with caught.value as answered:
        return answered.code


def test_server_listens_on_ipv6_too() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    for host in ("::1", "::"):
        with _answering(_says_hello, host=host) as address:
            assert re.fullmatch(r"http://\[::1\]:\d+", address)
            assert _get(address) == b"hello"
            if host == "::":
                assert _get(address.replace("[::1]", "127.0.0.1")) == b"hello"


@pytest.mark.parametrize(
    ("host", "loopback"), [("localhost", True), ("127.0.0.9", True), ("0.0.0.0", False)]
)
def test_address_that_was_bound_says_who_reaches_it(host: str, loopback: bool) -> None:
    with bind(host=host, port=0) as listening:
        assert is_loopback(listening) == loopback


@pytest.mark.parametrize(
    ("loopback", "allowed", "asks"),
    [(True, [], False), (False, [], True), (True, ["dash.example.com"], True)],
)
def test_token_is_asked_for_where_others_reach_the_dashboard(
    loopback: bool, allowed: list[str], asks: bool
) -> None:
    policy = policy_for(
        host="127.0.0.1", loopback=loopback, token=None, allowed_hosts=allowed, read_only=False
    )
    assert (policy.token is not None) == asks
    assert set(allowed) <= policy.names


def test_request_that_is_stuck_does_not_hold_up_the_end() -> None:
    asked, end = threading.Event(), threading.Event()

    def stuck(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        asked.set()
        end.wait(20)
        return _says_hello(environ, start_response)

    with _answering(stuck) as address:
        _, _, port = address.rpartition(":")
        with socket.create_connection(("127.0.0.1", int(port))) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert asked.wait(10)
            began = time.monotonic()
    assert time.monotonic() - began < 3
    end.set()


def _says_hello(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def test_busy_port_is_answered_with_a_free_one() -> None:
    with bind(host="127.0.0.1", port=0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(AddressError) as caught:
            bind(host="127.0.0.1", port=port)
        said = str(caught.value)
        found = re.fullmatch(
            rf"Port {port} is busy; (\d+) is free: dampen dashboard --port (\d+)", said
        )
        assert found is not None
        assert found[1] == found[2]
        with socket.create_server(("127.0.0.1", int(found[1]))):
            pass


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "no.such.host.invalid", "a" * 64])
def test_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(AddressError) as caught:
        bind(host=host, port=0)
    assert str(caught.value) == (
        f"`host` must be an address of this machine; got {host!r}. "
        "Leave it out, or try --host 127.0.0.1."
    )


def test_port_out_of_range_is_refused() -> None:
    with pytest.raises(AddressError, match=r"\[0, 65535\]; got 70000"):
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
