"""Reasoning on this protocol, which has no official place for it.

Fields that servers use: ``reasoning_content`` (DeepSeek, Kimi, GLM, Qwen), ``reasoning`` (vLLM, OpenRouter),
``reasoning_details`` (openrouter.ai/docs/use-cases/reasoning-tokens), ``reasoning_text`` with ``reasoning_opaque``
(GitHub Copilot), ``thinking_blocks`` (docs.litellm.ai/docs/reasoning_content), and ``<think>...</think>`` before the
answer, which Google's endpoint writes ``<thought>``.

A thought's signature says how it goes back to its server: the name of the field, or the JSON of the details, which
carry signatures of their own, or of an object with the fields that go back as they came. Foreign signatures reach this
protocol's clients in details whose format is the origin.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Loss, Thinking
from ccx_addons.core.signatures import MARK, NOT_HOME, sift
from ccx_addons.core.wire_json import BadJson, dump_text, loads
from ccx_addons.protocols.chat.wire import NAME, Fields

FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
SEALED: Final = ("thinking_blocks", "reasoning_opaque")
"""Fields beside a thought's text that only their server can read."""
TEXT_IN: Final = "in"
"""Where a signature that is an object names the field of the text."""
DETAILS: Final = "reasoning_details"
TEXTS: Final[Mapping[Json, str]] = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""Type of a detail -> the field with its text."""
GROWING: Final = frozenset({"text", "summary", "data", "signature", "thinking"})

TAGS: Final[Mapping[str, str]] = {"<think>": "</think>", "<thought>": "</thought>"}
MAX_BLANK: Final = 64
"""White space that may stand before the opening tag."""

type Piece = tuple[bool, str]
"""Whether it is a thought, and text of it."""


class ThinkTags:
    """Tells thoughts from the answer in text that comes in pieces: a tag at its very start opens the thoughts.

    An opening tag anywhere else is text. Without a closing tag everything is a thought. White space around the tags
    belongs to neither.
    """

    def __init__(self) -> None:
        self.state: Literal["start", "thought", "after", "text"] = "start"
        self._held = ""
        self._closing = ""
        self._blank = True
        """Only white space has come since the last tag."""

    def feed(self, text: str) -> list[Piece]:
        if self.state == "text":
            return [(False, text)] if text else []
        self._held += text
        pieces: list[Piece] = []
        if self.state == "start":
            self._start()
        if self.state == "thought":
            self._think(pieces)
        if self.state == "after":
            self._held = self._held.lstrip()
            if self._held:
                self.state = "text"
        if self.state == "text" and self._held:
            pieces.append((False, self._held))
            self._held = ""
        return pieces

    def flush(self) -> list[Piece]:
        """What was held back because a tag might have come; what follows is text."""
        held, thought = self._held, self.state == "thought"
        if self.state == "after" or (thought and self._blank and not held.strip()):
            held = ""
        self._held, self.state = "", "text"
        return [(thought, held)] if held else []

    def _start(self) -> None:
        word = self._held.lstrip()
        if (word and word[0] != "<") or len(self._held) - len(word) > MAX_BLANK:
            self.state = "text"
        elif found := next((tag for tag in TAGS if word.startswith(tag)), ""):
            self.state, self._closing = "thought", TAGS[found]
            self._held = word[len(found) :]
        elif not any(tag.startswith(word) for tag in TAGS):
            self.state = "text"

    def _think(self, pieces: list[Piece]) -> None:
        if self._blank:
            self._held = self._held.lstrip()
            self._blank = not self._held
        thought, closed, rest = self._held.partition(self._closing)
        if closed:
            self.state = "after"
            self._held = rest
        else:
            kept = _end_of(thought, self._closing)
            self._held = thought[len(thought) - kept :]
            thought = thought[: len(thought) - kept]
        if thought:
            pieces.append((True, thought))


def _end_of(text: str, tag: str) -> int:
    """How many characters at the end may be the beginning of the closing tag."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)


# ---- details ---------------------------------------------------------------------------------------------------------
def detail_text(details: Iterable[Mapping[str, Json]]) -> str:
    return "".join(read.text(item.get(TEXTS.get(item.get("type"), ""))) for item in details if _is_text(item))


def merge_details(known: list[Fields], new: Iterable[Mapping[str, Json]]) -> None:
    """Adds pieces of details: those with one index and type belong together, their texts follow each other."""
    for piece in new:
        last = known[-1] if known else None
        if last is None or (last.get("index"), last.get("type")) != (piece.get("index"), piece.get("type")):
            known.append(dict(piece))
            continue
        for name, value in piece.items():
            if name in GROWING and isinstance(value, str) and isinstance(before := last.get(name), str):
                last[name] = before + value
            elif value is not None:
                last[name] = value


def split_details(details: Iterable[Mapping[str, Json]]) -> tuple[list[Fields], list[Fields]]:
    """Those with text, and those that only their server can read."""
    spoken: list[Fields] = []
    secret: list[Fields] = []
    for item in details:
        (spoken if _is_text(item) else secret).append(dict(item))
    return spoken, secret


def signature_of(
    details: Sequence[Mapping[str, Json]], field: str | None, sealed: Mapping[str, Json] | None = None
) -> str | None:
    """How thoughts with these details, or those that came in ``field``, with ``sealed`` beside it, go back."""
    if sealed:
        return dump_text({**({TEXT_IN: field} if field else {}), **sealed})
    if any(item.get("signature") or item.get("id") for item in details):
        return _same_text(details)
    return field


def secret_thought(details: Sequence[Mapping[str, Json]]) -> Thinking:
    return Thinking("", _same_text(details), NAME, True)


def _same_text(details: Sequence[Mapping[str, Json]]) -> str:
    """JSON that is the same whether the details came whole or in pieces."""
    return dump_text([dict(sorted(item.items())) for item in details])


def _is_text(item: Mapping[str, Json]) -> bool:
    kind = item.get("type")
    return isinstance(kind, str) and kind in TEXTS


# ---- messages, both ways ---------------------------------------------------------------------------------------------
def read_thoughts(message: Mapping[str, Json]) -> list[Thinking]:
    """The thoughts of an assistant message that a client sends."""
    details = read.mappings(message.get(DETAILS))
    if foreign := [thought for item in details if (thought := _read_foreign(item))]:
        return foreign
    spoken, secret = split_details(details)
    text = next((found for name in FIELDS if (found := read.text(message.get(name)))), "") or detail_text(spoken)
    thoughts = [Thinking(text, signature_of(spoken, None), NAME)] if text or spoken else []
    return [*thoughts, secret_thought(secret)] if secret else thoughts


def write_thoughts(thoughts: Iterable[Thinking]) -> Fields:
    """The fields with which this protocol's own thoughts go back to their server."""
    texts: dict[str, list[str]] = {}
    details: list[Json] = []
    sealed: Fields = {}
    for thought in thoughts:
        field = FIELDS[0]
        if thought.signature in FIELDS:
            field = thought.signature
        elif thought.signature and (found := _read_signature(thought.signature)):
            field = found.pop(TEXT_IN, field)
            details += found.pop(DETAILS, [])
            for name, value in found.items():
                sealed[name] = [*sealed[name], *value] if isinstance(value, list) and name in sealed else value
        if thought.text:
            texts.setdefault(field, []).append(thought.text)
    fields: dict[str, Any] = {name: "\n\n".join(found) for name, found in texts.items()} | sealed
    return {**fields, DETAILS: details} if details else fields


def write_foreign(thought: Thinking, index: int) -> Fields:
    """A thought that another protocol signed, for a client that sends details back as they came."""
    kind = "reasoning.encrypted" if thought.redacted else "reasoning.text"
    said: Fields = {"data": thought.signature} if thought.redacted else {"text": thought.text}
    if not thought.redacted:
        said["signature"] = thought.signature
    return {"type": kind, **said, "format": MARK + thought.origin, "index": index}


def _read_foreign(item: Mapping[str, Json]) -> Thinking | None:
    form = read.text(item.get("format"))
    if not form.startswith(MARK):
        return None
    origin = form.removeprefix(MARK)
    if item.get("type") == "reasoning.encrypted":
        return Thinking("", read.text(item.get("data")) or None, origin, True)
    return Thinking(read.text(item.get("text")), read.text(item.get("signature")) or None, origin)


def _read_signature(signature: str) -> Fields:
    """Details, or fields that go back as they came, but none that a thought has no place in."""
    try:
        found = loads(signature)
    except BadJson:
        return {}
    if isinstance(found, list):
        return {DETAILS: found}
    known = {name: value for name, value in read.mapping(found).items() if name in SEALED}
    field = read.mapping(found).get(TEXT_IN)
    return {**known, TEXT_IN: field} if field in FIELDS else known


# ---- this protocol's upstreams ---------------------------------------------------------------------------------------
def without_foreign(members: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Loss]]:
    """A client's body as an upstream of this protocol can read it: without thoughts that another protocol signed.

    The same object where there are none. What the thoughts said stays in its own field.
    """
    losses: list[Loss] = []
    return sift(members, "messages", _message_at_home, losses), losses


def _message_at_home(message: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json]:
    found = sift(message, DETAILS, _detail_at_home, losses, path)
    if found is message or found[DETAILS]:
        return found
    return {name: value for name, value in found.items() if name != DETAILS}


def _detail_at_home(detail: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json] | None:
    if _read_foreign(detail) is None:
        return detail
    losses.append(Loss(path, NOT_HOME))
    return None
