"""Signatures of thoughts on their way through another protocol's client and back: ``ccx-ORIGIN:SIGNATURE``.

A colon is in no base64, so no protocol's own signature looks like it.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Loss
from ccx_addons.core.scan import holds

MARK: Final = "ccx-"
SEALED: Final = base64.b64encode(MARK.encode()).decode()[:5]
"""How a mark begins in base64, where a protocol takes nothing else."""
FORMS: Final = tuple(form.encode() for form in (MARK, SEALED))
PLACEHOLDER: Final = "skip_thought_signature_validator"
"""Google's word for calls that no Gemini model made (ai.google.dev/gemini-api/docs/thought-signatures)."""
NOT_HOME: Final = "thinking goes back only to the protocol that made it"

type Fields = Mapping[str, Json]
"""A JSON object as it stands on the wire."""

type Change = Callable[[Fields, str, list[Loss]], Fields | None]
"""An object and its path -> the same object, another one in its place, or None: it is left out."""


def mark(signature: str, origin: str) -> str:
    return f"{MARK}{origin}:{signature}"


def unmark(text: str) -> tuple[str, str] | None:
    """Origin and signature; None: the text is no mark."""
    origin, colon, signature = text.removeprefix(MARK).partition(":")
    return (origin, signature) if colon and text.startswith(MARK) else None


def may_be_in(body: bytes) -> bool:
    """Whether a body is worth looking through for marks: a cheap test that nearly every body fails."""
    return holds(body, FORMS[0]) or holds(body, FORMS[1])


def at_home(text: str, name: str) -> str | None:
    """The signature as an upstream of the protocol ``name`` made it; None: another protocol's."""
    origin, signature = unmark(text) or (name, text)
    return signature if origin == name else None


def sift(fields: Fields, name: str, change: Change, losses: list[Loss], path: str = "") -> Fields:
    """An object with the objects of its list ``name`` changed; the same object where none changes.

    One object in place of the list is a list of one. ``path`` is the object's own.
    """
    given = fields.get(name)
    values = given if isinstance(given, list) else [given]
    where = f"{path}.{name}" if path else name
    found = [
        change(value, f"{where}[{n}]", losses) if isinstance(value, dict) else value for n, value in enumerate(values)
    ]
    if all(new is old for new, old in zip(found, values, strict=True)):
        return fields
    return {**fields, name: [new for new, old in zip(found, values, strict=True) if new is not None or old is None]}


def thought_at_home(thought: Fields, field: str, name: str, path: str, losses: list[Loss]) -> Fields | None:
    """A thought whose signature stands in ``field``, as an upstream of ``name`` can read it."""
    text = read.text(thought.get(field))
    signature = at_home(text, name)
    if signature is None:
        losses.append(Loss(path, NOT_HOME))
        return None
    return thought if signature == text else {**thought, field: signature}
