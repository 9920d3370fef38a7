"""What verdicts teach, and how it is lifted again."""

import pytest

from ccx_addons.core.verdict import Outcome, classify
from ccx_addons.scheduler import State
from ccx_addons.scheduler.index import entry_of
from tests.scheduler.values import NOW, OK, POLICY, attempt, broken, channel, key, learn, status

ONE = channel("a")
TWO_URLS = channel("a", key("a1"), key("a2"), base_urls=("https://one.example", "https://two.example"))


def key_of(state: State, n: int = 0) -> tuple[bool, bool]:
    """(blocked, cooling) of a key of channel a."""
    found = state.of("chat", "ch_a").key(f"k_a{n + 1}")
    return found.blocked(NOW), found.cooling(NOW)


@pytest.mark.parametrize(
    ("outcome", "blocked", "cooling", "counted"),
    [
        pytest.param(OK, False, False, 1, id="answered"),
        pytest.param(broken("connect"), False, True, 1, id="no connection"),
        pytest.param(status(500), False, True, 1, id="500"),
        pytest.param(status(429), False, True, 0, id="429"),
        pytest.param(status(429, retry_after=0.0), False, False, 0, id="429, come back at once"),
        pytest.param(status(401), True, False, 0, id="401"),
        pytest.param(status(402), True, False, 0, id="402"),
        pytest.param(status(403, "no"), False, True, 0, id="403 without a reason"),
        pytest.param(status(404, "Not Found"), False, False, 0, id="no such path"),
        pytest.param(status(400, "max_tokens: too large"), False, False, 0, id="the client's fault"),
        pytest.param(status(529), False, False, 1, id="overloaded"),
        pytest.param(Outcome("client_left"), False, False, 0, id="client left"),
        pytest.param(Outcome("late_error", committed=True), False, False, 1, id="broke after the commit"),
        pytest.param(Outcome("rate_wait"), False, False, 0, id="its own limits"),
    ],
)
def test_what_an_outcome_does_to_key_and_breaker(outcome: Outcome, blocked: bool, cooling: bool, counted: int) -> None:
    state = State()
    learn(state, attempt(ONE), outcome, NOW)
    assert key_of(state) == (blocked, cooling)
    assert sum(len(found.samples) for found in state.of("chat", "ch_a").breakers.values()) == counted


def test_overloaded_rests_the_whole_channel_and_opens_its_breaker() -> None:
    state = State()
    learn(state, attempt(ONE), status(529), NOW)
    standing = state.standing("chat", entry_of(ONE, "m"), NOW)
    assert (standing.usable, standing.ready) == (True, False)
    assert not state.standing("chat", entry_of(ONE, "m"), NOW + 29).ready, "the breaker is open for 30 s"
    assert state.standing("chat", entry_of(ONE, "m"), NOW + 30).ready
    learn(state, attempt(ONE), OK, NOW + 30)
    assert state.of("chat", "ch_a").cool_until == 0


def test_another_base_url_is_tried_before_the_key_is_blamed() -> None:
    state = State()
    learn(state, attempt(TWO_URLS, url=0), broken("connect_timeout"), NOW)
    assert key_of(state) == (False, False)
    target = state.of("chat", "ch_a").target(entry_of(TWO_URLS, "m"), frozenset(), NOW)
    assert target and (target.base_url, target.key.name) == ("https://two.example", "a1")
    learn(state, attempt(TWO_URLS, url=1), broken("connect_timeout"), NOW + 1)
    assert state.of("chat", "ch_a").key("k_a1").cooling(NOW + 1), "both failed: now it rests"


def test_a_500_is_the_keys_affair_whatever_the_base_url() -> None:
    state = State()
    learn(state, attempt(TWO_URLS), status(500), NOW)
    assert key_of(state) == (False, True)


def test_a_key_of_one_base_url_never_uses_another() -> None:
    bound = channel("a", key("a1", base_url="https://two.example"), base_urls=TWO_URLS.base_urls)
    target = State().of("chat", "ch_a").target(entry_of(bound, "m"), frozenset(), NOW)
    assert target and target.base_url == "https://two.example"


def test_all_cooling_the_one_that_failed_longest_ago_once_in_an_exchange() -> None:
    state, two = State(), channel("a", key("a1"), key("a2"))
    learn(state, attempt(two, 1), status(500), NOW - 20)
    learn(state, attempt(two, 0), status(500), NOW - 10)
    known, entry = state.of("chat", "ch_a"), entry_of(two, "m")
    target = known.target(entry, frozenset(), NOW)
    assert target and target.key.name == "a2"
    assert known.target(entry, frozenset({("ch_a", "k_a2", two.base_urls[0])}), NOW) is None


def test_heavy_keys_first_then_the_order_of_the_list() -> None:
    three = channel("a", key("a1"), key("a2", weight=5), key("a3", weight=5))
    assert [k.name for k in entry_of(three, "m").keys] == ["a2", "a3", "a1"]


def test_a_blocked_key_is_back_half_open_when_its_time_is_over() -> None:
    state = State()
    learn(state, attempt(ONE), status(402, "Insufficient Balance"), NOW)
    state.restore(NOW + 3599)
    assert state.of("chat", "ch_a").key("k_a1").blocked(NOW + 3599)
    state.restore(NOW + 3600)
    known = state.of("chat", "ch_a")
    (found,) = known.breakers.values()
    assert not known.key("k_a1").blocked(NOW + 3600) and found.state == "half-open"
    state.begin("chat", attempt(ONE), NOW + 3601)
    assert not state.standing("chat", entry_of(ONE, "m"), NOW + 3601).ready, "one probe at a time"


def test_unblock_by_hand() -> None:
    state = State()
    learn(state, attempt(ONE), status(401), NOW)
    assert not state.unblock("messages", "ch_a", "k_a1", "", NOW) and not state.unblock("chat", "ch_a", "k_x", "", NOW)
    assert state.unblock("chat", "ch_a", "k_a1", "", NOW) and key_of(state) == (False, False)
    assert not state.unblock("chat", "ch_a", "k_a1", "", NOW), "nothing to lift"


def test_unblock_a_model() -> None:
    state, outcome = State(), status(403, "Image generation is not enabled for this group")
    learn(state, attempt(ONE, model="dall-e"), outcome, NOW)
    assert not state.standing("chat", entry_of(ONE, "dall-e"), NOW).usable
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
    assert key_of(state, 0) == (False, False) and key_of(state, 1) == (True, False)
    assert state.standing("chat", entry_of(two, "m"), NOW).ready


def test_a_probe_ends_with_its_attempt_also_when_the_client_left() -> None:
    state = State()
    learn(state, attempt(ONE), status(529), NOW)
    entry, later = entry_of(ONE, "m"), NOW + 30
    state.begin("chat", attempt(ONE), later)
    assert not state.standing("chat", entry, later).ready
    learn(state, attempt(ONE), Outcome("client_left"), later)
    assert state.standing("chat", entry, later).ready


def test_who_waits_for_a_probe_becomes_the_next_one() -> None:
    state = State()
    learn(state, attempt(ONE), status(529), NOW)
    entry, known = entry_of(ONE, "m"), state.of("chat", "ch_a")
    first = known.target(entry, frozenset(), NOW + 1)
    assert first and not first.waits
    state.begin("chat", attempt(ONE), NOW + 1)
    second = known.target(entry, frozenset(), NOW + 2)
    assert second and second.waits and not state.probe("chat", attempt(ONE), NOW + 2)
    failed = status(500)
    state.learn("chat", attempt(ONE), failed, classify(failed, 1, NOW), POLICY, NOW + 3, "")
    assert state.probe("chat", attempt(ONE), NOW + 4) and not state.probe("chat", attempt(ONE), NOW + 4)


def test_changes_name_what_has_to_be_written() -> None:
    state = State()
    learn(state, attempt(ONE), OK, NOW)
    assert not state.changes, "an answer from a healthy channel changes nothing"
    learn(state, attempt(ONE), status(401, "bad key"), NOW)
    assert state.changes.keys == {("chat", "ch_a", "k_a1", "")}
    assert [event.message for event in state.changes.events] == [
        "a: key sk-s…f-a1 is blocked until it is unblocked: the key is refused (401)"
    ]
    state.changes.clear()
    learn(state, attempt(ONE), status(529), NOW)
    place = ("chat", "ch_a", ONE.base_urls[0], "k_a1", "")
    assert state.changes.breakers == {place, ("chat", "ch_a", "", "", "")}
    assert state.changes.events[0].message == "a: opened for 30 s: the upstream is overloaded (529)"


def test_one_model_alone_opens_only_its_own_breaker() -> None:
    state = State()
    for second in range(6):
        learn(state, attempt(ONE, model="bad"), status(500, retry_after=0.0), NOW + second)
    known = state.of("chat", "ch_a")
    assert [found.state for found in known.breakers.values()] == ["closed"]
    assert [found.state for found in known.models.values()] == ["open"]
    assert not state.standing("chat", entry_of(ONE, "bad"), NOW + 6).ready
    assert state.standing("chat", entry_of(ONE, "good"), NOW + 6).ready


def test_a_standing_is_computed_once_and_again_when_it_ends() -> None:
    state, entry = State(), entry_of(ONE, "m")
    learn(state, attempt(ONE), status(500, retry_after=7.0), NOW)
    first = state.standing("chat", entry, NOW)
    assert first is state.standing("chat", entry, NOW + 6.9)
    assert first.words(NOW + 2) == "key sk-s…f-a1 cools down: the upstream failed (500), 5 s more"
    assert state.standing("chat", entry, NOW + 7).ready


def test_a_new_key_has_nothing_to_do_with_the_old_ones_trouble() -> None:
    state = State()
    learn(state, attempt(ONE), status(500), NOW)
    assert not state.standing("chat", entry_of(ONE, "m"), NOW).ready
    assert state.standing("chat", entry_of(channel("a", key("other")), "m"), NOW).ready
