from typing import Any

import pytest

from ccx_addons.core.neutral import Message, OutputFormat, Reasoning, Text, Tool
from ccx_addons.protocols import responses
from scripts.fake.strict import refusal
from tests.protocols.responses.values import CLASSIC, OTHER, REASONING, SCHEMA, ask, asked


def test_a_short_request_of_another_protocol() -> None:
    body, losses = responses.encode_request(ask(system=(Text("be"), Text("brief")), stream=True))
    assert losses == []
    assert body == {
        "model": REASONING,
        "instructions": "be\n\nbrief",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }


def test_only_models_that_encrypt_their_reasoning_are_asked_for_it() -> None:
    for model in (CLASSIC, OTHER):
        body, _ = responses.encode_request(ask(model))
        assert "include" not in body and body["store"] is False


def test_a_request_of_this_protocol_is_stored_as_it_says() -> None:
    body, _ = responses.encode_request(asked())
    assert body.keys() == {"model", "input"}


def test_an_input_there_must_be() -> None:
    body, _ = responses.encode_request(asked(input=[], instructions="be"))
    assert body["input"] == [{"type": "message", "role": "developer", "content": "be"}]
    assert "instructions" not in body
    body, _ = responses.encode_request(asked(input=None, previous_response_id="resp_1", instructions="be"))
    assert "input" not in body and body["instructions"] == "be"


@pytest.mark.parametrize(
    ("model", "fields", "wire", "lost"),
    [
        pytest.param(REASONING, {"temperature": 0.5, "top_p": 0.9}, {}, ["temperature", "top_p"], id="no sampling"),
        pytest.param(REASONING, {"temperature": 1.0, "top_p": 1.0}, {}, [], id="defaults say nothing"),
        pytest.param(
            REASONING,
            {"temperature": 0.5, "reasoning": Reasoning(effort="none")},
            {"temperature": 0.5, "reasoning": {"effort": "none"}},
            [],
            id="sampling without reasoning",
        ),
        pytest.param(CLASSIC, {"temperature": 0.5}, {"temperature": 0.5}, [], id="sampling"),
        pytest.param(CLASSIC, {"max_tokens": 5}, {"max_output_tokens": 16}, ["max_tokens"], id="smallest limit"),
        pytest.param(OTHER, {"max_tokens": 5}, {"max_output_tokens": 5}, [], id="any limit"),
        pytest.param(
            "o3",
            {"parallel_tools": False, "tools": (Tool("f"),)},
            {},
            ["parallel_tools"],
            id="no word on parallel calls",
        ),
        pytest.param(
            CLASSIC,
            {"parallel_tools": False, "tools": (Tool("f"),)},
            {"parallel_tool_calls": False},
            [],
            id="parallel calls",
        ),
        pytest.param(CLASSIC, {"parallel_tools": True}, {}, [], id="parallel calls of no tools"),
        pytest.param(
            CLASSIC, {"reasoning": Reasoning(effort="high", summary="auto")}, {}, ["reasoning.effort", "reasoning.summary"],
            id="no reasoning",
        ),
        pytest.param(CLASSIC, {"reasoning": Reasoning(False)}, {}, [], id="reasoning is off anyway"),
        pytest.param(
            REASONING, {"reasoning": Reasoning(True, budget=9000)}, {"reasoning": {"effort": "high", "summary": "auto"}},
            ["reasoning.budget"], id="budget",
        ),
        pytest.param(
            REASONING, {"reasoning": Reasoning(effort="max")}, {"reasoning": {"effort": "xhigh"}}, ["reasoning.effort"], id="too high"
        ),
        pytest.param(
            "gpt-5", {"reasoning": Reasoning(effort="none")}, {"reasoning": {"effort": "minimal"}}, ["reasoning.effort"], id="too low"
        ),
        pytest.param(
            REASONING, {"reasoning": Reasoning(True, "low", summary="none")}, {"reasoning": {"effort": "low"}}, [], id="no summary"
        ),
        pytest.param(REASONING, {"verbosity": "low"}, {"text": {"verbosity": "low"}}, [], id="verbosity"),
        pytest.param(CLASSIC, {"verbosity": "low"}, {}, ["verbosity"], id="no verbosity"),
        pytest.param(REASONING, {"service_tier": "standard_only"}, {"service_tier": "default"}, [], id="tier"),
        pytest.param(REASONING, {"service_tier": "gold"}, {}, ["service_tier"], id="unknown tier"),
        pytest.param(REASONING, {"user": "u", "cache_key": "k"}, {"user": "u", "prompt_cache_key": "k"}, [], id="user"),
        pytest.param(
            REASONING,
            {"stop": ("a",), "seed": 1, "top_k": 2, "presence_penalty": 1.0, "frequency_penalty": 1.0},
            {},
            ["stop", "seed", "top_k", "presence_penalty", "frequency_penalty"],
            id="what there is not",
        ),
        pytest.param(REASONING, {"presence_penalty": 0.0}, {}, [], id="no penalty"),
        pytest.param(
            REASONING,
            {"output": OutputFormat("json_schema", SCHEMA, "my answer", True)},
            {"text": {"format": {"type": "json_schema", "name": "my_answer", "schema": SCHEMA, "strict": True}}},
            [],
            id="schema",
        ),
        pytest.param(
            REASONING,
            {"output": OutputFormat("json_schema", {"properties": {"a": {}}}, strict=True)},
            {"text": {"format": {"type": "json_schema", "name": "response", "schema": {"type": "object", "properties": {"a": {}}}}}},
            ["output.strict"],
            id="schema that is not strict",
        ),
        pytest.param(REASONING, {"output": OutputFormat("text")}, {"text": {"format": {"type": "text"}}}, [], id="text"),
    ],
)  # fmt: skip
def test_fields(model: str, fields: dict[str, Any], wire: dict[str, Any], lost: list[str]) -> None:
    body, losses = responses.encode_request(ask(model, **fields))
    found = {name: value for name, value in body.items() if name not in ("model", "input", "store", "include", "tools")}
    assert found == wire
    assert [loss.path for loss in losses] == lost
    assert model == OTHER or refusal("responses", "generate", body, {}, model) is None


def test_long_keys_are_shortened() -> None:
    body, losses = responses.encode_request(ask(user="u" * 200, cache_key="k" * 200))
    assert losses == []
    assert len(body["user"]) <= 64 and len(body["prompt_cache_key"]) <= 64
    again, _ = responses.encode_request(ask(user="u" * 200, cache_key="k" * 200))
    assert again == body


def test_a_user_who_is_the_safety_identifier_is_said_once() -> None:
    assert "user" not in responses.encode_request(asked(safety_identifier="s"))[0]
    assert responses.encode_request(asked(safety_identifier="s", user="u"))[0]["user"] == "u"


def test_json_is_spoken_of() -> None:
    body, _ = responses.encode_request(ask(output=OutputFormat("json")))
    assert body["text"] == {"format": {"type": "json_object"}}
    assert body["input"][-1] == {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "Answer with JSON."}],
    }
    spoken = ask(output=OutputFormat("json"))
    spoken = type(spoken)(spoken.model, (Message("user", (Text("give me JSON"),)),), output=spoken.output)
    assert len(responses.encode_request(spoken)[0]["input"]) == 1


def test_a_schema_that_is_no_object_is_said_in_words() -> None:
    body, losses = responses.encode_request(ask(output=OutputFormat("json_schema", {"type": "array"})))
    assert "text" not in body
    assert '{"type":"array"}' in body["input"][-1]["content"][0]["text"]
    assert [loss.path for loss in losses] == ["output.schema"]
