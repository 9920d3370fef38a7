"""Content views of mitmweb: an answer, a request and a route in words instead of wire bytes.

They read the message and what inspect.py keeps in ``flow.metadata``, so that they also work on loaded flow files.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mitmproxy import contentviews, http

from ccx_addons.auth import original
from ccx_addons.core.config import Kind
from ccx_addons.core.endpoints import kind_of_path
from ccx_addons.inspect import KEY, seconds
from ccx_addons.inspect.held import UPSTREAM_KEY
from ccx_addons.protocols import TEXT_PROTOCOLS, reassembly
from ccx_addons.protocols.reassembly import Piece

FOLD: Final[Mapping[str, int]] = {"system": 600, "result": 1500, "context": 200}
"""Characters of a piece in a request before it is folded; others are shown whole."""
WIDTH: Final = 72
"""Columns of a line: what fits beside the list of flows in 1280 pixels. What is longer goes on in the next one."""
BAR: Final = 40
"""Columns of the time of a whole request."""
MAX_WRAPPED: Final = 200_000
"""Characters of a text whose lines are broken; longer ones stay as they are."""
FIRST: Final = 5.0
"""Above every view that mitmproxy has for JSON and event streams."""


class CcxView(contentviews.Contentview):
    """``flow`` and ``facts`` (the exchange's rows) of what is shown."""

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        flow = metadata.flow
        assert isinstance(flow, http.HTTPFlow)
        return "\n".join(wrapped("\n".join(self.lines(data, flow, flow.metadata.get(KEY, {}))))) + "\n"

    def lines(self, data: bytes, flow: http.HTTPFlow, facts: Mapping[str, Any]) -> Iterator[str]:
        raise NotImplementedError


class AnswerView(CcxView):
    name = "CCX answer"

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        response = isinstance(metadata.http_message, http.Response)
        return FIRST if data and response and kind_of(metadata) in TEXT_PROTOCOLS else -1

    def lines(self, data: bytes, flow: http.HTTPFlow, facts: Mapping[str, Any]) -> Iterator[str]:
        answer = reassembly.answer(client_kind(flow, facts), text_of(data))
        fault = answer.fault if facts.get("state") != "running" else ""
        if fault:
            yield f"✗ {fault}"
        yield dotted(facts.get("model", ""), f"stop: {answer.stop}" if answer.stop else "" if fault else "no end yet")
        for piece in answer.pieces:
            yield from shown(piece)
        if answer.raw:
            yield from ("", answer.raw)
        first, gap = facts.get("first_event_ms"), facts.get("max_gap_ms")
        yield from section(
            "about it",
            table(
                ("tokens", tokens(facts)),
                ("first", seconds(first) if first else ""),
                ("longest gap", f" {seconds(gap)}" if gap else ""),
                ("events", str(answer.events or "")),
                ("end", facts.get("stream_end", "")),
            ),
        )


class RequestView(CcxView):
    """Of the request as it went upstream, in the words of that channel's protocol."""

    name = "CCX request"

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        request = isinstance(metadata.http_message, http.Request)
        return FIRST if data and request and kind_of(metadata) in TEXT_PROTOCOLS else -1

    def lines(self, data: bytes, flow: http.HTTPFlow, facts: Mapping[str, Any]) -> Iterator[str]:
        kind: Kind = facts.get("converted", "").partition(">")[2] or client_kind(flow, facts)
        model = facts.get("upstream_model") or facts.get("model", "")
        asked = reassembly.asked(kind, model, bool(facts.get("stream")), text_of(data))
        if asked.problem:
            yield f"✗ {asked.problem}"
        settings = [f"{name}={value}" for name, value in (asked.settings or {}).items()]
        yield dotted(kind, model, "stream" if facts.get("stream") else "", *settings)
        if asked.tools:
            words = f"{len(asked.tools)} tools: {', '.join(asked.tools)}"
            yield from textwrap.wrap(words, WIDTH, subsequent_indent="  ")
        for role, pieces in (
            ("question", question(asked.turns)),
            *((turn.role, turn.pieces) for turn in asked.turns),
            ("system", asked.system),
        ):
            if pieces:
                yield from ("", headline(role))
            for piece in pieces:
                yield from shown(piece, FOLD.get(role if role == "system" else piece.look))
        if asked.raw:
            yield from ("", asked.raw)


class RouteView(CcxView):
    """Where the request went and why, and what the client itself sent."""

    name = "CCX route"

    def lines(self, data: bytes, flow: http.HTTPFlow, facts: Mapping[str, Any]) -> Iterator[str]:
        if not facts:
            yield "This flow did not pass the gateway's routing."
            return
        yield facts["id"]
        yield from table(
            ("client", facts["client_name"]),
            ("asked", f"{facts['kind']} {facts['operation']}"),
            ("state", facts["state"] if facts["state"] != "running" else facts["phase"]),
            ("status", str(facts["status"] or "")),
            ("time", seconds(facts["total_ms"]) if facts["total_ms"] else ""),
            ("tokens", tokens(facts)),
            ("cost", f"${facts['cost_usd']:.4f}" if facts["cost_usd"] is not None else ""),
            ("model", facts["model"]),
            ("upstream", facts["upstream_model"] if facts["upstream_model"] != facts["model"] else ""),
            ("converted", facts["converted"].replace(">", " → ")),
        )
        if facts["error_message"]:
            yield f"✗ {facts['error_kind']}: {facts['error_message']}"
        if facts.get("cache_lost"):
            yield f"⚠ {facts['cache_lost']}"
        whole = facts["total_ms"] or max((a["total_ms"] or 0 for a in facts["attempts"]), default=0)
        lines = [line for row in facts["attempts"] for line in attempt(row, facts["started_at"], whole)]
        yield from section("attempts", lines)
        yield from section("channels", map(candidate, facts["candidates"]))
        losses = json.loads(facts["losses"] or "[]")
        yield from section("lost in conversion", (f"{path}: {reason}" for path, reason in losses))
        yield from section("the client's request", sent_by_client(flow))
        upstream = flow.metadata.get(UPSTREAM_KEY)
        if upstream and upstream["body"]:
            yield from section("the upstream's answer before conversion", [body(upstream["body"])])


VIEWS: Final = (AnswerView, RequestView, RouteView)


def register() -> None:
    for view in VIEWS:
        contentviews.add(view())


# ---- whose words -----------------------------------------------------------------------------------------------------
def kind_of(metadata: contentviews.Metadata) -> str:
    """The client's protocol; empty: no flow of the gateway's."""
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow) or KEY not in flow.metadata:
        return ""
    return client_kind(flow, flow.metadata[KEY])


def client_kind(flow: http.HTTPFlow, facts: Mapping[str, Any]) -> Kind:
    kind: Kind = facts.get("kind") or kind_of_path(flow.request.path)
    return kind


def text_of(data: bytes) -> dict[str, str]:
    return {"text": data.decode("utf-8", "replace")}


# ---- lines -----------------------------------------------------------------------------------------------------------
def shown(piece: Piece, fold: int | None = None) -> Iterator[str]:
    """``[call get_weather toolu_1]`` and what is in it; plain text has no label."""
    if piece.look != "text":
        yield f"[{' '.join(word for word in (piece.look, piece.name, piece.note) if word)}]"
    text = piece.text
    if fold and len(text) > fold:
        text = f"{text[:fold].rstrip()} … {len(text) - fold} characters more"
    if text:
        yield text


def question(turns: Sequence[reassembly.Turn]) -> tuple[Piece, ...]:
    """The last words of the person; empty where they are all there is to the conversation."""
    for turn in reversed(turns):
        said = tuple(piece for piece in turn.pieces if piece.look not in ("context", "result"))
        if turn.role == "user" and said:
            return said if len(turns) > 1 else ()
    return ()


def table(*facts: tuple[str, str], indent: str = "") -> Iterator[str]:
    """One fact a line; those without a value are left out."""
    for name, value in facts:
        if value:
            yield f"{indent}{name:<11}{value}"


def wrapped(text: str) -> Iterator[str]:
    """Lines of at most WIDTH columns, broken between words where there are any."""
    if len(text) > MAX_WRAPPED:
        yield text
        return
    for line in text.split("\n"):
        if len(line) <= WIDTH:
            yield line
            continue
        margin = line[: len(line) - len(line.lstrip())][: WIDTH // 2]
        yield from textwrap.wrap(
            line, WIDTH, subsequent_indent=margin, drop_whitespace=True, break_on_hyphens=False, tabsize=4
        )


def headline(words: str) -> str:
    return f"── {words} ".ljust(WIDTH, "─")


def section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield from ("", headline(title), *found)


def attempt(row: Mapping[str, Any], began: int, whole: float) -> Iterator[str]:
    """One attempt: its outcome, its time on the request's time, and one fact a line. Times: ms."""
    good = row["outcome"] == "ok" and row["status"] < 400
    outcome = " ".join(word for word in (str(row["status"] or ""), row["outcome"] if not good else "") if word)
    yield f"{row['n']}  {row['channel_name']}  {'✓' if good else '✗'} {outcome}"
    yield f"   {waterfall(row, began, whole)} {seconds(row['total_ms']) if row['total_ms'] is not None else '…'}"
    yield from table(
        ("model", row["upstream_model"]),
        ("address", row["base_url"]),
        ("key", row["key_mask"]),
        ("first byte", seconds(row["ttfb_ms"]) if row["ttfb_ms"] is not None else ""),
        ("then", f"{row['verdict']}: {row['reason']}" if row["verdict"] and not good else ""),
        ("said", row["error_message"]),
        indent="   ",
    )


def waterfall(row: Mapping[str, Any], began: int, whole: float) -> str:
    """``│  ░░▒▒▓▓   │``: setting up, waiting, receiving."""
    start = max(0.0, (row["started_at"] or began) - began)
    total = row["total_ms"] if row["total_ms"] is not None else max(0.0, whole - start)
    connect = min(total, (row["connect_ms"] or 0) + (row["tls_ms"] or 0))
    first = total if row["ttfb_ms"] is None else max(connect, min(total, row["ttfb_ms"]))
    scale = BAR / max(whole, start + total, 1.0)
    edges = [round(scale * at) for at in (start, start + connect, start + first, start + total)]
    edges[-1] = max(edges[-1], edges[0] + 1) if edges[0] < BAR else edges[-1]
    bar = " " * edges[0] + "".join(
        mark * (right - left) for mark, left, right in zip("░▒▓", edges, edges[1:], strict=False)
    )
    return f"│{bar[:BAR].ljust(BAR)}│"


def candidate(row: Mapping[str, Any]) -> str:
    mark = "✓" if row["verdict"] == "kept" else "✗" if row["channel_id"] else "·"
    return f"{mark} {row['channel_name']}: {row['reason']}"


def sent_by_client(flow: http.HTTPFlow) -> Iterator[str]:
    found = original.kept(flow)
    if found:
        yield f"{found['method']} {found['path']}"
        yield from (f"{name}: {value}" for name, value in found["headers"])
        yield from ("", body(found["body"]))


def body(data: bytes) -> str:
    return reassembly.pretty(data.decode("utf-8", "replace"))


def tokens(facts: Mapping[str, Any]) -> str:
    if facts.get("input_tokens") is None:
        return ""
    cached = f" ({facts['cache_read_tokens']} cached)" if facts["cache_read_tokens"] else ""
    return f"{facts['input_tokens']} tokens in{cached}, {facts['output_tokens']} out"


def dotted(*words: str) -> str:
    return " · ".join(word for word in words if word)
