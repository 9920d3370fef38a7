from ccx_addons.core.config import Client, ClientLimits, ModelLimit, Patterns
from ccx_addons.scheduler.budgets import Estimate
from ccx_addons.scheduler.limits import Limits, Part, Refused, ask_of, cost_of, is_limited, refusal_of
from ccx_addons.scheduler.tokens import Pace, paces_of

NOW = 1_000_000.0
ALL = Client("ann", "", limits=ClientLimits(tokens_per_minute=1000))
OPUS = Client("bob", "", model_limits=(ModelLimit(models=Patterns(("*opus*",)), tokens_per_minute=100),))


def spend(limits: Limits, client: Client, tokens: int, now: float, model: str = "m") -> None:
    limits.pay(cost_of(client, model, f"{client.name} {now} {model}", Estimate(tokens), now), now)


def over(limits: Limits, client: Client, now: float, model: str = "m") -> Refused | None:
    """Why one more request has to wait; it is not made."""
    refused = limits.take(ask_of(client, "looks", model=model), now)
    limits.undo("looks")
    return refused


def test_a_client_without_such_a_limit_is_not_counted() -> None:
    limits, free = Limits(), Client("free", "")
    spend(limits, free, 10**9, NOW)
    assert not is_limited(free) and paces_of(free, "m") == () and not limits.minutes


def test_what_was_used_counts_for_a_minute() -> None:
    limits = Limits()
    spend(limits, ALL, 600, NOW)
    assert over(limits, ALL, NOW) is None
    spend(limits, ALL, 600, NOW + 10, "other")
    assert over(limits, ALL, NOW + 20) == Refused("client:ann", "pace", 40.0)
    assert over(limits, ALL, NOW + 60) is None
    assert [tokens for _, _, tokens in limits.minutes["client:ann"].used] == [600]


def test_what_is_under_way_counts_with_its_estimate() -> None:
    limits, ask = Limits(), ask_of(ALL, "x", model="m")._replace(estimate=Estimate(1500))
    assert limits.take(ask, NOW) is None and over(limits, ALL, NOW) == Refused("client:ann", "pace", 1.0)
    limits.leave("x")
    assert over(limits, ALL, NOW) is None and not limits.minutes["client:ann"].flying


def test_a_limit_on_some_models_leaves_the_others_alone() -> None:
    limits = Limits()
    spend(limits, OPUS, 100, NOW, "claude-opus-4-7")
    spend(limits, OPUS, 10_000, NOW, "claude-haiku-4-5")
    assert over(limits, OPUS, NOW, "claude-haiku-4-5") is None
    refused = over(limits, OPUS, NOW, "claude-opus-4-7")
    assert refused and refused.name == paces_of(OPUS, "claude-opus-4-7")[0].name
    assert refusal_of(OPUS, refused, NOW).words == "the key 'bob' may use 100 tokens a minute on *opus*"


def test_much_more_than_allowed_waits_until_enough_is_over() -> None:
    limits = Limits()
    for n in range(5):
        spend(limits, ALL, 900, NOW + n)
    refused = over(limits, ALL, NOW + 5)
    assert refused and refused.wait == NOW + 3 + 60 - (NOW + 5)
    assert refusal_of(ALL, refused, NOW).words == "the key 'ann' may use 1000 tokens a minute"


def test_what_is_told_twice_counts_once() -> None:
    one, whole = Limits(), Limits()
    spend(one, ALL, 400, NOW)
    one.take(ask_of(ALL, "x", model="m")._replace(estimate=Estimate(300)), NOW + 1)
    for _ in range(2):
        whole.put(one.part(NOW + 2), NOW + 2)
    minute = whole.minutes["client:ann"]
    assert len(minute.used) == 1 and minute.flying == {"x": 300}
    whole.leave("x")
    assert not minute.flying and one.part(NOW + 61) == Part({}, one.slots, one.part(NOW + 61).spent)


def test_who_counts_for_himself_has_his_share() -> None:
    limits = Limits()
    spend(limits, ALL, 300, NOW)
    assert paces_of(ALL, "m") == (Pace("client:ann", 1000),)
    assert (
        limits.take(ask_of(ALL, "x", model="m"), NOW, share=4) and limits.take(ask_of(ALL, "x", model="m"), NOW) is None
    )
