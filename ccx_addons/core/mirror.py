"""Which mirrors a request is for, and the channel as a mirror asks it. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from ccx_addons.core.config import Channel, Mirror, ModelMap, Snapshot, Target
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.mcp import calls_servers

type Why = Literal["busy", "limit", "budget", "channel", "elsewhere"]
"""Why a request that was chosen is not mirrored after all: the gateway has other things to do; the mirror's requests a
minute or at the same time, or its tokens or dollars of the day, are used up; its channel's limits or keys are; what it
refers to is kept by the upstream that was asked."""
WHYS: Final[tuple[Why, ...]] = ("busy", "limit", "budget", "channel", "elsewhere")


def share_of(name: str, conversation: str) -> float:
    """Where a conversation stands among all, in percent: the same for each of its requests, another for each mirror."""
    digest = hashlib.sha256(f"{name}\0{conversation}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6]) / (1 << 48) * 100


def chosen(x: Exchange) -> Iterator[Mirror]:
    """The mirrors that an answered request is for. A client's own login is not for others, and neither is what a client
    keeps to its channels; and no tool of a remote server acts a second time."""
    record = x.current
    if record is None or x.client is None or not x.client.mirror or x.body is None or x.operation != "generate":
        return
    if (
        x.source != "proxy"
        or x.internal
        or x.login
        or any(one.attempt.channel.credential == "client" for one in x.attempts)
        or calls_servers(x.body.members)
    ):
        return
    answered = record.attempt.channel.id
    for mirror in x.snapshot.mirrors:
        if (
            mirror.enabled
            and x.kind in mirror.kinds
            and (not mirror.clients or x.client.name in mirror.clients)
            and (not mirror.channels or answered in mirror.channels)
            and (answered != mirror.to or mirror.model)
            and mirror.models.allows(x.model)
            and share_of(mirror.name, x.trace or x.id) < mirror.share
        ):
            yield mirror


def asked_as(mirror: Mirror, channel: Channel, masked: tuple[str, ...]) -> Channel:
    """The channel with the mirror's model. ``masked``: personal data that others did not see either. Nobody waits for
    signs of life."""
    return replace(
        channel,
        models=ModelMap({"*": (Target(mirror.model),)}) if mirror.model else channel.models,
        mask=tuple(dict.fromkeys((*channel.mask, *masked))),
        timeouts=replace(channel.timeouts, heartbeat=0.0),
    )


class AllAsked:
    """The channels of one snapshot as its mirrors ask them, each made when it is first asked: what follows from a
    channel is known by its identity (convert/heads.py)."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._known: dict[tuple[str, tuple[str, ...]], Channel] = {}
        """By the mirror, and what others did not see."""

    def of(self, snapshot: Snapshot, mirror: Mirror, channel: Channel, masked: tuple[str, ...]) -> Channel:
        if self._snapshot is not snapshot:
            self._snapshot, self._known = snapshot, {}
        place = mirror.name, tuple(sorted({*masked}))
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = asked_as(mirror, channel, place[1])
        return found
