"""The golden matrix: one rich request, answer and stream of every protocol, converted to every other one.

``requests/P/input.json`` is what a client of protocol P sends, ``requests/P/to-Q.json`` what a channel of protocol Q gets.
``answers/P/input.json`` and ``input.sse`` are what an upstream of protocol P answers, whole and as a stream,
``answers/P/to-Q.json`` and ``to-Q.sse`` what a client of protocol Q gets. Losses stand beside each.
"""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ccx_addons.core.neutral import Fault, Loss, Request
from ccx_addons.protocols import TEXT_PROTOCOLS

FOLDER: Final = Path(__file__).parent
KINDS: Final = tuple(TEXT_PROTOCOLS)
PAIRS: Final = [(source, target) for source, target in itertools.product(KINDS, KINDS) if source != target]
MODELS: Final = {"messages": "claude-sonnet-4-5", "chat": "gpt-4.1", "responses": "gpt-5.1", "gemini": "gemini-2.5-pro"}
"""What the channel's mapping makes of the client's model."""

GENERATED: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME: Final = re.compile(r'("created(?:_at)?": ?)\d{10}')


def expected() -> Iterator[tuple[Path, str]]:
    """Every file that conversions produce, with its content."""
    for source, target in PAIRS:
        yield FOLDER / "requests" / source / f"to-{target}.json", text_of(convert_request(source, target))
        yield FOLDER / "answers" / source / f"to-{target}.json", text_of(convert_answers(source, target))
        yield FOLDER / "answers" / source / f"to-{target}.sse", convert_stream(source, target)


def read(*place: str) -> Any:
    return json.loads(FOLDER.joinpath(*place).read_text())


def request_of(client: str, model: str = "") -> Request:
    """The client's rich request, decoded; ``model`` in place of its own."""
    body = read("requests", client, "input.json")
    stream = body.get("stream", client == "gemini")
    request = TEXT_PROTOCOLS[client].decode_request(body, body.get("model", "client-model"), stream)  # type: ignore[index]
    return replace(request, model=model) if model else request


def convert_request(client: str, upstream: str) -> dict[str, Any]:
    body, losses = TEXT_PROTOCOLS[upstream].encode_request(request_of(client, MODELS[upstream]))  # type: ignore[index]
    return {"body": body, "losses": said(losses)}


def convert_answers(upstream: str, client: str) -> dict[str, Any]:
    found = {}
    for name, answer in read("answers", upstream, "input.json").items():
        response = TEXT_PROTOCOLS[upstream].decode_response(answer)  # type: ignore[index]
        assert not isinstance(response, Fault)
        body, losses = TEXT_PROTOCOLS[client].encode_response(response, request_of(client))  # type: ignore[index]
        found[name] = {"body": body, "losses": said(losses)}
    return found


def convert_stream(upstream: str, client: str) -> str:
    """The client's stream, with its losses as comments at the end."""
    decoder = TEXT_PROTOCOLS[upstream].decoder()  # type: ignore[index]
    encoder = TEXT_PROTOCOLS[client].encoder(request_of(client))  # type: ignore[index]
    data = (FOLDER / "answers" / upstream / "input.sse").read_bytes()
    chunks = [encoder.encode(event) for event in [*decoder.feed(data), *decoder.flush()]]
    losses = [f": lost {path}: {reason}\n" for path, reason in said(encoder.losses)]
    return settled(b"".join(chunks).decode() + "".join(losses))


def said(losses: list[Loss]) -> list[list[str]]:
    return [[loss.path, loss.reason] for loss in losses]


def text_of(value: Any) -> str:
    return settled(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def settled(text: str) -> str:
    """With numbers in place of generated ids, and without the time of day."""
    ids: dict[str, str] = {}
    text = GENERATED.sub(lambda found: ids.setdefault(found[0], f"generated-{len(ids) + 1}"), text)
    return TIME.sub(r"\g<1>1700000000", text)
