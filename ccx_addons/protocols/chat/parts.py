"""Content parts of messages, both ways (platform.openai.com/docs/api-reference/chat/create, messages)."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final

from ccx_addons.core import demand, read, words
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.media import of_data, sniffed
from ccx_addons.core.neutral import Extra, Json, Loss, Media, Opaque, Part, Refusal, Text
from ccx_addons.protocols.chat.foreign import read_block
from ccx_addons.protocols.chat.wire import NAME, NOTHING, Fields, keep, own, sidecar

TEXT_TYPES: Final = frozenset({"text", "input_text", "output_text"})
TEXT_FIELDS: Final = frozenset({"type", "text"})
REFUSAL_FIELDS: Final = frozenset({"type", "refusal"})

ANY_IMAGE: Final = "image/*"
DETAILS: Final = frozenset({"low", "high", "auto"})
"""What every server knows; ``original`` is known only to the newest."""
PDF: Final = "application/pdf"
AUDIO_FORMATS: Final[Mapping[str, str]] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
AUDIO_TYPES: Final[Mapping[str, str]] = {"wav": "audio/wav", "mp3": "audio/mpeg"}
VIDEO: Final = "video_url"
LINKS: Final[Mapping[str, str]] = {
    VIDEO: "video/*",
    "audio_url": "audio/*",
    "file_url": PDF,
    "document_url": PDF,
}
"""Parts that some servers take -> what they hold (docs.vllm.ai/en/latest/features/multimodal_inputs,
docs.mistral.ai/capabilities/document_ai, docs.z.ai/guides/vlm, openrouter.ai/docs/features/multimodal/videos)."""
TEXT_MIMES: Final = frozenset({"application/json", "application/xml", "application/yaml", "application/javascript"})
EXTENSIONS: Final[Mapping[str, str]] = {
    "pdf": PDF,
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
}
"""Ending of a file's name -> its type, where nothing else says it. A file without either is a PDF."""
FOREIGN_FILES: Final = ("file_", "files/", "http://", "https://", "gs://")
"""How other vendors' file ids begin; this protocol's begin with ``file-``."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_content(content: Json, path: str) -> tuple[Part, ...]:
    """``content`` of a message: a string, a list of parts, or null. Raises BadRequest for anything else."""
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise BadRequest("content must be a string or a list of parts", path)
    parts = (_read_part(block, f"{path}[{n}]") for n, block in enumerate(content))
    return tuple(part for part in parts if part != Text(""))


def _read_part(block: Json, path: str) -> Part:
    if isinstance(block, str):
        return Text(block)
    if not isinstance(block, dict) or not isinstance(kind := block.get("type"), str):
        raise BadRequest("a content part must be an object with a type", path)
    if kind in TEXT_TYPES:
        return Text(demand.text(block.get("text"), f"{path}.text"), keep(block, TEXT_FIELDS))
    match kind:
        case "refusal":
            return Refusal(demand.text(block.get("refusal"), f"{path}.refusal"), keep(block, REFUSAL_FIELDS))
        case "image_url":
            return _read_image(block, path)
        case "input_audio":
            return _read_audio(block, path)
        case "file":
            return _read_file(block, path)
        case "input_video":
            video = read.mapping(block.get(kind))
            data = demand.text(video.get("data"), f"{path}.{kind}.data")
            return of_data(f"video/{read.text(video.get('format'), 'mp4')}", data)
        case kind if kind in LINKS:
            return _read_link(block, kind, path)
    return read_block(block, path, read_content) or Opaque(NAME, dict(block))


def _read_image(block: Mapping[str, Json], path: str) -> Media:
    image = block.get("image_url")
    inner = read.mapping(image)
    url = demand.text(image if isinstance(image, str) else inner.get("url"), f"{path}.image_url.url")
    detail = read.text(inner.get("detail")) or None
    extra = _extra(block, "image_url", inner, {"url", "detail"})
    if found := read.data_url(url):
        return of_data(*found, detail=detail, extra=extra)
    if sniffed(url):
        return of_data(ANY_IMAGE, url, detail=detail, extra=extra)
    return Media(ANY_IMAGE, url=url, detail=detail, extra=extra)


def _read_link(block: Mapping[str, Json], kind: str, path: str) -> Media:
    """Media at an address, or as a data URL, in a form of some servers."""
    inner = block.get(kind)
    url = demand.text(inner if isinstance(inner, str) else read.mapping(inner).get("url"), f"{path}.{kind}.url")
    found = read.data_url(url)
    return of_data(*found) if found else Media(LINKS[kind], url=url)


def _read_audio(block: Mapping[str, Json], path: str) -> Media:
    inner = read.mapping(block.get("input_audio"))
    data = demand.text(inner.get("data"), f"{path}.input_audio.data")
    form = demand.text(inner.get("format"), f"{path}.input_audio.format")
    mime = AUDIO_TYPES.get(form, f"audio/{form}")
    return of_data(mime, data, extra=_extra(block, "input_audio", inner, {"data", "format"}))


def _read_file(block: Mapping[str, Json], path: str) -> Media:
    inner = read.mapping(block.get("file"))
    name = read.text(inner.get("filename"))
    mime = EXTENSIONS.get(name.rpartition(".")[2].lower(), PDF)
    source = "file_data" if inner.get("file_id") is None else "file_id"
    extra = _extra(block, "file", inner, {source, "filename"})
    if inner.get("file_id") is not None:
        return Media(mime, file_id=demand.text(inner["file_id"], f"{path}.file.file_id"), name=name, extra=extra)
    data = demand.text(inner.get("file_data"), f"{path}.file.file_data")
    if found := read.data_url(data):
        return Media(found[0], data=found[1], name=name, extra=extra)
    if data.startswith(("http://", "https://")):
        # An extension of some servers, for which the wire form is kept.
        return Media(mime, url=data, name=name, extra=_extra(block, "file", inner, {"file_id", "filename"}))
    return Media(mime, data=data, name=name, extra=extra)


def _extra(block: Mapping[str, Json], kind: str, inner: Mapping[str, Json], known: set[str]) -> Extra:
    """The side-car of a part, with the unknown fields of its inner object under that object's name."""
    rest = {name: value for name, value in inner.items() if name not in known and value is not None}
    outer = {name: value for name, value in block.items() if name not in ("type", kind)}
    return sidecar({**outer, kind: rest or None})


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def write_parts(parts: Iterable[Part], path: str, losses: list[Loss], videos: bool = False) -> list[Fields]:
    """Text and media as content parts, in order; a loss for what has no place in content."""
    return [block for n, part in enumerate(parts) for block in write_part(part, f"{path}[{n}]", losses, videos)]


def write_part(part: Part, path: str, losses: list[Loss], videos: bool = False) -> list[Fields]:
    """One content part, or none. ``videos``: whether they are taken."""
    match part:
        case Text(text, extra):
            return [{"type": "text", "text": text, **own(extra)}] if text else []
        case Refusal(text):
            return [{"type": "text", "text": text}]
        case Media():
            block = write_media(part, videos)
            if isinstance(block, dict):
                if part.detail and part.detail not in DETAILS:
                    losses.append(Loss(f"{path}.detail", f"{part.detail} is said as high"))
                if part.name and block["type"] not in ("file", "text"):
                    losses.append(Loss(f"{path}.name", "only files have names here"))
                return [block]
            losses.append(Loss(path, block))
        case Opaque(protocol, value) if protocol == NAME:
            return [value]
        case Opaque():
            said = words.said(part, NAME, path, losses)
            return [block for inner in said for block in write_part(inner, path, losses)]
        case _:
            losses.append(Loss(path, f"{type(part).__name__} has no place here"))
    return []


def join_texts(blocks: list[Fields], between: str) -> str | list[Fields]:
    """One string where that says the same: many servers take nothing else for text."""
    if all(block.keys() == {"type", "text"} for block in blocks):
        return between.join(block["text"] for block in blocks)
    return blocks


def write_media(part: Media, videos: bool = False) -> Fields | str:
    """The content part, or why there is none."""
    mime = part.mime.partition(";")[0].strip().lower()
    if mime.startswith("image/"):
        return _write_image(part, mime)
    if mime.startswith("audio/"):
        form = AUDIO_FORMATS.get(mime, mime.removeprefix("audio/"))
        if part.data is None:
            return "sound is taken only as data"
        return _block("input_audio", {"data": part.data, "format": form}, part.extra)
    if mime.startswith("video/"):
        return _write_video(part, mime) if videos and part.file_id is None else "video is not taken"
    return _write_file(part, mime)


def _write_image(part: Media, mime: str) -> Fields | str:
    if part.file_id is not None:
        return "an image is taken only as data or URL"
    kind = "image/png" if mime == ANY_IMAGE else mime
    url = part.url if part.url is not None else f"data:{kind};base64,{part.data}"
    detail = {"detail": part.detail if part.detail in DETAILS else "high"} if part.detail else {}
    return _block("image_url", {"url": url, **detail}, part.extra)


def _write_video(part: Media, mime: str) -> Fields:
    kind = "video/mp4" if mime == LINKS[VIDEO] else mime
    return _block(VIDEO, {"url": part.url if part.url is not None else f"data:{kind};base64,{part.data}"}, part.extra)


def _write_file(part: Media, mime: str) -> Fields | str:
    name = {"filename": part.name} if part.name else {}
    if part.file_id is not None:
        if part.file_id.startswith(FOREIGN_FILES):
            return "a file stored at another vendor cannot be read here"
        return _block("file", {"file_id": part.file_id, **name}, part.extra)
    if part.url is not None:
        if "file_data" not in own(part.extra).get("file", NOTHING):
            return "a file is taken only as data"
        return _block("file", name, part.extra)
    if _is_text(mime):
        return _file_as_text(part, mime)
    mime = mime or PDF
    name = {"filename": part.name or "document.pdf"}
    return _block("file", {"file_data": f"data:{mime};base64,{part.data}", **name}, part.extra)


def _file_as_text(part: Media, mime: str) -> Fields | str:
    try:
        text = base64.b64decode(part.data or "").decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return f"{mime} is not UTF-8 text"
    return {"type": "text", "text": f"<document>\n<name>{part.name}</name>\n{text}\n</document>" if part.name else text}


def _is_text(mime: str) -> bool:
    return mime.startswith("text/") or mime in TEXT_MIMES or mime.endswith(("+json", "+xml"))


def _block(kind: str, inner: Fields, extra: Extra) -> Fields:
    kept = own(extra)
    return {"type": kind, kind: {**inner, **kept.pop(kind, NOTHING)}, **kept}
