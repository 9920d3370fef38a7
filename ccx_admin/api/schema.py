"""JSON schemas of the API's inputs, and the check that enforces exactly what they say.

Only the words used here are known: type, properties, required, additionalProperties, items, enum, minimum, maximum,
minLength, maxLength, minItems, maxItems, default.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ccx_admin.api.problem import invalid

type Json = Any
type Schema = Mapping[str, Json]

MAX_DEPTH: Final = 20
MAX_TEXT: Final = 4 << 20


# ---- writing schemas -------------------------------------------------------------------------------------------------
def text(help: str = "", **more: Json) -> dict[str, Json]:
    return _described({"type": "string", "maxLength": 1_000, **more}, help)


def integer(help: str = "", low: int = 0, high: int = 10**15, **more: Json) -> dict[str, Json]:
    return _described({"type": "integer", "minimum": low, "maximum": high, **more}, help)


def number(help: str = "", low: float = 0, high: float = 1e12, **more: Json) -> dict[str, Json]:
    return _described({"type": "number", "minimum": low, "maximum": high, **more}, help)


def boolean(help: str = "", **more: Json) -> dict[str, Json]:
    return _described({"type": "boolean", **more}, help)


def choice(options: Sequence[str], help: str = "", **more: Json) -> dict[str, Json]:
    return _described({"type": "string", "enum": list(options), **more}, help)


def array(items: Schema, help: str = "", most: int = 2_000, **more: Json) -> dict[str, Json]:
    return _described({"type": "array", "items": items, "maxItems": most, **more}, help)


def table(properties: Mapping[str, Schema], required: Sequence[str] = (), more: bool = False) -> dict[str, Json]:
    """An object. ``more``: members that are not named are let in."""
    found: dict[str, Json] = {"type": "object", "properties": dict(properties), "additionalProperties": more}
    return {**found, "required": list(required)} if required else found


def free(help: str = "") -> dict[str, Json]:
    """An object whose members the configuration's parser judges."""
    return _described({"type": "object"}, help)


def _described(schema: dict[str, Json], help: str) -> dict[str, Json]:
    return {**schema, "description": help} if help else schema


# ---- checking --------------------------------------------------------------------------------------------------------
def check(value: Json, schema: Schema, path: str = "") -> None:
    """Raises Failure 422 that names the place."""
    kind = schema.get("type")
    if kind and not TYPES[kind](value):
        raise invalid(f"{path or 'the body'}: must be {NAMES[kind]}", path=path)
    if "enum" in schema and value not in schema["enum"]:
        raise invalid(f"{path}: must be one of {', '.join(schema['enum'])}", path=path)
    _check_bounds(value, schema, path)
    if isinstance(value, Mapping) and "properties" in schema:
        _check_members(value, schema, path)
    elif isinstance(value, list) and "items" in schema:
        for n, entry in enumerate(value):
            check(entry, schema["items"], f"{path}[{n}]")
    else:
        check_plain(value, path)


def _check_members(value: Mapping[str, Json], schema: Schema, path: str) -> None:
    known = schema["properties"]
    for name in schema.get("required", ()):
        if name not in value:
            raise invalid(f"{_at(path, name)}: is missing", path=_at(path, name))
    for name, entry in value.items():
        if name in known:
            check(entry, known[name], _at(path, name))
        elif not schema.get("additionalProperties"):
            raise invalid(f"{_at(path, name)[:100]!r}: is not known here", path=path)
        else:
            check_plain({name: entry}, path)


def _check_bounds(value: Json, schema: Schema, path: str) -> None:
    size = value if isinstance(value, int | float) else len(value) if isinstance(value, str | list) else None
    if size is None or isinstance(value, bool):
        return
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if (low in schema and size < schema[low]) or (high in schema and size > schema[high]):
            what = "items" if low == "minItems" else "characters" if low == "minLength" else ""
            raise invalid(
                f"{path or 'the body'}: must have from {schema.get(low, 0)} to {schema.get(high)} {what}".rstrip()
                if what
                else f"{path}: must be from {schema.get(low)} to {schema.get(high)}",
                path=path,
            )


def check_plain(value: Json, path: str, depth: int = 0) -> None:
    """Any JSON, but not too deep, and text that can be written as UTF-8 on a line of YAML."""
    if depth > MAX_DEPTH:
        raise invalid(f"{path}: is nested too deeply", path=path)
    match value:
        case Mapping():
            for name, entry in value.items():
                check_plain(name, path, depth + 1)
                check_plain(entry, _at(path, name), depth + 1)
        case list():
            for n, entry in enumerate(value):
                check_plain(entry, f"{path}[{n}]", depth + 1)
        case str():
            if len(value) > MAX_TEXT or any(_is_odd(character) for character in value):
                raise invalid(f"{path[:100]}: has characters that cannot be written", path=path[:100])
        case float():
            if not math.isfinite(value):
                raise invalid(f"{path}: is not a finite number", path=path)
        case int():
            if abs(value) > 10**15:
                raise invalid(f"{path}: is too large", path=path)


def _is_odd(character: str) -> bool:
    code = ord(character)
    return (code < 32 and character not in "\t\n\r") or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in (
        0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF,
    )  # fmt: skip


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


TYPES: Final[Mapping[str, Callable[[Json], bool]]] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}
NAMES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def from_query(value: str, schema: Schema, path: str) -> Json:
    """One value of a query string, checked."""
    kind = schema.get("type")
    found: Json = value
    try:
        if kind == "integer":
            found = int(value) if len(value) < 20 else None
        elif kind == "number":
            found = float(value)
        elif kind == "boolean":
            found = {"true": True, "1": True, "false": False, "0": False, "": False}.get(value.lower())
    except ValueError:
        found = None
    check(found, schema, path)
    return found
