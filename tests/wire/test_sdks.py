"""The official SDKs against the program, same protocol on both sides: every kind, JSON and stream, and the log row."""

import io
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from ccx_addons.core.ids import uuid7
from tests.wire.program import CLIENT_KEY, Fake, Program, all_kinds, running_program

HELLO = "hello there, cached think"


@pytest.fixture(scope="module")
def claude(program: Program) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=program.url, api_key=CLIENT_KEY, max_retries=0)


@pytest.fixture(scope="module")
def gpt(program: Program) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{program.url}/v1", api_key=CLIENT_KEY, max_retries=0)


@pytest.fixture(scope="module")
def gemini(program: Program) -> genai.Client:
    return genai.Client(api_key=CLIENT_KEY, http_options=types.HttpOptions(base_url=program.url))


def newest(program: Program) -> dict[str, Any]:
    return program.newest()


@pytest.fixture(autouse=True)
def begins_now(program: Program) -> None:
    """Ids sort by time: every earlier request's is smaller than one made now."""
    program.last_id = uuid7()


class TestMessages:
    ASK: dict[str, Any] = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": HELLO}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }

    def test_json(self, claude: anthropic.Anthropic, program: Program) -> None:
        answer = claude.messages.create(**self.ASK)
        assert "hello there" in next(b.text for b in answer.content if b.type == "text")
        row, usage = newest(program), answer.usage
        cached = usage.cache_read_input_tokens or 0
        created = usage.cache_creation_input_tokens or 0
        assert (row["kind"], row["stream"], row["status"], row["state"]) == ("messages", 0, 200, "ok")
        assert row["input_tokens"] == usage.input_tokens + cached + created
        assert row["output_tokens"] == usage.output_tokens and row["cache_read_tokens"] == cached > 0
        assert row["cost_usd"] > 0 and row["price_source"]

    def test_stream(self, claude: anthropic.Anthropic, program: Program) -> None:
        with claude.messages.stream(**self.ASK) as stream:
            answer = stream.get_final_message()
        row = newest(program)
        assert answer.stop_reason == "end_turn"
        assert (row["stream"], row["stream_end"], row["output_tokens"]) == (1, "done", answer.usage.output_tokens)
        assert row["first_event_ms"] > 0


class TestChat:
    ASK: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": HELLO}]}

    def test_json(self, gpt: openai.OpenAI, program: Program) -> None:
        answer = gpt.chat.completions.create(**self.ASK)
        assert "hello there" in (answer.choices[0].message.content or "")
        row = newest(program)
        assert answer.usage and row["input_tokens"] == answer.usage.prompt_tokens
        assert row["cache_read_tokens"] == answer.usage.prompt_tokens_details.cached_tokens > 0

    @pytest.mark.parametrize("ask_usage", [True, False])
    def test_stream(self, gpt: openai.OpenAI, program: Program, ask_usage: bool) -> None:
        more: dict[str, Any] = {"stream_options": {"include_usage": True}} if ask_usage else {}
        chunks = list(gpt.chat.completions.create(stream=True, **self.ASK, **more))
        assert any(chunk.usage for chunk in chunks) is ask_usage
        row = newest(program)
        assert row["stream_end"] == "done" and row["output_tokens"] > 0


class TestResponses:
    ASK: dict[str, Any] = {"model": "gpt-5.1", "input": HELLO, "reasoning": {"effort": "low"}}

    def test_json(self, gpt: openai.OpenAI, program: Program) -> None:
        answer = gpt.responses.create(**self.ASK)
        assert "hello there" in answer.output_text and answer.usage
        row = newest(program)
        assert row["reasoning_tokens"] == answer.usage.output_tokens_details.reasoning_tokens > 0

    def test_stream(self, gpt: openai.OpenAI, program: Program) -> None:
        with gpt.responses.stream(**self.ASK) as stream:
            answer = stream.get_final_response()
        assert answer.status == "completed" and "hello there" in answer.output_text
        assert newest(program)["stream_end"] == "done"

    def test_count_tokens(self, gpt: openai.OpenAI, program: Program) -> None:
        assert gpt.responses.input_tokens.count(model="gpt-5.1", input=HELLO).input_tokens > 0
        assert newest(program)["operation"] == "count_tokens"


class TestModels:
    @pytest.fixture(scope="class")
    def program(self, fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
        """A channel that takes any model has no unknown ones."""
        channels = [{**one, "allow": ["some-*"]} for one in all_kinds(fake)]
        with running_program(tmp_path_factory.mktemp("ccx"), *channels) as program:
            yield program

    def test_an_unknown_model_in_each_sdks_own_words(self, program: Program) -> None:
        gpt = openai.OpenAI(base_url=f"{program.url}/v1", api_key=CLIENT_KEY, max_retries=0)
        claude = anthropic.Anthropic(base_url=program.url, api_key=CLIENT_KEY, max_retries=0)
        gemini = genai.Client(api_key=CLIENT_KEY, http_options=types.HttpOptions(base_url=program.url))
        with pytest.raises(openai.NotFoundError) as by_openai:
            gpt.models.retrieve("nothing-like-it")
        assert by_openai.value.code == "model_not_found"
        with pytest.raises(anthropic.NotFoundError) as by_anthropic:
            claude.models.retrieve("nothing-like-it")
        assert by_anthropic.value.body["type"] == "error"  # type: ignore[index]
        with pytest.raises(genai.errors.ClientError) as by_google:
            gemini.models.get(model="nothing-like-it")
        assert by_google.value.status == "NOT_FOUND" and "nothing-like-it" in (by_google.value.message or "")


class TestGemini:
    MODEL = "gemini-2.5-pro"

    def test_json(self, gemini: genai.Client, program: Program) -> None:
        answer = gemini.models.generate_content(model=self.MODEL, contents=HELLO)
        assert "hello there" in (answer.text or "") and answer.usage_metadata
        row = newest(program)
        assert row["model"] == self.MODEL and row["input_tokens"] == answer.usage_metadata.prompt_token_count

    def test_stream(self, gemini: genai.Client, program: Program) -> None:
        texts = [chunk.text or "" for chunk in gemini.models.generate_content_stream(model=self.MODEL, contents=HELLO)]
        assert "hello there" in "".join(texts)
        assert newest(program)["stream_end"] == "done"

    def test_stream_as_a_json_array(self, program: Program) -> None:
        body = {"contents": [{"role": "user", "parts": [{"text": HELLO}]}]}
        answer = program.post(f"/v1beta/models/{self.MODEL}:streamGenerateContent", body)
        assert answer.headers["content-type"].startswith("application/json") and isinstance(answer.json(), list)
        assert newest(program)["stream_end"] == "done"

    def test_count_tokens(self, gemini: genai.Client) -> None:
        assert (gemini.models.count_tokens(model=self.MODEL, contents=HELLO).total_tokens or 0) > 0

    @pytest.mark.parametrize("texts", [[HELLO], [HELLO, "and more"]], ids=["one", "two"])
    def test_embeddings(self, gemini: genai.Client, program: Program, texts: list[str]) -> None:
        answer = gemini.models.embed_content(model="gemini-embedding-001", contents=list(texts))
        assert answer.embeddings and [len(found.values or []) for found in answer.embeddings] == [3] * len(texts)
        row = newest(program)
        assert (row["operation"], row["model"]) == ("embed_batch", "gemini-embedding-001")


class TestImagesAndEmbeddings:
    def test_generate(self, gpt: openai.OpenAI, program: Program) -> None:
        answer = gpt.images.generate(model="gpt-image-1", prompt="a cat")
        assert answer.data and newest(program)["kind"] == "images"

    def test_a_multipart_body_of_20_mb_is_byte_exact(self, gpt: openai.OpenAI, program: Program, fake: Fake) -> None:
        picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * (20 * 4096)
        fake.clear()
        gpt.images.edit(model="gpt-image-1", prompt="bigger", image=("cat.png", io.BytesIO(picture), "image/png"))
        arrived = fake.requests()[-1]
        assert arrived["size"] > len(picture) and newest(program)["bytes_in"] == arrived["size"]

    def test_embeddings(self, gpt: openai.OpenAI, program: Program) -> None:
        answer = gpt.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
        assert len(answer.data) == 2
        row = newest(program)
        assert (row["kind"], row["input_tokens"]) == ("embeddings", answer.usage.prompt_tokens)
