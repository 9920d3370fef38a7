"""The dry run: the same order as the real one, with reasons, and without leaving a trace."""

import copy
import random

from ccx_addons.scheduler import Search, State
from ccx_addons.scheduler.explain import explain, render
from tests.scheduler.values import NOW, OK, attempt, channel, key, learn, patterns, pick, run, snapshot, status

MAIN = channel("main", key("m1"), key("m2"), models={"m": "gpt-5"})
OTHER = channel("other", protocol="messages", priority=2)
REST = channel("rest", allow=patterns("claude-*"))


def test_it_says_where_with_what_and_why() -> None:
    state = State()
    learn(state, attempt(MAIN, 0, model="gpt-5"), status(401, "invalid key"), NOW)
    found = explain(snapshot(MAIN, OTHER, REST), state, pick(), NOW)
    assert [(p.channel_name, p.upstream_model, p.converted, p.key_mask) for p in found.places] == [
        ("main", "gpt-5", "", "sk-s…f-m2"),
        ("other", "m", "chat>messages", "sk-s…her1"),
    ]
    assert [(d.channel_name, d.rule) for d in found.dropped] == [("rest", "allows_model")]
    assert render(found, pick()) == (
        "chat m for tester: 2 channels would be tried\n"
        "  main: place 1: next by priority\n"
        "      gpt-5 at https://main.example/v1 with sk-s…f-m2\n"
        "  other: place 2: next by priority\n"
        "      m (chat>messages) at https://other.example/v1 with sk-s…her1\n"
        "not used:\n"
        "  rest: does not offer the model m [allows_model]\n"
    )


def test_nobody() -> None:
    found = explain(snapshot(REST), State(), pick(), NOW)
    assert not found.places and render(found, pick()).startswith("chat m for tester: 0 channels")


def test_it_agrees_with_what_routing_does_and_changes_nothing() -> None:
    chance = random.Random(7)
    channels = [channel(f"n{n}", key(f"{n}a"), key(f"{n}b"), priority=n % 3) for n in range(8)]
    state = State()
    for _ in range(60):
        of = chance.choice(channels)
        outcome = chance.choice([OK, status(500), status(429), status(401), status(529)])
        learn(state, attempt(of, chance.randrange(2)), outcome, NOW + chance.uniform(0, 100))
        state.changes.clear()
        now = NOW + chance.uniform(100, 800)
        asked, config = pick(trace="t"), snapshot(*channels)
        before = copy.deepcopy({name: known.keys for name, known in state.channels.items()})
        found = explain(config, state, asked, now)
        again = explain(config, state, asked, now)
        assert found == again
        real = run(Search(asked, config, copy.deepcopy(state), lambda now=now: now), [], now)  # type: ignore[misc]
        assert [(p.channel_id, p.key_mask) for p in found.places][:1] == [(m.channel.id, m.key.mask) for m in real[:1]]
        if not state.changes:
            after = {name: known.keys for name, known in state.channels.items() if name in before}
            assert after == before
