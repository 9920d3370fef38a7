"""What a client makes of a stream, in one form for the four protocols."""

import json
import re
from typing import Any

from ccx_addons.core.neutral import Event, Failed, Fault, Finished, Part, Text, Thinking, ToolCall, fold
from ccx_addons.protocols import TEXT_PROTOCOLS
from tests.field.checks import find

LINE_END = re.compile(r"\r\n|\n|\r")
STOPS = {
    "messages": "delta.stop_reason",
    "chat": "choices[0].finish_reason",
    "responses": "response.status",
    "gemini": "candidates[0].finishReason",
}
USAGES = {
    "messages": ("message.usage", "usage"),
    "chat": ("usage",),
    "responses": ("response.usage",),
    "gemini": ("usageMetadata",),
}


def events_of(raw: str) -> list[Any]:
    """The data of every event; text where it is no JSON."""
    found = []
    for line in LINE_END.split(raw):
        if line.startswith("data:"):
            try:
                found.append(json.loads(line[5:]))
            except ValueError:
                found.append(line[5:].strip())
    return found


def parts_of(events: list[Event]) -> tuple[Part, ...]:
    """The parts, also of a stream that broke off."""
    begun = [event for event in events if not isinstance(event, Failed | Finished)]
    answer = fold([*begun, Finished("end")])
    return () if isinstance(answer, Fault) else answer.parts


def said(kind: str, raw: str) -> dict[str, Any]:
    """Text, thinking, calls, how it stopped, usage, error: as the client's protocol has them."""
    events = [event for event in events_of(raw) if isinstance(event, dict)]
    decoder = TEXT_PROTOCOLS[kind].decoder()  # type: ignore[index]
    parts = parts_of([*decoder.feed(raw.encode()), *decoder.flush()])
    stops = [stop for event in events for stop in find(event, STOPS[kind]) if stop]
    usage: dict[str, Any] = {}
    for event in events:
        for path in USAGES[kind]:
            for found in find(event, path):
                usage |= {name: value for name, value in (found or {}).items() if value is not None}
    reasons = [reason for event in events for reason in find(event, "response.incomplete_details.reason")]
    stop = stops[-1] if stops else None
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "thinking": "".join(part.text for part in parts if isinstance(part, Thinking)),
        "calls": [
            {"id": part.id, "name": part.name, "args": part.arguments} for part in parts if isinstance(part, ToolCall)
        ],
        "stop": f"{stop}:{reasons[-1]}" if reasons else stop,
        "usage": usage,
        "error": next((event["error"] for event in events if event.get("error")), None),
    }
