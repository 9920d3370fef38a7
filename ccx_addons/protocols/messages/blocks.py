"""Content blocks and neutral parts (platform.claude.com/docs/en/api/messages, ContentBlockParam)."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ccx_addons.core import read, words
from ccx_addons.core.arguments import mended
from ccx_addons.core.media import of_data
from ccx_addons.core.neutral import Extra, Json, Loss, Media, Opaque, Part, Source, Text, Thinking, ToolCall, ToolResult
from ccx_addons.core.signatures import mark, sift, thought_at_home, unmark
from ccx_addons.core.sources import of_citations
from ccx_addons.core.wire_json import BadJson, dump_text, loads
from ccx_addons.core.works import is_made
from ccx_addons.protocols.messages.wire import NAME, Block, keep, own

RAW_ARGUMENTS: Final = "raw_arguments"
"""Where a tool call keeps arguments that are no JSON object: the wire takes only an object."""

IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
ANY_IMAGE: Final = "image/*"
PDF: Final = "application/pdf"
TEXT_TYPES: Final = frozenset({"application/json", "application/xml", "application/yaml", "application/javascript"})
FOREIGN_FILES: Final = ("file-", "files/", "http://", "https://", "gs://")
"""How other vendors' file ids begin; this protocol's begin with ``file_``."""

TEXT_FIELDS: Final = frozenset({"type", "text"})
THINKING_FIELDS: Final = frozenset({"type", "thinking", "signature", "data"})
CALL_FIELDS: Final = frozenset({"type", "id", "name", "input"})
RESULT_FIELDS: Final = frozenset({"type", "tool_use_id", "content", "is_error"})
MEDIA_FIELDS: Final = frozenset({"type", "source", "title"})

CITED: Final = "web_search_result_location"
OURS: Final = "page"
"""What the mark of a citation says that no search of this protocol made."""

LOOP_WITHOUT_THOUGHTS: Final = "the running tool loop began without thinking"
SIGNATURES: Final[Mapping[str, str]] = {"thinking": "signature", "redacted_thinking": "data"}
"""Type of a block with a thought -> the field with its signature."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_block(block: Mapping[str, Json]) -> Part:
    """The part that a block says; what has no neutral form is Opaque. Wrong types read as absent."""
    match block.get("type"):
        case "text":
            text = read.text(block.get("text"))
            found = of_citations(block["citations"], len(text)) if block.get("citations") else ()
            return Text(text, keep(block, TEXT_FIELDS), sources=found)
        case "thinking":
            signature = read.text(block.get("signature")) or None
            return Thinking(read.text(block.get("thinking")), signature, NAME, False, keep(block, THINKING_FIELDS))
        case "redacted_thinking":
            signature = read.text(block.get("data")) or None
            return Thinking("", signature, NAME, True, keep(block, THINKING_FIELDS))
        case "tool_use":
            arguments = write_arguments(block.get("input"))
            return ToolCall(
                read.text(block.get("id")), read.text(block.get("name")), arguments, keep(block, CALL_FIELDS)
            )
        case "tool_result":
            parts = read_content(block.get("content"))
            failed = block.get("is_error") is True
            return ToolResult(read.text(block.get("tool_use_id")), parts, failed, extra=keep(block, RESULT_FIELDS))
        case "image" | "document":
            return read_media(block)
    return Opaque(NAME, dict(block))


def read_content(content: Json) -> tuple[Part, ...]:
    """``content`` of a message or a tool result: a string is one text, an empty one nothing."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple(read_block(block) for block in read.mappings(content))


def true_origin(part: Thinking) -> Thinking:
    """Thinking that a client sends back, under the protocol whose signature it carries."""
    if part.signature and (found := unmark(part.signature)):
        origin, signature = found
        return replace(part, origin=origin, signature=signature or None)
    return part


def without_foreign(members: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Loss]]:
    """A client's body as an upstream of this protocol can read it: without thoughts that another protocol signed.

    The same object where there are none. A turn with nothing else goes too: the API refuses empty ones. Manual thinking
    is switched off where the running tool loop has lost its thoughts.
    """
    losses: list[Loss] = []
    own = sift(members, "messages", _turn_at_home, losses)
    manual = read.mapping(members.get("thinking")).get("type") == "enabled"
    if losses and manual and not thoughts_in_loop(_turns(own)):
        losses.append(Loss("thinking", LOOP_WITHOUT_THOUGHTS))
        own = {**own, "thinking": {"type": "disabled"}}
    return own, losses


def _turns(members: Mapping[str, Json]) -> list[tuple[str, Sequence[Mapping[str, Json]]]]:
    """Roles and blocks of a body's messages; a content that is text has none."""
    turns = read.mappings(members.get("messages"))
    return [(read.text(turn.get("role")), read.mappings(turn.get("content"))) for turn in turns]


def thoughts_in_loop(turns: Sequence[tuple[str, Sequence[Mapping[str, Json]]]]) -> bool:
    """Whether manual thinking may be on: the running tool loop, if there is one, has a turn that begins with thinking.

    ``turns``: role and blocks of each. The API refuses otherwise: "Expected thinking or redacted_thinking, but found
    tool_use".
    """
    called = False
    for role, blocks in reversed(turns):
        kinds = [read.text(block.get("type")) for block in blocks]
        if role == "user" and "tool_result" not in kinds:
            break
        if role == "assistant" and kinds:
            if kinds[0] in SIGNATURES:
                return True
            called = called or "tool_use" in kinds
    return not called


def _turn_at_home(turn: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json] | None:
    found = sift(turn, "content", _block_at_home, losses, path)
    return found if found is turn or found["content"] else None


def _block_at_home(block: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json] | None:
    if is_made(block):
        text = "" if _is_search(block) else words.text_of(Opaque(NAME, dict(block)))
        return {"type": "text", "text": text} if text else None
    if block.get("citations"):
        own_ones = [note for note in read.items(block["citations"]) if not _is_ours(note)]
        return block if own_ones == block["citations"] else {**block, "citations": own_ones or None}
    field = SIGNATURES.get(read.text(block.get("type")))
    return thought_at_home(block, field, NAME, path, losses) if field else block


def _is_search(block: Mapping[str, Json]) -> bool:
    """Of which only addresses are known: the answer itself says what they said."""
    return block.get("type") == "web_search_tool_result" or block.get("name") == "web_search"


def _is_ours(citation: Json) -> bool:
    return unmark(read.text(read.mapping(citation).get("encrypted_index"))) is not None


def write_signature(signature: str | None, origin: str) -> str:
    """A foreign signature is marked, so that it finds its way back."""
    return mark(signature, origin) if signature and origin != NAME else signature or ""


def read_media(block: Mapping[str, Json]) -> Media | Opaque:
    source = read.mapping(block.get("source"))
    name = read.text(block.get("title"))
    extra = keep(block, MEDIA_FIELDS)
    mime = ANY_IMAGE if block.get("type") == "image" else PDF
    match source.get("type"), source:
        case "base64", {"data": str(data)}:
            return of_data(read.text(source.get("media_type"), mime), data, name, extra=extra)
        case "text", {"data": str(data)}:
            encoded = base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()
            return Media("text/plain", data=encoded, name=name, extra=extra)
        case "url", {"url": str(url)}:
            return Media(mime, url=url, name=name, extra=extra)
        case "file", {"file_id": str(file_id)}:
            return Media(mime, file_id=file_id, name=name, extra=extra)
    return Opaque(NAME, dict(block))


def write_arguments(value: Json) -> str:
    """A block's ``input`` as the JSON text that the model wrote."""
    if isinstance(value, str):
        return mended(value)
    fields = read.mapping(value)
    if len(fields) == 1 and isinstance(raw := fields.get(RAW_ARGUMENTS), str):
        return raw
    return dump_text(fields)


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def write_text(text: str, extra: Extra) -> Block:
    return {"type": "text", "text": text, **own(extra)}


def write_citations(sources: Iterable[Source]) -> list[Block]:
    """Pages as a search of this protocol's own cites them, with a mark by which they are left out on their way back.

    What the page said is not known: sources say what of the answer comes from it.
    """
    return [
        {
            "type": CITED, "url": source.url, "title": source.title or None, "encrypted_index": mark("", OURS),
            "cited_text": "",
        }
        for source in sources
    ]  # fmt: skip


def write_thinking(part: Thinking) -> Block:
    signature = write_signature(part.signature, part.origin)
    if part.redacted:
        return {"type": "redacted_thinking", "data": signature, **own(part.extra)}
    return {"type": "thinking", "thinking": part.text, "signature": signature, **own(part.extra)}


def write_call(part: ToolCall, id_: str, name: str, path: str, losses: list[Loss]) -> Block:
    arguments = parse_arguments(part.arguments)
    if arguments is None:
        losses.append(Loss(path, f"the arguments are no JSON object; they stand in {RAW_ARGUMENTS}"))
        arguments = {RAW_ARGUMENTS: part.arguments}
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments, **own(part.extra)}


def parse_arguments(text: str) -> dict[str, Json] | None:
    """The object; empty for no text; None for anything else."""
    if not text.strip():
        return {}
    try:
        value = loads(text)
    except BadJson:
        return None
    return value if isinstance(value, dict) else None


def write_media(part: Media) -> Block | str:
    """The block, or why there is none."""
    mime = _mime(part)
    image = mime.startswith("image/")
    block: Block = {"type": "image" if image else "document", "source": None}
    if part.name and not image:
        block["title"] = part.name
    block |= own(part.extra)
    if part.file_id is not None:
        if part.file_id.startswith(FOREIGN_FILES):
            return "a file stored at another vendor cannot be read here"
        block["source"] = {"type": "file", "file_id": part.file_id}
        return block
    if not image and mime != PDF and not _is_text(mime):
        return f"{mime or 'media of unknown type'} is neither image, PDF nor text"
    if part.url is not None:
        block["source"] = {"type": "url", "url": part.url}
        return block
    source = _data_source(mime, part.data or "")
    block["source"] = source
    return block if isinstance(source, dict) else source


def _data_source(mime: str, data: str) -> dict[str, str] | str:
    if mime == PDF or mime in IMAGE_TYPES:
        return {"type": "base64", "media_type": mime, "data": data}
    if mime.startswith("image/"):
        return f"{mime} is no image type that is taken"
    try:
        text = base64.b64decode(data).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        return f"{mime} is not UTF-8 text"
    return {"type": "text", "media_type": "text/plain", "data": text}


def _mime(part: Media) -> str:
    """Without parameters; the name decides where the type says nothing."""
    mime = part.mime.partition(";")[0].strip().lower()
    if mime == "image/jpg":
        return "image/jpeg"
    if mime in ("", "application/octet-stream", "*/*") and (
        part.name.lower().endswith(".pdf") or part.url or part.file_id
    ):
        return PDF
    return mime


def _is_text(mime: str) -> bool:
    return mime.startswith("text/") or mime in TEXT_TYPES or mime.endswith(("+json", "+xml"))
