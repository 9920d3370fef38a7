"""The neutral conversation as this protocol's messages.

The API wants the results of all calls of an assistant message as ``tool`` messages right after it, and text only in
them (platform.openai.com/docs/guides/function-calling#handling-function-calls).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

from ccx_addons.core import read, words
from ccx_addons.core.neutral import (
    Loss,
    Media,
    Message,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
)
from ccx_addons.core.signatures import PLACEHOLDER
from ccx_addons.core.turns import MADE, NO_RESULT, NO_THOUGHTS, SHOWN, Apart, Place, pair_calls, walk
from ccx_addons.protocols.chat.parts import join_texts, write_part, write_parts
from ccx_addons.protocols.chat.requests import ERROR_MARK
from ccx_addons.protocols.chat.thoughts import DETAILS, FIELDS, write_thoughts
from ccx_addons.protocols.chat.tools import SIGNATURE, VENDOR, Naming
from ccx_addons.protocols.chat.wire import NAME, Fields, own
from ccx_addons.vendors.facts import Chat as Rules

GOOGLE: Final = "gemini"
"""Whose signatures Google's Chat endpoint takes: those of its own protocol."""
PARAGRAPH: Final = "\n\n"
THOUGHT_FIELDS: Final = {*FIELDS, DETAILS}
BETWEEN: Final = "."
"""What an assistant says between a result and a user's words where the order of roles demands it."""
MAX_ID: Final = 40
"""Characters of a call's id that OpenAI takes."""
SHORT_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")


class Conversation:
    """Builds ``messages`` of one request."""

    def __init__(self, request: Request, rules: Rules, naming: Naming, losses: list[Loss]) -> None:
        self.messages: list[Fields] = []
        self._rules = rules
        self._naming = naming
        self._losses = losses
        self._pairs = pair_calls(request.messages)
        self._held: list[Fields] = []
        """Media of tools' results and of the assistant, which the next user message shows."""
        self._made: list[Fields] = []
        self._system = list(self._texts(request.system, "system"))
        walk(request.messages, system=self._add_system, user=self._add_user, assistant=self._add_assistant)
        self._show_media()
        self._close_end()
        if self._system:
            self.messages.insert(0, {"role": "system", "content": join_texts(self._system, PARAGRAPH)})

    # ---- messages ----
    def _add_system(self, m: int, message: Message) -> None:
        blocks = list(self._texts(message.parts, f"messages[{m}]"))
        if blocks and not self._rules.system_turns:
            self._system += blocks
            self._losses.append(Loss(f"messages[{m}]", "the model takes system text only before the conversation"))
        elif blocks:
            self._show_media()
            content = join_texts(blocks, PARAGRAPH)
            self.messages.append({"role": "system", "content": content, **own(message.extra)})

    def _add_user(self, m: int, message: Message) -> None:
        blocks, self._held = self._held, []
        for part, path in self._pairs.said(m, message.parts, self._losses):
            blocks += write_part(part, path, self._losses, self._rules.videos)
        if blocks:
            self._say_as_user({"role": "user", "content": join_texts(blocks, PARAGRAPH), **own(message.extra)})

    def _add_assistant(self, m: int, message: Message) -> None:
        path = f"messages[{m}].content"
        calls = [(p, part) for p, part in enumerate(message.parts) if isinstance(part, ToolCall)]
        refusal = PARAGRAPH.join(part.text for part in message.parts if isinstance(part, Refusal))
        said: Fields = {"role": "assistant", "content": self._assistant_content(message.parts, path)}
        if refusal:
            said["refusal"] = refusal
        said |= self._thoughts(message.parts, path)
        ids = self._ids([call for _, call in calls])
        if calls:
            wire = [self._naming.call(call, id_) for (_, call), id_ in zip(calls, ids, strict=True)]
            said["tool_calls"] = self._signed(message.parts, calls, wire) if self._rules.signatures else wire
            if self._rules.call_thoughts and not said.keys() & THOUGHT_FIELDS:
                said[FIELDS[0]] = NO_THOUGHTS
        said |= own(message.extra)
        if len(said) > 2 or said["content"] is not None:
            self._show_media()
            self.messages.append(said)
            self.messages += [self._result((m, p), id_) for (p, _), id_ in zip(calls, ids, strict=True)]
        self._held += self._made
        self._made = []

    def _close_end(self) -> None:
        """An assistant's words at the end are the beginning of the answer."""
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant" or "tool_calls" in last or not last["content"]:
            return
        if self._rules.prefill == "never":
            self._losses.append(Loss("messages", "the model does not continue an assistant turn"))
        elif self._rules.prefill not in ("", "never"):
            last.setdefault(self._rules.prefill, True)

    def _say_as_user(self, message: Fields) -> None:
        if not self._rules.user_after_tool and self.messages and self.messages[-1]["role"] == "tool":
            self.messages.append({"role": "assistant", "content": BETWEEN})
        self.messages.append(message)

    # ---- what an assistant said ----
    def _assistant_content(self, parts: Sequence[Part], path: str) -> str | list[Fields] | None:
        """Texts follow each other; where something stood between them, as paragraphs."""
        paragraphs: list[list[Fields]] = []
        joined = False
        for p, part in words.each(parts, NAME, path, self._losses):
            if isinstance(part, Media) and (made := write_part(part, f"{path}[{p}]", self._losses)):
                self._losses.append(Loss(f"{path}[{p}]", SHOWN))
                self._made += [{"type": "text", "text": MADE}, *made]
            if isinstance(part, Media | Thinking | ToolCall | Refusal):
                joined = False
                continue
            blocks = write_part(part, f"{path}[{p}]", self._losses)
            if joined and not (isinstance(part, Text) and part.apart):
                paragraphs[-1] += blocks
            elif blocks:
                paragraphs.append(blocks)
                joined = part is parts[p]
        if not paragraphs:
            return None
        joint = [join_texts(blocks, "") for blocks in paragraphs]
        if all(isinstance(text, str) for text in joint):
            return PARAGRAPH.join(text for text in joint if isinstance(text, str))
        return [block for blocks in paragraphs for block in blocks]

    def _thoughts(self, parts: Sequence[Part], path: str) -> Fields:
        """Own thoughts go back as they came; of other protocols' only the text, to models that want it."""
        taken: list[Thinking] = []
        for p, part in enumerate(parts):
            if not isinstance(part, Thinking):
                continue
            if part.origin == NAME and self._rules.thoughts:
                taken.append(part)
            elif part.origin == GOOGLE and not part.text and self._rules.signatures:
                continue  # on its call, see _signed
            elif part.text and self._rules.foreign_thoughts:
                taken.append(Thinking(part.text))
                if part.signature:
                    self._losses.append(Loss(f"{path}[{p}]", "the signature is another protocol's"))
            elif part.text or part.signature:
                why = "the model takes no thoughts" if part.origin == NAME else "thinking goes back only to its origin"
                self._losses.append(Loss(f"{path}[{p}]", why))
        return write_thoughts(taken)

    def _signed(self, parts: Sequence[Part], calls: Sequence[tuple[int, ToolCall]], wire: list[Fields]) -> list[Fields]:
        """The calls with the signatures that came before them, and at least the first one with one
        (ai.google.dev/gemini-api/docs/thought-signatures, OpenAI compatibility)."""
        for n, (p, _) in enumerate(calls):
            before = parts[p - 1] if p else None
            signature = before.signature if isinstance(before, Thinking) and before.origin == GOOGLE else None
            extra = read.mapping(wire[n].get("extra_content"))
            if (signature or not n) and not read.mapping(extra.get(VENDOR)).get(SIGNATURE):
                wire[n] = {**wire[n], "extra_content": {**extra, VENDOR: {SIGNATURE: signature or PLACEHOLDER}}}
        return wire

    def _ids(self, calls: Sequence[ToolCall]) -> list[str]:
        """The calls' ids, told apart where two of one message are alike."""
        if len(calls) < 2:
            return [wire_id(call.id, self._rules.short_ids) for call in calls]
        apart = Apart(lambda id_: wire_id(id_, self._rules.short_ids))
        return [apart.id(call.id) for call in calls]

    # ---- results ----
    def _result(self, place: Place, id_: str) -> Fields:
        said: Fields = {"role": "tool", "tool_call_id": id_}
        path = f"messages[{place[0]}].content[{place[1]}]"
        result = self._pairs.results.get(place)
        if result is None:
            self._losses.append(Loss(path, "the call has no result"))
            return said | {"content": ERROR_MARK + NO_RESULT}
        blocks = write_parts(result.parts, f"{path}.result", self._losses, self._rules.videos)
        texts = [block for block in blocks if block.get("type") == "text"]
        if len(texts) < len(blocks):
            note = {"type": "text", "text": f"Content of the result of the tool call {id_}:"}
            self._held += [note, *(block for block in blocks if block.get("type") != "text")]
        if result.is_error:
            first = texts[0] if texts else {"type": "text", "text": ""}
            texts[:1] = [first | {"text": ERROR_MARK + first["text"]}]
        return said | {"content": join_texts(texts, PARAGRAPH), **own(result.extra)}

    def _show_media(self) -> None:
        if self._held:
            self._say_as_user({"role": "user", "content": self._held})
            self._held = []

    def _texts(self, parts: Iterable[Part], path: str) -> Iterable[Fields]:
        """System text, which holds no media."""
        for p, part in enumerate(parts):
            if isinstance(part, Media):
                self._losses.append(Loss(f"{path}[{p}]", "system text holds no media"))
            else:
                yield from write_part(part, f"{path}[{p}]", self._losses)


def wire_id(id_: str, short: bool) -> str:
    """The id if the API takes it, else one made from it: the same every time, and different for different ids."""
    if short:
        return id_ if SHORT_ID.fullmatch(id_) else _digest(id_)[:9]
    return id_ if 0 < len(id_) <= MAX_ID else f"call_{_digest(id_)[:32]}"


def _digest(id_: str) -> str:
    return hashlib.sha256(id_.encode("utf-8", "backslashreplace")).hexdigest()
