"""Decides which channel and key an attempt uses; never acts, and time is always an argument (Unix seconds)."""

from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.verdict import Attempt, Outcome, Verdict
from ccx_addons.scheduler.affinity import Traces
from ccx_addons.scheduler.keys import Keys
from ccx_addons.scheduler.rules import Decision, Pick, Ranking, rank

__all__ = ["Decision", "Pick", "Ranking", "State", "rank"]


class State:
    """Everything that changes while the gateway runs."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.traces = Traces()
        self.resting: dict[tuple[str, str], float] = {}
        """(kind, channel id) -> until when the channel is tried last."""

    def healthy(self, kind: str, channel: Channel, now: float) -> bool:
        """Whether the channel is worth trying before others: it does not rest, and one of its keys does not either."""
        if self.resting.get((kind, channel.id), 0.0) > now:
            return False
        return any(not self.keys.of(channel, key).cooling(now) for key in channel.keys if key.enabled)

    def learn(
        self, pick: Pick, snapshot: Snapshot, attempt: Attempt, outcome: Outcome, verdict: Verdict, now: float
    ) -> None:
        """What one verdict means for keys, base URLs, the channel and the conversation."""
        channel, key = attempt.channel, attempt.key
        self.keys.of(channel, key).uses += 1
        if verdict.health == "success":
            self.keys.succeeded(pick.kind, channel, key, attempt.base_url)
            self.resting.pop((pick.kind, channel.id), None)
            if pick.trace and not pick.images:
                self.traces.keep(pick.kind, pick.trace, channel.id, now + snapshot.policy.affinity.ttl)
            return
        if verdict.health == "failure":
            self.keys.url_failed(pick.kind, channel, attempt.base_url, now)
        match verdict.blame:
            case "key" if verdict.block:
                self.keys.block(channel, key, verdict.reason, verdict.until, now)
            case "key":
                self.keys.failed(channel, key, verdict.reason, verdict.cooldown, now)
            case "model":
                self.keys.block_model(channel, key, channel.models.apply(pick.model).model, now)
            case "channel":
                self.resting[(pick.kind, channel.id)] = now + (verdict.cooldown or 0.0)
