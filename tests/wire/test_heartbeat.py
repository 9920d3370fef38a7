"""A model that thinks before its stream says anything: official SDKs take the comments."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

KINDS = ("messages", "chat", "responses", "gemini")
ASK: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture(scope="module")
def thoughtful(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Route prefixes: ``fails`` has only channels whose stream begins with an error after a while."""
    channels = [channel(f"think-{kind}", fake.url, kind, "fake:think=0.7:k") for kind in KINDS]
    channels += [
        channel(f"fails-{kind}", fake.url, kind, "fake:think=0.7+errorfirst:k", route_prefix="fails") for kind in KINDS
    ]
    with running_program(tmp_path_factory.mktemp("heartbeat"), *channels, env={"HEARTBEAT": "0.1"}) as program:
        yield program


def by_anthropic(base: str) -> str:
    client = anthropic.Anthropic(base_url=base, api_key=CLIENT_KEY, max_retries=0)
    ask: Any = {**ASK, "model": "claude-sonnet-4-5", "max_tokens": 100}
    with client.messages.stream(**ask) as stream:
        return "".join(stream.text_stream)


def by_chat(base: str) -> str:
    client = openai.OpenAI(base_url=f"{base}/v1", api_key=CLIENT_KEY, max_retries=0)
    chunks = list(client.chat.completions.create(stream=True, **ASK))
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def by_responses(base: str) -> str:
    client = openai.OpenAI(base_url=f"{base}/v1", api_key=CLIENT_KEY, max_retries=0)
    events = client.responses.create(model="gpt-5.1", input="hello there", stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def by_genai(base: str) -> str:
    client = genai.Client(api_key=CLIENT_KEY, http_options=types.HttpOptions(base_url=base))
    stream = client.models.generate_content_stream(model="gemini-2.5-pro", contents="hello there")
    return "".join(chunk.text or "" for chunk in stream)


SDKS = pytest.mark.parametrize("ask", [by_anthropic, by_chat, by_responses, by_genai])


@SDKS
def test_an_sdk_takes_comments_before_the_first_event(ask: Any, thoughtful: Program) -> None:
    assert "hello there" in ask(thoughtful.url)


@SDKS
def test_an_sdk_reads_an_error_after_them(ask: Any, thoughtful: Program) -> None:
    with pytest.raises((anthropic.APIError, openai.OpenAIError, genai.errors.APIError), match="Overloaded"):
        ask(f"{thoughtful.url}/fails")


def test_what_stands_on_the_wire(thoughtful: Program) -> None:
    headers = {"authorization": f"Bearer {CLIENT_KEY}"}
    answer = httpx.post(f"{thoughtful.url}/v1/chat/completions", json={**ASK, "stream": True}, headers=headers)
    assert answer.text.startswith(": keepalive\n\n") and answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-ccx-request-id"] and "x-ccx-channel" not in answer.headers
    assert thoughtful.row(answer.headers["x-ccx-request-id"])["stream_end"] == "done"
