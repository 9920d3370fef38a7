"""/requests/<id>: what happened to one request, attempt by attempt, and what was sent and received."""

import base64
import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, render_template, request
from markupsafe import Markup, escape

from ccx_addons.core.kept import answer_to
from ccx_addons.protocols import gallery, reassembly
from ccx_admin.api.problem import not_found
from ccx_admin.i18n import _, told
from ccx_admin.mirrors import figures
from ccx_admin.panel import Panel, panel
from ccx_admin.requests import export, search_box
from ccx_admin.requests.api import REPLAYED_HEADERS, why_no_bodies
from ccx_admin.requests.chain import Hop, hops, moved
from ccx_admin.requests.conversation import conversation
from ccx_admin.sessions import cache_loss, context
from ccx_admin.shell import format, vocabulary

pages: Final = Blueprint("request_detail", __name__)

TABS: Final = (
    ("conversation", "Conversation"),
    ("sent", "Sent"),
    ("received", "Received"),
    ("context", "Context"),
    ("routing", "Routing"),
    ("cost", "Cost"),
    ("raw", "Raw"),
)
MAX_LINES: Final = 3_000
CONTEXT: Final = 3
LARGEST_WORD: Final = 100_000
"""Bytes of a body that stands in a command."""
END: Final = "CCX_BODY"
"""The line behind one that stands behind it."""
KEYS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""What a terminal may take for keys that are pressed when a command is pasted, also inside of quotes."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of an attempt's time: ``x`` and ``width`` in thousandths of the whole request."""

    phase: str
    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a side-by-side difference. ``mark``: same, changed, gap."""

    left: str
    right: str
    mark: str


@pages.get("/requests/<id>")
def index(id: str) -> str:
    current = panel()
    row = search_box.detail(current.db, id)
    if row is None:
        raise not_found("request", id)
    wanted = request.args.get("tab", "")
    tab = wanted if wanted in dict(TABS) else "conversation" if row["bodies"] else "routing"
    if row["state"] == "running" and not wanted:
        tab = "conversation"
    return render_template(
        "requests/detail.html",
        row=row,
        tab=tab,
        tabs=TABS,
        sentence=sentence(row, current.now_ms()),
        attempts=[(attempt, waterfall(row, attempt, current.now_ms())) for attempt in row["attempts"]],
        channels=[(c.id, c.name) for c in current.snapshot().channels if row["kind"] in c.serves],
        neighbours=neighbours(current, row),
        kept={body["side"] for body in row["bodies"]},
        known={channel.id for channel in current.snapshot().channels},
        mitmweb=flow_link(current, row),
        mirrored=figures.of_request(current.db, row["id"]),
        lost=cache_loss.losses(current.db, [row["id"]]).get(row["id"]),
        **content(current, row, tab),
    )


def neighbours(current: Panel, row: Mapping[str, Any]) -> tuple[str, str]:
    """Ids of the next newer and the next older request; empty: there is none."""
    place = (row["started_at"], row["id"])
    sql = (
        "SELECT id FROM requests WHERE (started_at, id) {} (?, ?) AND source <> 'mirror'"
        " ORDER BY started_at {}, id {} LIMIT 1"
    )
    newer = current.db.value(sql.format(">", "ASC", "ASC"), place)
    older = current.db.value(sql.format("<", "DESC", "DESC"), place)
    return newer or "", older or ""


def flow_link(current: Panel, row: Mapping[str, Any]) -> str:
    """Where mitmweb shows this request; empty: it does not run, or did not when the request came."""
    if not current.mitmweb_url or row["boot_id"] != current.store.boot_id:
        return ""
    return f"{current.mitmweb_url}/#/flows?s={quote('~meta ' + row['id'])}"


# ---- the sentence ----------------------------------------------------------------------------------------------------
def sentence(row: Mapping[str, Any], now: int) -> Markup:
    """What happened, in one sentence. Names of channels are bold; everything else is escaped."""
    tries = row["attempts"]
    state = row["state"]
    if state == "running":
        phase = vocabulary.badge(vocabulary.PHASES, row["phase"] or "queued").word
        where = Markup("<b>{}</b>: ").format(row["channel_name"]) if row["channel_name"] else Markup("")
        clock = Markup('<span class="ticking" data-since="{}">{}</span>').format(
            row["started_at"], format.duration(now - row["started_at"])
        )
        return where + fill("{phase}, for {time} now.", phase=_(phase), time=clock)
    if state == "lost":
        return fill("Lost: the gateway stopped while this request was running, so its end is unknown.")
    if not tries:
        if state == "ok":
            return fill("Answered by the gateway itself, without asking a channel.")
        return fill(
            "Refused before any channel was asked: {why}", why=told(row["error_message"]) or _("no reason was recorded")
        )
    parts = [told_of(hop) for hop in hops(tries)]
    if state == "client_left":
        last = fill("The client left after {time}.", time=format.duration(row["total_ms"]))
        return fill("; ").join([*parts[:-1], Markup("")]) + last if len(parts) > 1 else last
    joined = fill("; ").join(parts)
    if row.get("source") == "mirror":
        return joined + fill(".")
    if state == "ok" and len(tries) > 1:
        elsewhere = moved(tries)
        lead = fill("Failed over once: ") if elsewhere == 1 else fill("Failed over {n} times: ", n=elsewhere)
        return (lead if elsewhere else fill("Tried again: ")) + joined + fill(".")
    if state == "failed" and row["stream_end"] not in ("", "done"):
        end = _(vocabulary.badge(vocabulary.ENDS, row["stream_end"]).word)
        return joined + fill(
            ". The answer had begun and then broke: {end}, after {time}.",
            end=end,
            time=format.duration(row["total_ms"]),
        )
    if state == "failed":
        return joined + fill(". Nothing else was left to try; the client got {status}.", status=row["status"])
    return joined + fill(".")


def told_of(hop: Hop) -> Markup:
    attempt, name = hop.first, Markup("<b>{}</b> ").format(hop.name)
    if hop.model:
        name += Markup('<span class="mono">{}</span> ').format(hop.model)
    after = format.duration(sum(one["total_ms"] or 0 for one in hop.attempts))
    if hop.good:
        return name + fill("answered in {time}", time=after)
    again = ""
    if hop.keys > 1:
        again = _(", {n} times with {keys} keys", n=hop.times, keys=hop.keys)
    elif hop.times > 1:
        again = _(", {n} times", n=hop.times)
    if attempt["status"] >= 400:
        if attempt["retry_after"] is not None:
            again += _(", retry after {time}", time=format.duration(attempt["retry_after"] * 1000))
        return name + fill(
            "answered {status} ({why}{again}) after {time}",
            status=attempt["status"],
            why=", ".join(dict.fromkeys(why_of(one) for one in hop.attempts)),
            again=again,
            time=after,
        )
    words = _(vocabulary.OUTCOMES.get(attempt["outcome"], attempt["outcome"])) + again
    return name + fill("failed, {why}, after {time}", why=words, time=after)


def why_of(attempt: Mapping[str, Any]) -> str:
    return told((attempt["reason"] or attempt["outcome"]).replace(f" ({attempt['status']})", "", 1))


def fill(text: str, **values: Any) -> Markup:
    return Markup(escape(_(text))).format(**values)


# ---- the waterfall ---------------------------------------------------------------------------------------------------
def waterfall(row: Mapping[str, Any], attempt: Mapping[str, Any], now: int) -> list[Bar]:
    """The attempt's time on the request's: set-up, waiting for the answer, the answer."""
    whole = row["total_ms"] or max(1, now - row["started_at"])
    begin = max(0, (attempt["started_at"] or row["started_at"]) - row["started_at"])
    total = attempt["total_ms"] if attempt["total_ms"] is not None else whole - begin
    connect = min(total, (attempt["connect_ms"] or 0) + (attempt["tls_ms"] or 0))
    first = total if attempt["ttfb_ms"] is None else max(connect, min(total, attempt["ttfb_ms"]))
    good = attempt["outcome"] in ("ok", "client_left")
    stretches = (
        ("connect", 0.0, connect, _("connect and TLS")),
        ("wait" if good or first < total else "lost", connect, first, _("waiting for the answer")),
        ("stream" if good else "lost", first, total, _("receiving")),
    )
    return [
        Bar(
            phase,
            round(min(1000, (begin + start) / whole * 1000), 1),
            round(max(2.0, min(1000 - (begin + start) / whole * 1000, (end - start) / whole * 1000)), 1),
            f"{words}: {format.duration(end - start)}",
        )
        for phase, start, end, words in stretches
        if end > start
    ]


# ---- the tabs --------------------------------------------------------------------------------------------------------
def content(current: Panel, row: Mapping[str, Any], tab: str) -> dict[str, Any]:
    """What the template of one tab needs."""
    if tab == "routing":
        return {"candidates": candidates(current, row)}
    if tab == "raw":
        shown = {name: value for name, value in row.items() if name not in ("chain", "rev")}
        return {"record": json.dumps(shown, indent=2, ensure_ascii=False), "curl": curl(current, row)}
    if tab == "cost":
        return {}
    if tab == "context":
        shape = context.shape_of(current.db, row["id"])
        return {"context": context.context(row, shape, current.snapshot()) if shape else None}
    sides = export.bodies(current.db, row["id"], current.secrets())
    why = "" if sides else why_no_bodies(current)
    if tab == "sent":
        return {"why": why, **sent(sides)}
    if tab == "received":
        return {"why": why, **received(row, sides)}
    return {"why": why, **conversation(row, sides)}


def sent(sides: Mapping[str, Any]) -> dict[str, Any]:
    client, upstream = sides.get("client_request"), sides.get("upstream_request")
    if client is None and upstream is None:
        return {"lines": [], "headers": [], "same": False}
    left, right = (lines_of(side) for side in (client, upstream))
    same = left == right
    both = client is not None and upstream is not None and not same
    return {
        "lines": list(side_by_side(left, right)) if both else alone(left or right),
        "headers": headers(client or {}, upstream or {}),
        "same": same,
        "both": both,
        "first": "from the client" if client is not None else "to the upstream",
        "truncated": any(side and side["truncated"] for side in (client, upstream)),
    }


def alone(lines: list[str]) -> list[Pair]:
    return [Pair(line, "", "same") for line in lines]


def lines_of(side: Mapping[str, Any] | None) -> list[str]:
    """Canonical JSON, so that only what differs in meaning differs in text."""
    if side is None:
        return []
    if "base64" in side:
        return gallery.in_words(reassembly.content_of(side)).splitlines()[:MAX_LINES]
    text = side.get("text", "")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False, sort_keys=True).splitlines()[:MAX_LINES]
    except (ValueError, RecursionError):
        return str(text).splitlines()[:MAX_LINES]


def side_by_side(left: list[str], right: list[str]) -> Iterator[Pair]:
    """Lines next to each other; long stretches that are alike are folded to their edges."""
    for action, a, b, c, d in difflib.SequenceMatcher(None, left, right).get_opcodes():
        if action == "equal":
            same = [Pair(line, line, "same") for line in left[a:b]]
            if len(same) <= 2 * CONTEXT + 2:
                yield from same
            else:
                yield from same[:CONTEXT]
                yield Pair(str(len(same) - 2 * CONTEXT), "", "gap")
                yield from same[-CONTEXT:]
            continue
        for n in range(max(b - a, d - c)):
            yield Pair(left[a + n] if a + n < b else "", right[c + n] if c + n < d else "", "changed")


def headers(client: Mapping[str, Any], upstream: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, the client's value, the upstream's)."""
    left, right = ({name.lower(): value for name, value in side.get("headers", [])} for side in (client, upstream))
    return [(name, left.get(name, ""), right.get(name, "")) for name in sorted({**left, **right})]


def received(row: Mapping[str, Any], sides: Mapping[str, Any]) -> dict[str, Any]:
    wanted = request.args.get("side", "")
    last = {"upstream_response": _("upstream"), "client_response": _("client")}
    names = {answer_to(a["n"]): f"{a['n']} {a['channel_name'] or a['channel_id']}" for a in row["attempts"]} | last
    order = [name for name in names if name in sides]
    side = wanted if wanted in order else next((name for name in last if name in sides), "")
    found = sides.get(side)
    events, total = reassembly.events_of(found) if found else ([], 0)
    return {
        "side": side,
        "sides": [(name, names[name]) for name in order],
        "body": found,
        "events": events,
        "total": total,
        "plain": "" if not found or events else plain(found),
    }


def plain(side: Mapping[str, Any]) -> str:
    if "base64" in side:
        return gallery.in_words(reassembly.content_of(side))
    return reassembly.pretty(side.get("text", ""))


def candidates(current: Panel, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = {channel.id: channel.name for channel in current.snapshot().channels}
    found = []
    for entry in row["candidates"]:
        rule, _colon, reason = entry["reason"].partition(": ")
        name = names.get(entry["channel_id"], entry["channel_id"])
        found.append({**entry, "channel_name": name, "rule": rule, "reason": reason or entry["reason"]})
    return found


def curl(current: Panel, row: Mapping[str, Any]) -> str:
    """The request as a command. The key is a variable of the shell."""
    root = current.gateway_url or request.host_url.rstrip("/")
    side = export.bodies(current.db, row["id"], current.secrets(), ("client_request",)).get("client_request", {})
    method, path = export.line_of(row, side)
    has_body = method == "POST"
    headers = {"content-type": "application/json"} if has_body else {}
    if row["kind"] == "messages":
        headers["anthropic-version"] = "2023-06-01"
    for name, value in side.get("headers", ()):
        if name.lower() in REPLAYED_HEADERS and not KEYS.search(value):
            headers[name.lower()] = value
    before, sent, behind = data(side) if has_body else ("", "" if method == "GET" else f"-X {method}", "")
    lines = [
        f"{before}curl {quoted(root + (path or '/'))}",
        '-H "authorization: Bearer $CCX_KEY"',
        *(f"-H {quoted(f'{name}: {value}')}" for name, value in headers.items()),
        *([sent] if sent else []),
    ]
    return " \\\n  ".join(lines) + behind


def quoted(text: str) -> str:
    """A word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def data(side: Mapping[str, Any]) -> tuple[str, str, str]:
    """What stands before the command, in it and behind it, so that curl sends the body as it is: no ``@`` in it names a
    file. A large body stands behind, since Linux takes no word above 128 KiB (execve(2)), and so does what is no text,
    in base64. Of one that was not kept whole nothing but a file's name is said."""
    body = reassembly.content_of(side)
    if not body or side.get("truncated"):
        return "", "--data-binary @request.json", ""
    if "base64" in side or KEYS.search(side["text"]):
        return f"base64 --decode <<'{END}' | ", "--data-binary @-", f"\n{base64.encodebytes(body).decode()}{END}"
    if len(body) <= LARGEST_WORD:
        return "", f"--data-raw {quoted(side['text'])}", ""
    end = END
    while end in side["text"]:
        end += "_"
    return "", f"--data-binary @- <<'{end}'", f"\n{side['text']}\n{end}"
