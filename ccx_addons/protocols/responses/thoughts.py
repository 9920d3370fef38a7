"""Reasoning items, both ways (platform.openai.com/docs/guides/reasoning).

``encrypted_content`` is the signature of a thought. Another protocol's signature reaches this protocol's clients in the
same field, marked with its origin, and so finds its way back.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccx_addons.core import read, words
from ccx_addons.core.neutral import Extra, Json, Loss, Opaque, Thinking
from ccx_addons.core.signatures import mark, sift, thought_at_home, unmark
from ccx_addons.core.works import is_made
from ccx_addons.protocols.responses.wire import NAME, PARAGRAPH, Item, keep, own, sidecar

REDACTED: Final = ".redacted"
"""Ends the origin of a thought that has nothing but its signature."""
REASONING_FIELDS: Final = frozenset({"type", "summary", "content", "encrypted_content", "status"})


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_reasoning(item: Mapping[str, Json]) -> Thinking:
    """The thought of an item; what was thought comes before its summary. Wrong types read as absent."""
    texts = [text for name in ("content", "summary") for text in _texts(item.get(name))]
    signature = read.text(item.get("encrypted_content")) or None
    return Thinking(PARAGRAPH.join(texts), signature, NAME, False, reasoning_extra(item))


def _texts(value: Json) -> list[str]:
    """Of a list of parts; some servers say one text, or a list of texts."""
    parts = [value] if isinstance(value, str) else read.items(value)
    return [
        part if isinstance(part, str) else read.text(part.get("text")) for part in parts if isinstance(part, str | dict)
    ]


def true_origin(part: Thinking) -> Thinking:
    """A thought that a client sends back, under the protocol whose signature it carries."""
    if part.signature and (found := unmark(part.signature)):
        origin, signature = found
        redacted = origin.endswith(REDACTED)
        return replace(part, origin=origin.removesuffix(REDACTED), signature=signature or None, redacted=redacted)
    return part


def reasoning_extra(item: Mapping[str, Json]) -> Extra:
    """The item's own fields, and the texts as they are where one summary does not say them."""
    extra = keep(item, REASONING_FIELDS)
    content, summary = read.items(item.get("content")), read.items(item.get("summary"))
    if content or len(summary) > 1:
        return sidecar({**own(extra), "summary": summary, "content": content or None})
    return extra


def without_foreign(members: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Loss]]:
    """A client's body as an upstream of this protocol can read it: without thoughts that another protocol signed.

    The same object where there are none.
    """
    losses: list[Loss] = []
    return sift(members, "input", _at_home, losses), losses


def _at_home(item: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json] | None:
    if is_made(item):
        text = words.text_of(Opaque(NAME, dict(item))) if item.get("type") == "code_interpreter_call" else ""
        return (
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
            if text
            else None
        )
    if item.get("type") != "reasoning":
        return item
    return thought_at_home(item, "encrypted_content", NAME, path, losses)


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def write_reasoning(part: Thinking) -> Item:
    """The item, but for an id that it has not brought itself."""
    item: Item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": part.text}] if part.text else []}
    if part.signature:
        item["encrypted_content"] = write_signature(part)
    return item | own(part.extra)


def write_signature(part: Thinking) -> str:
    if part.origin == NAME:
        return part.signature or ""
    return mark(part.signature or "", part.origin + (REDACTED if part.redacted else ""))
