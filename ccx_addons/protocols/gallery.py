"""Bodies of Images as people look at them: what was asked for, and the pictures. Also of forms, and of streams.

Nothing is refused here: a body may be cut anywhere, and what cannot be read is left out.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from ccx_addons.core import media, read
from ccx_addons.core.neutral import Failed, Fault, Json, Media, Part, Text
from ccx_addons.core.sse import Reader
from ccx_addons.protocols import images

PARAMETER: Final = re.compile(rb'; *(name|filename)="((?:[^"\\\r\n]|\\.)*)"')
TYPE: Final = re.compile(rb"^content-type: *([\w.+/-]+)", re.IGNORECASE | re.MULTILINE)
PICTURES: Final = ("images", "image", "image[]", "mask")
WORDS: Final = "prompt"
KNOWN: Final = frozenset({*PICTURES, WORDS, "model", "stream"})
"""What stands elsewhere than among the settings."""

type Asked = tuple[list[Part], dict[str, Json]]
"""What was said, and the settings."""


def is_form(content: bytes) -> bool:
    return content.startswith(b"--") and b"\r\n" in content[:256]


def of_form(content: bytes) -> Asked:
    """A multipart/form-data body."""
    parts: list[Part] = []
    settings: dict[str, Json] = {}
    mark, _, _ = content.partition(b"\r\n")
    for piece in content[len(mark) + 2 :].split(b"\r\n" + mark):
        head, blank, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        named = {name: value.decode("utf-8", "replace") for name, value in PARAMETER.findall(head)}
        name = named.get(b"name", "")
        if not blank or not name:
            continue
        if b"filename" in named:
            mime = found[1].decode() if (found := TYPE.search(head)) else ""
            parts.append(media.of_data(mime, base64.b64encode(data).decode(), named[b"filename"] or name))
        elif name == WORDS:
            parts.insert(0, Text(data.decode("utf-8", "replace")))
        elif name not in KNOWN:
            settings[name] = data.decode("utf-8", "replace")
    return parts, settings


def in_words(content: bytes) -> str:
    """Bytes that are no text, for people: of a form everything but the insides of its files."""
    if not is_form(content):
        return f"[{len(content)} bytes that are no text]"
    mark, _, _ = content.partition(b"\r\n")
    pieces = []
    for piece in content.split(mark):
        head, blank, data = piece.partition(b"\r\n\r\n")
        try:
            data.decode()
        except UnicodeDecodeError:
            piece = b"%s%s[%d bytes]\r\n" % (head, blank, len(data.removesuffix(b"\r\n")))
        pieces.append(piece)
    return mark.join(pieces).decode("utf-8", "replace").replace("\r\n", "\n")


def of_json(members: Mapping[str, Json]) -> Asked:
    parts: list[Part] = [Text(prompt)] if (prompt := read.text(members.get(WORDS))) else []
    for name in PICTURES:
        given = members.get(name)
        parts += [picture for one in (given if isinstance(given, list) else [given]) if (picture := _named(one, name))]
    return parts, {name: value for name, value in members.items() if name not in KNOWN}


def _named(value: Json, name: str) -> Media | None:
    """A picture that is named by an address, a file's id, or as data."""
    table = read.mapping(value)
    label = name if name == "mask" else ""
    if id := read.text(table.get("file_id")):
        return Media("image", file_id=id, name=label)
    url = read.text(table.get("image_url")) or read.text(read.mapping(table.get("image_url")).get("url"))
    url = url or read.text(table.get("url")) or read.text(value)
    if not url:
        return None
    if url.startswith(("http://", "https://")):
        return Media("image", url=url, name=label)
    return media.of_data("", url, label)


def answered(text: str) -> tuple[list[Part], Fault | None]:
    """The pictures of an answer, of a stream each as it came, and what is wrong with it."""
    if not text.lstrip().startswith("{"):
        return _streamed(text)
    try:
        found = read.mapping(json.loads(text))
    except (ValueError, RecursionError):
        return [], None
    return [part for one in read.mappings(found.get("data")) for part in _made(one)], images.answer_fault(found)


def _streamed(text: str) -> tuple[list[Part], Fault | None]:
    content = text.encode("utf-8", "replace")
    parts: list[Part] = []
    for event in Reader().feed(content):
        try:
            parts += _made(read.mapping(json.loads(event.data)))
        except (ValueError, RecursionError):
            continue
    fault = next((one.fault for one in images.decoder().feed(content) if isinstance(one, Failed)), None)
    return parts, fault


def _made(value: Mapping[str, Json]) -> Iterator[Part]:
    if said := read.text(value.get("revised_prompt")):
        yield Text(said)
    if data := read.text(value.get("b64_json")):
        yield media.of_data("image/" + read.text(value.get("output_format"), "png"), data)
    elif url := read.text(value.get("url")):
        yield Media("image", url=url)
