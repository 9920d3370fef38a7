"""Every reader of what comes from outside, and what could make it slow: a function of a size ``n`` that gives the act.

Protocols, quirks and pairs of them are taken from the product's own tables: what is new there is here at once.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ccx_addons.convert import compaction, watch
from ccx_addons.core import multipart, sse, wire_json
from ccx_addons.core.config import Patterns
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.estimate import tokens_of
from ccx_addons.core.mask import clean
from ccx_addons.core.neutral import (
    Finished,
    Media,
    Message,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Request,
    Response,
    Started,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
    explode,
    fold,
)
from ccx_addons.core.patient_json import PatientScanner
from ccx_addons.core.personal import Mask
from ccx_addons.core.spread import Spread
from ccx_addons.core.verdict import Outcome, classify
from ccx_addons.io import yaml_file
from ccx_addons.io.shapes import Maker
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, gemini, quirks, reassembly
from ccx_addons.sessions import trimmed
from ccx_admin.channels import paste
from tests.addons.values import exchange

type Act = Callable[[], Any]
type Reader = Callable[[int], Act]

MODELS: Final = {"messages": "claude-sonnet-5", "chat": "gpt-5.1", "responses": "gpt-5.1", "gemini": "gemini-3-pro"}


# ---- what is said, in neutral words ----------------------------------------------------------------------------------
def call(id: str, name: str = "f") -> ToolCall:
    return ToolCall(id, name, '{"a":1}')


def result(id: str) -> ToolResult:
    return ToolResult(id, (Text("done"),))


def user(*parts: Part) -> Message:
    return Message("user", parts or (Text("hi"),))


def model(*parts: Part) -> Message:
    return Message("assistant", parts)


CONVERSATIONS: Final[Mapping[str, Callable[[int], tuple[Message, ...]]]] = {
    "turns": lambda n: tuple(m for i in range(n) for m in (user(), model(Text(f"x{i}")))),
    "one role": lambda n: (user(),) * n,
    "system turns": lambda n: tuple(Message("system" if i % 2 else "user", (Text("x"),)) for i in range(n)),
    "parts": lambda n: (user(*[Text("x")] * n),),
    "texts between calls": lambda n: (user(), model(*[p for i in range(n) for p in (Text("x"), call(f"c{i}"))])),
    "pictures": lambda n: (user(*[Media("image/png", data="AAAA")] * n),),
    "thoughts": lambda n: (user(), model(*[Thinking("x", "s", name) for name in TEXT_PROTOCOLS] * n), user()),
    "opaque": lambda n: (user(*[Opaque(name, {"type": "x"}) for name in TEXT_PROTOCOLS] * n),),
    "refusals": lambda n: (user(), model(*[Refusal("no")] * n), user()),
    "calls one by one": lambda n: (
        user(),
        *[m for i in range(n) for m in (model(call(f"c{i}")), user(result(f"c{i}")))],
    ),
    "calls at once": lambda n: (
        user(),
        model(*[call(f"c{i}") for i in range(n)]),
        user(*[result(f"c{i}") for i in range(n)]),
    ),
    "results backwards": lambda n: (
        user(),
        model(*[call(f"c{i}") for i in range(n)]),
        user(*[result(f"c{i}") for i in reversed(range(n))]),
    ),
    "one id": lambda n: (user(), model(*[call("t")] * n), user(*[result("t")] * n)),
    "one id, unsafe": lambda n: (user(), model(*[call("t ä")] * n), user(*[result("t ä")] * n)),
    "one id and numbers": lambda n: (user(), model(*[call(f"t_{i}") for i in range(n)], *[call("t")] * n), user()),
    "one id in turns": lambda n: (user(), *[m for _ in range(n) for m in (model(call("t")), user(result("t")))]),
    "no results": lambda n: (user(), *[model(call(f"c{i}")) for i in range(n)], user()),
    "no calls": lambda n: (user(*[result(f"c{i}") for i in range(n)]),),
    "names of calls": lambda n: (user(), model(*[call(f"c{i}", f"tool {i}") for i in range(n)]), user()),
}


def tools(n: int, schema: Mapping[str, Any], name: str = "f{}") -> tuple[Tool, ...]:
    return tuple(Tool(name.format(i), "does it", schema) for i in range(n))


def wide(n: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"a{i}": {"type": "string"} for i in range(n)}}


TOOLS: Final[Mapping[str, Callable[[int], tuple[Tool, ...]]]] = {
    "tools": lambda n: tools(n, wide(1)),
    "unsafe names": lambda n: tools(n, wide(1), "f {}"),
    "names alike": lambda n: tools(n, wide(1), "f" * 70 + "{}"),
    "freeform": lambda n: tuple(replace(tool, freeform=True) for tool in tools(n, wide(1))),
    "strict": lambda n: tuple(replace(tool, strict=True) for tool in tools(n, wide(1))),
    "properties": lambda n: tools(1, {**wide(n), "required": [f"a{i}" for i in range(n)]}),
    "enum": lambda n: tools(1, {"type": "object", "properties": {"a": {"enum": [f"w{i}" for i in range(n)]}}}),
    "allOf": lambda n: tools(1, {"allOf": [{"properties": {f"a{i}": {}}, "required": [f"a{i}"]} for i in range(n)]}),
    "anyOf": lambda n: tools(1, {"type": "object", "properties": {"a": {"anyOf": [wide(1)] * n}}}),
    "prefixItems": lambda n: tools(1, {"type": "object", "properties": {"a": {"prefixItems": [{"type": "null"}] * n}}}),
    "keywords": lambda n: tools(1, {**wide(1), **{f"x-{i}": 1 for i in range(n)}}),
    "references to much": lambda n: tools(
        1,
        {
            "type": "object",
            "$defs": {
                "d": {"type": "string", "enum": [f"w{i}" for i in range(4 * n)], **{f"x{i}": 1 for i in range(n)}}
            },
            "properties": {f"a{i}": {"$ref": "#/$defs/d"} for i in range(4 * n)},
        },
    ),
    "references that double": lambda n: tools(
        n,
        {
            "type": "object",
            "$defs": {
                f"d{i}": {"type": "object", "properties": {k: {"$ref": f"#/$defs/d{i + 1}"} for k in "ab"}}
                for i in range(14)
            },
            "properties": {"a": {"$ref": "#/$defs/d0"}},
        },
    ),
}

ANSWERS: Final[Mapping[str, Callable[[int], tuple[Part, ...]]]] = {
    "texts": lambda n: (Text("x y"),) * n,
    "a long text": lambda n: (Text("x y" * n),),
    "calls": lambda n: tuple(call(f"c{i}") for i in range(n)),
    "long arguments": lambda n: (ToolCall("c", "f", json.dumps({"a": "x" * n})),),
    "thoughts": lambda n: tuple(Thinking("x", "s", name) for name in TEXT_PROTOCOLS) * n,
    "thoughts and texts": lambda n: (Thinking("x"), Text("y")) * n,
    "refusals": lambda n: (Refusal("no"),) * n,
}


def request(messages: tuple[Message, ...] = (user(),), found: tuple[Tool, ...] = (), kind: str = "chat") -> Request:
    return Request(MODELS.get(kind, "m"), messages, tools=found, max_tokens=99, stream=True)


def asked(label: str, n: int, kind: str) -> Request:
    if label in CONVERSATIONS:
        return request(CONVERSATIONS[label](n), kind=kind)
    if label in TOOLS:
        return request(found=TOOLS[label](n), kind=kind)
    many = request(kind=kind)
    return {
        "system": replace(many, system=(Text("x"),) * n),
        "stops": replace(many, stop=tuple(f"s{i}" for i in range(n))),
        "chosen": replace(
            many, tools=tools(n, wide(1)), tool_choice=ToolChoice("auto", tuple(f"f{i}" for i in range(n)))
        ),
    }[label]


REQUESTS: Final = (*CONVERSATIONS, *TOOLS, "system", "stops", "chosen")


# ---- the readers -----------------------------------------------------------------------------------------------------
def decoding(kind: Any, label: str, n: int) -> Act:
    protocol = TEXT_PROTOCOLS[kind]
    body = protocol.encode_request(asked(label, n, kind))[0]

    def act() -> None:
        found = protocol.decode_request(body, "m", True)
        protocol.without_foreign(body)
        tokens_of(found)
        compaction.summary_request(found)

    return act


def encoding(kind: Any, label: str, n: int) -> Act:
    return partial(TEXT_PROTOCOLS[kind].encode_request, asked(label, n, kind))


def curing(name: str, kind: Any, label: str, n: int) -> Act:
    body = TEXT_PROTOCOLS[kind].encode_request(asked(label, n, kind))[0]
    return partial(quirks.apply, [name], kind, body, quirks.Context())


def answer_of(label: str, n: int) -> Response:
    return Response("r", "m", ANSWERS[label](n), "end", Usage(1, 2))


def answering(kind: Any, label: str, n: int) -> Act:
    protocol, plain = TEXT_PROTOCOLS[kind], request()
    answer = answer_of(label, n)
    body = protocol.encode_response(answer, plain)[0]

    def act() -> None:
        protocol.encode_response(answer, plain)
        protocol.decode_response(body)
        protocol.usage_of(body)
        protocol.answer_fault(body)

    return act


def stream_of(kind: Any, label: str, n: int) -> list[bytes]:
    """The answer piece by piece: texts and arguments come in letters."""
    encoder = TEXT_PROTOCOLS[kind].encoder(request())
    return [chunk for event in in_letters(answer_of(label, n)) if (chunk := encoder.encode(event))]


def in_letters(answer: Response) -> Iterator[Any]:
    for event in explode(answer):
        if isinstance(event, PartDelta) and event.text:
            yield from (replace(event, text=letter) for letter in event.text)
        else:
            yield event


def streaming(kind: Any, label: str, n: int) -> Act:
    chunks = stream_of(kind, label, n)

    def act() -> None:
        decoder = TEXT_PROTOCOLS[kind].decoder()
        fold([event for chunk in chunks for event in decoder.feed(chunk)] + decoder.flush())

    return act


def in_bytes(kind: Any, n: int) -> Act:
    data = b"".join(stream_of(kind, "texts", 3)) + b": " + b"x" * (20 * n)

    def act() -> None:
        decoder = PROTOCOLS[kind].decoder()
        for at in range(len(data)):
            decoder.feed(data[at : at + 1])
        decoder.flush()

    return act


def to_client(kind: Any, label: str, n: int) -> Act:
    def act() -> None:
        encoder = gemini.array_encoder(request()) if kind == "array" else TEXT_PROTOCOLS[kind].encoder(request())
        for event in in_letters(answer_of(label, n)):
            encoder.encode(event)

    return act


def open_at_once(kind: Any, n: int) -> Act:
    """Many parts under way, all of them growing."""
    events: list[Any] = [Started("r", "m")]
    events += [PartStarted(i, call(f"c{i}")) for i in range(n)]
    events += [PartDelta(i, " ") for _ in range(3) for i in range(n)]
    events += [PartStopped(i) for i in range(n)]

    def act() -> None:
        encoder = TEXT_PROTOCOLS[kind].encoder(request())
        for event in [*events, Finished("tool_call", Usage(1, 1))]:
            encoder.encode(event)

    return act


TELLING: Final = (b'"tool_calls"', b'"error"', b'{"type":"error"}', b'"usage" : 1', b'"refusal": "', b"[DONE]", b"x")


def watching(kind: Any, piece: bytes, size: int, end: bytes, n: int) -> Act:
    """A native stream that passes, in one piece or in small ones."""
    data = (b"data: " + piece + end) * n

    def act() -> None:
        watcher = watch.PassWatcher(exchange(), PROTOCOLS[kind], PROTOCOLS[kind].decoder())
        watcher.meaningful = True
        for at in range(0, len(data), size):
            watcher.feed(data[at : at + size])
        watcher.finish()

    return act


def converting(upstream: Any, client: Any, n: int) -> Act:
    chunks = stream_of(upstream, "texts", n)

    def act() -> None:
        encoder = TEXT_PROTOCOLS[client].encoder(request())
        watcher = watch.ConvertWatcher(exchange(), PROTOCOLS[client], PROTOCOLS[upstream].decoder(), encoder)
        for chunk in chunks:
            watcher.feed(chunk)
        watcher.finish()

    return act


def failing(kind: Any, words: str, n: int) -> Act:
    body = json.dumps({"type": "error", "error": {"type": "e", "code": 400, "message": words * n}}).encode()

    def act() -> None:
        headers = {"retry-after": "9" * n, "x-ratelimit-reset": words * n}
        for text in (body, body[1:], (words * n).encode()):
            fault = PROTOCOLS[kind].decode_error(400, headers, text)
            classify(Outcome("status", 400, fault=fault, fields=frozenset({"model"})), 1, 0.0)
            PROTOCOLS[kind].encode_error(fault, "x")
            clean(fault.message)

    return act


WORDS: Final = (
    "x", "a_", "model ", "quota ", "invalid ", "api key ", "exceeded the ", "limit not for ", "unknown parameter ", "Bearer ",
    "`x` for the `anthropic-beta` header ", "retry in 1s ", "try again in 1h2m", " ", "'", "sk-", "1", "https://a.test/",
)  # fmt: skip


def form(n: int, part: bytes) -> Act:
    body = b"--X" + part * n + b"--"
    return partial(refused, multipart.fields, body, "multipart/form-data; boundary=X", frozenset({"model"}))


PARTS: Final[Mapping[str, bytes]] = {
    "boundaries": b"\r\n--X",
    "empty parts": b"\r\n\r\n\r\n--X",
    "fields": b'\r\ncontent-disposition: form-data; name="a"\r\n\r\nv\r\n--X',
    "half boundaries": b"\r\n\r\n\r\n--Y",
    "one head": b"\r\nx: y",
}

EVENTS: Final[Mapping[str, bytes]] = {
    "blank lines": b"\n",
    "carriage returns": b"\r",
    "comments": b": x\n\n",
    "data lines": b"data:\n",
    "names": b"event: a\n",
    "bare": b"{}\n",
    "one line": b"x",
    "letters cut": b"\xc3",
}


def reading_events(piece: bytes, size: int, n: int) -> Act:
    data = piece * n

    def act() -> None:
        reader = sse.Reader()
        for at in range(0, len(data), size):
            reader.feed(data[at : at + size])
        reader.flush()

    return act


BODIES: Final[Mapping[str, Callable[[int], str]]] = {
    "items": lambda n: '{"a":[' + "1," * n + "1]}",
    "members": lambda n: "{" + ",".join(f'"{i}":0' for i in range(n)) + "}",
    "inner members": lambda n: '{"a":{' + ",".join(f'"{i}":0' for i in range(n)) + "}}",
    "white": lambda n: "{" + " " * n + "}",
    "white between": lambda n: '{"a" ' + " " * n + ":" + "\n" * n + "1}",
    "levels": lambda n: '{"a":' + "[" * n + "]" * n + "}",
    "siblings": lambda n: '{"a":[' + ",".join(["[[]]"] * n) + "]}",
    "escapes": lambda n: '{"a":"' + "\\u00e9" * n + '"}',
    "unclosed": lambda n: '{"a":[' + "[1]," * n,
    "unclosed text": lambda n: '{"a":"' + "x" * n,
}


def refused[**P](act: Callable[P, Any], *args: P.args, **named: P.kwargs) -> Any:
    try:
        return act(*args, **named)
    except (ValueError, ConfigErrors, multipart.BadForm) as error:
        return error


def body(label: str, n: int) -> Act:
    text = BODIES[label](8 * n)

    def act() -> None:
        found = refused(wire_json.JsonBody.parse, text.encode())
        if isinstance(found, wire_json.JsonBody):
            found.edit({"a": 1, "model": "x"})
            found.edit({"model": "x"}, frozenset({"a"}))
        wire_json.loads_object(text)

    return act


def edited(n: int) -> Act:
    found = wire_json.JsonBody.parse(json.dumps({f"m{i}": i for i in range(min(n, 900))}).encode())
    return partial(found.edit, {f"m{i}": 0 for i in range(min(n, 900))})


def patient(label: str, n: int) -> Act:
    """In steps, however short the text is."""
    scanner = PatientScanner(wire_json._scan)
    text = BODIES[label](8 * n)

    def act() -> None:
        try:
            scanner._container(text, 0, "{}", 16)
        except (ValueError, StopIteration, RecursionError):
            return

    return act


def remembered(n: int) -> Act:
    items = [{"type": "function_call_output", "call_id": f"c{i}", "output": "x" * 2000} for i in range(n)]
    return partial(trimmed, items)


def shown(kind: Any, label: str, n: int) -> Act:
    data = b"".join(stream_of(kind, label, n)).decode()
    return partial(reassembly.answer, kind, {"text": data, "headers": ()})


def shaped(n: int) -> Act:
    talk = [{"role": "assistant", "content": [{"type": "tool_use", "id": f"c{i}", "name": "f"}]} for i in range(n)]
    tools = [{"name": f"t{i}", "cache_control": {}} for i in range(n)]
    raw = json.dumps({"messages": talk, "tools": tools, "system": [{"text": "x"}] * n}).encode()
    body = wire_json.JsonBody.parse(raw)
    return partial(Maker("k").shape, "messages", "", body.text, body.spans, raw)


def masked(words: str, n: int) -> Act:
    body = json.dumps({"messages": [{"role": "user", "content": words * n * 8}] * 2}).encode()  # none is a short body
    return lambda: Mask(("email", "phone", "card", "iban"), "k").body(body)


YAML: Final[Mapping[str, Callable[[int], str]]] = {
    "keys": lambda n: "".join(f"k{i}: 1\n" for i in range(n)),
    "nested": lambda n: "[" * n,
    "channels": lambda n: "channels:\n" + "".join(f"  - {{name: n{i}, protokol: x}}\n" for i in range(n)),
    "comments": lambda n: "# key\n" * n,
    "broken": lambda n: "key: " * n + "[",
    "aliases": lambda n: "a: &a [1]\nb: [" + "*a," * n + "]\n",
}


def _protocols() -> Iterator[tuple[str, Reader]]:
    for kind in TEXT_PROTOCOLS:
        for label in REQUESTS:
            yield f"decode {kind}: {label}", partial(decoding, kind, label)
            yield f"encode {kind}: {label}", partial(encoding, kind, label)
        for label in ANSWERS:
            yield f"answer {kind}: {label}", partial(answering, kind, label)
            yield f"stream {kind}: {label}", partial(streaming, kind, label)
            yield f"to client {kind}: {label}", partial(to_client, kind, label)
        for label in ("texts", "calls", "thoughts and texts"):
            yield f"page {kind}: {label}", partial(shown, kind, label)
        yield f"bytes {kind}", partial(in_bytes, kind)
        yield f"open at once {kind}", partial(open_at_once, kind)
        for client in TEXT_PROTOCOLS:
            yield f"convert {kind} > {client}", partial(converting, kind, client)
    for label in ANSWERS:
        yield f"to client array: {label}", partial(to_client, "array", label)
    for name, quirk in quirks.QUIRKS.items():
        for kind in sorted(quirk.protocols & TEXT_PROTOCOLS.keys()) if quirk.change else ():
            for label in ("turns", "parts", "calls at once", "thoughts", "tools", "system"):
                yield f"quirk {name} {kind}: {label}", partial(curing, name, kind, label)


def _wire() -> Iterator[tuple[str, Reader]]:
    for kind in PROTOCOLS:
        for words in WORDS:
            yield f"error {kind}: {words}", partial(failing, kind, words)
        for piece in TELLING:
            for size in (1 << 30, 7):
                for end in (b"\n\n", b"\r\n\r\n"):
                    name = f"watch {kind}: {piece.decode()} by {size}{' CRLF' if b'\r' in end else ''}"
                    yield name, partial(watching, kind, piece, size, end)
    for label, part in PARTS.items():
        yield f"form: {label}", partial(form, part=part)
    for label, piece in EVENTS.items():
        for size in (1 << 30, 1, 5):
            yield f"events: {label} by {size}", partial(reading_events, piece, size)
    for label in BODIES:
        yield f"JSON: {label}", partial(body, label)
        yield f"JSON in steps: {label}", partial(patient, label)
    for text in SPREAD:
        yield f"secrets in pieces: {text}", partial(spreading, text)
    yield "JSON: edits", edited
    yield "remembered items", remembered
    yield "shape", shaped
    for words in ("a@b.example ", "a.", "4111 ", "+1 2", "DE89 ", "a@", "1-", "AB12"):
        yield f"mask: {words}", partial(masked, words)


SPREAD: Final = ("hello ", "sk-proj-", "sk-proj-1a2b3c4d", "sk-proj-1a2b3c4d5e6f7g8h", "")
"""Texts of a stream's events."""


def spreading(text: str, n: int) -> Act:
    """A stream whose events each may be a piece of a secret."""
    event = f'data: {{"choices":[{{"delta":{{"content":"{text}"}}}}]}}\n\n'.encode()

    def act() -> None:
        spread = Spread((b"sk-proj-1a2b3c4d5e6f7g8h",), bytes)
        for _ in range(n):
            spread.feed(event)
        spread.rest()

    return act


def _panel() -> Iterator[tuple[str, Reader]]:
    for label, text in YAML.items():
        yield f"YAML: {label}", lambda n, text=text: partial(refused, yaml_file.load_text, text(n))  # type: ignore[misc]
    for words in (*WORDS, "https://a.test/v1 sk-aaaaaaaaaaaaaaaaaaaa\n", "key=", "%20"):
        yield f"paste: {words}", lambda n, words=words: partial(paste.parse, words * n)  # type: ignore[misc]
    for pattern, name in (("*a*b", "a"), ("a*a*a*b", "a"), ("*", "ab"), ("?a*", "a")):
        yield (
            f"pattern {pattern}",
            lambda n, p=pattern, w=name: partial(Patterns((p,)).allows, w * n),  # type: ignore[misc]
        )


READERS: Final[Mapping[str, Reader]] = dict([*_protocols(), *_wire(), *_panel()])
