"""Gemini's requests as Code Assist takes them, which Gemini CLI asks when its user has logged in with Google.

Around each request and answer stands another object: ``{"model": ..., "project": ..., "user_prompt_id": ..., "request":
{...}}`` and ``{"response": {...}, "traceId": ...}``; a count has ``request`` alone, with the model in it. What is
between the two is Gemini's own (github.com/google-gemini/gemini-cli, packages/core/src/code_assist/converter.ts).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ccx_addons.core import read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.wire_json import BadJson, JsonBody, loads_object

type Json = Any

VERSION: Final = "v1internal"
HOST: Final = re.compile(r"(?:[\w-]+-)?cloudcode-pa(?:\.[\w-]+)?\.googleapis\.com")
ASKED: Final = "request"
ANSWERED: Final = "response"
MODELS: Final = "models/"
AROUND: Final = (f'{{"{ANSWERED}":', "}")
"""What stands before and after an answer."""


def is_code_assist(base_url: str) -> bool:
    """Whether a channel's address is Code Assist's: by its host, or because it ends with its version."""
    parts = urlsplit(base_url)
    return HOST.fullmatch(parts.hostname or "") is not None or parts.path.rstrip("/#").endswith(f"/{VERSION}")


# ---- requests --------------------------------------------------------------------------------------------------------
def opened(envelope: JsonBody) -> tuple[JsonBody, str]:
    """The request in an envelope, and its model. Raises BadRequest."""
    if not isinstance(envelope.members.get(ASKED), dict):
        raise BadRequest("the request must be an object", ASKED)
    _, start, end = envelope.spans[ASKED]
    try:
        inner = JsonBody.parse(envelope.text[start:end].encode())
    except BadJson as bad:
        raise BadRequest(str(bad), ASKED) from None
    named = envelope.members.get("model") or read.text(inner.members.get("model")).removeprefix(MODELS)
    return inner, read.text(named)


def closed(envelope: JsonBody, inner: bytes, model: str = "") -> bytes:
    """The envelope with another request in it, and ``model``, if there is one, in place of the one it names."""
    texts = {ASKED: inner.decode()}
    if model and "model" in envelope.members:
        texts["model"] = json.dumps(model)
    elif model:
        texts[ASKED] = JsonBody.parse(inner).edit({"model": MODELS + model}).decode()
    return envelope.spliced(texts)


def asked_in[M: Mapping[str, Any]](body: M) -> M | dict[str, Json]:
    """Gemini's request, whether it stands in an envelope or not."""
    inner = body.get(ASKED)
    return inner if isinstance(inner, dict) and "contents" not in body else body


def is_enclosed(text: str) -> bool:
    """Whether a request stands in an envelope."""
    found = loads_object(text) if f'"{ASKED}"' in text else None
    return found is not None and asked_in(found) is not found


# ---- answers ---------------------------------------------------------------------------------------------------------
def answer_in[M: Mapping[str, Any]](body: M) -> M | dict[str, Json]:
    """Gemini's answer, or a piece of one, whether it stands in an envelope or not."""
    inner = body.get(ANSWERED)
    return inner if isinstance(inner, dict) and "candidates" not in body else body


def enclosed(body: bytes) -> bytes:
    """An answer, or a piece of one, as JSON, in its envelope. An error stands in none."""
    return b"".join((AROUND[0].encode(), body, AROUND[1].encode()))
