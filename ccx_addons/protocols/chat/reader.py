"""Answers -> events: the chunks of a stream, or a complete answer, which is one chunk that came at once.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ccx_addons.core import read, sources, stops
from ccx_addons.core.arguments import Arguments
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Json,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.signatures import PLACEHOLDER
from ccx_addons.core.wire_json import dump_text, loads_object
from ccx_addons.protocols.chat.errors import error_in
from ccx_addons.protocols.chat.finish import merge_usage, read_usage, stop_of
from ccx_addons.protocols.chat.parts import ANY_IMAGE
from ccx_addons.protocols.chat.thoughts import (
    DETAILS,
    FIELDS,
    SEALED,
    Piece,
    ThinkTags,
    detail_text,
    merge_details,
    secret_thought,
    signature_of,
    split_details,
)
from ccx_addons.protocols.chat.tools import CALL_FIELDS, SIGNATURE, VENDOR, arguments_text, made_up_id
from ccx_addons.protocols.chat.wire import NAME, NOTHING, Fields, keep, sidecar

PAGES: Final = ("search_results", "citations", "web_search")
"""Where servers say which pages an answer is from, all of them each time: the first says most
(docs.perplexity.ai/api-reference, docs.x.ai/docs/guides/live-search, docs.z.ai/guides/tools/web-search)."""
CHUNK_FIELDS: Final = frozenset({
    "id", "object", "created", "model", "choices", "usage", "obfuscation", "base_resp", "x_groq", *PAGES,
})  # fmt: skip
BARE_CHUNK: Final = CHUNK_FIELDS - frozenset(PAGES)
GOOGLE: Final = "gemini"
"""Whose signatures stand on calls."""
LOGPROBS: Final = ("content", "refusal")
THOUGHTS: Final = frozenset({*FIELDS, DETAILS, *SEALED})

NAMELESS: Final = "malformed_function_call"
"""How an answer ends whose call names no tool: nobody can run it, and no server takes it back."""
MAX_TRIES: Final = 8

type Kind = Literal["text", "thought", "refusal"]
"""What is being said: one of them at a time."""

EMPTY: Final[Mapping[Kind, Part]] = {
    "text": Text(""),
    "thought": Thinking("", origin=NAME),
    "refusal": Refusal(""),
}


@dataclass(slots=True)
class Call:
    """A call on its way. ``index`` is the part's, -1 before it has started: its name may come after its id.

    ``twin``: the earlier call with the same id, which this one may only repeat: that is known at its end.
    """

    id: str
    number: int
    twin: "Call | None" = None
    name: str = ""
    index: int = -1
    custom: bool = False
    texts: list[str] = field(default_factory=list)
    """As they came."""
    sent: int = 0
    """How many of the texts have been given."""
    arguments: Arguments = field(default_factory=Arguments)
    """What its pieces go through."""
    tries: int = 0
    fields: Fields = field(default_factory=dict)

    def deltas(self) -> list[Event]:
        """What is new."""
        texts, self.sent = self.texts[self.sent :], len(self.texts)
        if not (self.arguments.plain or self.custom):
            texts = [new for text in texts if (new := self.arguments.feed(text))]
        return [PartDelta(self.index, text) for text in texts]

    def more(self, text: str) -> PartDelta:
        if text[0] == "{" and self.says_again(text):
            return PartDelta(self.index)
        self.texts.append(text)
        self.sent += 1
        return PartDelta(self.index, text)

    def is_over(self, name: str, text: str) -> bool:
        """Whether a piece with a name begins another call although its index is the same: this one's JSON is complete.

        Only where the piece is no part of the same JSON, and a few times at most: each takes as long as the JSON is.
        """
        if self.custom or not self.texts or self.tries >= MAX_TRIES:
            return False
        if not self.texts[-1].rstrip().endswith("}") or not (text.lstrip().startswith("{") or name != self.name):
            return False
        self.tries += 1
        return loads_object("".join(self.texts)) is not None

    def says_again(self, text: str) -> bool:
        """Whether a piece is all that has come: some servers say the whole at the end once more (cogito#66)."""
        return len(self.texts) > 0 and self.is_over(self.name, text) and text == "".join(self.texts)

    def repeats(self) -> bool:
        """Whether it says what the earlier call with its id has said."""
        twin = self.twin
        return twin is not None and (self.name in ("", twin.name)) and "".join(self.texts) in ("", "".join(twin.texts))


class AnswerReader:
    """``read`` takes one chunk as JSON; ``end`` gives what is known only at the end. Nothing comes after a failure."""

    def __init__(self) -> None:
        self.started = self.ended = False
        self.reason = ""
        """The finish reason, once it has come."""
        self.more: Callable[[str], PartDelta] | None = None
        """What the next text in the same words is, where the last chunk said nothing but a text."""
        self._sequence: str | None = None
        self._usage: Fields = {}
        self._served = ""
        self._logprobs: Fields = {}
        self._origin: tuple[str, int, str] = ("", 0, "")
        self._count = 0
        self._kind: Kind | None = None
        self._index = 0
        self._tags = ThinkTags()
        self._field: str | None = None
        self._spoken: list[Fields] = []
        self._secret: list[Fields] = []
        self._sealed: Fields = {}
        self._pages: Fields = {}
        self._annotations: list[Json] = []
        self._refused = False
        self._audible = False
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}

    @property
    def counted(self) -> Usage | None:
        return read_usage(self._usage, self._served)

    @property
    def called(self) -> bool:
        """Whether there are calls, and each names a tool and has all of its arguments."""
        whole = (call.name and loads_object("".join(call.texts) or "{}") is not None for call in self._calls)
        return bool(self._calls) and all(whole)

    # ---- chunks ----
    def read(self, chunk: Mapping[str, Json], sound: bool = False) -> list[Event]:
        """``sound``: it is known to carry no error."""
        self.more = None
        if not sound and (fault := error_in(chunk)):
            return self.fail(fault)
        if usage := chunk.get("usage") or read.mapping(chunk.get("x_groq")).get("usage"):
            merge_usage(self._usage, read.mapping(usage))
            self._served = read.text(chunk.get("service_tier"))
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choice := choices[0], dict):
            return []
        if choice.get("index"):
            # One of several answers; the first one counts.
            return []
        events = [] if self.started else self._start(chunk)
        whole = "delta" not in choice
        if isinstance(delta := choice.get("delta") or self._said(choice, whole), dict):
            self._delta(delta, events, whole)
        if len(choice) > 3 or "logprobs" in choice:
            self._beside(choice)
        if whole and len(choices) > 1:
            self._other_choices(choices[1:], events)
        if not chunk.keys() <= BARE_CHUNK:
            self._pages |= {name: chunk[name] for name in PAGES if name in chunk}
        if reason := _reason(choice):
            self.reason, self.more = reason, None
            if kind := stops.broken(reason):
                events += self.fail(Fault(kind, f"the upstream broke off: {reason}", code=reason))
        return events

    def _said(self, choice: Mapping[str, Json], whole: bool) -> Json:
        """What a choice says. Beside a delta a message repeats what was said (Perplexity); servers of the older
        completions say a text."""
        if isinstance(text := choice.get("text"), str) and "message" not in choice:
            return {"content": text}
        return choice.get("message") if whole or not self._count else None

    def _other_choices(self, choices: list[Json], events: list[Event]) -> None:
        """One answer was asked for: the calls of a second choice belong to the text of the first (Copilot)."""
        for choice in read.mappings(choices):
            calls = read.mapping(choice.get("message")).get("tool_calls")
            if calls and not self._calls:
                self._delta({"tool_calls": calls}, events, True)

    def fail(self, fault: Fault) -> list[Event]:
        self.ended = True
        return [Failed(fault)]

    def end(self) -> list[Event]:
        """The end of all parts and of the answer."""
        self.ended = True
        events: list[Event] = []
        self._flush_tags(events)
        named = [call for call in self._calls if call.name or call.repeats()]
        if len(named) < len(self._calls) and stop_of(self.reason, True, False, None) != "length":
            self.reason = NAMELESS
        stop = stop_of(self.reason, bool(named), self._refused, self._sequence)
        if stop == "error" and not self._count:
            return self.fail(Fault("server", f"the model ended with {self.reason}", code=self.reason))
        if not self._count and (fault := stops.full(self.reason)):
            return self.fail(fault)
        if self._pages and not self._annotations:
            self._annotations = sources.cited_pages(self._pages, PAGES)
        left_over = self._annotations if self._kind != "text" else []
        self._close(events)
        for call in named:
            self._stop_call(call, events)
        if self._secret:
            self._whole(secret_thought(self._secret), events)
        if self._sealed:
            self._whole(Thinking("", signature_of([], None, self._sealed), NAME, True), events)
        if self._audible:
            self._whole(Opaque(NAME, {"type": "audio"}), events)  # its words are said; no other protocol has the sound
        sequence = self._sequence if stop == "stop_sequence" else None
        extra = sidecar({"logprobs": self._logprobs or None, "annotations": left_over or None})
        return [*events, Finished(stop, self.counted, sequence, extra)]

    def _start(self, chunk: Mapping[str, Json]) -> list[Event]:
        self.started = True
        id_, model = read.text(chunk.get("id")), read.text(chunk.get("model"))
        created = read.count(chunk.get("created"))
        self._origin = id_, created, model
        return [Started(id_, model, created, extra=keep(chunk, CHUNK_FIELDS))]

    def _beside(self, choice: Mapping[str, Json]) -> None:
        """What stands beside the delta: usage (Kimi), the stop sequence (vLLM), probabilities."""
        if usage := choice.get("usage"):
            merge_usage(self._usage, read.mapping(usage))
            self.more = None
        if isinstance(sequence := choice.get("stop_reason"), str) and sequence:
            self._sequence = sequence
        if logprobs := read.mapping(choice.get("logprobs")):
            self.more = None
            for name in LOGPROBS:
                if tokens := read.items(logprobs.get(name)):
                    self._logprobs.setdefault(name, []).extend(tokens)

    def _delta(self, delta: Mapping[str, Json], events: list[Event], whole: bool) -> None:
        content = delta.get("content")
        said = [name for name, value in delta.items() if value and name != "role"]
        if said == ["content"] and self._kind == self._tags.state == "text" and isinstance(content, str):
            # By far the most frequent chunk: more of the text.
            self.more = self._more
            events.append(PartDelta(self._index, content))
            return
        if self._kind == "thought" and len(said) == 1 and said[0] in FIELDS:
            self.more = self._more
        if not THOUGHTS.isdisjoint(said):
            self._think(delta, events)
        if content:
            self._say_content(content, events)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self._refused = True
            self._flush_tags(events)
            self._write("refusal", refusal, events)
        if annotations := read.items(delta.get("annotations")):
            self._annotations += annotations
        if isinstance(audio := delta.get("audio"), dict):
            self._hear(audio, events)
        for image in read.mappings(delta.get("images")):
            self._show(image, events)
        if calls := delta.get("tool_calls"):
            # Text Generation Inference sends one call without a list around it.
            for call in read.mappings(calls if isinstance(calls, list) else [calls]):
                self._call(call, events, whole)
        if isinstance(function := delta.get("function_call"), dict) and function:
            self._call({"index": -1, "function": function}, events, whole)

    def _hear(self, audio: Mapping[str, Json], events: list[Event]) -> None:
        self._audible = self._audible or bool(audio.get("data"))
        if transcript := read.text(audio.get("transcript")):
            self._say([(False, transcript)], events)

    # ---- text and thoughts ----
    def _more(self, text: str) -> PartDelta:
        return PartDelta(self._index, text)

    def _think(self, delta: Mapping[str, Json], events: list[Event]) -> None:
        name = next((name for name in FIELDS if delta.get(name)), None)
        text = read.text(delta.get(name)) if name else ""
        for field_ in SEALED:
            if value := delta.get(field_):
                self._seal(field_, value)
        if details := read.mappings(delta.get(DETAILS)):
            spoken, secret = split_details(details)
            merge_details(self._secret, secret)
            if not text and self._field is None:
                text = detail_text(spoken)
            if not text and spoken and self._kind != "thought":
                self._write("thought", "", events)
            elif text and self._kind != "thought":
                self._close(events)
            merge_details(self._spoken, spoken)
        if text:
            self._write("thought", text, events)
            self._field = name or self._field

    def _seal(self, name: str, value: Json) -> None:
        """More of what goes back as it came: blocks grow as details do."""
        if isinstance(value, str):
            self._sealed[name] = value
        elif blocks := read.mappings(value):
            merge_details(self._sealed.setdefault(name, []), blocks)

    def _say_content(self, content: Json, events: list[Event]) -> None:
        """Text, or parts; pictures stand behind the texts among them."""
        content = [content] if isinstance(content, dict) else content
        self._say(_pieces(content, self._tags), events)
        for image in read.mappings(content):
            self._show(image, events)

    def _say(self, pieces: list[Piece], events: list[Event]) -> None:
        for thought, text in pieces:
            self._write("thought" if thought else "text", text, events)

    def _flush_tags(self, events: list[Event]) -> None:
        if self._tags.state != "text":
            self._say(self._tags.flush(), events)

    def _write(self, kind: Kind, text: str, events: list[Event]) -> None:
        if self._kind != kind:
            self._close(events)
            self._kind = kind
            self._index = self._next()
            events.append(PartStarted(self._index, EMPTY[kind]))
        if text:
            events.append(PartDelta(self._index, text))

    def _close(self, events: list[Event]) -> None:
        """Ends what is being said, with what is known about it only then."""
        if self._kind is None:
            return
        if self._kind == "thought":
            if signature := signature_of(self._spoken, self._field, self._sealed):
                events.append(PartDelta(self._index, signature=signature))
            self._spoken, self._field, self._sealed = [], None, {}
        elif self._kind == "text" and self._annotations:
            found = sources.of_url_citations(self._annotations)
            events.append(PartDelta(self._index, extra=sidecar({"annotations": self._annotations}), sources=found))
            self._annotations = []
        events.append(PartStopped(self._index))
        self._kind = None

    def _show(self, image: Mapping[str, Json], events: list[Event]) -> None:
        """A picture in an answer (openrouter.ai/docs/features/multimodal/image-generation)."""
        url = read.text(read.mapping(image.get("image_url")).get("url"))
        if not url:
            return
        self._flush_tags(events)
        self._close(events)
        found = read.data_url(url)
        self._whole(Media(found[0], data=found[1]) if found else Media(ANY_IMAGE, url=url), events)

    def _whole(self, part: Part, events: list[Event]) -> None:
        index = self._next()
        events += (PartStarted(index, part), PartStopped(index))

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    # ---- calls ----
    def _call(self, item: Mapping[str, Json], events: list[Event], whole: bool) -> None:
        """A piece of a call, or all of it. Calls stay open to the end: their pieces may come mixed."""
        custom = isinstance(item.get("custom"), dict)
        function = read.mapping(item.get("custom" if custom else "function"))
        name = read.text(function.get("name"))
        custom = custom or item.get("type") == "custom"
        text = _call_text(function, custom)
        if not (name or text or item.get("id") or item.keys() - CALL_FIELDS):
            return
        call = self._find_call(read.integer(item.get("index")), read.text(item.get("id")), name, text, whole)
        if call.custom and not custom:
            text = _call_text(function, True)
        call.custom = call.custom or custom
        if item.keys() - CALL_FIELDS:
            call.fields |= keep(item, CALL_FIELDS).get(NAME, NOTHING)
        call.name = call.name or name
        if text and not call.says_again(text):
            call.texts.append(text)
        if call.index < 0 and call.name and call.twin is None:
            self._flush_tags(events)
            self._close(events)
            self._start_call(call, events)
        if call.index >= 0:
            events += call.deltas()
            if call.arguments.plain and text and not (custom or name or item.get("id") or call.fields or whole):
                self.more = call.more

    def _find_call(self, index: int | None, id_: str, name: str, text: str, whole: bool) -> Call:
        """By index; where servers send none, or the same for all, an id that is new with a name begins a call, and so
        does a name after a call that is complete."""
        known = self._by_index.get(index) if index is not None else self._calls[-1] if self._calls else None
        if known and not whole:
            other = id_ and known.id and id_ != known.id and (name or index is None)
            if not other and not (name and known.name and known.is_over(name, text)):
                known.id = known.id or (id_ if known.index < 0 else "")
                self._by_id.setdefault(known.id, known)
                return known
        call = Call(id_, len(self._calls), self._by_id.get(id_) if id_ else None)
        self._by_id.setdefault(id_, call)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _start_call(self, call: Call, events: list[Event]) -> None:
        if signature := _take_signature(call.fields):
            self._whole(Thinking("", signature, GOOGLE, True), events)
        call.index = self._next()
        id_ = call.id or made_up_id(*self._origin, call.number)
        call.id = id_
        self._by_id.setdefault(id_, call)
        events.append(PartStarted(call.index, ToolCall(id_, call.name, "", sidecar(call.fields))))
        call.fields = {}
        if call.custom:
            events.append(PartDelta(call.index, '{"input":"'))

    def _stop_call(self, call: Call, events: list[Event]) -> None:
        if call.repeats():
            return
        if call.index < 0:
            call.id = "" if call.twin else call.id
            self._start_call(call, events)
            events += call.deltas()
        text = '"}' if call.custom else call.arguments.end()
        if text or call.fields:
            events.append(PartDelta(call.index, text, extra=sidecar(call.fields)))
        events.append(PartStopped(call.index))


def _take_signature(fields: Fields) -> str:
    """Google's signature of a call, which becomes a thought before it and so can reach every protocol's client
    (ai.google.dev/gemini-api/docs/thought-signatures, OpenAI compatibility)."""
    extra = read.mapping(fields.get("extra_content"))
    google = dict(read.mapping(extra.get(VENDOR)))
    signature = read.text(google.pop(SIGNATURE, ""))
    if signature:
        rest = {name: value for name, value in ({**extra, VENDOR: google}).items() if value}
        fields.pop("extra_content")
        fields |= {"extra_content": rest} if rest else {}
    return "" if signature == PLACEHOLDER else signature


def _call_text(function: Mapping[str, Json], custom: bool) -> str:
    """A piece of the arguments; the text of a custom tool becomes a piece of a JSON string."""
    if custom:
        return dump_text(read.text(function.get("input")))[1:-1]
    return arguments_text(function.get("arguments"))


def _pieces(content: Any, tags: ThinkTags) -> list[Piece]:
    """Content is text; some servers answer with parts, among them thoughts
    (docs.mistral.ai/capabilities/reasoning).
    """
    if isinstance(content, str):
        return tags.feed(content)
    pieces: list[Piece] = []
    for item in read.mappings(content):
        if item.get("type") == "thinking":
            inner = item.get("thinking")
            texts = [inner] if isinstance(inner, str) else [part.get("text") for part in read.mappings(inner)]
            pieces += ((True, text) for text in texts if isinstance(text, str) and text)
        elif text := read.text(item.get("text")):
            pieces += tags.feed(text)
    return pieces


def _reason(choice: Mapping[str, Json]) -> str:
    """Why it ended. OpenRouter's own words have none for a call that the model could not write; beside them stands
    the upstream's (openrouter.ai/docs/api-reference/overview#finish-reason)."""
    reason = read.text(choice.get("finish_reason"))
    if reason and "native_finish_reason" in choice:
        native = read.text(choice["native_finish_reason"])
        return native if stops.stop_of(native) == "error" else reason
    return reason
