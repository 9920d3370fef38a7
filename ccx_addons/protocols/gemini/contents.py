"""The neutral conversation as this protocol's contents.

The API wants: parts that are not empty; right after a model's calls one response for each, no more and no less; a call
only after a user's turn; from Gemini 3 on a thought signature on the first call of each step
(ai.google.dev/gemini-api/docs/function-calling, /thought-signatures).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ccx_addons.core.neutral import (
    Loss,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    safe_name,
)
from ccx_addons.core.signatures import NOT_HOME
from ccx_addons.protocols.gemini.models import Rules
from ccx_addons.protocols.gemini.parts import PLACEHOLDER, texts_of, write_call, write_media, write_result
from ccx_addons.protocols.gemini.wire import NAME, Fields, own

NO_RESULT: Final = "No result was recorded for this call."
CONTINUE: Final = "Continue."
"""What a user's turn says that the API demands and nobody wrote."""

type Place = tuple[int, int]
"""Index of a message and of a part in it."""


@dataclass(slots=True)
class Turn:
    role: Literal["user", "model"]
    parts: list[Fields]
    fields: Fields = field(default_factory=dict)
    calls: list[Place] = field(default_factory=list)
    """Calls of this model's turn that still need their responses after it."""

    def wire(self) -> Fields:
        return {"role": self.role, "parts": self.parts, **self.fields}


class Conversation:
    """Builds the contents of one request. ``system`` (parts) and ``contents`` are the result."""

    def __init__(self, request: Request, rules: Rules, names: Mapping[str, str], losses: list[Loss]) -> None:
        self._rules = rules
        self._names = names
        self._losses = losses
        self._messages = request.messages
        self._results, self._orphans = pair_calls(request.messages)
        self._turns: list[Turn] = []
        self.system = list(self._texts(request.system, "system"))
        for m, message in enumerate(request.messages):
            match message.role:
                case "system":
                    self._add_system(m, message)
                case "user":
                    self._add_user(m, message)
                case "assistant":
                    self._add_model(m, message)
        self._answer_calls()
        self._close_ends()
        self.contents = [turn.wire() for turn in self._turns]

    # ---- messages ----
    def _add_system(self, m: int, message: Message) -> None:
        parts = list(self._texts(message.parts, f"messages[{m}]"))
        if parts and self._turns:
            self._losses.append(Loss(f"messages[{m}]", "system text stands only before the conversation"))
        self.system += parts

    def _add_user(self, m: int, message: Message) -> None:
        parts = list(self._user_parts(m, message.parts))
        self._answer_calls()
        if parts:
            self._add("user", parts, message)

    def _add_model(self, m: int, message: Message) -> None:
        parts = list(self._model_parts(m, message.parts))
        if not parts:
            return
        turn = self._add("model", parts, message)
        turn.calls += [(m, p) for p, part in enumerate(message.parts) if isinstance(part, ToolCall)]

    def _add(self, role: Literal["user", "model"], parts: list[Fields], message: Message | None = None) -> Turn:
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(Turn(role, []))
        turn = self._turns[-1]
        turn.parts += parts
        if message:
            turn.fields |= own(message.extra)
        return turn

    def _answer_calls(self) -> None:
        """The user's turn with the responses to the last turn's calls, wherever they stand in the request."""
        if not self._turns or not self._turns[-1].calls:
            return
        calls, self._turns[-1].calls = self._turns[-1].calls, []
        media: list[Fields] = []
        self._add("user", [self._response(place, media) for place in calls] + media)

    def _close_ends(self) -> None:
        first = self._turns[0] if self._turns else None
        if first is None or (first.role == "model" and any("functionCall" in part for part in first.parts)):
            self._turns.insert(0, Turn("user", [{"text": CONTINUE}]))
            self._losses.append(Loss("messages", "a conversation begins with a user's turn; one was added"))
        if self._turns[-1].role == "model" and not self._rules.prefill:
            self._add("user", [{"text": CONTINUE}])
            self._losses.append(Loss("messages", "the model does not continue its own turn; a user's turn was added"))
        if self._rules.signatures:
            for turn in self._turns:
                _sign_first_call(turn.parts)

    # ---- parts ----
    def _user_parts(self, m: int, parts: Iterable[Part]) -> Iterator[Fields]:
        for p, part in enumerate(parts):
            path = f"messages[{m}].content[{p}]"
            if not isinstance(part, ToolResult):
                yield from self._plain(part, path)
            elif (m, p) in self._orphans:
                self._losses.append(Loss(path, "a result without its call is said as the user's text"))
                for inner in part.parts:
                    yield from self._plain(inner, path)

    def _model_parts(self, m: int, parts: Sequence[Part]) -> Iterator[Fields]:
        """A thought's signature stands on the call that follows it, where the API looks for it."""
        signature: str | None = None
        for p, part in enumerate(parts):
            path = f"messages[{m}].content[{p}]"
            match part:
                case Thinking():
                    called = p + 1 < len(parts) and isinstance(parts[p + 1], ToolCall)
                    signature = part.signature if called and part.origin == NAME else None
                    yield from self._thought(replace(part, signature=None) if signature else part, path)
                case ToolCall(name=name):
                    wire = write_call(part, self._names.get(name) or safe_name(name), path, self._losses)
                    if signature:
                        wire.setdefault("thoughtSignature", signature)
                        signature = None
                    yield wire
                case _:
                    yield from self._plain(part, path)

    def _thought(self, part: Thinking, path: str) -> Iterator[Fields]:
        if part.origin != NAME:
            if part.text or part.signature:
                self._losses.append(Loss(path, NOT_HOME))
            return
        if part.text or part.signature:
            wire: Fields = {"text": part.text, "thought": True}
            if part.signature:
                wire["thoughtSignature"] = part.signature
            yield wire | own(part.extra)

    def _response(self, place: Place, beside: list[Fields]) -> Fields:
        """The response to one call; media that cannot stand in it go to those ``beside`` the responses."""
        m, p = place
        call = self._messages[m].parts[p]
        assert isinstance(call, ToolCall)
        path = f"messages[{m}].content[{p}]"
        result = self._results.get(place)
        if result is None:
            self._losses.append(Loss(path, "the call has no result"))
            result = ToolResult(call.id, (Text(NO_RESULT),), True)
        function: Fields = {"name": self._names.get(call.name) or safe_name(call.name)}
        if call.id:
            function["id"] = call.id
        function["response"] = write_result(result, texts_of(result.parts))
        others = [part for part in result.parts if not isinstance(part, Text | Refusal)]
        media = [wire for part in others for wire in self._plain(part, f"{path}.result")]
        if self._rules.media_results and media:
            function["parts"] = media
        else:
            beside += media
        return {"functionResponse": function | own(result.extra)}

    def _plain(self, part: Part, path: str) -> Iterator[Fields]:
        """Text and media; a loss for anything else."""
        match part:
            case Text(text, extra) | Refusal(text, extra):
                if text:
                    yield {"text": text, **own(extra)}
            case Media():
                wire = write_media(part)
                if isinstance(wire, str):
                    self._losses.append(Loss(path, wire))
                    return
                if part.detail not in (None, "auto"):
                    self._losses.append(Loss(f"{path}.detail", "there is nothing like it here"))
                yield wire
            case Opaque(protocol, dict(value)) if protocol == NAME:
                yield value
            case Opaque(protocol):
                self._losses.append(Loss(path, f"only {protocol} understands this"))
            case _:
                self._losses.append(Loss(path, f"{type(part).__name__} has no place here"))

    def _texts(self, parts: Iterable[Part], path: str) -> Iterator[Fields]:
        for p, part in enumerate(parts):
            if isinstance(part, Media):
                self._losses.append(Loss(f"{path}[{p}]", "system text holds no media"))
            else:
                yield from self._plain(part, f"{path}[{p}]")


def pair_calls(messages: Sequence[Message]) -> tuple[dict[Place, ToolResult], set[Place]]:
    """The result of each call, by the call's place, and the places of results without a call.

    Each result belongs to the oldest open call with its id; a call that comes again in a later message closes it.
    """
    results: dict[Place, ToolResult] = {}
    orphans: set[Place] = set()
    waiting: dict[str, list[Place]] = {}
    for m, message in enumerate(messages):
        for p, part in enumerate(message.parts):
            if isinstance(part, ToolCall) and message.role == "assistant":
                earlier = waiting.setdefault(part.id, [])
                if earlier and earlier[0][0] < m:
                    earlier.clear()
                earlier.append((m, p))
            elif isinstance(part, ToolResult) and message.role == "user":
                if calls := waiting.get(part.id):
                    results[calls.pop(0)] = part
                else:
                    orphans.add((m, p))
    return results, orphans


def _sign_first_call(parts: list[Fields]) -> None:
    for n, part in enumerate(parts):
        if "functionCall" in part:
            if "thoughtSignature" not in part:
                parts[n] = {**part, "thoughtSignature": PLACEHOLDER}
            return
