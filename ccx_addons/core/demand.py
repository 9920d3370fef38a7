"""Strict reading of a client's request: a value of the wrong type raises BadRequest that names its place.

``within`` is the path of the object that holds the field, with its dot: ``generationConfig.``.
"""

from collections.abc import Callable, Mapping
from functools import wraps

from ccx_addons.core import read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Json


def shallow[**P, R](decode: Callable[P, R]) -> Callable[P, R]:
    """A decoder to which what is deeper than Python's stack is a BadRequest."""

    @wraps(decode)
    def decoded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return decode(*args, **kwargs)
        except RecursionError:
            raise BadRequest("the body is nested too deeply") from None

    return decoded


def integer(fields: Mapping[str, Json], name: str, within: str = "") -> int | None:
    return _typed(fields, name, within, read.integer, "a whole number")


def number(fields: Mapping[str, Json], name: str, within: str = "") -> float | None:
    return _typed(fields, name, within, read.number, "a number")


def _typed[T](
    fields: Mapping[str, Json], name: str, within: str, reader: Callable[[Json], T | None], word: str
) -> T | None:
    value = fields.get(name)
    if value is None:
        return None
    found = reader(value)
    if found is None:
        raise BadRequest(f"{name} must be {word}", within + name)
    return found


def mapping(fields: Mapping[str, Json], name: str, within: str = "") -> Mapping[str, Json]:
    """An object; an absent one is empty."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{within}{name} must be an object", within + name)
    return value


def items(fields: Mapping[str, Json], name: str, within: str = "", required: bool = False) -> list[Json]:
    """A list; an absent one is empty unless it is ``required``."""
    value = fields.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"{name} must be a list", within + name)
    return value


def text(value: Json, path: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"{path} must be a string", path)
    return value
