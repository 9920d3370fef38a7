"""Ids of what an upstream keeps: those a request refers to, and those an answer hands out.

Sources: platform.openai.com/docs/api-reference/responses (``ItemReferenceParam``: its ``type`` may be missing),
platform.openai.com/docs/guides/tools-code-interpreter (containers), platform.claude.com/docs/en/build-with-claude/files
and /agents-and-tools/tool-use/code-execution-tool (containers) and /agents-and-tools/agent-skills (skills),
ai.google.dev/api/files and ai.google.dev/api/caching, cloud.google.com/vertex-ai/generative-ai/docs/grounding
(``retrieval``), learn.microsoft.com/azure/ai-services/openai/references/on-your-data (``data_sources``).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.scan import holds, is_near

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_=+:.-]{0,199}")
"""What an id looks like: nothing in it means anything in a path."""


_CREATED: Final = re.compile(rb'"response"\s*+:\s*+\{[^{}\[\]]*?"id"\s*+:\s*+"([^"\\]{1,200})"')


def _in_any_letters(names: str) -> re.Pattern[bytes]:
    """In bytes whose ASCII is in small letters. Two more letters become s and k where case does not count."""
    return re.compile(names.encode().replace(b"s", b"(?:s|\xc5\xbf)").replace(b"k", b"(?:k|\xe2\x84\xaa)"))


FILES: Final = _in_any_letters(
    '"(file_id|file_ids|file_?uri|cached_?content|vector_store_ids|file_?search_?store_?names|skill_id)"'
)
"""In a body's bytes, in small letters."""
BEGIN_FILES: Final = (b'"file', b'"cached', b'"vector_', b'ill_id"')
"""A part of each, without letters that have a third form."""
LONGEST: Final = 48
"""Bytes of such a name, at most."""
LETTER: Final = re.compile(rb"\\u(?:00[4-7]|017f|212a)")
"""One that is written as an escape, in small letters."""
ESCAPES: Final = (b"\\u00", b"\\u017f", b"\\u212a")
WORDS_OF_TOOLS: Final = frozenset({"args", "arguments", "response", "parameters", "input_schema", "schema", "metadata"})
"""What stands in these is between the client and its model; so is ``input`` where it is an object."""
OWN_FILES: Final = re.compile(r"https?://(?!([^/]*\.)?googleapis\.com\b)[^/]", re.IGNORECASE)
"""Addresses that a Gemini upstream fetches from anywhere; others name a file of the account, or of its storage."""


STORES: Final = frozenset({"file_ids", "vector_store_ids", "filesearchstorenames", "file_search_store_names"})
"""Fields with lists of names, in small letters."""
NAMES: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(("file_id", "cachedcontent", "cached_content"), re.compile("")),
    **dict.fromkeys(("fileuri", "file_uri"), re.compile(rf"(?!{OWN_FILES.pattern})", re.IGNORECASE)),
    "skill_id": re.compile("skill_"),  # uploaded; a vendor's own have names (pptx, openai-spreadsheets)
}
"""Fields with one name, in small letters, and which of their values are names."""
ASKS_INDEXES: Final = ("data_sources", "dataSources")
"""Azure searches these with the identity of the account's resource."""


def may_name_files(body: bytes) -> bool:
    """Whether a body is worth looking through for files: a cheap test that nearly every body fails."""
    small = body.lower()
    if holds(small, b"\\u") and any(is_near(small, begin, LETTER, 4) for begin in ESCAPES):
        return True
    return any(is_near(small, word, FILES, LONGEST) for word in BEGIN_FILES)


def account_of(members: Mapping[str, Any]) -> Iterator[str]:
    """What else of an upstream's account a request names: stored prompts, search indexes, Vertex AI's corpora."""
    if "prompt" in members and (id := read.text(read.mapping(members["prompt"]).get("id"))):
        yield id
    yield from (name for name in ASKS_INDEXES if members.get(name))
    yield from ("retrieval" for tool in read.mappings(members.get("tools")) if "retrieval" in tool)


def files_of(value: Any) -> Iterator[str]:
    """Names of files, stores of them and caches of an upstream's account that a body of any text protocol refers to."""
    left = [value]
    while left:
        match left.pop():
            case dict() as table:
                for name, inner in table.items():
                    yield from _files(name.casefold(), inner)
                    if name not in WORDS_OF_TOOLS and not (name == "input" and isinstance(inner, dict)):
                        left.append(inner)
            case list() as entries:
                left += entries


def _files(name: str, value: Any) -> Iterator[str]:
    """``name``: in small letters."""
    if name in STORES:
        yield from read.texts(value)
    elif (what := NAMES.get(name)) and isinstance(value, str) and value and what.match(value):
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
