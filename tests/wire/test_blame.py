"""Upstreams' own words against the real program: what the client sees, who is asked next, and what rests how long.

Every row has a channel ``first`` with two keys, which are answered as the row says, and a well channel ``second``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from tests.patience import wait_for
from tests.wire.program import Fake, Program, channel, running_program

TEXT = "a word that matters"
ASK: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": TEXT}]}),
    "chat": ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": TEXT}]}),
    "responses": ("/v1/responses", {"model": "m", "input": TEXT}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}),
}
BOTH = ["first", "first", "second"]
"""Both keys of the first channel, then the second one."""
ONCE = ["first", "second"]
FAST = {"first_byte": 1}


def said(kind: str, status: int, message: str, code: str = "", type: str = "", **more: Any) -> Any:
    """An error in the shape of a vendor: Anthropic, OpenAI or Google."""
    if kind == "messages":
        return {"type": "error", "error": {"type": type or "invalid_request_error", "message": message, **more}}
    if kind == "gemini":
        return {"error": {"code": status, "message": message, "status": code or "INVALID_ARGUMENT", **more}}
    return {"error": {"message": message, "type": type or "invalid_request_error", "code": code or None, **more}}


@dataclass
class Row:
    """``asked``: the channels of the attempts; ``status``: the client's. ``next``: who is asked for another request.
    ``rest``: (state, at least, at most seconds) of the first channel's keys; ``model``: for this model only."""

    name: str
    kind: str
    answer: int
    body: Any
    asked: list[str] = field(default_factory=lambda: list(BOTH))
    status: int = 200
    next: str = "first"
    rest: tuple[str, float, float] | None = None
    model: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def row(
    name: str, kind: str, answer: int, message: str, *, code: str = "", type: str = "", more: Any = None, **to: Any
) -> Row:
    return Row(name, kind, answer, said(kind, answer, message, code, type, **(more or {})), **to)


def in_all(name: str, answer: int, message: str, **to: Any) -> list[Row]:
    return [row(f"{name}, {kind}", kind, answer, message, **to) for kind in ASK]


BLOCKED: Any = {"next": "second", "rest": ("blocked", 50, 60), "asked": BOTH}
"""Whose account it is about is left alone, and comes back."""

OWN = [
    row("a file of somebody else", "gemini", 403, "You do not have permission to access the File x or it may not exist.", code="PERMISSION_DENIED"),
    row("a cached prompt of somebody else", "gemini", 403, "CachedContent not found (or permission denied)", code="PERMISSION_DENIED"),
    row("a tuned model of somebody else", "gemini", 403, "You do not have permission to access tunedModels x or it may not exist.", code="PERMISSION_DENIED"),
    row("a file of another project", "responses", 403, "You do not have access to the file file-abc.", code="forbidden"),
    row("a feature the organisation lacks", "messages", 403, "Your organization does not have access to the container API.", type="permission_error"),
    row("a feature the project lacks", "chat", 403, "Your project does not have access to the Batch API.", code="insufficient_permissions"),
    Row("a firewall's page", "chat", 403, "<html><head><title>Attention Required! | Cloudflare</title></head></html>"),
    Row("a firewall's page before Claude", "messages", 403, "<html><title>Just a moment...</title></html>"),
    row("more than the tokens of a minute", "chat", 413, "Request too large for model `m` in organization `o` on tokens per minute (TPM): Limit 12000, Requested 40000", type="tokens", code="rate_limit_exceeded"),
    row("more than the tokens of a minute, as a limit", "responses", 429, "Request too large for m in organization o on tokens per min (TPM): Limit 30000, Requested 45000.", type="tokens", code="rate_limit_exceeded"),
    row("more than the credit", "chat", 402, "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 1666."),
    row("a feature of a plan", "messages", 429, "Extra usage is required for long context requests.", type="rate_limit_error"),
    *in_all("flagged", 403, "Your input was flagged by moderation for violence", asked=["first"], status=403),
]  # fmt: skip

ACCOUNTS = [
    row("a limit with a date", "messages", 400, "You have reached your specified API usage limits. You will regain access on 2099-12-01 at 00:00 UTC.", next="second", rest=("blocked", 2_000_000, 3_000_000)),
    row("a workspace's limit", "messages", 400, "You have reached your specified workspace API usage limits. You will regain access on 2099-12-01 at 00:00 UTC.", next="second", rest=("blocked", 2_000_000, 3_000_000)),
    row("disabled", "messages", 400, "This organization has been disabled.", **BLOCKED),
    row("no credit", "messages", 400, "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.", **BLOCKED),
    row("extra usage", "messages", 400, "You're out of extra usage. Add more at claude.ai/settings/usage and keep going.", **BLOCKED),
    row("third parties", "messages", 400, "Third-party apps now draw from your extra usage, not your plan limits. Add more at claude.ai/settings/usage and keep going.", **BLOCKED),
    row("deactivated", "responses", 401, "The OpenAI account associated with this API key has been deactivated.", code="account_deactivated", **BLOCKED),
    row("in arrears", "chat", 400, "Access denied, please make sure your account is in good standing.", code="Arrearage", **BLOCKED),
    row("a hard limit", "chat", 400, "Billing hard limit has been reached", code="billing_hard_limit_reached", **BLOCKED),
    row("Google's key is not valid", "gemini", 400, "API key not valid. Please pass a valid API key.", more={"details": [{"reason": "API_KEY_INVALID"}]}, **BLOCKED),
    row("Google's key is not found", "gemini", 400, "API Key not found. Please pass a valid API key.", more={"details": [{"reason": "API_KEY_INVALID"}]}, **BLOCKED),
    row("Google through a relay", "chat", 400, '{"error":{"message":"API Key not found. Please pass a valid API key.","code":400}}', **BLOCKED),
    row("Google does not serve this place", "gemini", 400, "User location is not supported for the API use.", code="FAILED_PRECONDITION", **BLOCKED),
    row("OpenAI does not serve this place", "responses", 403, "Country, region, or territory not supported", code="unsupported_country_region_territory", **BLOCKED),
    row("billing is not enabled", "gemini", 400, "Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio.", code="FAILED_PRECONDITION", **BLOCKED),
    row("arrears in Chinese", "chat", 429, "余额不足或无可用资源包,请充值。", code="1113", **BLOCKED),
]  # fmt: skip

MODELS = [
    *(
        row(f"no such model, {kind} {status}", kind, status, words, code=code, type=type, model="m", next="second", rest=("blocked", 50, 60))
        for kind, status, words, code, type in (
            ("chat", 401, "Authentication failed (401): Model m is not supported", "", "authentication_error"),
            ("chat", 401, "Model m is not supported", "", ""),
            ("chat", 401, "401 Incorrect model: unknown model m", "", ""),
            ("responses", 403, "Project `p` does not have access to model `m`", "model_not_found", ""),
            ("responses", 404, "The model `m` does not exist or you do not have access to it.", "model_not_found", ""),
            ("messages", 404, "model: m", "", "not_found_error"),
            ("gemini", 404, "models/m is not found for API version v1beta, or is not supported for generateContent.", "NOT_FOUND", ""),
        )
    ),
]  # fmt: skip

TOO_LONG = [
    row(words[:30], kind, 400, words, asked=ONCE)
    for kind, words in (
        ("messages", "prompt is too long: 210000 tokens > 200000 maximum"),
        ("messages", "input length and `max_tokens` exceed context limit: 195000 + 21333 > 200000"),
        ("chat", "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens."),
        ("responses", "Your input exceeds the context window of this model. Please adjust your input and try again."),
        ("gemini", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        ("chat", "Invalid request: Your request exceeded model token limit: 262144"),
        ("chat", "Range of input length should be [1, 129024]"),
        ("chat", "the request exceeds the available context size, try increasing it"),
        ("chat", "This model's maximum prompt length is 131072 but the request contains 140000 tokens."),
        ("chat", "prompt token count of 140000 exceeds the limit of 128000"),
        ("chat", "input length exceeds maximum context length"),
    )
]  # fmt: skip

BROKEN = [
    Row(f"{n} {kind}", kind, n, "{}", asked=ONCE) for n in (405, 406, 410, 418, 423, 426, 451, 499) for kind in ASK
]

LIMITS = [
    row(f"{name}, {kind}", kind, 429, "rate limited", type="rate_limit_error", code="rate_limit_exceeded" if kind != "gemini" else "RESOURCE_EXHAUSTED",
        headers=headers, next="second", rest=("cooling", least, most), model="m")
    for kind in ASK
    for name, headers, least, most in (
        ("seconds", {"retry-after": "70"}, 65, 70),
        ("a fraction", {"retry-after": "70.5"}, 65, 70.5),
        ("with a unit", {"retry-after": "70s"}, 65, 70),
        ("a date", {"retry-after": formatdate(time.time() + 9000, usegmt=True)}, 1000, 9000),
        ("milliseconds", {"retry-after-ms": "70500.5"}, 65, 71),
        ("a moment in milliseconds", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int((time.time() + 9000) * 1000))}, 1000, 9000),
        ("only what is used up", {"x-ratelimit-remaining-requests": "10", "x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 350, 360),
    )
]  # fmt: skip
SOON, LATE = str(int(time.time() + 9000)), str(int(time.time() + 500_000))
LIMITS += [
    row("the rejected window", "messages", 429, "rate limited", type="rate_limit_error", next="second", rest=("cooling", 1000, 9000), headers={
        "anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": SOON,
        "anthropic-ratelimit-unified-5h-reset": SOON, "anthropic-ratelimit-unified-7d-reset": LATE,
        "anthropic-ratelimit-unified-7d-utilization": "0.2", "anthropic-ratelimit-unified-5h-utilization": "1.0",
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
    }),
    row("words with a span", "chat", 429, "Rate limit reached. Please try again in 1m30s.", code="rate_limit_exceeded", model="m", next="second", rest=("cooling", 80, 90)),
    row("a moment in the body", "responses", 429, "The usage limit has been reached", type="usage_limit_reached", more={"resets_in_seconds": 7200}, next="second", rest=("blocked", 7100, 7200)),
    row("Google's details", "gemini", 429, "Quota exceeded", code="RESOURCE_EXHAUSTED", more={"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "71.5s"}]}, model="m", next="second", rest=("cooling", 65, 72)),
    row("Google's day", "gemini", 429, "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: x, limit: 250, model: m\nPlease retry in 71.2s.", code="RESOURCE_EXHAUSTED", model="m", next="second", rest=("cooling", 65, 72)),
    row("Google's prepaid money", "gemini", 429, "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.", code="RESOURCE_EXHAUSTED", **BLOCKED),
    row("a date in Chinese", "chat", 429, "已达到 5 小时的使用上限。您的限额将在 2099-10-19 20:59:58 重置。", code="1308", next="second", rest=("blocked", 2_000_000, 3_000_000)),
    row("a date without a zone", "chat", 429, "Weekly/Monthly Limit Exhausted. Your limit will reset at 2099-02-12 13:50:36", code="1310", next="second", rest=("blocked", 2_000_000, 3_000_000)),
]  # fmt: skip

OVERLOADED = [
    row("overloaded", "gemini", 503, "The model is overloaded. Please try again later.", code="UNAVAILABLE", asked=ONCE, model="m", next="second"),
    row("overloaded", "messages", 529, "Overloaded", type="overloaded_error", asked=ONCE, model="m", next="second"),
    row("overloaded", "chat", 503, "The engine is currently overloaded, please try again later", asked=ONCE, model="m", next="second"),
    row("overloaded", "responses", 503, "Our servers are currently overloaded.", code="server_is_overloaded", asked=ONCE, model="m", next="second"),
]  # fmt: skip

CRASHES = [
    *(("status", Row("", kind, 500, said(kind, 500, "Internal error encountered.", "INTERNAL", "api_error"))) for kind in ASK),
    ("status", row("", "chat", 502, "invalid tool schema: anyOf", type="server_error")),
    *(("reset", Row("", kind, 0, "")) for kind in ASK),
    *(("empty", Row("", kind, 0, "")) for kind in ASK),
    ("stall", Row("", "responses", 0, "")),
]  # fmt: skip

POOL = [f"fake:scripted=limited:{n}" for n in range(15)] + [f"well-{n}" for n in range(5)]
SPENT = {"resets_in_seconds": 18_000}
OTHERS: dict[str, dict[Any, Any]] = {
    "pool": {1: ("chat", *POOL), "scripts": {"limited": {"status": 429, "headers": {"retry-after": "60"}}}},
    "spent": {
        1: ("chat", "fake:scripted=spent:k"),
        "scripts": {"spent": {"status": 429, "body": said("chat", 429, "The usage limit has been reached", "", "usage_limit_reached", **SPENT)}},
    },
    "once": {1: ("chat", "fake:flaky=1:once"), 2: ("chat", "well"), "more": {"breaker": {"pause": 60}}},
    "back": {1: ("chat", "fake:flaky=1:back"), 2: ("chat", "well"), "more": {"breaker": {"pause": 0.5}}},
    **{f"streams-{kind}": {1: (kind, "fake:streams:k")} for kind in ASK},
    **{
        f"strict-{kind}": {
            1: (kind, f"fake:scripted=strict-{kind}:k"),
            "scripts": {f"strict-{kind}": {"status": 400, "body": {"detail": "Stream must be set to true"}, "unless": '"stream":true'}},
        }
        for kind in ASK
        if kind != "gemini"
    },
}  # fmt: skip
"""Route prefix -> channels by their priority, what else is set of them, and scripts."""

ALL = [*OWN, *ACCOUNTS, *MODELS, *TOO_LONG, *BROKEN, *LIMITS, *OVERLOADED]


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A route prefix for each row: one program serves all, and none knows of the others."""
    scripts: dict[str, dict[str, Any]] = {}
    channels: list[dict[str, Any]] = []
    for n, each in enumerate(ALL):
        scripts[f"r{n}"] = {"status": each.answer, "body": each.body, "headers": each.headers, "when": TEXT}
        keys = [f"fake:scripted=r{n}:{k}" for k in "ab"]
        own: dict[str, Any] = {"breaker": {"pause": 60}}  # whoever pauses does so until the next question
        own |= {"limits": {"context_window": 1000}} if each in TOO_LONG else {}
        channels += places(f"r{n}", fake, each.kind, keys, "well", **own)
    for n, (spec, each) in enumerate(CRASHES):
        scripts[f"c{n}"] = {"status": each.answer, "body": each.body, "when": TEXT, "spec": spec}
        keys = [f"fake:scripted=c{n}:{k}" for k in "abc"]
        own = {"breaker": {"pause": 0}, "timeouts": FAST if spec == "stall" else {}}
        channels += places(f"c{n}", fake, each.kind, keys[:2], keys[2], **own)
    for name, made in OTHERS.items():
        scripts |= made.get("scripts", {})
        channels += [
            channel(
                f"{name}-{n}",
                fake.url,
                *made[n],
                id=f"{name}_{n}",
                route_prefix=name,
                priority=n,
                **made.get("more", {}),
            )
            for n in (1, 2)
            if n in made
        ]
    fake.script(scripts)
    with running_program(tmp_path_factory.mktemp("blame"), *channels) as program:
        yield program


def places(prefix: str, fake: Fake, kind: str, keys: list[str], other: str, **more: Any) -> list[dict[str, Any]]:
    own = {"route_prefix": prefix, **more}
    return [
        channel(f"{prefix}-first", fake.url, kind, *keys, id=f"{prefix}_first", **own),
        channel(f"{prefix}-second", fake.url, kind, other, id=f"{prefix}_second", priority=2, **{**own, "limits": {}}),
    ]


def ask(
    gateway: Program, prefix: str, kind: str, text: str = TEXT, model: str = "m"
) -> tuple[httpx.Response, list[str]]:
    """The answer, and the channels of the attempts."""
    path, body = ASK[kind]
    body = {name: model if name == "model" else _with(value, text) for name, value in body.items()}
    answer = gateway.post(f"/{prefix}{path.replace('/m:', f'/{model}:')}", body)
    attempts = gateway.attempts(answer.headers["x-ccx-request-id"])
    return answer, [attempt["channel_name"].rsplit("-", 1)[1] for attempt in attempts]


def _with(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {name: _with(each, text) for name, each in value.items()}
    return [_with(each, text) for each in value] if isinstance(value, list) else text if value == TEXT else value


def rests(gateway: Program, channel_id: str) -> list[tuple[str, str, float]]:
    """(state, model, until when) of each key of a channel that has any."""
    found = gateway.query("select * from key_state where channel_id = ? and state != 'ok'", channel_id)
    return [(each["state"], each["model"], each["until"] / 1000) for each in found]


@pytest.mark.parametrize("n", range(len(ALL)), ids=lambda n: f"{ALL[n].name} {ALL[n].kind}"[:60])
def test_who_is_blamed(gateway: Program, n: int) -> None:
    each, began = ALL[n], time.time()
    answer, asked = ask(gateway, f"r{n}", each.kind)
    ended = time.time()
    assert (answer.status_code, asked) == (each.status, each.asked)
    if each.rest is None:
        assert not rests(gateway, f"r{n}_first")
    else:
        state, least, most = each.rest
        found = wait_for(lambda: len(known := rests(gateway, f"r{n}_first")) == 2 and known)
        assert {one[:2] for one in found} == {(state, each.model)}
        assert all(began + least <= until <= ended + most for _, _, until in found), found
    answer, asked = ask(gateway, f"r{n}", each.kind, "another question")
    assert (answer.status_code, asked) == (200, [each.next])
    if each.model:
        answer, asked = ask(gateway, f"r{n}", each.kind, "another question", model="another")
        assert (answer.status_code, asked) == (200, ["first"])


@pytest.mark.parametrize("n", range(len(CRASHES)), ids=lambda n: f"{CRASHES[n][0]} {CRASHES[n][1].kind}")
def test_a_body_that_crashes_everybody_costs_one_failure(gateway: Program, n: int) -> None:
    """Sent again and again; nobody else notices."""
    _, each = CRASHES[n]
    for _ in range(2):
        answer, asked = ask(gateway, f"c{n}", each.kind)
        assert answer.status_code >= 500 and set(asked) == {"first", "second"}
        answer, asked = ask(gateway, f"c{n}", each.kind, "another question")
        assert (answer.status_code, asked) == (200, ["first"])
    failures = gateway.query(
        "select sum(failures) as n, max(state) as state from breakers where channel_id like ?", f"c{n}\\_%"
    )
    assert failures[0]["state"] in (None, "closed")


def test_one_live_key_behind_many_that_are_limited(gateway: Program) -> None:
    answer, asked = ask(gateway, "pool", "chat")
    assert answer.status_code == 200 and len(asked) == 16
    answer, asked = ask(gateway, "pool", "chat")
    assert answer.status_code == 200 and len(asked) == 1


def test_who_asks_while_everybody_rests_is_told_for_how_long_and_a_quota_that_is_back_early_is_noticed(
    gateway: Program, fake: Fake
) -> None:
    answers = [ask(gateway, "spent", "chat")[0] for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429] * 5
    assert "resets_in_seconds" in answers[0].text, "the upstream's own words, as long as it is asked"
    assert 17_900 < int(answers[-1].headers["retry-after"]) <= 18_000
    own = answers[-1].json()["error"]
    assert own["type"] == own["code"] == "usage_limit_reached", "who only waited would wait for hours"
    assert 17_900 < own["resets_at"] - time.time() <= 18_001
    fake.script({"spent": {"when": "nothing"}})
    wait_for(lambda: ask(gateway, "spent", "chat")[0].status_code == 200)
    assert not rests(gateway, "spent_1")


def test_one_failure_of_a_good_channel_costs_its_pause(gateway: Program) -> None:
    asked = [ask(gateway, "once", "chat", f"question {n}")[1] for n in range(3)]
    assert asked == [["1", "2"], ["2"], ["2"]]
    assert ask(gateway, "back", "chat")[1] == ["1", "2"]
    wait_for(lambda: ask(gateway, "back", "chat", "at last")[1] == ["1"])


@pytest.mark.parametrize("kind", ASK)
@pytest.mark.parametrize("how", ["streams", "strict"])
def test_who_only_streams_serves_json(gateway: Program, how: str, kind: str) -> None:
    if (name := f"{how}-{kind}") in OTHERS:
        for attempts in (2 if how == "strict" else 1, 1):
            answer, asked = ask(gateway, name, kind)
            assert answer.status_code == 200, answer.text
            assert TEXT in str(answer.json()) and len(asked) == attempts
