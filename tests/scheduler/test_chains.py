"""Several upstream models for one: which is asked when, and whom an answer of one of them is about."""

import pytest

from ccx_addons.core.config import Channel, Embedding
from ccx_addons.core.verdict import Outcome
from ccx_addons.scheduler import Pick, Search, State
from ccx_addons.scheduler.explain import explain
from tests.scheduler.values import NOW, OK, broken, channel, key, limits, patterns, pick, run, snapshot, status

CHAIN = {"m": ["big", "mid", "small"]}
A = channel("a", key("a1"), key("a2"), models=CHAIN)
B = channel("b", priority=2)
UNKNOWN = status(404, "The model `big` does not exist", code="model_not_found")
LIMITED = status(429, retry_after=60.0)
OVERLOADED = status(529)
TOO_LONG = status(400, "prompt is too long: 250000 tokens > 200000 maximum", type="invalid_request_error")


def tried(
    outcomes: list[Outcome],
    *channels: Channel,
    state: State | None = None,
    asked: Pick | None = None,
    now: float = NOW,
) -> list[str]:
    search = Search(asked or pick(), snapshot(*channels), state or State(), lambda: now)
    return [f"{one.key.name}:{one.model}" for one in run(search, outcomes, now)]


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        pytest.param(LIMITED, ["a1:big", "a1:mid", "a1:small", "a2:big", "a2:mid", "a2:small", "b1:m"], id="limited"),
        pytest.param(UNKNOWN, ["a1:big", "a1:mid", "a1:small", "a2:big", "a2:mid", "a2:small", "b1:m"], id="unknown"),
        pytest.param(
            status(500), ["a1:big", "a1:mid", "a1:small", "a2:big", "a2:mid", "a2:small", "b1:m"], id="failed"
        ),
        pytest.param(OVERLOADED, ["a1:big", "a1:mid", "a1:small", "b1:m"], id="overloaded, whatever the key"),
        pytest.param(TOO_LONG, ["a1:big", "a1:mid", "a1:small", "b1:m"], id="another window"),
        pytest.param(status(401), ["a1:big", "a2:big", "b1:m"], id="the key is refused"),
        pytest.param(broken(), ["a1:big", "b1:m"], id="nobody is there"),
        pytest.param(status(404, "Not Found"), ["a1:big", "b1:m"], id="the channel has no such path"),
        pytest.param(status(400, "messages: field required"), ["a1:big"], id="the client's fault"),
    ],
)
def test_what_is_asked_next(answer: Outcome, asked: list[str]) -> None:
    assert tried([answer] * 9, A, B) == asked


def test_the_next_model_is_asked_at_once_the_next_time() -> None:
    state = State()
    assert tried([LIMITED, OK], A, B, state=state) == ["a1:big", "a1:mid"]
    assert tried([OK], A, B, state=state) == ["a1:mid"], "the channel stays the first"
    assert tried([OK], A, B, state=state, now=NOW + 61) == ["a1:big"]


def test_a_model_that_is_overloaded_pauses_for_every_key() -> None:
    state = State()
    assert tried([OVERLOADED, OK], A, B, state=state) == ["a1:big", "a1:mid"]
    assert tried([LIMITED, OK], A, B, state=state) == ["a1:mid", "a1:small"]
    assert tried([LIMITED, OK], A, B, state=state) == ["a1:small", "a2:mid"]


def test_a_key_that_lacks_a_model_of_the_chain_is_asked_for_the_others() -> None:
    poor = channel("a", key("a1", models=patterns("small")), key("a2"), models=CHAIN)
    assert tried([LIMITED] * 9, poor) == ["a1:small", "a2:big", "a2:mid", "a2:small"]


def test_every_model_once_where_all_of_them_rest() -> None:
    state, one = State(), channel("a", key("a1"), models=CHAIN)
    assert tried([LIMITED] * 9, one, state=state) == ["a1:big", "a1:mid", "a1:small"]
    assert tried([LIMITED] * 9, one, state=state, now=NOW + 1) == ["a1:big", "a1:mid", "a1:small"]


def test_a_declared_window_is_every_models() -> None:
    told = channel("a", key("a1"), models=CHAIN, limits=limits(context_window=200_000))
    large = channel("b", priority=2, limits=limits(context_window=1_000_000))
    assert tried([TOO_LONG, OK], told, large) == ["a1:big", "b1:m"]


def test_vectors_of_another_model_are_no_substitute() -> None:
    asked = pick(vectors=True)
    assert tried([OVERLOADED] * 3, A, asked=asked) == ["a1:big"]
    space = channel("a", key("a1"), models=CHAIN, embedding=Embedding("s"))
    assert tried([OVERLOADED] * 3, space, asked=asked) == ["a1:big", "a1:mid", "a1:small"], "said to be one space"


def test_the_dry_run_says_which_model_would_answer_and_which_come_next() -> None:
    state = State()
    (place, _) = explain(snapshot(A, B), state, pick(), NOW).places
    assert (place.upstream_model, place.then) == ("big", ("mid", "small"))
    assert tried([LIMITED, OK], A, state=state) == ["a1:big", "a1:mid"]
    (place, other) = explain(snapshot(A, B), state, pick(), NOW).places
    assert (place.upstream_model, place.then, other.then) == ("mid", ("small",), ())


def test_the_window_of_a_chain_is_its_largest() -> None:
    sizes = {"m": ["gpt-4o", "gpt-4.1"]}
    openai = channel("a", key("a1"), models=sizes, base_urls=("https://api.openai.com/v1",))
    assert tried([TOO_LONG, OK], openai, B, asked=pick(prompt_tokens=400_000)) == ["a1:gpt-4o", "a1:gpt-4.1"]
    unknown = channel("a", key("a1"), models={"m": ["gpt-4o", "own"]}, base_urls=("https://api.openai.com/v1",))
    assert tried([TOO_LONG, OK], unknown, B, asked=pick(prompt_tokens=400_000)) == ["a1:gpt-4o", "a1:own"]
