from typing import Any

import pytest

from ccx_addons.core.neutral import OutputFormat, Reasoning, Request, Tool
from ccx_addons.protocols.gemini import encode_request
from tests.protocols.gemini.values import FLASH, OLD, PRO, RELAY, ask


def config_of(request: Request) -> tuple[dict[str, Any], list[str]]:
    body, losses = encode_request(request)
    return body.get("generationConfig", {}), [loss.path for loss in losses]


def test_the_least() -> None:
    assert encode_request(ask()) == ({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, [])


def test_model_and_stream_stand_in_the_path() -> None:
    assert encode_request(ask(stream=True, stream_usage=True)) == encode_request(ask())


# ---- sampling --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "config", "lost"),
    [
        pytest.param({"max_tokens": 5}, {"maxOutputTokens": 5}, [], id="limit"),
        pytest.param({"temperature": 0.0, "top_p": 0.5, "top_k": 3}, {"temperature": 0.0, "topP": 0.5, "topK": 3}, [], id="sampling"),
        pytest.param({"temperature": 3.0}, {"temperature": 2.0}, ["temperature"], id="too hot"),
        pytest.param({"presence_penalty": 0.5, "frequency_penalty": 1.0}, {"presencePenalty": 0.5, "frequencyPenalty": 1.0}, [], id="penalties"),
        pytest.param({"seed": 7}, {"seed": 7}, [], id="seed"),
        pytest.param({"seed": 1 << 31}, {}, ["seed"], id="seed of more than 32 bits"),
        pytest.param({"stop": ("a", "", "b")}, {"stopSequences": ["a", "b"]}, [], id="stops"),
        pytest.param({"stop": tuple("abcdef")}, {"stopSequences": list("abcde")}, ["stop"], id="too many stops"),
        pytest.param({"user": "u", "cache_key": "k", "verbosity": "low"}, {}, ["user", "cache_key", "verbosity"], id="nothing like it"),
    ],
)  # fmt: skip
def test_sampling(fields: dict[str, Any], config: dict[str, Any], lost: list[str]) -> None:
    assert config_of(ask(PRO, **fields)) == (config, lost)


@pytest.mark.parametrize("model", [FLASH, "gemini-4-argon"])
def test_newer_models_sample_in_their_own_way(model: str) -> None:
    fields: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 3,
        "presence_penalty": 1.0,
        "frequency_penalty": 1.0,
    }
    assert config_of(ask(model, **fields)) == ({}, list(fields))
    assert config_of(ask(model, temperature=1.0, top_p=1.0, presence_penalty=0.0)) == ({}, [])


@pytest.mark.parametrize(
    ("tier", "wire", "lost"),
    [
        ("auto", None, []),
        ("default", "standard", []),
        ("standard_only", "standard", []),
        ("flex", "flex", []),
        ("scale", None, ["service_tier"]),
    ],
)
def test_service_tier(tier: str, wire: str | None, lost: list[str]) -> None:
    body, losses = encode_request(ask(service_tier=tier))
    assert body.get("serviceTier") == wire
    assert [loss.path for loss in losses] == lost


# ---- thinking --------------------------------------------------------------------------------------------------------
SHOWN = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "lost"),
    [
        pytest.param(PRO, Reasoning(effort="low"), {"thinkingLevel": "low", **SHOWN}, [], id="level"),
        pytest.param(PRO, Reasoning(effort="max"), {"thinkingLevel": "high", **SHOWN}, ["reasoning.effort"], id="more than there is"),
        pytest.param(PRO, Reasoning(effort="minimal"), {"thinkingLevel": "low", **SHOWN}, ["reasoning.effort"], id="less than there is"),
        pytest.param("gemini-3-pro-preview", Reasoning(effort="medium"), {"thinkingLevel": "low", **SHOWN}, ["reasoning.effort"], id="the next lower one"),
        pytest.param("gemini-3-flash-preview", Reasoning(effort="minimal"), {"thinkingLevel": "minimal", **SHOWN}, [], id="minimal"),
        pytest.param(PRO, Reasoning(budget=2000), {"thinkingLevel": "low", **SHOWN}, ["reasoning.budget"], id="a budget as level"),
        pytest.param(PRO, Reasoning(effort="high", budget=2000), {"thinkingLevel": "high", **SHOWN}, [], id="level before budget"),
        pytest.param(PRO, Reasoning(budget=-1), SHOWN, [], id="dynamic"),
        pytest.param(PRO, Reasoning(True), SHOWN, [], id="on"),
        pytest.param(PRO, Reasoning(False), {"thinkingLevel": "low"}, ["reasoning"], id="cannot be off"),
        pytest.param(PRO, Reasoning(effort="none"), {"thinkingLevel": "low"}, ["reasoning"], id="none cannot be had"),
        pytest.param(PRO, Reasoning(True, "high", None, "none"), {"thinkingLevel": "high", "includeThoughts": False}, [], id="hidden"),
        pytest.param(PRO, Reasoning(summary="concise"), SHOWN, [], id="only shown"),
        pytest.param(OLD, Reasoning(effort="low"), {"thinkingBudget": 2048, **SHOWN}, [], id="an effort as budget"),
        pytest.param(OLD, Reasoning(effort="max"), {"thinkingBudget": 24576, **SHOWN}, [], id="the most there is"),
        pytest.param(OLD, Reasoning(budget=99_999), {"thinkingBudget": 24576, **SHOWN}, ["reasoning.budget"], id="too much"),
        pytest.param(OLD, Reasoning(budget=-1), {"thinkingBudget": -1, **SHOWN}, [], id="dynamic budget"),
        pytest.param(OLD, Reasoning(True), {"thinkingBudget": -1, **SHOWN}, [], id="on with a budget"),
        pytest.param(OLD, Reasoning(summary="auto"), SHOWN, [], id="only shown, with a budget"),
        pytest.param(OLD, Reasoning(False), {"thinkingBudget": 0}, [], id="off"),
        pytest.param("gemini-2.5-pro", Reasoning(False), {"thinkingBudget": 128}, ["reasoning"], id="the least there is"),
        pytest.param("gemini-2.5-pro", Reasoning(budget=64), {"thinkingBudget": 128, **SHOWN}, ["reasoning.budget"], id="too little"),
        pytest.param(RELAY, Reasoning(effort="max"), {"thinkingBudget": 32768, **SHOWN}, [], id="unknown model"),
        pytest.param("gemini-2.0-flash", Reasoning(effort="low"), None, ["reasoning"], id="no thinking"),
        pytest.param("gemini-2.0-flash", Reasoning(False), None, [], id="none wanted either"),
        pytest.param("gemini-2.0-flash", Reasoning(summary="auto"), None, [], id="nothing to show"),
    ],
)  # fmt: skip
def test_thinking(model: str, reasoning: Reasoning, thinking: dict[str, Any] | None, lost: list[str]) -> None:
    config, losses = config_of(ask(model, reasoning=reasoning))
    assert (config.get("thinkingConfig"), losses) == (thinking, lost)


# ---- output ----------------------------------------------------------------------------------------------------------
JSON = {"responseMimeType": "application/json"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(
    ("model", "output", "config", "lost"),
    [
        pytest.param(PRO, OutputFormat("text"), {"responseMimeType": "text/plain"}, [], id="text"),
        pytest.param(PRO, OutputFormat("json"), JSON, [], id="json"),
        pytest.param(PRO, OutputFormat("json_schema"), JSON, [], id="a schema that is not there"),
        pytest.param(RELAY, OutputFormat("json_schema", SCHEMA, "n", True),
                     {**JSON, "responseSchema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}, [], id="schema"),
        pytest.param(PRO, OutputFormat("json_schema", {"$schema": "x", **MAP}), {**JSON, "responseJsonSchema": MAP}, [], id="json schema"),
        pytest.param(RELAY, OutputFormat("json_schema", MAP), {**JSON, "responseSchema": {"type": "object"}}, ["output.schema"], id="not taken"),
    ],
)  # fmt: skip
def test_output(model: str, output: OutputFormat, config: dict[str, Any], lost: list[str]) -> None:
    assert config_of(ask(model, output=output)) == (config, lost)


@pytest.mark.parametrize(
    ("output", "words"),
    [(OutputFormat("json"), "one JSON object"), (OutputFormat("json_schema", MAP), '{"type":"object"')],
)
def test_a_format_beside_functions_is_asked_for_in_words(output: OutputFormat, words: str) -> None:
    body, losses = encode_request(ask(OLD, output=output, tools=(Tool("f"),)))
    assert "generationConfig" not in body and words in body["systemInstruction"]["parts"][0]["text"]
    assert [loss.path for loss in losses] == ["output"]
    body, losses = encode_request(ask(PRO, output=output, tools=(Tool("f"),)))
    assert body["generationConfig"]["responseMimeType"] == "application/json" and losses == []


# ---- side-car --------------------------------------------------------------------------------------------------------
def test_own_fields_come_back() -> None:
    kept = {
        "safetySettings": [],
        "generationConfig": {"mediaResolution": "x", "thinkingConfig": {"more": 1}},
        "toolConfig": {"retrievalConfig": {"languageCode": "de"}},
    }
    extra = {"gemini": kept, "messages": {"container": "c"}}
    body, losses = encode_request(ask(reasoning=Reasoning(effort="low"), temperature=0.5, extra=extra))
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "mediaResolution": "x",
        "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True, "more": 1},
    }
    assert body["toolConfig"] == kept["toolConfig"] and body["safetySettings"] == []
    assert "container" not in body and losses == []
