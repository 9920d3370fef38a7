"""Searches and code that ran for an answer, in every client's own form: JSON and streams, as the vendors' SDKs take them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message as ClaudeMessage
from anthropic.types import RawMessageStreamEvent
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.responses import Response as OpenAiResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from ccx_addons.convert.works import carried, encoder, remembered
from ccx_addons.core.config import Kind
from ccx_addons.core.leftovers import of_answer
from ccx_addons.core.mcp import McpServer
from ccx_addons.core.neutral import Message, Opaque, Request, Response, ServerTool, Text, explode
from ccx_addons.core.sse import Reader
from ccx_addons.core.wire_json import dumps
from ccx_addons.protocols import TEXT_PROTOCOLS
from scripts.fake.answers import Said
from scripts.fake.say_gemini import gemini_json
from scripts.fake.say_messages import messages_json
from scripts.fake.say_responses import responses_json

PAGE = {
    "type": "web_search_result",
    "url": "https://a.test/1",
    "title": "One",
    "encrypted_content": "x",
    "page_age": None,
}
SEARCH_AND_RUN: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "moons"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [PAGE]},
    {"type": "server_tool_use", "id": "srvtoolu_2", "name": "code_execution", "input": {"code": "print(6*7)"}},
    {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_2",
     "content": {"type": "code_execution_result", "stdout": "42\n", "stderr": "", "return_code": 0, "content": []}},
]  # fmt: skip
ITEMS = [
    {"type": "web_search_call", "id": "ws_1", "status": "completed",
     "action": {"type": "search", "query": "moons", "sources": [{"type": "url", "url": "https://a.test/1"}]}},
    {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "container_id": "cntr_1",
     "code": "print(6*7)", "outputs": [{"type": "logs", "logs": "42\n"}]},
]  # fmt: skip
PARTS = [
    {"executableCode": {"language": "PYTHON", "code": "print(6*7)"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}},
]
GROUNDING = {"webSearchQueries": ["moons"], "groundingChunks": [{"web": {"uri": "https://a.test/1", "title": "One"}}]}


def answer_of(kind: str) -> dict[str, Any]:
    said = Said("m", "It is 42.")
    if kind == "messages":
        body = messages_json(said)
        body["content"] = [*SEARCH_AND_RUN, *body["content"]]
    elif kind == "responses":
        body = responses_json(said, {})
        body["output"] = [*ITEMS, *body["output"]]
    else:
        body = gemini_json(said)
        candidate = body["candidates"][0]
        candidate["content"]["parts"] = [*PARTS, *candidate["content"]["parts"]]
        candidate["groundingMetadata"] = GROUNDING
    return body


def decoded(kind: str) -> Response:
    found = TEXT_PROTOCOLS[kind].decode_response(answer_of(kind))  # type: ignore[index]
    assert isinstance(found, Response)
    return found


def as_json(source: str, target: Kind) -> tuple[dict[str, Any], list[str]]:
    answer, lost = carried(decoded(source), target)
    body, losses = TEXT_PROTOCOLS[target].encode_response(answer, Request("m", ()))
    return json.loads(dumps(body)), [loss.path for loss in (*losses, *lost)]


def as_stream(source: Kind, target: Kind) -> list[dict[str, Any]]:
    """What the client's stream holds."""
    writer = encoder(target, source, Request("m", (), stream=True), array=False)
    data = b"".join(writer.encode(event) for event in explode(decoded(source)))
    reader = Reader()
    return [json.loads(event.data) for event in (*reader.feed(data), *reader.flush()) if event.data.startswith("{")]


def whole(target: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer as the SDK puts it together."""
    if target == "responses":
        adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
        for event in events:
            adapter.validate_python(event)
        found: dict[str, Any] = events[-1]["response"]
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        assert done == found["output"]
        return found
    if target == "messages":
        snapshot: Any = None
        pieces: dict[int, bytes] = {}
        raw: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
        for event in events:
            snapshot = accumulate_event(event=raw.validate_python(event), current_snapshot=snapshot, json_bufs=pieces)
        return json.loads(snapshot.to_json())  # type: ignore[no-any-return]
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    for event in events:
        GenerateContentResponse.model_validate(event)
    end = events[-1]["candidates"][0]
    return {"candidates": [{**end, "content": {"parts": [part for part in parts if part != {"text": ""}]}}]}


CHECKS: dict[str, Any] = {"messages": ClaudeMessage, "responses": OpenAiResponse, "gemini": GenerateContentResponse}


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: without_ids(inner) for name, inner in value.items() if inner is not None}
        return {
            name: inner
            for name, inner in kept.items()
            if name not in ("id", "tool_use_id", "container_id", "citations")
        }
    return [without_ids(inner) for inner in value] if isinstance(value, list) else value


def works_in(target: str, body: dict[str, Any]) -> Any:
    """Its blocks or items but for the text, without ids."""
    if target == "messages":
        found = [block for block in body["content"] if block["type"] != "text"]
    elif target == "responses":
        found = [item for item in body["output"] if item["type"] != "message"]
    else:
        candidate = body["candidates"][0]
        found = [part for part in candidate["content"]["parts"] if "text" not in part]
        found.append(candidate.get("groundingMetadata", {}).get("webSearchQueries"))
    return without_ids(found)


def own(target: str, source: str) -> Any:
    """What is to be seen: the target's form of the same. Gemini tells of its searches at the end."""
    if target == "gemini":
        return [*PARTS, ["moons"]]
    native = works_in(target, answer_of(target))
    if target == "messages":
        title = "https://a.test/1" if source == "responses" else "One"
        native[1]["content"][0] |= {"title": title, "encrypted_content": "ccx-page:"}
        return native[2:] + native[:2] if source == "gemini" else native
    return native[::-1] if source == "gemini" else native


LOST = {
    "messages": ["content[1].encrypted_content", "content[3].return_code"],
    "responses": ["content[1].container_id"],
    "gemini": ["content[0].language"],
}
"""Members that no other protocol has."""
OF_PAGES = {
    ("messages", "responses"): ["content[1].title"],
    ("messages", "gemini"): ["content[1].title", "content[1].url"],
    ("responses", "gemini"): ["content[0].url"],
}
"""What the other protocol does not say of pages that were found."""
PAIRS = [(a, b) for a in ("messages", "responses", "gemini") for b in ("messages", "responses", "gemini") if a != b]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_works_have_the_clients_own_form(source: Kind, target: Kind) -> None:
    body, losses = as_json(source, target)
    CHECKS[target].model_validate(body)
    assert works_in(target, body) == own(target, source)
    assert sorted(losses) == sorted(LOST[source] + OF_PAGES.get((source, target), []))
    assert "It is 42." in json.dumps(body)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_so_do_streams(source: Kind, target: Kind) -> None:
    body = whole(target, as_stream(source, target))
    assert works_in(target, body) == own(target, source)
    assert "It is 42." in json.dumps(body)


@pytest.mark.parametrize("source", ["messages", "responses", "gemini"])
def test_chat_has_no_form_of_its_own_and_says_it_in_words(source: Kind) -> None:
    body, _ = as_json(source, "chat")
    assert "print(6*7)" in body["choices"][0]["message"]["content"] and "42" in body["choices"][0]["message"]["content"]


def test_a_call_whose_result_never_comes_is_told_all_the_same() -> None:
    answer = messages_json(Said("m", "so"))
    answer["content"] = [*answer["content"], SEARCH_AND_RUN[0]]
    decoded_answer = TEXT_PROTOCOLS["messages"].decode_response(answer)
    assert isinstance(decoded_answer, Response)
    body, _ = TEXT_PROTOCOLS["responses"].encode_response(carried(decoded_answer, "responses")[0], Request("m", ()))
    assert [item["type"] for item in body["output"]] == ["message", "web_search_call"]


def test_a_failure_stays_one() -> None:
    failed = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    answer = messages_json(Said("m", "so"))
    answer["content"] = [SEARCH_AND_RUN[0], {**SEARCH_AND_RUN[1], "content": failed}, *answer["content"]]
    decoded_answer = TEXT_PROTOCOLS["messages"].decode_response(answer)
    assert isinstance(decoded_answer, Response)
    body, _ = TEXT_PROTOCOLS["responses"].encode_response(carried(decoded_answer, "responses")[0], Request("m", ()))
    assert body["output"][0]["status"] == "failed" and OpenAiResponse.model_validate(body)


def test_answers_without_works_stay_the_same_object() -> None:
    plain = TEXT_PROTOCOLS["chat"].decode_response(
        {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]}
    )
    assert (
        isinstance(plain, Response)
        and carried(plain, "messages") == (plain, [])
        and carried(plain, "messages")[0] is plain
    )


# ---- the way back ----------------------------------------------------------------------------------------------------
def test_an_upstream_of_claudes_gets_code_as_words_and_no_search_of_others() -> None:
    body, _ = as_json("responses", "messages")
    history = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": body["content"]}]}
    told, losses = TEXT_PROTOCOLS["messages"].without_foreign(history)
    blocks = told["messages"][1]["content"]
    assert {block["type"] for block in blocks} == {"text"} and not losses
    assert "print(6*7)" in json.dumps(blocks) and "42" in json.dumps(blocks) and "a.test" not in json.dumps(blocks)


def test_an_upstream_of_openais_gets_code_as_words_and_no_search_of_others() -> None:
    body, _ = as_json("messages", "responses")
    told, _ = TEXT_PROTOCOLS["responses"].without_foreign({"input": body["output"]})
    assert {item["type"] for item in told["input"]} == {"message"}
    assert "print(6*7)" in json.dumps(told) and "a.test" not in json.dumps(told)


@pytest.mark.parametrize("target", ["chat", "messages", "gemini"])
def test_other_upstreams_get_the_words_of_a_history(target: Kind) -> None:
    body, _ = as_json("messages", "responses")
    items = [{"role": "user", "content": "q"}, *body["output"], {"role": "user", "content": "more"}]
    request = TEXT_PROTOCOLS["responses"].decode_request({"input": items}, "m", False)
    wire, _ = TEXT_PROTOCOLS[target].encode_request(request)
    assert "print(6*7)" in json.dumps(wire) and "cntr_" not in json.dumps(wire)


FETCH: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {"type": "server_tool_use", "id": "srvtoolu_3", "name": "web_fetch", "input": {"url": "https://a.test/p"}},
        {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_3", "content": {
            "type": "web_fetch_result", "url": "https://a.test/p", "content": {
                "type": "document", "title": "P", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}}},
    ],
    "responses": [{
        "type": "web_search_call", "id": "ws_3", "status": "completed",
        "action": {"type": "open_page", "url": "https://a.test/p"},
    }],
    "gemini": [{"retrievedUrl": "https://a.test/p", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}],
}  # fmt: skip


def read_page(kind: Kind, failed: bool = False) -> Response:
    """An answer of a model that has read a page, or tried to."""
    said = Said("m", "It is 42.")
    works = json.loads(json.dumps(FETCH[kind]))
    body: dict[str, Any]
    if kind == "messages":
        body = messages_json(said)
        if failed:
            works[1]["content"] = {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"}
        body["content"] = [*works, *body["content"]]
    elif kind == "responses":
        body = responses_json(said, {})
        works[0]["status"] = "failed" if failed else "completed"
        body["output"] = [*works, *body["output"]]
    else:
        body = gemini_json(said)
        if failed:
            works[0]["urlRetrievalStatus"] = "URL_RETRIEVAL_STATUS_UNSAFE"
        body["candidates"][0]["urlContextMetadata"] = {"urlMetadata": works}
    found = TEXT_PROTOCOLS[kind].decode_response(body)
    assert isinstance(found, Response)
    return found


def page_in(target: str, body: dict[str, Any]) -> tuple[str, bool]:
    """Address of the page that was read, and whether that failed."""
    if target == "messages":
        asked, came = (block for block in body["content"] if block["type"] != "text")
        assert asked["id"] == came["tool_use_id"]
        return asked["input"]["url"], came["content"]["type"] == "web_fetch_tool_result_error"
    if target == "responses":
        (item,) = (item for item in body["output"] if item["type"] != "message")
        return item["action"]["url"], item["status"] == "failed"
    (page,) = body["candidates"][0]["urlContextMetadata"]["urlMetadata"]
    return page["retrievedUrl"], page["urlRetrievalStatus"] != "URL_RETRIEVAL_STATUS_SUCCESS"


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("failed", [False, True])
def test_pages_that_were_read_have_the_clients_own_form(source: Kind, target: Kind, failed: bool) -> None:
    answer = read_page(source, failed)
    told, lost = carried(answer, target)
    body, losses = TEXT_PROTOCOLS[target].encode_response(told, Request("m", ()))
    CHECKS[target].model_validate(json.loads(dumps(body)))
    assert page_in(target, body) == ("https://a.test/p", failed)
    left = [loss.path for loss in (*losses, *lost, *of_answer(answer, target))]
    page = ["content[1].source.media_type", "content[1].source.data"]
    words = {
        ("messages", True): ["content[1].error_code"],
        ("messages", False): ["content[1].title", *page],
        ("gemini", True): ["candidate.urlContextMetadata.urlMetadata.urlRetrievalStatus"],
    }
    assert left == words.get((source, failed), [])


def test_what_is_said_of_no_page_is_lost() -> None:
    answer = read_page("gemini")
    fetched = {
        "urlMetadata": [{"urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"}, {"retrievedUrl": "u", "size": 7}, {}],
        "took": 1,
    }
    answer = replace(answer, extra={"gemini": {"candidate": {"urlContextMetadata": fetched}}})
    for target in ("messages", "responses"):
        _, lost = carried(answer, target)
        assert [(loss.path, loss.reason) for loss in lost] == [
            (f"candidate.urlContextMetadata.{name}", "only gemini upstreams have it")
            for name in ("took", "urlMetadata.urlRetrievalStatus", "urlMetadata.size")
        ]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_so_do_pages_in_streams(source: Kind, target: Kind) -> None:
    writer = encoder(target, source, Request("m", (), stream=True), array=False)
    data = b"".join(writer.encode(event) for event in explode(read_page(source)))
    reader = Reader()
    events = [json.loads(event.data) for event in (*reader.feed(data), *reader.flush()) if event.data.startswith("{")]
    assert page_in(target, whole(target, events)) == ("https://a.test/p", False)


def test_chat_says_that_it_has_no_place_for_pages_that_were_read() -> None:
    assert [loss.path for loss in of_answer(read_page("gemini"), "chat")] == ["candidate.urlContextMetadata"]


# ---- remote MCP servers ----------------------------------------------------------------------------------------------
LISTED = {"name": "look", "description": "d", "input_schema": {"type": "object"}}
REMOTE: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {"type": "mcp_tool_listing", "mcp_server_name": "a", "tools": [LISTED]},
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "look", "server_name": "a", "input": {"at": "moon"}},
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False,
         "content": [{"type": "text", "text": "round"}]},
        {"type": "mcp_tool_use", "id": "mcptoolu_2", "name": "look", "server_name": "a", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_2", "is_error": True,
         "content": [{"type": "text", "text": "no"}]},
    ],
    "responses": [
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "a", "tools": [LISTED]},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "a", "name": "look", "arguments": '{"at":"moon"}',
         "output": "round", "error": None, "status": "completed", "approval_request_id": None},
        {"type": "mcp_call", "id": "mcp_2", "server_label": "a", "name": "look", "arguments": "{}", "output": None,
         "error": {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "no"}]},
         "status": "failed"},
    ],
}  # fmt: skip
WHERE = {"messages": "content", "responses": "output"}


def remote(kind: str) -> Response:
    body = answer_of(kind)
    body[WHERE[kind]] = [*REMOTE[kind], body[WHERE[kind]][-1]]
    found = TEXT_PROTOCOLS[kind].decode_response(body)  # type: ignore[index]
    assert isinstance(found, Response)
    return found


@pytest.mark.parametrize(("source", "target"), [("messages", "responses"), ("responses", "messages")])
def test_what_remote_servers_did(source: Kind, target: Kind) -> None:
    answer, lost = carried(remote(source), target)
    body, losses = TEXT_PROTOCOLS[target].encode_response(answer, Request("m", ()))
    body = json.loads(dumps(body))
    if target == "messages":
        BetaMessage.model_validate(body)
    else:
        OpenAiResponse.model_validate(body)
    want = without_ids(REMOTE[target])
    assert (without_ids(body[WHERE[target]])[:-1], [*lost, *losses]) == (want, [])
    writer = encoder(target, source, Request("m", (), stream=True), array=False)
    data = b"".join(writer.encode(event) for event in explode(remote(source)))
    reader = Reader()
    events = [json.loads(event.data) for event in (*reader.feed(data), *reader.flush()) if event.data.startswith("{")]
    if target == "messages":
        raw: TypeAdapter[Any] = TypeAdapter(BetaRawMessageStreamEvent)
        for event in events:
            raw.validate_python(event)
        blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
        assert [block["type"] for block in blocks[:-1]] == [block["type"] for block in REMOTE[target]]
    else:
        assert without_ids(whole(target, events)["output"])[:-1] == want


def test_calls_at_once_keep_their_results() -> None:
    listed, one, first, two, second = REMOTE["messages"]
    body = {**answer_of("messages"), "content": [listed, one, two, second, first]}
    answer = TEXT_PROTOCOLS["messages"].decode_response(body)
    assert isinstance(answer, Response)
    told, losses = carried(answer, "responses")
    found = TEXT_PROTOCOLS["responses"].encode_response(told, Request("m", ()))[0]["output"]
    listed, first, second = without_ids(REMOTE["responses"])
    assert (without_ids(found), losses) == ([listed, second, first], [])


@pytest.mark.parametrize(("source", "target"), [("messages", "responses"), ("responses", "messages")])
def test_they_are_remembered_where_their_tools_are(source: Kind, target: Kind) -> None:
    """Without the tools the history is said in words."""
    asked = (Message("user", (Text("q"),)), Message("assistant", remote(source).parts), Message("user", (Text("on"),)))
    tool = ServerTool("mcp", source, {}, (McpServer("a", "https://a.test"),))
    request = remembered(Request("m", asked, tools=(tool,)), target)
    found = [part.value for part in request.messages[1].parts if isinstance(part, Opaque)]
    assert without_ids(found) == without_ids(REMOTE[target])
    assert remembered(Request("m", asked, tools=(tool,)), target) == request, "the same each time"
    body, losses = TEXT_PROTOCOLS[target].encode_request(request)
    assert (losses == [] and "mcptoolu_ccx" in dumps(body).decode()) or "mcp_ccx" in dumps(body).decode()
    bare = Request("m", asked)
    assert remembered(bare, target) is bare is remembered(bare, "chat")
    for server in (replace(tool.servers[0], off=True), replace(tool.servers[0], unasked=())):
        away = replace(bare, tools=(replace(tool, servers=(server,)),))
        assert remembered(away, target) is away, "no tool of it may be called"
