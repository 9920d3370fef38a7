"""Each quirk cures an upstream that refuses the request without it; the strict fake upstream stands for those."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import KINDS, Kind
from ccx_addons.core.neutral import Media, Text, Thinking, ToolCall, Usage
from ccx_addons.core.signatures import PLACEHOLDER
from ccx_addons.core.turns import NO_THOUGHTS
from ccx_addons.protocols import quirks
from ccx_addons.protocols.quirks import QUIRKS, Context
from scripts.fake import answers, strict

HEADERS = {"anthropic-version": "2023-06-01"}
PIXEL = answers.PIXEL
NOTHING = Context()


def refusal(kind: Kind, body: dict[str, Any]) -> str:
    """The upstream's words, empty where it takes the body."""
    answer = strict.refusal(kind, "generate", body, HEADERS, str(body.get("model", "")))
    return json.loads(answer[1])["error"]["message"] if answer else ""


def apply(name: str, kind: Kind, body: dict[str, Any], context: Context = NOTHING) -> dict[str, Any]:
    return dict(quirks.apply([name], kind, body, context)[0])


def chat(model: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [*messages, {"role": "user", "content": "and now?"}], **more}


def messages(model: str, *turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"max_tokens": 4000, **chat(model, *turns), **more}


def gemini(model: str, *contents: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": model, "contents": [{"role": "user", "parts": [{"text": "hi"}]}, *contents], **more}


CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CHAT_CALL: list[dict[str, Any]] = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
]
MESSAGES_CALL: list[dict[str, Any]] = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "look", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "seen"}]},
]
GEMINI_CALL: list[dict[str, Any]] = [
    {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": "seen"}}}]},
]
SIGNED_CALL: list[dict[str, Any]] = [
    {"role": "model", "parts": [{**GEMINI_CALL[0]["parts"][0], "thoughtSignature": "c2ln"}]},
    GEMINI_CALL[1],
]
BILLING = "x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli; cch=1a2b3;"
NEW_USER = json.dumps({"device_id": "a" * 64, "account_uuid": "", "session_id": "1c9f0b4e-0000-4000-8000-000000000001"})
FOREIGN_THOUGHT = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": "hm", "signature": "other"}, {"type": "text", "text": "a"}],
}
HELLO = {"role": "user", "content": "hello"}

CURES = [
    pytest.param("developer_to_system", "chat", chat("deepseek-v4", {"role": "developer", "content": "be brief"}), "developer", id="developer_to_system"),
    pytest.param("system_role_to_top", "messages", messages("claude-sonnet-4-5", HELLO, {"role": "system", "content": "new"}), "role 'system'", id="system_role_to_top"),
    pytest.param("system_role_to_top", "chat", chat("qwen3", HELLO, {"role": "system", "content": "new"}), "beginning", id="system_role_to_top, chat"),
    pytest.param("strip_empty_text", "messages", messages("claude-sonnet-4-5", HELLO, {"role": "assistant", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]}), "non-empty", id="strip_empty_text"),
    pytest.param("strip_empty_text", "messages", messages("claude-sonnet-4-5", HELLO, {"role": "assistant", "content": " \n"}), "non-whitespace", id="strip_empty_text, whole message"),
    pytest.param("strip_empty_text", "gemini", gemini("gemini-2.5-pro", {"role": "model", "parts": [{"text": ""}, {"text": "a"}]}), "text parameter", id="strip_empty_text, gemini"),
    pytest.param("strip_thinking", "messages", messages("claude-sonnet-4-5", HELLO, FOREIGN_THOUGHT), "signature", id="strip_thinking"),
    pytest.param("strip_thinking", "chat", chat("gpt-4.1", HELLO, {"role": "assistant", "content": "a", "reasoning_content": "hm"}), "reasoning_content", id="strip_thinking, chat"),
    pytest.param("strip_thinking", "responses", {"model": "gpt-5", "input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "other"}, HELLO]}, "could not be verified", id="strip_thinking, responses"),
    pytest.param("passback_reasoning", "chat", chat("deepseek-v4", *CHAT_CALL), "must be passed back", id="passback_reasoning"),
    pytest.param("passback_reasoning", "messages", messages("deepseek-v4", *MESSAGES_CALL, thinking={"type": "enabled", "budget_tokens": 1024}), "must be passed back", id="passback_reasoning, messages"),
    pytest.param("normalize_user_id", "messages", messages("relay-model", metadata={"user_id": NEW_USER}), "should match pattern", id="normalize_user_id"),
    pytest.param("strip_billing_header", "messages", messages("anthropic.claude-sonnet-4-5", system=[{"type": "text", "text": BILLING}, {"type": "text", "text": "be brief"}]), "reserved keyword", id="strip_billing_header"),
    pytest.param("max_tokens_field", "chat", chat("mistral-large", max_completion_tokens=100), "max_completion_tokens", id="max_tokens_field"),
    pytest.param("no_stream_options", "chat", chat("mistral-large", stream=True, stream_options={"include_usage": True}), "stream_options", id="no_stream_options"),
    pytest.param("dummy_thought_signature", "gemini", gemini("gemini-3-pro", *GEMINI_CALL), "thought_signature", id="dummy_thought_signature"),
    pytest.param("dummy_thought_signature", "chat", chat("gemini-3-pro", *CHAT_CALL), "thought_signature", id="dummy_thought_signature, chat"),
    pytest.param("strip_thought_signature", "gemini", gemini("gemini-2.0-flash", *SIGNED_CALL), "thoughtSignature", id="strip_thought_signature"),
    pytest.param("drop_sampling", "messages", messages("claude-opus-5", temperature=0.2, top_k=5), "deprecated", id="drop_sampling"),
    pytest.param("drop_sampling", "chat", chat("gpt-5", top_p=0.2), "top_p", id="drop_sampling, chat"),
    pytest.param("drop_sampling", "responses", {"model": "gpt-5", "input": "hi", "temperature": 0.2}, "temperature", id="drop_sampling, responses"),
    pytest.param("image_url_to_b64", "chat", chat("local-vision", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://pictures.test/a.png"}}]}), "Failed to fetch", id="image_url_to_b64"),
]  # fmt: skip
FETCHED = Context(pictures={"https://pictures.test/a.png": Media("image/png", data=PIXEL)})


@pytest.mark.parametrize(("name", "kind", "body", "words"), CURES)
def test_cures_an_upstream(name: str, kind: Kind, body: dict[str, Any], words: str) -> None:
    before = copy.deepcopy(body)
    assert words in refusal(kind, body)
    changed = apply(name, kind, body, FETCHED)
    assert refusal(kind, changed) == ""
    assert body == before
    assert apply(name, kind, changed, FETCHED) == changed


@pytest.mark.parametrize("name", QUIRKS)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("messages", messages("claude-sonnet-4-5", {"role": "user", "content": "hi"}), id="messages"),
        pytest.param("chat", chat("gpt-4.1"), id="chat"),
        pytest.param("responses", {"model": "gpt-5", "input": [HELLO]}, id="responses"),
        pytest.param("gemini", gemini("gemini-2.5-pro"), id="gemini"),
    ],
)
def test_leaves_what_does_not_concern_it(name: str, kind: Kind, body: dict[str, Any]) -> None:
    assert quirks.apply([name], kind, body, NOTHING) == (body, [])
    assert quirks.apply([name], kind, body, NOTHING)[0] is body


WORDS = st.sampled_from(
    ["role", "content", "parts", "type", "text", "tool_calls", "source", "image_url", "fileData", "id", "functionCall"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["user", "assistant", "system", "image", " ", "https://x"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(WORDS, values, max_size=4),
    max_leaves=8,
)
TOPS = st.sampled_from(["messages", "contents", "input", "system", "systemInstruction", "generationConfig", "data"])


@given(body=st.dictionaries(TOPS, VALUES, max_size=3))
def test_any_json_is_taken(body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)
    for kind in KINDS:
        for name in QUIRKS:
            json.dumps(quirks.apply([name], kind, body, FETCHED)[0])
    assert body == before


# ---- the members that a quirk did not touch --------------------------------------------------------------------------
def test_untouched_members_are_the_same_objects() -> None:
    body = messages(
        "claude-sonnet-4-5", HELLO, FOREIGN_THOUGHT, tools=[{"name": "a"}], system=[{"type": "text", "text": BILLING}]
    )
    changed, _ = quirks.apply(["strip_billing_header"], "messages", body, NOTHING)
    assert "system" not in changed
    assert all(changed[name] is body[name] for name in changed)


def test_quirks_of_other_protocols_and_unknown_ones_do_nothing() -> None:
    body = chat("m", max_completion_tokens=5)
    assert quirks.apply(["max_tokens_field", "no_such"], "responses", body, NOTHING) == (body, [])


# ---- details ---------------------------------------------------------------------------------------------------------
def test_system_text_keeps_order_and_cache_control() -> None:
    marked = {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}
    body = messages("m", HELLO, {"role": "system", "content": [marked]}, system="one")
    changed = apply("system_role_to_top", "messages", body)
    assert changed["system"] == [{"type": "text", "text": "one"}, marked]
    assert [turn["role"] for turn in changed["messages"]] == ["user", "user"]


def test_chat_system_texts_become_one_message() -> None:
    body = chat("m", {"role": "system", "content": "one"}, HELLO, {"role": "developer", "content": "two"})
    changed = apply("system_role_to_top", "chat", body)
    assert changed["messages"][:2] == [{"role": "system", "content": "one\n\ntwo"}, HELLO]


def test_empty_text_inside_a_tool_result() -> None:
    inner = [{"type": "text", "text": ""}, {"type": "image", "source": {}}]
    body = {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": inner}]}]}
    changed = apply("strip_empty_text", "messages", body)
    assert changed["messages"][0]["content"][0]["content"] == inner[1:]


def test_an_empty_text_with_a_signature_stays() -> None:
    body = gemini("gemini-3-pro", {"role": "model", "parts": [{"text": "", "thoughtSignature": "c2ln"}]})
    assert apply("strip_empty_text", "gemini", body) == body


def test_empty_content_beside_tool_calls_becomes_null() -> None:
    body = {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "content": ""}]}
    changed = apply("strip_empty_text", "chat", body)
    assert changed["messages"] == [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": ""},
    ]


def test_stripped_thinking_and_sampling_are_losses() -> None:
    body = messages("m", HELLO, FOREIGN_THOUGHT, temperature=0.5)
    _, losses = quirks.apply(["strip_thinking", "drop_sampling"], "messages", body, NOTHING)
    assert [loss.path for loss in losses] == ["messages[1]", "temperature"]
    config = {"generationConfig": {"topK": 4, "seed": 1}}
    changed, losses = quirks.apply(["drop_sampling"], "gemini", config, NOTHING)
    assert (changed, [loss.path for loss in losses]) == ({"generationConfig": {"seed": 1}}, ["generationConfig.topK"])


def test_a_turn_of_thinking_alone_goes() -> None:
    thought = {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}
    assert apply("strip_thinking", "messages", messages("m", HELLO, thought)) == messages("m", HELLO)


@pytest.mark.parametrize(
    ("thoughts", "expected"), [({"call_1": "I must look"}, "I must look"), ({"call_9": "other"}, NO_THOUGHTS)]
)
def test_kept_thoughts_go_back(thoughts: dict[str, str], expected: str) -> None:
    context = Context(thoughts=thoughts)
    in_chat = apply("passback_reasoning", "chat", chat("deepseek-v4", *CHAT_CALL), context)
    assert in_chat["messages"][1]["reasoning_content"] == expected
    in_messages = apply("passback_reasoning", "messages", messages("deepseek-v4", *MESSAGES_CALL), context)
    assert in_messages["messages"][1]["content"][0] == {"type": "thinking", "thinking": expected}


def test_thoughts_that_came_back_stay() -> None:
    call = {**CHAT_CALL[1], "reasoning_content": "mine"}
    body = chat("deepseek-v4", call, {**CHAT_CALL[1], "reasoning": "vllm"})
    changed = apply("passback_reasoning", "chat", body, Context(thoughts={"call_1": "x"}))
    assert changed["messages"][0] is call
    assert changed["messages"][1]["reasoning_content"] == "vllm" and "reasoning" not in changed["messages"][1]


def test_thoughts_of_an_answer() -> None:
    parts = (Thinking("first"), Text("t"), Thinking("second"), ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))
    assert quirks.thoughts_of(parts) == {"a": "first\n\nsecond", "b": "first\n\nsecond"}
    assert quirks.thoughts_of(parts[3:]) == {}


def test_the_older_user_id() -> None:
    changed = apply("normalize_user_id", "messages", messages("m", metadata={"user_id": NEW_USER}))
    expected = f"user_{'a' * 64}_account__session_1c9f0b4e-0000-4000-8000-000000000001"
    assert changed["metadata"] == {"user_id": expected}
    bare = {"metadata": {"user_id": "{}"}}
    assert apply("normalize_user_id", "messages", bare) == apply("normalize_user_id", "messages", bare)


@pytest.mark.parametrize("text", ["I am Claude Code, not you.", f"say: {BILLING}", "cch=1"])
def test_other_system_text_stays(text: str) -> None:
    body = {"system": text, "messages": [HELLO]}
    assert apply("strip_billing_header", "messages", body) == body


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        pytest.param("chat", {"messages": [{"role": "system", "content": f"{BILLING}\n\nbe brief"}]}, {"messages": [{"role": "system", "content": "be brief"}]}, id="chat"),
        pytest.param("chat", {"messages": [{"role": "system", "content": BILLING}, HELLO]}, {"messages": [HELLO]}, id="chat, nothing else"),
        pytest.param("responses", {"instructions": f"{BILLING}\n\nbe brief", "input": "x"}, {"instructions": "be brief", "input": "x"}, id="responses"),
        pytest.param("responses", {"instructions": BILLING, "input": "x"}, {"input": "x"}, id="responses, nothing else"),
        pytest.param("gemini", {"systemInstruction": {"parts": [{"text": BILLING}, {"text": "a"}]}}, {"systemInstruction": {"parts": [{"text": "a"}]}}, id="gemini"),
        pytest.param("gemini", {"systemInstruction": {"parts": [{"text": BILLING}]}}, {}, id="gemini, nothing else"),
    ],
)  # fmt: skip
def test_the_billing_header_in_every_protocol(kind: Kind, body: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apply("strip_billing_header", kind, body) == expected


def test_stripping_signatures_wins() -> None:
    body = gemini("gemini-3-pro", *GEMINI_CALL)
    both = ["strip_thought_signature", "dummy_thought_signature"]
    assert quirks.apply(both, "gemini", body, NOTHING) == (body, [])
    body = chat("m", *CHAT_CALL)
    assert quirks.apply(both, "chat", body, NOTHING) == (body, [])


def test_only_the_first_call_is_signed() -> None:
    parts = [GEMINI_CALL[0]["parts"][0], GEMINI_CALL[0]["parts"][0]]
    changed = apply("dummy_thought_signature", "gemini", gemini("gemini-3-pro", {"role": "model", "parts": parts}))
    assert [part.get("thoughtSignature") for part in changed["contents"][1]["parts"]] == [PLACEHOLDER, None]


@pytest.mark.parametrize(
    ("more", "stream", "expected"),
    [({}, True, True), ({"tool_stream": False}, True, False), ({}, False, None), ({"tools": []}, True, None)],
)
def test_tool_stream(more: dict[str, Any], stream: bool, expected: bool | None) -> None:
    body = {**chat("glm-4.7", tools=[{"type": "function", "function": {"name": "look"}}]), **more}
    changed = apply("tool_stream", "chat", body, Context(stream=stream))
    assert changed.get("tool_stream") is expected and refusal("chat", changed) == ""


def test_glm_streams_arguments_only_when_asked() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    body = chat("glm-4.7", tools=[tool], stream=True)
    body["messages"][-1] = {"role": "user", "content": 'call:look {"a": 1, "b": 2, "c": 3}'}

    def pieces(asked: dict[str, Any]) -> int:
        said = answers.say("chat", "glm-4.7", asked)
        return str(list(answers.chat_stream(said, False))).count("{'arguments'")

    assert pieces(body) == 1 < pieces(apply("tool_stream", "chat", body, Context(stream=True)))


# ---- pictures --------------------------------------------------------------------------------------------------------
URL = "https://pictures.test/a.png"
GONE = "https://pictures.test/gone.png"


def with_pictures(kind: Kind, *urls: str) -> dict[str, Any]:
    match kind:
        case "messages":
            blocks = [{"type": "image", "source": {"type": "url", "url": url}} for url in urls]
            return {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "t", "content": blocks[:1]}, *blocks[1:]],
                    }
                ]
            }
        case "chat":
            return {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls],
                    }
                ]
            }
        case "responses":
            parts = [{"type": "input_image", "image_url": url} for url in urls]
            return {
                "input": [
                    {"role": "user", "content": parts[:1]},
                    {"type": "function_call_output", "call_id": "c", "output": parts[1:]},
                ]
            }
        case "images":
            return {"created": 1, "data": [{"url": url} for url in urls]}
        case _:
            return {"contents": [{"parts": [{"fileData": {"mimeType": "image/png", "fileUri": url}} for url in urls]}]}


@pytest.mark.parametrize("kind", ["messages", "chat", "responses", "gemini", "images"])
def test_pictures_are_listed_and_replaced(kind: Kind) -> None:
    body = with_pictures(kind, URL, GONE, "data:image/png;base64,AAAA")
    assert quirks.image_urls(kind, body) == [URL, GONE]
    changed = quirks.inline_images(kind, body, FETCHED.pictures)
    assert quirks.image_urls(kind, changed) == [GONE]
    assert json.dumps(changed).count(PIXEL) == 1 and json.dumps(body).count(PIXEL) == 0


def test_what_only_google_can_read_is_not_fetched() -> None:
    own = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    body = with_pictures("gemini", own, URL)
    body["contents"][0]["parts"].append({"fileData": {"mimeType": "video/mp4", "fileUri": "https://v.test/a.mp4"}})
    assert quirks.image_urls("gemini", body) == [URL]


# ---- usage -----------------------------------------------------------------------------------------------------------
ESTIMATE = Usage(input=1000, output=200)


@pytest.mark.parametrize(
    ("reported", "expected", "estimated"),
    [
        pytest.param(None, ESTIMATE, True, id="absent"),
        pytest.param(Usage(900, 180, 500), Usage(900, 180, 500), False, id="credible"),
        pytest.param(Usage(1, 180), Usage(1000, 180), True, id="no input"),
        pytest.param(Usage(900, 0), Usage(900, 200), True, id="no output"),
        pytest.param(Usage(900, 2500), Usage(900, 200), True, id="far too much output"),
        pytest.param(Usage(20_000, 180), Usage(1000, 180), True, id="far too much input"),
        pytest.param(Usage(500, 180, 800), Usage(1000, 180), True, id="more cached than there is"),
        pytest.param(Usage(900, 100, reasoning=150), Usage(900, 200, reasoning=150), True, id="more thoughts than output"),
    ],
)  # fmt: skip
def test_trusted_usage(reported: Usage | None, expected: Usage, estimated: bool) -> None:
    assert quirks.trusted_usage(reported, ESTIMATE) == (expected, estimated)


def test_small_counts_are_believed() -> None:
    assert quirks.trusted_usage(Usage(12, 2), Usage(90, 30)) == (Usage(12, 2), False)


def test_every_quirk_says_what_it_is_for() -> None:
    assert all(quirk.help and quirk.protocols for quirk in QUIRKS.values())
