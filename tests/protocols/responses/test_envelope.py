from openai.types.responses import Response as SdkResponse

from ccx_addons.core.neutral import OutputFormat, Reasoning, Text, Tool, ToolChoice
from ccx_addons.protocols.responses.envelope import envelope
from ccx_addons.protocols.responses.tools import Naming
from tests.protocols.responses.values import CODEX_TOOLS, SCHEMA, ask, asked, own


def test_an_answer_repeats_its_request() -> None:
    request = asked(
        instructions="be",
        tools=CODEX_TOOLS,
        tool_choice={"type": "web_search_preview"},
        parallel_tool_calls=False,
        reasoning={"effort": "high", "summary": "auto"},
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        metadata={"a": "b"},
        store=False,
        temperature=0.5,
        max_output_tokens=99,
        prompt_cache_key="k",
        user="u",
        client_metadata={"not": "repeated"},
    )
    found = envelope(request, Naming(request), "resp_1", 5)
    assert (found["id"], found["created_at"], found["status"], found["output"]) == ("resp_1", 5, "in_progress", [])
    assert found["tools"] == CODEX_TOOLS
    assert found["tool_choice"] == {"type": "web_search_preview"}
    assert found["reasoning"] == {"effort": "high", "summary": "auto"}
    assert found["text"]["verbosity"] == "low" and found["text"]["format"]["schema"] == SCHEMA
    assert (found["store"], found["metadata"], found["parallel_tool_calls"]) == (False, {"a": "b"}, False)
    assert (found["temperature"], found["top_p"], found["max_output_tokens"]) == (0.5, 1.0, 99)
    assert (found["instructions"], found["user"], found["prompt_cache_key"]) == ("be", "u", "k")
    assert "client_metadata" not in found
    SdkResponse.model_validate(found)


def test_what_nobody_said() -> None:
    request = ask()
    found = envelope(request, Naming(request), "resp_1", 5)
    assert found["instructions"] is None and found["tools"] == [] and found["tool_choice"] == "auto"
    assert found["text"] == {"format": {"type": "text"}}
    SdkResponse.model_validate(found, strict=True)


def test_developer_items_are_no_instructions() -> None:
    system = (Text("a"), Text("b", own(item={"role": "developer"})))
    choice = ToolChoice("any", ("f",))
    request = ask(
        system=system, tools=(Tool("f"),), tool_choice=choice, output=OutputFormat("json"), reasoning=Reasoning()
    )
    found = envelope(request, Naming(request), "resp_1", 5)
    assert found["instructions"] == "a"
    assert found["tool_choice"] == {"type": "function", "name": "f"}
    assert found["text"] == {"format": {"type": "json_object"}}
