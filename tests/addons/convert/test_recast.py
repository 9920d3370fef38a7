"""Answers in the form that was not asked for reach every client in its own: all sixteen pairs, both ways."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.convert import recast
from ccx_addons.convert.translate import judge, outgoing
from ccx_addons.core import endpoints
from ccx_addons.core.config import Channel, Kind, Mapped
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Message, Request, Response, Text, ToolCall, Usage, explode, fold
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.protocols import TEXT_PROTOCOLS
from tests.addons.values import channel, exchange

KINDS: list[Kind] = ["messages", "chat", "responses", "gemini"]
TURN = {"role": "user", "content": "hi"}
BODIES: dict[Kind, dict[str, Any]] = {
    "messages": {"model": "m", "max_tokens": 9, "messages": [TURN]},
    "chat": {"model": "m", "messages": [TURN]},
    "responses": {"model": "m", "input": "hi"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
ANSWER = Response("r1", "m", (Text("hello"), ToolCall("call_1", "look", '{"at": "it"}')), "tool_call", Usage(3, 2))
REQUEST = Request("m", (Message("user", (Text("hi"),)),))


def asked(kind: Kind, stream: bool, **more: Any) -> Exchange:
    x = exchange(kind, model="m")
    if kind == "gemini":
        verb = "streamGenerateContent" if stream else "generateContent"
        x.ask(endpoints.find("POST", f"/v1beta/models/m:{verb}"))
    x.raw = json.dumps({**BODIES[kind], **({"stream": True} if stream and kind != "gemini" else {}), **more}).encode()
    x.body, x.stream, x.expects_stream = JsonBody.parse(x.raw), stream, stream
    return x


def upstreams(protocol: Kind, stream: bool) -> bytes:
    """The answer as an upstream of this protocol says it."""
    of = TEXT_PROTOCOLS[protocol]
    if not stream:
        return json.dumps(of.encode_response(ANSWER, REQUEST)[0]).encode()
    encoder = of.encoder(replace(REQUEST, stream=True, stream_usage=True))
    return b"".join(encoder.encode(event) for event in explode(ANSWER))


def said(kind: Kind, body: bytes, stream: bool) -> tuple[str, str]:
    """(text, name of the tool) as a client of this protocol reads it."""
    of = TEXT_PROTOCOLS[kind]
    decoder = of.decoder()
    found = fold([*decoder.feed(body), *decoder.flush()]) if stream else of.decode_response(json.loads(body))
    assert isinstance(found, Response), found
    texts = "".join(part.text for part in found.parts if isinstance(part, Text))
    return texts, next(part.name for part in found.parts if isinstance(part, ToolCall))


def where(protocol: Kind, **more: Any) -> Channel:
    return replace(channel("up", protocol, KINDS), **more)


@pytest.mark.parametrize("stream", [False, True], ids=["a stream for JSON", "JSON for a stream"])
@pytest.mark.parametrize("protocol", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_client_gets_the_form_that_it_asked_for(kind: Kind, protocol: Kind, stream: bool) -> None:
    x = asked(kind, stream)
    ended, body = judge(x, where(protocol), upstreams(protocol, not stream))
    assert ended.kind == "ok" and said(kind, body, stream) == ("hello", "look")
    assert x.usage and (x.usage.input, x.usage.output) == (3, 2) and recast.is_stream(body) == stream


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_called_json_is_a_stream(kind: Kind) -> None:
    content = upstreams(kind, True)
    ended, body = judge(asked(kind, True), where(kind), content)
    assert ended.kind == "ok" and body is content


def test_a_json_array_where_events_were_asked() -> None:
    frames = upstreams("gemini", True).decode().split("\n\n")
    array = "[" + ",\n".join(frame.removeprefix("data: ") for frame in frames if frame) + "]"
    ended, body = judge(asked("gemini", True), where("gemini"), array.encode())
    assert ended.kind == "ok" and said("gemini", body, True) == ("hello", "look")


def test_a_clients_array_of_a_whole_answer() -> None:
    x = asked("gemini", True)
    x.array = True
    ended, body = judge(x, where("chat"), upstreams("chat", False))
    assert ended.kind == "ok" and json.loads(body)[0]["candidates"][0]["content"]["parts"][0]["text"] == "hello"


def test_a_responses_streams_own_last_word_is_the_answer() -> None:
    whole = {
        "id": "resp_9",
        "status": "completed",
        "metadata": {"kept": "yes"},
        "output": [
            {
                "type": "message",
                "id": "m1",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "hello", "annotations": []}],
            }
        ],
    }
    end = {"type": "response.completed", "response": whole}
    content = upstreams("responses", True).split(b"event: response.completed")[0]
    content += f"event: response.completed\ndata: {json.dumps(end)}\n\n".encode()
    ended, body = judge(asked("responses", False), where("responses"), content)
    assert ended.kind == "ok" and json.loads(body) == whole


def test_bytes_that_are_no_text_are_no_reason_to_fail() -> None:
    content = upstreams("responses", True).replace(b"hello", b"hell\xff")
    ended, body = judge(asked("responses", False), where("responses"), content)
    assert ended.kind == "ok" and json.loads(body)["output"]


@pytest.mark.parametrize(
    ("stream", "content", "kind"),
    [
        pytest.param(True, b"", "empty", id="nothing"),
        pytest.param(True, b"<html>", "bad_body", id="a page"),
        pytest.param(True, b"<html><title>Sign in</title>", "bad_body", id="a page with a title"),
        pytest.param(True, b'{"error": {"message": "no credit"}}', "error_body", id="an error"),
        pytest.param(True, b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}}]}', "error_body", id="no content"),
        pytest.param(False, b'data: {"error": {"message": "no credit"}}\n\n', "error_body", id="an error event"),
        pytest.param(False, b"data: [DONE]\n\n", "error_body", id="an empty stream"),
        pytest.param(False, upstreams("chat", True)[:300], "error_body", id="a stream that broke off"),
    ],
)  # fmt: skip
def test_what_is_no_answer_in_either_form(stream: bool, content: bytes, kind: str) -> None:
    ended, _ = judge(asked("chat", stream), where("chat"), content)
    assert ended.kind in (kind, "empty") if kind == "error_body" else ended.kind == kind


@pytest.mark.parametrize(
    ("protocol", "more"),
    [
        ("chat", {"stream": True, "stream_options": {"include_usage": True}}),
        ("messages", {"stream": True}),
        ("responses", {"stream": True}),
        ("gemini", {}),
    ],
)
@pytest.mark.parametrize("learnt", [False, True], ids=["set", "refused otherwise"])
def test_an_upstream_that_only_streams_is_asked_for_a_stream(
    protocol: Kind, more: dict[str, Any], learnt: bool
) -> None:
    of = where(protocol, quirks=frozenset() if learnt else frozenset({"only_streams"}))
    tried = Attempt(of, of.keys[0], of.base_urls[0], 1, drop=frozenset({"only_streams"} if learnt else ()))
    for kind in KINDS:
        x = asked(kind, False)
        sent = outgoing(x, tried, Mapped("m"))
        body = json.loads(sent.body)
        assert {name: body.get(name) for name in more} == more and not sent.stream and recast.is_forced(x, tried)
    x = asked("chat", True)
    assert not recast.is_forced(x, tried) and outgoing(x, tried, Mapped("m")).stream


def test_others_are_asked_as_ever() -> None:
    of = where("chat")
    x, tried = asked("chat", False), Attempt(of, of.keys[0], of.base_urls[0], 1)
    assert outgoing(x, tried, Mapped("m")).body is x.raw and not recast.is_forced(x, tried)
    images = replace(of, protocol="embeddings", quirks=frozenset({"only_streams"}))
    assert not recast.is_forced(exchange("embeddings"), Attempt(images, of.keys[0], of.base_urls[0], 1))
