"""Which key and base URL of a channel comes next, and what failures do to a key."""

from dataclasses import dataclass, field
from typing import Final

from ccx_addons.core.config import Channel, Key

COOLDOWN: Final = 300.0
LONG_COOLDOWN: Final = 600.0
"""After three failures in a row."""
URL_COOLDOWN: Final = 30.0
MODEL_BLOCK: Final = 3600.0


@dataclass(slots=True)
class KeyState:
    """Unix seconds throughout; ``reason`` is for people and holds no secret."""

    failures: int = 0
    failed_at: float = 0.0
    cool_until: float = 0.0
    blocked_until: float = 0.0
    reason: str = ""
    uses: int = 0
    models: dict[str, float] = field(default_factory=dict)
    """Upstream model -> until when this key does not have it."""

    def blocked(self, now: float) -> bool:
        return self.blocked_until > now

    def cooling(self, now: float) -> bool:
        return self.cool_until > now


@dataclass(slots=True)
class UrlState:
    failures: int = 0
    failed_at: float = 0.0


class Keys:
    """The state of all keys and base URLs of one worker."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], KeyState] = {}
        self.urls: dict[tuple[str, str, str], UrlState] = {}

    def of(self, channel: Channel, key: Key) -> KeyState:
        return self.keys.setdefault((channel.id, key.id), KeyState())

    # ---- choosing ---------------------------------------------------------------------------------------------------
    def usable(self, channel: Channel, model: str, now: float) -> list[Key]:
        """Keys that may be used for this model at all; those that only cool down are among them."""
        return [
            key
            for key in channel.keys
            if key.enabled
            and key.models.allows(model)
            and not (state := self.of(channel, key)).blocked(now)
            and state.models.get(model, 0.0) <= now
        ]

    def choose(
        self, kind: str, channel: Channel, model: str, used: frozenset[tuple[str, str, str]], now: float
    ) -> tuple[Key, str] | None:
        """The next key and base URL not used up yet. When all keys cool down: the one that failed longest ago."""
        for url in self.ranked_urls(kind, channel, now):
            left = [
                key
                for key in self.usable(channel, model, now)
                if (channel.id, key.id, url) not in used and key.base_url in ("", url)
            ]
            ready = [key for key in left if not self.of(channel, key).cooling(now)]
            if ready:
                return self._first(channel, ready), url
            if left and not any(triple[0] == channel.id for triple in used):
                return min(left, key=lambda key: self.of(channel, key).failed_at), url
        return None

    def _first(self, channel: Channel, keys: list[Key]) -> Key:
        heaviest = max(key.weight for key in keys)
        match channel.rotate:
            case "fill_first":
                return next(key for key in keys if key.weight == heaviest)
            case "round_robin":
                return min(keys, key=lambda key: self.of(channel, key).uses / key.weight)
            case "least_used":
                return min(keys, key=lambda key: self.of(channel, key).uses)

    def ranked_urls(self, kind: str, channel: Channel, now: float) -> list[str]:
        """Never failed in order, then those whose pause is over, then the rest by how long they still pause."""

        def rank(url: str) -> tuple[int, float]:
            state = self.urls.get((kind, channel.id, url))
            if state is None or not state.failures:
                return (0, 0.0)
            rest = state.failed_at + URL_COOLDOWN - now
            return (1, state.failures) if rest <= 0 else (2, rest)

        return sorted(channel.base_urls, key=rank)

    # ---- learning ---------------------------------------------------------------------------------------------------
    def succeeded(self, kind: str, channel: Channel, key: Key, url: str) -> None:
        state = self.of(channel, key)
        state.failures, state.cool_until, state.blocked_until, state.reason = 0, 0.0, 0.0, ""
        self.urls.pop((kind, channel.id, url), None)

    def failed(self, channel: Channel, key: Key, reason: str, rest: float | None, now: float) -> None:
        """The key rests for ``rest`` seconds, or by how often it failed in a row."""
        state = self.of(channel, key)
        state.failures += 1
        state.failed_at = now
        state.reason = reason
        state.cool_until = now + (rest if rest is not None else COOLDOWN if state.failures < 3 else LONG_COOLDOWN)

    def url_failed(self, kind: str, channel: Channel, url: str, now: float) -> None:
        state = self.urls.setdefault((kind, channel.id, url), UrlState())
        state.failures += 1
        state.failed_at = now

    def block(self, channel: Channel, key: Key, reason: str, until: float, now: float) -> None:
        state = self.of(channel, key)
        state.failed_at, state.blocked_until, state.reason = now, until, reason

    def block_model(self, channel: Channel, key: Key, model: str, now: float) -> None:
        self.of(channel, key).models[model] = now + MODEL_BLOCK
