"""The four official SDKs behind one face, so that one test can ask through each of them.

What comes back is what the SDK's own types and accumulators made of the answer, in neutral words.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import anthropic
import openai
from google import genai
from google.genai import types
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests import once
from tests.wire.program import CLIENT_KEY

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF: Final = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
CITY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "name of a city"},
        "when": {"type": "object", "properties": {"day": {"type": "string", "enum": ["today", "tomorrow"]}}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$schema": "http://json-schema.org/draft-07/schema#",
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["name", "count"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class User:
    text: str
    image: bool = False
    pdf: bool = False


@dataclass(frozen=True)
class Results:
    """``image``: each result is a picture in place of its text."""

    results: Sequence[tuple[Call, str]]
    image: bool = False


@dataclass(frozen=True)
class Answer:
    """``raw`` is what goes back as the assistant's turn; ``pieces`` counts deltas of tool arguments in a stream."""

    text: str
    thought: str
    calls: tuple[Call, ...]
    stop: str
    usage: tuple[int, int, int]
    """Input with caches, output, read from the cache."""
    model: str
    raw: Any = field(compare=False)
    pieces: int = field(compare=False, default=0)


type Turn = User | Answer | Results


@dataclass(frozen=True)
class Ask:
    turns: Sequence[Turn]
    model: str = "plain"
    system: str = ""
    tools: bool = False
    forced: str = ""
    thinking: bool = False
    schema: bool = False
    stop: str = ""
    stream: bool = False


class Sdk(Protocol):
    def ask(self, ask: Ask) -> Answer: ...


# ---- Messages --------------------------------------------------------------------------------------------------------
class Claude:
    STOPS: Final = {
        "end_turn": "end",
        "max_tokens": "length",
        "tool_use": "tool_call",
        "stop_sequence": "stop_sequence",
    }

    def __init__(self, url: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=CLIENT_KEY, max_retries=0)

    def ask(self, ask: Ask) -> Answer:
        more: dict[str, Any] = {}
        if ask.system:
            more["system"] = [{"type": "text", "text": ask.system, "cache_control": {"type": "ephemeral"}}]
        if ask.tools:
            more["tools"] = [{"name": "look_up", "description": "the weather", "input_schema": CITY}]
        if ask.forced:
            more["tool_choice"] = {"type": "tool", "name": ask.forced}
        if ask.thinking:
            more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if ask.schema:
            more["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if ask.stop:
            more["stop_sequences"] = [ask.stop]
        body = {"model": ask.model, "max_tokens": 4000, "messages": [self.turn(turn) for turn in ask.turns], **more}
        if not ask.stream:
            return self.answer(self.client.messages.create(**body), 0)
        with self.client.messages.stream(**body) as stream:
            pieces = sum(e.type == "content_block_delta" and e.delta.type == "input_json_delta" for e in stream)
            return self.answer(stream.get_final_message(), pieces)

    def turn(self, turn: Turn) -> dict[str, Any]:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
        match turn:
            case User():
                blocks: list[Any] = [image] if turn.image else []
                source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
                blocks += [{"type": "document", "source": source, "title": "a.pdf"}] if turn.pdf else []
                return {"role": "user", "content": [*blocks, {"type": "text", "text": turn.text}]}
            case Results():
                return {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": call.id, "content": [image] if turn.image else text}
                        for call, text in turn.results
                    ],
                }
        return {"role": "assistant", "content": turn.raw}

    def answer(self, message: Any, pieces: int) -> Answer:
        blocks, usage = message.content, message.usage
        cached = usage.cache_read_input_tokens or 0
        written = usage.cache_creation_input_tokens or 0
        return Answer(
            "".join(block.text for block in blocks if block.type == "text"),
            "".join(block.thinking for block in blocks if block.type == "thinking"),
            tuple(Call(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"),
            self.STOPS.get(message.stop_reason, message.stop_reason),
            (usage.input_tokens + cached + written, usage.output_tokens, cached),
            message.model,
            blocks,
            pieces,
        )


# ---- Chat ------------------------------------------------------------------------------------------------------------
class Chat:
    STOPS: Final = {"stop": "end", "length": "length", "tool_calls": "tool_call", "content_filter": "refusal"}

    def __init__(self, url: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0)

    def ask(self, ask: Ask) -> Answer:
        more: dict[str, Any] = {}
        if ask.tools:
            function = {"name": "look_up", "description": "the weather", "parameters": CITY}
            more["tools"] = [{"type": "function", "function": function}]
        if ask.forced:
            more["tool_choice"] = {"type": "function", "function": {"name": ask.forced}}
        if ask.thinking:
            more["reasoning_effort"] = "low"
        if ask.schema:
            schema = {"name": "thing", "schema": SCHEMA, "strict": True}
            more["response_format"] = {"type": "json_schema", "json_schema": schema}
        if ask.stop:
            more["stop"] = [ask.stop]
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        messages = [*system, *(message for turn in ask.turns for message in self.turn(turn))]
        body = {"model": ask.model, "messages": messages, **more}
        if not ask.stream:
            return self.answer(self.client.chat.completions.create(**body), 0)
        # The accumulator itself: the helper around it raises on every answer that was cut.
        state, pieces = ChatCompletionStreamState(), 0
        for chunk in self.client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}):
            pieces += sum(event.type == "tool_calls.function.arguments.delta" for event in state.handle_chunk(chunk))
        return self.answer(state.current_completion_snapshot, pieces)

    def turn(self, turn: Turn) -> list[dict[str, Any]]:
        match turn:
            case User():
                parts: list[Any] = [{"type": "text", "text": turn.text}]
                if turn.image:
                    parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}})
                if turn.pdf:
                    file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
                    parts.append({"type": "file", "file": file})
                return [{"role": "user", "content": parts}]
            case Results():
                return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in turn.results]
        return [turn.raw]

    def answer(self, completion: Any, pieces: int) -> Answer:
        choice, usage = completion.choices[0], completion.usage
        message = choice.message
        details = usage.prompt_tokens_details
        return Answer(
            message.content or message.refusal or "",
            getattr(message, "reasoning_content", None) or "",
            tuple(
                Call(call.id, call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or []
            ),
            "refusal" if message.refusal else self.STOPS[choice.finish_reason],
            (usage.prompt_tokens, usage.completion_tokens, (details and details.cached_tokens) or 0),
            completion.model,
            self.history(message),
            pieces,
        )

    def history(self, message: Any) -> dict[str, Any]:
        raw: dict[str, Any] = message.model_dump(exclude_none=True, exclude={"parsed", "annotations"})
        for call in raw.get("tool_calls") or []:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        return raw


# ---- Responses -------------------------------------------------------------------------------------------------------
class Responses:
    def __init__(self, url: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0)

    def ask(self, ask: Ask) -> Answer:
        more: dict[str, Any] = {"instructions": ask.system} if ask.system else {}
        if ask.tools:
            tool = {"type": "function", "name": "look_up", "description": "the weather", "parameters": CITY}
            more["tools"] = [{**tool, "strict": False}]
        if ask.forced:
            more["tool_choice"] = {"type": "function", "name": ask.forced}
        if ask.thinking:
            more["reasoning"] = {"effort": "low", "summary": "auto"}
        if ask.schema:
            more["text"] = {"format": {"type": "json_schema", "name": "thing", "schema": SCHEMA, "strict": True}}
        items = [item for turn in ask.turns for item in self.turn(turn)]
        body = {"model": ask.model, "input": items, "store": False, "include": ["reasoning.encrypted_content"], **more}
        if not ask.stream:
            return self.answer(self.client.responses.create(**body), 0)
        pieces, final = 0, None
        with self.client.responses.stream(**body) as stream:
            for event in stream:
                pieces += event.type == "response.function_call_arguments.delta"
                final = event.response if event.type in ("response.completed", "response.incomplete") else final
        return self.answer(final, pieces)

    def turn(self, turn: Turn) -> list[dict[str, Any]]:
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
        match turn:
            case User():
                parts: list[Any] = [{"type": "input_text", "text": turn.text}]
                parts += [image] if turn.image else []
                if turn.pdf:
                    data = f"data:application/pdf;base64,{PDF}"
                    parts.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
                return [{"role": "user", "content": parts}]
            case Results():
                return [
                    {"type": "function_call_output", "call_id": call.id, "output": [image] if turn.image else text}
                    for call, text in turn.results
                ]
        return list(turn.raw)

    def answer(self, response: Any, pieces: int) -> Answer:
        output, usage = response.output, response.usage
        parts = [part for item in output if item.type == "message" for part in item.content]
        calls = tuple(
            Call(item.call_id, item.name, json.loads(item.arguments)) for item in output if item.type == "function_call"
        )
        return Answer(
            "".join(part.text if part.type == "output_text" else part.refusal for part in parts),
            "".join(part.text for item in output if item.type == "reasoning" for part in item.summary),
            calls,
            self.stop(response, parts, calls),
            (usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens),
            response.model,
            [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in output],
            pieces,
        )

    def stop(self, response: Any, parts: list[Any], calls: tuple[Call, ...]) -> str:
        if response.status == "incomplete":
            reason = response.incomplete_details.reason
            return {"max_output_tokens": "length", "content_filter": "refusal"}[reason]
        assert response.status == "completed"
        return "tool_call" if calls else "refusal" if any(part.type == "refusal" for part in parts) else "end"


# ---- Gemini ----------------------------------------------------------------------------------------------------------
class Gemini:
    STOPS: Final = {"STOP": "end", "MAX_TOKENS": "length", "SAFETY": "refusal"}

    def __init__(self, url: str) -> None:
        trust = {"verify": once.context()}
        options = types.HttpOptions(
            base_url=url, api_version="v1beta", client_args=trust, async_client_args={**trust, "ssl": trust["verify"]}
        )
        self.client = genai.Client(api_key=CLIENT_KEY, http_options=options)

    def ask(self, ask: Ask) -> Answer:
        more: dict[str, Any] = {"system_instruction": ask.system} if ask.system else {}
        if ask.tools:
            declaration = {"name": "look_up", "description": "the weather", "parameters_json_schema": CITY}
            more["tools"] = [{"function_declarations": [declaration]}]
        if ask.forced:
            more["tool_config"] = {"function_calling_config": {"mode": "ANY", "allowed_function_names": [ask.forced]}}
        if ask.thinking:
            more["thinking_config"] = {"thinking_budget": 1024, "include_thoughts": True}
        if ask.schema:
            more |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        if ask.stop:
            more["stop_sequences"] = [ask.stop]
        contents: Any = [self.turn(turn) for turn in ask.turns]
        config = types.GenerateContentConfig(**more)
        asked: dict[str, Any] = {"model": ask.model, "contents": contents, "config": config}
        if not ask.stream:
            return self.answer([self.client.models.generate_content(**asked)])
        return self.answer(list(self.client.models.generate_content_stream(**asked)))

    def turn(self, turn: Turn) -> types.Content:
        image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
        match turn:
            case User():
                parts = [types.Part.from_text(text=turn.text)]
                parts += [image] if turn.image else []
                if turn.pdf:
                    parts.append(types.Part.from_bytes(data=base64.b64decode(PDF), mime_type="application/pdf"))
                return types.Content(role="user", parts=parts)
            case Results():
                return types.Content(role="user", parts=[self.result(*result, turn.image) for result in turn.results])
        return types.Content(role="model", parts=turn.raw)

    def result(self, call: Call, text: str, image: bool) -> types.Part:
        blob = types.FunctionResponseBlob(mime_type="image/png", data=base64.b64decode(PIXEL))
        return types.Part(
            function_response=types.FunctionResponse(
                id=call.id or None,
                name=call.name,
                response={"result": "see the picture" if image else text},
                parts=[types.FunctionResponsePart(inline_data=blob)] if image else None,
            )
        )

    def answer(self, chunks: list[types.GenerateContentResponse]) -> Answer:
        parts: list[types.Part] = []
        stop, usage = "", None
        for chunk in chunks:
            usage = chunk.usage_metadata or usage
            for candidate in chunk.candidates or []:
                found = (candidate.content and candidate.content.parts) or []
                parts += [part for part in found if part.text != "" or part.thought_signature]
                stop = candidate.finish_reason.value if candidate.finish_reason else stop
        assert usage
        calls = [part.function_call for part in parts if part.function_call]
        output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        return Answer(
            "".join(part.text or "" for part in parts if not part.thought),
            "".join(part.text or "" for part in parts if part.thought),
            tuple(Call(call.id or "", call.name or "", call.args or {}) for call in calls),
            "tool_call" if calls else self.STOPS[stop],
            (usage.prompt_token_count or 0, output, usage.cached_content_token_count or 0),
            chunks[-1].model_version or "",
            parts,
        )


SDKS: Final[dict[str, type[Claude] | type[Chat] | type[Responses] | type[Gemini]]] = {
    "messages": Claude,
    "chat": Chat,
    "responses": Responses,
    "gemini": Gemini,
}
