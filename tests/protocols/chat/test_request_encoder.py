"""Neutral requests -> bodies."""

from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.neutral import Message, OutputFormat, Reasoning, ServerTool, Text, Tool, ToolChoice
from ccx_addons.protocols import chat
from tests.protocols.chat.values import ask


def encoded(model: str = "llama-4", **fields: Any) -> tuple[dict[str, Any], list[str]]:
    """The body without model, messages and stream fields, and where something got lost."""
    body, losses = chat.encode_request(ask(model, **{"stream": False, **fields}))
    return {k: v for k, v in body.items() if k not in ("model", "messages")}, [loss.path for loss in losses]


@pytest.mark.parametrize(
    ("fields", "body", "losses"),
    [
        ({}, {}, []),
        ({"max_tokens": 5}, {"max_completion_tokens": 5}, []),
        ({"top_k": 5}, {}, ["top_k"]),
        ({"stop": tuple("abcde")}, {"stop": list("abcd")}, ["stop"]),
        ({"user": "u", "cache_key": "k"}, {"user": "u", "prompt_cache_key": "k"}, []),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}, []),
        ({"service_tier": "batch"}, {}, ["service_tier"]),
        ({"output": OutputFormat("text")}, {"response_format": {"type": "text"}}, []),
        (
            {"output": OutputFormat("json_schema", {"type": "object"})},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": "object"}},
                }
            },
            [],
        ),
        ({"tool_choice": ToolChoice("auto"), "parallel_tools": False}, {}, []),
        ({"tool_choice": ToolChoice("any")}, {}, ["tool_choice"]),
        ({"tools": (ServerTool("code", "responses", {"type": "code_interpreter"}),)}, {}, ["tools[0]"]),
        ({"extra": {"messages": {"container": "c"}}}, {}, []),
        ({"extra": {"chat": {"store": True}}}, {"store": True}, []),
        ({"extra": {"responses": {"metadata": {}}}}, {}, []),
        ({"extra": {"responses": {"metadata": {"a": "b"}}}}, {}, ["metadata"]),
        ({"extra": {"responses": {"metadata": {}, "store": True}}}, {"metadata": {}, "store": True}, []),
    ],
)
def test_fields(fields: dict[str, Any], body: dict[str, Any], losses: list[str]) -> None:
    assert encoded(**fields) == (body, losses)


def test_a_stream_always_asks_for_its_usage() -> None:
    body, losses = encoded(stream=True, stream_usage=False)
    assert body == {"stream": True, "stream_options": {"include_usage": True}}
    assert losses == []


@pytest.mark.parametrize(
    ("model", "reasoning", "effort", "losses"),
    [
        ("llama-4", Reasoning(effort="high"), "high", []),
        ("llama-4", Reasoning(effort="max"), "high", ["reasoning.effort"]),
        ("deepseek-v4", Reasoning(effort="max"), "max", []),
        ("llama-4", Reasoning(effort="minimal"), "low", ["reasoning.effort"]),
        ("llama-4", Reasoning(False), "none", []),
        ("llama-4", Reasoning(True), "medium", []),
        ("llama-4", Reasoning(True, budget=31_999), "high", ["reasoning.budget", "reasoning.effort"]),
        ("llama-4", Reasoning(True, "low", 31_999), "low", []),
        ("llama-4", Reasoning(summary="auto"), None, ["reasoning.summary"]),
        ("llama-4", Reasoning(effort="low", summary="none"), "low", []),
        ("gpt-4o", Reasoning(effort="high"), None, ["reasoning.effort"]),
        ("gpt-4o", Reasoning(False), None, []),
        ("o3", Reasoning(False), "low", ["reasoning.effort"]),
        ("gpt-5", Reasoning(False), "minimal", ["reasoning.effort"]),
        ("gpt-5.1", Reasoning(False), "none", []),
        ("gpt-5.1", Reasoning(effort="xhigh"), "high", ["reasoning.effort"]),
        ("gpt-5.2", Reasoning(effort="xhigh"), "xhigh", []),
    ],
)
def test_efforts(model: str, reasoning: Reasoning, effort: str | None, losses: list[str]) -> None:
    body, lost = encoded(model, reasoning=reasoning)
    assert body.get("reasoning_effort") == effort
    assert lost == losses


def test_newest_models_take_functions_only_without_an_effort() -> None:
    body, losses = encoded("gpt-5.6", reasoning=Reasoning(effort="high"), tools=(Tool("f"),))
    assert body["reasoning_effort"] == "none"
    assert losses == ["reasoning.effort"]
    body, losses = encoded("gpt-5.6", reasoning=Reasoning(effort="high"))
    assert (body["reasoning_effort"], losses) == ("high", [])


SAMPLING = {"temperature": 0.5, "top_p": 0.9, "presence_penalty": 1.0, "frequency_penalty": 0.5}


@pytest.mark.parametrize(
    ("model", "fields", "body", "losses"),
    [
        pytest.param("llama-4", SAMPLING, SAMPLING, [], id="another vendor's"),
        pytest.param("gpt-4o", SAMPLING, SAMPLING, [], id="one that does not reason"),
        pytest.param("o3", SAMPLING, {}, list(SAMPLING), id="o-series"),
        pytest.param("gpt-5", SAMPLING, {}, list(SAMPLING), id="gpt-5"),
        pytest.param("gpt-5", {"temperature": 1.0, "top_p": 1.0}, {"temperature": 1.0}, [], id="defaults are no loss"),
        pytest.param("gpt-5-chat-latest", SAMPLING, SAMPLING, [], id="gpt-5-chat"),
        pytest.param("gpt-5.1", SAMPLING, {}, list(SAMPLING), id="gpt-5.1"),
        pytest.param(
            "gpt-5.1", {**SAMPLING, "reasoning": Reasoning(False)}, {**SAMPLING, "reasoning_effort": "none"}, [],
            id="gpt-5.1 without reasoning",
        ),
        pytest.param("o4-mini", {"stop": ("x",)}, {}, ["stop"], id="no stop"),
        pytest.param("gpt-4o", {"verbosity": "low"}, {}, ["verbosity"], id="no verbosity"),
        pytest.param("gpt-5", {"verbosity": "low"}, {"verbosity": "low"}, [], id="verbosity"),
    ],
)  # fmt: skip
def test_what_models_refuse(model: str, fields: dict[str, Any], body: dict[str, Any], losses: list[str]) -> None:
    assert encoded(model, **fields) == (body, losses)


@pytest.mark.parametrize(("asked", "losses"), [(True, []), (False, ["parallel_tools"])])
def test_the_o_series_takes_no_word_on_parallel_calls(asked: bool, losses: list[str]) -> None:
    body, lost = encoded("o3", tools=(Tool("f"),), parallel_tools=asked)
    assert "parallel_tool_calls" not in body
    assert lost == losses


@pytest.mark.parametrize(
    ("words", "added"), [("Give me JSON.", False), ("Give me an object.", True), ("give me json", False)]
)
def test_json_mode_needs_the_word(words: str, added: bool) -> None:
    said = (Message("user", (Text(words),)),)
    body, _ = chat.encode_request(replace(ask("llama-4", output=OutputFormat("json")), messages=said))
    assert body["response_format"] == {"type": "json_object"}
    assert (body["messages"][0]["role"] == "system") == added
