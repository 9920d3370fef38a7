"""One API path: what it takes, what it gives, and the function behind it. The OpenAPI document comes from these."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from flask import Blueprint, jsonify, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from ccx_admin.api import schema
from ccx_admin.api.problem import Failure
from ccx_admin.api.schema import Json, Schema

type Answer = Response | dict[str, Json] | list[Json]
type View = Callable[..., Answer]

OPERATIONS: Final[dict[str, "Operation"]] = {}
"""Flask endpoint -> what is behind it."""


class Register(Protocol):
    """A decorator that leaves the view what it is."""

    def __call__[V: View](self, view: V) -> V: ...


OBJECT: Final[Schema] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Operation:
    """``answer``: schema of the JSON answer; ``media``: other content types it can have. ``errors``: their statuses."""

    method: str
    summary: str
    query: Mapping[str, Schema]
    body: Schema | None
    answer: Schema
    status: int
    errors: tuple[int, ...]
    media: tuple[str, ...]
    area: str


def operation(
    area: Blueprint,
    method: str,
    rule: str,
    *,
    query: Mapping[str, Schema] | None = None,
    body: Schema | None = None,
    answer: Schema = OBJECT,
    status: int = 200,
    errors: Iterable[int] = (),
    media: Iterable[str] = (),
) -> "Register":
    """Registers a view. It gets the path's parts, and ``query`` and ``body``, checked, if there are any."""

    def register[V: View](view: V) -> V:
        found = Operation(
            method,
            " ".join((view.__doc__ or "").split()),
            query or {},
            body,
            answer,
            status,
            tuple(errors),
            tuple(media),
            area.name.removeprefix("api_"),
        )

        @functools.wraps(view)
        def run(**parts: str) -> Response:
            given: dict[str, Any] = dict(parts)
            if found.query:
                given["query"] = read_query(found.query)
            if found.body is not None:
                given["body"] = read_body(found.body)
            result = view(**given)
            if isinstance(result, Response):
                return result
            response = jsonify(result)
            response.status_code = found.status
            return response

        name = view.__name__
        OPERATIONS[f"{area.name}.{name}"] = found
        area.add_url_rule(rule, name, run, methods=[method], merge_slashes=False)
        return view

    return register


def read_query(wanted: Mapping[str, Schema]) -> dict[str, Json]:
    """Parameters that are not given have their default, or are missing."""
    found = {name: rules["default"] for name, rules in wanted.items() if "default" in rules}
    for name, rules in wanted.items():
        if name in request.args:
            found[name] = schema.from_query(request.args[name], rules, name)
    return found


def read_body(wanted: Schema) -> Json:
    if not request.content_length and not request.is_json and not wanted.get("required"):
        return {}
    if not request.is_json:
        raise Failure(415, "Not JSON", "send the body as application/json")
    try:
        value = request.get_json()
    except (BadRequest, RecursionError, UnicodeError):
        raise Failure(400, "Not JSON", "the body is not valid JSON") from None
    schema.check(value, wanted)
    return value
