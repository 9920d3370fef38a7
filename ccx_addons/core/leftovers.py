"""What a conversion leaves behind, by construction: all that a decoder kept beside the neutral form and that the
encoder of the other protocol does not read.

A side-car is given back only to its own protocol. So for every other one its fields are lost, unless the encoder says
that it reads them (``READS`` of a protocol), or nothing changes without them (``HARMLESS``).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ccx_addons.core.mcp import McpServer, unsaid
from ccx_addons.core.neutral import (
    Event,
    Extra,
    Finished,
    Json,
    Loss,
    Media,
    Part,
    PartDelta,
    PartStarted,
    Request,
    Response,
    ServerTool,
    Started,
    Text,
    ToolResult,
)
from ccx_addons.core.reasoning import effort_word

type Reads = Mapping[str, frozenset[str]]
"""Protocol -> fields of its side-cars that another protocol's encoder reads, or tells as lost itself."""

MEANING: Final[Mapping[str, str]] = {
    "conversation": "only the upstream that keeps the conversation knows what was said before",
    "previous_response_id": "only the upstream that gave that answer knows what was said before",
    "prompt": "only the upstream that keeps the prompt knows its words",
    "thread": "only the upstream that keeps the thread knows what was said before",
    "cachedContent": "only the upstream that keeps the cache knows its words",
}
"""Fields of a request that stand for words which are not in it: without them another question is asked."""

NO_CHANGE: Final = "the answer is the same without it"
ECHO: Final = "echo"
"""Where a Responses request keeps what its answer repeats and no upstream is told."""
OURS: Final = "a note of the decoder for the client's own encoder"
HARMLESS: Final[Mapping[str, str]] = {
    "type": "says which form a block or an item had",
    "role": "developer and system are one role in the neutral form",
    "id": "names an item, and what it is referred to by is kept",
    "status": "an item that comes back in a request is complete",
    "object": "the name of the wire's type",
    "legacy": OURS,
    ECHO: OURS,
    "native": OURS,
    "functions": OURS,
    "loaded": OURS,
    "namespace": "is in the function's name, with the name beside it",
    "item.id": "names an item, and what it is referred to by is kept",
    "item.status": "an item that comes back in a request is complete",
    "item.role": "developer and system are one role in the neutral form",
    "stream_options.include_obfuscation": f"pads a stream's events: {NO_CHANGE}",
}
"""Fields that nobody misses -> why."""
HARMLESS_IN: Final[Mapping[str, frozenset[str]]] = {
    "responses": frozenset({"store"}),  # the gateway remembers the answer itself
    "chat": frozenset({  # what the neutral form says, kept as it came
        *(f"reasoning.{name}" for name in ("effort", "enabled", "exclude", "max_tokens", "summary")), "thinking.type",
        "thinking.budget_tokens", "enable_thinking", "thinking_budget", "include_reasoning", "file.file_data",
        "chat_template_kwargs.enable_thinking", "chat_template_kwargs.thinking", "extra_body.google.thinking_config",
    }),
}  # fmt: skip
"""The same for fields of one protocol."""
WORKS_IN: Final[Mapping[str, frozenset[str]]] = dict.fromkeys(
    ("messages", "responses"), frozenset({"candidate.urlContextMetadata"})
)
"""Protocol -> fields of other protocols' answers that its own form of what tools did says (core/works.py)."""
NOTHING: Final[frozenset[str]] = frozenset()
SOURCES: Final = frozenset({"annotations", "citations", "candidate.groundingMetadata"})
"""Where an answer says which pages a text comes from, which the text's ``sources`` say too."""
SAID_OF_TOOLS: Final = frozenset({"description", "parameters"})
"""What the side-car of a tool may repeat: all protocols say it."""
NO_SETTINGS: Final = (HARMLESS.keys() | {"name"}) - {"type"}
"""Members of another protocol's tool that set nothing."""
INSIDE: Final = frozenset({
    "candidate", "chat_template_kwargs", "custom", "extra_body", "extra_body.google", "file", "fileData", "function",
    "generationConfig", "generationConfig.thinkingConfig", "inlineData", "item", "output_config", "reasoning",
    "response_format", "response_format.json_schema", "stream_options", "text", "text.format", "thinking", "toolConfig",
    "toolConfig.functionCallingConfig",
})  # fmt: skip
"""Fields in which a decoder keeps what is left of an object: its members are lost one by one."""
UNSET: Final[tuple[Json, ...]] = (None, False, "", "disabled", [], {})
"""Values by which nothing is asked for."""
UNSPECIFIED: Final = "_UNSPECIFIED"
"""How the first word of each of Google's enumerations ends, which stands for none (google.aip.dev/126)."""
TEXT_ALONE: Final = frozenset({"modalities", "generationConfig.responseModalities"})
"""Fields by which ``text``, in letters of any size, asks for what every answer is."""
INCLUDE: Final = "include"
"""Where a Responses request names what its answer is to have beside the rest; each word is lost by itself."""
SERVED: Final = frozenset({
    "reasoning.encrypted_content",  # signatures travel by themselves
    "web_search_call.action.sources",  # so do pages, and what code printed (core/works.py)
    "code_interpreter_call.outputs",
})  # fmt: skip
"""Words in it which the gateway does by itself."""

MOST: Final = 40
"""Losses that are told of one request or answer; fields of one name in like places are one."""
LONGEST: Final = 80
"""Characters of a path."""
PLACES: Final = re.compile(r"\[\d+\]")


def of_request(request: Request, target: str, reads: Reads) -> list[Loss]:
    """``target``: the protocol that the request is written in; ``reads``: what its encoder reads of others'."""
    found = _Found(target, reads)
    found.add("", request.extra)
    found.parts("system", request.system)
    for m, message in enumerate(request.messages):
        if message.extra:
            found.add(f"messages[{m}].", message.extra)
        for part in message.parts:
            # Most have nothing: their paths need not be written.
            if part.extra or isinstance(part, ToolResult):
                found.parts(f"messages[{m}].content", message.parts)
                break
    for n, tool in enumerate(request.tools):
        if not isinstance(tool, ServerTool) and tool.extra:
            found.add(f"tools[{n}].", tool.extra, SAID_OF_TOOLS)
    return found.losses()


def of_answer(answer: Response, target: str, said: frozenset[str] = NOTHING) -> list[Loss]:
    """The same for an answer in ``target``, the client's protocol. Counts are none: the sums are carried.

    ``said``: fields that the client's form says.
    """
    if not answer.extra and not any(part.extra or isinstance(part, Media | ToolResult) for part in answer.parts):
        return []
    found = _Found(target, said=said)
    sourced = any(isinstance(part, Text) and part.sources for part in answer.parts)
    found.add("", answer.extra, SOURCES if sourced else NOTHING)
    found.parts("content", answer.parts)
    for p, part in enumerate(answer.parts):
        found.name(f"content[{p}]", part)
    return found.losses()


class OfStream:
    """The same for an answer that comes as events."""

    def __init__(self, target: str, said: frozenset[str] = NOTHING) -> None:
        self._found = _Found(target, said=said)
        self._sourced = False

    def see(self, event: Event) -> None:
        match event:
            case PartDelta(index, extra=extra, sources=sources):
                if extra or sources:
                    self._sourced = self._sourced or bool(sources)
                    self._found.add(f"content[{index}].", extra, SOURCES if sources else NOTHING)
            case PartStarted(index, part):
                self._sourced = self._sourced or (isinstance(part, Text) and bool(part.sources))
                self._found.part(f"content[{index}]", part)
                self._found.name(f"content[{index}]", part)
            case Started(extra=extra) | Finished(extra=extra):
                self._found.add("", extra)

    def losses(self) -> list[Loss]:
        return [loss for loss in self._found.losses() if not (self._sourced and loss.path in SOURCES)]


class Watched(dict[str, Json]):
    """An object that knows which of its members were read: of a foreign tool's settings the rest is lost."""

    def __init__(self, value: Mapping[str, Json]) -> None:
        super().__init__({name: Watched(inner) if isinstance(inner, dict) else inner for name, inner in value.items()})
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Json:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Json = None) -> Json:
        self._read.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self._read |= super().keys()
        return super().__iter__()

    def keys(self) -> Any:
        self._read |= super().keys()
        return super().keys()

    def items(self) -> Any:
        self._read |= super().keys()
        return super().items()

    def unread(self, before: str = "") -> Iterator[str]:
        """Paths of the members that nobody has read, but for those that nobody misses."""
        for name, value in super().items():
            form = name == "type" and (not before or value in ("auto", "approximate"))
            if form or name in NO_SETTINGS or name in SAID_OF_TOOLS:
                continue
            if isinstance(value, Watched):
                yield from value.unread(f"{before}{name}.")
            elif name not in self._read and not _says_nothing(value):
                yield f"{before}{name}"


def written_tool(
    tool: ServerTool, path: str, writer: Callable[[Mapping[str, Json]], dict[str, Json]], losses: list[Loss]
) -> dict[str, Json]:
    """What ``writer`` makes of another protocol's tool; the settings that it does not read are lost."""
    settings = Watched(tool.value)
    block = writer(settings)
    left = list(settings.unread())[:MOST]
    losses += [Loss(f"{path}.{name}"[:LONGEST], f"only {tool.protocol} upstreams have it") for name in left]
    return block


def written_servers[T](
    tool: ServerTool, path: str, writer: Callable[[McpServer, str, list[Loss]], T | None], losses: list[Loss]
) -> list[T]:
    """The same for a tool that is remote servers: what is written of those that can be."""
    on = (server for server in tool.servers if not server.off)
    found = [one for server in on if (one := writer(server, path, losses)) is not None]
    if found:
        losses += [
            Loss(f"{path}.{name}"[:LONGEST], f"only {tool.protocol} upstreams have it") for name in unsaid(tool.value)
        ]
    return found


class _Found:
    """Collects what is left, each name in like places once."""

    def __init__(self, target: str, reads: Reads | None = None, said: frozenset[str] = NOTHING) -> None:
        self._target = target
        self._said = said
        self._reads = reads or {}
        self._answers = reads is None
        self._losses: dict[str, Loss] = {}

    def losses(self) -> list[Loss]:
        return list(self._losses.values())

    def parts(self, path: str, parts: Iterable[Part]) -> None:
        for p, part in enumerate(parts):
            if part.extra or isinstance(part, ToolResult):
                self.part(f"{path}[{p}]", part)

    def part(self, path: str, part: Part) -> None:
        if extra := part.extra:
            told = self._answers and isinstance(part, Text) and part.sources
            self.add(f"{path}.", extra, SOURCES if told else NOTHING)
        if isinstance(part, ToolResult):
            self.parts(f"{path}.result", part.parts)

    def name(self, path: str, part: Part) -> None:
        """Media in answers have no names but on Google's wire."""
        if isinstance(part, Media) and part.name:
            self._lose(f"{path}.name", "some")

    def add(self, path: str, extra: Extra, said: frozenset[str] = NOTHING) -> None:
        for protocol, fields in extra.items():
            if protocol == self._target:
                continue
            if "namespace" in fields:
                fields = {name: value for name, value in fields.items() if name != "name"}
            read = said | self._reads.get(protocol, NOTHING) | HARMLESS_IN.get(protocol, NOTHING)
            if self._answers:
                read |= WORKS_IN.get(self._target, NOTHING) | self._said
            for name in _left(fields, read):
                self._lose(f"{path}{name}", protocol)

    def _lose(self, path: str, protocol: str) -> None:
        path = path[:LONGEST]
        place = PLACES.sub("", path)
        if place in self._losses or len(self._losses) >= MOST:
            return
        why = MEANING.get(path)
        self._losses[place] = Loss(path, why or f"only {protocol} upstreams have it", vital=why is not None)


def _left(fields: Mapping[str, Json], read: frozenset[str], before: str = "") -> Iterator[str]:
    for name, value in fields.items():
        path = f"{before}{name}"
        if name == INCLUDE and isinstance(value, list):
            words = (f"{path}.{word}" for word in map(str, value) if word not in SERVED)
            yield from (word for word in words if word not in read)
            continue
        if path in TEXT_ALONE and isinstance(value, list) and [str(one).lower() for one in value] == ["text"]:
            continue
        if path in HARMLESS or (path in read and not _is_new(name, value)) or _says_nothing(value):
            continue
        if path in INSIDE and isinstance(value, dict):
            yield from _left(value, read, f"{path}.")
        else:
            yield path


def _is_new(name: str, value: Json) -> bool:
    """Whether it is an effort in a word that the neutral form does not have."""
    return name == "effort" and isinstance(value, str) and effort_word(value) is None


def _says_nothing(value: Json) -> bool:
    if isinstance(value, str) and value.endswith(UNSPECIFIED):
        return True
    return any(value == unset for unset in UNSET if type(value) is type(unset))
