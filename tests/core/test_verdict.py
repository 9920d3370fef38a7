"""Every kind of outcome, and what is done about it."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from ccx_addons.core.neutral import Fault
from ccx_addons.core.vendor_errors import Category
from ccx_addons.core.verdict import (
    BY_CATEGORY,
    BY_KIND,
    LIMITED,
    REFUSED,
    REVOKED,
    WITH_FAULT,
    Outcome,
    OutcomeKind,
    Pauses,
    classify,
)

NOW = 1_700_000_000.0


def answered(
    status: int, message: str = "", wait: float | None = None, kind: OutcomeKind = "status", **more: Any
) -> Outcome:
    fields, dropped = more.pop("fields", frozenset()), more.pop("dropped", frozenset())
    elapsed = more.pop("elapsed", 20.0)
    fault = Fault("server", message or f"error {status}", status, **more)
    return Outcome(kind, status, fault, wait, elapsed, fields=fields, dropped=dropped)


TRANSPORT = [
    ("connect", "next_key", "address", "failure"),
    ("tls", "next_key", "address", "failure"),
    ("connect_timeout", "next_key", "address", "failure"),
    ("reset", "next_key", "address", "failure"),
    ("first_byte_timeout", "next_model", "model", "failure"),
    ("first_event_timeout", "next_model", "model", "failure"),
    ("cut", "next_model", "model", "failure"),
    ("idle", "next_model", "model", "failure"),
    ("bad_body", "next_model", "model", "failure"),
    ("empty", "next_model", "model", "failure"),
    ("total_timeout", "stop", "model", "failure"),
    ("converter", "next_channel", "model", "failure"),
    ("ok", "commit", "none", "success"),
    ("client_left", "stop", "none", "neutral"),
    ("refused_loss", "next_channel", "none", "neutral"),
    ("rate_wait", "next_channel", "none", "neutral"),
    ("key_wait", "next_key", "key", "neutral"),
    ("probe_wait", "next_key", "key", "neutral"),
    ("unsendable", "stop", "none", "neutral"),
    ("no_room", "stop", "none", "neutral"),
]


@pytest.mark.parametrize(("kind", "action", "blame", "health"), TRANSPORT)
def test_outcomes_without_words(kind: OutcomeKind, action: str, blame: str, health: str) -> None:
    found = classify(Outcome(kind, elapsed=20.0), 1, NOW)
    assert (found.action, found.blame, found.health) == (action, blame, health) and found.reason


NO: Pauses = ()
ANSWERS = [
    pytest.param(answered(401), "next_key", "key", "neutral", REFUSED, id="401"),
    pytest.param(answered(401, "API key has been revoked"), "next_key", "key", "neutral", REVOKED, id="401, revoked"),
    pytest.param(answered(402), "next_key", "key", "neutral", REFUSED, id="402"),
    pytest.param(answered(403, "This organization has been disabled"), "next_key", "key", "neutral", REFUSED, id="403, the account"),
    pytest.param(answered(403, type="permission_error"), "next_key", "none", "neutral", NO, id="403, permission"),
    pytest.param(answered(403), "next_key", "none", "neutral", NO, id="403"),
    pytest.param(answered(429), "next_model", "model", "neutral", LIMITED, id="429"),
    pytest.param(answered(429, "requests are too frequent", code="AccountRateLimitExceeded"), "next_key", "key", "neutral", LIMITED, id="429, the account"),
    pytest.param(answered(429, "Request too large for gpt-4o on tokens per min (TPM)"), "next_model", "none", "neutral", NO, id="429, this request alone"),
    pytest.param(answered(408), "next_model", "model", "failure", NO, id="408"),
    pytest.param(answered(409), "next_model", "model", "failure", NO, id="409"),
    pytest.param(answered(425), "next_model", "model", "failure", NO, id="425"),
    pytest.param(answered(500), "next_model", "model", "failure", NO, id="500"),
    pytest.param(answered(503), "next_model", "model", "failure", NO, id="503"),
    pytest.param(answered(529), "next_offer", "offer", "failure", NO, id="529"),
    pytest.param(answered(503, "no available account"), "next_channel", "channel", "failure", NO, id="empty pool"),
    pytest.param(answered(404, "model x not found"), "next_model", "model", "neutral", REFUSED, id="model"),
    pytest.param(answered(403, "image generation is not enabled"), "next_model", "model", "neutral", REFUSED, id="images not enabled"),
    pytest.param(answered(404, "nope"), "next_channel", "none", "neutral", NO, id="404"),
    pytest.param(answered(413), "next_channel", "none", "neutral", NO, id="413"),
    pytest.param(answered(400, type="invalid_request_error"), "stop", "none", "neutral", NO, id="400"),
    pytest.param(answered(400, "Bad request"), "next_channel", "none", "neutral", NO, id="400 without a word"),
    *(pytest.param(answered(n, "no"), "next_channel", "none", "neutral", NO, id=str(n)) for n in (405, 406, 410, 418, 423, 426, 451, 499)),
    pytest.param(answered(422, "field required"), "stop", "none", "neutral", NO, id="422"),
    pytest.param(answered(400, code="content_filter"), "stop", "none", "neutral", NO, id="moderation"),
    pytest.param(answered(400, "this model does not support images"), "next_offer", "none", "neutral", NO, id="capability"),
    pytest.param(answered(301), "next_channel", "address", "failure", NO, id="redirect"),
    pytest.param(answered(0, "oops", kind="error_body"), "next_model", "model", "failure", NO, id="error in a 200"),
    pytest.param(answered(0, "oops", kind="stream_error"), "next_model", "model", "failure", NO, id="error event first"),
    pytest.param(answered(0, type="authentication_error", kind="stream_error"), "next_key", "key", "neutral", REFUSED, id="error event: key"),
    pytest.param(answered(0, type="overloaded_error", kind="stream_error"), "next_offer", "offer", "failure", NO, id="error event: overloaded"),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "action", "blame", "health", "pauses"), ANSWERS)
def test_answers(outcome: Outcome, action: str, blame: str, health: str, pauses: Pauses) -> None:
    found = classify(outcome, 1, NOW)
    assert (found.action, found.blame, found.health, found.pauses) == (action, blame, health, pauses) and found.reason


@pytest.mark.parametrize("category", BY_CATEGORY)
def test_nothing_is_remembered_for_ever_and_a_request_is_nobodys_fault(category: Category) -> None:
    found = BY_CATEGORY[category]
    assert all(0 < pause <= 24 * 3600 for pause in found.pauses) and list(found.pauses) == sorted(found.pauses)
    remembers = bool(found.pauses) or found.health == "failure"
    assert remembers == (found.blame != "none") and (not found.block or found.pauses)
    assert not (found.pauses and found.blame not in ("key", "model"))


@pytest.mark.parametrize(
    ("outcome", "wait"),
    [
        pytest.param(answered(429), None, id="by its own count"),
        pytest.param(answered(429, wait=7.0), 7.0, id="Retry-After"),
        pytest.param(answered(429, wait=0.0), None, id="at once is nothing that a refusal asks for"),
        pytest.param(answered(429, "try again in 20s"), 20.0, id="in words"),
        pytest.param(answered(503, wait=9.0), 9.0, id="503 with Retry-After"),
        pytest.param(answered(529, wait=40.0), 40.0, id="overloaded"),
        pytest.param(Outcome("status", 429, Fault("rate_limit", "Please retry in 40.2s.", 429, resets_at=NOW + 7200)), 7200.0, id="a quota of a day, whatever its words"),
        pytest.param(answered(402, wait=60.0), 60.0, id="402 with a time"),
        pytest.param(answered(429, "quota exceeded. It will reset at 2023-11-14 23:13:20", code="AccountQuotaExceeded"), 3600, id="until the moment it names"),
        pytest.param(answered(400, "You have reached your specified API usage limits. You will regain access on 2023-11-15 at 00:00 UTC.", 3.0), 6400, id="a moment is more exact than a header"),
        pytest.param(answered(400, "a name is wrong; please try again in 20s", 9.0, type="invalid_request_error"), None, id="nobody rests"),
    ],
)  # fmt: skip
def test_what_the_upstream_asks_for(outcome: Outcome, wait: float | None) -> None:
    assert classify(outcome, 1, NOW).wait == wait


def test_a_limit_of_the_whole_account_rests_the_key() -> None:
    limited = replace(answered(429), whole_account=True)
    assert classify(limited, 1, NOW).blame == "key" and classify(answered(429), 1, NOW).blame == "model"


@pytest.mark.parametrize(
    ("outcome", "need"),
    [
        (answered(404, "model x does not exist"), "lists the model"),
        (answered(503, "No available channel for model x"), "lists the model"),
        (answered(413), ""),
        (answered(400, "prompt is too long"), "larger window"),
        (answered(500), ""),
    ],
)
def test_what_the_next_channel_needs(outcome: Outcome, need: str) -> None:
    assert classify(outcome, 1, NOW).need == need


# ---- the same key once more ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["empty", "bad_body"])
@pytest.mark.parametrize(
    ("elapsed", "tries", "action"), [(9.9, 1, "same_key"), (10.0, 1, "next_model"), (1.0, 2, "next_model")]
)
def test_a_quick_bad_answer_is_tried_once_more(kind: OutcomeKind, elapsed: float, tries: int, action: str) -> None:
    assert classify(Outcome(kind, elapsed=elapsed), tries, NOW).action == action


@pytest.mark.parametrize(
    ("outcome", "tries", "action"),
    [
        (answered(0, "oops", kind="error_body", elapsed=1.0), 1, "same_key"),
        (answered(0, "oops", kind="error_body", elapsed=1.0), 2, "next_model"),
        (answered(0, "invalid api key", kind="error_body", elapsed=1.0), 1, "next_key"),
    ],
)
def test_a_quick_error_inside_a_200(outcome: Outcome, tries: int, action: str) -> None:
    assert classify(outcome, tries, NOW).action == action


def test_a_stale_connection_is_no_try() -> None:
    assert classify(Outcome("reset", reused=True), 2, NOW).action == "same_key"
    assert classify(Outcome("reset"), 1, NOW).action == "next_key"


@pytest.mark.parametrize(
    ("kind", "rested", "stale"),
    [
        ("first_byte_timeout", 5.0, True),
        ("first_byte_timeout", 0.5, False),
        ("first_event_timeout", 5.0, False),
        ("total_timeout", 5.0, False),
    ],
)
def test_silence_on_a_connection_that_was_idle_is_the_connections(kind: Any, rested: float, stale: bool) -> None:
    verdict = classify(Outcome(kind, reused=True, rested=rested, elapsed=60.0), 2, NOW)
    assert (verdict.action == "same_key", verdict.blame == "none") == (stale, stale)


ADAPTIVE = (
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to '
    "control thinking behavior."
)


@pytest.mark.parametrize(
    ("message", "fields", "dropped"),
    [
        ("Unsupported parameter: 'top_k'", {"top_k", "model"}, {"top_k"}),
        ("Unexpected value(s) `a-2025-01-01` for the `anthropic-beta` header", {"a-2025-01-01"}, {"a-2025-01-01"}),
        ("temperature: Extra inputs are not permitted", {"temperature"}, {"temperature"}),
        (ADAPTIVE, {"thinking"}, {"thinking.type.enabled"}),
        (ADAPTIVE, {"model"}, set()),
        ("something else is wrong here, and in detail", {"top_k"}, set()),
        ("something else is wrong here, and in detail", {""}, set()),
    ],
)
def test_a_refused_field_is_left_out_once(message: str, fields: set[str], dropped: set[str]) -> None:
    outcome = answered(400, message, fields=frozenset(fields), type="invalid_request_error")
    found = classify(outcome, 1, NOW)
    assert found.action == ("same_key" if dropped else "stop") and found.drop == frozenset(dropped)
    assert classify(replace(outcome, dropped=frozenset(dropped)), 2, NOW).action == "stop"


def test_every_refusal_that_names_something_new_is_heard() -> None:
    outcome = answered(
        400, "Unsupported parameter: 'top_k'", fields=frozenset({"top_k"}), dropped=frozenset({"seed", "stop"})
    )
    assert classify(outcome, 3, NOW).drop == {"top_k"}
    assert classify(replace(outcome, dropped=frozenset(map(str, range(8)))), 9, NOW).action == "stop"


def test_who_refuses_what_it_did_not_get_is_asked_once_more() -> None:
    """A relay has several upstreams, and adds fields of its own to some."""
    outcome = answered(
        400, "Unsupported parameter: 'top_k'", fields=frozenset({"model"}), type="invalid_request_error", elapsed=1.0
    )
    found = classify(outcome, 1, NOW)
    assert (found.action, found.drop) == ("same_key", frozenset())
    assert classify(outcome, 2, NOW).action == "stop"


def test_a_model_that_is_gone_is_not_asked_once_more() -> None:
    gone = answered(400, "The model `m` has been decommissioned and is no longer supported.", elapsed=0.1)
    assert classify(gone, 1, NOW).action == "next_model"


@pytest.mark.parametrize(
    "kind", [kind for kind in get_args(OutcomeKind.__value__) if kind not in ("ok", "client_left")]
)
def test_after_the_commit_nothing_is_tried_again(kind: OutcomeKind) -> None:
    found = classify(Outcome(kind, 500, Fault("server", "x", 500), committed=True), 1, NOW)
    assert (found.action, found.blame, found.health, found.pauses) == ("stop", "model", "failure", ())


def test_the_tables_are_complete() -> None:
    assert set(BY_CATEGORY) == set(get_args(Category.__value__))
    assert set(get_args(OutcomeKind.__value__)) == set(BY_KIND) | {"status"} and WITH_FAULT - {"status"} <= set(BY_KIND)
