from collections.abc import Collection
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from ccx_addons.convert.heads import (
    ANTHROPIC_VERSION,
    LONGEST_NAME,
    MOST_NAMES,
    AllTerms,
    Decided,
    Terms,
    forwarded_headers,
    lost_betas,
    names_of,
    write_request,
)
from ccx_addons.core.config import KEYLESS, Channel, Kind
from ccx_addons.core.exchange import AttemptRecord, Exchange, Headers
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import JsonBody
from tests.addons.flows import flow
from tests.addons.values import attempted, channel, exchange

MESSAGES = channel("ant", "messages", ("messages", "chat"))
CHAT = channel("oai", "chat", ("chat", "messages"))
GEMINI = channel("goo", "gemini", ("gemini", "chat"))
SECRET = CHAT.keys[0].secret


def asked(kind: Kind, where: Channel, headers: Headers = (), query: str = "") -> Exchange:
    x = exchange(kind, where)
    x.body = JsonBody.parse(b"{}")
    x.headers, x.query = headers, query
    return x


def terms(x: Exchange, record: AttemptRecord) -> Terms:
    return AllTerms().of(x.snapshot, record.attempt)


def forwarded(x: Exchange, where: Channel, drop: Collection[str] = ()) -> list[tuple[str, str]]:
    found = forwarded_headers(x, Terms.of(where, where.keys[0], where.base_urls[0], names_of(where)), drop)
    return [(name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in found]


def written(
    x: Exchange, where: Channel, path: str = "/chat/completions", body: bytes = b"{}", **attempt: Any
) -> http.Request:
    """``flow.request`` of an attempt."""
    record = attempted(x, where, None)
    record.attempt = replace(record.attempt, **attempt)
    request = flow(x=x, authorization="Bearer the-clients-own-key", x_evil="1", cookie="a=b").request
    write_request(request, x, record, terms(x, record), path, body)
    return request


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
    names = dict(forwarded(x, where))
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
    write_request(request, x, record, terms(x, record), "/chat/completions", b"{}")
    assert request.path == "/v1/chat/completions"


@pytest.mark.parametrize(("fields", "betas"), [({"mcp_servers"}, ["mcp-client-2025-11-20"]), ({"tools"}, [])])
def test_servers_of_another_protocols_client_need_a_beta(fields: set[str], betas: list[str]) -> None:
    x = asked("responses", MESSAGES)
    record = attempted(x, MESSAGES, None)
    record.converted, record.fields = True, frozenset(fields)
    request = flow(x=x).request
    write_request(request, x, record, terms(x, record), "/messages", b"{}")
    assert request.headers.get_all("anthropic-beta") == betas


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
        pytest.param("chat", MESSAGES, OPENAI, (("anthropic-version", ANTHROPIC_VERSION.decode()),), id="OpenAI's to Anthropic"),
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
    assert forwarded(asked(kind, where, headers=headers), where) == [*kept, ("user-agent", "ccx")]


def test_refused_beta_tokens_are_left_out() -> None:
    x = asked("messages", MESSAGES, headers=ANTHROPIC[:1])
    assert ("anthropic-beta", "b-2025-02-02") in forwarded(x, MESSAGES, ("a-2025-01-01",))
    assert [loss.path for loss in lost_betas(x, ("a-2025-01-01", "c-2025-03-03"))] == ["a-2025-01-01"]
    both = forwarded(x, MESSAGES, ("a-2025-01-01", "b-2025-02-02"))
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
        names = {name for name, _ in forwarded(asked("chat", where, headers=tuple(headers)), where)}
        assert not names & {"x-api-key", "authorization", "cookie", "x-goog-api-key", "host", "connection"}


def test_terms_are_worked_out_once_for_each_channel_key_and_address() -> None:
    known, x = AllTerms(), asked("chat", CHAT)
    tried = Attempt(CHAT, CHAT.keys[0], CHAT.base_urls[0], 1)
    first = known.of(x.snapshot, tried)
    assert known.of(x.snapshot, replace(tried, number=2, fresh=True)) is first
    same = replace(CHAT)
    others = [replace(tried, base_url="https://b.test"), replace(tried, key=KEYLESS), replace(tried, channel=same)]
    assert all(known.of(x.snapshot, other) is not first for other in others)
    assert [known.of(x.snapshot, other).names is first.names for other in others] == [True, True, False]
    assert known.of(replace(x.snapshot, revision="rev2"), tried) is not first


def test_each_name_is_decided_about_once_and_not_all_are_remembered() -> None:
    asked_about: list[str] = []

    def decide(name: str) -> bytes:
        asked_about.append(name)
        return name.encode() if name.startswith("a") else b""

    names = Decided(decide)
    assert [names["a"], names["b"], names["a"], names["b"], names["a" * (LONGEST_NAME + 1)]] == [
        b"a",
        b"",
        b"a",
        b"",
        b"",
    ]
    assert asked_about == ["a", "b"]
    assert all(names[f"a{n}"] == b"a%d" % n for n in range(MOST_NAMES)) and len(names) == MOST_NAMES
