"""Ids of what an upstream keeps: those a request refers to, and those an answer hands out.

Sources: platform.openai.com/docs/api-reference/responses (``ItemReferenceParam``: its ``type`` may be missing),
platform.claude.com/docs/en/build-with-claude/files, ai.google.dev/api/files and ai.google.dev/api/caching.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ccx_addons.core import read

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_=+:.-]{0,199}")
"""What an id looks like: nothing in it means anything in a path."""


_CREATED: Final = re.compile(rb'"response"\s*+:\s*+\{[^{}\[\]]*?"id"\s*+:\s*+"([^"\\]{1,200})"')
MAY_NAME_FILES: Final = re.compile(rb'"(?:file_ids?|file_?[uU]ri|cached_?[cC]ontent)"|\\u00[4-7]')
"""In a body's bytes; letters may be written as escapes."""
WORDS_OF_TOOLS: Final = frozenset({"args", "arguments", "response", "parameters", "input_schema", "schema", "metadata"})
"""What stands in these is between the client and its model; so is ``input`` where it is an object."""
OWN_FILES: Final = re.compile(r"https?://(?!([^/]*\.)?googleapis\.com\b)[^/]", re.IGNORECASE)
"""Addresses that a Gemini upstream fetches from anywhere; others name a file of the account, or of its storage."""


def files_of(value: Any) -> Iterator[str]:
    """Names of files and caches of an upstream's account that a body of any text protocol refers to."""
    left = [value]
    while left:
        match left.pop():
            case dict() as table:
                for name, inner in table.items():
                    yield from _files(name, inner)
                    if name not in WORDS_OF_TOOLS and not (name == "input" and isinstance(inner, dict)):
                        left.append(inner)
            case list() as entries:
                left += entries


def _files(name: str, value: Any) -> Iterator[str]:
    if name in ("file_id", "cachedContent", "cached_content") and isinstance(value, str) and value:
        yield value
    elif name == "file_ids":
        yield from (one for one in read.items(value) if isinstance(one, str))
    elif name in ("fileUri", "file_uri") and isinstance(value, str) and not OWN_FILES.match(value):
        yield value


def items_of(members: Mapping[str, Any]) -> list[str]:
    """Ids of stored items that the ``input`` names instead of saying them."""
    return [read.text(item.get("id")) for item in read.mappings(members.get("input")) if _refers(item)]


def conversation_of(members: Mapping[str, Any]) -> str:
    """The id of a stored conversation that the request belongs to; empty: none."""
    found = members.get("conversation")
    return read.text(read.mapping(found).get("id") if isinstance(found, dict) else found)


def id_of_stream(opening: bytes) -> str:
    """The answer's id in the first event of a Responses stream; empty: it is not there."""
    found = _CREATED.search(opening)
    id = found[1].decode("latin-1") if found else ""
    return id if ID.fullmatch(id) else ""


def handed_out(answer: Mapping[str, Any]) -> list[str]:
    """Ids in an answer by which the client may name it, or a part of it, later."""
    named = (read.text(one.get("id")) for one in (answer, *read.mappings(answer.get("output"))))
    return [id for id in named if ID.fullmatch(id)]


def _refers(item: Mapping[str, Any]) -> bool:
    match item.get("type"):
        case "item_reference":
            return True
        case "image_generation_call":
            return not item.get("result")
        case None | "":
            return "id" in item and "role" not in item
    return False
