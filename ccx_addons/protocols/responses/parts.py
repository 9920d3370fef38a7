"""Content parts of messages and results, both ways (platform.openai.com/docs/api-reference/responses/create, input)."""

from collections.abc import Iterable, Mapping
from typing import Final

from ccx_addons.core import demand, read, sources, words
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.media import of_data, sniffed
from ccx_addons.core.neutral import Extra, Json, Loss, Media, Opaque, Part, Refusal, Text, merge_extra
from ccx_addons.protocols.responses.wire import NAME, NOTHING, Item, keep, own, sidecar

TEXT_TYPES: Final = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
TEXT_FIELDS: Final = frozenset({"type", "text", "annotations", "logprobs"})
LISTS: Final = ("annotations", "logprobs")
REFUSAL_FIELDS: Final = frozenset({"type", "refusal"})
IMAGE_FIELDS: Final = frozenset({"type", "image_url", "file_id", "source", "detail"})
FILE_FIELDS: Final = frozenset({"type", "filename"})
SOURCES: Final = ("file_id", "file_url", "file_data")
"""Where a file is, the first that is there counts."""
AUDIO_FIELDS: Final = frozenset({"type", "input_audio"})
ITEM: Final = "item"
"""Where a part of an assistant message or a system text keeps its item's own fields, e.g. ``id`` and ``phase``."""

ANY_IMAGE: Final = "image/*"
PDF: Final = "application/pdf"
AUDIO_TYPES: Final[Mapping[str, str]] = {"wav": "audio/wav", "mp3": "audio/mpeg"}
EXTENSIONS: Final[Mapping[str, str]] = {
    "pdf": PDF,
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
}
"""Ending of a file's name -> its type, where nothing else says it. A file without either is a PDF."""
NAMES: Final[Mapping[str, str]] = {mime: f"file.{ending}" for ending, mime in EXTENSIONS.items()}
FOREIGN_FILES: Final = ("file_", "files/", "http://", "https://", "gs://")
"""How other vendors' file ids begin; this protocol's begin with ``file-``."""
ERROR_MARK: Final = "[error] "
"""Begins the result of a call that failed: the wire has no other word for it."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_content(content: Json, path: str, item: Mapping[str, Json] = NOTHING) -> tuple[Part, ...]:
    """``content`` of a message, ``output`` of a result: a string, a list of parts, or null.

    ``item``: fields of the message's item that its texts keep. Raises BadRequest for anything else.
    """
    extra = sidecar({ITEM: dict(item) or None})
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Text(content, extra),)
    if not isinstance(content, list):
        raise BadRequest("content must be a string or a list of parts", path)
    return tuple(_read_part(block, f"{path}[{n}]", extra) for n, block in enumerate(content))


def _read_part(block: Json, path: str, extra: Extra) -> Part:
    if isinstance(block, str):
        return Text(block, extra)
    if not isinstance(block, dict) or not isinstance(kind := block.get("type"), str):
        raise BadRequest("a content part must be an object with a type", path)
    if kind in TEXT_TYPES:
        demand.text(block.get("text"), f"{path}.text")
        return read_text(block, extra)
    match kind:
        case "refusal":
            demand.text(block.get("refusal"), f"{path}.refusal")
            return read_text(block, extra)
        case "input_image" | "image_url" | "image":
            return _read_image(block, path)
        case "input_file" | "file":
            return _read_file(block, path)
        case "input_audio":
            audio = read.mapping(block.get("input_audio"))
            data = demand.text(audio.get("data"), f"{path}.input_audio.data")
            form = demand.text(audio.get("format"), f"{path}.input_audio.format")
            return of_data(AUDIO_TYPES.get(form, f"audio/{form}"), data, extra=keep(block, AUDIO_FIELDS))
    return Opaque(NAME, dict(block))


def read_text(block: Mapping[str, Json], extra: Extra) -> Text | Refusal:
    """A part with text. Annotations and the like are kept where there are any."""
    if block.get("type") == "refusal":
        return Refusal(read.text(block.get("refusal")), merge_extra(keep(block, REFUSAL_FIELDS), extra))
    rest = {name: value for name, value in block.items() if name not in TEXT_FIELDS or (name in LISTS and value)}
    found = sources.of_url_citations(block.get("annotations")) if block.get("annotations") else ()
    return Text(read.text(block.get("text")), merge_extra(sidecar(rest), extra), sources=found)


def _read_image(block: Mapping[str, Json], path: str) -> Media:
    source = read.mapping(block.get("source"))
    image = block.get("image_url", source.get("url"))
    inner = read.mapping(image)
    detail = read.text(block.get("detail")) or read.text(inner.get("detail")) or None
    extra = keep(block, IMAGE_FIELDS)
    if block.get("file_id") is not None:
        return Media(ANY_IMAGE, file_id=demand.text(block["file_id"], f"{path}.file_id"), detail=detail, extra=extra)
    if isinstance(data := source.get("data"), str):
        return of_data(read.text(source.get("media_type"), ANY_IMAGE), data, detail=detail, extra=extra)
    url = demand.text(inner.get("url", image), f"{path}.image_url")
    if found := read.data_url(url):
        return of_data(*found, detail=detail, extra=extra)
    if sniffed(url):
        return of_data(ANY_IMAGE, url, detail=detail, extra=extra)
    return Media(ANY_IMAGE, url=url, detail=detail, extra=extra)


def _read_file(block: Mapping[str, Json], path: str) -> Media:
    fields = {**read.mapping(block.get("file")), **block}
    name = read.text(fields.get("filename"))
    mime = EXTENSIONS.get(name.rpartition(".")[2].lower(), PDF)
    source = next((key for key in SOURCES if fields.get(key) is not None), SOURCES[-1])
    extra = keep(block, FILE_FIELDS | {"file", source})
    if fields.get("file_id") is not None:
        return Media(mime, file_id=demand.text(fields["file_id"], f"{path}.file_id"), name=name, extra=extra)
    if fields.get("file_url") is not None:
        return Media(mime, url=demand.text(fields["file_url"], f"{path}.file_url"), name=name, extra=extra)
    data = demand.text(fields.get("file_data"), f"{path}.file_data")
    if found := read.data_url(data):
        return Media(found[0], data=found[1], name=name, extra=extra)
    return Media(mime, data=data, name=name, extra=extra)


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def write_parts(parts: Iterable[Part], path: str, assistant: bool, losses: list[Loss]) -> list[Item]:
    """Content parts; a loss for each part that has no place among them."""
    blocks: list[Item] = []
    for n, part in words.each(parts, NAME, path, losses):
        block = _write_part(part, assistant)
        if isinstance(block, str):
            losses.append(Loss(f"{path}[{n}]", block))
        elif block:
            blocks.append(block)
            if isinstance(part, Media) and part.name and block["type"] != "input_file":
                losses.append(Loss(f"{path}[{n}].name", "only files have names here"))
    return blocks


def _write_part(part: Part, assistant: bool) -> Item | str:
    """The block, none for blank text, or why there is none."""
    match part:
        case Text(text, extra):
            block = {"type": "output_text" if assistant else "input_text", "text": text, **_fields(extra)}
            return block if text else {}
        case Refusal(text, extra) if assistant:
            return {"type": "refusal", "refusal": text, **_fields(extra)}
        case Refusal(text):
            return {"type": "input_text", "text": text}
        case Media() if assistant:
            return "an assistant message holds no media"
        case Media():
            return write_media(part)
        case Opaque(value=dict(value)):
            return value
    return f"{type(part).__name__} has no place here"


def _fields(extra: Extra) -> Item:
    return {name: value for name, value in own(extra).items() if name != ITEM} if extra else {}


def write_media(part: Media) -> Item | str:
    """The block, or why there is none."""
    mime = part.mime.partition(";")[0].strip().lower()
    if part.file_id is not None and part.file_id.startswith(FOREIGN_FILES):
        return "a file stored at another vendor cannot be read here"
    if mime.startswith("image/"):
        return _write_image(part, mime) | own(part.extra)
    if mime.startswith(("audio/", "video/")):
        form = next((form for form, type_ in AUDIO_TYPES.items() if type_ == mime or f"audio/{form}" == mime), None)
        if form is None or part.data is None:
            return f"messages hold no {mime}"
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": form}, **own(part.extra)}
    name = {"filename": part.name} if part.name else {}
    if part.file_id is not None:
        return {"type": "input_file", "file_id": part.file_id, **name, **own(part.extra)}
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url, **name, **own(part.extra)}
    if mime in ("", "application/octet-stream"):
        mime = EXTENSIONS.get(part.name.rpartition(".")[2].lower(), mime or PDF)
    # The API demands a name beside data, by whose ending it knows the type.
    name = {"filename": part.name or NAMES.get(mime, "file")}
    return {"type": "input_file", **name, "file_data": f"data:{mime};base64,{part.data}", **own(part.extra)}


def _write_image(part: Media, mime: str) -> Item:
    block: Item = {"type": "input_image"}
    if part.file_id is not None:
        block["file_id"] = part.file_id
    elif part.url is not None:
        block["image_url"] = part.url
    else:
        block["image_url"] = f"data:{mime if mime != ANY_IMAGE else 'image/png'};base64,{part.data}"
    return block | ({"detail": part.detail} if part.detail else {})
