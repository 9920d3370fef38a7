"""What the gateway answers itself, and what quirks and stored answers do over a real upstream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

PROBE: dict[str, Any] = {"model": "claude-x", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def converting(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Everything goes over a Chat upstream."""
    channels = [
        channel("chat", fake.url, "chat", serves=["messages", "chat", "responses", "gemini"]),
        channel("odd", fake.url, "chat", quirks=["developer_to_system", "drop_sampling"], route_prefix="odd"),
    ]
    with running_program(tmp_path_factory.mktemp("local"), *channels) as program:
        yield program


@pytest.fixture(scope="module")
def claude(converting: Program) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=converting.url, api_key=CLIENT_KEY, max_retries=0)


@pytest.fixture(scope="module")
def gpt(converting: Program) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{converting.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def texts(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_connection_tests_reach_no_upstream(claude: anthropic.Anthropic, fake: Fake) -> None:
    fake.clear()
    assert texts(claude.messages.create(**PROBE)) == "ok"
    desktop = {**PROBE, "model": "haiku", "messages": [{"role": "user", "content": "."}]}
    assert texts(claude.messages.create(**desktop)).startswith("I'm ready to help")
    with claude.messages.stream(**PROBE) as stream:
        assert stream.get_final_text() == "ok"
    assert not fake.requests()


def test_a_request_that_only_looks_like_one_goes_on(claude: anthropic.Anthropic, fake: Fake) -> None:
    fake.clear()
    long = {**PROBE, "messages": [{"role": "user", "content": "a real question of more than a word"}]}
    claude.messages.create(**long)
    assert len(fake.requests()) == 1


def test_counts_are_estimated_and_say_so(claude: anthropic.Anthropic, converting: Program) -> None:
    messages: Any = [{"role": "user", "content": "word " * 400}]
    raw = claude.messages.with_raw_response.count_tokens(model="claude-x", messages=messages)
    assert raw.headers["x-ccx-estimated"] == "true" and 400 < raw.parse().input_tokens < 700
    gpt = openai.OpenAI(base_url=f"{converting.url}/v1", api_key=CLIENT_KEY)
    assert 400 < gpt.responses.input_tokens.count(model="gpt-x", input="word " * 400).input_tokens < 700
    options = types.HttpOptions(base_url=converting.url)
    gemini = genai.Client(api_key=CLIENT_KEY, http_options=options)
    assert (gemini.models.count_tokens(model="gemini-x", contents="word " * 400).total_tokens or 0) > 400


def test_a_stored_answer_is_continued_over_another_protocol(gpt: openai.OpenAI, fake: Fake) -> None:
    first = gpt.responses.create(model="gpt-5.1", input="remember the number seven")
    with gpt.responses.stream(model="gpt-5.1", input="go on", previous_response_id=first.id) as stream:
        second = stream.get_final_response()
    fake.clear()
    gpt.responses.create(model="gpt-5.1", input="and on", previous_response_id=second.id)
    sent = fake.requests()[-1]["json"]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user", "assistant", "user"]
    assert "seven" in str(sent[0])


def test_an_unknown_answer_is_a_404(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        gpt.responses.create(model="gpt-5.1", input="x", previous_response_id="resp_nobody_knows")
    assert missing.value.code == "previous_response_not_found"


def test_store_false_keeps_nothing(gpt: openai.OpenAI) -> None:
    answer = gpt.responses.create(model="gpt-5.1", input="x", store=False)
    with pytest.raises(openai.NotFoundError):
        gpt.responses.create(model="gpt-5.1", input="x", previous_response_id=answer.id)


def test_compaction_becomes_a_summary_and_comes_back(gpt: openai.OpenAI, fake: Fake) -> None:
    turns: Any = [{"role": "user", "content": "the plan is blue"}, {"role": "assistant", "content": "noted"}]
    compacted = gpt.responses.compact(model="gpt-5.1", input=turns)
    (item,) = compacted.output
    assert item.type == "compaction"
    fake.clear()
    again: Any = [item.to_dict(), {"role": "user", "content": "what is the plan?"}]
    gpt.responses.create(model="gpt-5.1", input=again)
    assert "the plan is blue" in str(fake.requests()[-1]["json"]["messages"])


def test_quirks_change_the_native_body_too(converting: Program, fake: Fake) -> None:
    fake.clear()
    messages = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "hi"}]
    body = {"model": "gpt-4.1", "messages": messages, "temperature": 0.3}
    assert converting.post("/odd/v1/chat/completions", body).status_code == 200
    sent = fake.requests()[-1]["json"]
    assert sent["messages"][0]["role"] == "system" and "temperature" not in sent


def test_what_is_not_converted_says_so(converting: Program) -> None:
    body = {"content": {"parts": [{"text": "x"}]}}
    answer = converting.post("/v1beta/models/text-embedding-004:embedContent", body)
    assert answer.status_code == 503 and "speaks chat, and this is not converted" in answer.json()["error"]["message"]


TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_thoughts_that_the_client_dropped_are_passed_back(fake: Fake, tmp_path: Path, stream: bool) -> None:
    """DeepSeek refuses tool calls without the reasoning before them; a plain OpenAI client never sends it.

    Where the model is known to want it nobody needs to set the quirk.
    """
    channels = [
        channel("with", fake.url, "chat", quirks=["passback_reasoning"]),
        channel("without", fake.url, "chat", route_prefix="plain"),
    ]
    with running_program(tmp_path, *channels) as program:
        thoughts = {}
        for prefix in ("", "/plain"):
            gpt = openai.OpenAI(base_url=f"{program.url}{prefix}/v1", api_key=CLIENT_KEY, max_retries=0)
            ask: Any = [{"role": "user", "content": "think and call:look {}"}]
            more: Any = {"model": "deepseek-v4", "tools": [TOOL]}
            if stream:
                with gpt.chat.completions.stream(messages=ask, **more) as events:
                    message: Any = events.get_final_completion().choices[0].message
            else:
                message = gpt.chat.completions.create(messages=ask, **more).choices[0].message
            (call,) = message.tool_calls
            turn = {"role": "assistant", "tool_calls": [call.to_dict(exclude_unset=True)]}
            turn["tool_calls"][0]["function"].pop("parsed_arguments", None)
            result = {"role": "tool", "tool_call_id": call.id, "content": "seen"}
            body = {**more, "messages": [*ask, turn, result]}
            assert program.post(f"{prefix}/v1/chat/completions", body).status_code == 200
            sent = fake.requests()[-1]["json"]["messages"][1]["reasoning_content"]
            thoughts[prefix] = (sent, message.reasoning_content)
        assert all(sent == said for sent, said in thoughts.values())


def test_counts_that_nobody_can_believe_are_estimated(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat", quirks=["low_quality_usage"])) as program:
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello there, long:400"}]}
        good = program.row(program.post("/v1/chat/completions", body).headers["x-ccx-request-id"])
        assert good["usage_source"] == "reported" and good["output_tokens"] > 300


def test_a_setting_that_converts_into_nothing_is_a_loss(converting: Program) -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "safetySettings": safety}
    answer = converting.post("/v1beta/models/gemini-x:generateContent", body)
    assert answer.status_code == 200 and "safetySettings" in answer.headers["x-ccx-losses"]
