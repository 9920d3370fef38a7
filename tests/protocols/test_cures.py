"""Bodies as an upstream wants them that refused something."""

from typing import Any

import pytest

from ccx_addons.core.config import Kind
from ccx_addons.core.refusals import CONTINUED, CURE_NAMES, FOREIGN_THOUGHTS, NO_PREFILL, PICTURES
from ccx_addons.core.signatures import PLACEHOLDER
from ccx_addons.protocols.cures import ANYWHERE, JSON_ONLY, NOT_SEEN, OWN, cured
from ccx_addons.protocols.quirks import QUIRKS, Context

ASK = [{"role": "user", "content": "q"}]
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
TEXT = {"type": "text", "text": "a"}
CALLED = [
    {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"content": "a", "type": "image"}}]}
]
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
SAID = {"type": "message", "id": "item_1", "role": "assistant", "content": "a"}
NAMELESS = {"type": "message", "role": "assistant", "content": "a"}
DRAW = {"type": "image_generation"}
TOOL = {"name": "f", "strict": True, "input_schema": {"properties": {"strict": {"type": "string"}}}}


def calling(arguments: str) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": arguments}}]}


EITHER = {"anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]}
BOTH = {"type": "object", "properties": {"a": {}, "b": {}}, "required": []}


@pytest.mark.parametrize(
    ("protocol", "drop", "body", "expected"),
    [
        ("chat", "top_k", {"top_k": 1, "n": 1}, {"n": 1}),
        ("messages", "temperature_alone", {"temperature": 1, "top_p": 0.5}, {"temperature": 1}),
        ("messages", "temperature_alone", {"top_p": 0.5}, {"top_p": 0.5}),
        ("chat", "reasoning_effort!=low|high", {"reasoning_effort": "none"}, {}),
        ("chat", "reasoning_effort!=low|high", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("chat", "reasoning_effort!=low|high", {"reasoning_effort": {}}, {}),
        ("responses", "reasoning.effort!=low", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ("responses", "reasoning.summary", {"reasoning": {"effort": "low", "summary": "auto"}},
         {"reasoning": {"effort": "low"}}),
        ("gemini", "generationConfig.thinking_config.thinkingLevel", {"generationConfig": {"thinkingConfig": {"thinkingLevel": 1}}},
         {"generationConfig": {"thinkingConfig": {}}}),
        ("messages", "tools.*.custom.strict", {"tools": [TOOL, {"name": "g"}]},
         {"tools": [{"name": "f", "input_schema": TOOL["input_schema"]}, {"name": "g"}]}),
        ("messages", "loose_tools", {"tools": [TOOL]}, {"tools": [{"name": "f", "input_schema": TOOL["input_schema"]}]}),
        ("chat", "loose_tools", {"tools": [{"function": {"name": "f", "strict": True}}]}, {"tools": [{"function": {"name": "f"}}]}),
        ("responses", "loose_tools", {"tools": [{"name": "f"}]}, {"tools": [{"name": "f"}]}),
        ("chat", "descriptions_at_most=3", {"tools": [{"function": {"name": "f", "description": "abcd"}}, {"function": {"description": "abc"}}]},
         {"tools": [{"function": {"name": "f", "description": "ab…"}}, {"function": {"description": "abc"}}]}),
        ("gemini", "descriptions_at_most=3", {"tools": [{"functionDeclarations": [{"description": "abcd"}]}]},
         {"tools": [{"functionDeclarations": [{"description": "ab…"}]}]}),
        ("messages", "descriptions_at_most=3", {"tools": [{"description": "abc"}]}, {"tools": [{"description": "abc"}]}),
        ("chat", "whole_arguments", {"messages": [*ASK, calling('{"a": "b'), calling('{"a":1}'), calling('"{}"'), calling("")]},
         {"messages": [*ASK, calling('{"raw_arguments":"{\\"a\\": \\"b"}'), calling('{"a":1}'), calling("{}"), calling("")]}),
        ("responses", "whole_arguments", {"input": [{"type": "function_call", "arguments": "{"}]},
         {"input": [{"type": "function_call", "arguments": '{"raw_arguments":"{"}'}]}),
        ("messages", "whole_arguments", {"messages": CALLED}, {"messages": CALLED}),
        ("messages", "whole_characters", {"messages": [{"content": [{"text": "é\ud83d"}, {"text": "é"}]}], "n": 1},
         {"messages": [{"content": [{"text": "é\ufffd"}, {"text": "é"}]}], "n": 1}),
        ("gemini", "whole_characters", {"contents": ["a\udc00b\U0001f600"]}, {"contents": ["a\ufffdb\U0001f600"]}),
        ("chat", "flat_schemas", {"tools": [{"function": {"parameters": EITHER}}, 1]}, {"tools": [{"function": {"parameters": BOTH}}, 1]}),
        ("messages", "flat_schemas", {"tools": [{"input_schema": EITHER}]}, {"tools": [{"input_schema": BOTH}]}),
        ("responses", "flat_schemas", {"tools": [{"parameters": EITHER}, {"type": "web_search"}]},
         {"tools": [{"parameters": BOTH}, {"type": "web_search"}]}),
        ("responses", "flat_schemas", {"tools": [{"parameters": BOTH}]}, {"tools": [{"parameters": BOTH}]}),
        ("messages", "thinking.type.enabled", {"thinking": {"type": "enabled", "budget_tokens": 1}},
         {"thinking": {"type": "adaptive"}}),
        ("messages", "thinking.type.enabled", {"max_tokens": 1}, {"max_tokens": 1}),
        ("chat", "at_most=8", {"max_completion_tokens": 9}, {"max_completion_tokens": 8}),
        ("messages", "at_most=8", {"max_tokens": 7}, {"max_tokens": 7}),
        ("messages", "at_most=4096", {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 5000}},
         {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("gemini", "at_most=8", {"generationConfig": {"maxOutputTokens": 9, "seed": 1}},
         {"generationConfig": {"maxOutputTokens": 8, "seed": 1}}),
        ("gemini", "at_most=8", {"generationConfig": {"seed": 1}}, {"generationConfig": {"seed": 1}}),
        ("chat", "max_tokens_field", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("chat", "max_completion_tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("chat", "max_completion_tokens", {"n": 1}, {"n": 1}),
        ("chat", "system_role_to_top", {"messages": [*ASK, {"role": "system", "content": "s"}]},
         {"messages": [{"role": "system", "content": "s"}, *ASK]}),
        ("messages", "system_role_to_top", {"messages": [*ASK, {"role": "system", "content": "s"}]},
         {"messages": ASK, "system": [{"type": "text", "text": "s"}]}),
        ("chat", "strip_thinking", {"messages": [{"role": "assistant", "content": "a", "reasoning": "r"}]},
         {"messages": [{"role": "assistant", "content": "a"}]}),
        ("responses", "foreign_thoughts",
         {"input": [*ASK, {"type": "reasoning", "encrypted_content": "x"}, {"type": "function_call", "call_id": "c"}]},
         {"input": [*ASK, {"type": "function_call", "call_id": "c"}]}),
        ("responses", "foreign_thoughts", {"input": "a"}, {"input": "a"}),
        ("responses", "foreign_thoughts", {"input": [THOUGHT, SAID]}, {"input": [NAMELESS]}),
        ("responses", "item_ids", {"input": [SAID, {"type": "item_reference", "id": "msg_1"}, *ASK]},
         {"input": [NAMELESS, {"type": "item_reference", "id": "msg_1"}, *ASK]}),
        ("responses", "item_ids", {"input": [THOUGHT, SAID, THOUGHT]}, {"input": [{"type": "reasoning", "summary": []}, NAMELESS]}),
        ("responses", "item_ids", {"input": [THOUGHT | {"id": None}, {"type": "function_call_output", "id": "fco", "output": "1"}]},
         {"input": [{"type": "reasoning", "summary": []}, {"type": "function_call_output", "output": "1"}]}),
        ("responses", "item_ids", {"input": [{"type": "mcp_approval_request", "id": "mcpr"}]},
         {"input": [{"type": "mcp_approval_request", "id": "mcpr"}]}),
        ("responses", "as_chatgpt_wants", {"input": "q"},
         {"input": [{"type": "message", **ASK[0]}], "store": False, "instructions": "You are a helpful assistant."}),
        ("responses", "as_chatgpt_wants", {"input": [{"role": "system", "content": "s"}], "instructions": "i", "store": True},
         {"input": [{"role": "developer", "content": "s"}], "instructions": "i", "store": False}),
        ("responses", "not_encrypted", {"include": ["reasoning.encrypted_content", "x"]}, {"include": ["x"]}),
        ("responses", "low_effort", {"reasoning": {"effort": "minimal", "summary": "auto"}}, {"reasoning": {"effort": "low", "summary": "auto"}}),
        ("responses", "whole_items", {"input": [{"type": "reasoning", "id": "rs", "content": None}, SAID, "a"]},
         {"input": [{"type": "reasoning", "id": "rs", "summary": []}, SAID, "a"]}),
        ("responses", "whole_items", {"input": [THOUGHT, SAID]}, {"input": [THOUGHT, SAID]}),
        ("responses", "whole_items", {"input": "q"}, {"input": "q"}),
        ("responses", "low_effort", {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "high"}}),
        ("responses", "not_encrypted", {"include": ["x"]}, {"include": ["x"]}),
        ("responses", "tool=image_generation", {"tools": [DRAW, TOOL], "tool_choice": "auto"}, {"tools": [TOOL], "tool_choice": "auto"}),
        ("responses", "tool=image_generation", {"tools": [DRAW, TOOL], "tool_choice": DRAW}, {"tools": [TOOL]}),
        ("responses", "tool=image_generation", {"tools": [DRAW], "tool_choice": "auto"}, {}),
        ("chat", "whole_answers", {"stream": True, "stream_options": {}, "n": 1}, {"n": 1}),
        ("gemini", "own_thinking", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": True}}},
         {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}),
        ("gemini", "own_thinking", {"generationConfig": {"thinking_config": {"thinking_budget": 9, "thinking_level": "LOW"}}},
         {"generationConfig": {"thinking_config": {"thinking_level": "LOW"}}}),
        ("gemini", "own_thinking", {"contents": []}, {"contents": []}),
        ("chat", "own_thinking", {"reasoning_effort": "none", "n": 1}, {"n": 1}),
        ("chat", "own_thinking", {"extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}}}, {"extra_body": {"google": {}}}),
        ("gemini", "contents.*.parts.*.function_call.id", {"contents": [{"parts": [{"functionCall": {"id": "a", "name": "f"}}]}]},
         {"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}),
        ("gemini", "older_vector_settings", {"content": {}, "embedContentConfig": {"outputDimensionality": 8}},
         {"content": {}, "outputDimensionality": 8}),
        ("gemini", "older_vector_settings", {"requests": [{"content": {}, "embed_content_config": {"task_type": "X"}}, {"content": {}}]},
         {"requests": [{"content": {}, "task_type": "X"}, {"content": {}}]}),
        ("gemini", "older_vector_settings", {"content": {}}, {"content": {}}),
        ("gemini", "server_calls", {"contents": [], "toolConfig": {"a": 1}},
         {"contents": [], "toolConfig": {"a": 1, "includeServerSideToolInvocations": True}}),
        ("gemini", "system_in_turns", {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"parts": [{"text": "q"}]}]},
         {"contents": [{"parts": [{"text": "s"}, {"text": "q"}]}]}),
        ("gemini", "system_in_turns", {"system_instruction": {"parts": [{"text": "s"}]}, "contents": [{"role": "model", "parts": []}]},
         {"contents": [{"role": "user", "parts": [{"text": "s"}]}, {"role": "model", "parts": []}]}),
        ("gemini", "system_in_turns", {"systemInstruction": {"parts": [{"text": ""}]}, "contents": []}, {"contents": []}),
        ("gemini", "system_in_turns", {"contents": []}, {"contents": []}),
        ("chat", "system_in_turns", {"messages": [{"role": "system", "content": "s"}, {"role": "developer", "content": [TEXT]}, *ASK]},
         {"messages": [{"role": "user", "content": "s\n\na\n\nq"}]}),
        ("chat", "system_in_turns", {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [TEXT]}]},
         {"messages": [{"role": "user", "content": [{"type": "text", "text": "s"}, TEXT]}]}),
        ("chat", "system_in_turns", {"messages": ASK}, {"messages": ASK}),
        ("gemini", "schema_in_words", {"generationConfig": {"responseMimeType": "application/json", "seed": 1}, "contents": []},
         {"generationConfig": {"seed": 1}, "contents": [], "systemInstruction": {"parts": [{"text": JSON_ONLY}]}}),
        ("gemini", "schema_in_words", {"generationConfig": {"responseMimeType": "text/plain"}, "contents": []},
         {"generationConfig": {"responseMimeType": "text/plain"}, "contents": []}),
        ("messages", "foreign_thoughts", {"messages": [{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "a"}]}]},
         {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}),
        ("gemini", "foreign_thoughts", {"contents": [{"role": "model", "parts": [
            {"text": "a", "thoughtSignature": "s"}, {"functionCall": {"name": "f"}, "thoughtSignature": "s"}]}]},
         {"contents": [{"role": "model", "parts": [
             {"text": "a"}, {"functionCall": {"name": "f"}, "thoughtSignature": PLACEHOLDER}]}]}),
        ("chat", "pictures_in_words", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}, TEXT]}]},
         {"messages": [{"role": "user", "content": [{"type": "text", "text": NOT_SEEN}, TEXT]}]}),
        ("messages", "pictures_in_words", {"messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {}}]}]}]},
         {"messages": [{"role": "user", "content": [
             {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": NOT_SEEN}]}]}]}),
        ("responses", "pictures_in_words", {"input": [{"type": "function_call_output", "output": [{"type": "input_image"}]}]},
         {"input": [{"type": "function_call_output", "output": [{"type": "input_text", "text": NOT_SEEN}]}]}),
        ("gemini", "pictures_in_words", {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}, {"text": "a"}]}]},
         {"contents": [{"parts": [{"text": NOT_SEEN}, {"text": "a"}]}]}),
        ("messages", "pictures_in_words", {"messages": CALLED}, {"messages": CALLED}),
        *((kind, "users_turn", {field: ASK}, {field: ASK})
          for kind, field in (("messages", "messages"), ("responses", "input"), ("gemini", "contents"))),
        ("chat", "users_turn", {"messages": [*ASK, {"role": "assistant", "content": "a"}]},
         {"messages": [*ASK, {"role": "assistant", "content": "a"}, {"role": "user", "content": "Continue."}]}),
        ("gemini", "users_turn", {"contents": [{"role": "model", "parts": []}]},
         {"contents": [{"role": "model", "parts": []}, {"role": "user", "parts": [{"text": "Continue."}]}]}),
        ("chat", "calls_without_thinking", {"model": "deepseek-v4-pro", "tool_choice": "required"},
         {"model": "deepseek-v4-pro", "tool_choice": "required", "thinking": {"type": "disabled"}}),
        ("chat", "calls_without_thinking", {"model": "m", "tool_choice": "required"}, {"model": "m", "tool_choice": "auto"}),
        ("chat", "calls_without_thinking", {"model": "m", "tool_choice": "none"}, {"model": "m", "tool_choice": "none"}),
        ("chat", "schema_in_words", {"messages": ASK, "response_format": {"type": "json_object"}},
         {"messages": ASK, "response_format": {"type": "json_object"}}),
    ],
)  # fmt: skip
def test_cures(protocol: Kind, drop: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr(body)
    found, losses = cured({drop}, protocol, body, Context())
    assert found == expected and (found is body) == (expected == body)
    assert not losses or found is not body
    assert repr(body) == before


def test_a_schema_is_said_in_words() -> None:
    body, _ = cured({"schema_in_words"}, "chat", {"messages": ASK, "response_format": FORM}, Context())
    assert body["response_format"] == {"type": "json_object"}
    assert '{"type":"object"}' in body["messages"][0]["content"] and body["messages"][1:] == ASK


@pytest.mark.parametrize("name", ["responseSchema", "response_json_schema"])
def test_googles_schema_is_said_in_words(name: str) -> None:
    config = {"response_mime_type": "application/json", name: {"type": "object"}}
    body = {"contents": [], "generationConfig": config, "system_instruction": {"parts": [{"text": "s"}]}}
    found, _ = cured({"schema_in_words"}, "gemini", body, Context())
    first, second = found["system_instruction"]["parts"]
    assert found["generationConfig"] == {} and first == {"text": "s"} and '{"type":"object"}' in second["text"]


def test_every_cure_is_carried_out_somewhere() -> None:
    assert {*OWN, *ANYWHERE, *QUIRKS, FOREIGN_THOUGHTS, CONTINUED} >= CURE_NAMES


def test_nothing_refused_changes_nothing() -> None:
    body = {"messages": ASK, "tools": [TOOL]}
    names = {"tools.*.cache_control", "top_k", "at_most=5", PICTURES, NO_PREFILL, "thinking.type.enabled"}
    found, losses = cured(names, "messages", {**body, "thinking": {"type": "disabled"}}, Context())
    assert found == {**body, "thinking": {"type": "disabled"}} and losses == []


def test_what_is_taken_is_told() -> None:
    body = {"messages": ASK, "top_k": 5, "max_tokens": 9}
    found, losses = cured({"at_most=5", "stop", "top_k"}, "messages", body, Context())
    assert found == {"messages": ASK, "max_tokens": 5} and [loss.path for loss in losses] == ["max_tokens", "top_k"]
