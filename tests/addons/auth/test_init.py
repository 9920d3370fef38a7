import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from ccx_addons import auth as auth_module
from ccx_addons.auth import MAX_CREDENTIALS, Auth, common, credentials_of, identify
from ccx_addons.auth.guesses import MAX_FAILURES
from ccx_addons.core.config import Client, Kind, Snapshot
from ccx_addons.core.exchange import Exchange
from ccx_addons.io.meeting import Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import exchange_of
from tests.addons.flows import flow
from tests.addons.values import exchange

KEY = "ccx-alice-0123456789"
ADMIN = "admin-key-0123456789"


def client(name: str, key: str, **more: Any) -> Client:
    return Client(name, hashlib.sha256(key.encode()).hexdigest(), **more)


SNAPSHOT = Snapshot(
    "rev1",
    0,
    clients=(
        client("alice", KEY),
        client("off", "key-of-off", enabled=False),
        client("moved", "key-now", previous=((hashlib.sha256(b"key-before").hexdigest(), 9e9),)),
        client("gone", "key-of-gone", expires=1_769_860_800.0),
        client("chatty", "key-of-chatty", kinds=frozenset[Kind]({"chat"})),
    ),
)


@pytest.fixture
def auth(runtime: Runtime) -> Auth:
    runtime.snapshot = SNAPSHOT
    runtime.settings = replace(runtime.settings, admin_access_key=ADMIN, cors_origins=("https://app.test",))
    return Auth(runtime)


def admitted(auth: Auth, request: http.HTTPFlow) -> Exchange:
    auth.requestheaders(request)
    x = exchange_of(request)
    assert x
    return x


def asked_at(moment: float) -> Exchange:
    x = exchange()
    x.snapshot, x.started_at = SNAPSHOT, moment
    return x


def status(request: http.HTTPFlow) -> int:
    return request.response.status_code if request.response else 0


# ---- who is it? ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/v1/messages", {"x_api_key": KEY}, id="x-api-key"),
        pytest.param("/v1/chat/completions", {"authorization": f"Bearer {KEY}"}, id="bearer"),
        pytest.param("/v1/chat/completions", {"authorization": f"bearer  {KEY} "}, id="bearer in small letters"),
        pytest.param("/v1/chat/completions", {"authorization": KEY}, id="bare authorization"),
        pytest.param("/v1beta/models/g:generateContent", {"x_goog_api_key": KEY}, id="x-goog-api-key"),
        pytest.param("/v1/chat/completions", {"api_key": KEY}, id="api-key"),
        pytest.param(f"/v1beta/models/g:generateContent?alt=sse&key={KEY}", {}, id="query"),
        pytest.param("/v1/messages", {"x_api_key": KEY, "authorization": f"Bearer {KEY}"}, id="in two places"),
        pytest.param(f"/v1/messages?key={KEY}", {"sec_websocket_protocol": f"realtime, {KEY}"}, id="among others"),
    ],
)
def test_a_client_is_known_by_its_key(auth: Auth, path: str, headers: dict[str, Any]) -> None:
    request = flow(path=path, **headers)
    x = admitted(auth, request)
    assert x.client and x.client.name == "alice" and request.response is None
    assert KEY not in repr((x.headers, x.query)), "the key goes no further"


@pytest.mark.parametrize("replay", [None, "request"])
def test_an_exchange_has_the_id_of_its_flow_and_each_replay_one_of_its_own(auth: Auth, replay: str | None) -> None:
    request = flow(x_api_key=KEY)
    request.is_replay = replay
    assert (admitted(auth, request).id == request.id) is (replay is None)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"x_api_key": "wrong"}, id="wrong"),
        pytest.param({"x_api_key": KEY[:-1]}, id="a part of it"),
        pytest.param({"x_api_key": "key-of-off"}, id="a client that is switched off"),
        pytest.param({"cookie": f"key={KEY}"}, id="another place"),
        pytest.param({"x_api_key": hashlib.sha256(KEY.encode()).hexdigest()}, id="its hash"),
        pytest.param({"x_api_key": ADMIN}, id="the admin's key"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/chat/completions", "/nothing", "/v1beta/models/g:generateContent"]
)
def test_everybody_else_is_refused(auth: Auth, path: str, headers: dict[str, Any]) -> None:
    request = flow(path=path, **headers)
    x = admitted(auth, request)
    assert x.client is None and status(request) == 401
    assert request.response and b"access key for this gateway is missing or wrong" in request.response.content  # type: ignore[operator]


def test_a_refusal_has_the_clients_shape(auth: Auth) -> None:
    shapes: dict[str, Callable[[Any], Any]] = {
        "/v1/messages": lambda body: (body["type"], body["error"]["type"]),
        "/v1/chat/completions": lambda body: body["error"]["code"],
        "/v1beta/models/g:generateContent": lambda body: body["error"]["status"],
    }
    expected = [("error", "authentication_error"), "invalid_api_key", "UNAUTHENTICATED"]
    found = []
    for path, shape in shapes.items():
        request = flow(path=path)
        admitted(auth, request)
        assert request.response
        found.append(shape(json.loads(request.response.content or b"")))
    assert found == expected


@pytest.mark.parametrize(
    ("method", "path", "code", "words"),
    [
        ("POST", "/v1/mesages", 404, "there is no POST /v1/mesages here"),
        ("POST", "/v1/v1/messages", 404, "did you mean /v1/messages?"),
        ("POST", "/v1/audio/speech", 404, "POST /v1/audio/speech is not served: the gateway has no speech"),
        ("GET", "/v1/messages", 405, "/v1/messages does not support GET; use POST"),
    ],
)
def test_unknown_paths_say_what_was_meant(auth: Auth, method: str, path: str, code: int, words: str) -> None:
    request = flow(method, path, x_api_key=KEY)
    admitted(auth, request)
    assert request.response and request.response.status_code == code
    assert words in json.loads(request.response.content or b"")["error"]["message"]


@pytest.mark.parametrize("headers", [{}, {"anthropic_version": "2023-06-01"}])
def test_models_are_listed_for_every_kind(auth: Auth, headers: dict[str, Any]) -> None:
    for path in ("/v1/models", "/v1beta/models/m"):
        request = flow("GET", path, x_api_key="key-of-chatty", **headers)
        admitted(auth, request)
        assert status(request) == 0


def test_a_client_keeps_to_its_kinds(auth: Auth) -> None:
    allowed, refused = (flow(path=path, x_api_key="key-of-chatty") for path in ("/v1/chat/completions", "/v1/messages"))
    admitted(auth, allowed)
    admitted(auth, refused)
    assert (status(allowed), status(refused)) == (0, 403)


@pytest.mark.parametrize(
    ("secret", "given", "test"),
    [
        pytest.param("the-secret", "the-secret", True, id="the panel"),
        pytest.param("the-secret", "boot", False, id="the name of the boot"),
        pytest.param("the-secret", "the-sécret", False, id="a guess"),
        pytest.param("the-secret", "", False, id="nothing"),
        pytest.param("", "", False, id="no secret"),
    ],
)
def test_only_who_knows_the_secret_asks_for_nothing(auth: Auth, secret: str, given: str, test: bool) -> None:
    auth.runtime.test_secret = secret
    x = admitted(auth, flow(path="/v1/chat/completions", x_api_key=KEY, x_ccx_test=given, accept="*/*"))
    assert x.test is test and "x-ccx-test" not in dict(x.headers) and "accept" in dict(x.headers)


def test_the_key_before_is_right_beside_the_new_one(auth: Auth) -> None:
    for key in ("key-now", "key-before"):
        x = admitted(auth, flow("POST", "/v1/messages", x_api_key=key))
        assert x.client and x.client.name == "moved"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/nothing"])
def test_a_key_that_is_over_is_told_so(auth: Auth, path: str) -> None:
    request = flow("POST", path, x_api_key="key-of-gone")
    admitted(auth, request)
    assert status(request) == 401 and request.response
    words = json.dumps(request.response.json())
    assert "the key 'gone' was right until 2026-01-31 12:00 UTC" in words


def test_an_exchange_pins_the_snapshot_it_arrived_under(auth: Auth) -> None:
    x = admitted(auth, flow(x_api_key=KEY))
    auth.runtime.snapshot = Snapshot("rev2", 0)
    assert x.snapshot.revision == "rev1" and admitted(auth, flow(x_api_key=KEY)).client is None


def test_a_bug_refuses(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth_module, "identify", lambda *_: 1 / 0)
    request = flow(x_api_key=KEY)
    admitted(auth, request)
    assert status(request) == 500 and request.response and b"division" not in (request.response.content or b"")


# ---- credentials_of --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "query", "found", "left"),
    [
        pytest.param((), "", [], "", id="nothing"),
        pytest.param((("x-api-key", ""), ("authorization", "Bearer ")), "", [], "", id="empty ones"),
        pytest.param((("x-api-key", "a"), ("authorization", "bearer")), "", [["a"]], "", id="a scheme with no key"),
        pytest.param((("x-api-key", "a"), ("x-api-key", "b")), "", [["a"], ["b"]], "", id="twice"),
        pytest.param((("authorization", "Basic dTpw"),), "", [["Basic dTpw"]], "", id="another scheme"),
        pytest.param(
            (("sec-websocket-protocol", "realtime, openai-insecure-api-key.k1, openai-beta.x"),), "", [["k1"]], "",
            id="a WebSocket's subprotocol",
        ),
        pytest.param((("sec-websocket-protocol", "k1, k2"),), "", [["k1", "k2"]], "", id="bare subprotocols"),
        pytest.param((("x-api-key", "k"), ("authorization", "Bearer k")), "", [["k"], ["k"]], "", id="the same key in two places"),
        pytest.param((), "alt=sse&key=k1&x=%20y", [["k1"]], "alt=sse&x=+y", id="query"),
        pytest.param((), "key=k1&key=k2", [["k1"], ["k2"]], "", id="query twice"),
        pytest.param((), "monkey=x", [], "monkey=x", id="another name"),
        pytest.param((), "monkey=%20", [], "monkey=%20", id="another name as it came"),
        pytest.param((), "k%65y=k1&x=1", [["k1"]], "x=1", id="query in hexadecimal"),
        pytest.param((), "alt=sse", [], "alt=sse", id="query without key stays as it is"),
    ],
)  # fmt: skip
def test_credentials_of(headers: Any, query: str, found: list[list[str]], left: str) -> None:
    assert credentials_of(headers, query) == (found, left)


NAMES = st.sampled_from(["x-api-key", "authorization", "x-goog-api-key", "sec-websocket-protocol", "accept"])
SURROGATES = st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(st.lists(st.tuples(NAMES, SURROGATES), max_size=5), st.text(max_size=20))
def test_no_header_breaks_it(headers: list[tuple[str, str]], query: str) -> None:
    found, left = credentials_of(tuple(headers), query)
    assert all(key == key.strip() and key for place in found for key in place) and not left.startswith("key=")
    assert identify(common(found)[0], asked_at(0)) is None


@pytest.mark.parametrize(
    ("keys", "at", "client"),
    [
        (["x", "key-of-chatty", KEY], 0, 4),
        (["key-of-off"], 0, None),
        ([], 0, None),
        (["key-before"], 9e9 - 1, 2),
        (["key-before"], 9e9, None),
        (["key-now"], 9e9, 2),
    ],
)
def test_identify_takes_the_first_right_key(keys: list[str], at: float, client: int | None) -> None:
    found = identify(keys, asked_at(at))
    assert found is (None if client is None else SNAPSHOT.clients[client])


# ---- lock-out --------------------------------------------------------------------------------------------------------
def guess(auth: Auth, count: int = MAX_FAILURES, path: str = "/v1/messages") -> list[int]:
    found = []
    for n in range(count):
        request = flow("GET" if path == "/metrics" else "POST", path, x_api_key=f"wrong-{n}")
        admitted(auth, request)
        found.append(status(request))
    return found


def test_an_address_that_guesses_is_told_to_wait(auth: Auth) -> None:
    assert guess(auth, MAX_FAILURES + 1) == [401] * MAX_FAILURES + [429]
    request = flow(x_api_key="wrong-0")
    admitted(auth, request)
    assert request.response and request.response.headers["retry-after"] == "60"


def test_the_right_key_passes_and_ends_the_lock(auth: Auth) -> None:
    guess(auth)
    assert admitted(auth, right := flow(x_api_key=KEY)).client and right.response is None
    assert guess(auth, 1) == [401]


def test_one_old_key_shuts_nobody_out(auth: Auth) -> None:
    for _ in range(MAX_FAILURES * 3):
        admitted(auth, old := flow(x_api_key="an-old-key"))
        assert status(old) == 401
    assert admitted(auth, flow(x_api_key=KEY)).client


def test_clients_and_admins_are_counted_apart(auth: Auth) -> None:
    assert guess(auth, MAX_FAILURES + 1, "/metrics")[-1] == 429
    assert guess(auth, 1) == [401]
    guess(auth)
    admitted(auth, flow(x_api_key=KEY))
    assert guess(auth, 1, "/metrics") == [429], "a client's key proves nothing of the admin's"
    admitted(auth, right := flow("GET", "/metrics", x_api_key=ADMIN))
    assert status(right) == 0 and guess(auth, 1, "/metrics") == [401]


@pytest.mark.parametrize("path", ["/v1/messages", "/metrics"])
@pytest.mark.parametrize("right", [KEY, ADMIN])
def test_a_request_names_few_keys(auth: Auth, path: str, right: str) -> None:
    """More are not even looked at, whether one is right or not."""
    request = flow("GET", path, authorization=right)
    for n in range(MAX_CREDENTIALS):
        request.request.headers.add("x-api-key", f"guess-{n}")
    assert admitted(auth, request).client is None and status(request) == 400
    assert not auth.clients.lock_out.failures and not auth.admins.lock_out.failures


def test_guesses_of_one_request_are_all_counted(auth: Auth) -> None:
    for first in range(0, MAX_FAILURES, 2):
        admitted(auth, flow(sec_websocket_protocol=f"a{first}, b{first}"))
    assert guess(auth, 1) == [429]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"authorization": "Bearer sk-dummy"}, id="a dummy"),
        pytest.param({"authorization": "Bearer key-of-chatty"}, id="another client's"),
        pytest.param({"x_goog_api_key": KEY + "x"}, id="nearly the same"),
        pytest.param({"path": "/v1/messages?key=x"}, id="in the query"),
        pytest.param({"sec_websocket_protocol": "realtime, x"}, id="among subprotocols"),
    ],
)
def test_two_different_keys_are_refused(auth: Auth, more: dict[str, Any]) -> None:
    request = flow(path=more.pop("path", "/v1/messages"), x_api_key=KEY, **more)
    assert admitted(auth, request).client is None and status(request) == 401
    assert request.response and b"different access keys" in (request.response.content or b"")
    assert not auth.clients.lock_out.failures, "nothing was looked up: it is no guess"


def test_many_names_are_not_even_compared(auth: Auth) -> None:
    many = ", ".join(map(str, range(4000)))
    admitted(auth, request := flow("GET", "/v1/responses", x_api_key=KEY, sec_websocket_protocol=many))
    assert status(request) == 400 and not auth.clients.lock_out.failures


def test_two_different_admin_keys_are_refused(auth: Auth) -> None:
    admitted(auth, request := flow("GET", "/metrics", x_api_key=ADMIN, authorization="Bearer other"))
    assert status(request) == 401
    admitted(auth, request := flow("GET", "/metrics", x_api_key=ADMIN, authorization=f"Bearer {ADMIN}"))
    assert status(request) == 0


def test_a_request_without_any_key_is_no_guess(auth: Auth) -> None:
    for _ in range(MAX_FAILURES + 1):
        admitted(auth, flow())
    assert admitted(auth, flow(x_api_key=KEY)).client


def test_the_log_names_the_address_but_never_the_key(auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    admitted(auth, flow(x_api_key="wrong-key-123456"))
    assert "203.0.113.7" in caplog.text and "wrong-key" not in caplog.text


# ---- behind proxies --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("trusted", "address"),
    [
        pytest.param((), "10.0.0.1", id="nobody is believed by default"),
        pytest.param(("10.0.0.0/8",), "1.2.3.4", id="a trusted proxy"),
    ],
)
def test_address(runtime: Runtime, trusted: tuple[str, ...], address: str) -> None:
    runtime.settings = replace(runtime.settings, trusted_proxies=trusted)
    assert Auth(runtime).address_of(flow(peer="10.0.0.1", x_forwarded_for="6.6.6.6, 1.2.3.4")) == address


@pytest.mark.parametrize(
    ("peer", "told", "path"),
    [
        pytest.param("9.9.9.9", {}, "/v1/messages", id="the path of the settings"),
        pytest.param("9.9.9.9", {"x_forwarded_prefix": "/base"}, "/v1/messages", id="a stranger says another"),
        pytest.param(
            "10.0.0.1", {"x_forwarded_prefix": "/other"}, "/base/v1/messages", id="a trusted proxy says another"
        ),
    ],
)
def test_below_a_path(runtime: Runtime, peer: str, told: dict[str, Any], path: str) -> None:
    runtime.settings = replace(runtime.settings, trusted_proxies=("10.0.0.0/8",), base_path="/base")
    request = flow("POST", "/base/v1/messages?beta=true", peer=peer, **told)
    assert admitted(Auth(runtime), request).path == path
    assert request.request.path == f"{path}?beta=true"


# ---- answered here ---------------------------------------------------------------------------------------------------
def test_health_says_where_limits_do_not_hold_for_all(auth: Auth, tmp_path: Path) -> None:
    limits = auth.runtime.state.limits
    auth.runtime.meeting = Member(limits, Line(tmp_path / "none", limits.part), lambda: 2)
    request = flow("GET", "/health")
    admitted(auth, request)
    assert status(request) == 200 and request.response
    assert request.response.json() == {"status": "ok", "limits": "the meeting place of the workers is away"}


def test_health_names_no_place(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Valkey is away: Error 111 connecting to valkey.internal:6379. Connection refused."
    monkeypatch.setattr(type(auth.runtime.meeting), "trouble", words, raising=False)
    request = flow("GET", "/health")
    admitted(auth, request)
    assert request.response and request.response.json() == {"status": "ok", "limits": "Valkey is away"}


def test_health_needs_no_key(auth: Auth) -> None:
    for path, ready, code in (("/health", False, 200), ("/health/ready", False, 503), ("/health/ready", True, 200)):
        auth.runtime.ready = ready
        request = flow("GET", path)
        admitted(auth, request)
        assert status(request) == code
    probe = flow("HEAD", "/")
    admitted(auth, probe)
    assert status(probe) == 200


@pytest.mark.parametrize(
    ("origin", "code"),
    [("https://app.test", 204), ("https://evil.test", 403), ("null", 403), ("https://app.test.evil", 403)],
)
def test_preflight(auth: Auth, origin: str, code: int) -> None:
    request = flow("OPTIONS", "/v1/messages", origin=origin, access_control_request_headers="x-api-key")
    admitted(auth, request)
    assert request.response and request.response.status_code == code
    assert request.response.headers.get("access-control-allow-origin") == (origin if code == 204 else None)


def test_pages_of_the_panel_go_to_its_process(auth: Auth) -> None:
    auth.runtime.admin_port = 4242
    x = admitted(auth, request := flow("GET", "/requests?q=x", cookie="session=1"))
    assert x.forward == ("127.0.0.1", 4242) and request.response is None
    assert admitted(auth, flow("GET", "/v1/models", x_api_key=KEY)).forward is None


def test_without_a_panel_its_pages_do_not_exist(auth: Auth) -> None:
    request = flow("GET", "/requests", x_api_key=KEY)
    assert admitted(auth, request).forward is None and status(request) == 404


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x_api_key": ADMIN}, 0),
        ({"authorization": f"Bearer {ADMIN}"}, 0),
        ({"x_api_key": KEY}, 401),
        ({"x_goog_api_key": ADMIN}, 401),
        ({}, 401),
    ],
)
def test_metrics_are_for_the_admin(auth: Auth, headers: dict[str, Any], code: int) -> None:
    request = flow("GET", "/metrics", **headers)
    assert admitted(auth, request).client is None and status(request) == code


def test_metrics_without_an_admin_key_are_for_nobody(auth: Auth) -> None:
    auth.runtime.settings = replace(auth.runtime.settings, admin_access_key="")
    request = flow("GET", "/metrics", x_api_key="")
    admitted(auth, request)
    assert status(request) == 401


def test_a_websocket_is_accepted_only_as_an_upgrade(auth: Auth) -> None:
    plain = flow("GET", "/v1/responses", x_api_key=KEY)
    admitted(auth, plain)
    upgrade = flow(
        "GET", "/v1/responses", x_api_key=KEY, connection="Upgrade", upgrade="websocket", sec_websocket_version="13",
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    admitted(auth, upgrade)
    assert (status(plain), status(upgrade)) == (426, 101)
    assert upgrade.response and upgrade.response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
