"""No request reaches the dashboard that its policy does not allow, whatever stands in it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.admission import checked_token, cookie, link
from storage.errors import AddressError
from storage.guard import Policy, guarded
from storage.hosts import served_names

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = "q7Jt0-x_2Zp9LkVw4RbE"
NAMES = served_names(host="127.0.0.1", loopback=True)
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    reached: "list[WSGIEnvironment]"  # what came through to the application

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


def ask(
    policy: Policy,
    *,
    answers: tuple[str, list[tuple[str, str]]] = ("200 OK", []),
    **request: str,
) -> Answer:
    """Sends one request to a guarded application; the keywords stand in its environment."""
    reached: list[WSGIEnvironment] = []
    said: list[Any] = []

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        reached.append(environ)
        start_response(*answers)
        return [b"studies"]

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        said[:] = [status, headers]

    environ: WSGIEnvironment = {"HTTP_HOST": "127.0.0.1:8080", **request}
    setup_testing_defaults(environ)
    body = b"".join(guarded(app, policy)(environ, start_response))
    return Answer(status=int(said[0][:3]), headers=said[1], body=body, reached=reached)


def cookie_of(token: str) -> str:
    return cookie(token).partition(";")[0]


def latin(**options: Any) -> st.SearchStrategy[str]:
    return st.text(st.characters(max_codepoint=255), **options)


# Right in everything but the token, as one who guesses would have it.
near_misses = st.sampled_from(
    [
        *("", TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer "),
        *(f"token={TOKEN}", f"{cookie_of(TOKEN)[:-1]}", f"{cookie_of(TOKEN)}0", f"?token={TOKEN}"),
        f"{cookie_of(TOKEN).partition('=')[0]}={TOKEN}",
        cookie_of("another token of 16"),
    ]
)
methods = st.sampled_from([*READING, "POST", "PUT", "DELETE", "PATCH", "get"]) | latin(min_size=1)
requests = st.fixed_dictionaries(
    {"REQUEST_METHOD": methods, "PATH_INFO": latin().map(lambda path: f"/{path}")},
    optional={
        "HTTP_HOST": st.sampled_from(["localhost", "[::1]:8080", "evil.example"]) | latin(),
        "HTTP_ORIGIN": st.sampled_from(["http://localhost", "null"]) | latin(),
        "HTTP_SEC_FETCH_SITE": st.sampled_from(["same-origin", "cross-site", "none"]),
        "HTTP_AUTHORIZATION": near_misses | latin(),
        "HTTP_COOKIE": near_misses | latin(),
        "QUERY_STRING": near_misses | latin() | st.sampled_from([f"token={TOKEN}x", "token"]),
    },
)


@given(request=requests, read_only=st.booleans())
def test_nothing_without_the_token_reaches_the_dashboard(
    request: dict[str, str], read_only: bool
) -> None:
    if request.get("QUERY_STRING") == f"token={TOKEN}":
        request["QUERY_STRING"] = "token="
    answer = ask(Policy(names=NAMES, token=TOKEN, read_only=read_only), **request)
    assert answer.reached == []
    assert answer.status in (401, 403)
    assert answer.header("Set-Cookie") is None
    assert TOKEN not in str(answer.headers)


@given(request=requests, token=st.sampled_from([None, TOKEN]))
def test_no_change_reaches_a_read_only_dashboard(
    request: dict[str, str], token: str | None
) -> None:
    request |= {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
    answer = ask(Policy(names=NAMES, token=token, read_only=True), **request)
    assert all(environ["REQUEST_METHOD"] in READING for environ in answer.reached)


@given(name=st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9]{0,20}){1,3}", fullmatch=True))
def test_no_name_of_a_stranger_reaches_the_dashboard(name: str) -> None:
    answer = ask(Policy(names=NAMES), HTTP_HOST=name)
    assert (answer.status, answer.reached) == (403, [])


@pytest.mark.parametrize("path", ["/dashboard", "/api/studies"])
def test_missing_token_is_answered_with_what_to_do(path: str) -> None:
    answer = ask(Policy(names=NAMES, token=TOKEN), PATH_INFO=path)
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, "Bearer")
    said = json.loads(answer.body)["reason"] if "api" in path else answer.body.decode()
    assert said.strip() == (
        "This dashboard must be opened with its token: by the link that `dampen dashboard` "
        "printed, or by adding /?token=TOKEN to the address."
    )


def test_link_leaves_a_cookie_and_the_token_out_of_the_address() -> None:
    policy = Policy(names=NAMES, token=TOKEN)
    answer = ask(policy, PATH_INFO="/dashboard/studies/1", QUERY_STRING=f"a=%26&token={TOKEN}&b=2")
    assert (answer.status, answer.reached) == (200, [])
    assert b'url=/dashboard/studies/1?a=%26&amp;b=2"' in answer.body
    assert TOKEN.encode() not in answer.body
    given_cookie = answer.header("Set-Cookie")
    assert given_cookie is not None
    assert given_cookie.endswith("; HttpOnly; SameSite=Strict; Path=/")
    assert TOKEN not in given_cookie
    assert ask(policy, HTTP_COOKIE=f"a=b; {given_cookie.partition(';')[0]}").reached


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "///evil.example/a"])
def test_link_leads_to_no_other_site(path: str) -> None:
    answer = ask(Policy(names=NAMES, token=TOKEN), PATH_INFO=path, QUERY_STRING=f"token={TOKEN}")
    assert b"url=/evil.example" in answer.body or b"url=/%5Cevil.example" in answer.body


def test_link_changes_nothing() -> None:
    answer = ask(
        Policy(names=NAMES, token=TOKEN), REQUEST_METHOD="POST", QUERY_STRING=f"token={TOKEN}"
    )
    assert (answer.status, answer.reached) == (401, [])


@pytest.mark.parametrize("token", [TOKEN, "sixteen; =&%+\u0141\u00f3d\u017a \u2713"])
def test_program_is_let_in_by_its_header_and_a_person_by_the_link(token: str) -> None:
    policy = Policy(names=NAMES, token=token)
    header = f"Bearer {token}".encode().decode("latin-1")
    assert ask(policy, HTTP_AUTHORIZATION=header).reached
    assert ask(policy, HTTP_COOKIE=cookie_of(token)).reached
    query = link("http://localhost", token).partition("?")[2]
    assert ask(policy, QUERY_STRING=query).header("Set-Cookie") == cookie(token)


def test_dashboards_on_two_ports_keep_their_cookies_apart() -> None:
    others = "another token of 16"
    both = f"{cookie_of(others)}; {cookie_of(TOKEN)}"
    for token in (TOKEN, others):
        assert ask(Policy(names=NAMES, token=token), HTTP_COOKIE=both).reached


def test_dashboard_does_not_learn_the_token() -> None:
    (environ,) = ask(
        Policy(names=NAMES, token=TOKEN),
        HTTP_AUTHORIZATION=f"Bearer {TOKEN}",
        HTTP_COOKIE=cookie_of(TOKEN),
    ).reached
    assert TOKEN not in str(environ)
    assert cookie_of(TOKEN) not in str(environ)
    assert TOKEN not in repr(Policy(names=NAMES, token=TOKEN))


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:9000", "localhost.", "127.0.0.1", "[::1]:8080"),
        *("192.0.2.7:8080", "[2001:db8::1]", "dash.example.com:443"),
    ],
)
def test_known_name_is_answered_at_any_port(host: str) -> None:
    names = served_names(host="127.0.0.1", loopback=True, allowed=["Dash.Example.com"])
    assert ask(Policy(names=names), HTTP_HOST=host).reached


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8080"),
        *("localhost:8080@evil.example", "localhost, evil.example", "localhost evil", "", "[]"),
        *("localhost/", "2130706433", "0x7f.1"),
    ],
)
def test_unknown_name_is_refused(host: str) -> None:
    answer = ask(Policy(names=NAMES), HTTP_HOST=host)
    assert (answer.status, answer.reached) == (403, [])


def test_unknown_name_is_answered_with_how_to_allow_it() -> None:
    assert ask(Policy(names=NAMES), HTTP_HOST="dash.example.com:80").body.decode() == (
        "This dashboard must be called by a name it knows; got 'dash.example.com'. If that is "
        "where you want it, add --allow-host dash.example.com to `dampen dashboard`.\n"
    )


def test_machine_has_its_own_name_where_others_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Kasparov")
    everywhere = served_names(host="0.0.0.0", loopback=False)
    assert everywhere >= {"kasparov", "kasparov.local", "localhost"}
    assert "kasparov" not in NAMES


@pytest.mark.parametrize("name", ["https://dash.example.com", "dash.example.com/a", "*", ""])
def test_what_is_no_name_cannot_be_allowed(name: str) -> None:
    with pytest.raises(AddressError, match="`--allow-host` must be a name as it stands"):
        served_names(host="127.0.0.1", loopback=True, allowed=[name])


OWN = {"HTTP_HOST": "localhost:8080"}


@pytest.mark.parametrize(
    ("headers", "reaches"),
    [
        ({}, True),  # a program
        ({"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "http://localhost:8080"}, True),
        ({"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "https://behind.a.proxy"}, True),
        ({"HTTP_ORIGIN": "http://localhost:8080"}, True),
        ({"HTTP_ORIGIN": "https://LOCALHOST:8080"}, True),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, False),
        ({"HTTP_SEC_FETCH_SITE": "same-site", "HTTP_ORIGIN": "http://localhost:8080"}, False),
        ({"HTTP_SEC_FETCH_SITE": ""}, False),
        ({"HTTP_ORIGIN": "http://localhost:3000"}, False),  # another program on this machine
        ({"HTTP_ORIGIN": "http://evil.example"}, False),
        ({"HTTP_ORIGIN": "null"}, False),
        ({"HTTP_ORIGIN": ""}, False),
    ],
)
def test_change_must_come_from_the_dashboard_itself(headers: dict[str, str], reaches: bool) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(Policy(names=NAMES), REQUEST_METHOD=method, **OWN, **headers)
        assert bool(answer.reached) == reaches
        if not reaches:
            assert answer.status == 403
            assert "another site" in json.loads(answer.body)["reason"]
    assert ask(Policy(names=NAMES), **OWN, **headers).reached


def test_refused_change_is_said_as_the_page_shows_it() -> None:
    answer = ask(Policy(names=NAMES, read_only=True), REQUEST_METHOD="DELETE")
    assert (answer.status, answer.header("Content-Type")) == (403, "application/json")
    assert json.loads(answer.body) == {
        "reason": "This dashboard is read-only; start it without --read-only to change anything."
    }


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
@pytest.mark.parametrize("query", ["", urlencode({"token": TOKEN})])
def test_every_answer_is_kept_to_itself(host: str, query: str) -> None:
    answer = ask(Policy(names=NAMES, token=TOKEN), HTTP_HOST=host, QUERY_STRING=query)
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("X-Frame-Options") == "SAMEORIGIN"
    assert answer.header("Referrer-Policy") == "no-referrer"
    assert answer.header("Cache-Control") == "no-store"
    assert ("Content-Security-Policy", "frame-ancestors 'self'") in answer.headers


def test_uploaded_file_runs_nothing_and_is_offered_to_no_other_site() -> None:
    offered = ("200 OK", [("Content-Type", "text/html"), ("Access-Control-Allow-Origin", "*")])
    answer = ask(Policy(names=NAMES), answers=offered, PATH_INFO="/artifacts/1/2/ab")
    assert answer.header("Content-Type") == "text/html"
    assert answer.header("Content-Security-Policy") == "frame-ancestors 'self'; sandbox"
    assert answer.header("Access-Control-Allow-Origin") is None


def test_redirect_stays_behind_a_proxy() -> None:
    moved = ("302 Found", [("Location", "http://127.0.0.1:8080/dashboard?a=b")])
    assert ask(Policy(names=NAMES), answers=moved).header("Location") == "/dashboard?a=b"


def test_token_is_made_where_others_reach_the_dashboard_and_none_is_given() -> None:
    made = {checked_token(None, needed=True) for _ in range(5)}
    assert len(made) == 5
    assert all(token is not None and len(token) >= 40 for token in made)
    assert checked_token(None, needed=False) is None
    assert checked_token(TOKEN, needed=False) == TOKEN


@pytest.mark.parametrize("token", ["", "a" * 15])
def test_short_token_is_refused(token: str) -> None:
    with pytest.raises(AddressError) as caught:
        checked_token(token, needed=False)
    assert str(caught.value) == (
        f"`--token` must have at least 16 characters; got {len(token)}. Leave it out, and one is "
        "made where others can reach the dashboard."
    )
