from ccx_addons.core.config import Client, ClientLimits, ModelLimit, Patterns
from ccx_addons.scheduler.limits import tokens_refusal
from ccx_addons.scheduler.tokens import Tokens

NOW = 1_000_000.0
ALL = Client("ann", "", limits=ClientLimits(tokens_per_minute=1000))
OPUS = Client("bob", "", model_limits=(ModelLimit(Patterns(("*opus*",)), tokens_per_minute=100),))


def test_a_client_without_such_a_limit_is_not_counted() -> None:
    tokens, free = Tokens(), Client("free", "")
    tokens.begin(free, "m", "x", 10**9)
    tokens.spend(free, "m", 10**9, NOW)
    assert tokens.over(free, "m", NOW) is None and not tokens.minutes


def test_what_was_used_counts_for_a_minute() -> None:
    tokens = Tokens()
    tokens.spend(ALL, "m", 600, NOW)
    assert tokens.over(ALL, "m", NOW) is None
    tokens.spend(ALL, "other", 600, NOW + 10)
    over = tokens.over(ALL, "m", NOW + 20)
    assert over and (over.most, over.models, over.wait) == (1000, "", 40.0)
    assert tokens.over(ALL, "m", NOW + 60) is None
    assert tokensof(tokens, "ann") == 600


def tokensof(tokens: Tokens, name: str) -> int:
    return sum(used for _, used in tokens.minutes[name].used)


def test_what_is_under_way_counts_with_its_estimate() -> None:
    tokens = Tokens()
    tokens.begin(ALL, "m", "x", 1500)
    over = tokens.over(ALL, "m", NOW)
    assert over and over.wait == 1.0
    tokens.end(ALL, "m", "x")
    assert tokens.over(ALL, "m", NOW) is None


def test_a_limit_on_some_models_leaves_the_others_alone() -> None:
    tokens = Tokens()
    tokens.spend(OPUS, "claude-opus-4-7", 100, NOW)
    tokens.spend(OPUS, "claude-haiku-4-5", 10_000, NOW)
    assert tokens.over(OPUS, "claude-haiku-4-5", NOW) is None
    over = tokens.over(OPUS, "claude-opus-4-7", NOW)
    assert over
    assert tokens_refusal(OPUS, over).words == "the key 'bob' may use 100 tokens a minute on *opus*"


def test_much_more_than_allowed_waits_until_enough_is_over() -> None:
    tokens = Tokens()
    for n in range(5):
        tokens.spend(ALL, "m", 900, NOW + n)
    over = tokens.over(ALL, "m", NOW + 5)
    assert over and over.wait == NOW + 3 + 60 - (NOW + 5)
