"""What verdicts teach, and how it is lifted again."""

import pytest

from ccx_addons.core.config import BreakerPolicy
from ccx_addons.core.verdict import Outcome, classify
from ccx_addons.scheduler import State
from ccx_addons.scheduler.breaker import Place
from ccx_addons.scheduler.index import entry_of
from tests.scheduler.values import NOW, OK, attempt, broken, channel, key, learn, status

ONE = channel("a")
TWO_URLS = channel("a", key("a1"), key("a2"), base_urls=("https://one.example", "https://two.example"))


def key_of(state: State, n: int = 0, model: str = "m") -> str:
    """blocked, rests or empty: a key of channel a."""
    found = state.of("chat", "ch_a").key(f"k_a{n + 1}").resting(model, NOW)
    return ("blocked" if found.blocked else "rests") if found else ""


URL = ONE.base_urls[0]
AT_KEY, ON_KEY, ADDRESS, OFFER, CHANNEL = (
    (URL, "k_a1", ""), ("", "k_a1", "m"), (URL, "", ""), ("", "", "m"), ("", "", "")
)  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "key", "failed"),
    [
        pytest.param(OK, "", set(), id="answered"),
        pytest.param(broken("connect"), "", {ADDRESS}, id="no connection"),
        pytest.param(broken("first_byte_timeout"), "", {AT_KEY, ON_KEY}, id="no answer in time"),
        pytest.param(status(500), "", {AT_KEY, ON_KEY}, id="500"),
        pytest.param(status(529), "", {OFFER}, id="overloaded"),
        pytest.param(status(503, "no available accounts"), "", {CHANNEL}, id="no account left"),
        pytest.param(status(429), "rests", set(), id="429"),
        pytest.param(status(429, retry_after=0.0), "rests", set(), id="429, come back at once"),
        pytest.param(status(401), "blocked", set(), id="401"),
        pytest.param(status(402), "blocked", set(), id="402"),
        pytest.param(status(403, "no"), "", set(), id="403 without a reason"),
        pytest.param(status(404, "Not Found"), "", set(), id="no such path"),
        pytest.param(status(400, "max_tokens: too large"), "", set(), id="the client's fault"),
        pytest.param(Outcome("client_left"), "", set(), id="client left"),
        pytest.param(Outcome("late_error", committed=True), "", {AT_KEY, ON_KEY}, id="broke after the commit"),
        pytest.param(Outcome("rate_wait"), "", set(), id="its own limits"),
    ],
)
def test_whom_an_outcome_blames(outcome: Outcome, key: str, failed: set[Place]) -> None:
    state = State()
    learn(state, attempt(ONE), outcome, NOW)
    assert key_of(state) == key
    assert {place for place, found in state.of("chat", "ch_a").breakers.items() if found.failed} == failed


def test_what_is_heard_of_strangers_is_not_kept() -> None:
    state = State()
    state.tried_elsewhere("chat", "ch_a", "k_a1", "m", NOW)
    assert not state.channels
    state.of("chat", "ch_a")
    state.tried_elsewhere("chat", "ch_a", "k_a1", "m", NOW)
    assert not state.of("chat", "ch_a").keys


FAULTS = [
    pytest.param(status(401), 60.0, id="401"),
    pytest.param(status(402), 60.0, id="402"),
    pytest.param(status(429), 5.0, id="429"),
    pytest.param(status(500), 2.0, id="500"),
    pytest.param(status(529), 2.0, id="529"),
    pytest.param(broken("connect"), 2.0, id="no connection"),
    pytest.param(broken("first_byte_timeout"), 2.0, id="no answer in time"),
    pytest.param(status(404, "model m not found"), 60.0, id="a model it does not have"),
    pytest.param(status(401, "the API key was revoked"), 6 * 3600.0, id="revoked"),
]


@pytest.mark.parametrize(("outcome", "first"), FAULTS)
def test_everything_comes_back_by_itself_and_each_pause_is_longer(outcome: Outcome, first: float) -> None:
    state, entry, now, pauses = State(), entry_of(ONE, "m"), NOW, []
    for _ in range(5):
        learn(state, attempt(ONE), outcome, now)
        standing = state.standing("chat", entry, now)
        assert not standing.ready and standing.until < now + 25 * 3600
        pauses.append(round(standing.until - now, 6))
        now = standing.until
        state.restore(now)
        assert state.standing("chat", entry, now).ready
    assert pauses[0] == first and pauses == sorted(pauses) and pauses[-1] > first
    learn(state, attempt(ONE), OK, now)
    learn(state, attempt(ONE), outcome, now + 1)
    assert state.standing("chat", entry, now + 1).until - now - 1 == pytest.approx(first), "a success ends the row"


def test_overloaded_is_the_model_on_every_key_of_the_channel_and_no_other_model() -> None:
    state, two = State(), channel("a", key("a1"), key("a2"))
    learn(state, attempt(two), status(529), NOW)
    assert not state.standing("chat", entry_of(two, "m"), NOW).ready
    assert state.standing("chat", entry_of(two, "n"), NOW).ready
    assert state.standing("chat", entry_of(two, "m"), NOW + 2).ready


def test_an_address_is_blamed_before_the_key() -> None:
    state = State()
    learn(state, attempt(TWO_URLS, url=0), broken("connect_timeout"), NOW)
    target = state.of("chat", "ch_a").target(entry_of(TWO_URLS, "m"), frozenset(), NOW)
    assert target and (target.base_url, target.key.name) == ("https://two.example", "a1")
    learn(state, attempt(TWO_URLS, url=1), broken("connect_timeout"), NOW + 1)
    assert not state.standing("chat", entry_of(TWO_URLS, "m"), NOW + 1).ready, "both addresses"
    assert key_of(state) == ""


@pytest.mark.parametrize("outcome", [status(500), broken("first_byte_timeout"), Outcome("empty", elapsed=20)])
def test_whatever_fails_another_address_is_tried_with_the_same_key(outcome: Outcome) -> None:
    state = State()
    learn(state, attempt(TWO_URLS), outcome, NOW)
    target = state.of("chat", "ch_a").target(entry_of(TWO_URLS, "m"), frozenset(), NOW)
    assert target and (target.base_url, target.key.name) == ("https://two.example", "a1")
    learn(state, attempt(TWO_URLS, url=1), outcome, NOW + 1)
    target = state.of("chat", "ch_a").target(entry_of(TWO_URLS, "m"), frozenset(), NOW + 2.5)
    assert target and target.key.name == "a2", "failed at both: now it is the key"


def test_a_key_of_one_base_url_never_uses_another() -> None:
    bound = channel("a", key("a1", base_url="https://two.example"), base_urls=TWO_URLS.base_urls)
    target = State().of("chat", "ch_a").target(entry_of(bound, "m"), frozenset(), NOW)
    assert target and target.base_url == "https://two.example"


def test_all_cooling_the_one_that_failed_longest_ago_once_in_an_exchange() -> None:
    state, two = State(), channel("a", key("a1"), key("a2"))
    learn(state, attempt(two, 1), status(500), NOW - 1.9)
    learn(state, attempt(two, 0), status(500), NOW - 1)
    known, entry = state.of("chat", "ch_a"), entry_of(two, "m")
    target = known.target(entry, frozenset(), NOW)
    assert target and target.key.name == "a2"
    assert known.target(entry, frozenset({("ch_a", two.base_urls[0], "k_a2", "m")}), NOW) is None


def test_heavy_keys_first_then_the_order_of_the_list() -> None:
    three = channel("a", key("a1"), key("a2", weight=5), key("a3", weight=5))
    assert [k.name for k in entry_of(three, "m").keys] == ["a2", "a3", "a1"]


def test_a_blocked_key_is_back_half_open_when_its_time_is_over() -> None:
    state = State()
    learn(state, attempt(ONE), status(402, "Insufficient Balance"), NOW)
    state.restore(NOW + 59)
    assert state.of("chat", "ch_a").key("k_a1").blocked(NOW + 59)
    state.restore(NOW + 60)
    known = state.of("chat", "ch_a")
    (found,) = known.breakers.values()
    assert not known.key("k_a1").blocked(NOW + 60) and found.state == "half-open"
    state.begin("chat", attempt(ONE), NOW + 61)
    assert not state.standing("chat", entry_of(ONE, "m"), NOW + 61).ready, "one probe at a time"


def test_the_last_key_is_tried_now_and_then_and_a_success_brings_it_back() -> None:
    state, entry = State(), entry_of(ONE, "m")
    learn(state, attempt(ONE), status(429, "The usage limit has been reached", 18_000, code="usage_limit_reached"), NOW)
    known, refused = state.of("chat", "ch_a"), []
    for second in range(60):
        target = known.target(entry, frozenset(), NOW + second)
        assert (target is not None) == state.standing("chat", entry, NOW + second).usable
        if target:
            state.begin("chat", attempt(ONE), NOW + second)
            refused.append(second)
    assert refused == [0, 1, 2, 20, 40]
    assert state.standing("chat", entry, NOW + 59).until == NOW + 18_000
    learn(state, attempt(ONE), OK, NOW + 60)
    assert state.standing("chat", entry, NOW + 60).ready


def test_an_edit_lifts_what_the_key_did_before() -> None:
    state, two = State(), channel("a", key("a1"), key("a2"))
    for n in (0, 1):
        learn(state, attempt(two, n), status(401), NOW)
        learn(state, attempt(two, n), status(404, "model m not found"), NOW)
    state.edited("ch_b", ["k_a1", "k_a2"], NOW)
    state.edited("ch_a", ["k_a2", "k_unknown"], NOW)
    assert (key_of(state, 0), key_of(state, 1)) == ("blocked", "")


def test_unblock_by_hand() -> None:
    state = State()
    learn(state, attempt(ONE), status(401), NOW)
    assert not state.unblock("messages", "ch_a", "k_a1", "", NOW) and not state.unblock("chat", "ch_a", "k_x", "", NOW)
    assert state.unblock("chat", "ch_a", "k_a1", "", NOW) and key_of(state) == ""
    assert not state.unblock("chat", "ch_a", "k_a1", "", NOW), "nothing to lift"


def test_unblocking_a_key_lifts_its_models_too() -> None:
    state = State()
    learn(state, attempt(ONE), status(404, "model m not found"), NOW)
    learn(state, attempt(ONE, model="n"), status(429), NOW)
    assert state.unblock("chat", "ch_a", "k_a1", "", NOW)
    assert (
        state.standing("chat", entry_of(ONE, "m"), NOW).ready and state.standing("chat", entry_of(ONE, "n"), NOW).ready
    )


def test_unblock_a_model() -> None:
    state, outcome = State(), status(403, "Image generation is not enabled for this group")
    learn(state, attempt(ONE, model="dall-e"), outcome, NOW)
    assert not state.standing("chat", entry_of(ONE, "dall-e"), NOW).ready
    assert state.standing("chat", entry_of(ONE, "gpt-5"), NOW).ready
    assert state.unblock("chat", "ch_a", "k_a1", "dall-e", NOW) and not state.unblock("chat", "ch_a", "k_a1", "x", NOW)
    assert state.standing("chat", entry_of(ONE, "dall-e"), NOW).ready


def test_reset_forgets_everything_but_blocks() -> None:
    state, two = State(), channel("a", key("a1"), key("a2"))
    for n in range(6):
        learn(state, attempt(two, 0, model=f"m{n}"), status(500), NOW)
    learn(state, attempt(two, 0), status(529), NOW)
    learn(state, attempt(two, 1), status(401), NOW)
    state.reset("messages", "ch_a", NOW)
    assert not state.standing("chat", entry_of(two, "m"), NOW).ready
    state.reset("chat", "ch_a", NOW)
    assert key_of(state, 0) == "" and key_of(state, 1) == "blocked"
    assert state.standing("chat", entry_of(two, "m"), NOW).ready


def test_a_probe_ends_with_its_attempt_also_when_the_client_left() -> None:
    state = State()
    for n in range(5):
        learn(state, attempt(ONE), status(500), NOW - 80 + 20 * n)
    entry, later = entry_of(ONE, "m"), NOW + 30
    state.begin("chat", attempt(ONE), later)
    assert not state.standing("chat", entry, later).ready
    learn(state, attempt(ONE), Outcome("client_left"), later)
    assert state.standing("chat", entry, later).ready


def test_who_waits_for_a_probe_becomes_the_next_one() -> None:
    state = State()
    for n in range(5):
        learn(state, attempt(ONE), status(500), NOW - 80 + 20 * n)
    entry, known = entry_of(ONE, "m"), state.of("chat", "ch_a")
    first = known.target(entry, frozenset(), NOW + 1)
    assert first and not first.waits
    state.begin("chat", attempt(ONE), NOW + 1)
    second = known.target(entry, frozenset(), NOW + 2)
    assert second and second.waits and not state.probe("chat", attempt(ONE), NOW + 2)
    failed = status(500)
    state.learn("chat", attempt(ONE), failed, classify(failed, 1, NOW), NOW + 3, "")
    assert state.probe("chat", attempt(ONE), NOW + 4) and not state.probe("chat", attempt(ONE), NOW + 4)


def test_changes_name_what_has_to_be_written() -> None:
    state = State()
    learn(state, attempt(ONE), OK, NOW)
    assert not state.changes, "an answer from a healthy channel changes nothing"
    learn(state, attempt(ONE), status(401, "bad key"), NOW)
    assert state.changes.keys == {("chat", "ch_a", "k_a1", "")}
    assert [event.message for event in state.changes.events] == [
        "a: key sk-s…f-a1 (a1) is blocked for 60 s: the key is refused (401)"
    ]
    state.changes.clear()
    learn(state, attempt(ONE), status(529), NOW)
    assert state.changes.breakers == {("chat", "ch_a", OFFER)} and not state.changes.events, "a pause is no news"
    state.changes.clear()
    for n in range(1, 5):
        learn(state, attempt(ONE), status(529), NOW + 20 * n)
    words = "a: opened for m, 30 s: 5 failures in a row, the last: the upstream is overloaded (529)"
    assert [event.message for event in state.changes.events] == [words]


def test_one_model_alone_opens_only_its_own_breaker() -> None:
    state = State()
    for n in range(5):
        learn(state, attempt(ONE, model="bad"), status(500), NOW + 20 * n)
    known = state.of("chat", "ch_a")
    assert {place[2]: found.state for place, found in known.breakers.items()} == {"": "closed", "bad": "open"}
    assert not state.standing("chat", entry_of(ONE, "bad"), NOW + 81).ready
    assert state.standing("chat", entry_of(ONE, "good"), NOW + 81).ready
    learn(state, attempt(ONE, model="good"), status(500), NOW + 81)
    assert not state.standing("chat", entry_of(ONE, "third"), NOW + 81).ready, "two models: it is the key"


def test_the_channels_own_settings_decide() -> None:
    state, strict = State(), channel("a", breaker=BreakerPolicy(consecutive=1, backoff=77))
    learn(state, attempt(strict), status(500), NOW)
    assert state.standing("chat", entry_of(strict, "m"), NOW).until == NOW + 77


def test_a_standing_is_computed_once_and_again_when_it_ends() -> None:
    state, entry = State(), entry_of(ONE, "m")
    learn(state, attempt(ONE), status(500, retry_after=7.0), NOW)
    first = state.standing("chat", entry, NOW)
    assert first is state.standing("chat", entry, NOW + 6.9)
    assert first.words(NOW + 2) == "the breaker pauses: the upstream failed (500), 5 s more"
    assert state.standing("chat", entry, NOW + 7).ready


def test_a_new_key_has_nothing_to_do_with_the_old_ones_trouble() -> None:
    state = State()
    learn(state, attempt(ONE), status(500), NOW)
    assert not state.standing("chat", entry_of(ONE, "m"), NOW).ready
    assert state.standing("chat", entry_of(channel("a", key("other")), "m"), NOW).ready
