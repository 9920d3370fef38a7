"""An imitation of the AI providers for tests, the benchmark and ``run.py demo``: every protocol, strict, on loopback.

    fake_upstream.py [--host 127.0.0.1] [--port 0]      prints its address when ready

What the good answer says is driven by words in the last user text (fake/said.py). What the real API refuses is refused
in its own words (fake/strict.py). A key that begins with ``bad``, ``poor``, ``slowdown`` or ``forbidden`` gets 401, 402 or
429 quota, 429 with Retry-After, 403.

Misbehaviour is chosen by the header ``x-fake``, by a key ``fake:SPEC:anything``, by a model name that contains
``fake-SPEC``, or by a base URL that ends in ``/fake:SPEC``. SPEC is ``name`` or ``name=value``, several joined by ``+``:

    close reset stall slow=S drip status=N 429=S retrydate html html502 notjson empty nocontent errorin200 leakkey flaky=N
    errorfirst errorlate=N emptystream stallstream think=S pingonly cut=N eof=N midstall=N slowchunks=MS chunks1 bytes1 crlf cr bom
    comments nospace noevent nodone nofinish gzip br zstd deflate http10 closedelim chunkext trailers early bigevent=MB
    redirect=URL hugehead nulheader setcookie keepclose modelnotfound contextlength moderation overloaded poolempty
    unsupported=FIELD badbeta=TOKEN nousage streams scripted=NAME gate=NAME

Control: ``GET /__requests`` what arrived, ``DELETE`` forget it; ``GET /__stats`` counts; ``GET /__picture/ANY`` a picture;
``PUT /__scripts`` answers of a test's own (fake/scripted.py); ``PUT /__gates/NAME`` lets go what waits there.
"""

import argparse
import asyncio
import base64
import contextlib
import email.utils
import json
import re
import ssl
import sys
import time
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.fake import answers, code_assist, strict
from scripts.fake.framing import compress, head, is_delta, read_spec
from scripts.fake.refused import cameled
from scripts.fake.scripted import Script

ROUTES: tuple[tuple[str, str, str, str], ...] = (
    ("POST", r"/v1/messages", "messages", "generate"),
    ("POST", r"/v1/messages/count_tokens", "messages", "count_tokens"),
    ("POST", r"/v1/chat/completions", "chat", "generate"),
    ("POST", r"/v1/responses", "responses", "generate"),
    ("POST", r"/v1/responses/compact", "responses", "compact"),
    ("POST", r"/v1/responses/input_tokens", "responses", "count_tokens"),
    ("GET", r"/v1/responses/(?P<id>[\w-]+)", "responses", "get"),
    ("DELETE", r"/v1/responses/(?P<id>[\w-]+)", "responses", "delete"),
    ("POST", r"/v1/embeddings", "embeddings", "embeddings"),
    ("POST", r"/v1/images/generations", "images", "image_generate"),
    ("POST", r"/v1/images/edits", "images", "image_edit"),
    ("POST", r"/v1/images/variations", "images", "image_variation"),
    ("POST", r"/v1(?:beta)?/models/(?P<model>[^:]+):generateContent", "gemini", "generate"),
    ("POST", r"/v1(?:beta)?/models/(?P<model>[^:]+):streamGenerateContent", "gemini", "stream"),
    ("POST", r"/v1(?:beta)?/models/(?P<model>[^:]+):countTokens", "gemini", "count_tokens"),
    ("POST", r"/v1(?:beta)?/models/(?P<model>[^:]+):embedContent", "gemini", "embed"),
    ("POST", r"/v1(?:beta)?/models/(?P<model>[^:]+):batchEmbedContents", "gemini", "embed_batch"),
    ("GET", r"/v1beta/models", "gemini", "models"),
    ("POST", r"/v1internal:generateContent", "gemini", "generate"),
    ("POST", r"/v1internal:streamGenerateContent", "gemini", "stream"),
    ("POST", r"/v1internal:countTokens", "gemini", "count_tokens"),
    ("POST", r"/v1internal:\w+", "gemini", "account"),
    ("GET", r"/v1internal(?::\w+|/operations/[\w-]+)", "gemini", "account"),
    ("GET", r"/v1/models", "chat", "models"),
)
COMPILED = tuple((method, re.compile(pattern), kind, operation) for method, pattern, kind, operation in ROUTES)


@dataclass
class Asked:
    """One request as it arrived, and how to misbehave about it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    raw_headers: list[tuple[str, str]]
    body: bytes
    key: str = ""
    kind: str = ""
    operation: str = ""
    model: str = ""
    json: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, str] = field(default_factory=dict)
    left_early: bool = False

    def seen(self) -> dict[str, Any]:
        return {
            "method": self.method, "path": self.path, "query": self.query, "headers": self.raw_headers,
            "size": len(self.body), "json": self.json, "key": self.key, "left_early": self.left_early,
            "text": self.body[:200_000].decode("utf-8", "replace"),
            "base64": base64.b64encode(self.body).decode() if len(self.body) < 100_000 else "",
        }  # fmt: skip


class Left(Exception):
    """The connection is over on purpose."""


class FakeUpstream:
    """``async with FakeUpstream() as fake: fake.url``."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host, self.port, self.tls = host, port, tls
        self.requests: deque[Asked] = deque(maxlen=2000)
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.scripts: dict[str, Script] = {}
        self.gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def __aenter__(self) -> "FakeUpstream":
        self.server = await asyncio.start_server(
            self.serve, self.host, self.port, ssl=self.tls, limit=1 << 17, backlog=1024
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    # ---- one connection ---------------------------------------------------------------------------------------------
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts["connections"] += 1
        self.counts["open"] += 1
        try:
            while asked := await read_request(reader):
                await Reply(self, asked, reader, writer).send()
        except (Left, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        finally:
            self.counts["open"] -= 1
            with contextlib.suppress(Exception):
                writer.close()


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    raw = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = {name.lower(): value for name, value in raw}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Asked(method, unquote(parts.path), parse_qs(parts.query), headers, raw, body)


class Reply:
    """Answers one request, well or as its SPEC says."""

    def __init__(
        self, fake: FakeUpstream, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.fake, self.asked, self.reader, self.writer = fake, asked, reader, writer
        self.spec = asked.spec
        self.headers: list[tuple[str, str]] = []

    async def send(self) -> None:
        asked = self.asked
        if asked.path.startswith("/__"):
            await self.control()
            return
        self.understand()
        self.fake.requests.append(asked)
        self.fake.counts["requests"] += 1
        flying, most = f"flying {asked.key}", f"most at once {asked.key}"
        self.fake.counts[flying] += 1
        self.fake.counts[most] = max(self.fake.counts[flying], self.fake.counts[most])
        try:
            await self.answer()
        finally:
            self.fake.counts[flying] -= 1

    async def answer(self) -> None:
        asked = self.asked
        script = self.fake.scripts.get(self.spec.get("scripted", ""))
        if script and script.fits(asked.body):
            self.spec.update(read_spec(script.spec))
            self.headers += script.headers.items()
            await self.trouble_before()
            if script.status:
                return await self.whole(script.status, script.bytes)
        await self.trouble_before()
        if answer := self.refusal():
            await self.whole(*answer)
        elif asked.operation == "stream" or asked.json.get("stream") is True or "streams" in self.spec:
            await self.stream()
        else:
            await self.whole(200, self.good_json())

    def understand(self) -> None:
        asked = self.asked
        if found := re.match(r"/fake:([^/]+)(/.*)", asked.path):
            self.spec.update(read_spec(found[1]))
            asked.path = found[2]
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        asked.key = bearer or asked.headers.get("x-api-key", "") or asked.headers.get("x-goog-api-key", "")
        asked.key = asked.key or (asked.query.get("key") or [""])[0]
        for method, pattern, kind, operation in COMPILED:
            if method == asked.method and (hit := pattern.fullmatch(asked.path)):
                asked.kind, asked.operation = kind, operation
                asked.model = (hit.groupdict().get("model") or "").removeprefix("models/")
                break
        with contextlib.suppress(ValueError):
            value = json.loads(asked.body)
            asked.json = value if isinstance(value, dict) else {}
        if asked.headers.get("content-type", "").startswith("multipart/"):
            fields = re.findall(r'name="(\w+)"\r\n\r\n([^\r]*)\r\n', asked.body.decode("latin-1"))
            asked.json = dict(fields)
        if asked.kind == "gemini":
            asked.json = cameled(asked.json)
        if code_assist.PATH.fullmatch(asked.path) and asked.operation != "account":
            asked.json, asked.model = code_assist.opened(asked.json)
        asked.model = asked.model or str(asked.json.get("model") or "")
        if found := re.search(r"fake-([\w=.+-]+)", asked.model):
            self.spec.update(read_spec(found[1]))
        if asked.key.startswith("fake:"):
            self.spec.update(read_spec(asked.key.split(":")[1]))
        self.spec.update(read_spec(asked.headers.get("x-fake", "")))

    # ---- trouble ----------------------------------------------------------------------------------------------------
    async def trouble_before(self) -> None:
        spec = self.spec
        if "slow" in spec:
            await asyncio.sleep(float(spec["slow"]))
        if "gate" in spec:
            await self.fake.gates[spec["gate"]].wait()
        if "close" in spec:
            raise Left
        if "reset" in spec:
            self.writer.transport.abort()
            raise Left
        if "stall" in spec:
            await self.until_gone()
        if "early" in spec:
            self.writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        if "flaky" in spec and self.fake.failures[self.asked.key] < int(spec["flaky"]):
            self.fake.failures[self.asked.key] += 1
            spec["status"] = "500"

    async def until_gone(self) -> None:
        """Silence until the peer closes; counted, because tests ask whether it was told to stop."""
        await self.reader.read()
        self.asked.left_early = True
        self.fake.counts["cancelled"] += 1
        raise Left

    def refusal(self) -> tuple[int, bytes] | None:
        asked, spec, kind = self.asked, self.spec, self.asked.kind or "chat"
        if not asked.kind:
            return 404, strict.error(kind, 404, f"unknown path {asked.path}")
        if by_key := self.key_refusal(kind):
            return by_key
        if wanted := self.wanted_error(kind):
            return wanted
        if "html" in spec:
            return 200, b"<html><title>Welcome</title></html>"
        if "html502" in spec:
            return 502, b"<html><head><title>502 Bad Gateway</title></head></html>"
        if "notjson" in spec:
            return 200, b'{"half": '
        if "empty" in spec:
            return 200, b""
        if "errorin200" in spec:
            return 200, strict.error(kind, 500, "the upstream failed inside a 200")
        if asked.operation == "account":
            return None
        if asked.method == "POST" and not asked.headers.get("content-type", "").startswith("multipart/"):
            operation = "generate" if asked.operation == "stream" else asked.operation
            return strict.refusal(kind, operation, asked.json, asked.headers, asked.model)
        return None

    def key_refusal(self, kind: str) -> tuple[int, bytes] | None:
        key = self.asked.key
        if not key or key.startswith("bad"):
            return 401, strict.error(kind, 401, "Incorrect API key provided", "invalid_api_key", "authentication_error")
        if key.startswith("poor"):
            status = 402 if kind == "messages" else 429
            return status, strict.error(
                kind, status, "You exceeded your current quota, please check your plan", "insufficient_quota"
            )
        if key.startswith("slowdown"):
            self.spec["429"] = "7"
            return None
        return (403, strict.error(kind, 403, "Your key may not use this")) if key.startswith("forbidden") else None

    def wanted_error(self, kind: str) -> tuple[int, bytes] | None:
        asked, spec = self.asked, self.spec
        if "429" in spec or "retrydate" in spec:
            return 429, strict.error(kind, 429, "Rate limit reached", "rate_limit_exceeded")
        if "529" in spec or "overloaded" in spec:
            return 529, strict.error(kind, 529, "Overloaded", "", "overloaded_error")
        if "poolempty" in spec:
            return 503, strict.error(kind, 503, "no available account in the pool", "no_available_account")
        if "modelnotfound" in spec:
            return 404, strict.error(
                kind, 404, f"The model `{asked.model}` does not exist", "model_not_found", "not_found_error"
            )
        if "contextlength" in spec:
            return 400, strict.error(
                kind, 400, "prompt is too long: 250000 tokens > 200000 maximum", "context_length_exceeded"
            )
        if "moderation" in spec:
            return 400, strict.error(kind, 400, "blocked by our content policy", "content_policy_violation")
        if (name := spec.get("unsupported")) and name in asked.json:
            return 400, strict.error(kind, 400, strict.unknown_field(kind, name))
        if (token := spec.get("badbeta")) and token in asked.headers.get("anthropic-beta", ""):
            return 400, strict.error(kind, 400, f"Unexpected value(s) `{token}` for the `anthropic-beta` header")
        if "leakkey" in spec:
            return 400, strict.error(kind, 400, f"the key {asked.key} is not what we wanted")
        if "redirect" in spec:
            return 302, b""
        if "status" in spec:
            status = int(spec["status"])
            return status, strict.error(kind, status, f"fake error {status}")
        return None

    # ---- whole answers ----------------------------------------------------------------------------------------------
    def good_json(self) -> bytes:
        asked = self.asked
        said = None
        if asked.operation in ("generate", "compact"):
            said = answers.say(asked.kind, asked.model, asked.json) if asked.kind in answers.READERS else None
            if said and "nocontent" in self.spec:
                said.text, said.calls, said.thought = "", [], ""
        return json.dumps(self.counted(self._good(asked, said))).encode()

    def counted(self, value: Any) -> Any:
        """As it is, or without any count of tokens."""
        if "nousage" not in self.spec or not isinstance(value, dict):
            return value
        return {k: self.counted(v) for k, v in value.items() if k not in ("usage", "usageMetadata")}

    def _good(self, asked: Asked, said: Any) -> Any:
        if asked.operation == "models":
            return answers.models_json(asked.kind)
        if asked.operation == "count_tokens":
            return answers.count_json(asked.kind, len(asked.body) // 4)
        match asked.kind, asked.operation:
            case "gemini", "embed":
                return {"embedding": answers.VECTOR}
            case "gemini", "embed_batch":
                return {"embeddings": [answers.VECTOR for _ in asked.json["requests"]]}
            case "messages", _:
                return answers.messages_json(said)
            case "chat", _:
                return answers.chat_json(said)
            case "responses", "get" | "delete":
                id = asked.path.rsplit("/", 1)[1]
                return {"id": id, "object": "response", "status": "completed", "output": [], "deleted": True}
            case "responses", _:
                return answers.responses_json(said, asked.json)
            case "gemini", "account":
                return code_assist.account(asked.path)
            case "gemini", _:
                return self.enclosed(answers.gemini_json(said))
            case "embeddings", _:
                return answers.embeddings_json(asked.json)
        empty = {"created": 1, "data": []}
        return empty if "nocontent" in self.spec else answers.image_json(asked.model, asked.json, self.fake.url)

    def enclosed(self, answer: Any) -> Any:
        return code_assist.enclosed(answer) if code_assist.PATH.fullmatch(self.asked.path) else answer

    async def whole(self, status: int, body: bytes) -> None:
        kinds = {b"<": "text/html", b"\x89": "image/png"}
        headers = self.common_headers(status, kinds.get(body[:1], "application/json"))
        body, encoding = compress(body, self.spec)
        headers += encoding
        if "http10" in self.spec or "closedelim" in self.spec:
            version = "1.0" if "http10" in self.spec else "1.1"
            await self.write(head(status, [*headers, ("connection", "close")], version) + body)
            raise Left
        length = len(body) + (10 if "badlength" in self.spec else 0)
        wire = head(status, [*headers, ("content-length", str(length))]) + body
        if "drip" in self.spec:
            for byte in wire[:400]:
                await self.write(bytes([byte]))
                await asyncio.sleep(0.05)
        await self.write(wire)
        if "badlength" in self.spec:
            raise Left
        if "keepclose" in self.spec:
            await self.reader.readexactly(1)
            self.writer.transport.abort()
            raise Left

    def common_headers(self, status: int, kind: str) -> list[tuple[str, str]]:
        spec = self.spec
        headers = [("content-type", kind), ("x-request-id", "req_fake"), ("x-ratelimit-remaining-requests", "99")]
        headers += self.headers
        if "429" in spec and status == 429 and spec["429"]:
            headers.append(("retry-after", spec["429"]))
        if "retrydate" in spec:
            headers.append(("retry-after", email.utils.formatdate(time.time() + 9, usegmt=True)))
        if "setcookie" in spec:
            headers.append(("set-cookie", "session=secret"))
        if "nulheader" in spec:
            headers.append(("x-odd", "a\0b"))
        if "hugehead" in spec:
            headers.append(("x-huge", "a" * 70_000))
        if status == 302:
            headers.append(("location", spec["redirect"] or "http://127.0.0.1:1/"))
        return headers

    # ---- streams ----------------------------------------------------------------------------------------------------
    def events(self) -> Iterator[tuple[str, Any]]:
        asked = self.asked
        if asked.kind == "images":
            yield from answers.image_stream(asked.operation)
            return
        said = answers.say(asked.kind, asked.model, asked.json)
        if "nocontent" in self.spec:
            said.text, said.calls, said.thought = "", [], ""
        match asked.kind:
            case "messages":
                yield from answers.messages_stream(said)
            case "chat":
                yield from answers.chat_stream(
                    said, bool((asked.json.get("stream_options") or {}).get("include_usage"))
                )
            case "responses":
                yield from answers.responses_stream(said, asked.json)
            case "gemini":
                for chunk in answers.gemini_chunks(said):
                    yield "", self.enclosed(chunk)

    async def stream(self) -> None:
        asked, spec = self.asked, self.spec
        array = asked.kind == "gemini" and asked.query.get("alt") != ["sse"]
        kind = "application/json" if array else "text/event-stream"
        body = Body(self, array)
        await self.write(head(200, [*self.common_headers(200, kind), *body.headers()]))
        if "stallstream" in spec:
            await self.until_gone()
        if "think" in spec:
            await asyncio.sleep(float(spec["think"]))
        while "pingonly" in spec:
            await body.raw(b": ping\n\n")
            await asyncio.sleep(0.05)
        if "emptystream" in spec:
            await body.end()
            return
        if "errorfirst" in spec:
            await body.event(*strict.stream_error(asked.kind, 529, "Overloaded"))
            await body.end()
            return
        await self.stream_events(body)
        await body.end()

    async def stream_events(self, body: "Body") -> None:
        asked, spec = self.asked, self.spec
        deltas = 0
        pause = float(spec.get("slowchunks", 0)) / 1000
        for name, value in self.events():
            if value == "[DONE]" and "nodone" in spec:
                continue
            await body.event(name, self.counted(value))
            deltas += is_delta(name, value)
            if deltas and str(deltas) == spec.get("cut"):
                await asyncio.sleep(0.05)
                self.writer.transport.abort()
                raise Left
            if deltas and str(deltas) == spec.get("eof"):
                return
            if deltas and str(deltas) == spec.get("midstall"):
                await self.until_gone()
            if deltas and str(deltas) == spec.get("errorlate"):
                await body.event(*strict.stream_error(asked.kind, 500, "it broke in the middle"))
                return
            if pause:
                await asyncio.sleep(pause)
                if self.writer.transport.is_closing() or self.reader.at_eof():
                    asked.left_early = True
                    self.fake.counts["cancelled"] += 1
                    raise Left

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    # ---- control ----------------------------------------------------------------------------------------------------
    async def control(self) -> None:
        path, body = self.asked.path, b"{}"
        if path == "/__requests" and self.asked.method == "DELETE":
            self.fake.requests.clear()
            self.fake.failures.clear()
        elif path == "/__requests":
            body = json.dumps([asked.seen() for asked in self.fake.requests]).encode()
        elif path == "/__scripts":
            self.fake.scripts.update({name: Script(**it) for name, it in json.loads(self.asked.body).items()})
        elif path.startswith("/__gates/"):
            self.fake.gates[path.rpartition("/")[2]].set()
        elif path == "/__stats":
            body = json.dumps(self.fake.counts).encode()
        elif path.startswith("/__picture/"):
            body = base64.b64decode(answers.PIXEL)
        await self.whole(200, body)


class Body:
    """A streamed body: event framing, chunked framing and encodings, each as SPEC wants it."""

    def __init__(self, reply: Reply, array: bool) -> None:
        self.reply, self.array, self.first = reply, array, True
        self.spec = reply.spec
        self.delimited = not ({"http10", "closedelim"} & self.spec.keys())
        self.deflater = zlib.compressobj(wbits=31) if "gzip" in self.spec else None

    def headers(self) -> list[tuple[str, str]]:
        found = [("transfer-encoding", "chunked")] if self.delimited else [("connection", "close")]
        return [*found, ("content-encoding", "gzip")] if self.deflater else found

    async def event(self, name: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        if self.array:
            await self.raw((("[" if self.first else ",\r\n") + text).encode())
            self.first = False
            return
        space = "" if "nospace" in self.spec else " "
        lines = f"data:{space}{text}\n\n"
        if name and "noevent" not in self.spec:
            lines = f"event:{space}{name}\n{lines}"
        if "comments" in self.spec:
            lines = f": comment\n\n{lines}"
        if "bigevent" in self.spec and self.first:
            lines = ": " + "x" * (int(self.spec["bigevent"]) << 20) + f"\n\n{lines}"
        if "bom" in self.spec and self.first:
            lines = "\ufeff" + lines
        self.first = False
        end = "\r\n" if "crlf" in self.spec else "\r" if "cr" in self.spec else "\n"
        await self.raw(lines.replace("\n", end).encode())

    async def raw(self, data: bytes) -> None:
        if self.deflater:
            data = self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        size = 1 if "bytes1" in self.spec else len(data)
        for at in range(0, len(data), size or 1):
            piece = data[at : at + size]
            if self.delimited:
                extension = b";ext=1" if "chunkext" in self.spec else b""
                piece = b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
            await self.reply.write(piece)
            if size == 1:
                await asyncio.sleep(0)

    async def end(self) -> None:
        if self.array:
            await self.raw(b"[]" if self.first else b"]")
        if self.deflater:
            rest, self.deflater = self.deflater.flush(), None
            await self.raw(rest)
        if not self.delimited:
            raise Left
        await self.reply.write(b"0\r\nx-checksum: 1\r\n\r\n" if "trailers" in self.spec else b"0\r\n\r\n")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    options = parser.parse_args()
    tls = None
    if options.tls_cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.tls_cert, options.tls_key)
    async with FakeUpstream(options.host, options.port, tls) as fake:
        print(f"the fake upstream is ready on {fake.url}", flush=True)
        await fake.server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
