"""What a block says that only its own protocol understands: its words and pictures, for all other protocols.

Search results, references to tools, documents made of blocks, code and what it printed, calls of MCP servers, actions
on a computer and its screen: each vendor has blocks and items of its own for them, and new ones come. So no form is
known here, only the names under which all of them keep words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Loss, Media, Opaque, Part, Text, Thinking
from ccx_addons.core.wire_json import dump_text

WORDS: Final = frozenset({
    "title", "source", "url", "uri", "text", "content", "context", "name", "tool_name", "toolName", "server_name",
    "server_label", "toolType", "query", "queries", "code", "output", "outputs", "logs", "stdout", "stderr", "summary",
    "message", "reason", "error", "error_code", "error_message", "refusal", "transcript", "results", "result", "prompt",
    "revised_prompt", "skill_name", "description", "instructions", "lines", "new_str", "file_text",
})  # fmt: skip
"""Names of fields with words."""
ARGUMENTS: Final = frozenset({"input", "arguments", "args", "action", "actions", "operation"})
"""Names of fields whose objects say what was done; said as JSON."""
SECRETS: Final = frozenset({
    "encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "thoughtSignature", "annotations",
    "citations", "logprobs", "cache_control",
})  # fmt: skip
"""Names of fields that only machines read."""
BINARY: Final = re.compile(r"[A-Za-z0-9+/_-]{400}")
"""How data begins that stands where others have words: base64."""
INVOCATIONS: Final = ("toolCall", "toolResponse")
"""Where Gemini says what its own tools were asked and said (google-genai, ToolCall and ToolType)."""
AS_TEXT: Final = "its words are said as text"
DEEPEST: Final = 20
BEHIND: Final = (
    "web_search", "web_fetch", "file_search", "tool_search", "mcp_call", "mcp_list_tools", "mcp_tool", "google_",
    "url_context", "media_processing",
)  # fmt: skip
"""How the kinds of blocks begin that are work behind an answer: a client is told of them as of thoughts. A question
whether a tool may be called is none: the answer ends with it."""
SEARCHES: Final = ("web_search", "google_search")
"""Of which a history has only addresses, what was found being encrypted: the answer after them says what it was."""


def said(part: Part, protocol: str, path: str, losses: list[Loss]) -> tuple[Part, ...]:
    """The part of a request as ``protocol`` says it: what only another one understands becomes its words."""
    if not isinstance(part, Opaque) or part.protocol == protocol:
        return (part,)
    found = () if _kind(part).startswith(SEARCHES) else spoken(part)
    losses.append(_loss(part, path, found))
    return found


def each(parts: Iterable[Part], protocol: str, path: str, losses: list[Loss]) -> Iterator[tuple[int, Part]]:
    """The parts of a request as ``protocol`` says them, each with the place of the one that it comes from."""
    for p, part in enumerate(parts):
        if isinstance(part, Opaque):
            for inner in said(part, protocol, f"{path}[{p}]", losses):
                yield p, inner
        else:
            yield p, part


def told(part: Part, protocol: str, path: str, losses: list[Loss]) -> tuple[Part, ...]:
    """The same for a part of an answer."""
    if not isinstance(part, Opaque) or part.protocol == protocol:
        return (part,)
    found = spoken(part)
    if _kind(part).startswith(BEHIND):
        found = tuple(Thinking(each.text) if isinstance(each, Text) else each for each in found)
    losses.append(_loss(part, path, found))
    return found


def unseen(part: Media, path: str, losses: list[Loss]) -> Text:
    """What is said in the place of a picture or a sound that the answer cannot hold: it may be all that there is."""
    losses.append(Loss(path, "an answer holds none here; words say where it was"))
    kind = {"image": "picture", "audio": "sound", "video": "video"}.get(part.mime.partition("/")[0], "file")
    return Text(f"[A {kind}: {part.url or 'this API cannot hold it'}]", apart=True)


def _kind(part: Opaque) -> str:
    """The word for what it is: the tool's name where the block is any tool's call."""
    table = read.mapping(part.value)
    for name in INVOCATIONS:
        if inner := read.mapping(table.get(name)):
            return read.text(inner.get("toolType")).lower()
    kind = read.text(table.get("type"))
    return read.text(table.get("name")) if kind == "server_tool_use" else kind


def _loss(part: Opaque, path: str, found: tuple[Part, ...]) -> Loss:
    if found:
        return Loss(path, f"only {part.protocol} has this form; {AS_TEXT}")
    return Loss(path, f"only {part.protocol} understands this")


def spoken(part: Opaque) -> tuple[Part, ...]:
    """Its words as one text, and its pictures."""
    words: list[str] = []
    pictures: list[Media] = []
    for found in _walk(part.value, "", 0):
        if isinstance(found, Media):
            pictures.append(found)
        else:
            words.append(found)
    text = "\n".join(words)
    return (*((Text(text, apart=True),) if text else ()), *pictures)


def text_of(part: Opaque) -> str:
    """Its words alone."""
    return "\n".join(each.text for each in spoken(part) if isinstance(each, Text))


def _walk(value: Json, name: str, depth: int) -> Iterator[str | Media]:
    if isinstance(value, str):
        if name in WORDS | ARGUMENTS and value.strip() and not (value.startswith("data:") or BINARY.match(value)):
            yield value.rstrip("\n")
    elif depth > DEEPEST:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, name, depth + 1)
    elif isinstance(value, dict):
        if name in ARGUMENTS:
            yield dump_text(value)
        elif value.get("thought") is True:
            return
        elif picture := _picture(value):
            yield picture
        else:
            yield from _members(value, depth)


def _members(table: Mapping[str, Json], depth: int) -> Iterator[str | Media]:
    if isinstance(code := table.get("code"), str):
        yield f"```{read.text(table.get('language')).lower()}\n{code}\n```"
    if isinstance(allowed := table.get("approve"), bool):
        yield "approved" if allowed else "not approved"
    if read.text(table.get("media_type")).startswith("text/") and isinstance(data := table.get("data"), str):
        yield data
    for name, value in table.items():
        if name not in SECRETS and not (name == "code" and isinstance(value, str)):
            yield from _walk(value, name, depth + 1)


def _picture(table: Mapping[str, Json]) -> Media | None:
    """A picture in any vendor's form: data and its type, a data URL, or an address."""
    if table.get("type") == "image_generation_call" and isinstance(data := table.get("result"), str):
        return Media(f"image/{read.text(table.get('output_format')) or 'png'}", data=data)
    source = read.mapping(table.get("source")) or table
    mime = read.text(source.get("media_type")) or read.text(source.get("mimeType"))
    if mime.startswith("image/") and isinstance(data := source.get("data"), str):
        return Media(mime, data=data)
    url = read.text(table.get("image_url")) or (read.text(source.get("url")) if table.get("type") == "image" else "")
    if not url:
        return None
    found = read.data_url(url)
    return Media(found[0], data=found[1]) if found else Media("image/*", url=url)
