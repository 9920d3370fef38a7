from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Message,
    OutputFormat,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ccx_addons.protocols import messages
from ccx_addons.protocols.messages.request_encoder import PERSONAL
from tests.protocols.messages.values import MANUAL, MODERN, OTHER, ask

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
OLD = "claude-sonnet-4-20250514"
EITHER = "claude-sonnet-4-6"
ALWAYS = "claude-opus-5-5"


def encode(model: str = MODERN, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    body, losses = messages.encode_request(ask(model, **fields))
    return body, [loss.path for loss in losses]


def test_the_least_body() -> None:
    body, losses = messages.encode_request(ask())
    assert body == {
        "model": MODERN,
        "max_tokens": 128_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert losses == []


@pytest.mark.parametrize(
    ("fields", "wire", "losses"),
    [
        pytest.param({"max_tokens": 5}, {"max_tokens": 5}, [], id="max_tokens"),
        pytest.param({"max_tokens": 0}, {"max_tokens": 0}, [], id="cache warming"),
        pytest.param({"stream": True, "stream_usage": True}, {"stream": True}, [], id="stream"),
        pytest.param({"stop": ("a", " ", "")}, {"stop_sequences": ["a"]}, ["stop"], id="blank stop"),
        pytest.param({"user": "u"}, {"metadata": {"user_id": "u"}}, [], id="user"),
        pytest.param({"user": "a@b.org"}, {}, ["user"], id="address"),
        pytest.param({"user": "+41 31 123 45 67"}, {}, ["user"], id="telephone"),
        pytest.param({"user": '{"device_id":"1234567890"}'}, {"metadata": {"user_id": '{"device_id":"1234567890"}'}}, [], id="user as JSON"),
        pytest.param({"service_tier": "auto"}, {"service_tier": "auto"}, [], id="tier"),
        pytest.param({"service_tier": "default"}, {"service_tier": "standard_only"}, [], id="default tier"),
        pytest.param({"service_tier": "flex"}, {}, ["service_tier"], id="unknown tier"),
        pytest.param({"seed": 0}, {}, ["seed"], id="seed"),
        pytest.param({"presence_penalty": 0.0, "frequency_penalty": 0.5}, {}, ["frequency_penalty"], id="penalties"),
        pytest.param({"verbosity": "low"}, {}, ["verbosity"], id="verbosity"),
        pytest.param({"extra": {"chat": {"n": 1}}}, {}, [], id="another protocol's fields"),
        pytest.param({"extra": {"messages": {"container": "c", "metadata": {"t": 1}}}, "user": "u"},
                     {"container": "c", "metadata": {"user_id": "u", "t": 1}}, [], id="own fields"),
    ],
)  # fmt: skip
def test_fields(fields: dict[str, Any], wire: dict[str, Any], losses: list[str]) -> None:
    body, lost = encode(**fields)
    assert {name: body[name] for name in body.keys() - {"model", "messages"}} == {"max_tokens": 128_000, **wire}
    assert lost == losses


@pytest.mark.parametrize(
    ("model", "tier", "wire"),
    [
        ("claude-opus-5-5", "fast", {"speed": "fast"}),
        ("claude-fable-5-2", "fast", {"speed": "fast"}),
        ("claude-opus-5-5", "priority", {}),
        ("claude-opus-4-8", "fast", {}),
        ("claude-sonnet-5-5", "fast", {}),
    ],
)
def test_fast_answers_of_models_that_have_them(model: str, tier: str, wire: dict[str, Any]) -> None:
    body, lost = encode(model=model, service_tier=tier)
    assert {name: body[name] for name in ("speed", "service_tier") if name in body} == wire
    assert lost == ([] if wire else ["service_tier"])


# ---- sampling --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "fields", "wire", "losses"),
    [
        pytest.param(OTHER, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, [], id="another vendor"),
        pytest.param(OTHER, {"temperature": 1.5}, {"temperature": 1.0}, ["temperature"], id="too hot"),
        pytest.param(OLD, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, [], id="older model"),
        pytest.param(MANUAL, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, {"temperature": 0.5, "top_k": 4}, ["top_p"], id="one of two"),
        pytest.param(MANUAL, {"temperature": 0.5, "top_p": 1.0}, {"temperature": 0.5}, [], id="one of two, the other is the default"),
        pytest.param(MANUAL, {"temperature": 1.0, "top_p": 0.9}, {"top_p": 0.9}, [], id="one of two, the first is the default"),
        pytest.param(MANUAL, {"temperature": 0.5, "top_p": 0.9, "top_k": 4, "reasoning": Reasoning(True)}, {},
                     ["temperature", "top_k", "top_p"], id="thinking"),
        pytest.param(MANUAL, {"temperature": 1.0, "top_p": 0.95, "reasoning": Reasoning(True)}, {"top_p": 0.95}, [], id="thinking takes these"),
        pytest.param(MODERN, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, {}, ["temperature", "top_p", "top_k"], id="current model"),
        pytest.param(MODERN, {"temperature": 1.0, "top_p": 1.0}, {}, [], id="current model's defaults"),
    ],
)  # fmt: skip
def test_sampling(model: str, fields: dict[str, Any], wire: dict[str, Any], losses: list[str]) -> None:
    body, lost = encode(model, **fields)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == wire
    assert lost == losses


# ---- thinking --------------------------------------------------------------------------------------------------------
OFF = {"type": "disabled"}
ADAPTIVE = {"type": "adaptive"}


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort", "losses"),
    [
        pytest.param(MODERN, None, None, None, [], id="nothing said"),
        pytest.param(MODERN, Reasoning(), None, None, [], id="nothing said in many words"),
        pytest.param(MODERN, Reasoning(effort="high"), ADAPTIVE, "high", [], id="effort"),
        pytest.param(MODERN, Reasoning(effort="minimal"), ADAPTIVE, "low", ["reasoning.effort"], id="less than low"),
        pytest.param(MODERN, Reasoning(budget=-1), ADAPTIVE, None, [], id="dynamic budget"),
        pytest.param(MODERN, Reasoning(True, budget=8000), ADAPTIVE, "medium", ["reasoning.budget"], id="budget of the current model"),
        pytest.param(MODERN, Reasoning(True, summary="concise"), {**ADAPTIVE, "display": "summarized"}, None, [], id="summary"),
        pytest.param(MODERN, Reasoning(summary="auto"), {**ADAPTIVE, "display": "summarized"}, None, [], id="summary alone"),
        pytest.param(MODERN, Reasoning(summary="none"), None, None, [], id="no summary alone"),
        pytest.param(MODERN, Reasoning(True, summary="none"), {**ADAPTIVE, "display": "omitted"}, None, [], id="no summary"),
        pytest.param(MODERN, Reasoning(effort="none"), OFF, None, [], id="no effort"),
        pytest.param(MODERN, Reasoning(budget=0), OFF, None, [], id="no budget"),
        pytest.param(MODERN, Reasoning(False, "xhigh"), OFF, "high", ["reasoning.effort"], id="off with much effort"),
        pytest.param("claude-opus-4-8", Reasoning(False), None, None, [], id="off is the default"),
        pytest.param("claude-sonnet-5-5", Reasoning(False, "max"), {"type": "between_tools"}, "max", [], id="off but between tools"),
        pytest.param(ALWAYS, Reasoning(False), None, "low", ["reasoning"], id="never off"),
        pytest.param(ALWAYS, Reasoning(False, "medium"), None, "medium", ["reasoning"], id="never off, effort said"),
        pytest.param(EITHER, Reasoning(True), ADAPTIVE, None, [], id="either way"),
        pytest.param(EITHER, Reasoning(True, budget=2000), budget(2000), None, [], id="either way, budget"),
        pytest.param(EITHER, Reasoning(effort="xhigh"), ADAPTIVE, "high", ["reasoning.effort"], id="an effort it has not"),
        pytest.param(EITHER, Reasoning(effort="max"), ADAPTIVE, "max", [], id="an effort it has"),
        pytest.param("claude-opus-4-5", Reasoning(effort="high"), budget(16384), "high", [], id="budget and effort"),
        pytest.param(MANUAL, Reasoning(effort="low"), budget(2048), None, [], id="effort as budget"),
        pytest.param(MANUAL, Reasoning(True), budget(8192), None, [], id="budget unsaid"),
        pytest.param(MANUAL, Reasoning(budget=-1), budget(8192), None, [], id="dynamic budget as medium"),
        pytest.param(MANUAL, Reasoning(budget=128), budget(1024), None, [], id="least budget"),
        pytest.param(MANUAL, Reasoning(True, budget=2000, summary="auto"), {**budget(2000), "display": "summarized"}, None, [], id="display"),
        pytest.param(MANUAL, Reasoning(summary="auto"), None, None, ["reasoning.summary"], id="summary alone costs nothing"),
        pytest.param(MANUAL, Reasoning(False), OFF, None, [], id="off"),
        pytest.param(OTHER, Reasoning(effort="medium", summary="auto"), budget(8192), None, [], id="another vendor"),
    ],
)  # fmt: skip
def test_thinking(
    model: str, reasoning: Reasoning | None, thinking: Any, effort: str | None, losses: list[str]
) -> None:
    body, lost = encode(model, reasoning=reasoning)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert lost == losses


@pytest.mark.parametrize(
    ("asked", "limit", "thinking", "max_tokens", "losses"),
    [
        pytest.param(4000, None, budget(4000), 64_000, [], id="no limit: room for the answer"),
        pytest.param(4000, 5000, budget(4000), 5000, [], id="it fits"),
        pytest.param(4000, 4000, budget(2000), 4000, ["reasoning"], id="it does not fit"),
        pytest.param(4000, 1500, budget(1024), 1500, ["reasoning"], id="least budget"),
        pytest.param(4000, 1024, OFF, 1024, ["reasoning"], id="no room"),
    ],
)
def test_the_limit_wins_over_the_budget(
    asked: int, limit: int | None, thinking: Any, max_tokens: int, losses: list[str]
) -> None:
    body, lost = encode(MANUAL, reasoning=Reasoning(True, budget=asked), max_tokens=limit)
    assert (body["thinking"], body["max_tokens"], lost) == (thinking, max_tokens, losses)


@pytest.mark.parametrize(
    ("model", "thinking", "choice", "losses"),
    [
        pytest.param(MANUAL, OFF, "any", ["reasoning"], id="manual thinking gives way"),
        pytest.param(EITHER, ADAPTIVE, "any", ["reasoning.budget"], id="adaptive goes with it"),
        pytest.param(MODERN, ADAPTIVE, "any", ["reasoning.budget"], id="current model"),
        pytest.param(ALWAYS, ADAPTIVE, "auto", ["tool_choice", "reasoning.budget"], id="no forced tools"),
    ],
)
def test_a_forced_tool_with_thinking(model: str, thinking: Any, choice: str, losses: list[str]) -> None:
    fields = {"tools": (Tool("f"),), "tool_choice": ToolChoice("any"), "reasoning": Reasoning(True, budget=2000)}
    body, lost = encode(model, **fields)
    assert (body["thinking"], body["tool_choice"]["type"], lost) == (thinking, choice, losses)


def loop(*heads: Any) -> tuple[Message, ...]:
    """A running tool loop: assistant turns that begin with ``heads``."""
    talk = [Message("user", (Text("go"),))]
    for n, head in enumerate(heads):
        talk.append(Message("assistant", (head, ToolCall(str(n), "f", "{}"))))
        talk.append(Message("user", (ToolResult(str(n), (Text("ok"),)),)))
    return tuple(talk)


SIGNED = Thinking("x", "s", "messages")


@pytest.mark.parametrize(
    ("model", "talk", "thinking", "losses"),
    [
        pytest.param(MANUAL, loop(SIGNED), budget(2000), [], id="signed"),
        pytest.param(MANUAL, loop(SIGNED, Text("more")), budget(2000), [], id="signed at its begin"),
        pytest.param(MANUAL, loop(Text("more")), OFF, ["reasoning"], id="without thoughts"),
        pytest.param(MANUAL, loop(Thinking("x", "s", "responses")), OFF, ["messages[1].content[0]", "reasoning"], id="foreign thoughts"),
        pytest.param(MANUAL, (*loop(Text("more")), Message("assistant", (Text("done"),)), Message("user", (Text("next"),))),
                     budget(2000), [], id="the loop is over"),
        pytest.param(EITHER, loop(Text("more")), ADAPTIVE, ["reasoning.budget"], id="adaptive needs no thoughts"),
        pytest.param(OTHER, loop(Text("more")), budget(2000), [], id="another vendor"),
        pytest.param("sonnet", loop(Text("more")), OFF, ["reasoning"], id="an unknown name"),
    ],
)  # fmt: skip
def test_a_tool_loop_without_thoughts(model: str, talk: tuple[Message, ...], thinking: Any, losses: list[str]) -> None:
    request = Request(model, talk, tools=(Tool("f"),), reasoning=Reasoning(True, budget=2000))
    body, lost = messages.encode_request(request)
    assert (body["thinking"], [loss.path for loss in lost]) == (thinking, losses)


@pytest.mark.parametrize(
    ("kept", "thinking"), [(None, None), ({"type": "dreaming"}, {"type": "dreaming"})], ids=["unsaid", "unknown type"]
)
def test_own_thinking_is_given_back(kept: Any, thinking: Any) -> None:
    body, losses = encode(reasoning=Reasoning(effort="low"), extra={"messages": {"thinking": kept}})
    assert (body.get("thinking"), body["output_config"], losses) == (thinking, {"effort": "low"}, [])


# ---- output ----------------------------------------------------------------------------------------------------------
def test_structured_output() -> None:
    body, losses = encode(output=OutputFormat("json_schema", SCHEMA, "name", True))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert losses == []


def test_limits_of_a_schema_are_left_out() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["a"]}
    body, losses = encode(output=OutputFormat("json_schema", schema))
    assert body["output_config"]["format"]["schema"] == SCHEMA
    assert losses == ["output.schema"]


@pytest.mark.parametrize(
    ("model", "output", "words"),
    [
        pytest.param(OLD, OutputFormat("json_schema", SCHEMA), '"additionalProperties":false', id="older model"),
        pytest.param(OTHER, OutputFormat("json_schema", SCHEMA), '"required":["a"]', id="another vendor"),
        pytest.param(MODERN, OutputFormat("json"), "JSON object", id="no schema"),
        pytest.param(MODERN, OutputFormat("json_schema"), "JSON object", id="schema left out"),
    ],
)
def test_output_that_is_asked_for_in_words(model: str, output: OutputFormat, words: str) -> None:
    body, losses = encode(model, output=output, system=(Text("be"),))
    assert body["system"][0] == {"type": "text", "text": "be"}
    assert words in body["system"][1]["text"]
    assert losses == ["output"]


def test_plain_text_needs_no_words() -> None:
    assert encode(output=OutputFormat("text")) == encode()


# ---- caching ---------------------------------------------------------------------------------------------------------
MARK = {"cache_control": {"type": "ephemeral"}}


def test_a_cache_key_marks_the_prompt_and_the_last_turn() -> None:
    body, losses = encode(system=(Text("a"), Text("b")), cache_key="k")
    assert body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **MARK}]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi", **MARK}]}]
    assert losses == []


@pytest.mark.parametrize(
    ("model", "system"),
    [
        pytest.param(OTHER, (), id="another vendor"),
        pytest.param(MODERN, (Text("a", {"messages": MARK}),), id="marks are there"),
    ],
)
def test_a_cache_key_without_marks(model: str, system: tuple[Text, ...]) -> None:
    body, losses = encode(model, system=system, cache_key="k")
    assert "cache_control" not in body["messages"][0]["content"][0]
    assert losses == ["cache_key"]


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("ann@example.org", True), ("<ann.b+c@mail.example.co>", True), ("+49 (30) 123-456", True), ("user-1234", False),
        ("a@b", False), ("@example.org", False), ("x" * 400_000, False), ("a@b." * 50_000, False),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_what_is_personal_is_seen_in_ids_of_any_length(user: str, found: bool) -> None:
    assert (PERSONAL.search(user) is not None) == found
