"""The strict fake upstream refuses what the real APIs refuse; the conversion tests rely on it."""

import json
from typing import Any

import pytest

from scripts.fake import strict

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HI = {"role": "user", "content": "hi"}
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def refusal(kind: str, model: str, body: dict[str, Any]) -> str:
    answer = strict.refusal(kind, "generate", body, {"anthropic-version": "2023-06-01"}, model)
    return json.loads(answer[1])["error"]["message"] if answer else ""


# ---- Messages --------------------------------------------------------------------------------------------------------
def said(*blocks: dict[str, Any], role: str = "assistant") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
TEXT = {"type": "text", "text": "a"}
TOOL = {"name": "f", "input_schema": OBJECT}


def image(**source: Any) -> dict[str, Any]:
    return said({"type": "image", "source": source}, role="user")


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        pytest.param("claude-sonnet-4-5", {"seed": 1}, "seed: Extra inputs", id="unknown field"),
        pytest.param("claude-sonnet-4-5", {"max_tokens": 0}, "max_tokens", id="no tokens"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, {**HI, "role": "developer"}]}, "role", id="role"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, {**HI, "role": "system"}]}, "role 'system'", id="system turn"),
        pytest.param("claude-sonnet-4-5", {"messages": [{**HI, "role": "assistant"}, HI]}, "first message", id="first turn"),
        pytest.param("claude-opus-4-6", {"messages": [HI, said(TEXT)]}, "prefill", id="prefill"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said({**TEXT, "x": 1}), HI]}, "x: Extra inputs", id="block field"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said({"type": "image_url"}), HI]}, "Input tag 'image_url'", id="block type"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said({**TEXT, "text": ""}), HI]}, "non-empty", id="empty text"),
        pytest.param("claude-sonnet-4-5", {"messages": [image(type="base64", media_type="image/bmp", data=PIXEL)]}, "media_type", id="image type"),
        pytest.param("claude-sonnet-4-5", {"messages": [image(type="base64", media_type="image/png", data="_-")]}, "base64", id="image data"),
        pytest.param("claude-sonnet-4-5", {"messages": [image(type="url", url="http://x/a.png")]}, "HTTPS", id="image over http"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said(USE)]}, "without `tool_result`", id="no result at the end"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said(USE), HI]}, "without `tool_result`", id="no result"),
        pytest.param("claude-sonnet-4-5", {"messages": [said(RESULT, role="user")]}, "unexpected `tool_use_id`", id="result alone"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said(USE), said(TEXT, RESULT, role="user")]}, "come first", id="text before results"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said(USE), said(RESULT, RESULT, role="user")]}, "single result", id="two results"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said(USE), said(RESULT, role="user"), said(USE), said(RESULT, role="user")]}, "unique", id="id again"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said({**USE, "id": "a.b"}), HI]}, "pattern", id="id"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said({**USE, "input": "{}"}), HI]}, "dictionary", id="input"),
        pytest.param("claude-sonnet-4-5", {"messages": [HI, said({"type": "thinking", "thinking": "a", "signature": "x"}), HI]}, "signature", id="signature"),
        pytest.param("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [HI, said(USE), said(RESULT, role="user")]}, "Expected `thinking`", id="thoughtless loop"),
        pytest.param("claude-sonnet-4-5", {"tools": [{"name": "f"}]}, "input_schema", id="no schema"),
        pytest.param("claude-sonnet-4-5", {"tools": [{**TOOL, "name": "a.b"}]}, "name", id="tool name"),
        pytest.param("claude-sonnet-4-5", {"tools": [TOOL, TOOL]}, "unique", id="tool twice"),
        pytest.param("claude-sonnet-4-5", {"tool_choice": {"type": "auto"}}, "providing tools", id="choice without tools"),
        pytest.param("claude-sonnet-4-5", {"tools": [TOOL], "tool_choice": "auto"}, "tool_choice", id="choice in words"),
        pytest.param("claude-sonnet-4-5", {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "not found", id="unknown tool"),
        pytest.param("claude-sonnet-4-5", {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "forces tool use", id="forced and thinking"),
        pytest.param("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 100}}, "1024", id="small budget"),
        pytest.param("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 9000}}, "greater than", id="large budget"),
        pytest.param("claude-opus-4-8", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "adaptive", id="budget of old"),
        pytest.param("claude-sonnet-4-5", {"temperature": 0.1, "top_p": 0.5}, "cannot both", id="two samplings"),
        pytest.param("claude-opus-5", {"temperature": 0.1}, "deprecated", id="sampling"),
        pytest.param("claude-sonnet-4-5", {"metadata": {"user_id": "a@b.test"}}, "email", id="email"),
        pytest.param("claude-sonnet-4-5", {"stop_sequences": [" "]}, "non-whitespace", id="blank stop"),
        pytest.param("claude-sonnet-4-5", {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "additionalProperties", id="open schema"),
        pytest.param("claude-sonnet-4-5", {"system": [{**TEXT, "cache_control": {"type": "ephemeral"}}] * 5}, "maximum of 4", id="cache marks"),
    ],
)  # fmt: skip
def test_messages(model: str, fields: dict[str, Any], words: str) -> None:
    body = {"model": model, "max_tokens": 2000, "messages": [HI]}
    assert refusal("messages", model, body) == ""
    assert words in refusal("messages", model, {**body, **fields})


# ---- Chat ------------------------------------------------------------------------------------------------------------
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWER = {"role": "tool", "tool_call_id": "c1", "content": "x"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": OBJECT}}
OPEN = {"type": "object", "properties": {"a": {}}}


def function(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {**FUNCTION["function"], **fields}}]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        pytest.param("gpt-4.1", {"top_k": 1}, "top_k", id="unknown field"),
        pytest.param("gpt-4.1", {"messages": []}, "empty array", id="no messages"),
        pytest.param("gpt-4.1", {"messages": [{**HI, "role": "model"}]}, "Invalid value: 'model'", id="role"),
        pytest.param("gpt-4.1", {"messages": [{**HI, "cache_control": {}}]}, "cache_control", id="message field"),
        pytest.param("gpt-4.1", {"messages": [HI, CALLED]}, "must be followed", id="no result at the end"),
        pytest.param("gpt-4.1", {"messages": [HI, CALLED, HI, ANSWER]}, "must be followed", id="late result"),
        pytest.param("gpt-4.1", {"messages": [HI, ANSWER]}, "must be a response", id="result alone"),
        pytest.param("gpt-4.1", {"messages": [HI, {**CALLED, "tool_calls": [{**CALL, "id": "x" * 41}]}]}, "maximum length 40", id="long id"),
        pytest.param("gpt-4.1", {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "Invalid value: 'image'", id="part type"),
        pytest.param("gpt-4.1", {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]}, "Invalid value", id="image in system text"),
        pytest.param("gpt-4.1", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,_-"}}]}]}, "image_url", id="image data"),
        pytest.param("gpt-4.1", {"messages": [{"role": "user", "content": None}]}, "got null", id="no content"),
        pytest.param("gpt-4.1", function(name="a.b"), "pattern", id="tool name"),
        pytest.param("gpt-4.1", function(parameters={"type": "string"}), "JSON Schema", id="schema"),
        pytest.param("gpt-4.1", function(parameters=OPEN, strict=True), "additionalProperties", id="open strict schema"),
        pytest.param("gpt-4.1", function(parameters={"type": "object", "properties": {"a": {"type": "array"}}}), "missing items", id="array"),
        pytest.param("gpt-4.1", {"tools": [{"type": "web_search"}]}, "Invalid value: 'web_search'", id="server tool"),
        pytest.param("gpt-4.1", {"tool_choice": "auto"}, "only allowed when", id="choice without tools"),
        pytest.param("gpt-4.1", {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}}, "tool_choice.function", id="flat choice"),
        pytest.param("gpt-4.1", {"parallel_tool_calls": True}, "only allowed when", id="parallel without tools"),
        pytest.param("gpt-5", {"max_tokens": 5}, "max_completion_tokens", id="max_tokens"),
        pytest.param("gpt-5", {"temperature": 0.5}, "temperature", id="temperature"),
        pytest.param("o3", {"stop": "a"}, "stop", id="stop"),
        pytest.param("gpt-4.1", {"reasoning_effort": "low"}, "reasoning_effort", id="effort"),
        pytest.param("gpt-4.1", {"stop": list("abcde")}, "too long", id="five stops"),
        pytest.param("gpt-4.1", {"stream_options": {}}, "only allowed when 'stream'", id="stream options"),
        pytest.param("gpt-4.1", {"response_format": {"type": "json_object"}}, "'json'", id="json without the word"),
        pytest.param("gpt-4.1", {"response_format": {"type": "json_schema", "json_schema": {"schema": OBJECT}}}, "name", id="format without a name"),
        pytest.param("deepseek-v4", {"messages": [{**HI, "role": "developer"}]}, "developer", id="developer"),
    ],
)  # fmt: skip
def test_chat(model: str, fields: dict[str, Any], words: str) -> None:
    body = {"model": model, "messages": [HI]}
    assert refusal("chat", model, body) == ""
    assert words in refusal("chat", model, {**body, **fields})


# ---- Responses -------------------------------------------------------------------------------------------------------
DONE = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc_a"}
REPLY = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        pytest.param("gpt-5", {"messages": []}, "messages", id="unknown field"),
        pytest.param("gpt-5", {"input": [{**HI, "cache_control": {}}]}, "cache_control", id="item field"),
        pytest.param("gpt-5", {"input": [{"type": "message", "role": "user", "content": [{"type": "text", "text": "a"}]}]}, "Invalid value: 'text'", id="part type"),
        pytest.param("gpt-5", {"input": [{**REPLY, "content": [{"type": "input_text", "text": "a"}]}, HI]}, "output_text", id="part of a reply"),
        pytest.param("gpt-5", {"input": [{**REPLY, "id": "x1"}, HI]}, "begins with 'msg'", id="id"),
        pytest.param("gpt-5", {"input": [HI, DONE]}, "No tool output found", id="no result"),
        pytest.param("gpt-5", {"input": [HI, OUTPUT]}, "No tool call found", id="result alone"),
        pytest.param("gpt-5", {"input": [HI, DONE, OUTPUT, DONE]}, "Duplicate item", id="id again"),
        pytest.param("gpt-5", {"input": [HI, DONE, {**OUTPUT, "output": {}}]}, "output", id="output type"),
        pytest.param("gpt-5", {"input": [HI, {**THOUGHT, "status": "completed"}, REPLY]}, "status", id="reasoning status"),
        pytest.param("gpt-5", {"input": [HI, {**THOUGHT, "encrypted_content": "sig_"}, REPLY]}, "verified", id="foreign thought"),
        pytest.param("gpt-5", {"input": [HI, THOUGHT, HI]}, "required following item", id="thought alone"),
        pytest.param("gpt-5", {"input": [HI, {k: v for k, v in THOUGHT.items() if k != "encrypted_content"}, REPLY], "store": False}, "not found", id="thought not stored"),
        pytest.param("gpt-5", {"tools": [FUNCTION]}, "tools[0].name", id="nested function"),
        pytest.param("gpt-5", {"tool_choice": "required"}, "only allowed when", id="choice without tools"),
        pytest.param("gpt-5", {"max_output_tokens": 5}, ">= 16", id="few tokens"),
        pytest.param("gpt-5", {"temperature": 0.5}, "temperature", id="temperature"),
        pytest.param("gpt-4.1", {"reasoning": {"effort": "low"}}, "reasoning.effort", id="effort"),
        pytest.param("gpt-5", {"text": {"format": {"type": "json_schema", "schema": OBJECT}}}, "text.format.name", id="format without a name"),
        pytest.param("gpt-5", {"text": {"format": {"type": "json_object"}}}, "'json'", id="json without the word"),
    ],
)  # fmt: skip
def test_responses(model: str, fields: dict[str, Any], words: str) -> None:
    body = {"model": model, "input": [HI]}
    assert refusal("responses", model, body) == ""
    assert words in refusal("responses", model, {**body, **fields})


# ---- Gemini ----------------------------------------------------------------------------------------------------------
ASKED = {"role": "user", "parts": [{"text": "hi"}]}
CALLING = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
BACK = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "x"}}}]}


def declared(**schema: Any) -> dict[str, Any]:
    parameters = {"type": "OBJECT", "properties": {"a": {"type": "STRING", **schema}}}
    return {"tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}


def turns(*contents: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [ASKED, *contents]}


def part(**fields: Any) -> dict[str, Any]:
    return turns({"role": "user", "parts": [fields]})


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        pytest.param("gemini-2.5-pro", {"messages": []}, "messages", id="unknown field"),
        pytest.param("gemini-2.5-pro", {"contents": []}, "not specified", id="no contents"),
        pytest.param("gemini-2.5-pro", turns({**ASKED, "role": "assistant"}), "valid role", id="role"),
        pytest.param("gemini-2.5-pro", turns({"role": "user", "parts": []}), "must not be empty", id="no parts"),
        pytest.param("gemini-2.5-pro", part(text=""), "text parameter", id="empty text"),
        pytest.param("gemini-2.5-pro", part(text="a", inlineData={}), "oneof", id="two kinds of data"),
        pytest.param("gemini-2.5-pro", part(inlineData={"mimeType": "image/png", "data": "?"}), "Base64", id="data"),
        pytest.param("gemini-2.5-pro", part(inlineData={"mimeType": "image/bmp", "data": PIXEL}), "MIME", id="type of data"),
        pytest.param("gemini-2.5-pro", turns(CALLING, ASKED), "number of function response", id="no result"),
        pytest.param("gemini-2.5-pro", turns(BACK), "number of function response", id="result alone"),
        pytest.param("gemini-2.5-pro", turns(CALLING, {"role": "user", "parts": [{"functionResponse": {"name": "g", "response": {}}}]}), "names", id="another function's result"),
        pytest.param("gemini-2.5-pro", turns(CALLING, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "x"}}]}), "Struct", id="result in words"),
        pytest.param("gemini-3-pro", turns(CALLING, BACK), "thought_signature", id="no signature"),
        pytest.param("gemini-3-pro", turns({"role": "model", "parts": [{**CALLING["parts"][0], "thoughtSignature": "other"}]}, BACK), "not valid", id="signature"),  # type: ignore[dict-item]
        pytest.param("gemini-2.5-pro", declared(**{"$schema": "x"}), "$schema", id="$schema"),
        pytest.param("gemini-2.5-pro", declared(additionalProperties=False), "additionalProperties", id="additionalProperties"),
        pytest.param("gemini-2.5-pro", declared(const="a"), "const", id="const"),
        pytest.param("gemini-2.5-pro", declared(type=["STRING", "NULL"]), "not repeating", id="two types"),
        pytest.param("gemini-2.5-pro", declared(type="INTEGER", enum=[1]), "STRING type", id="enum of numbers"),
        pytest.param("gemini-2.5-pro", declared(format="uuid"), "date-time", id="format"),
        pytest.param("gemini-2.5-pro", declared(type="ARRAY"), "items", id="array"),
        pytest.param("gemini-2.5-pro", declared(type="OBJECT", properties={}), "non-empty", id="empty object"),
        pytest.param("gemini-2.5-pro", declared(type="OBJECT", properties={"b": {}}, required=["c"]), "not defined", id="required"),
        pytest.param("gemini-2.5-pro", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations", id="choice without tools"),
        pytest.param("gemini-2.5-pro", {**declared(), "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}}}, "mode is ANY", id="names with AUTO"),
        pytest.param("gemini-2.5-pro", {"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, "response_mime_type", id="schema without its type"),
        pytest.param("gemini-2.5-pro", {**declared(), "generationConfig": {"responseMimeType": "application/json"}}, "unsupported", id="functions and JSON"),
        pytest.param("gemini-2.5-pro", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}}, "level", id="level of 3"),
        pytest.param("gemini-3-pro", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "thinkingBudget": 500}}}, "only one", id="level and budget"),
        pytest.param("gemini-2.5-pro", {"generationConfig": {"stopSequences": list("abcdef")}}, "at most 5", id="six stops"),
    ],
)  # fmt: skip
def test_gemini(model: str, fields: dict[str, Any], words: str) -> None:
    assert refusal("gemini", model, turns()) == ""
    assert words in refusal("gemini", model, {**turns(), **fields})
