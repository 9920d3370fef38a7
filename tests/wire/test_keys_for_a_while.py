"""Keys that are right for a while, and limits on some models, as clients meet them: in each protocol, without a restart."""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.patience import same_day, wait_for
from tests.wire.program import Fake, Program, all_kinds, channel, running_program
from tests.wire.test_spending import KINDS

NEW, OLD, SOON = "new-key-0123456789abcdef", "old-key-0123456789abcdef", "soon-key-0123456789abcdef"


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def asked(kind: str, model: str = "m") -> tuple[str, dict[str, Any]]:
    user = {"role": "user", "content": "hi"}
    match kind:
        case "messages":
            return "/v1/messages", {"model": model, "max_tokens": 9, "messages": [user]}
        case "chat":
            return "/v1/chat/completions", {"model": model, "messages": [user]}
        case "responses":
            return "/v1/responses", {"model": model, "input": "hi"}
    return f"/v1beta/models/{model}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def ask(gateway: Program, kind: str, key: str, model: str = "m") -> httpx.Response:
    path, body = asked(kind, model)
    return httpx.post(gateway.url + path, json=body, headers={"x-api-key": key})


def words_of(kind: str, answer: httpx.Response) -> str:
    """The message, in the place where the protocol's clients look for it."""
    found = answer.json()["error"]["message"]
    assert isinstance(found, str) and ("type" in answer.json() if kind == "messages" else True)
    return found


@pytest.fixture
def gateway(fake: Fake, tmp_path: Any) -> Iterator[Program]:
    with running_program(tmp_path, *all_kinds(fake)) as program:
        yield program


def test_an_old_key_and_a_whole_one_end_by_themselves(gateway: Program, fake: Fake) -> None:
    def ends_in(seconds: float) -> None:
        until = moment(time.time() + seconds)
        before = {"key_sha256": hashlib.sha256(OLD.encode()).hexdigest(), "until": until}
        ann = {"name": "ann", "key": NEW, "previous": [before]}
        gateway.configure(*all_kinds(fake), clients=[ann, {"name": "bob", "key": SOON, "expires": until}])

    ends_in(600)
    for kind in KINDS:
        for key in (NEW, OLD, SOON):
            assert ask(gateway, kind, key).status_code == 200, (kind, key)
    ends_in(3)
    assert wait_for(lambda: ask(gateway, "chat", OLD).status_code == 401)
    for kind in KINDS:
        assert ask(gateway, kind, NEW).status_code == 200
        over = ask(gateway, kind, SOON)
        assert over.status_code == 401 and "'bob' was right until" in words_of(kind, over)


def test_limits_on_some_models_and_tokens_a_minute(gateway: Program, fake: Fake) -> None:
    same_day()
    some: list[dict[str, Any]] = [{"models": ["slow-*"], "rpm": 1}, {"models": ["big-*"], "tokens_per_minute": 1}]
    some += [{"models": ["few-*"], "requests_per_day": 1}, {"models": ["dear-*"], "tokens_per_month": 1}]
    clients = [{"name": f"c-{kind}", "key": f"{NEW}-{kind}", "model_limits": some} for kind in KINDS]
    channels = [one | {"models": {"*": one.get("models", {}).get("*", "m")}} for one in all_kinds(fake)]
    gateway.configure(*channels, clients=clients)
    assert wait_for(lambda: ask(gateway, "chat", f"{NEW}-chat", "m").status_code == 200)
    for kind in KINDS:
        key = f"{NEW}-{kind}"
        for model, words in (("slow-one", "1 times a minute of slow-*"), ("big-one", "1 tokens a minute on big-*")):
            assert ask(gateway, kind, key, model).status_code == 200
            refused = ask(gateway, kind, key, model)
            assert refused.status_code == 429 and words in words_of(kind, refused), refused.text
            assert 1 <= int(refused.headers["retry-after"]) <= 60
        for model, words in (
            ("few-one", "1 requests of this day on few-*"),
            ("dear-one", "1 tokens of this month on dear-*"),
        ):
            assert ask(gateway, kind, key, model).status_code == 200
            refused = wait_for(lambda: used_up(kind, ask(gateway, kind, key, model), words))  # noqa: B023
            again = datetime.fromtimestamp(time.time() + int(refused.headers["retry-after"]) + 60, UTC)
            assert f"{again:%Y-%m-%d} 00:00 UTC" in words_of(kind, refused)
        assert ask(gateway, kind, key, "another").status_code == 200


def used_up(kind: str, refused: httpx.Response, words: str) -> httpx.Response | None:
    """What its first request used counts once that is over."""
    assert refused.status_code == 429
    return refused if words in words_of(kind, refused) else None


def test_an_upstream_key_ends_by_itself_and_the_next_is_used(gateway: Program, fake: Fake) -> None:
    def ends_in(seconds: float) -> None:
        first = {"key": "first-key", "until": moment(time.time() + seconds), "name": "first"}
        keys = [first, {"key": "second-key", "name": "next"}]
        gateway.configure(channel("both", fake.url, "chat") | {"keys": keys}, clients=[{"name": "ann", "key": NEW}])

    def used() -> str:
        answer = ask(gateway, "chat", NEW)
        assert answer.status_code == 200
        return str(gateway.row(answer.headers["x-ccx-request-id"])["key_mask"])

    ends_in(600)
    assert "(first)" in used()
    ends_in(3)
    assert wait_for(lambda: "(next)" in used())
