"""The neutral conversation as input items (platform.openai.com/docs/guides/conversation-state).

The API wants every result behind its call, a result for every call, and no two calls with one id; ids have at most 64
characters.
"""

from collections.abc import Iterable

from ccx_addons.core import words
from ccx_addons.core.cache_marks import BREAKPOINT
from ccx_addons.core.ids import made_up_id, shortened
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
)
from ccx_addons.core.signatures import NOT_HOME
from ccx_addons.core.turns import MADE, NO_RESULT, SHOWN, Place, call_ids, calls_in, pair_calls, walk
from ccx_addons.protocols.responses.calls import call_kind, write_call, write_result
from ccx_addons.protocols.responses.natives import BY_CALL
from ccx_addons.protocols.responses.parts import ITEM, write_parts
from ccx_addons.protocols.responses.requests import CONTINUES
from ccx_addons.protocols.responses.thoughts import write_reasoning
from ccx_addons.protocols.responses.tools import Naming
from ccx_addons.protocols.responses.wire import NAME, PARAGRAPH, Item, own
from ccx_addons.vendors.facts import Responses as Rules


def safe_id(id_: str) -> str:
    """The id if the API takes it, else one made from it: the same every time, and different for different ids."""
    return shortened(id_, "call") if id_ else made_up_id("call")


class Conversation:
    """Builds the input of one request. ``instructions`` and ``items`` are the result."""

    def __init__(self, request: Request, rules: Rules, naming: Naming, losses: list[Loss]) -> None:
        self.items: list[Item] = []
        self._rules = rules
        self._naming = naming
        self._losses = losses
        self._messages = request.messages
        self._pairs = pair_calls(request.messages)
        self._ids = call_ids(request.messages, safe_id)
        self._continues = any(name in own(request.extra) for name in CONTINUES)
        """Calls and results may stand in a part of the conversation that the upstream knows."""
        self._stored = NAME in request.extra and own(request.extra).get("store") is not False
        self.instructions = self._write_system(request.system)
        walk(request.messages, system=self._add_system, user=self._add_user, assistant=self._add_assistant)

    def _write_system(self, parts: Iterable[Part]) -> str:
        """Instructions; text that came as an item of its own goes back as one."""
        plain: list[str] = []
        for n, part in words.each(parts, NAME, "system", self._losses):
            match part:
                case Text(_, extra) if extra and own(extra).keys() & {ITEM, BREAKPOINT}:
                    self._add_message((part,), "developer", f"system[{n}]", own(extra).get(ITEM) or {})
                case Text(text) | Refusal(text):
                    plain.append(text)
                case _:
                    self._losses.append(Loss(f"system[{n}]", "instructions hold only text"))
        return PARAGRAPH.join(filter(None, plain))

    def _add_message(self, parts: Iterable[Part], role: str, path: str, fields: Item) -> None:
        blocks = write_parts(parts, path, role == "assistant", self._losses)
        if blocks:
            self.items.append({"type": "message", "role": role, "content": blocks, **fields})

    # ---- turns ----
    def _add_system(self, m: int, message: Message) -> None:
        self._add_message(message.parts, "developer", f"messages[{m}]", own(message.extra))

    def _add_user(self, m: int, message: Message) -> None:
        """What was said; results stand behind their calls."""
        parts, said = message.parts, list[Part]()
        if self._continues:
            for p, part in enumerate(parts):
                if isinstance(part, ToolResult) and (m, p) not in self._pairs.calls:
                    self.items.append(write_result(part, "", part.id, f"messages[{m}].content[{p}]", self._losses))
            parts = tuple(part for part in parts if not isinstance(part, ToolResult))
        for part, _ in self._pairs.said(m, parts, self._losses):
            if (
                isinstance(part, Opaque)
                and part.protocol == NAME
                and isinstance(part.value, dict)
                and _is_item(part.value)
            ):
                self.items.append(part.value)
            else:
                said.append(part)
        self._add_message(said, "user", f"messages[{m}].content", own(message.extra))

    def _add_assistant(self, m: int, message: Message) -> None:
        head = f"messages[{m}].content"
        said: list[Part] = []
        fields: Item = {}
        for p, part in words.each(message.parts, NAME, head, self._losses):
            path = f"{head}[{p}]"
            if isinstance(part, Text | Refusal):
                its = own(part.extra).get(ITEM) or {}
                if said and (its != fields or (isinstance(part, Text) and part.apart)):
                    self._add_message(said, "assistant", path, fields)
                    said = []
                fields = its
                said.append(part)
                continue
            self._add_message(said, "assistant", path, fields)
            said = []
            self._add_part((m, p), part, path)
        self._add_message(said, "assistant", head, fields)
        if not self._rules.thoughts:
            self._drop_last_thoughts(m)
        for place in calls_in(m, message):
            self._answer(place)

    def _add_part(self, place: Place, part: Part, path: str) -> None:
        match part:
            case ToolCall():
                kind = self._kind(part)
                item = write_call(
                    part, kind, self._naming.tool(part.name), self._naming.wire_name(part.name), self._ids[place]
                )
                self.items.append({"status": "completed", **item} if kind in BY_CALL else item)
            case Thinking():
                self._add_thought(part, path)
            case Opaque(value=dict(item)):
                self.items.append(item)
            case Media():
                if write_parts((part,), path, False, self._losses):
                    self._losses.append(Loss(path, SHOWN))
                    self._add_message((Text(MADE), part), "user", path, {})
            case _:
                self._losses.append(Loss(path, f"an assistant message holds no {type(part).__name__.lower()}"))

    def _add_thought(self, part: Thinking, path: str) -> None:
        """The API takes back what it encrypted or remembers; others take thoughts as they are."""
        if part.origin == NAME and (part.signature or (self._stored and own(part.extra).get("id"))):
            self.items.append(write_reasoning(part))
        elif part.text and self._rules.thoughts:
            if part.signature:
                self._losses.append(Loss(path, "the signature is another protocol's"))
            self.items.append({"type": "reasoning", "summary": [{"type": "summary_text", "text": part.text}]})
        elif part.text or part.signature:
            self._losses.append(Loss(path, NOT_HOME))

    def _drop_last_thoughts(self, m: int) -> None:
        """The API refuses a thought that nothing follows."""
        while self.items and self.items[-1].get("type") == "reasoning":
            self.items.pop()
            self._losses.append(Loss(f"messages[{m}]", "a thought that nothing follows is not taken"))

    # ---- calls ----
    def _call(self, place: Place) -> ToolCall:
        part = self._messages[place[0]].parts[place[1]]
        assert isinstance(part, ToolCall)
        return part

    def _kind(self, call: ToolCall) -> str:
        return call_kind(call, self._naming.tool(call.name))

    def _answer(self, place: Place) -> None:
        """The result of a call, unless it is still to come from elsewhere."""
        path = f"messages[{place[0]}].content[{place[1]}]"
        result = self._pairs.results.get(place)
        if result is None and not self._continues:
            self._losses.append(Loss(path, "the call has no result"))
            result = ToolResult("", (Text(NO_RESULT),), is_error=True)
        if result is not None:
            kind = self._kind(self._call(place))
            self.items.append(write_result(result, kind, self._ids[place], f"{path}.result", self._losses))


def _is_item(value: Item) -> bool:
    """Whether it stands among items; a content part stands in a message."""
    return not str(value.get("type", "")).startswith("input_")
