"""The clients: raw sockets, so that they cost little and measure what one would see on the wire."""

import asyncio
import json
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

KEY: Final = "bench-client-key-0123456789"
CHAT: Final = "/v1/chat/completions"
MESSAGES: Final = "/v1/messages"
SENT_AT: Final = re.compile(rb'"at (\d+\.\d+)"')


def request(body: bytes, path: str = CHAT, headers: str = "") -> bytes:
    """The bytes of a whole request."""
    fields = f"authorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nhost: bench\r\n{headers}{fields}\r\n".encode() + body


def asked(text: str, **members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **members}).encode()


def agent_request() -> bytes:
    """What a coding agent sends in the middle of its work: instructions, tools and turns, 100 kB."""
    words = "The quick brown fox jumps over the lazy dog, and the dog has nothing to say about it. "
    field = {"type": "string", "description": words}
    schema = {"type": "object", "properties": {f"field{n}": field for n in range(5)}}
    tools = [{"name": f"tool{n}", "description": words * 12, "input_schema": schema} for n in range(16)]
    turns = [
        {"role": ("user", "assistant")[n % 2], "content": [{"type": "text", "text": words * 28}]} for n in range(29)
    ]
    body = {"model": "m", "max_tokens": 32000, "stream": True, "system": words * 80, "tools": tools, "messages": turns}
    agent = (
        "user-agent: agent/2.0\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: one-2025-01-01,two-2025-01-01\r\n"
    )
    more = "".join(f"x-stainless-{name}: 1\r\n" for name in ("lang", "os", "arch", "runtime", "retry-count", "timeout"))
    return request(json.dumps(body).encode(), MESSAGES, agent + more)


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """The body of a good answer. Raises when it is not one, or breaks off."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if head[9:12] != b"200":
        raise ValueError(f"the answer is {head[9:12].decode()}")
    if b"transfer-encoding: chunked" not in head:
        return await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    body = bytearray()
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return bytes(body)


@dataclass
class Seen:
    """What clients saw: seconds of each answer, and of all of it."""

    times: list[float] = field(default_factory=list)
    spent: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.times) / self.spent

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def late(self) -> float:
        """Of a hundred the second slowest."""
        return sorted(self.times)[int(len(self.times) * 0.99)]


def nothing() -> None:
    """Nobody wants to know."""


async def load(
    port: int, wire: bytes, clients: int, seconds: float, *, one_shot: bool = False, ready: Callable[[], None] = nothing
) -> Seen:
    """``clients`` that ask one after the other. ``one_shot``: each time over a new connection.

    All begin together, once each has asked over its connection and all have asked at once, so that there are as many
    connections to the upstream as they need: then ``ready`` is called, and what comes is counted.
    """
    seen, all_there, begun = Seen(), asyncio.Barrier(clients), 0.0

    async def client() -> None:
        nonlocal begun
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for _ in range(2):
            writer.write(wire)
            await read_answer(reader)
            await all_there.wait()
        if await all_there.wait() == 0:
            ready()
            begun = time.perf_counter()
        await all_there.wait()
        ended = 0.0
        while ended < begun + seconds:
            started = time.perf_counter()
            if one_shot:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            writer.write(wire)
            await read_answer(reader)
            ended = time.perf_counter()
            seen.times.append(ended - started)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    seen.spent = time.perf_counter() - begun
    return seen


def slow(pause: int) -> bytes:
    """What the upstream answers with a piece every so many ms, each with the moment it was sent."""
    return request(asked("hello", model=f"slow-{pause}", stream=True))


async def delays(port: int, wire: bytes, count: int) -> Seen:
    """How long each piece of ``count`` slow streams at once was on its way, while all of them run.

    ``wire``: as the program takes it.
    """
    seen, begun, running, ended = Seen(), time.perf_counter(), 0, 0

    async def stream() -> None:
        nonlocal running, ended
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(wire)
        await reader.readuntil(b"\r\n\r\n")
        running += 1
        while size := int(await reader.readline(), 16):
            data = await reader.readexactly(size + 2)
            now = time.monotonic()
            if running == count and not ended:
                seen.times += [now - float(sent) for sent in SENT_AT.findall(data)]
        ended += 1
        writer.close()

    await asyncio.gather(*(stream() for _ in range(count)))
    seen.spent = time.perf_counter() - begun
    return seen


async def longest_gap(port: int) -> float:
    """Seconds between two pieces of one slow stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(slow(20))
    await reader.readuntil(b"\r\n\r\n")
    longest, last = 0.0, time.perf_counter()
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    writer.close()
    return longest
