import asyncio
import base64
import json
from collections.abc import Awaitable, Generator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from ccx_addons import convert
from ccx_addons.convert import (
    ANTHROPIC_VERSION,
    CLEANED_AT_ONCE,
    REFERENCES,
    SCHEMAS,
    Convert,
    forwarded_headers,
    has_many_schemas,
    loss_header,
    write_request,
)
from ccx_addons.convert.watch import ConvertWatcher, PassWatcher
from ccx_addons.core import endpoints
from ccx_addons.core.config import KEYLESS, Channel, Kind, ModelMap, Target
from ccx_addons.core.exchange import AttemptRecord, Ended, Exchange, Headers
from ccx_addons.core.mask import mask
from ccx_addons.core.neutral import Fault, Loss
from ccx_addons.core.patient_json import BIG
from ccx_addons.core.verdict import Attempt, Outcome
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.processes.runtime import Runtime
from ccx_addons.protocols import PROTOCOLS
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


def written(
    x: Exchange, where: Channel, path: str = "/chat/completions", body: bytes = b"{}", **attempt: Any
) -> http.Request:
    """``flow.request`` of an attempt."""
    record = attempted(x, where, None)
    record.attempt = replace(record.attempt, **attempt)
    request = flow(x=x, authorization="Bearer the-clients-own-key", x_evil="1", cookie="a=b").request
    write_request(request, x, record, PROTOCOLS[where.protocol], path, body)
    return request


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


# ---- the request's head ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        pytest.param("https://a.test", "/x", "https://a.test/v1/x", id="default version"),
        pytest.param("https://a.test:8443/v4", "/x", "https://a.test:8443/v4/x", id="own version and port"),
        pytest.param("http://a.test/p#", "/x", "http://a.test/p/x", id="exact"),
        pytest.param("http://[::1]:81", "/x?alt=sse", "http://[::1]:81/v1/x?alt=sse", id="IPv6 and query"),
    ],
)
def test_url(base: str, path: str, url: str) -> None:
    request = written(asked("chat", CHAT), CHAT, path, base_url=base)
    assert request.http_version == "HTTP/1.1" and request.authority == ""
    assert f"{request.scheme}://{request.headers['host']}{request.path}" == url
    parts = urlsplit(url)
    assert (request.host, request.port) == (
        parts.hostname,
        parts.port or 443 if parts.scheme == "https" else parts.port or 80,
    )


def test_only_the_channels_key_is_on_it() -> None:
    x = asked("chat", CHAT, headers=(("accept", "*/*"), ("x-evil", "1"), ("cookie", "a=b")))
    request = written(x, CHAT)
    fields = {name.decode(): value.decode() for name, value in request.headers.fields}
    assert fields == {
        "host": "oai.test",
        "accept": "*/*",
        "user-agent": "ccx",
        "accept-encoding": "identity",
        "authorization": f"Bearer {SECRET}",
        "content-length": "2",
    }


@pytest.mark.parametrize(
    ("query", "path", "left"),
    [
        ("", "/x", ""),
        ("api-version=2025-01-01&beta=true&a=%20b", "/x", "api-version=2025-01-01"),
        ("k%65y=k&key=k&api_key=k&access_token=k&alt=json&model=x&mod%65l=x", "/x", ""),
        ("api%2Dversion=%61%26model%3Dx&&a", "/x?alt=sse", "alt=sse&api-version=a%26model%3Dx"),
    ],
)
def test_query(query: str, path: str, left: str) -> None:
    assert written(asked("chat", CHAT, query=query), CHAT, path).path.partition("?")[2] == left


def test_the_channels_own_query_comes_first() -> None:
    azure = "https://a.example/v1?api-version=2024-10-21"
    request = written(asked("chat", CHAT, query="api-version=1999-01-01"), CHAT, base_url=azure)
    assert request.path == "/v1/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize("where", [CHAT, GEMINI, MESSAGES])
def test_without_a_key_no_credential_is_sent(where: Channel) -> None:
    request = written(asked("chat", where), where, "/x", key=KEYLESS)
    assert not {"authorization", "x-goog-api-key", "x-api-key", "api-key"} & {name.lower() for name in request.headers}
    assert "key=" not in request.path


def test_headers_that_the_channel_lets_go_on() -> None:
    where = replace(CHAT, pass_headers=("x-user", "x-gone"))
    x = asked("chat", where, headers=(("x-user", "bob"), ("x-other", "1"), ("x-gone", "2"), ("connection", "x-gone")))
    names = dict(forwarded_headers(x, where, ()))
    assert names["x-user"] == "bob" and not {"x-other", "x-gone"} & names.keys()


def test_a_key_in_the_query() -> None:
    where = replace(GEMINI, auth="query", keys=(replace(GEMINI.keys[0], secret="a+b&c"),))
    request = written(asked("chat", where), where, "/m:x?alt=sse", key=where.keys[0])
    assert request.path == "/v1beta/m:x?alt=sse&key=a%2Bb%26c"
    assert not {"authorization", "x-goog-api-key", "x-api-key"} & {name.lower() for name in request.headers}


def test_a_converted_request_takes_no_query_along() -> None:
    x = asked("messages", CHAT, query="beta=true")
    record = attempted(x, CHAT, None)
    record.converted = True
    request = flow(x=x).request
    write_request(request, x, record, PROTOCOLS["chat"], "/chat/completions", b"{}")
    assert request.path == "/v1/chat/completions"


def test_the_channels_own_headers_win() -> None:
    where = replace(CHAT, headers=(("user-agent", "team/1"), ("x-team", "core")))
    request = written(asked("chat", where, headers=(("user-agent", "client/2"), ("x-team", "evil"))), where)
    assert request.headers.get_all("user-agent") == ["team/1"] and request.headers.get_all("x-team") == ["core"]


@pytest.mark.parametrize(("method", "body", "length"), [("POST", b"", "0"), ("POST", b"ab", "2"), ("GET", b"", None)])
def test_content_length(method: str, body: bytes, length: str | None) -> None:
    x = asked("chat", CHAT)
    x.method = method
    request = written(x, CHAT, body=body)
    assert request.headers.get("content-length") == length and request.method == method and request.raw_content == body


ANTHROPIC = (
    ("anthropic-beta", "a-2025-01-01, b-2025-02-02"),
    ("anthropic-version", "2023-01-01"),
    ("x-stainless-lang", "js"),
)
OPENAI = (("openai-beta", "o"), ("session_id", "s"), ("originator", "codex"))


@pytest.mark.parametrize(
    ("kind", "where", "headers", "kept"),
    [
        pytest.param("messages", MESSAGES, ANTHROPIC, ANTHROPIC, id="the vendor's own"),
        pytest.param("messages", CHAT, ANTHROPIC, (), id="another vendor's"),
        pytest.param("chat", MESSAGES, OPENAI, (("anthropic-version", ANTHROPIC_VERSION),), id="OpenAI's to Anthropic"),
        pytest.param("chat", CHAT, OPENAI, OPENAI, id="OpenAI's"),
        pytest.param("chat", CHAT, (("connection", "close, originator"), ("originator", "x")), (), id="hop by hop"),
        pytest.param("chat", CHAT, (("x-ccx-channel", "a"), ("x-ccx-test", "b"), ("origin", "c"), ("referer", "d")), (), id="ours"),
        pytest.param("chat", CHAT, (("x-forwarded-for", "1.2.3.4"), ("via", "x"), ("forwarded", "y")), (), id="who asks"),
        pytest.param("chat", CHAT, (("openai-organization", "o"), ("openai-project", "p")), (), id="whose account: OpenAI's"),
        pytest.param("messages", MESSAGES, (("anthropic-workspace-id", "w"), ("anthropic-version", "v")), (("anthropic-version", "v"),), id="whose account: Anthropic's"),
        pytest.param("gemini", GEMINI, (("x-goog-user-project", "p"),), (), id="whose account: Google's"),
        pytest.param("chat", CHAT, (("traceparent", "t"), ("idempotency-key", "i")), (("traceparent", "t"), ("idempotency-key", "i")), id="common"),
        pytest.param("chat", CHAT, (("accept", ""),), (), id="empty"),
        pytest.param("chat", CHAT, (("x-stainless-" + "a" * 200, "1"),), (), id="a name that nobody has"),
        pytest.param("chat", CHAT, (("content-type", "application/x-www-form-urlencoded"),), (("content-type", "application/json"),), id="read as JSON"),
    ],
)  # fmt: skip
def test_forwarded_headers(kind: Kind, where: Channel, headers: Headers, kept: Headers) -> None:
    found = forwarded_headers(asked(kind, where, headers=headers), where, ())
    assert found == [*kept, ("user-agent", "ccx"), ("accept-encoding", "identity")]


def test_refused_beta_tokens_are_left_out() -> None:
    x = asked("messages", MESSAGES, headers=ANTHROPIC[:1])
    assert ("anthropic-beta", "b-2025-02-02") in forwarded_headers(x, MESSAGES, ("a-2025-01-01",))
    both = forwarded_headers(x, MESSAGES, ("a-2025-01-01", "b-2025-02-02"))
    assert not [name for name, _ in both if name == "anthropic-beta"]


NAMES = st.sampled_from(
    [
        "accept",
        "x-api-key",
        "authorization",
        "cookie",
        "anthropic-beta",
        "openai-x",
        "connection",
        "x-goog-api-key",
        "host",
    ]
)


@given(st.lists(st.tuples(NAMES, st.text("abc,- ", max_size=8)), max_size=6))
def test_no_credential_is_ever_forwarded(headers: list[tuple[str, str]]) -> None:
    for where in (MESSAGES, CHAT, GEMINI):
        names = {name for name, _ in forwarded_headers(asked("chat", where, headers=tuple(headers)), where, ())}
        assert not names & {"x-api-key", "authorization", "cookie", "x-goog-api-key", "host", "connection"}


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
