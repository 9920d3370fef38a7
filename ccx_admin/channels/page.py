"""/channels: the order they are tried in, how each one is and why; adding, editing, and the question "why?"."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, render_template, request

from ccx_addons import vendors
from ccx_addons.core.config import KINDS
from ccx_addons.core.lessons import said
from ccx_addons.vendors import shown
from ccx_admin.access import users
from ccx_admin.api.problem import Failure, not_found
from ccx_admin.channels import catalog, dry_run, find, settings_form, views
from ccx_admin.channels.activity import DAY, LOST, Activity, activity, since_id
from ccx_admin.channels.rests import rests
from ccx_admin.clients import page as clients
from ccx_admin.i18n import told
from ccx_admin.mirrors.figures import of_channel
from ccx_admin.panel import Panel, panel
from ccx_admin.usage import ranges, stats

pages: Final = Blueprint("channels", __name__)
pages.add_app_template_filter(rests)

ERRORS: Final = 5
MOST_KEYS: Final = 300
"""Rows of the page of all keys, if not asked for more."""
MOST_STRIPS: Final = 100
"""Rows with a drawing of their day."""
KEY_FILTERS: Final[tuple[tuple[str, str, Callable[[Mapping[str, Any]], bool]], ...]] = (
    ("", "all", lambda key: True),
    ("blocked", "dead", lambda key: key["state"] == "blocked"),
    ("resting", "resting", lambda key: any(state["state"] == "cooling" for state in key["states"])),
    ("never", "never used", lambda key: not key["used_at"]),
    ("off", "off", lambda key: key["state"] == "off"),
)
"""(name, word, which keys)."""
KEY_LIMITS: Final = clients.LIMITS[:2]


@pages.get("/channels")
def index() -> str:
    current = panel()
    kind, q = request.args.get("kind", ""), request.args.get("q", "")[:200]
    by, down = request.args.get("sort", ""), request.args.get("down") == "yes"
    every = views.channels(current)
    for n, row in enumerate(every, 1):
        row["n"] = n
    figures = stats.by_channel(current.db, ranges.range_of("24h", current.now_ms()), current.now_ms())
    seen = activity(current)
    found = find.matching([c for c in every if not kind or kind in c["serves"]], q)
    found = find.ordered(found, by, down, figures, seen)
    return render_template(
        "channels/list.html",
        active=[c for c in found if c["state"] != "standby" or by],
        standby=[] if by else [c for c in found if c["state"] == "standby"],
        figures=figures,
        activity=seen,
        kind=kind,
        q=q,
        sort=by,
        down=down,
        columns=find.COLUMNS,
        movable=not (kind or q or by),
        strips=len(found) <= MOST_STRIPS,
        kinds=[k for k in KINDS if any(k in c.serves for c in current.snapshot().channels)],
        total=len(every),
        revision=current.config().revision,
        broken=bool(current.config().problems),
    )


@pages.get("/channels/keys")
def keys() -> str:
    """Every key of every channel: which are dead, which rest until when, and which nobody ever used."""
    q, only = request.args.get("q", "")[:200], request.args.get("only", "")
    rows = [{"channel": c, "key": k} for c in views.channels(panel()) for k in c["keys"]]
    chosen = {name: [row for row in rows if is_it(row["key"])] for name, _word, is_it in KEY_FILTERS}
    words = q.casefold().split()
    found = [row for row in chosen.get(only, rows) if all(word in key_text(row) for word in words)]
    return render_template(
        "channels/keys.html",
        rows=found if request.args.get("all") else found[:MOST_KEYS],
        found=len(found),
        counts={name: len(found) for name, found in chosen.items()},
        filters=[(name, word) for name, word, _ in KEY_FILTERS],
        only=only,
        q=q,
        total=len(rows),
    )


def key_text(row: Mapping[str, Any]) -> str:
    key, reasons = row["key"], [f"{state['reason']} {state['message']}" for state in row["key"]["states"]]
    return " ".join((row["channel"]["name"], key["label"], key["state"], *reasons)).casefold()


def errors(current: Panel, id: str) -> list[dict[str, Any]]:
    """What went wrong on a channel in the last day, the same words together, most frequent first."""
    rows = current.db.rows(
        "SELECT status, outcome, error_message, count(*) AS times, max(started_at) AS last, max(request_id) AS example"
        f" FROM attempts WHERE request_id >= ? AND channel_id = ? AND source = 'proxy' AND {LOST}"
        " GROUP BY status, outcome, error_message ORDER BY times DESC LIMIT ?",
        (since_id(current.now_ms() - DAY), id, ERRORS),
    )
    return [dict(row) for row in rows]


@pages.get("/channels/<id>")
def one(id: str) -> str:
    current = panel()
    found = views.channel(current, id)
    if found is None:
        raise not_found("channel", id)
    return render_template(
        "channels/channel.html",
        channel=found,
        activity=activity(current).get(id, Activity()),
        figures=stats.by_channel(current.db, ranges.range_of("24h", current.now_ms()), current.now_ms()).get(id),
        mirrored=of_channel(current.db, id, current.now_ms() - DAY),
        errors=errors(current, id),
        refusals=views.refusals(current.db, id, current.now_ms()),
        lesson=lambda name: told(said(name)),
        sections=settings_form.sections(found, current.snapshot().policy),
        kinds=KINDS,
        efforts=settings_form.EFFORTS,
        key_limits=KEY_LIMITS,
        known=known(found, request.args.get("model", "").strip()),
        revision=current.config().revision,
    )


def known(channel: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What is known of the channel's upstream and a model: the one asked for, else the first of its mapping."""
    model = model or next(map(views.first_of, channel["models"].values()), "")
    base_url = channel["base_urls"][0]
    topics = {"Model", vendors.ORDER.get(channel["protocol"], "")}
    return {
        "model": model,
        "facts": [(fact, shown.words(fact.value)) for fact in vendors.explain(base_url, model) if fact.topic in topics],
    }


@pages.get("/channels/new")
def new() -> str:
    users.must_change()
    current = panel()
    wanted = request.args.get("template", "")
    template = next((t for t in catalog.TEMPLATES if t.id == wanted), None)
    return render_template(
        "channels/new.html",
        templates=catalog.TEMPLATES,
        template=template,
        kinds=KINDS,
        revision=current.config().revision,
    )


# ---- why? ------------------------------------------------------------------------------------------------------------
@pages.get("/channels/why")
def why() -> str:
    """A dry run of the scheduler, as a form that works without a script."""
    current = panel()
    snapshot = current.snapshot()
    kind = request.args.get("kind", "messages")
    asked: dict[str, Any] = {
        "kind": kind if kind in KINDS else "messages",
        "model": request.args.get("model", "").strip(),
        "client": request.args.get("client", ""),
        "trace": request.args.get("trace", "").strip(),
        "pin": request.args.get("pin", "").strip(),
        "images": bool(request.args.get("images")),
        "prompt_tokens": number(request.args.get("prompt_tokens", "")),
    }
    result, problem = None, ""
    if request.args:
        try:
            result = dry_run.explain(current, asked)
        except Failure as failure:
            problem = failure.detail
    return render_template(
        "channels/why.html",
        asked=asked,
        result=result,
        problem=problem,
        dropped=dropped(result["decisions"]) if result else [],
        kinds=KINDS,
        clients=[client.name for client in snapshot.clients],
        channels=snapshot.channels,
        models=known_models(current),
    )


def number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else 0


def dropped(decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [decision for decision in decisions if not decision["kept"]]


def known_models(current: Panel) -> list[str]:
    """Names to choose from: what clients asked in the last days."""
    now = current.now_ms()
    since = ranges.range_of("30d", now)
    return [entry["name"] for entry in stats.table(current.db, since, "model", now)[:40] if entry["name"]]
