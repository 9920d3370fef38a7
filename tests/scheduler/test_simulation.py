"""An hour with 20 channels and 60 keys whose faults are scripted, through the real failover and a clock of our own.

Every tenth request is one that upstreams refuse for its own sake, in the words in which vendors do; others make every
upstream fail, and are asked again and again.
"""

import itertools
import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from ccx_addons.core.config import Channel, Key, Snapshot
from ccx_addons.core.verdict import Attempt, Outcome, attempts
from ccx_addons.scheduler import Pick, Search, State
from ccx_addons.scheduler.breaker import Place
from ccx_addons.scheduler.index import Entry
from ccx_addons.scheduler.state import Standing
from tests.scheduler.values import CLIENT, NOW, OK, Told, channel, key, snapshot, status

HOUR = 3600
MODELS = [f"model-{n}" for n in range(3)]
STEP = 2.0
CHANNELS = 20
KEYS = 3
CALM_AFTER = 2700.0
"""Seconds after which nothing new goes wrong."""
LONGEST = 620.0
"""Seconds after the last fault until everything is as it was, but for keys that were refused again and again."""

KINDS = {
    "refuses": Outcome("connect", elapsed=0.1),
    "fails": status(500, "internal error"),
    "overloaded": status(529, "Overloaded", type="overloaded_error"),
    "limited": status(429, "slow down", 60.0),
    "hangs": Outcome("first_byte_timeout", elapsed=30.0),
    "empty": Outcome("empty", elapsed=20.0),
    "refused": status(401, "invalid x-api-key", type="authentication_error"),
    "used up": status(400, "You're out of extra usage. Add more and keep going.", type="invalid_request_error"),
    "lacks": status(403, "Project `p` does not have access to model `m`", code="model_not_found"),
    "teapot": status(418, "{}"),
}
REST = {
    "refuses": 2.0, "fails": 2.0, "overloaded": 2.0, "limited": 60.0, "hangs": 2.0, "empty": 2.0,
    "refused": 60.0, "used up": 60.0, "lacks": 60.0, "teapot": 0.0,
}  # fmt: skip
"""Seconds a failure keeps the same key from being tried for the same model while anybody healthy is there."""
MOST = {"blocked": 3600.0, "rests": 60.0, "breaker": 600.0}
"""The longest pause there is for what keeps a key out."""

POISON = [
    status(403, "You do not have permission to access the File other or it may not exist.", code="PERMISSION_DENIED"),
    status(403, "Your organization does not have access to the container API.", type="permission_error"),
    status(403, "Attention Required! | Cloudflare"),
    status(403, "Your input was flagged for violence"),
    status(413, "Request Entity Too Large"),
    status(413, "Request too large for model `x` on tokens per minute (TPM)", code="rate_limit_exceeded"),
    status(402, "You requested up to 65536 tokens, but can only afford 1666."),
    status(429, "Extra usage is required for long context requests.", type="rate_limit_error"),
    status(400, "prompt is too long: 210000 tokens > 200000 maximum", type="invalid_request_error"),
    status(400, "messages: field required", type="invalid_request_error"),
]
"""What upstreams answer to a request that is itself at fault."""
CRASHES = [
    status(500, "internal error"),
    status(502, "Bad Gateway"),
    status(503, "Service Unavailable"),
    status(529, "Overloaded", type="overloaded_error"),
    Outcome("reset", elapsed=4.0),
    Outcome("first_byte_timeout", elapsed=30.0),
    Outcome("first_event_timeout", elapsed=30.0),
    Outcome("empty", elapsed=20.0),
    Outcome("late_error", committed=True),
    Outcome("cut", elapsed=20.0),
]
"""What becomes of every attempt with a body that upstreams cannot bear."""
RETRIES = 8


@dataclass
class World:
    """``faults``: channel -> (from, until, kind); ``dead``: keys that the upstream refuses from then on."""

    seed: int
    now: float = NOW
    state: State = field(default_factory=State)
    faults: dict[str, list[tuple[float, float, str]]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[str, float] = field(default_factory=dict)
    tried: dict[tuple[str, str], list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    """(key, model) -> when it failed, and how."""
    crashed: dict[str, float] = field(default_factory=dict)
    """Channel -> when a body made it fail the last time."""
    poisoned: int = 0
    homes: dict[str, tuple[str, float]] = field(default_factory=dict)
    served: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.channels = [
            channel(
                f"c{n:02}",
                *(key(f"{n:02}-{k}") for k in range(KEYS)),
                priority=n // 2 + 1,
                rotate=("fill_first", "round_robin", "least_used")[n % 3],
            )
            for n in range(CHANNELS)
        ]
        self.snapshot: Snapshot = snapshot(*self.channels)
        chance = random.Random(self.seed)
        at = 60.0
        while at < CALM_AFTER:
            for victim in chance.sample(self.channels[:5], 2):
                end = min(at + chance.uniform(20, 400), CALM_AFTER)
                self.faults[victim.id].append((NOW + at, NOW + end, chance.choice(list(KINDS))))
            at += chance.uniform(40, 120)
        for victim in chance.sample(self.channels[:6], 4):
            self.dead[victim.keys[chance.randrange(KEYS)].id] = NOW + chance.uniform(0, CALM_AFTER)

    def fault(self, of: Channel, margin: float = 0.0) -> str:
        """What is wrong with a channel now, or was at any time in the last ``margin`` seconds."""
        found = (kind for start, end, kind in self.faults[of.id] if start <= self.now < end + margin)
        return next(found, "")

    def healthy(self) -> bool:
        return any(not self.fault(each) for each in self.channels)

    def answer(self, made: Attempt, poison: Outcome | None) -> Outcome:
        self.now += 0.05
        if poison in CRASHES:
            self.crashed[made.channel.id] = self.now
            return poison
        failed = self.tried[made.key.id, made.model]
        if self.dead.get(made.key.id, float("inf")) <= self.now:
            failed.append((self.now, "dead"))
            return status(401, "the API key was revoked", type="authentication_error")
        if kind := self.fault(made.channel):
            failed.append((self.now, kind))
            return KINDS[kind]
        if poison:
            self.poisoned += 1
            return poison
        self.served.append((self.now, made.channel.id))
        return OK

    def worst(self) -> tuple[str, int]:
        """The state of the worst breaker, and the most failures that one has."""
        found = [each for known in self.state.channels.values() for each in known.breakers.values()]
        return max(each.state for each in found), max(each.failed for each in found)

    def ask(self, trace: str, poison: Outcome | None = None, body: str = "") -> str:
        """One request; the channel that answered, empty when none did."""
        pick = Pick("chat", MODELS[int(trace[1:] or 0) % 3], CLIENT, trace)
        search = Search(pick, self.snapshot, self.state, lambda: self.now, Told(body))
        generator = attempts(search, lambda: self.now, self.now + 600, lambda: self.now)
        try:
            made = next(generator)
            while True:
                outcome = self.answer(made, poison)
                made = generator.send(outcome)
        except StopIteration:
            return made.channel.id if outcome is OK else ""

    def standing(self, channel_id: str, trace: str) -> Standing:
        model = MODELS[int(trace[1:]) % 3]
        of = next(each for each in self.channels if each.id == channel_id)
        return self.state.standing("chat", entry_with(of, of.keys, model), self.now)

    def out(self) -> list[str]:
        """Keys that are held back although they are well for longer than their pause."""
        found = []
        for (_, channel_id), known in self.state.channels.items():
            of = next(each for each in self.channels if each.id == channel_id)
            for its, model in itertools.product(of.keys, MODELS):
                failures = [made for each in of.keys for name in MODELS for made in self.tried.get((each.id, name), ())]
                last = max((self.crashed.get(channel_id, NOW), *(at for at, _ in failures)))
                standing = known.standing(entry_with(of, (its,), model), self.now)
                dead = self.dead.get(its.id, float("inf")) <= self.now
                pause = next((seconds for word, seconds in MOST.items() if word in standing.reason), 0.0)
                if not (standing.ready or dead) and self.now - last > pause:
                    found.append(f"{its.id} for {model}: {standing.words(self.now)}")
                known.standings.clear()
        return found

    def overlooked(self) -> list[Place]:
        """Places that have something to say and are not looked at."""
        return [
            place
            for known in self.state.channels.values()
            for place, found in known.breakers.items()
            if place not in known.doubted
            and (found.state != "closed" or found.pause_until or (found.samples and not (place[0] and place[1])))
        ]

    def priority(self, id: str) -> int:
        return next(each.priority for each in self.channels if each.id == id)


def entry_with(of: Channel, keys: tuple[Key, ...], model: str) -> Entry:
    return Entry(of, model, keys, tuple((key, model) for key in keys), False, False, ("", 0))


@pytest.fixture(scope="module", params=range(5))
def hour(request: pytest.FixtureRequest) -> World:
    world = World(request.param)
    chance = random.Random(world.seed + 1000)
    while world.now < NOW + HOUR:
        trace = f"t{chance.randrange(30)}"
        home, until = world.homes.get(trace, ("", 0.0))
        if chance.random() < 0.1:
            world.ask(trace, chance.choice(POISON))
        if chance.random() < 0.02:
            crash = chance.choice(CRASHES)
            for _ in range(RETRIES):
                world.ask(f"x{chance.randrange(3)}", crash)
        asked = world.now
        before = world.standing(home, trace) if home else None
        found = world.ask(trace)
        assert found or not world.healthy(), f"a request failed at {asked - NOW:.0f} s although somebody was healthy"
        if home and until > asked and found != home:
            place = next(each for each in world.channels if each.id == home)
            excused = world.fault(place) or (before and not before.ready) or any(k.id in world.dead for k in place.keys)
            assert excused or world.priority(found) < world.priority(home), f"{trace} left {home} without need"
        world.homes[trace] = (found, world.now + 1800)
        world.now += STEP
        if not chance.randrange(20):
            assert not world.out() and not world.overlooked()
    return world


def test_a_failed_key_is_left_alone_as_long_as_it_rests(hour: World) -> None:
    assert sum(map(len, hour.tried.values())) > 25 and hour.poisoned > 50, "the script did nothing"
    for (id, _), failures in hour.tried.items():
        for (before, kind), (after, _) in itertools.pairwise(failures):
            assert kind != "dead", f"the revoked key {id} was tried again within the hour"
            assert after - before >= REST[kind] - 0.001, f"{id} was tried {after - before:.0f} s after it {kind}"


def test_every_channel_with_faults_was_noticed(hour: World) -> None:
    met = {key[2:4] for (key, _), failures in hour.tried.items() if failures}
    remembered = {id[4:] for (_, id), known in hour.state.channels.items() if known.breakers}
    assert met and met <= remembered


def test_priorities_are_back_at_the_end(hour: World) -> None:
    last = [id for at, id in hour.served if at > NOW + CALM_AFTER + LONGEST]
    assert len(last) > 50 and {hour.priority(id) for id in last} == {1}


def test_every_key_is_back_but_the_revoked_and_those_refused_again_and_again(hour: World) -> None:
    assert not hour.out()
    for (_, channel_id), known in hour.state.channels.items():
        for id, state in known.keys.items():
            died = hour.dead.get(id, float("inf"))
            often = state.rest is not None and state.rest.count > 3
            assert not state.blocked(hour.now) or often or died < hour.now, f"{channel_id} {id} is blocked still"


@pytest.mark.parametrize("crash", CRASHES, ids=lambda outcome: f"{outcome.kind} {outcome.status or ''}")
@pytest.mark.parametrize("whose", ["a conversation", "a body"])
def test_a_body_that_crashes_every_upstream_costs_the_others_one_pause(crash: Outcome, whose: str) -> None:
    world = World(0)
    world.faults.clear()
    world.dead.clear()
    away = 0
    for _ in range(300):
        world.ask("x0", crash) if whose == "a conversation" else world.ask("", crash, "its body")
        away += world.priority(world.ask("t0")) != 1
        world.now += 1.0
    assert away == 0 and world.worst() == ("closed", 1)
