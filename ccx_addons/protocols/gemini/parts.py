"""Parts of a content and what stands in them: signatures, arguments, results, media.

Sources: ai.google.dev/api/caching#Part, /gemini-api/docs/thought-signatures, /function-calling, /file-input-methods.
"""

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterable, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.media import of_data, sniffed
from ccx_addons.core.neutral import Extra, Json, Loss, Media, Part, Refusal, Text, ToolCall, ToolResult
from ccx_addons.core.signatures import NOT_HOME, PLACEHOLDER, SEALED, mark, sift, unmark
from ccx_addons.core.wire_json import BadJson, dump_text, loads, loads_object
from ccx_addons.protocols.gemini.wire import NAME, Fields, camel, keep, own

PLACEHOLDERS: Final = frozenset({PLACEHOLDER, "context_engineering_is_the_way_to_go"})

RAW_ARGUMENTS: Final = "raw_arguments"
"""Where a call keeps arguments that are no JSON object: the wire takes only an object."""
RESULT_WORDS: Final = ("result", "output")
"""``response`` members that stand for the whole result; ``output`` is Google's, ``result`` what its clients write."""

VIDEOS: Final = re.compile(r"https?://(?:www\.|m\.)?(?:youtube\.com|youtu\.be)/")
"""Addresses that Google plays (ai.google.dev/gemini-api/docs/video-understanding)."""
GOOGLE_FILES: Final = ("https://generativelanguage.googleapis.com/", "gs://", "files/")
"""How addresses of files begin that only Google can read."""
IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
TEXT_TYPES: Final = frozenset({
    "application/json", "application/xml", "application/yaml", "application/javascript", "application/x-sh",
})  # fmt: skip
"""Text under another name; it is sent as text/plain."""

SIGNATURES: Final = ("thoughtSignature", "thought_signature")
"""Both names that the API takes."""
URL_SAFE: Final = str.maketrans("-_", "+/")
"""Google takes both alphabets of base64, and its Python client writes this one; others take only the other."""

MEDIA_FIELDS: Final = frozenset({"mimeType", "data", "fileUri", "displayName"})
PART_FIELDS: Final = frozenset({
    "text", "thought", "functionCall", "functionResponse", "inlineData", "fileData", "thoughtSignature",
})  # fmt: skip


# ---- signatures ------------------------------------------------------------------------------------------------------
def read_signature(part: Mapping[str, Json]) -> tuple[str | None, str]:
    """The part's signature, None for none or a placeholder, and the protocol that made it."""
    text = read.text(part.get("thoughtSignature"))
    if not text or text in PLACEHOLDERS:
        return None, NAME
    if text.startswith(SEALED):
        try:
            found = unmark(base64.b64decode(text.translate(URL_SAFE)).decode())
        except (binascii.Error, UnicodeDecodeError):
            return text, NAME
        if found:
            return found[1], found[0]
    return text, NAME


def write_signature(signature: str, origin: str) -> str:
    """A foreign signature is marked, in base64 as the API takes it, so that it finds its way back."""
    if origin == NAME:
        return signature
    return base64.b64encode(mark(signature, origin).encode("utf-8", "surrogatepass")).decode()


def without_foreign(members: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Loss]]:
    """A client's body as an upstream of this protocol can read it: without signatures that another protocol made.

    The same object where there are none. Thoughts go with their signature, and so does a content with nothing else.
    """
    losses: list[Loss] = []
    return sift(members, "contents", _content_at_home, losses), losses


def _content_at_home(content: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json] | None:
    found = sift(content, "parts", _part_at_home, losses, path)
    return found if found is content or found["parts"] else None


def _part_at_home(part: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json] | None:
    field = next((name for name in SIGNATURES if name in part), "")
    signature, origin = read_signature(camel(part))
    if signature is None or (origin == NAME and signature == part[field]):
        return part
    if origin == NAME:
        return {**part, field: signature}
    rest = {name: value for name, value in part.items() if name != field}
    said = part.get("thought") is not True and any(rest.values())
    losses.append(Loss(path, "the signature is another protocol's" if said else NOT_HOME))
    return rest if said else None


# ---- calls and results -----------------------------------------------------------------------------------------------
def read_arguments(value: Json) -> str:
    """``args`` as the JSON text that a model would have written."""
    fields = read.mapping(value)
    if len(fields) == 1 and isinstance(raw := fields.get(RAW_ARGUMENTS), str):
        return raw
    return dump_text(fields)


def write_call(call: ToolCall, name: str, path: str, losses: list[Loss]) -> Fields:
    """The part, with what this protocol kept of it."""
    arguments: Json = {}
    if call.arguments.strip():
        try:
            arguments = loads(call.arguments)
        except BadJson:
            arguments = None
    if not isinstance(arguments, dict):
        losses.append(Loss(path, f"the arguments are no JSON object; they stand in {RAW_ARGUMENTS}"))
        arguments = {RAW_ARGUMENTS: call.arguments}
    function: Fields = {"name": name, "args": arguments}
    if call.id:
        function["id"] = call.id
    return {"functionCall": function, **own(call.extra)}


def read_result(response: Mapping[str, Json], parts: Json) -> tuple[tuple[Part, ...], bool]:
    """The parts of a function's result, and whether it is an error."""
    media = tuple(found for item in read.mappings(parts) if (found := read_media(camel(item))))
    match response:
        case {"error": error} if len(response) == 1:
            return (*_text(error if isinstance(error, str) else dump_text(error)), *media), True
        case {"result": str(text)} | {"output": str(text)} if len(response) == 1:
            return (*_text(text), *media), False
    return (*_text(dump_text(response) if response else ""), *media), False


def _text(text: str) -> tuple[Text, ...]:
    return (Text(text),) if text else ()


def write_result(result: ToolResult, texts: Iterable[str]) -> Fields:
    """``response``: the object that the text is, else the text as ``result``; an error stands in ``error``."""
    text = "\n".join(texts)
    value: Json = text
    if text.startswith("{"):
        value = loads_object(text) or text
    if result.is_error:
        return {"error": value}
    if isinstance(value, dict) and not (len(value) == 1 and value.keys() & {"error", *RESULT_WORDS}):
        return value
    return {"result": text}


def texts_of(parts: Iterable[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text | Refusal)]


# ---- media -----------------------------------------------------------------------------------------------------------
def read_media(part: Mapping[str, Json]) -> Media | None:
    """What ``inlineData`` or ``fileData`` holds; None: neither is there."""
    extra = _media_extra(part)
    if blob := camel(read.mapping(part.get("inlineData"))):
        mime = read.text(blob.get("mimeType"))
        data = read.text(blob.get("data")).translate(URL_SAFE)
        return of_data(mime, data, read.text(blob.get("displayName")), extra=extra)
    file = camel(read.mapping(part.get("fileData")))
    uri = read.text(file.get("fileUri"))
    if not uri:
        return None
    mime, name = read.text(file.get("mimeType")), read.text(file.get("displayName"))
    if not mime and VIDEOS.match(uri):
        mime = "video/*"
    if uri.startswith(GOOGLE_FILES):
        return Media(mime, file_id=uri, name=name, extra=extra)
    return Media(mime, url=uri, name=name, extra=extra)


def _media_extra(part: Mapping[str, Json]) -> Extra:
    """The side-car of a part and of the object in it, whose own is under its name."""
    extra = keep(part, PART_FIELDS)
    known = MEDIA_FIELDS
    for name in ("inlineData", "fileData"):
        if inner := camel(read.mapping(part.get(name))):
            if rest := own(keep(inner, known)):
                extra = {NAME: {**own(extra), name: rest}}
            known = frozenset()  # the first of them counts
    return extra


def write_media(media: Media) -> Fields | str:
    """The part, or why there is none."""
    address = media.url if media.url is not None else media.file_id
    if address is None:
        return _write_inline(media.mime, media.data or "", media)
    if inline := read.data_url(address):
        return _write_inline(*inline, media)
    if media.file_id is not None and not media.file_id.startswith(GOOGLE_FILES):
        return "a file stored at another vendor cannot be read here"
    file: Fields = {"fileUri": address}
    bare = re.split("[?#]", address)[0]
    mime = media.mime if media.mime and "*" not in media.mime else mimetypes.guess_type(bare)[0]
    if mime:
        file["mimeType"] = mime
    return _with_own("fileData", file, media)


def _write_inline(mime: str, data: str, media: Media) -> Fields | str:
    kind = mime.partition(";")[0].strip().lower().replace("image/jpg", "image/jpeg")
    if kind in ("", "application/octet-stream") or "*" in kind:
        guess = mimetypes.guess_type(media.name)[0] or kind
        mime = kind = sniffed(data) or guess
    if kind.startswith("image/"):
        if kind not in IMAGE_TYPES:
            return f"{kind} is no image type that is taken"
        mime = kind
    elif kind in TEXT_TYPES or kind.endswith(("+json", "+xml")):
        mime = "text/plain"
    elif kind != "application/pdf" and not kind.startswith(("audio/", "video/", "text/")):
        return f"{kind or 'media of unknown type'} is not taken"
    return _with_own("inlineData", {"mimeType": mime, "data": data}, media)


def _with_own(name: str, inner: Fields, media: Media) -> Fields:
    kept = own(media.extra)
    return {name: inner | kept.pop(name, {}), **kept}
