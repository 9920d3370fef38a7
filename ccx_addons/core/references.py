"""Ids of what an upstream keeps: those a request refers to, and those an answer hands out.

Sources: platform.openai.com/docs/api-reference/responses (``ItemReferenceParam``: its ``type`` may be missing),
platform.openai.com/docs/guides/tools-code-interpreter (containers), platform.claude.com/docs/en/build-with-claude/files
and /agents-and-tools/tool-use/code-execution-tool (containers), ai.google.dev/api/files and ai.google.dev/api/caching.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.scan import holds, is_near

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_=+:.-]{0,199}")
"""What an id looks like: nothing in it means anything in a path."""


_CREATED: Final = re.compile(rb'"response"\s*+:\s*+\{[^{}\[\]]*?"id"\s*+:\s*+"([^"\\]{1,200})"')
FILES: Final = re.compile(
    rb'"(?:file_ids?|file_?[uU]ri|cached_?[cC]ontent|vector_store_ids|file_?[sS]earch_?[sS]tore_?[nN]ames)"'
)
"""In a body's bytes."""
BEGIN_FILES: Final = (b'"file', b'"cached', b'"vector_store_ids"')
LETTER: Final = re.compile(rb"\\u00[4-7]")
"""One that is written as an escape."""
WORDS_OF_TOOLS: Final = frozenset({"args", "arguments", "response", "parameters", "input_schema", "schema", "metadata"})
"""What stands in these is between the client and its model; so is ``input`` where it is an object."""
OWN_FILES: Final = re.compile(r"https?://(?!([^/]*\.)?googleapis\.com\b)[^/]", re.IGNORECASE)
"""Addresses that a Gemini upstream fetches from anywhere; others name a file of the account, or of its storage."""


STORES: Final = frozenset({"file_ids", "vector_store_ids", "fileSearchStoreNames", "file_search_store_names"})
"""Fields with lists of names."""


def may_name_files(body: bytes) -> bool:
    """Whether a body is worth looking through for files: a cheap test that nearly every body fails."""
    if holds(body, b"\\u00") and LETTER.search(body):
        return True
    return any(is_near(body, word, FILES, 32) for word in BEGIN_FILES)


def files_of(value: Any) -> Iterator[str]:
    """Names of files, stores of them and caches of an upstream's account that a body of any text protocol refers to."""
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
    elif name in STORES:
        yield from read.texts(value)
    elif name in ("fileUri", "file_uri") and isinstance(value, str) and not OWN_FILES.match(value):
        yield value


def items_of(members: Mapping[str, Any]) -> list[str]:
    """Ids of stored items that the ``input`` names instead of saying them."""
    return [read.text(item.get("id")) for item in read.mappings(members.get("input")) if _refers(item)]


def written_out(items: list[Any], said: Mapping[str, Any]) -> list[Any]:
    """The ``input`` with the items themselves where it names those that are known."""
    return [said.get(read.text(item.get("id")), item) if _names(item) else item for item in items]


def conversation_of(members: Mapping[str, Any]) -> str:
    """The id of a stored conversation that the request belongs to; empty: none."""
    found = members.get("conversation")
    return read.text(read.mapping(found).get("id") if isinstance(found, dict) else found)


def containers_of(members: Mapping[str, Any]) -> list[str]:
    """Ids of containers, in which code runs and files are, that a request goes on in."""
    named = [members.get("container")]
    for tool in read.mappings(members.get("tools")):
        if "container" in tool or "environment" in tool:
            named += [tool.get("container"), read.mapping(tool.get("environment")).get("container_id")]
    ids = (one if isinstance(one, str) else read.mapping(one).get("id") for one in named)
    return list(dict.fromkeys(filter(None, map(read.text, ids))))


def containers_in(answer: Mapping[str, Any]) -> list[str]:
    """Those that an answer names: Claude's at its top, OpenAI's in its calls. What a model says in a call is none."""
    named = [read.mapping(answer.get("container")).get("id")]
    for item in read.mappings(answer.get("output")):
        named += [item.get("container_id"), read.mapping(item.get("environment")).get("container_id")]
    return [id for id in dict.fromkeys(map(read.text, named)) if ID.fullmatch(id)]


def id_of_stream(opening: bytes) -> str:
    """The answer's id in the first event of a Responses stream; empty: it is not there."""
    found = _CREATED.search(opening)
    id = found[1].decode("latin-1") if found else ""
    return id if ID.fullmatch(id) else ""


def handed_out(answer: Mapping[str, Any]) -> list[str]:
    """Ids in an answer by which the client may name it, or a part of it, later."""
    named = (read.text(one.get("id")) for one in (answer, *read.mappings(answer.get("output"))))
    return [id for id in named if ID.fullmatch(id)]


def _names(item: Any) -> bool:
    return isinstance(item, dict) and _refers(item)


def _refers(item: Mapping[str, Any]) -> bool:
    match item.get("type"):
        case "item_reference":
            return True
        case "image_generation_call":
            return not item.get("result")
        case None | "":
            return "id" in item and "role" not in item
    return False
