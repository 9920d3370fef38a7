"""A call whose arguments come in pieces: ``functionCall.partialArgs``, as Vertex AI streams them on request.

Each piece has a path (RFC 9535, e.g. ``$.foo.bar[0].data``) and one value; texts of one path follow each other.
``willContinue`` of the call says that more of it comes; the last part may be empty (google.genai.types: PartialArg,
FunctionCall).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.arguments import mended
from ccx_addons.core.neutral import NO_EXTRA, Extra, Json
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.gemini.parts import RAW_ARGUMENTS, read_arguments
from ccx_addons.protocols.gemini.wire import Fields, camel

STEP: Final = re.compile(r"""\.([^.\[\]'"]+)|\[(\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
ESCAPED: Final = re.compile(r"\\(.)")
MAX_STEPS: Final = 64
"""How deep a path may lead."""
VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")

type Step = str | int
type Tree = dict[Step, Any]
"""Steps to trees, to lists of a text's pieces and to other values. Elements of an array stand under their index."""


@dataclass(slots=True)
class GrowingCall:
    name: str
    id: str
    extra: Extra = NO_EXTRA
    _whole: Fields = field(default_factory=dict)
    _tree: Tree = field(default_factory=dict)

    def goes_on(self, call: Mapping[str, Json]) -> bool:
        """Whether a ``functionCall`` is more of this one: it names no other."""
        name, id_ = read.text(call.get("name")), read.text(call.get("id"))
        return name in ("", self.name) and (not id_ or id_ == self.id)

    def add(self, call: Mapping[str, Json]) -> None:
        args = call.get("args")
        self._whole |= _of_text(args) if isinstance(args, str) else read.mapping(args)
        for piece in map(camel, read.mappings(call.get("partialArgs"))):
            name = next((name for name in VALUES if name in piece), "")
            value = piece.get(name)
            if name and not isinstance(value, dict | list):
                _put(self._tree, steps(read.text(piece.get("jsonPath"))), None if name == "nullValue" else value)

    def arguments(self, ended: bool) -> str:
        """JSON text; of a call that broke off, text that is no whole JSON, so that nobody takes it for the call."""
        text = read_arguments({**self._whole, **{str(step): _settled(value) for step, value in self._tree.items()}})
        return text if ended else text[:-1]


def _of_text(args: str) -> Fields:
    """Arguments that a relay sends as Chat has them."""
    text = mended(args)
    found = loads_object(text)
    return ({RAW_ARGUMENTS: text} if text else {}) if found is None else found


def steps(path: str) -> list[Step]:
    """The names and indexes that a path leads through. Any other path is one name: so its value is not lost."""
    found: list[Step] = []
    at = 1
    while match := STEP.match(path, at):
        name, index, single, double = match.groups()
        quoted = single if single is not None else double
        found.append(int(index) if index else ESCAPED.sub(r"\1", quoted) if name is None else name)
        at = match.end()
    understood = path.startswith("$") and at == len(path) and 0 < len(found) <= MAX_STEPS
    return found if understood else [path]


def _put(tree: Tree, path: list[Step], value: Json) -> None:
    for step in path[:-1]:
        inner = tree.get(step)
        if not isinstance(inner, dict):
            inner = tree[step] = {}
        tree = inner
    if not isinstance(value, str):
        tree[path[-1]] = value
    elif isinstance(pieces := tree.get(path[-1]), list):
        pieces.append(value)
    else:
        tree[path[-1]] = [value]


def _settled(value: Json) -> Json:
    if isinstance(value, list):
        return "".join(value)
    if not isinstance(value, dict):
        return value
    if all(isinstance(step, int) for step in value):
        return [_settled(value[step]) for step in sorted(value)]
    return {str(step): _settled(inner) for step, inner in value.items()}
