"""Exchanges for the tests of addons, without a flow's whole way."""

from collections.abc import Iterable

from ccx_addons.core import endpoints
from ccx_addons.core.confidential import sent_secrets
from ccx_addons.core.config import Channel, Client, Key, Kind, Snapshot
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.mask import Secrets
from ccx_addons.core.verdict import Attempt, Outcome, OutcomeKind, Verdict

PATHS: dict[Kind, str] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
    "embeddings": "/v1/embeddings",
    "images": "/v1/images/generations",
}


def channel(name: str, protocol: Kind = "chat", serves: Iterable[Kind] = ()) -> Channel:
    key = Key(f"key_{name}", f"sk-{name}-secret-0123456789")
    return Channel(f"id_{name}", name, protocol, (f"https://{name}.test",), (key,), frozenset(serves or {protocol}))


def exchange(kind: Kind = "chat", *channels: Channel, id: str = "x1", model: str = "gpt-5") -> Exchange:
    """As it is once auth and route are done."""
    path = PATHS[kind]
    secrets = Secrets(secret for channel in channels for secret in sent_secrets(channel, *channel.keys))
    snapshot = Snapshot("rev1", 0, channels=channels, secrets=secrets)
    x = Exchange(id, 1_700_000_000.0, 100.0, snapshot, "POST", path, "", ())
    x.ask(endpoints.find("POST", path))
    x.client = Client("alice", "")
    x.model = model
    return x


def attempted(
    x: Exchange, where: Channel, outcome: OutcomeKind | None, status: int = 0, reason: str = "", model: str = ""
) -> AttemptRecord:
    """Adds an attempt; ``outcome`` None: it is under way."""
    number = len(x.attempts) + 1
    record = AttemptRecord(Attempt(where, where.keys[0], where.base_urls[0], number), started=x.clock + number)
    record.upstream_model = model or x.model
    record.status = status
    if outcome:
        record.outcome = Outcome(outcome, status)
        record.verdict = Verdict("commit" if outcome == "ok" else "next_channel", reason)
        record.total_ms = 100.0
    x.begin(record)
    return record
