import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.convert.translate import (
    Outgoing,
    continued,
    converts,
    hides_usage,
    judge,
    neutral_request,
    outgoing,
    summarises,
)
from ccx_addons.core import endpoints, multipart
from ccx_addons.core.config import Channel, ChannelLimits, Kind, Mapped, ReasoningPolicy
from ccx_addons.core.errors import BadRequest, UnknownResponse
from ccx_addons.core.exchange import NOWHERE, Exchange, Named, Seat
from ccx_addons.core.neutral import Loss, Response, Text
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.protocols import TEXT_PROTOCOLS
from tests.addons.values import channel, exchange

CHAT = channel("oai", "chat", ("chat", "messages", "responses"))
MESSAGES = channel("ant", "messages", ("messages", "chat", "responses"))
RESPONSES = channel("res", "responses")
GEMINI = channel("goo", "gemini")
OPTIONS = {"stream_options": {"include_usage": True}}
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def asked(kind: Kind, body: dict[str, Any] | str, stream: bool | None = None) -> Exchange:
    x = exchange(kind, model="m")
    x.raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    x.body = JsonBody.parse(x.raw)
    x.stream = x.body.members.get("stream") is True if stream is None else stream
    return x


def out(
    x: Exchange, where: Channel, model: str = "m", effort: str | None = None, drop: frozenset[str] = frozenset()
) -> Outgoing:
    attempt = Attempt(where, where.keys[0], where.base_urls[0], 1, drop=drop)
    return outgoing(x, attempt, Mapped(model, effort=effort))


# ---- which protocol --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "protocol", "converted"),
    [
        ("chat", "chat", False),
        ("chat", "messages", True),
        ("messages", "gemini", True),
        ("responses", "chat", True),
        ("images", "images", False),
        ("images", "chat", False),
        ("chat", "embeddings", False),
    ],
)
def test_converts(kind: Kind, protocol: Kind, converted: bool) -> None:
    x = exchange("chat")
    match = {"images": "/v1/images/generations", "messages": "/v1/messages", "responses": "/v1/responses"}
    x.ask(endpoints.find("POST", match.get(kind, "/v1/chat/completions")))
    assert converts(x, channel("c", protocol)) is converted


# ---- the client's own body -------------------------------------------------------------------------------------------
ODD = '{ "model" : "m",\n\t"temperature": 1.0, "big": 12345678901234567890123, "s": "\\u00e9\\/", "messages": [ {"role":"user","content":"hi"} ] }'


@pytest.mark.parametrize(
    ("model", "drop", "expected"),
    [
        pytest.param("m", frozenset(), ODD, id="nothing to change"),
        pytest.param("other", frozenset(), ODD.replace('"m"', '"other"'), id="renamed"),
        pytest.param("m", frozenset({"not there"}), ODD, id="nothing to drop"),
    ],
)
def test_native_bodies_are_byte_exact(model: str, drop: frozenset[str], expected: str) -> None:
    found = out(asked("chat", ODD), CHAT, model, drop=drop)
    assert found.body.decode() == expected and found.losses == () and found.operation == "generate"
    assert found.fields == {"model", "temperature", "big", "s", "messages"}


def test_a_refused_value_becomes_the_one_that_is_wanted() -> None:
    drop = frozenset({"thinking.type.enabled"})
    manual = {**HELLO, "max_tokens": 9, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert json.loads(out(asked("messages", manual), MESSAGES, drop=drop).body)["thinking"] == {"type": "adaptive"}
    plain = asked("messages", {**HELLO, "max_tokens": 9})
    assert out(plain, MESSAGES, drop=drop).body == plain.raw
    converted = asked("chat", {**HELLO, "reasoning_effort": "high"})
    found = json.loads(out(converted, MESSAGES, "claude-sonnet-4-5", drop=drop).body)
    assert found["thinking"] == {"type": "adaptive"}


def test_a_refused_field_is_left_out_and_nothing_else() -> None:
    found = json.loads(out(asked("chat", ODD), CHAT, drop=frozenset({"temperature"})).body)
    assert found == {name: value for name, value in json.loads(ODD).items() if name != "temperature"}


@pytest.mark.parametrize(
    ("kind", "where", "name"), [("chat", CHAT, "seed"), ("messages", CHAT, "temperature"), ("chat", MESSAGES, "top_p")]
)
def test_only_who_has_said_what_an_upstream_refuses_is_told(kind: Kind, where: Channel, name: str) -> None:
    drop, body = frozenset({name}), {**HELLO, "max_tokens": 9}
    assert out(asked(kind, body), where, drop=drop).losses == ()
    assert [loss.path for loss in out(asked(kind, {**body, name: 0.5}), where, drop=drop).losses] == [name]


@pytest.mark.parametrize(
    ("kind", "own", "told"), [("chat", {}, []), ("messages", {}, []), ("chat", OPTIONS, ["stream_options"])]
)
def test_usage_that_only_the_gateway_had_asked_for_is_no_loss(kind: Kind, own: dict[str, Any], told: list[str]) -> None:
    x = asked(kind, {**HELLO, "max_tokens": 9, "stream": True, **own})
    found = out(x, CHAT, drop=frozenset({"stream_options"}))
    assert b"stream_options" not in found.body and [loss.path for loss in found.losses] == told


MEMBERS = st.dictionaries(
    st.text(max_size=6).filter(lambda name: name not in ("model", "stream", "stream_options")),
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.lists(st.text(max_size=3), max_size=2),
    max_size=5,
)


@given(MEMBERS, st.text(min_size=1, max_size=8), st.integers(0, 3))
def test_renaming_changes_the_model_only(members: dict[str, Any], model: str, indent: int) -> None:
    text = json.dumps({**members, "model": "m"}, indent=indent or None)
    found = json.loads(out(asked("messages", text), replace(MESSAGES, quirks=frozenset()), model).body)
    assert found == {**members, "model": model}


def test_thoughts_that_another_protocol_signed_do_not_reach_an_upstream_that_cannot_read_them() -> None:
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "ccx-messages:c2ln"}
    found = out(asked("responses", {"model": "m", "input": [thought, {"role": "user", "content": "hi"}]}), RESPONSES)
    assert json.loads(found.body) == {"model": "m", "input": [{"role": "user", "content": "hi"}]}
    assert [loss.path for loss in found.losses] == ["input[0]"]


MARKED: dict[Kind, Any] = {
    "messages": {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "ccx-chat:c2ln"}, {"type": "text", "text": "yes"}]}]},
    "chat": {"messages": [{"role": "assistant", "content": "yes", "reasoning_details": [
        {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "ccx-messages", "index": 0}]}]},
    "responses": {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "ccx-messages:c2ln"}]},
    "gemini": {"contents": [{"role": "model", "parts": [
        {"text": "yes"}, {"text": "", "thought": True, "thoughtSignature": "Y2N4LW1lc3NhZ2VzOmMybG4="}]}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", MARKED)
def test_no_upstream_sees_a_mark_of_the_gateway(kind: Kind) -> None:
    rest = '"model": "m",  "temperature": 1.0, "n": 1e3'
    x = asked(kind, f"{{{rest}, {json.dumps(MARKED[kind])[1:]}")
    found = out(x, channel("c", kind))
    assert b"ccx-" not in found.body and b"Y2N4" not in found.body and len(found.losses) == 1
    assert found.body.startswith(f"{{{rest}, ".encode()), "no other member changes"


@pytest.mark.parametrize("kind", MARKED)
def test_words_like_a_mark_change_nothing(kind: Kind) -> None:
    said = "what does ccx-messages:c2ln mean, or Y2N4LW1lc3NhZ2VzOmMybG4=?"
    turn = {"role": "user", "parts": [{"text": said}]} if kind == "gemini" else {"role": "user", "content": said}
    x = asked(kind, json.dumps({"model": "m", next(iter(MARKED[kind])): [turn]}, indent=3))
    found = out(x, channel("c", kind))
    assert found.body == x.raw and found.losses == ()


def test_the_model_in_a_path_is_not_in_the_body() -> None:
    x = asked("chat", {"contents": []})
    x.ask(endpoints.find("POST", "/v1beta/models/m:generateContent"))
    assert out(x, channel("g", "gemini"), "other").body == x.raw


def test_the_channels_reasoning_is_added() -> None:
    where = replace(CHAT, reasoning=ReasoningPolicy(effort=(("m", "high"),), verbosity="low", fast=True))
    added = json.loads(out(asked("chat", HELLO), where).body)
    assert added == {**HELLO, "reasoning_effort": "high", "verbosity": "low", "service_tier": "priority"}
    x = asked("chat", HELLO)
    x.ask(endpoints.find("POST", "/v1/messages/count_tokens"))
    assert out(x, replace(MESSAGES, reasoning=where.reasoning)).body == x.raw, "only what generates thinks"


def test_an_effort_of_the_mapping() -> None:
    found = json.loads(out(asked("chat", {**HELLO, "reasoning_effort": "low"}), CHAT, effort="high").body)
    assert found["reasoning_effort"] == "high"


def test_a_form_is_renamed_in_place() -> None:
    x = exchange("chat", model="m")
    x.raw = (
        b'--B\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n\xff\x00\r\n'
        b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--B--\r\n'
    )
    x.form = multipart.fields(x.raw, "multipart/form-data; boundary=B", frozenset({"model"}))
    where = channel("i", "images")
    assert out(x, where, "m").body == x.raw
    assert out(x, where, "other").body == x.raw.replace(b"\r\nm\r\n", b"\r\nother\r\n")
    assert out(x, where, "other").fields == {"model"}


def test_a_forms_field_that_an_upstream_refuses_is_left_out() -> None:
    x = exchange("chat", model="m")
    refused = b'--B\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nurl\r\n'
    model = b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    x.raw = refused + model + b"--B--\r\n"
    x.form = multipart.fields(x.raw, "multipart/form-data; boundary=B", frozenset({"model", "response_format"}))
    found = out(x, channel("i", "images"), "other", drop=frozenset({"response_format!=b64_json", "not there"}))
    assert found.body == model.replace(b"\r\nm\r\n", b"\r\nother\r\n") + b"--B--\r\n"
    assert found.losses == (Loss("response_format", "the upstream refuses it"),)


@pytest.mark.parametrize(
    ("body", "quirks", "hidden"),
    [
        ({"stream": True}, frozenset(), True),
        ({"stream": True, "stream_options": {"include_usage": False}}, frozenset(), True),
        ({"stream": True, "stream_options": {"include_usage": True}}, frozenset(), False),
        ({"stream": True, "usage": {"include": True}}, frozenset(), False),
        ({"stream": True}, frozenset({"no_stream_options"}), False),
        ({}, frozenset(), False),
    ],
)
def test_usage_of_a_chat_stream(body: dict[str, Any], quirks: frozenset[str], hidden: bool) -> None:
    x, where = asked("chat", {**HELLO, **body}), replace(CHAT, quirks=quirks)
    assert hides_usage(x, where) is hidden
    options = json.loads(out(x, where).body).get("stream_options")
    assert (options == {"include_usage": True}) is (hidden or body.get("stream_options") == {"include_usage": True})


def test_other_stream_options_stay() -> None:
    x = asked("chat", {**HELLO, "stream": True, "stream_options": {"include_obfuscation": False}})
    assert json.loads(out(x, CHAT).body)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


# ---- another protocol ------------------------------------------------------------------------------------------------
def test_a_converted_request_is_decoded_once() -> None:
    x = asked("chat", HELLO)
    assert neutral_request(x) is neutral_request(x)


def test_without_a_body_there_is_nothing_to_convert() -> None:
    x = exchange("chat")
    with pytest.raises(BadRequest, match="cannot be converted"):
        neutral_request(x)


@pytest.mark.parametrize(
    ("kind", "setting", "vital"),
    [
        ("responses", {"background": True}, False),
        ("responses", {"conversation": "conv_1"}, True),
        ("responses", {"prompt": {"id": "pmpt_1", "variables": {}}}, True),
        ("chat", {"logprobs": True}, False),
    ],
    ids=str,
)
def test_settings_that_no_other_protocol_has_are_losses(kind: Kind, setting: dict[str, Any], vital: bool) -> None:
    body = {"model": "m", "input": "hi"} if kind == "responses" else HELLO
    losses = out(asked(kind, {**body, **setting}), MESSAGES).losses
    assert [(loss.path, loss.vital) for loss in losses] == [(name, vital) for name in setting]
    assert out(asked(kind, {**body, **setting}), CHAT if kind == "chat" else RESPONSES).losses == ()


@pytest.mark.parametrize(
    ("asked_for", "limit", "sent", "lost"),
    [(100, 0, 100, []), (100, 50, 50, ["max_tokens"]), (30, 50, 30, []), (None, 50, 50, [])],
)
def test_the_channels_limit_of_tokens(asked_for: int | None, limit: int, sent: int, lost: list[str]) -> None:
    body = {**HELLO, **({"max_tokens": asked_for} if asked_for else {})}
    where = replace(MESSAGES, limits=ChannelLimits(max_output_tokens=limit))
    found = out(asked("chat", body), where)
    assert json.loads(found.body)["max_tokens"] == sent and [loss.path for loss in found.losses] == lost


BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 2048}}


@pytest.mark.parametrize(
    ("where", "said", "sent"),
    [
        (MESSAGES, {"max_tokens": 5000}, {"max_tokens": 2000}),
        (MESSAGES, {"max_tokens": 5000, **BUDGET}, {"max_tokens": 2000, "thinking": {**BUDGET["thinking"], "budget_tokens": 1000}}),
        (CHAT, {"max_tokens": 5000}, {"max_tokens": 2000}),
        (CHAT, {"max_completion_tokens": 5000}, {"max_completion_tokens": 2000}),
        (RESPONSES, {"max_output_tokens": 5000}, {"max_output_tokens": 2000}),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 5000, "topK": 3}}, {"generationConfig": {"maxOutputTokens": 2000, "topK": 3}}),
    ],
)  # fmt: skip
def test_the_channels_limit_of_tokens_holds_in_its_own_protocol(
    where: Channel, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    where = replace(where, limits=ChannelLimits(max_output_tokens=2000))
    found = out(asked(where.protocol, {**HELLO, **said}), where)
    assert json.loads(found.body) == {**HELLO, **sent}
    assert [loss.path for loss in found.losses] == ["max_tokens"]
    x = asked(where.protocol, {**HELLO, **sent})
    assert out(x, where).body == x.raw and out(x, where).losses == ()


def test_the_upstreams_model_and_refused_fields() -> None:
    found = out(asked("chat", {**HELLO, "temperature": 0.5}), MESSAGES, "opus", drop=frozenset({"temperature"}))
    body = json.loads(found.body)
    assert body["model"] == "opus" and "temperature" not in body and found.operation == "generate"
    assert "temperature" in found.fields or "temperature" not in body


def test_what_claude_code_tells_anthropic_alone_is_in_no_others_prompt() -> None:
    billed = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.37; cch=fa690;"}
    x = asked("messages", {**HELLO, "max_tokens": 5, "system": [billed, {"type": "text", "text": "be brief"}]})
    assert json.loads(out(x, CHAT).body)["messages"][0] == {"role": "system", "content": "be brief"}
    assert out(x, replace(MESSAGES, quirks=frozenset())).body == x.raw


def test_every_attempt_is_encoded_freshly() -> None:
    x = asked("chat", HELLO)
    first, second = out(x, MESSAGES, "one"), out(x, MESSAGES, "two")
    assert (json.loads(first.body)["model"], json.loads(second.body)["model"]) == ("one", "two")


# ---- conversations of the Responses API ------------------------------------------------------------------------------
HISTORY = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param("three", [*HISTORY, {"role": "user", "content": "three"}], id="text"),
        pytest.param([{"type": "x"}], [*HISTORY, {"type": "x"}], id="items"),
        pytest.param(None, HISTORY, id="nothing new"),
    ],
)
def test_a_continued_conversation(given_: Any, expected: list[Any]) -> None:
    x = exchange("responses")
    x.history = [dict(item) for item in HISTORY]
    members = {"model": "m", "previous_response_id": "resp_1", "input": given_}
    assert continued(x, members) == {"model": "m", "input": expected}


def test_a_continued_answer_says_which_one_it_continues() -> None:
    x = asked("responses", {"model": "m", "previous_response_id": "resp_1", "input": "b"})
    x.history = [{"role": "user", "content": "a"}]
    sent = out(x, MESSAGES)
    assert "resp_1" not in sent.body.decode() and sent.losses == ()
    body, _ = TEXT_PROTOCOLS["responses"].encode_response(Response("r", "m", (Text("c"),), "end"), neutral_request(x))
    assert body["previous_response_id"] == "resp_1"


def test_a_new_conversation_stays_as_it_is() -> None:
    members = {"model": "m", "input": "hi"}
    assert continued(exchange("responses"), members) is members


def test_a_conversation_nobody_remembers() -> None:
    with pytest.raises(UnknownResponse, match="resp_1"):
        continued(exchange("responses"), {"previous_response_id": "resp_1"})


def test_an_upstream_of_the_same_protocol_remembers_itself() -> None:
    x = asked("responses", {"model": "m", "input": "hi", "previous_response_id": "resp_1"})
    assert out(x, RESPONSES).body == x.raw


@pytest.mark.parametrize(
    ("home", "away"),
    [
        (NOWHERE, False),
        (Seat("ch_elsewhere", "k", 0), True),
        (Seat("id_a", "another key", 0), True),
        (Seat("id_a", "key_a", 0), False),
        (Seat("id_a", "", 0), False),
    ],
)
def test_who_did_not_make_an_answer_is_told_what_it_was(home: Seat, away: bool) -> None:
    x = asked("responses", {"model": "m", "input": "b", "previous_response_id": "r", "store": True})
    thought = {"type": "reasoning", "id": "rs", "encrypted_content": "e"}
    x.history = [{"role": "user", "content": "a"}, thought]
    where = channel("a", "responses")
    x.home = home
    sent = out(x, where)
    body = json.loads(sent.body)
    if away:
        assert body["input"] == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
        assert "previous_response_id" not in body and [loss.path for loss in sent.losses] == ["reasoning"]
    else:
        assert (body["input"], body["previous_response_id"], sent.losses) == ("b", "r", ())


NAMED = [{"type": "item_reference", "id": id} for id in ("rs_1", "msg_1")]
SAID: dict[str, dict[str, Any]] = {
    "rs_1": {"id": "rs_1", "type": "reasoning", "summary": []},
    "msg_1": {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "said before"}],
    },
}  # fmt: skip


def naming(home: Seat, known: bool = True) -> Exchange:
    x = asked("responses", {"model": "m", "input": [{"role": "user", "content": "a"}, *NAMED]})
    x.home, x.named = home, {id: Named(home, item if known else None) for id, item in SAID.items()}
    return x


def test_items_that_are_named_go_to_who_made_them_as_they_are() -> None:
    x = naming(Seat("id_a", "key_a", 0))
    assert out(x, channel("a", "responses")).body == x.raw


def test_who_did_not_make_the_items_that_are_named_is_told_what_they_say() -> None:
    sent = out(naming(Seat("ch_elsewhere", "k", 0)), RESPONSES)
    assert json.loads(sent.body)["input"] == [{"role": "user", "content": "a"}, SAID["msg_1"]]
    assert [loss.path for loss in sent.losses] == ["reasoning"]


@pytest.mark.parametrize("where", [CHAT, MESSAGES])
def test_other_protocols_hear_what_the_items_that_are_named_say(where: Channel) -> None:
    sent = out(naming(Seat("id_a", "key_a", 0)), where)
    assert b"said before" in sent.body and not any(loss.vital for loss in sent.losses)
    lost = out(naming(Seat("id_a", "key_a", 0), known=False), where).losses
    assert {loss.path for loss in lost if loss.vital} == {"rs_1", "msg_1"}


def test_only_responses_are_summarised() -> None:
    assert not summarises(asked("chat", HELLO))
    x = asked("responses", {"model": "m", "input": "hi"})
    assert not summarises(x)
    x.ask(endpoints.find("POST", "/v1/responses/compact"))
    assert summarises(x)


# ---- answers ---------------------------------------------------------------------------------------------------------
ANSWER = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}  # fmt: skip


def test_an_answer_is_counted_and_stays_byte_exact() -> None:
    x, content = asked("chat", HELLO), json.dumps(ANSWER, indent=2).encode()
    ended, body = judge(x, CHAT, content)
    assert ended.kind == "ok" and body is content and x.usage and (x.usage.input, x.usage.output) == (3, 2)


@pytest.mark.parametrize("kind", ["messages", "responses"])
def test_an_answer_in_the_clients_protocol(kind: Kind) -> None:
    x = asked(kind, {**HELLO, "max_tokens": 5} if kind == "messages" else {"model": "m", "input": "hi"})
    ended, body = judge(x, CHAT, json.dumps(ANSWER).encode())
    assert ended.kind == "ok" and b"hello" in body and x.stop == "length"
    assert json.loads(body)["usage"]["output_tokens"] == 2


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        pytest.param(b"", "empty", "the answer is empty", id="empty"),
        pytest.param(b"<html>", "bad_body", "not valid JSON", id="HTML"),
        pytest.param(b'{"a": NaN}', "bad_body", "not valid JSON", id="NaN"),
        pytest.param(b"<html><title>Sign in</title>", "bad_body", "it said: a web page: Sign in", id="a page's title"),
        pytest.param(b"upstream is asleep", "bad_body", "it said: upstream is asleep", id="plain words"),
        pytest.param(b'"upstream is asleep"', "empty", "it said: upstream is asleep", id="words as JSON"),
        pytest.param(b"[]", "empty", "", id="list"),
        pytest.param(b'{"error": {"message": "no credit"}}', "error_body", "no credit", id="error in a 200"),
        pytest.param(b'{"choices": []}', "empty", "", id="no choice"),
    ],
)
@pytest.mark.parametrize("kind_of_client", ["chat", "messages"])
def test_a_200_without_an_answer(kind_of_client: Kind, content: bytes, kind: str, words: str) -> None:
    ended, _ = judge(asked(kind_of_client, HELLO), CHAT, content)
    assert ended.kind == kind and words in ended.detail


def test_deleting_may_have_no_body() -> None:
    x = exchange("responses")
    x.ask(endpoints.find("DELETE", "/v1/responses/resp_1"))
    assert judge(x, RESPONSES, b"")[0].kind == "ok"


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "queued"])
def test_a_stored_answer_is_what_was_asked_for_whatever_it_says(status: str) -> None:
    x = exchange("responses", model="")
    x.ask(endpoints.find("GET", "/v1/responses/resp_1"))
    error = {"code": "server_error", "message": "it failed then"} if status == "failed" else None
    stored: dict[str, Any] = {
        "id": "resp_1",
        "status": status,
        "error": error,
        "output": [],
        "usage": {"input_tokens": 9},
    }
    assert judge(x, RESPONSES, json.dumps(stored).encode())[0].kind == "ok"
    assert x.usage is None, "it was counted when it was made"
    assert judge(x, RESPONSES, b"<html>")[0].kind == "bad_body"


@pytest.mark.parametrize(
    ("path", "body", "sent"),
    [
        pytest.param(
            ":batchEmbedContents",
            {"requests": [{"model": "models/m", "content": {}}, {"model": "models/m"}]},
            {"requests": [{"model": "models/up", "content": {}}, {"model": "models/up"}]},
            id="each request",
        ),
        pytest.param(
            ":embedContent", {"model": "models/m", "content": {}}, {"model": "models/up", "content": {}}, id="one"
        ),
        pytest.param(":embedContent", {"content": {}}, {"content": {}}, id="not named"),
        pytest.param(":generateContent", {"contents": []}, {"contents": []}, id="no embedding"),
    ],
)
def test_a_model_that_a_gemini_body_names_is_renamed_with_the_path(path: str, body: Any, sent: Any) -> None:
    x = asked("gemini", body)
    x.ask(endpoints.find("POST", f"/v1beta/models/m{path}"))
    assert json.loads(out(x, GEMINI, "up").body) == sent
    assert out(x, GEMINI, "m").body == x.raw


def test_a_stream_was_expected() -> None:
    x = asked("images", {"model": "m", "prompt": "a tree", "stream": True})
    x.expects_stream = True
    assert judge(x, channel("pictures", "images"), b'{"data": [{"b64_json": "aGk="}]}')[0].kind == "bad_body"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["choices", "message", "content", "error", "usage", "finish_reason", "tool_calls"]), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_any_json_is_judged(value: Any) -> None:
    for kind in ("chat", "messages"):
        ended, body = judge(asked(kind, HELLO), CHAT, json.dumps(value).encode())
        assert ended.kind in ("ok", "empty", "error_body") and isinstance(body, bytes)
