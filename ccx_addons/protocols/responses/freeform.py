"""The text of a freeform call, which stands in JSON arguments ``{"input": "..."}`` between protocols."""

import json
import re
from typing import Final

from ccx_addons.core.freeform import text_in
from ccx_addons.core.wire_json import dump_text

OPEN: Final = '{"input":"'
CLOSE: Final = '"}'
"""What stands around the escaped text in arguments."""

HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
MAX_HEAD: Final = 64
"""Characters that white space may make of the head."""
PLAIN: Final = re.compile(r'[^"\\]+')
ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([^u]))")
LONGEST_ESCAPE: Final = 6
SHORT: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def arguments_of(text: str) -> str:
    return dump_text({"input": text})


def escaped(text: str) -> str:
    """A piece of the text as it stands inside the JSON string; pieces join to the whole."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def text_of(arguments: str) -> str:
    """The text of complete arguments."""
    inner = InnerText()
    return inner.feed(arguments) + inner.finish()


class InnerText:
    """Gives the text as the arguments come, in pieces of any size.

    A string under ``input`` that stands first is given at once. Other JSON is read at its end (core/freeform.py). What
    is no JSON at all is the text itself.
    """

    def __init__(self) -> None:
        self._held = ""
        self._whole: list[str] | None = None
        """Arguments of another shape, until they end."""
        self._state = "head"
        self._high = ""
        """A high surrogate that waits for its low one."""

    def feed(self, piece: str) -> str:
        match self._state:
            case "head":
                return self._begin(self._held + piece)
            case "string":
                return self._read(self._held + piece)
            case "raw":
                return piece
            case "other" if self._whole is not None:
                self._whole.append(piece)
        return ""

    def finish(self) -> str:
        """What is left when the arguments end, also in the middle."""
        state, self._state = self._state, "done"
        if state == "other":
            return text_in("".join(self._whole or ()))
        if state == "head":
            return self._held
        return self._high if state == "string" else ""

    def _begin(self, text: str) -> str:
        if found := HEAD.match(text):
            self._state = "string"
            return self._read(text[found.end() :])
        start = text.lstrip()
        if start and start[0] not in '{"':
            self._state = "raw"
            return text
        if len(text) > MAX_HEAD or (start and not _may_begin(start)):
            self._state = "other"
            self._whole = [text]
        else:
            self._held = text
        return ""

    def _read(self, text: str) -> str:
        found: list[str] = []
        at = 0
        self._held = ""
        while at < len(text):
            if plain := PLAIN.match(text, at):
                found.append(self._flush() + plain[0])
                at = plain.end()
            elif text[at] == '"':
                self._state = "done"
                break
            elif escape := ESCAPE.match(text, at):
                found.append(self._unescape(escape))
                at = escape.end()
            elif len(text) - at < LONGEST_ESCAPE:
                self._held = text[at:]
                return "".join(found)
            else:
                # A backslash that begins no escape is itself.
                found.append(self._flush() + text[at])
                at += 1
        if self._state == "done":
            found.append(self._flush())
        return "".join(found)

    def _unescape(self, escape: re.Match[str]) -> str:
        if not escape[1]:
            return self._flush() + SHORT.get(escape[2], escape[2])
        unit = chr(int(escape[1], 16))
        if "\ud800" <= unit <= "\udbff":
            before, self._high = self._high, unit
            return before
        if self._high and "\udc00" <= unit <= "\udfff":
            pair, self._high = self._high + unit, ""
            return pair.encode("utf-16", "surrogatepass").decode("utf-16")
        return self._flush() + unit

    def _flush(self) -> str:
        high, self._high = self._high, ""
        return high


def _may_begin(start: str) -> bool:
    """Whether more text may make a head of it."""
    return OPEN.startswith("".join(start.split()))
