"""Personal data that an upstream does not see: found in the texts of a request, replaced, and put back in the answer.

What is replaced gets the same stand-in each time, so that a conversation's beginning stays the same, and with it the
upstream's prompt cache. Found is what can be told from other text with certainty: addresses of electronic mail, numbers
of telephones with their country, of cards (ISO/IEC 7812, with their check digit) and accounts (ISO 13616, with theirs).
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Any, Final

from ccx_addons.core.neutral import Event, Failed, Finished, PartDelta, PartStarted, PartStopped, Usage
from ccx_addons.core.wire_json import dumps_from, loads

type Json = Any


def luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


KINDS: Final[Mapping[str, tuple[re.Pattern[str], Callable[[str], bool]]]] = {
    "email": (
        re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"),
        lambda text: True,
    ),
    "iban": (
        re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"),
        iban,
    ),
    "card": (re.compile(r"(?<![A-Za-z0-9-])[0-9](?:[ -]?[0-9]){12,18}(?![A-Za-z0-9-])"), luhn),
    "phone": (
        re.compile(r"(?<![A-Za-z0-9+])\+[1-9][0-9]{0,2}(?:[ .-]?\([0-9]{1,4}\))?(?:[ .-]?[0-9]){6,13}(?![A-Za-z0-9])"),
        lambda text: True,
    ),
}  # fmt: skip
"""Name -> what it looks like, and whether a match is one."""

KEPT: Final = frozenset({
    "call_id", "data", "encrypted_content", "file_data", "file_id", "id", "media_type", "mimeType", "mime_type",
    "model", "name", "previous_response_id", "prompt_cache_key", "role", "signature", "thoughtSignature",
    "thought_signature", "tool_call_id", "tool_use_id", "tools", "type", "user", "user_id",
})  # fmt: skip
"""Members whose values are no texts, or the client's own names for things."""
STAND_IN: Final = re.compile(r"\b(?:EMAIL|IBAN|CARD|PHONE)_[0-9a-f]{10}\b")
LONGEST: Final = len("EMAIL_") + 10


class Mask:
    """``names``: of KINDS. ``known`` grows: stand-in -> what it stands for."""

    def __init__(self, names: tuple[str, ...], key: str) -> None:
        self.kinds = [(name, *KINDS[name]) for name in KINDS if name in names]
        self.key = key
        self.known: dict[str, str] = {}

    def body(self, body: bytes) -> bytes:
        """Untouched bytes where nothing is found. What is no JSON raises BadJson."""
        value = loads(body)
        masked = self.value(value)
        return dumps_from(len(body), masked) if self.known else body

    def value(self, value: Json) -> Json:
        if isinstance(value, str):
            return value if value[:5] == "data:" else self.text(value)
        if isinstance(value, dict):
            return {name: inner if name in KEPT else self.value(inner) for name, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        for name, pattern, is_one in self.kinds:

            def instead(found: re.Match[str], name: str = name, is_one: Callable[[str], bool] = is_one) -> str:
                return self.stand_in(name, found[0]) if is_one(found[0]) else found[0]

            text = pattern.sub(instead, text)
        return text

    def stand_in(self, name: str, value: str) -> str:
        digest = hashlib.sha256(f"{self.key}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()
        made = f"{name.upper()}_{digest[:10]}"
        self.known[made] = value
        return made


def restored(text: str, known: Mapping[str, str]) -> str:
    """With what the stand-ins stand for."""
    return STAND_IN.sub(lambda found: known.get(found[0], found[0]), text)


class Restorer:
    """A decoder of a stream whose texts have what was masked again. A stand-in may come in several pieces."""

    def __init__(self, decoder: Any, known: Mapping[str, str]) -> None:
        self.decoder, self.known = decoder, known
        self.beginnings = {made[:end] for made in known for end in range(1, len(made) + 1)}
        self.held: dict[int, str] = {}
        """Part -> the end of its text that may be the beginning of a stand-in."""

    @property
    def counted(self) -> Usage | None:
        found: Usage | None = self.decoder.counted
        return found

    def feed(self, data: bytes) -> list[Event]:
        return [made for event in self.decoder.feed(data) for made in self.see(event)]

    def flush(self) -> list[Event]:
        return [made for event in self.decoder.flush() for made in self.see(event)]

    def see(self, event: Event) -> list[Event]:
        match event:
            case PartStarted(index, part):
                return [PartStarted(index, whole(part, self.known))]
            case PartDelta(index, text) if text:
                text = self.held.pop(index, "") + text
                end = unfinished(text, self.beginnings)
                if end < len(text):
                    self.held[index] = text[end:]
                event = replace(event, text=restored(text[:end], self.known))
                return [event] if event != PartDelta(index) else []
            case PartStopped(index):
                return [*self.let_go(index), event]
            case Finished() | Failed():
                return [*(made for index in list(self.held) for made in self.let_go(index)), event]
        return [event]

    def let_go(self, index: int) -> list[Event]:
        text = self.held.pop(index, "")
        return [PartDelta(index, restored(text, self.known))] if text else []


def whole(part: Any, known: Mapping[str, str]) -> Any:
    """A part that comes with text in it."""
    for name in ("text", "arguments"):
        if found := getattr(part, name, ""):
            return replace(part, **{name: restored(found, known)})
    return part


def unfinished(text: str, beginnings: Set[str]) -> int:
    """Where a stand-in begins with which the text ends; its length: nowhere."""
    ends = range(max(0, len(text) - LONGEST), len(text))
    return next((at for at in ends if text[at:] in beginnings), len(text))
