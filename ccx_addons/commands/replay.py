"""``ccx replay``: recorded requests once more, through the gateway that runs here, and what is different now."""

import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ccx_addons.commands import amount, parser, say
from ccx_addons.commands.flows import opened
from ccx_addons.commands.health import ask
from ccx_addons.commands.places import environment
from ccx_addons.core.endpoints import PIN_HEADER
from ccx_addons.core.header_names import KEY_HEADER
from ccx_addons.core.settings import Settings
from ccx_addons.io.recorded import Recorded, Unreadable, har, kept
from ccx_addons.processes.supervisor import StartError
from ccx_addons.protocols import TEXT_PROTOCOLS, compare, reassembly
from ccx_admin.requests.flows import Flows, NoSuchFlow

PAUSE: Final = threading.Event()
PATIENCE: Final = 600.0
"""Seconds for one answer."""
SETTLES: Final = 3.0
"""Seconds until the row of an answer is written."""
COUNTED: Final = (
    "channel_name",
    "upstream_model",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "cost_usd",
    "total_ms",
)


@dataclass(frozen=True, slots=True)
class Again:
    """``before`` and ``now``: status, and what was counted as far as it is known. ``lines``: of what was said."""

    request: str
    path: str
    before: Mapping[str, Any]
    now: Mapping[str, Any]
    lines: tuple[compare.Line, ...]


def replay(arguments: list[str]) -> int:
    """Sends the requests of a mitmproxy flow file or a HAR file through the gateway that runs here, and shows what is
    different. They cost tokens, and count for the client of PROXY_ACCESS_KEY. Exit 1: one of them failed that did not
    before."""
    words = parser("replay", replay)
    words.add_argument("file", type=Path, help="of mitmweb (.flow) or a browser, a proxy, the panel (.har)")
    words.add_argument("--channel", default="", help="the channel that is to answer; by default as routing says")
    words.add_argument("--limit", type=amount, default=100, help="most requests that are sent")
    words.add_argument("--json", action="store_true", help="one object a line")
    words.add_argument("--port", type=int, help="where PORT is 0, or another gateway's")
    asked = words.parse_args(arguments)
    settings = Settings.read(environment(os.environ))
    port = asked.port or settings.port
    if (found := ask(settings, port)) != "ready":
        raise StartError(f"the gateway does not run here ({found}): start it with ccx")
    recorded = list(read(asked.file))[: asked.limit]
    if not recorded:
        raise Unreadable(f"{asked.file} has no request of a model in it")
    worse = 0
    for one in recorded:
        again = send(one, settings, port, asked.channel)
        worse += again.now["status"] >= 400 > one.status
        say(json.dumps(asdict(again), ensure_ascii=False) if asked.json else "\n".join(told(again)))
    return 1 if worse else 0


def read(path: Path) -> Iterator[Recorded]:
    """Those that the gateway has an endpoint for. Raises Unreadable."""
    with path.open("rb") as file:
        is_har = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    yield from (one for one in (har(path) if is_har else flows(path)) if one.kind in TEXT_PROTOCOLS)


def flows(path: Path) -> Iterator[Recorded]:
    """Of mitmproxy, also other gateways': the client's own request where the file has it."""
    from mitmproxy import exceptions, http
    from mitmproxy.io import FlowReader

    from ccx_addons.auth import original
    from ccx_addons.inspect import KEY

    try:
        with path.open("rb") as file:
            for flow in FlowReader(file).stream():
                if not isinstance(flow, http.HTTPFlow):
                    continue
                own, facts = original.kept(flow), flow.metadata.get(KEY, {})
                answer = flow.response.get_text(strict=False) or "" if flow.response else ""
                status = flow.response.status_code if flow.response else 0
                pairs = own["headers"] if own else flow.request.headers.items(multi=True)
                body = bytes(own["body"]) if own else flow.request.get_content(strict=False) or b""
                method, place = (own["method"], own["path"]) if own else (flow.request.method, flow.request.path)
                if body:
                    headers = kept((str(name), str(value)) for name, value in pairs)
                    yield Recorded(method, place, headers, body, status, answer, facts)
    except exceptions.FlowReadException as error:
        raise Unreadable(f"{path} is no flow file: {error}") from None


def send(one: Recorded, settings: Settings, port: int, channel: str) -> Again:
    """Through the gateway, with its own key."""
    if settings.tls_cert_file:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PATIENCE, context=trusting
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {**dict(one.headers), KEY_HEADER: settings.proxy_access_key, "content-type": "application/json"}
    if channel:
        headers[PIN_HEADER] = channel
    began = time.monotonic()
    try:
        connection.request(one.method, settings.base_path + one.path, one.body, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise StartError(f"the gateway did not answer: {error}") from None
    finally:
        connection.close()
    id = response.headers.get("x-ccx-request-id", "")
    now = {"status": response.status, "total_ms": round((time.monotonic() - began) * 1000, 1), **counted(id)}
    before = {"status": one.status, **{name: one.facts[name] for name in COUNTED if one.facts.get(name) is not None}}
    return Again(id, one.path, before, now, tuple(compare.lines(said(one, one.answer), said(one, text))))


def counted(id: str) -> dict[str, Any]:
    """What the log says of it."""
    log: Flows = opened()
    until = time.monotonic() + SETTLES
    while id and time.monotonic() < until:
        try:
            if (row := log.row(id))["state"] != "running":
                return {name: row[name] for name in COUNTED if row[name] not in (None, "")}
        except NoSuchFlow:
            pass
        PAUSE.wait(0.05)
    return {}


def said(one: Recorded, text: str) -> str:
    """An answer as lines of text."""
    found = reassembly.answer(one.kind, {"text": text})  # type: ignore[arg-type]
    pieces = [compare.said(piece) for piece in found.pieces if piece.look != "thinking"]
    return "\n".join(
        [*pieces, *([f"[stop {found.stop}]"] if found.stop else []), *([found.fault] if found.fault else [])]
    )


def told(again: Again) -> Iterator[str]:
    yield f"{again.path} → {again.request}"
    for name in dict.fromkeys((*again.before, *again.now)):
        old, new = again.before.get(name, "–"), again.now.get(name, "–")
        yield f"  {name}: {old}" if old == new else f"  {name}: {old} → {new}"
    changed = [line for line in again.lines if line.sign in "-+"]
    yield "  the answer is the same" if not changed else "  the answer:"
    for line in again.lines if changed else ():
        yield f"    … {line.text} lines are alike" if line.sign == "~" else f"    {line.sign} {line.text}"
