"""JSON as it goes over the wire: strict reading with bounded depth, compact writing, edits without re-encoding."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from gc import get_referents, is_tracked
from typing import Any, Final, NoReturn

from ccx_addons.core.patient_json import BIG, PatientScanner, Scan, pieces
from ccx_addons.core.value import value

type Json = Any
type Span = tuple[int, int, int]
"""Of a member: start of its name, start and end of its value."""
type Spans = Mapping[str, Span]


class BadJson(ValueError):
    """The bytes are not JSON that we pass on. The message is safe to show to the client."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_no_constant)
_scan: Final[Scan] = _decoder.scan_once  # type: ignore[attr-defined]
_encoder: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
_parts: Final = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, _encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, True
)
"""json.dumps makes a writer for each value, which takes as long as to write a small one, and looks for circles: values
that were read, or are made of such, have none."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_WHITE: Final = " \t\r\n"
_NAME: Final = r'\s*"([^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+)"\s*:\s*'.replace(r"\s", "[ \t\r\n]")
_BEGIN: Final = re.compile(rf"[ \t\r\n]*\{{(?:{_NAME}|[ \t\r\n]*\}}[ \t\r\n]*\Z)")
_GO_ON: Final = re.compile(rf"[ \t\r\n]*(?:,{_NAME}|\}}[ \t\r\n]*\Z)")
"""An object's begin and what stands behind each value: a member's name and colon, or the end of object and text."""

MAX_DEPTH: Final = 200
"""Objects and lists inside each other: what walks through them recursively never meets the end of Python's stack."""
MAX_MEMBERS: Final = 1000
"""Members of a body. No API has a tenth of it."""
TOO_DEEP: Final = f"the JSON is nested too deeply: more than {MAX_DEPTH} objects and lists inside each other"
_NESTED: Final = frozenset({dict, list})


def dumps(value: Json) -> bytes:
    """Compact UTF-8. Lone surrogates, which JSON can escape but UTF-8 cannot say, stay escaped."""
    try:
        return "".join(_parts(value, 0)).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def dumps_from(size: int, value: Json) -> bytes:
    """The same as ``dumps``, for what was made of so many bytes or characters: many are written in small steps."""
    if size < BIG:
        return dumps(value)
    text = "".join(pieces(value, dump_text))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return dumps(value)


def dump_text(value: Json) -> str:
    """Compact JSON text, for a field that holds JSON inside a string."""
    return "".join(_parts(value, 0))


def loads(data: bytes | str) -> Json:
    """The value. Raises BadJson for anything malformed, too deep, NaN, or with numbers of thousands of digits."""
    try:
        text = data if isinstance(data, str) else data.decode().removeprefix("\ufeff")
        value = _read(text) if len(text) < BIG else _read_patiently(text)
    except RecursionError:
        raise BadJson(TOO_DEEP) from None
    except UnicodeDecodeError:
        raise BadJson("the body is not UTF-8") from None
    except ValueError as error:
        raise BadJson(f"the body is not valid JSON: {error}") from None
    if is_deep(value, text):
        raise BadJson(TOO_DEEP)
    return value


def _read(text: str) -> Json:
    """Most texts have nothing before their value and nothing behind it."""
    if text[:1] in _WHITE:
        return _decoder.decode(text)
    try:
        value, end = _scan(text, 0)
    except StopIteration as stop:
        raise json.JSONDecodeError("Expecting value", text, stop.value) from None
    return value if end == len(text) else _decoder.decode(text)


def _read_patiently(text: str) -> Json:
    start = _skip(text, 0)
    try:
        value, end = PatientScanner(_scan).scan(text, start)
    except StopIteration as stop:
        raise json.JSONDecodeError("Expecting value", text, stop.value) from None
    if (end := _skip(text, end)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def is_deep(value: Json, text: str, depth: int = MAX_DEPTH) -> bool:
    """Whether a value, read from ``text``, has more than ``depth`` objects and lists inside each other."""
    if len(text) <= 2 * depth or (len(text) < BIG and not _may_be_deep(value, depth)):
        return False
    level = [value] if type(value) in _NESTED else []
    while level and depth > 0:
        depth -= 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTED
        ]
    return bool(level)


def _may_be_deep(value: Json, depth: int) -> bool:
    """The same, but for an object in the last level that has nothing inside: the collector of garbage, which has to
    know, tells in a third of the time what holds more than texts and numbers."""
    level = [value]
    for _ in range(depth - 1):
        if not level:
            return False
        level = list(filter(is_tracked, get_referents(*level)))
    return bool(level)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


_unique_decoder: Final = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)


def loads_unique(text: str) -> Json:
    """The value. Raises BadJson also where a member stands twice at any depth."""
    try:
        return _unique_decoder.decode(text)
    except RecursionError:
        raise BadJson("the JSON is nested too deeply") from None
    except ValueError as error:
        raise BadJson(f"the body is not valid JSON: {error}") from None


def loads_object(data: bytes | str) -> dict[str, Json] | None:
    """The object, or None for anything that is not a JSON object: for answers that need not be one."""
    try:
        value = loads(data)
    except BadJson:
        return None
    return value if isinstance(value, dict) else None


@value(frozen=True, slots=True)
class JsonBody:
    """A JSON object parsed once, with the place of every top-level member, so that an edit touches only that place.

    The client's bytes outside edited members go through exactly as they came.
    """

    text: str
    members: Mapping[str, Json]
    spans: "Spans"
    """Of each member, in ``text``."""
    outline: bytes = field(repr=False)
    """What to search for words: the body, without the inside of strings of many kilobytes (pictures, files)."""

    @classmethod
    def parse(cls, data: bytes) -> "JsonBody":
        """Raises BadJson: not an object, malformed, or a member twice (readers disagree on which one counts)."""
        try:
            found = cls._walk(data.decode().removeprefix("\ufeff"), data)
        except RecursionError:
            raise BadJson(TOO_DEEP) from None
        except UnicodeDecodeError:
            raise BadJson("the body is not UTF-8") from None
        except StopIteration as stop:
            raise BadJson(f"the body is not valid JSON: expected a value at character {stop.value}") from None
        except BadJson:
            raise
        except ValueError as error:
            raise BadJson(f"the body is not valid JSON: {error}") from None
        if is_deep(found.members, found.text):
            raise BadJson(TOO_DEEP)
        return found

    @classmethod
    def _walk(cls, text: str, data: bytes) -> "JsonBody":
        patient = PatientScanner(_scan) if len(text) >= BIG else None
        scan = patient.scan if patient else _scan
        members: dict[str, Json] = {}
        spans: dict[str, tuple[int, int, int]] = {}
        at, found = 0, _BEGIN.match(text)
        while found and (name := found[1]) is not None:
            start, value_start = found.start(1) - 1, found.end()
            if "\\" in name:
                name = _scan(text, start)[0]
            value, at = scan(text, value_start)
            if name in members:
                raise BadJson(f"the member {name[:64]!r} stands twice in the body")
            if len(members) == MAX_MEMBERS:
                raise BadJson(f"the body has more than {MAX_MEMBERS} members")
            members[name] = value
            spans[name] = (start, value_start, at)
            found = _GO_ON.match(text, at)
        if not found:
            raise BadJson(_missing(text, at))
        return cls(text, members, spans, patient.outline(text).encode() if patient else data)

    def edit(self, changes: Mapping[str, Json], drop: frozenset[str] = frozenset()) -> bytes:
        """The body with ``changes`` set and ``drop`` removed; every other member as it came, byte for byte."""
        added = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in changes.items() if name not in self.spans]
        if drop & self.spans.keys():
            kept = [self._slice(name, changes) for name in self.spans if name not in drop or name in changes]
            return ("{" + ",".join(added + kept) + "}").encode()
        out, at = [], self.text.index("{") + 1
        out.append(self.text[:at] + ",".join(added) + ("," if added and self.spans else ""))
        for name, (_, start, end) in self.spans.items():
            if name in changes:
                out += [self.text[at:start], json.dumps(changes[name])]
                at = end
        out.append(self.text[at:])
        return "".join(out).encode()

    def spliced(self, texts: Mapping[str, str]) -> bytes:
        """The body with the JSON texts ``texts`` as the values of members that it has."""
        out, at = [], 0
        for name, (_, start, end) in self.spans.items():
            if name in texts:
                out += [self.text[at:start], texts[name]]
                at = end
        return "".join([*out, self.text[at:]]).encode()

    def _slice(self, name: str, changes: Mapping[str, Json]) -> str:
        start, value_start, end = self.spans[name]
        if name in changes:
            return self.text[start:value_start] + json.dumps(changes[name])
        return self.text[start:end]


def _missing(text: str, at: int) -> str:
    """What an object wants behind a value that ends at ``at``, and has not; at 0: a text that is to be an object.

    Raises ValueError where a name is no text, or what should be an object is not even JSON.
    """
    after, at = at > 0, _skip(text, at)
    if not after and text[at : at + 1] != "{":
        loads(text)
        return "the body must be a JSON object"
    if text[at : at + 1] == "}":
        return f"the body is not valid JSON: extra data at character {at + 1}"
    if after and text[at : at + 1] != ",":
        return f"the body is not valid JSON: expected ',' or '}}' at character {at}"
    at = _skip(text, at + 1)
    if not after and text[at : at + 1] == "}":
        return f"the body is not valid JSON: extra data at character {at + 1}"
    if text[at : at + 1] != '"':
        return f"the body is not valid JSON: expected a member name at character {at}"
    return f"the body is not valid JSON: expected ':' at character {_skip(text, _scan(text, at)[1])}"


def elements(text: str, at: int) -> Iterator[tuple[Json, int]]:
    """The next elements of a list that was read before, each with its end. ``at``: behind its bracket or an element."""
    at = _skip(text, at)
    while text[at] != "]":
        value, at = _scan(text, _skip(text, at + 1) if text[at] == "," else at)
        yield value, at
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    if text[at : at + 1] in _WHITE:
        found = _SPACE.match(text, at)
        assert found
        return found.end()
    return at
