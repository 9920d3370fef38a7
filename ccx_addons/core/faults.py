"""Reads any upstream's error body into a Fault: vendors' JSON, relays' JSON, strings, HTML, nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Fault, fault_kind
from ccx_addons.core.refusals import plain
from ccx_addons.core.sse import ServerEvent
from ccx_addons.core.vendor_errors import PAGE, category_of
from ccx_addons.core.waits import PACIFIC, next_midnight, retry_after, seconds_until
from ccx_addons.core.wire_json import BadJson, loads

type Json = Any

MESSAGE_FIELDS: Final = (
    *("message", "msg", "detail", "error_description", "error_message", "error_msg", "Message", "upstream_error"),
    "title",  # RFC 9457
)
CODE_FIELDS: Final = ("code", "reason", "RetCode", "error_code", "__type", "status")
BARE: Final = frozenset({
    *MESSAGE_FIELDS, *CODE_FIELDS, "errors", "success", "type", "object", "param", "status_code", "statusCode",
    "request_id", "requestId", "trace_id", "timestamp", "path",
})  # fmt: skip
"""All that an error has which is an object of its own, not inside of ``error`` (DashScope, Baidu, FastAPI, relays)."""
WELL: Final = frozenset({"", "0", "200", "ok", "success", "succeeded", "true"})
"""Codes by which such an object says that nothing went wrong."""
HTTP_STATUS: Final = re.compile("[45][0-9][0-9]")
"""A code that only repeats the status (Google) says less than any other."""
GRPC_STATUS: Final = frozenset({
    "INVALID_ARGUMENT", "FAILED_PRECONDITION", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED",
    "UNAVAILABLE", "NOT_FOUND", "INTERNAL", "ABORTED", "CANCELLED",
})  # fmt: skip
"""Google's statuses: the reason in ``details`` says more (API_KEY_INVALID, RATE_LIMIT_EXCEEDED)."""
TITLE: Final = re.compile(r"<(?:title|h1)[^>]{0,300}+>\s*+((?:(?!</).){1,300}+)</", re.IGNORECASE | re.DOTALL)
"""Nothing in it is tried twice: pages are written by whoever stands before the upstream."""
MAX_TEXT: Final = 2000
"""Characters of what an upstream says of an error: what they mean is looked for with a hundred patterns."""
MAX_CODE: Final = 200
"""The same of a code, a type or a parameter."""
LATEST: Final = 1e11
"""Unix seconds; more are milliseconds."""
NO_MESSAGE: Final = "an error without a message"
DEEPEST: Final = 4
"""Most errors of which each wraps the next."""
MAX_WRAPPED: Final = 20_000
"""Characters of one that stands in another's words."""
DECODER: Final = json.JSONDecoder()


def read_fault(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Fault:
    """The error an upstream answered with. Never raises."""
    value = _value_of(body)
    if isinstance(value, list) and value:
        value = value[0]
    wait = retry_after(headers, now, status)
    if 300 <= status < 400:
        return Fault("unavailable", _redirect(status, headers.get("location", "")), 502, retry_after=wait)
    if value is None or not isinstance(value, dict | str):
        return Fault(fault_kind(status), glimpse(body) or f"HTTP {status} without a message", status, retry_after=wait)
    return fault_of(value, status, wait, now)


def _value_of(body: bytes) -> Json:
    """The JSON of an error body, also of one that is written as the event of a stream (Alibaba, VectifyAI/OpenKB#242);
    None: there is none."""
    try:
        return loads(body)
    except BadJson:
        pass
    if not body.lstrip()[:6].startswith((b"data:", b"event:", b"id:")):
        return None
    lines = (line[5:] for line in body.splitlines() if line.startswith(b"data:"))
    try:
        return loads(next(lines, b""))
    except BadJson:
        return None


def fault_of(value: Json, status: int = 0, wait: float | None = None, now: float = 0.0) -> Fault:
    """The same for JSON that is already read: an error body, or an error event in a stream (``now`` 0: unknown)."""
    if isinstance(value, str):
        return Fault(fault_kind(status), value[:MAX_TEXT] or NO_MESSAGE, status, retry_after=wait)
    places = list(_places(value))
    message = next((text for place in places for name in MESSAGE_FIELDS if (text := _text(place.get(name)))), "")
    codes = [text for place in places for name in CODE_FIELDS if (text := _code(place.get(name)))]
    telling = [text for text in codes if not HTTP_STATUS.fullmatch(text)]
    code = next((text for text in telling if text not in GRPC_STATUS), next(iter(telling or codes), ""))
    kind = next((text for place in places if (text := read.text(place.get("type"))) not in ("", "error")), "")
    param = next((text for place in places if (text := read.text(place.get("param")))), "")
    status = status or next((n for place in places if 400 <= (n := read.count(place.get("code"))) < 600), 0)
    wait = wait if wait is not None else _named_delay(places, now)
    message = message or code or kind or NO_MESSAGE
    resets = next((at for place in places if (at := read.number(place.get("resets_at"))) and 0 < at < LATEST), 0.0)
    if now and not resets and any(map(_of_a_day, places)):
        resets = next_midnight(now, PACIFIC)
        wait = resets - now
    return shortened(Fault(_kind(status, kind, code), message, status, code, kind, param, wait, resets))


def spoken_fault(event: ServerEvent) -> Fault | None:
    """The error that an event of a stream says by its name and in words alone; None: it says none."""
    return Fault("server", event.data[:MAX_TEXT]) if event.name == "error" and event.data.strip() else None


def shortened(fault: Fault) -> Fault:
    """What is left of one whose words and codes somebody made longer than any vendor does."""
    codes = (fault.code, fault.type, fault.param)
    if len(fault.message) <= MAX_TEXT and max(map(len, codes)) <= MAX_CODE:
        return fault
    code, kind, param = (text[:MAX_CODE] for text in codes)
    return replace(fault, message=fault.message[:MAX_TEXT], code=code, type=kind, param=param)


def bare_fault(value: Mapping[str, Json]) -> Fault | None:
    """The error that an object is which stands where an answer is due and has nothing of one; None: it is no error."""
    if not value or not value.keys() <= BARE or value.get("success") is True:
        return None
    kind = read.text(value.get("type"))
    if kind and "error" not in kind.lower():
        return None
    fault = fault_of(value)
    failed = value.get("success") is False or bool(value.get("errors"))
    codes = [code for name in CODE_FIELDS if (code := _code(value.get(name)).lower())]
    if fault.message in (NO_MESSAGE, fault.code) or (codes and not failed and all(code in WELL for code in codes)):
        return None
    return fault


OPENAI: Final = frozenset({"chat", "responses"})
"""Protocols with the same words for errors."""
CODES: Final[Mapping[str, str]] = {
    "context_length": "context_length_exceeded",
    "rate_limit": "rate_limit_exceeded",
    "account_busy": "rate_limit_exceeded",
    "balance": "insufficient_quota",
    "model_not_found": "model_not_found",
    "moderation": "content_policy_violation",
}
"""Class of an error (vendor_errors.py) -> its code at OpenAI, whose clients act by it; others have no such word."""


TOO_LONG: Final = "prompt is too long"
"""By these words Anthropic's clients know that they have to compact, and by the numbers behind them, how much
(platform.claude.com/docs/en/build-with-claude/context-windows)."""
NUMBER: Final = re.compile(r"\d[\d,]{3,12}")
LIMIT: Final = re.compile(rf"(?:max(?:imum)?|limit|allowed|up to)\b\D{{0,60}}({NUMBER.pattern})", re.IGNORECASE)


def translated(fault: Fault, upstream: str, client: str) -> Fault:
    """The fault without the words of a protocol that the client does not speak: its kind says the rest."""
    if upstream == client or {upstream, client} <= OPENAI:
        return fault
    category = category_of(fault)
    message = _as_claude(fault.message) if client == "messages" and category == "context_length" else fault.message
    return replace(fault, message=message, type="", code=CODES.get(category, ""))


def _as_claude(message: str) -> str:
    """That a prompt is too long, as Claude says it, with the upstream's own words behind."""
    if TOO_LONG in message.lower():
        return message
    found = LIMIT.search(message)
    limit = _number(found[1]) if found else 0
    asked = max(map(_number, NUMBER.findall(message)), default=0)
    numbers = f": {asked} tokens > {limit} maximum" if asked > limit > 0 else ""
    return f"{TOO_LONG}{numbers} ({message})"


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))


def _kind(status: int, kind: str, code: str) -> Any:
    if status:
        return fault_kind(status)
    words = f"{kind} {code}".lower()
    for word, found in KIND_WORDS:
        if word in words:
            return found
    return "server"


KIND_WORDS: Final = (
    ("overloaded", "overloaded"),
    ("rate_limit", "rate_limit"),
    ("throttling", "rate_limit"),
    ("resource_exhausted", "rate_limit"),
    ("authentication", "authentication"),
    ("unauthenticated", "authentication"),
    ("invalid_api_key", "authentication"),
    ("billing", "billing"),
    ("insufficient_quota", "billing"),
    ("permission", "permission"),
    ("not_found", "not_found"),
    ("invalid", "invalid_request"),
    ("timeout", "timeout"),
    ("deadline", "timeout"),
)
"""For errors in streams, which have no status: a part of type or code -> the neutral word."""


def _places(value: Mapping[str, Json], depth: int = 0) -> Iterator[Mapping[str, Json]]:
    """Where the fields may stand, the innermost first: relays put the error of their own upstream into their words, as
    text, and OpenRouter into ``metadata.raw``."""
    error = value.get("error")
    inner = read.mapping(error)
    if depth < DEEPEST:
        yield from _wrapped(error if isinstance(error, str) else _text((inner or value).get("message")), depth)
        yield from _said_by_provider(read.mapping(inner.get("metadata")).get("raw"), depth)
    if isinstance(error, str):
        yield {"message": error}
    if inner:
        yield from (place for place in (read.mapping(inner.get("upstream_error")),) if place)
        yield inner
    response = read.mapping(read.mapping(value.get("response")).get("error"))
    if response:
        yield response
    yield from read.mappings(value.get("errors"))
    yield from (place for place in (read.mapping(value.get("detail")),) if place)
    yield value
    yield from read.mappings(inner.get("details"))


def _wrapped(text: str, depth: int) -> Iterator[Mapping[str, Json]]:
    """What stands in an error that is written out in these words."""
    start = text.find("{")
    found = read.mapping(_json_at(text, start)) if 0 <= start < MAX_TEXT else {}
    if read.mapping(found.get("error")) or (read.text(found.get("error")) and found.keys() <= BARE | {"error"}):
        yield from _places(found, depth + 1)


def _said_by_provider(raw: Json, depth: int) -> Iterator[Mapping[str, Json]]:
    """What OpenRouter's own upstream said: an error as text, or words alone."""
    value = raw if isinstance(raw, dict) else _json_at(raw, 0) if isinstance(raw, str) else None
    if isinstance(value, dict):
        yield from _places(value, depth + 1)
    elif isinstance(raw, str) and raw.strip():
        yield {"message": glimpse(raw[:MAX_TEXT].encode())}


def _json_at(text: str, start: int) -> Json:
    """The value that begins there, whatever stands behind it; None: none does."""
    try:
        return DECODER.raw_decode(text[start : start + MAX_WRAPPED])[0]
    except (ValueError, RecursionError):
        return None


def _of_a_day(place: Mapping[str, Json]) -> bool:
    """Whether what was used up is one of Google's quotas of a day, whose ``retryDelay`` counts seconds all the same.
    They begin anew at midnight Pacific time (ai.google.dev/gemini-api/docs/rate-limits)."""
    names = [read.text(each.get("quotaId")) for each in read.mappings(place.get("violations"))]
    return any("PerDay" in name for name in (*names, read.text(read.mapping(place.get("metadata")).get("quota_limit"))))


def _text(value: Json) -> str:
    """The words, also of an object in their place, and of pydantic's list, whose items say where (``loc``)."""
    if isinstance(value, list):
        return "; ".join(filter(None, (_problem(read.mapping(item)) for item in value)))
    if isinstance(value, dict):
        return next(filter(None, (_text(value[name]) for name in MESSAGE_FIELDS if name in value)), "")
    return read.text(value).strip()


def _problem(item: Mapping[str, Json]) -> str:
    words = read.text(item.get("msg")) or read.text(item.get("message"))
    steps = [str(step) for step in read.items(item.get("loc")) if isinstance(step, str | int)]
    place = ".".join(steps[1:] if steps[:1] == ["body"] else steps)
    return f"{place}: {words}" if place and words else words


def _code(value: Json) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else read.text(value)


DELAYS: Final = (
    "retrydelay", "quotaresetdelay", "resetsinseconds", "resetsin", "resetin", "resetseconds", "resetafter",
    "retryafter", "retryafterseconds", "retryafterms", "cooldownseconds",
)  # fmt: skip
"""Seconds or durations, by names in either case: google.rpc's RetryInfo and Code Assist's ErrorInfo, ChatGPT accounts,
Cloudflare, relays. The one in ``ms`` counts milliseconds."""
MOMENTS: Final = ("resetsat", "resetat", "resettime", "quotaresettimestamp")
"""Moments: ChatGPT accounts, LiteLLM, Code Assist."""


def _named_delay(places: list[Mapping[str, Json]], now: float) -> float | None:
    """What a body says, or the provider's headers, which OpenRouter puts into the body. ``now`` 0: no moment counts."""
    for place in places:
        inner = read.mapping(place.get("metadata"))
        for table in (place, inner, read.mapping(place.get("details"))):
            if (wait := _delay_in(table, now)) is not None:
                return wait
        headers = read.mapping(inner.get("headers"))
        if headers and now and (wait := retry_after({k.lower(): str(v) for k, v in headers.items()}, now)) is not None:
            return wait
    return None


def _delay_in(table: Mapping[str, Json], now: float) -> float | None:
    known = {plain(name): value for name, value in table.items()}
    for name in (*DELAYS, *MOMENTS):
        value = known.get(name)
        text = str(value) if isinstance(value, int | float) else read.text(value).strip()
        if (seconds := seconds_until(text, now)) is not None:
            return seconds / 1000 if name.endswith("ms") else seconds
    return None


def glimpse(body: bytes) -> str:
    """What a body that is no JSON begins with, or the title of a page: for people who look for what came instead."""
    text = body[:20_000].decode("utf-8", "replace").strip()
    if "<" in text[:200] and (found := TITLE.search(text)):
        return f"{PAGE}{' '.join(found[1].split())}"
    return "a web page" if text.startswith("<") else " ".join(text.split())[:300]


def quoting(fault: Fault, stream: bytes) -> Fault:
    """The fault of a stream that said nothing, with the words that it began with where they are no events."""
    lines = [line for line in stream.splitlines() if not line.startswith(b":")]
    said = glimpse(b"\n".join(lines))
    return replace(fault, message=f"{fault.message}; it said: {said}") if said and "{" not in said else fault


def _redirect(status: int, location: str) -> str:
    """Without the query, which may hold anything."""
    return f"it redirects to {location.partition('?')[0][:200] or 'nowhere'} ({status}), which is not followed"
