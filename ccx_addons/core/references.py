"""Ids of what an upstream keeps for a client: those a Responses request refers to, and those an answer hands out.

Source: platform.openai.com/docs/api-reference/responses (``ItemReferenceParam``: its ``type`` may be missing).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core import read

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_=+:.-]{0,199}")
"""What an id looks like: nothing in it means anything in a path."""


def items_of(members: Mapping[str, Any]) -> list[str]:
    """Ids of stored items that the ``input`` names instead of saying them."""
    return [read.text(item.get("id")) for item in read.mappings(members.get("input")) if _refers(item)]


def conversation_of(members: Mapping[str, Any]) -> str:
    """The id of a stored conversation that the request belongs to; empty: none."""
    found = members.get("conversation")
    return read.text(read.mapping(found).get("id") if isinstance(found, dict) else found)


def handed_out(answer: Mapping[str, Any]) -> list[str]:
    """Ids in an answer by which the client may name it, or a part of it, later."""
    named = (read.text(one.get("id")) for one in (answer, *read.mappings(answer.get("output"))))
    return [id for id in named if ID.fullmatch(id)]


def _refers(item: Mapping[str, Any]) -> bool:
    match item.get("type"):
        case "item_reference":
            return True
        case "image_generation_call":
            return not item.get("result")
        case None | "":
            return "id" in item and "role" not in item
    return False
