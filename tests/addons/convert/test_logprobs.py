"""Probabilities of tokens in every client's own form: JSON and streams, as the vendors' SDKs take them."""

import json
from typing import Any

import pytest
from google.genai.types import GenerateContentResponse
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response as OpenAiResponse

from ccx_addons.convert.logprobs import said
from ccx_addons.convert.works import carried, encoder
from ccx_addons.core.config import Kind
from ccx_addons.core.leftovers import NOTHING, OfStream, of_answer
from ccx_addons.core.logprobs import SAID, WISHES
from ccx_addons.core.neutral import Request, Response, Text
from ccx_addons.core.sse import Reader
from ccx_addons.core.wire_json import dumps
from ccx_addons.protocols import TEXT_PROTOCOLS
from tests.protocols.responses.values import accumulate

WISH: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "q"}], "logprobs": True, "top_logprobs": 2},
    "responses": {"input": "q", "include": ["message.output_text.logprobs"], "top_logprobs": 2},
    "gemini": {"contents": "q", "generationConfig": {"responseLogprobs": True, "logprobs": 2}},
}
WORDS = (("Moon", -0.25, (("Moon", -0.25), ("Mars", -1.5))), ("s", -0.75, (("s", -0.75), ("ü", -2.0))))


def openai_token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def openai(words: Any) -> list[dict[str, Any]]:
    return [
        {**openai_token(text, p), "top_logprobs": [openai_token(*other) for other in top]} for text, p, top in words
    ]


def gemini(words: Any) -> dict[str, Any]:
    def token(text: str, logprob: float) -> dict[str, Any]:
        return {"token": text, "logProbability": logprob}

    return {
        "chosenCandidates": [token(text, p) for text, p, _ in words],
        "topCandidates": [{"candidates": [token(*other) for other in top]} for *_, top in words],
    }


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + dumps(event) + b"\n\n" for event in events)


def chat_chunk(words: Any, content: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": content}, "logprobs": {"content": openai(words)}, **more}],
    }  # fmt: skip


TEXT = {"type": "output_text", "text": "Moons", "annotations": [], "logprobs": openai(WORDS)}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [TEXT]}
ANSWERS: dict[str, tuple[dict[str, Any], bytes]] = {
    "chat": (
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Moons"}, "finish_reason": "stop",
             "logprobs": {"content": openai(WORDS), "refusal": None}}]},
        sse(chat_chunk(WORDS[:1], "Moon"), chat_chunk(WORDS[1:], "s", finish_reason="stop")) + b"data: [DONE]\n\n",
    ),
    "responses": (
        {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [MESSAGE]},
        sse(
            {"type": "response.created", "response": {"id": "resp_1", "model": "m"}},
            {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}},
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "msg_1",
             "delta": "Moons", "logprobs": openai(WORDS)},
            {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "item_id": "msg_1",
             "part": TEXT},
            {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
            {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": [MESSAGE]}},
        ),
    ),
    "gemini": (
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Moons"}]}, "finishReason": "STOP",
                         "avgLogprobs": -0.5, "logprobsResult": gemini(WORDS)}]},
        sse(
            {"candidates": [{"content": {"parts": [{"text": "Moon"}]}, "logprobsResult": gemini(WORDS[:1])}]},
            {"candidates": [{"content": {"parts": [{"text": "s"}]}, "finishReason": "STOP",
                             "logprobsResult": gemini(WORDS[1:])}]},
        ),
    ),
}  # fmt: skip
PAIRS = [(source, target) for source in ANSWERS for target in ANSWERS if source != target]


def asked(target: Kind, wish: bool = True) -> Request:
    plain = {name: value for name, value in WISH[target].items() if name in ("messages", "input", "contents")}
    return TEXT_PROTOCOLS[target].decode_request(WISH[target] if wish else plain, "m", False)


def tokens_in(target: str, body: dict[str, Any]) -> Any:
    if target == "chat":
        return body["choices"][0]["logprobs"]["content"]
    if target == "responses":
        return body["output"][0]["content"][0]["logprobs"]
    candidate = body["candidates"][0]
    assert candidate["avgLogprobs"] == -0.5 and candidate["logprobsResult"].pop("logProbabilitySum") == -1.0
    return candidate["logprobsResult"]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_is_asked(source: Kind, target: Kind) -> None:
    body, losses = TEXT_PROTOCOLS[target].encode_request(asked(source), "https://api.openai.com/v1")
    names = ("logprobs", "top_logprobs", "include", "generationConfig")
    kept = {name: body[name] for name in names if name in body}
    want = {name: value for name, value in WISH[target].items() if name in names}
    if target == "responses":
        want["include"] = (
            ["reasoning.encrypted_content", *want["include"]] if len(kept["include"]) > 1 else want["include"]
        )
    assert (kept, losses) == (want, [])


@pytest.mark.parametrize("source", ["responses", "gemini"])
def test_a_server_that_nobody_knows_may_not_read_it(source: Kind) -> None:
    body, (loss,) = TEXT_PROTOCOLS["chat"].encode_request(asked(source), "https://relay.test/v1")
    assert body["logprobs"] and loss.path == WISHES[source] and not loss.vital


@pytest.mark.parametrize("target", ["chat", "responses", "gemini"])
def test_an_upstream_that_gives_none(target: Kind) -> None:
    texts = (Text("heard"),), (), (Text(""),)
    told = [carried(Response("", "", parts, "end"), target, SAID)[1] for parts in texts]
    assert [[loss.path for loss in losses] for losses in told] == [[WISHES[target]], [], []]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_json(source: Kind, target: Kind) -> None:
    request = asked(target)
    answer = TEXT_PROTOCOLS[source].decode_response(ANSWERS[source][0])
    assert isinstance(answer, Response)
    whole, lost = carried(answer, target, said(source, target, request))
    body, losses = TEXT_PROTOCOLS[target].encode_response(whole, request)
    body = json.loads(dumps(body))
    check: Any = {"chat": ChatCompletion, "responses": OpenAiResponse, "gemini": GenerateContentResponse}[target]
    check.model_validate(body)
    assert tokens_in(target, body) == (gemini(WORDS) if target == "gemini" else openai(WORDS))
    assert [*lost, *losses, *of_answer(answer, target, said(source, target, request))] == []


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_stream(source: Kind, target: Kind) -> None:
    request = asked(target)
    decoder, writer = TEXT_PROTOCOLS[source].decoder(), encoder(target, source, request, array=False)
    left = OfStream(target, said(source, target, request))
    events = [*decoder.feed(ANSWERS[source][1]), *decoder.flush()]
    for event in events:
        left.see(event)
    data = b"".join(writer.encode(event) for event in events)
    reader = Reader()
    found = [json.loads(each.data) for each in (*reader.feed(data), *reader.flush()) if each.data.startswith("{")]
    if target == "chat":
        state = ChatCompletionStreamState()
        for each in found:
            state.handle_chunk(ChatCompletionChunk.model_validate(each))
        body = json.loads(state.get_final_completion().to_json())
    elif target == "responses":
        body = accumulate(found)
        done = next(each for each in found if each["type"] == "response.output_text.done")
        assert done["logprobs"] == openai(WORDS)
    else:
        body = found[-1]
        GenerateContentResponse.model_validate(body)
    assert tokens_in(target, body) == (gemini(WORDS) if target == "gemini" else openai(WORDS))
    assert [*writer.losses, *left.losses()] == []


def test_texts_share_them_by_their_length() -> None:
    """Beside a call the answer has two texts, and those of a refusal have no place."""
    request = asked("responses")
    body = {**ANSWERS["chat"][0]}
    choice = body["choices"][0]
    message = {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Moon"}], "refusal": "no"}
    body["choices"] = [{**choice, "message": message, "logprobs": {**choice["logprobs"], "refusal": openai(WORDS)}}]
    answer = TEXT_PROTOCOLS["chat"].decode_response(body)
    assert isinstance(answer, Response)
    whole, lost = carried(answer, "responses", said("chat", "responses", request))
    assert whole.parts[1].extra == {"responses": {"logprobs": openai(WORDS)}}
    assert [loss.path for loss in lost] == ["logprobs.refusal"]


def test_a_call_alone_has_no_place_for_them() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choice = {"index": 0, "message": {"tool_calls": [call]}, "logprobs": {"content": openai(WORDS)}}
    answer = TEXT_PROTOCOLS["chat"].decode_response({**ANSWERS["chat"][0], "choices": [choice]})
    assert isinstance(answer, Response)
    assert [loss.path for loss in carried(answer, "responses", frozenset({"logprobs"}))[1]] == ["logprobs"]


def test_who_did_not_ask_is_told_of_the_loss() -> None:
    answer = TEXT_PROTOCOLS["chat"].decode_response(ANSWERS["chat"][0])
    assert isinstance(answer, Response)
    request = asked("responses", wish=False)
    assert said("chat", "responses", request) == said("chat", "messages", asked("chat")) == NOTHING
    assert [loss.path for loss in of_answer(answer, "responses")] == ["logprobs"]
