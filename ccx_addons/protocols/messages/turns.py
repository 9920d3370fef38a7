"""The neutral conversation as this protocol's turns.

The API wants: a user turn first, roles that alternate, the results of all tool calls at the head of the user turn after
them and nowhere else, ids of letters, digits, ``_`` and ``-`` that no two calls share, no blank text
(platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls). System messages are taken between a user and
an assistant turn by newer models (/docs/en/build-with-claude/mid-conversation-system-messages).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from ccx_addons.core import words
from ccx_addons.core.neutral import (
    Json,
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
    safe_name,
)
from ccx_addons.core.turns import (
    CONTINUE,
    MADE,
    NO_RESULT,
    SHOWN,
    Place,
    Turn,
    Turns,
    call_ids,
    calls_in,
    pair_calls,
    walk,
)
from ccx_addons.protocols.messages.blocks import (
    SIGNATURES,
    thoughts_in_loop,
    write_call,
    write_media,
    write_text,
    write_thinking,
)
from ccx_addons.protocols.messages.wire import NAME, NOTHING, Block, own
from ccx_addons.vendors.facts import Messages as Rules

SAFE_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")


def safe_id(id_: str) -> str:
    """The id if the API takes it, else one made from it: the same every time, and different for different ids."""
    if SAFE_ID.fullmatch(id_):
        return id_
    mark = hashlib.sha256(id_.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{UNSAFE.sub('_', id_)[:47]}_{mark}".lstrip("_")


class Conversation:
    """Builds the turns of one request. ``system`` and ``turns`` are the result."""

    def __init__(self, request: Request, rules: Rules, names: Mapping[str, str], losses: list[Loss]) -> None:
        self.rules = rules
        self.names = names
        self.losses = losses
        self.turns = Turns()
        self.system = [block for _, block in self._texts(request.system, "system")]
        self._pairs = pair_calls(request.messages)
        self._ids = call_ids(request.messages, safe_id)
        self._instructions = Turn("system", [])
        self._made: list[Block] = []
        """Pictures of the assistant, which the next user turn shows."""
        self._thought = False
        walk(request.messages, system=self._add_system, user=self._add_user, assistant=self._add_assistant)
        self._answer_calls()
        self._show_made([])
        self._place_instructions()
        if self._thought:
            self._put_thoughts_first()

    # ---- messages ----
    def _add_system(self, m: int, message: Message) -> None:
        """Where the model takes it, it waits for the end of the user turn that it follows or precedes."""
        blocks = [block for _, block in self._texts(message.parts, f"messages[{m}]")]
        if not self.turns:
            self.system += blocks
        elif self.rules.system_turns:
            self._answer_calls()
            self._instructions.parts += blocks
            self._instructions.fields |= own(message.extra)
        elif blocks:
            self.system += blocks
            self.losses.append(Loss(f"messages[{m}]", "the model takes system text only before the conversation"))

    def _add_user(self, m: int, message: Message) -> None:
        said = list(self._pairs.said(m, message.parts, self.losses))
        blocks = [block for part, path in said for block in self._plain(part, path)]
        self._answer_calls()
        self._show_made(blocks, own(message.extra))

    def _show_made(self, blocks: list[Block], fields: Mapping[str, Json] = NOTHING) -> None:
        made, self._made = self._made, []
        if made or blocks:
            self.turns.say("user", made + blocks, fields)

    def _add_assistant(self, m: int, message: Message) -> None:
        blocks = list(self._assistant_blocks(m, message.parts))
        if blocks:
            self._place_instructions()
            turn = self.turns.say("assistant", blocks, own(message.extra))
            turn.calls += calls_in(m, message)

    def _answer_calls(self) -> None:
        """The user turn with the results of the last turn's calls, wherever they stand in the request."""
        if calls := self.turns.open_calls():
            self.turns.say("user", [self._result(place) for place in calls])

    def _place_instructions(self) -> None:
        """System text goes behind the user turn; where none stands, it becomes one."""
        held, self._instructions = self._instructions, Turn("system", [])
        if not held.parts:
            return
        if self.turns and self.turns[-1].role == "user":
            self.turns.append(held)
        else:
            self.turns.say("user", held.parts)
            self.losses.append(Loss("messages", "system text that follows no user turn is said as the user"))

    # ---- parts ----
    def _assistant_blocks(self, m: int, parts: Iterable[Part]) -> Iterator[Block]:
        for p, part in enumerate(parts):
            path = f"messages[{m}].content[{p}]"
            match part:
                case Thinking():
                    yield from self._thinking(part, path)
                case ToolCall(name=name):
                    wire_name = self.names.get(name) or safe_name(name)
                    yield write_call(part, self._ids[m, p], wire_name, path, self.losses)
                case _:
                    spoken = words.said(part, NAME, path, self.losses) if isinstance(part, Opaque) else (part,)
                    for inner in spoken:
                        if isinstance(inner, Media):
                            self._hold(list(self._plain(inner, path)), path)
                        else:
                            yield from self._plain(inner, path)

    def _hold(self, made: list[Block], path: str) -> None:
        if made:
            self.losses.append(Loss(path, SHOWN))
            self._made += [write_text(MADE, NOTHING), *made]

    def _result(self, place: Place) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": self._ids[place]}
        result = self._pairs.results.get(place)
        if result is None:
            self.losses.append(Loss(f"messages[{place[0]}].content[{place[1]}]", "the call has no result"))
            return block | {"content": NO_RESULT, "is_error": True}
        path = f"messages[{place[0]}].content[{place[1]}].result"
        match [inner for part in result.parts for inner in self._plain(part, path)]:
            case []:
                pass
            case [{"type": "text", "text": text, **rest}] if not rest:
                block["content"] = text
            case content:
                block["content"] = content
        if result.is_error:
            block["is_error"] = True
        return block | own(result.extra)

    def _thinking(self, part: Thinking, path: str) -> Iterator[Block]:
        """Claude takes back only what it signed; some others take thoughts as they are."""
        if part.origin == NAME and part.signature:
            self._thought = True
            yield write_thinking(part)
        elif part.text and self.rules.unsigned_thoughts:
            self._thought = True
            if part.signature:
                self.losses.append(Loss(path, "the signature is another protocol's"))
            yield write_thinking(replace(part, signature=None))
        elif part.text or part.signature:
            self.losses.append(Loss(path, "thinking goes back only to the protocol that signed it"))

    def _plain(self, part: Part, path: str) -> Iterator[Block]:
        """Text and media; a loss for anything else."""
        match part:
            case Text(text, extra) | Refusal(text, extra):
                if text.strip():
                    yield write_text(text, extra)
            case Media():
                block = write_media(part)
                if isinstance(block, str):
                    self.losses.append(Loss(path, block))
                    return
                if part.detail not in (None, "auto"):
                    self.losses.append(Loss(f"{path}.detail", "there is nothing like it here"))
                if part.name and block["type"] == "image":
                    self.losses.append(Loss(f"{path}.name", "images have no names here"))
                yield block
            case Opaque(protocol, value) if protocol == NAME:
                yield value
            case Opaque():
                for inner in words.said(part, NAME, path, self.losses):
                    yield from self._plain(inner, path)
            case _:
                self.losses.append(Loss(path, f"{type(part).__name__} has no place here"))

    def _texts(self, parts: Iterable[Part], path: str) -> Iterator[tuple[int, Block]]:
        """System blocks: text only, beside what this protocol kept for itself."""
        for p, part in enumerate(parts):
            if isinstance(part, Media):
                self.losses.append(Loss(f"{path}[{p}]", "system text holds no media"))
            else:
                yield from ((p, block) for block in self._plain(part, f"{path}[{p}]"))

    # ---- ends ----
    def _put_thoughts_first(self) -> None:
        """Two assistant messages in a row are one turn here: "If an assistant message contains any thinking blocks, the
        first block must be `thinking` or `redacted_thinking`"."""
        for turn in self.turns:
            kinds = [block.get("type") for block in turn.parts] if turn.role == "assistant" else []
            if at := next((n for n, kind in enumerate(kinds) if kind in SIGNATURES), 0):
                turn.parts.insert(0, turn.parts.pop(at))

    def thoughts_in_loop(self) -> bool:
        """Whether manual thinking may be on."""
        return thoughts_in_loop([(turn.role, turn.parts) for turn in self.turns])

    def close_ends(self, prefill: bool) -> None:
        """A user turn first, and last unless the model continues an assistant turn (``prefill``)."""
        if not self.turns or self.turns[0].role != "user":
            self.turns.insert(0, Turn("user", [write_text(CONTINUE, NOTHING)]))
            self.losses.append(Loss("messages", "a conversation begins with a user turn; one was added"))
        last = self.turns[-1]
        if last.role != "assistant" or last.parts[-1].get("type") not in ("text", "thinking", "redacted_thinking"):
            return
        if not prefill:
            self.turns.say("user", [write_text(CONTINUE, NOTHING)])
            self.losses.append(Loss("messages", "the model does not continue an assistant turn; a user turn was added"))
        elif last.parts[-1].get("type") == "text" and (text := last.parts[-1]["text"].rstrip()):
            last.parts[-1] = last.parts[-1] | {"text": text}
