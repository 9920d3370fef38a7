"""The scheduler's state in data/ccx.db: written by every worker, read by the others, the panel and the next start.

Each row of breakers, key_state and affinity says in ``detail`` who wrote it (``by``), so that a worker leaves its own
rows alone. What was blocked before a restart is not any more: the first worker that reads such a row lifts it.
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.confidential import kept_url
from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Seat
from ccx_addons.core.wire_json import BadJson, loads
from ccx_addons.io import place as log_place
from ccx_addons.io.follow import source_of
from ccx_addons.io.rollup import ANSWERED, DAY, DIMENSIONS, counted_rows, fresh
from ccx_addons.io.store import Store
from ccx_addons.io.transaction import Connection
from ccx_addons.scheduler import State
from ccx_addons.scheduler import breaker as circuit
from ccx_addons.scheduler.breaker import Breaker, BreakerState, Place, Sample
from ccx_addons.scheduler.budgets import start_of_month
from ccx_addons.scheduler.keys import KeyState, Rest
from ccx_addons.scheduler.refusals import Refusal, Refusals
from ccx_addons.scheduler.state import NEVER, ChannelState, Override

log: Final = logging.getLogger("ccx")

type Row = Mapping[str, Any]
type Apply = Callable[[State, Row, Snapshot], None]

OLD: Final = 86_400.0
"""Seconds after which what was remembered of a breaker or a failure no longer matters."""
STATES: Final[Mapping[str, BreakerState]] = {"closed": "closed", "open": "open", "half-open": "half-open"}


def milliseconds(at: float) -> int | None:
    """For the database; None: never, or not at all."""
    return None if at in (0.0, NEVER) else int(at * 1000)


def seconds(at: Any) -> float:
    return at / 1000 if isinstance(at, int) else 0.0


def writer_of(store: Store) -> str:
    return f"{store.boot_id}:{store.worker}"


# ---- writing ---------------------------------------------------------------------------------------------------------
def write_changes(state: State, snapshot: Snapshot, store: Store, now: float) -> None:
    """Put everything that changed into the store's queue; it never blocks. ``snapshot`` knows the keys' masks."""
    changes = state.changes
    if not changes and not state.refusals.changes:
        return
    by = writer_of(store)
    for place, name in state.refusals.changes:
        store.put_refusal({**_refusal_row(state.refusals, place, name, by), "updated_at": milliseconds(now)})
    state.refusals.changes.clear()
    for kind, channel_id, place in changes.breakers:
        base_url, key_id, model = place
        store.put_breaker(
            {
                "kind": kind,
                "channel_id": channel_id,
                "base_url": kept_url(base_url),
                "key_id": key_id,
                "model": model,
                "updated_at": milliseconds(now),
                **_breaker_row(state.of(kind, channel_id), place, now, by),
            }
        )
    for kind, channel_id, key_id, model in changes.keys:
        store.put_key_state(
            {
                "kind": kind,
                "channel_id": channel_id,
                "key_id": key_id,
                "model": model,
                "key_mask": _mask_of(snapshot, channel_id, key_id),
                "updated_at": milliseconds(now),
                **_key_row(state.of(kind, channel_id).key(key_id), model, now, by),
            }
        )
    for kind, trace in changes.traces:
        seat = state.traces.place_of(kind, trace)
        home = {"kind": kind, "trace_hash": trace, "channel_id": seat.channel_id, "key_id": seat.key_id}
        store.put_affinity({**home, "expires_at": milliseconds(seat.until) or 0, "detail": {"by": by}})
    for event in changes.events:
        store.put_event(event.level, event.kind, event.message)
        log.log(logging.WARNING if event.level == "warning" else logging.INFO, "%s", event.message)
    changes.clear()


def _breaker_row(known: ChannelState, place: Place, now: float, by: str) -> dict[str, Any]:
    found = known.breakers.get(place) or Breaker(changed_at=now)
    return {
        "state": found.state,
        "level": found.level,
        "failures": found.failures,
        "opened_at": milliseconds(found.opened_at),
        "until": milliseconds(found.until),
        "reason": found.reason,
        "detail": {
            "by": by,
            "changed_at": found.changed_at,
            "pause_until": found.pause_until,
            "probe_until": found.probe_until,
            "samples": [[sample.at, int(sample.ok), sample.model] for sample in found.samples],
        },
    }


def _refusal_row(refusals: Refusals, place: tuple[str, str, str], name: str, by: str) -> dict[str, Any]:
    """What is not known any more has no ``until``."""
    kind, channel_id, model = place
    known = refusals.places.get(place)
    found = known.refusals.get(name) if known else None
    return {
        "kind": kind,
        "channel_id": channel_id,
        "model": model,
        "name": name,
        "reason": found.reason if found else "",
        "since": milliseconds(found.since) if found else None,
        "until": milliseconds(found.until) if found else None,
        "detail": {"by": by, "mark": known.mark if known else ""},
    }


def _key_row(state: KeyState, model: str, now: float, by: str) -> dict[str, Any]:
    rest = state.of(model) or Rest(0.0, count=0)
    word = "ok" if not rest.running(now) else "blocked" if rest.blocked else "cooling"
    return {
        "state": word,
        "reason": rest.reason,
        "message": rest.message,
        "until": milliseconds(rest.until),
        "failures": rest.count,
        "failed_at": milliseconds(state.failed_at),
        "used_at": milliseconds(now),
        "detail": {"by": by, "status": rest.status},
    }


def _mask_of(snapshot: Snapshot, channel_id: str, key_id: str) -> str:
    channel = snapshot.channel(channel_id)
    return next((key.label for key in channel.keys if key.id == key_id), "") if channel else ""


# ---- reading ---------------------------------------------------------------------------------------------------------
def apply_breaker(state: State, row: Row, snapshot: Snapshot) -> None:
    address = _address_of(snapshot, row["channel_id"], row["base_url"])
    if address is None:
        return
    known = state.of(row["kind"], row["channel_id"])
    known.standings.clear()
    detail = _detail(row)
    other = Breaker(
        state=STATES.get(row["state"], "closed"),
        level=row["level"],
        opened_at=seconds(row["opened_at"]),
        until=seconds(row["until"]),
        pause_until=read.number(detail.get("pause_until")) or 0.0,
        probe_until=read.number(detail.get("probe_until")) or 0.0,
        reason=row["reason"],
        changed_at=read.number(detail.get("changed_at")) or seconds(row["updated_at"]),
        samples=deque(Sample(float(at), bool(ok), str(model)) for at, ok, model in read.items(detail.get("samples"))),
    )
    circuit.merge(known.doubt((address, row["key_id"], row["model"])), other, snapshot.policy.breaker)


def _address_of(snapshot: Snapshot, channel_id: str, kept: str) -> str | None:
    """The address that was written down so. None: the channel has it no longer."""
    if " " not in kept:
        return kept
    channel = snapshot.channel(channel_id)
    urls = (*channel.base_urls, *(key.base_url for key in channel.keys)) if channel else ()
    return next((url for url in urls if kept_url(url) == kept), None)


def apply_key(state: State, row: Row, snapshot: Snapshot) -> None:
    known = state.of(row["kind"], row["channel_id"])
    key, model, changed = known.key(row["key_id"]), row["model"], seconds(row["updated_at"])
    if not model and changed < key.changed_at:
        return
    known.standings.clear()
    status = int(read.number(_detail(row).get("status")) or 0)
    if row["failures"] or row["state"] != "ok":
        blocked = row["state"] == "blocked"
        rest = Rest(seconds(row["until"]), row["reason"], row["message"], row["failures"] or 1, blocked, status)
        key.begin_rest(model, rest, changed)
        key.failed_at = seconds(row["failed_at"])
        if blocked:
            state.restore_at = min(state.restore_at, rest.until)
    else:
        key.lift(model, changed)


def apply_refusal(state: State, row: Row, snapshot: Snapshot) -> None:
    found = Refusal(seconds(row["until"]), row["reason"], seconds(row["since"])) if row["until"] else None
    place = (row["kind"], row["channel_id"], row["model"])
    state.refusals.take(place, row["name"], found, str(_detail(row).get("mark", "")))


def apply_affinity(state: State, row: Row, snapshot: Snapshot) -> None:
    seat = Seat(row["channel_id"], row["key_id"], seconds(row["expires_at"]))
    state.traces.put(row["kind"], row["trace_hash"], seat)


def overrides_of(rows: Iterable[Row]) -> dict[tuple[str, str], Override]:
    return {
        (row["kind"], row["trace_hash"]): Override(
            tuple(_strings(row["channels"])),
            frozenset(_strings(row["avoid"])),
            NEVER if row["expires_at"] is None else seconds(row["expires_at"]),
        )
        for row in rows
    }


def _detail(row: Row) -> Mapping[str, Any]:
    try:
        return read.mapping(loads(row["detail"].encode()))
    except BadJson:
        return {}


def _strings(text: str) -> list[str]:
    try:
        return [str(item) for item in read.items(loads(text.encode()))]
    except BadJson:
        return []


SHARED: Final[tuple[tuple[str, str, Apply], ...]] = (
    ("breakers", "SELECT * FROM breakers WHERE rev > ? AND (state <> 'closed' OR updated_at > ?)", apply_breaker),
    ("key_state", "SELECT * FROM key_state WHERE rev > ? AND (state <> 'ok' OR updated_at > ?)", apply_key),
    ("refusals", "SELECT * FROM refusals WHERE rev > ? AND updated_at > ?", apply_refusal),
    ("affinity", "SELECT * FROM affinity WHERE rev > ? AND expires_at > ? ORDER BY rev", apply_affinity),
)
"""(table, what is new since a revision, how it is taken over). The second value is a time before which nothing counts:
for affinity now, else a day ago."""

OVERRIDES: Final = "SELECT * FROM overrides WHERE expires_at IS NULL OR expires_at > ?"
COMMANDS: Final = "SELECT id, kind, args FROM commands WHERE expires_at > ? ORDER BY id"
SPENT: Final = f"""
    SELECT b AS client, a AS model, start AS at, {" + ".join(ANSWERED)} AS answered,
        input_tokens + output_tokens AS tokens, cost_usd AS usd
    FROM rollups WHERE view = 'model client' AND level = {DAY} AND start >= :since
    UNION ALL
    SELECT client, model, at, {" + ".join(ANSWERED)}, coalesce(input_tokens, 0) + coalesce(output_tokens, 0),
        coalesce(cost_usd, 0)
    FROM ({counted_rows("requests INDEXED BY requests_rev", f"{fresh(1 << 60)} AND rev <= :now")}) fresh
    WHERE at >= :since
"""
SPENT_SINCE: Final = f"""
    SELECT client_name AS client, {DIMENSIONS["model"]} AS model, started_at AS at,
        iif(state IN {ANSWERED}, 1, 0) AS answered,
        coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens, coalesce(cost_usd, 0) AS usd
    FROM requests INDEXED BY requests_rev
    WHERE rev > ? AND rev <= ? AND state <> 'running' AND source = 'proxy' AND NOT (boot_id = ? AND worker = ?)
"""


@dataclass(slots=True)
class News:
    """What one look at the database found. ``overrides``: None when they were not read."""

    rows: list[tuple[Apply, Row]] = field(default_factory=list)
    overrides: dict[tuple[str, str], Override] | None = None
    commands: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    spent: list[Row] = field(default_factory=list)
    lifted: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(kind, channel id, key id, model) of keys that were blocked before this start."""

    @property
    def written(self) -> float:
        """When the youngest of its breakers and keys was written down (Unix seconds); 0: it has none."""
        rows = (row for apply, row in self.rows if apply in (apply_breaker, apply_key))
        return max((seconds(row["updated_at"]) for row in rows), default=0.0)


class Reader:
    """Follows the database for one worker. ``look`` blocks, so it belongs into a thread; one at a time."""

    def __init__(self, where: log_place.Place, boot_id: str, worker: int, shared: bool) -> None:
        """``shared``: other workers serve the same clients, and what those spend counts, too."""
        self.source, self.boot_id, self.worker, self.shared = source_of(where), boot_id, worker, shared
        self.by = f"{boot_id}:{worker}"
        self.rev = 0
        self.obeyed: frozenset[int] = frozenset()
        """Commands that were seen and may come again: their ids do not say in which order they were written."""
        self.first = True

    def look(self, now: float) -> News | None:
        """What is new; None: nothing. Raises StoreError, after which the next look opens anew."""
        if not self.source.has_news():
            return None
        with self.source.snapshot() as conn:
            news = self._read(conn, now)
        self.first = False
        return news

    def close(self) -> None:
        self.source.close()

    def _read(self, conn: Connection, now: float) -> News:
        ms = int(now * 1000)
        (rev,) = conn.execute("SELECT value FROM counter WHERE name = 'rev'").fetchone()
        news = News()
        for table, sql, apply in SHARED:
            found = conn.execute(sql, (self.rev, ms if table == "affinity" else ms - int(OLD * 1000)))
            news.rows += [(apply, row) for row in found if self.first or _detail(row).get("by") != self.by]
        if self.first and self.boot_id:
            alive = {self.boot_id, *self.source.living()}
            news.lifted = [_whose(row) for apply, row in news.rows if apply is apply_key and _from_before(row, alive)]
        news.overrides = overrides_of(conn.execute(OVERRIDES, (ms,)))
        valid = conn.execute(COMMANDS, (ms,)).fetchall()
        for row in valid:
            if row["id"] not in self.obeyed:
                news.commands.append((row["id"], row["kind"], read.mapping(_args(row["args"]))))
        self.obeyed = frozenset(row["id"] for row in valid)
        if self.first:
            news.spent = conn.execute(SPENT, {"since": int(start_of_month(now) * 1000), "now": rev}).fetchall()
        elif self.shared:
            news.spent = conn.execute(SPENT_SINCE, (self.rev, rev, self.boot_id, self.worker)).fetchall()
        self.rev = rev
        return news


def _from_before(row: Row, alive: Collection[str]) -> bool:
    """Whether an earlier run of a gateway blocked this key."""
    return row["state"] == "blocked" and str(_detail(row).get("by", "")).rpartition(":")[0] not in alive


def _whose(row: Row) -> tuple[str, str, str, str]:
    return row["kind"], row["channel_id"], row["key_id"], row["model"]


def _args(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}


def take(state: State, news: News, snapshot: Snapshot, now: float) -> None:
    """What was read becomes part of the state. Commands are left to the caller."""
    for apply, row in news.rows:
        apply(state, row, snapshot)
    for kind, channel_id, key_id, model in news.lifted:
        state.unblock(kind, channel_id, key_id, model, now, "the gateway was restarted")
    if news.overrides is not None:
        state.overrides = news.overrides
    for row in news.spent:
        used = int(row["answered"]), int(row["tokens"]), float(row["usd"])
        state.limits.known.add(row["client"], row["model"], *used, now, seconds(row["at"]))


def load_state(where: log_place.Place, snapshot: Snapshot, now: float) -> State:
    """What the workers have written down, for whoever only wants to look at it (the panel, ``run.py check``).

    Raises StoreError when there is no database to read.
    """
    state, reader = State(), Reader(where, "", -1, shared=False)
    with closing(reader):
        if news := reader.look(now):
            take(state, news, snapshot, now)
    state.restore(now)
    return state
