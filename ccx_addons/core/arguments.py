"""The arguments of a call as they come in pieces, mended where a server writes them badly.

Some write an empty object before the real one (Bedrock, LiteLLM: openai-agents-js#712), the object as a JSON string
(vLLM's and SGLang's parsers: vllm#54964), or ``null`` where there are none.
"""

import json
import re
from typing import Final

from ccx_addons.core.wire_json import loads_object

EMPTY: Final = "{}"
NOTHING: Final = frozenset({"null", "None"})
DOUBTFUL: Final = ('"', "n", "N")
"""How arguments begin that are no object: they are known at their end only."""
PLACEHOLDERS: Final = re.compile(r"\s*(?:\{\}\s*)+(?=\{)")
MAX_HELD: Final = 1 << 20
MAX_BLANK: Final = 64
"""Characters that are held back at most, and of white space."""


def begins_well(text: str) -> bool:
    """Whether nothing of a first piece, or of the whole, needs to be held back."""
    return text[:1] == "{" != text and text[:2] != EMPTY


class Arguments:
    """``plain``: an object has begun, and every piece is more of it."""

    __slots__ = ("_held", "_size", "plain")

    def __init__(self) -> None:
        self.plain = False
        self._held: list[str] = []
        self._size = 0
        """Characters that are held back, whose end decides."""

    def feed(self, piece: str) -> str:
        """What of the arguments is new."""
        if self.plain:
            return piece
        if not self._held and begins_well(piece):
            self.plain = True
            return piece
        if self._size:
            return self._hold(piece)
        text = "".join(self._held) + piece
        if before := PLACEHOLDERS.match(text):
            text = text[before.end() :]
        begun = text.strip()
        if begun.startswith(DOUBTFUL):
            return self._hold(text)
        if begun in ("", EMPTY):
            self._held = [text[:MAX_BLANK]]
            return ""
        self.plain, self._held = True, []
        return text

    def end(self) -> str:
        """What was held back."""
        text, self._held, self._size = "".join(self._held), [], 0
        said = text.strip()
        if said in NOTHING:
            return EMPTY
        if said.startswith('"'):
            try:
                inner = json.loads(said)
            except ValueError:
                return text
            return inner if isinstance(inner, str) and loads_object(inner) is not None else text
        return text

    def _hold(self, text: str) -> str:
        if not self._size:
            self._held = []
        self._held.append(text)
        self._size += len(text)
        if self._size <= MAX_HELD:
            return ""
        self.plain, text, self._held = True, "".join(self._held), []
        return text


def mended(text: str) -> str:
    """The same for arguments that came whole."""
    if text == EMPTY or begins_well(text):
        return text
    arguments = Arguments()
    return arguments.feed(text) + arguments.end()
