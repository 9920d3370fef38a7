"""Every field that a request type of an official SDK has, found by looking at the type: TypedDicts, pydantic models, unions
and lists of them. A field that a newer SDK adds is found as well.
"""

import enum
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pydantic
import typing_extensions

type Json = Any
type Types = tuple[Any, ...]

UNIONS: Final = (typing.Union, types.UnionType)
MISSING: Final = object()

PNG: Final = "iVBORw0KGgo="
STRINGS: Final[Mapping[str, str]] = {
    "arguments": '{"city":"Oslo"}',
    "data": PNG,
    "file_data": f"data:application/pdf;base64,{PNG}",
    "image_url": "https://example.com/a.png",
    "url": "https://example.com/a.png",
    "file_url": "https://example.com/a.pdf",
    "fileUri": "https://example.com/a.png",
    "file_id": "file_1",
    "call_id": "call_1",
    "tool_call_id": "call_1",
    "tool_use_id": "call_1",
    "media_type": "image/png",
    "mimeType": "image/png",
    "name": "look_up",
}
"""Strings that must have a form; every other one is made of its name."""
OTHERS: Final[Mapping[str, str]] = {"name": "get_weather"}
"""The same for a second, other value."""


@dataclass(frozen=True)
class Case:
    """One field. ``bare``: a value without it, or with another value where it must be there; ``values``: with it.

    ``around``: values in which more and more around the field is left out.
    """

    path: str
    bare: Json
    values: tuple[Json, ...]
    around: tuple[Json, ...] = ()

    def inside(self, name: str, wrap: Callable[[Json], Json], without: Json = MISSING) -> "Case":
        """The case in a value that holds it. ``without``: that value without this one."""
        outer = () if without is MISSING else (without,)
        values = tuple(wrap(value) for value in self.values)
        return Case(f"{name}{self.path}", wrap(self.bare), values, (*(wrap(one) for one in self.around), *outer))


# ---- types -----------------------------------------------------------------------------------------------------------
def plain(hint: Any) -> Any:
    """The type without Required, NotRequired, Annotated and aliases."""
    while True:
        origin = typing.get_origin(hint)
        if isinstance(hint, typing.TypeAliasType):
            hint = hint.__value__
        elif origin in (typing.Required, typing.NotRequired, typing_extensions.Required, typing.Annotated):
            hint = typing.get_args(hint)[0]
        else:
            return hint


def alternatives(hint: Any) -> list[Any]:
    """The members of a union, but for None."""
    hint = plain(hint)
    if typing.get_origin(hint) in UNIONS:
        return [one for each in typing.get_args(hint) for one in alternatives(each)]
    return [] if hint in (type(None), None) else [hint]


def members(hint: Any) -> tuple[dict[str, Any], frozenset[str]] | None:
    """Names as they stand on the wire -> types, and which must be there; None: it is no object with known members."""
    if isinstance(hint, type) and issubclass(hint, pydantic.BaseModel):
        found = {field.alias or name: field.annotation for name, field in hint.model_fields.items()}
        return found, frozenset(field.alias or n for n, field in hint.model_fields.items() if field.is_required())
    if typing_extensions.is_typeddict(hint):
        hints = typing_extensions.get_type_hints(hint, include_extras=True)
        return hints, frozenset(name for name, inner in hints.items() if _is_required(hint, name, inner))
    return None


def _is_required(hint: Any, name: str, inner: Any) -> bool:
    """Where annotations are text the class itself does not know."""
    if typing.get_origin(inner) in (typing.Required, typing.NotRequired):
        return typing.get_origin(inner) is typing.Required
    return name in hint.__required_keys__


def _with(rest: dict[str, Json], name: str, value: Json) -> Json:
    return rest | {name: value}


def is_empty(value: Json) -> bool:
    """Whether it asks for nothing: its members are fields of their own."""
    if isinstance(value, list):
        return all(is_empty(one) for one in value)
    return isinstance(value, dict) and all(is_empty(one) or one == "approximate" for one in value.values())


def is_list(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping | str)


# ---- values ----------------------------------------------------------------------------------------------------------
class Walk:
    """``needed``: type's name -> members that its values are refused without, although the type does not say so."""

    def __init__(self, needed: Mapping[str, Mapping[str, Json]] | None = None) -> None:
        self.needed = needed or {}
        self._seen: set[tuple[Any, Any]] = set()

    def least(self, hint: Any, name: str = "") -> Json:
        """The smallest value of a type."""
        return self.samples(hint, name)[0]

    def samples(self, hint: Any, name: str = "", depth: int = 0) -> tuple[Json, ...]:
        """Values of a type that differ: for objects and lists the smallest ones."""
        found = [value for one in alternatives(hint) for value in self._of(one, name, depth)]
        return tuple(found) or (f"some {name}",)

    def _of(self, hint: Any, name: str, depth: int) -> tuple[Json, ...]:
        origin = typing.get_origin(hint)
        if origin is typing.Literal:
            return typing.get_args(hint)
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return tuple(one.value for one in hint if "UNSPECIFIED" not in one.value.upper())
        if found := members(hint):
            if depth > 6:
                return ()
            hints, required = found
            least = {key: self.samples(hints[key], key, depth + 1)[0] for key in hints if key in required}
            return (least | dict(self.needed.get(hint.__name__, {})),)
        if is_list(hint):
            inner = typing.get_args(hint)
            return tuple([value] for value in self.samples(inner[0], name, depth + 1)) if inner else ([name],)
        return self._scalar(hint, name)

    def _scalar(self, hint: Any, name: str) -> tuple[Json, ...]:
        if hint is bool:
            return True, False
        if hint is int:
            return 3000, 20000
        if hint is float:
            return (0.5, 0.25)
        if hint is bytes:
            return (PNG,)
        if hint is str:
            word = STRINGS.get(name, f"some {name}")
            return word, OTHERS.get(name, f"{word}2")
        if hint is object or hint is Any or typing.get_origin(hint) is dict or hint is dict:
            return ({"key": "word"},)
        return (f"some {name}",)

    # ---- fields ----
    def cases(self, hint: Any, name: str = "", within: Any = None) -> Iterator[Case]:
        """Every field in a type, each once in every type that holds it."""
        several = len(alternatives(hint)) > 1
        for one in alternatives(hint):
            if members(one):
                if (within, one) not in self._seen:
                    self._seen.add((within, one))
                    word = f"({one.__name__})" if several else ""
                    yield from (replace(case, path=word + case.path) for case in self._fields(one))
            elif is_list(one) and typing.get_args(one):
                for case in self.cases(typing.get_args(one)[0], name, within):
                    yield case.inside("[]", lambda value: [value], [])

    def _fields(self, hint: Any) -> Iterator[Case]:
        found = members(hint)
        assert found
        hints, required = found
        least = self.least(hint)
        for name, inner in hints.items():
            bare = {key: value for key, value in least.items() if key != name}
            yield from self._field(name, inner, least)
            for case in self.cases(inner, name, hint):
                without = MISSING if name in required else bare
                yield case.inside(f".{name}", partial(_with, bare, name), without)

    def _field(self, name: str, hint: Any, least: dict[str, Json]) -> Iterator[Case]:
        values = tuple(least | {name: value} for value in self.samples(hint, name) if not is_empty(value))
        if values and name not in least:
            yield Case(f".{name}", least, values)
        elif len(values) > 1 and not any(members(one) for one in alternatives(hint)):
            yield Case(f".{name}", least, tuple(value for value in values if value != least))
