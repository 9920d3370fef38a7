from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.exchange import Ended, Exchange, Upstream
from ccx_addons.panel import PATIENCE, Panel
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow, response
from tests.addons.values import exchange


@pytest.fixture
def panel(runtime: Runtime) -> Panel:
    runtime.panel_secret = "the-secret"
    return Panel(runtime)


def forwarded() -> Exchange:
    x = exchange()
    x.ask(None)
    x.client = None
    x.forward, x.client_ip = ("127.0.0.1", 4242), "203.0.113.7"
    return x


def test_a_request_goes_to_the_panels_process_as_it_is(panel: Panel) -> None:
    x = forwarded()
    request = flow("POST", "/api/channels?x=1", b"{}", x=x, cookie="session=1", x_csrf="t", transfer_encoding="chunked")
    panel.upstream_attempt(request)
    assert x.upstream == Upstream("127.0.0.1", 4242, tls=False, timeouts=PATIENCE)
    sent = request.request
    assert (sent.method, sent.path, sent.raw_content, sent.data.port) == ("POST", "/api/channels?x=1", b"{}", 4242)
    assert (sent.headers["cookie"], sent.headers["x-csrf"], sent.headers["host"]) == ("session=1", "t", "gateway.test")
    assert sent.headers["content-length"] == "2" and "transfer-encoding" not in sent.headers


def test_the_address_is_the_gateways_word_not_the_clients(panel: Panel) -> None:
    x = forwarded()
    tricks: dict[str, Any] = {"x_forwarded_for": "6.6.6.6", "x_forwarded_host": "evil", "x_forwarded_proto": "https"}
    request = flow("GET", "/", x=x, forwarded="for=6.6.6.6", x_forwarded_ssl="on", x_ccx_gateway="guess", **tricks)
    for name in ("SCRIPT_NAME", "X_Forwarded_For", "X-FORWARDED-FOR", "x_ccx_gateway"):
        request.request.headers.add(name, "6.6.6.6")
    panel.upstream_attempt(request)
    headers = request.request.headers
    told = [(name.decode().lower(), value.decode()) for name, value in headers.fields]
    own = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "http", "x-ccx-gateway": "the-secret"}
    assert dict(told) == {"host": "gateway.test", "connection": "keep-alive", **own}
    assert len(told) == 5


def test_the_secret_is_in_no_text_of_the_runtime(runtime: Runtime) -> None:
    runtime.panel_secret = "the-secret"
    assert "the-secret" not in repr(runtime)


@pytest.mark.parametrize(
    ("peer", "headers", "scheme", "host"),
    [
        pytest.param("10.0.0.1", {}, "http", "gateway.test", id="nothing said"),
        pytest.param(
            "10.0.0.1", {"x_forwarded_proto": "https", "x_forwarded_host": "ccx.example:8443"}, "https",
            "ccx.example:8443", id="a trusted proxy",
        ),
        pytest.param(
            "9.9.9.9", {"x_forwarded_proto": "https", "x_forwarded_host": "ccx.example"}, "http", "gateway.test",
            id="a stranger",
        ),
    ],
)  # fmt: skip
def test_how_the_browser_came(runtime: Runtime, peer: str, headers: dict[str, Any], scheme: str, host: str) -> None:
    runtime.settings = replace(runtime.settings, trusted_proxies=("10.0.0.0/8",))
    request = flow("GET", "/", x=forwarded(), peer=peer, **headers)
    Panel(runtime).upstream_attempt(request)
    assert (request.request.headers["x-forwarded-proto"], request.request.headers["host"]) == (scheme, host)


def test_where_it_is_mounted(runtime: Runtime) -> None:
    runtime.settings = replace(runtime.settings, trusted_proxies=("10.0.0.0/8",), base_path="/base")
    for peer, told, prefix in (("10.0.0.1", "/ccx", "/ccx"), ("9.9.9.9", "/evil", "/base")):
        request = flow("GET", "/", x=forwarded(), peer=peer, x_forwarded_prefix=told)
        Panel(runtime).upstream_attempt(request)
        assert request.request.headers["x-forwarded-prefix"] == prefix


def test_http2_becomes_http1(panel: Panel) -> None:
    request = flow("GET", "/", x=forwarded())
    request.request.http_version, request.request.authority = "HTTP/2.0", "ccx.example:3000"
    del request.request.headers["host"]
    panel.upstream_attempt(request)
    assert request.request.http_version == "HTTP/1.1" and request.request.headers["host"] == "ccx.example:3000"


def test_a_live_socket_may_upgrade(panel: Panel) -> None:
    request = flow("GET", "/api/live", x=forwarded(), connection="Upgrade", upgrade="websocket")
    panel.upstream_attempt(request)
    assert request.request.headers["connection"] == "Upgrade"
    plain = flow("GET", "/", x=forwarded(), connection="close")
    panel.upstream_attempt(plain)
    assert plain.request.headers["connection"] == "keep-alive"


def test_other_requests_are_none_of_its_business(panel: Panel) -> None:
    x = exchange()
    request = flow(x=x)
    panel.upstream_attempt(request)
    x.ended = Ended("connect")
    panel.upstream_outcome(request)
    assert x.upstream is None and request.response is None


def test_an_event_stream_passes_as_it_comes(panel: Panel) -> None:
    x = forwarded()
    request = flow("POST", "/api/playground", x=x)
    panel.upstream_attempt(request)
    assert x.watcher and not x.watcher.meaningful
    assert x.watcher.feed(b"data: 1\n\n") == [b"data: 1\n\n"] and x.watcher.meaningful
    assert x.watcher.finish() == [] and x.watcher.fault is None and not x.watcher.patient
    request.response, x.ended, x.committed = response(200, transfer_encoding="chunked"), Ended("ok"), True
    panel.upstream_outcome(request)
    assert request.response.headers["transfer-encoding"] == "chunked"


def test_an_answer_gets_its_length(panel: Panel) -> None:
    x = forwarded()
    request = flow("GET", "/", x=x)
    request.response, x.ended = response(200, b"<p>", transfer_encoding="chunked"), Ended("ok")
    panel.upstream_outcome(request)
    headers = request.response.headers
    assert headers["content-length"] == "3" and "transfer-encoding" not in headers


@pytest.mark.parametrize("status", [101, 204, 304])
def test_an_answer_without_a_body_gets_none(panel: Panel, status: int) -> None:
    x = forwarded()
    request = flow("GET", "/", x=x)
    request.response, x.ended = response(status, b""), Ended("ok")
    request.response.headers.pop("content-length")
    panel.upstream_outcome(request)
    assert "content-length" not in request.response.headers


@pytest.mark.parametrize("kind", ["connect", "reset", "first_byte_timeout"])
def test_a_panel_that_is_away_is_a_page_that_loads_again(panel: Panel, kind: str) -> None:
    x = forwarded()
    request = flow("GET", "/", x=x)
    x.ended = Ended(kind)  # type: ignore[arg-type]  # one of the outcomes
    panel.upstream_outcome(request)
    assert request.response and request.response.status_code == 503
    assert (
        b'http-equiv="refresh"' in (request.response.content or b"") and request.response.headers["retry-after"] == "2"
    )
