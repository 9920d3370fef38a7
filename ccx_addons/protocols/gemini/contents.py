"""The neutral conversation as this protocol's contents.

The API wants: parts that are not empty; right after a model's calls one response for each, no more and no less; a call
only after a user's turn; from Gemini 3 on a thought signature on the first call of each step
(ai.google.dev/gemini-api/docs/function-calling, /thought-signatures).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ccx_addons.core import words
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
from ccx_addons.core.resolution import FIELD, LEVELS
from ccx_addons.core.signatures import NOT_HOME, PLACEHOLDER
from ccx_addons.core.turns import CONTINUE, NO_RESULT, Place, Turn, Turns, calls_in, pair_calls, walk
from ccx_addons.protocols.gemini.parts import texts_of, write_call, write_media, write_result
from ccx_addons.protocols.gemini.wire import NAME, Fields, own
from ccx_addons.vendors.facts import Gemini as Rules


class Conversation:
    """Builds the contents of one request. ``system`` (parts) and ``contents`` are the result."""

    def __init__(self, request: Request, rules: Rules, names: Mapping[str, str], losses: list[Loss]) -> None:
        self._rules = rules
        self._names = names
        self._losses = losses
        self._messages = request.messages
        self._pairs = pair_calls(request.messages)
        self._turns = Turns()
        self.system = list(self._texts(request.system, "system"))
        walk(request.messages, system=self._add_system, user=self._add_user, assistant=self._add_model)
        self._answer_calls()
        self._close_ends()
        self.contents = [{"role": turn.role, "parts": turn.parts, **turn.fields} for turn in self._turns]

    # ---- messages ----
    def _add_system(self, m: int, message: Message) -> None:
        parts = list(self._texts(message.parts, f"messages[{m}]"))
        if parts and self._turns:
            self._losses.append(Loss(f"messages[{m}]", "system text stands only before the conversation"))
        self.system += parts

    def _add_user(self, m: int, message: Message) -> None:
        said = list(self._pairs.said(m, message.parts, self._losses))
        parts = [wire for part, path in said for wire in self._plain(part, path)]
        self._answer_calls()
        if parts:
            self._turns.say("user", parts, own(message.extra))

    def _add_model(self, m: int, message: Message) -> None:
        parts = list(self._model_parts(m, message.parts))
        if not parts:
            return
        turn = self._turns.say("model", parts, own(message.extra))
        turn.calls += calls_in(m, message)

    def _answer_calls(self) -> None:
        """The user's turn with the responses to the last turn's calls, wherever they stand in the request."""
        if calls := self._turns.open_calls():
            media: list[Fields] = []
            self._turns.say("user", [self._response(place, media) for place in calls] + media)

    def _close_ends(self) -> None:
        first = self._turns[0] if self._turns else None
        if first is None or (first.role == "model" and any("functionCall" in part for part in first.parts)):
            self._turns.insert(0, Turn("user", [{"text": CONTINUE}]))
            self._losses.append(Loss("messages", "a conversation begins with a user's turn; one was added"))
        if self._turns[-1].role == "model" and not self._rules.prefill:
            self._turns.say("user", [{"text": CONTINUE}])
            self._losses.append(Loss("messages", "the model does not continue its own turn; a user's turn was added"))
        if self._rules.signatures:
            for turn in self._turns:
                _sign_first_call(turn.parts)

    # ---- parts ----
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
        result = self._pairs.results.get(place)
        if result is None:
            self._losses.append(Loss(path, "the call has no result"))
            result = ToolResult(call.id, (Text(NO_RESULT),), True)
        function: Fields = {"name": self._names.get(call.name) or safe_name(call.name)}
        if call.id:
            function["id"] = call.id
        parts = [
            inner
            for part in result.parts
            for inner in (
                words.said(part, NAME, f"{path}.result", self._losses) if isinstance(part, Opaque) else (part,)
            )
        ]
        function["response"] = write_result(result, texts_of(parts))
        others = [part for part in parts if not isinstance(part, Text | Refusal)]
        inside = self._rules.media_results
        media = [wire for part in others for wire in self._plain(part, f"{path}.result", not inside)]
        if inside and media:
            function["parts"] = media
        else:
            beside += media
        return {"functionResponse": function | own(result.extra)}

    def _plain(self, part: Part, path: str, levels: bool = True) -> Iterator[Fields]:
        """Text and media; a loss for anything else. ``levels``: media may say how closely they are looked at."""
        match part:
            case Text(text, extra) | Refusal(text, extra):
                if text:
                    yield {"text": text, **own(extra)}
            case Media():
                wire = write_media(part)
                if isinstance(wire, str):
                    self._losses.append(Loss(path, wire))
                    return
                if part.detail not in (None, "auto") and FIELD not in own(part.extra):
                    if levels and self._rules.media_levels and part.detail in LEVELS:
                        wire[FIELD] = {"level": LEVELS[part.detail]}
                    else:
                        self._losses.append(Loss(f"{path}.detail", "there is nothing like it here"))
                if part.name:
                    self._losses.append(Loss(f"{path}.name", "media have no names here"))
                yield wire
            case Opaque(protocol, value) if protocol == NAME:
                yield value
            case Opaque():
                for inner in words.said(part, NAME, path, self._losses):
                    yield from self._plain(inner, path)
            case _:
                self._losses.append(Loss(path, f"{type(part).__name__} has no place here"))

    def _texts(self, parts: Iterable[Part], path: str) -> Iterator[Fields]:
        for p, part in enumerate(parts):
            if isinstance(part, Media):
                self._losses.append(Loss(f"{path}[{p}]", "system text holds no media"))
            else:
                yield from self._plain(part, f"{path}[{p}]")


def _sign_first_call(parts: list[Fields]) -> None:
    for n, part in enumerate(parts):
        if "functionCall" in part:
            if "thoughtSignature" not in part:
                parts[n] = {**part, "thoughtSignature": PLACEHOLDER}
            return
