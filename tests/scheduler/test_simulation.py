"""An hour with 20 channels and 60 keys whose faults are scripted, through the real failover and a clock of our own."""

import itertools
import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Attempt, Outcome, attempts
from ccx_addons.scheduler import Pick, Search, State
from tests.scheduler.values import CLIENT, NOW, OK, channel, key, snapshot, status

HOUR = 3600
STEP = 2.0
CHANNELS = 20
KEYS = 3
CALM_AFTER = 2700.0
"""Seconds after which nothing new goes wrong."""
LONGEST = 620.0
"""Seconds after a fault in which a channel may still be avoided: the longest cooldown and breaker, and one round."""

KINDS = {
    "refuses": Outcome("connect", elapsed=0.1),
    "fails": status(500, "internal error"),
    "overloaded": status(529, "Overloaded", type="overloaded_error"),
    "limited": status(429, "slow down", 60.0),
    "hangs": Outcome("first_byte_timeout", elapsed=30.0),
    "empty": Outcome("empty", elapsed=20.0),
}
REST = {"refuses": 300.0, "fails": 300.0, "overloaded": 15.0, "limited": 60.0, "hangs": 300.0, "empty": 300.0}
"""Seconds a failure keeps the same key from being tried while anybody healthy is there."""


@dataclass
class World:
    """``faults``: channel -> (from, until, kind); ``dead``: keys that the upstream refuses from then on."""

    seed: int
    now: float = NOW
    state: State = field(default_factory=State)
    faults: dict[str, list[tuple[float, float, str]]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[str, float] = field(default_factory=dict)
    tried: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
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

    def answer(self, made: Attempt) -> Outcome:
        self.now += 0.05
        if self.dead.get(made.key.id, float("inf")) <= self.now:
            self.tried[made.key.id].append((self.now, "dead"))
            return Outcome(
                "status", 401, Fault("authentication", "invalid x-api-key", 401, type="authentication_error")
            )
        if kind := self.fault(made.channel):
            self.tried[made.key.id].append((self.now, kind))
            return KINDS[kind]
        self.served.append((self.now, made.channel.id))
        return OK

    def ask(self, trace: str) -> str:
        """One request; the channel that answered, empty when none did."""
        pick = Pick("chat", f"model-{int(trace[1:]) % 3}", CLIENT, trace)
        search = Search(pick, self.snapshot, self.state, lambda: self.now)
        generator = attempts(search, lambda: self.now, self.now + 600, lambda: self.now)
        try:
            made = next(generator)
            while True:
                outcome = self.answer(made)
                made = generator.send(outcome)
        except StopIteration:
            return made.channel.id if outcome is OK else ""

    def priority(self, id: str) -> int:
        return next(each.priority for each in self.channels if each.id == id)


@pytest.fixture(scope="module", params=range(5))
def hour(request: pytest.FixtureRequest) -> World:
    world = World(request.param)
    chance = random.Random(world.seed + 1000)
    while world.now < NOW + HOUR:
        trace = f"t{chance.randrange(30)}"
        home, until = world.homes.get(trace, ("", 0.0))
        asked = world.now
        found = world.ask(trace)
        assert found or not world.healthy(), f"a request failed at {asked - NOW:.0f} s although somebody was healthy"
        if home and until > asked and found != home:
            place = next(each for each in world.channels if each.id == home)
            excused = world.fault(place, LONGEST) or any(k.id in world.dead for k in place.keys)
            assert excused or world.priority(found) < world.priority(home), f"{trace} left {home} without need"
        world.homes[trace] = (found, world.now + 1800)
        world.now += STEP
    return world


def test_a_failed_key_is_left_alone_as_long_as_it_rests(hour: World) -> None:
    assert sum(map(len, hour.tried.values())) > 25, "the script did nothing"
    for id, failures in hour.tried.items():
        for (before, kind), (after, _) in itertools.pairwise(failures):
            assert kind != "dead", f"the dead key {id} was tried again"
            assert after - before >= REST[kind] - 0.001, f"{id} was tried {after - before:.0f} s after it {kind}"


def test_every_channel_with_faults_was_noticed(hour: World) -> None:
    met = {made[2:4] for made in hour.tried}
    remembered = {id[4:] for (_, id), known in hour.state.channels.items() if known.breakers}
    assert met and met <= remembered


def test_priorities_are_back_at_the_end(hour: World) -> None:
    last = [id for at, id in hour.served if at > NOW + CALM_AFTER + LONGEST]
    assert len(last) > 50 and {hour.priority(id) for id in last} == {1}


def test_every_key_is_healthy_again_but_the_dead(hour: World) -> None:
    for (_, channel_id), known in hour.state.channels.items():
        for id, state in known.keys.items():
            died = hour.dead.get(id, float("inf"))
            assert not state.blocked(hour.now) or died < hour.now, f"{channel_id} {id} is blocked without reason"
