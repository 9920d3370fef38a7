"""What all checks of the strict fake share: the refusal itself, and looking at unknown members."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
SAFE_NAME = re.compile(r"[a-zA-Z0-9_-]+")
OPENAI_MODELS = re.compile(r"(?:^|/)(?:gpt-|o[1-9]|chatgpt-|codex-)")
REASONING_MODELS = re.compile(r"(?:^|/)(?:gpt-[5-9]|o[1-9])")


class Refused(Exception):
    """The vendor's words, and where it has them its code, parameter and status."""

    def __init__(self, words: str, code: str = "", param: str = "", status: int = 400) -> None:
        super().__init__(words)
        self.words, self.code, self.param, self.status = words, code, param, status


def objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def unknown(value: dict[str, Any], known: Iterable[str]) -> str | None:
    """The first member that is not ``known``."""
    return next((name for name in value if name not in set(known)), None)


RAW = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "properties"}
"""Members whose inside is the caller's own."""


def cameled(value: Any) -> Any:
    """Google's JSON takes snake_case as well (protobuf.dev/programming-guides/json)."""
    if isinstance(value, list):
        return [cameled(item) for item in value]
    if not isinstance(value, dict):
        return value
    names = {name: re.sub(r"_([a-z])", lambda found: found[1].upper(), name) for name in value}
    return {names[name]: item if names[name] in RAW else cameled(item) for name, item in value.items()}


def is_base64(text: Any, url_safe: bool = False) -> bool:
    if url_safe and isinstance(text, str):
        text = text.replace("-", "+").replace("_", "/")
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return False
    return bool(text)


def data_url(url: Any) -> tuple[str, str] | None:
    """Mime type and base64 text of a data URL."""
    found = re.fullmatch(r"data:([\w.+/-]+);base64,(.+)", url, re.DOTALL) if isinstance(url, str) else None
    return (found[1], found[2]) if found and is_base64(found[2]) else None


def openai_schema(schema: Any, where: str, strict: bool) -> None:
    """platform.openai.com/docs/guides/structured-outputs#supported-schemas; without ``strict`` only the outline."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        kind = schema.get("type") if isinstance(schema, dict) else None
        raise Refused(
            f"Invalid schema for {where}: schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
        )
    _openai_part(schema, where, strict, "()")


def _openai_part(schema: Any, where: str, strict: bool, at: str) -> None:
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "array" and "items" not in schema:
        raise Refused(
            f"Invalid schema for {where}: In context={at}, array schema missing items.", "invalid_function_parameters"
        )
    properties = schema.get("properties") or {}
    if strict and schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise Refused(
                f"Invalid schema for {where}: In context={at}, 'additionalProperties' is required to be supplied and to be false.",
                "invalid_json_schema",
            )
        if set(schema.get("required") or []) != set(properties):
            raise Refused(
                f"Invalid schema for {where}: In context={at}, 'required' is required to be supplied and to be an array including every key in properties.",
                "invalid_json_schema",
            )
    for name, inner in properties.items():
        _openai_part(inner, where, strict, f"('properties', '{name}')")
    _openai_part(schema.get("items"), where, strict, "('items',)")
    for inner in schema.get("anyOf") or []:
        _openai_part(inner, where, strict, "('anyOf',)")
