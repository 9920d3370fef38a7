"""The OpenAPI 3.1 document of the admin API, made from the operations themselves."""

import re
from functools import lru_cache
from typing import Any, Final

from flask import current_app

from ccx_admin.api.operation import OPERATIONS, Operation
from ccx_admin.api.schema import Schema

PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message", "line"],
                "properties": {
                    "path": {"type": "string"},
                    "message": {"type": "string"},
                    "line": {"type": "integer"},
                },
            },
        },
        "diff": {"type": "string", "description": "with 409: what changed meanwhile, secrets masked"},
    },
}
"""RFC 9457."""

TITLES: Final = {
    400: "the request cannot be understood",
    401: "no admin key, or a wrong one",
    403: "a foreign host or origin, or a missing CSRF token",
    404: "there is no such thing",
    409: "it does not fit to what is there now",
    413: "the body is too large",
    415: "the body is not JSON",
    422: "a value is not valid",
    428: "the revision is missing",
    429: "too many wrong keys",
    503: "the database cannot be read now",
}
ALWAYS: Final = (400, 401, 403, 422, 429, 503)
REVISED: Final = frozenset({"channels", "keys", "clients", "settings"})
"""Areas whose changes look at If-Match."""


@lru_cache(maxsize=4)
def document(version: str) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule):
        found = OPERATIONS.get(rule.endpoint)
        if found:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            paths.setdefault(path, {})[found.method.lower()] = _operation(rule.endpoint, found, sorted(rule.arguments))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CCX admin API",
            "version": version,
            "description": "Everything the panel can do. Times are UTC milliseconds since 1970.",
        },
        "security": [{"key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {"Problem": PROBLEM},
        },
    }


def _operation(name: str, found: Operation, arguments: list[str]) -> dict[str, Any]:
    path = [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for n in arguments
    ]
    query = [{"name": n, "in": "query", "schema": rules} for n, rules in found.query.items()]
    header = (
        [{"name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"}}]
        if found.method != "GET" and found.area in REVISED
        else []
    )
    described: dict[str, Any] = {
        "operationId": name.removeprefix("api_").replace(".", "_"),
        "tags": [found.area],
        "summary": found.summary,
        "responses": _responses(found),
    }
    if path or query or header:
        described["parameters"] = path + query + header
    if found.body is not None:
        needed = bool(found.body.get("required"))
        described["requestBody"] = {"required": needed, "content": {"application/json": {"schema": found.body}}}
    return described


def _responses(found: Operation) -> dict[str, Any]:
    media = {"application/json": {"schema": found.answer}, **{name: {} for name in found.media}}
    responses: dict[str, Any] = {str(found.status): {"description": "done", "content": media}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted({*ALWAYS, *found.errors, *((413, 415) if found.body is not None else ())}):
        responses[str(status)] = {"description": TITLES[status], "content": problem}
    return responses
