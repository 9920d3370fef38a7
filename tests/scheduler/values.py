"""Short ways to say channels, keys, outcomes; and a world whose clock is a number."""

from typing import Any

from ccx_addons.core.config import Channel, ChannelLimits, Client, Key, ModelMap, Patterns, Policy, Snapshot, Target
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Attempt, Outcome, OutcomeKind, Verdict, attempts, classify
from ccx_addons.scheduler import Pick, Search, State
from ccx_addons.scheduler.limits import Ask, scopes_of
from ccx_addons.scheduler.search import About

NOW = 1_700_000_000.0
CLIENT = Client("tester", "")
POLICY = Policy()


def key(name: str, **more: Any) -> Key:
    return Key(f"k_{name}", f"sk-secret-of-{name}", name, **more)


def channel(name: str, *keys: Key, **more: Any) -> Channel:
    """A chat channel ``ch_NAME`` with one key unless keys are given; ``models`` may be a plain dict, of names or lists of them."""
    models = more.pop("models", {})
    given: dict[str, Any] = {
        "protocol": "chat",
        "base_urls": (f"https://{name}.example/v1",),
        "serves": frozenset({"chat"}),
        "models": ModelMap({name: chain(to) for name, to in models.items()}),
    }
    return Channel(id=f"ch_{name}", name=name, keys=keys or (key(f"{name}1"),), **{**given, **more})


def chain(to: str | list[str]) -> tuple[Target, ...]:
    return tuple(Target(name) for name in ([to] if isinstance(to, str) else to))


def limits(**more: int) -> ChannelLimits:
    return ChannelLimits(**more)


def patterns(*texts: str) -> Patterns:
    return Patterns(
        tuple(text for text in texts if text[0] != "!"), tuple(text[1:] for text in texts if text[0] == "!")
    )


def snapshot(*channels: Channel, policy: Policy = POLICY) -> Snapshot:
    return Snapshot("r", 0.0, channels=channels, policy=policy)


def pick(model: str = "m", **more: Any) -> Pick:
    return Pick(more.pop("kind", "chat"), model, more.pop("client", CLIENT), **more)


def attempt(of: Channel, n: int = 0, url: int = 0, model: str = "m") -> Attempt:
    return Attempt(of, of.keys[n], of.base_urls[url], 1, model=model)


def status(http: int, message: str = "", retry_after: float | None = None, **more: Any) -> Outcome:
    """An error answer as the upstream's own words."""
    fault = Fault("server", message or f"error {http}", http, **more)
    return Outcome("status", http, fault, retry_after)


def broken(kind: OutcomeKind = "connect") -> Outcome:
    return Outcome(kind, elapsed=20.0)


OK = Outcome("ok", 200)


def learn(state: State, tried: Attempt, outcome: Outcome, now: float) -> Verdict:
    """One attempt that was made and judged."""
    verdict = classify(outcome, 2, now)
    state.begin("chat", tried, now)
    state.learn("chat", tried, outcome, verdict, now, outcome.fault.message if outcome.fault else "")
    return verdict


class Told(About):
    """Remembers what it is told. ``said``: all that an upstream ever says; empty: what it really says."""

    def __init__(self, body: str = "", said: str = "") -> None:
        self.heard: list[tuple[int, str, str]] = []
        self._body, self._said = body, said

    def told(self, attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
        self.heard.append((attempt.number, outcome.kind, verdict.action))

    def words(self, outcome: Outcome) -> str:
        return self._said or super().words(outcome)

    def body(self) -> str:
        return self._body


def run(search: Search, outcomes: list[Outcome], now: float = NOW) -> list[Attempt]:
    """The attempts that the failover makes for these outcomes."""
    made = []
    generator = attempts(search, lambda: 0.0, 600.0, lambda: now, search.snapshot.policy.attempts)
    left = iter(outcomes)
    try:
        following = next(generator)
        while True:
            made.append(following)
            outcome = next(left, None)
            if outcome is None:
                generator.close()
                return made
            following = generator.send(outcome)
    except StopIteration:
        return made


def names(made: list[Attempt]) -> list[str]:
    return [f"{one.channel.name}/{one.key.name}" for one in made]


def entered(state: State, of: Channel, own: Key, slot: str = "") -> None:
    """An attempt has its place."""
    assert state.limits.take(Ask(slot or own.id, scopes_of(of, own)), NOW) is None
