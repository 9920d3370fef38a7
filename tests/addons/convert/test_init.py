import asyncio
import base64
import json
from collections.abc import Awaitable, Generator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from ccx_addons import convert
from ccx_addons.convert import (
    CLEANED_AT_ONCE,
    REFERENCES,
    SCHEMAS,
    Convert,
    has_many_schemas,
    loss_header,
)
from ccx_addons.convert.watch import ConvertWatcher, PassWatcher
from ccx_addons.core import endpoints
from ccx_addons.core.config import Channel, Kind, ModelMap, Target
from ccx_addons.core.exchange import AttemptRecord, Ended, Exchange, Headers
from ccx_addons.core.mask import mask
from ccx_addons.core.neutral import Fault, Loss
from ccx_addons.core.patient_json import BIG
from ccx_addons.core.verdict import Attempt, Outcome
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

MESSAGES = channel("ant", "messages", ("messages", "chat"))
CHAT = channel("oai", "chat", ("chat", "messages"))
GEMINI = channel("goo", "gemini", ("gemini", "chat"))
SECRET = CHAT.keys[0].secret


@pytest.fixture(autouse=True, params=[BIG, 0], ids=["small", "large"])
def big(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large is written and judged beside the loop, to the same result."""
    monkeypatch.setattr(convert, "BIG", request.param)


def asked(
    kind: Kind, where: Channel, body: dict[str, Any] | None = None, headers: Headers = (), query: str = ""
) -> Exchange:
    x = exchange(kind, where)
    x.raw = json.dumps(body or {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}, indent=1).encode()
    x.body = JsonBody.parse(x.raw)
    x.stream = x.body.members.get("stream") is True
    x.headers, x.query = headers, query
    return x


def sent(x: Exchange, runtime: Runtime, where: Channel) -> http.HTTPFlow:
    """The flow after the addon wrote an attempt."""
    request = flow(x=x)
    attempted(x, where, None)
    settle(Convert(runtime).upstream_attempt(request))
    return request


def settle(waiting: Awaitable[None] | None) -> None:
    """Waits for the rest of a hook: everything is large where ``convert.BIG`` is 0."""
    assert (waiting is not None) == (vars(convert)["BIG"] == 0)

    async def wait() -> None:
        if waiting is not None:
            await waiting

    asyncio.run(wait())


@pytest.mark.parametrize("model", ["../../files/x", "a/../b", "./b", "a\\..\\b"])
@pytest.mark.parametrize("kind", ["gemini", "chat"])
def test_a_model_is_no_way_to_another_path(runtime: Runtime, model: str, kind: Kind) -> None:
    """Also one that comes in a body and goes into a path, or that the file maps to."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "contents": [{"parts": [{"text": "hi"}]}]}
    x = asked(kind, GEMINI, body)
    x.model = model
    request = sent(x, runtime, GEMINI)
    assert request.response and request.response.status_code == 400 and x.upstream is None


# ---- an attempt ------------------------------------------------------------------------------------------------------
def test_same_protocol_is_byte_exact(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    request = sent(x, runtime, CHAT)
    assert request.request.raw_content == x.raw and x.current and not x.current.converted
    assert x.upstream and (x.upstream.host, x.upstream.port, x.upstream.tls) == ("oai.test", 443, True)
    assert x.watcher is None and not x.expects_stream and x.phase == "connecting"


def test_the_model_is_the_only_edit(runtime: Runtime) -> None:
    where = replace(CHAT, models=ModelMap({"gpt-5": (Target("other-model"),)}))
    x = asked("chat", where)
    request = sent(x, runtime, where)
    assert request.request.raw_content == x.raw.replace(b'"gpt-5"', b'"other-model"')
    assert x.current and x.current.upstream_model == "other-model"


def test_another_protocol_is_written_anew(runtime: Runtime) -> None:
    x = asked("messages", CHAT, {"model": "opus", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
    x.model = "opus"
    request = sent(x, runtime, CHAT)
    body = json.loads(request.request.raw_content or b"")
    assert body["model"] == "opus" and body["messages"] == [{"role": "user", "content": "hi"}]
    assert request.request.path == "/v1/chat/completions" and x.current and x.current.converted


@pytest.mark.parametrize(("where", "kind"), [(CHAT, PassWatcher), (MESSAGES, ConvertWatcher)])
def test_a_stream_is_watched(runtime: Runtime, where: Channel, kind: type) -> None:
    body = {"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    x = asked("chat", where, body)
    sent(x, runtime, where)
    assert isinstance(x.watcher, kind) and x.expects_stream


def test_the_channels_terms_go_with_it(runtime: Runtime) -> None:
    where = replace(CHAT, verify_tls=False, ca_file="/ca.pem", proxy="socks5://p:1", base_urls=("http://a.test:81",))
    x = asked("chat", where)
    record_flow = flow(x=x)
    record = attempted(x, where, None)
    record.attempt = replace(record.attempt, fresh=True)
    settle(Convert(runtime).upstream_attempt(record_flow))
    up = x.upstream
    assert up and (up.verify_tls, up.ca_file, up.proxy, up.fresh, up.tls, up.port) == (
        False, "/ca.pem", "socks5://p:1", True, False, 81,
    )  # fmt: skip


def test_a_request_that_cannot_be_understood_is_a_400(runtime: Runtime) -> None:
    x = asked("messages", CHAT, {"model": "opus", "messages": "no list"})
    request = sent(x, runtime, CHAT)
    assert request.response and request.response.status_code == 400 and x.upstream is None


def nothing_left() -> Generator[Attempt, Outcome, None]:
    yield Attempt(CHAT, CHAT.keys[0], CHAT.base_urls[0], 1)


def next_is(where: Channel) -> Generator[Attempt, Outcome, None]:
    yield from nothing_left()
    yield Attempt(where, where.keys[0], where.base_urls[0], 2)


LOSSY = {"model": "opus", "max_tokens": 9, "top_k": 5, "messages": [{"role": "user", "content": "hi"}]}


def test_a_channel_that_refuses_losses_is_passed_by(runtime: Runtime) -> None:
    strict = replace(CHAT, on_loss="refuse")
    x = asked("messages", strict, LOSSY)
    x.failover = next_is(MESSAGES)
    next(x.failover)
    sent(x, runtime, strict)
    first, second = x.attempts
    assert first.outcome and first.outcome.kind == "refused_loss" and "top_k" in first.outcome.detail
    assert second.attempt.channel is MESSAGES and x.upstream and x.upstream.host == "ant.test" and x.losses == []


def test_the_last_channel_that_refuses_losses_is_a_400_that_names_them(runtime: Runtime) -> None:
    strict = replace(CHAT, on_loss="refuse")
    x = asked("messages", strict, LOSSY)
    x.failover = nothing_left()
    next(x.failover)
    request = sent(x, runtime, strict)
    assert request.response and request.response.status_code == 400 and x.upstream is None
    assert "top_k" in json.loads(request.response.content or b"")["error"]["message"]


def test_losses_that_are_kept_are_recorded(runtime: Runtime) -> None:
    x = asked("messages", CHAT, LOSSY)
    sent(x, runtime, CHAT)
    assert [loss.path for loss in x.losses] == ["top_k"] and x.current and x.current.losses == x.losses


# ---- the answer ------------------------------------------------------------------------------------------------------
def done(x: Exchange, runtime: Runtime, status: int, body: bytes) -> http.HTTPFlow:
    request = flow(x=x)
    request.response = response(status, body)
    x.ended = Ended("ok" if status < 300 else "status")
    waiting = Convert(runtime).upstream_outcome(request)
    settle(waiting) if status == 200 else None
    return request


ANSWER = {"id": "c", "object": "chat.completion", "model": "gpt-5", "choices": [{"index": 0, "finish_reason": "stop",
          "message": {"role": "assistant", "content": "hello"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}  # fmt: skip


def test_an_answer_in_the_same_protocol_stays_as_it_is(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    attempted(x, CHAT, None, 200)
    body = json.dumps(ANSWER, indent=3).encode()
    request = done(x, runtime, 200, body)
    assert request.response and request.response.raw_content == body and x.ended and x.ended.kind == "ok"
    assert x.usage and (x.usage.input, x.usage.output) == (3, 2)


def test_an_answer_in_another_protocol_is_converted(runtime: Runtime) -> None:
    x = asked("messages", CHAT, {"model": "gpt-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
    attempted(x, CHAT, None, 200).converted = True
    request = done(x, runtime, 200, json.dumps(ANSWER).encode())
    assert request.response
    body = json.loads(request.response.raw_content or b"")
    assert body["type"] == "message" and body["content"][0]["text"] == "hello"
    assert request.response.headers["content-length"] == str(len(request.response.raw_content or b""))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"<html>", "bad_body"),
        (b'{"error": {"message": "no"}}', "error_body"),
        (b'{"choices": []}', "empty"),
    ],
)
def test_a_200_that_is_no_answer(runtime: Runtime, body: bytes, kind: str) -> None:
    x = asked("chat", CHAT)
    attempted(x, CHAT, None, 200)
    done(x, runtime, 200, body)
    assert x.ended and x.ended.kind == kind


def test_a_stream_that_is_none(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    x.expects_stream = True
    attempted(x, CHAT, None, 200)
    done(x, runtime, 200, b"pong")
    assert x.ended and x.ended.kind == "bad_body"


def test_an_answer_in_the_other_form_is_written_in_the_clients(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    x.stream = x.expects_stream = True
    attempted(x, CHAT, None, 200)
    made = done(x, runtime, 200, json.dumps(ANSWER).encode())
    assert x.ended and x.ended.kind == "ok" and made.response
    assert (made.response.content or b"").endswith(b"data: [DONE]\n\n")


def test_an_error_is_read(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    attempted(x, CHAT, None, 429)
    done(x, runtime, 429, b'{"error": {"message": "slow", "code": "rate_limit_exceeded"}}')
    assert x.ended and x.ended.fault == Fault("rate_limit", "slow", 429, "rate_limit_exceeded")


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize("form", [SECRET, base64.b64encode(f"Bearer {SECRET}".encode()).decode()])
def test_a_key_that_comes_back_stays_here(runtime: Runtime, status: int, form: str) -> None:
    x = asked("chat", CHAT)
    attempted(x, CHAT, None, status)
    told = {"error": {"message": f"you sent {form}", "code": form}} if status >= 400 else {**ANSWER, "debug": form}
    request = done(x, runtime, status, json.dumps(told).encode())
    assert request.response and x.ended
    body = request.response.raw_content or b""
    assert form.encode() not in body and form not in repr(x.ended)
    assert request.response.headers["content-length"] == str(len(body)) and json.loads(body)


def test_a_long_error_is_cleaned_in_a_thread(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    attempted(x, CHAT, None, 400)
    request = flow(x=x)
    request.response = response(400, json.dumps({"error": {"message": f"{SECRET} " + "x" * CLEANED_AT_ONCE}}).encode())
    x.ended = Ended("status")
    waiting = Convert(runtime).upstream_outcome(request)
    assert waiting
    asyncio.run(waiting)  # type: ignore[arg-type]  # it is a coroutine
    assert SECRET.encode() not in (request.response.raw_content or b"") and SECRET not in repr(x.ended)


# ---- towards the client ----------------------------------------------------------------------------------------------
def shown(runtime: Runtime, x: Exchange, attempts: bool = True, **headers: Any) -> http.Headers:
    request = flow(x=x)
    request.response = response(200, b"{}", **headers)
    if attempts and not x.attempts:
        x.begin(AttemptRecord(Attempt(CHAT, CHAT.keys[0], "https://oai.test", 1), 0))
    Convert(runtime).responseheaders(request)
    assert request.response.http_version == "HTTP/1.1"
    return request.response.headers


def test_only_what_the_client_may_see(runtime: Runtime) -> None:
    headers = shown(
        runtime, asked("chat", CHAT), set_cookie="a=b", server="nginx", x_request_id="r", cf_ray="c", x_ccx_losses="x",
        x_ratelimit_remaining_tokens="5", anthropic_ratelimit_requests_reset="6", access_control_allow_origin="*",
        alt_svc="h3", strict_transport_security="max-age=1", retry_after="7", openai_processing_ms="8",
        location="http://evil.test", refresh="0", link="</x>", clear_site_data="*", service_worker_allowed="/",
        content_security_policy="x", anthropic_organization_id="o", openai_organization="o", allow="GET",
        request_id="\x1b[31m", x_should_retry="true", x_codex_primary_used_percent="9", connection="close",
    )  # fmt: skip
    assert set(headers) == {
        "content-type", "content-length", "x-request-id", "x-ratelimit-remaining-tokens", "retry-after",
        "anthropic-ratelimit-requests-reset", "openai-processing-ms", "x-ccx-request-id", "x-ccx-attempts",
        "x-should-retry", "x-codex-primary-used-percent", "x-ccx-channel",
    }  # fmt: skip
    assert (headers["x-ccx-request-id"], headers["x-ccx-attempts"]) == ("x1", "1")


def test_a_key_in_a_header_is_masked(runtime: Runtime) -> None:
    headers = shown(runtime, asked("chat", CHAT), x_request_id=f"req-{SECRET}", retry_after="7")
    assert headers["x-request-id"] == f"req-{mask(SECRET)}" and headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (("https://app.test",), "https://app.test", "https://app.test"),
        (("*",), "https://any.test", "https://any.test"),
        (("https://app.test",), "https://evil.test", None),
        ((), "https://app.test", None),
        (("*",), "", None),
    ],
)
def test_pages_of_allowed_origins_may_read_the_answer(
    runtime: Runtime, origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    runtime.settings = replace(runtime.settings, cors_origins=origins)
    x = asked("chat", CHAT, headers=(("origin", origin),) if origin else ())
    for attempts in (True, False):
        headers = shown(runtime, x, attempts)
        assert headers.get("access-control-allow-origin") == allowed and (headers.get("vary") == "origin") is bool(
            allowed
        )


def test_an_answer_to_a_preflight_keeps_its_words(runtime: Runtime) -> None:
    headers = shown(runtime, asked("chat", CHAT), attempts=False, access_control_allow_methods="GET, POST")
    assert headers["access-control-allow-methods"] == "GET, POST" and "x-ccx-attempts" not in headers


@pytest.mark.parametrize("said", ["text/html", "image/svg+xml", "text/event-stream; charset=utf-8", "application/json"])
@pytest.mark.parametrize(
    ("stream", "array", "committed", "ended", "kind"),
    [
        (False, False, False, "ok", "application/json"),
        (True, False, False, "status", "application/json"),
        (True, False, False, "ok", "text/event-stream"),
        (True, False, True, None, "text/event-stream"),
        (True, True, True, None, "application/json"),
    ],
)
def test_the_gateway_says_what_an_answer_is(
    runtime: Runtime, said: str, stream: bool, array: bool, committed: bool, ended: Any, kind: str
) -> None:
    x = asked("chat", CHAT)
    x.stream, x.array, x.committed, x.ended = stream, array, committed, Ended(ended) if ended else None
    request = flow(x=x)
    request.response = response(200, b"{}", content_type=said)
    request.response.headers.add("content-type", "text/html")
    request.response.headers.add("x-request-id", "1")
    request.response.headers.add("X-Request-Id", "2")
    x.begin(AttemptRecord(Attempt(CHAT, CHAT.keys[0], "https://oai.test", 1), 0))
    Convert(runtime).responseheaders(request)
    assert request.response.headers.get_all("content-type") == [kind]
    assert request.response.headers.get_all("x-request-id") == ["1"]


def test_a_stream_is_not_cached_or_buffered(runtime: Runtime) -> None:
    headers = shown(runtime, asked("chat", CHAT), False, content_type="text/event-stream; charset=utf-8")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")


def test_losses_are_named(runtime: Runtime) -> None:
    x = asked("chat", CHAT)
    x.losses = [Loss("top_k", "not there"), Loss("tools[0]", "no such tool"), Loss("top_k", "again")]
    assert shown(runtime, x)["x-ccx-losses"] == "top_k; tools[0]"


@given(st.lists(st.text(max_size=40), max_size=50))
def test_a_loss_header_is_header_text(paths: list[str]) -> None:
    text = loss_header([Loss(path, "x") for path in paths])
    assert len(text) <= 1000 and text.isascii() and (text.isprintable() or not text)


def test_a_switch_of_protocols_is_left_alone(runtime: Runtime) -> None:
    request = flow(x=asked("chat", CHAT))
    request.response = response(101, b"", sec_websocket_accept="x")
    Convert(runtime).responseheaders(request)
    assert "sec-websocket-accept" in request.response.headers


def test_an_endpoint_without_a_body_is_passed_on(runtime: Runtime) -> None:
    where = replace(CHAT, protocol="responses", serves=frozenset({"responses"}))
    x = exchange("responses", where)
    x.method, x.path = "GET", "/v1/responses/resp_1"
    x.ask(endpoints.find(x.method, x.path))
    request = sent(x, runtime, where)
    assert request.request.method == "GET" and request.request.raw_content == b""


@pytest.mark.parametrize(
    ("kind", "protocol", "raw", "many"),
    [
        ("chat", "gemini", b'{"$ref": 1}' * REFERENCES, True),
        ("chat", "gemini", b'{"$ref": 1}' * (REFERENCES - 1), False),
        ("chat", "gemini", b" " * SCHEMAS, True),
        ("chat", "gemini", b" " * (SCHEMAS - 1), False),
        ("gemini", "gemini", b'{"$ref": 1}' * REFERENCES, False),
        ("chat", "messages", b'{"$ref": 1}' * REFERENCES, False),
    ],
)
def test_schemas_that_may_take_long_are_written_beside_the_loop(
    kind: Kind, protocol: Kind, raw: bytes, many: bool
) -> None:
    of = channel("of", protocol, (kind,))
    x = exchange(kind, of)
    x.raw = raw
    assert has_many_schemas(x, of) is many
