"""How an attempt that ended is judged, and what the client gets when nothing worked."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons.core import endpoints
from ccx_addons.core.config import Policy, Snapshot
from ccx_addons.core.exchange import Ended, Exchange
from ccx_addons.core.faults import MAX_CODE, MAX_TEXT, translated
from ccx_addons.core.neutral import Fault, fault_kind
from ccx_addons.core.verdict import attempts
from ccx_addons.failover import Failover, best_fault, keep_words, outcome_of, status_of
from ccx_addons.processes.runtime import Runtime
from ccx_addons.route import Route, begin
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

A, B = channel("a"), channel("b")


def under_way(runtime: Runtime, errors: Any = "precise") -> tuple[http.HTTPFlow, Exchange]:
    """A request whose first attempt, on channel a, is under way."""
    x = exchange("chat", A, B)
    x.snapshot = Snapshot("rev1", 0, channels=(A, B), policy=Policy(errors=errors))
    x.failover = attempts(Route(runtime).search(x), lambda: 0.0, 600.0, lambda: x.started_at)
    begin(x, next(x.failover))
    return flow(x=x), x


def ended(x: Exchange, made: http.HTTPFlow, kind: Any, status: int = 0, message: str = "", **fault: Any) -> None:
    """The attempt under way ended like this, and is judged."""
    assert x.current
    x.current.status = status
    said = Fault("server", message, status, **fault) if message else None
    made.response = response(status or 200, json.dumps({"error": {"message": message}}).encode()) if status else None
    x.ended = Ended(kind, "", said)


def judged(runtime: Runtime, made: http.HTTPFlow, x: Exchange) -> str:
    Failover(runtime).upstream_outcome(made)
    if x.decision == "retry" and x.next_attempt:
        begin(x, x.next_attempt)
    return x.decision


def test_an_answer_is_committed(runtime: Runtime) -> None:
    made, x = under_way(runtime)
    ended(x, made, "ok", 200)
    assert judged(runtime, made, x) == "commit" and x.current and x.current.outcome and x.current.outcome.kind == "ok"


def test_a_failure_goes_on_and_the_last_one_answers(runtime: Runtime) -> None:
    made, x = under_way(runtime)
    ended(x, made, "status", 503, "busy", retry_after=9.0)
    assert judged(runtime, made, x) == "retry" and x.current and x.current.attempt.channel is B
    ended(x, made, "connect")
    assert judged(runtime, made, x) == "stop" and made.response
    assert (made.response.status_code, made.response.content) == (503, b'{"error": {"message": "busy"}}')
    assert x.told is x.attempts[0], "what it says, and whose words these are"


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [(8.0, 100.0, "8"), (100.0, 8.0, None), (8.0, None, "8"), (None, 8.0, None), (0.2, 9.0, "1")],
)
def test_who_is_well_first_says_when_to_come_again(
    runtime: Runtime, first: float | None, last: float | None, told: str | None
) -> None:
    made, x = under_way(runtime)
    for wait in (first, last):
        ended(x, made, "status", 429, "slow down", retry_after=wait)
        judged(runtime, made, x)
    assert made.response and made.response.headers.get("retry-after") == told


def test_words_of_the_request_are_told_before_those_of_keys(runtime: Runtime) -> None:
    made, x = under_way(runtime)
    ended(x, made, "status", 400, "prompt is too long", code="context_length_exceeded")
    judged(runtime, made, x)
    x.decision = "retry"
    begin(x, x.attempts[0].attempt)
    ended(x, made, "status", 429, "quota")
    assert x.current
    x.current.outcome = outcome_of(x, x.current, made.response, 0.0)
    assert made.response
    keep_words(x, x.current, made.response)
    found = Failover(runtime).give_up(made, x)
    assert (found.status_code, json.loads(found.content or b"")["error"]["message"]) == (400, "prompt is too long")


@pytest.mark.parametrize(
    ("upstream", "client", "fault", "type", "code"),
    [
        ("messages", "chat", Fault("overloaded", "x", 529, "", "overloaded_error"), "", ""),
        ("messages", "chat", Fault("rate_limit", "x", 429, "", "rate_limit_error"), "", "rate_limit_exceeded"),
        ("gemini", "responses", Fault("rate_limit", "x", 429, "RESOURCE_EXHAUSTED"), "", "rate_limit_exceeded"),
        ("gemini", "messages", Fault("permission", "x", 403, "PERMISSION_DENIED"), "", ""),
        ("chat", "responses", Fault("billing", "x", 429, "insufficient_quota", "t"), "t", "insufficient_quota"),
        ("chat", "chat", Fault("server", "x", 500, "new_api_error", "own"), "own", "new_api_error"),
    ],
)
def test_a_foreign_protocols_words_are_left_out(upstream: str, client: str, fault: Fault, type: str, code: str) -> None:
    found = translated(fault, upstream, client)
    assert (found.type, found.code, found.kind, found.message) == (type, code, fault.kind, "x")


@pytest.mark.parametrize(
    ("upstream", "words", "numbers"),
    [
        (
            "chat",
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens.",
            ": 130012 tokens > 128000 maximum",
        ),
        (
            "gemini",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ": 1200000 tokens > 1048576 maximum",
        ),
        (
            "chat",
            "This model's maximum context length is 65,536 tokens. However, you requested 70,000 tokens (66,000 in the "
            "messages, 4,000 in the completion).",
            ": 70000 tokens > 65536 maximum",
        ),
        ("responses", "Your input exceeds the context window of this model.", ""),
        ("chat", "Invalid request: Your request exceeded model token limit: 131072", ""),
        ("chat", "maximum context length is 200000 tokens, you asked for 1000", ""),
    ],
)
def test_claudes_clients_hear_by_how_much_a_prompt_is_too_long(upstream: str, words: str, numbers: str) -> None:
    """Claude Code reads the numbers and compacts; words that it does not know end its conversation."""
    found = translated(Fault("invalid_request", words, 400), upstream, "messages")
    assert found.message == f"prompt is too long{numbers} ({words})"
    own = Fault("invalid_request", "Prompt is too long: 5 tokens > 4 maximum", 400)
    assert translated(own, upstream, "messages").message == own.message
    assert translated(found, upstream, "gemini").message == found.message, "for others the words stay as they are"


def test_vague_errors_say_nothing(runtime: Runtime) -> None:
    made, x = under_way(runtime, "vague")
    for status in (503, 401):
        ended(x, made, "status", status, "secret words")
        judged(runtime, made, x)
    assert made.response and made.response.status_code == 503
    assert (
        json.loads(made.response.content or b"")["error"]["message"]
        == "All upstream channels are currently unavailable"
    )


@pytest.mark.parametrize("errors", ["precise", "vague"])
def test_the_clients_own_fault_comes_back_in_the_upstreams_words(runtime: Runtime, errors: str) -> None:
    made, x = under_way(runtime, errors)
    ended(x, made, "status", 400, "messages: field required", type="invalid_request_error")
    assert judged(runtime, made, x) == "stop" and made.response and made.response.status_code == 400
    assert json.loads(made.response.content or b"") == {"error": {"message": "messages: field required"}}


@pytest.mark.parametrize("page", [b"<html><script>1</script>messages: field required</html>", b"", b"\xff"])
def test_a_page_instead_of_an_error_is_none_that_a_client_can_read(runtime: Runtime, page: bytes) -> None:
    made, x = under_way(runtime)
    ended(x, made, "status", 400, "messages: field required", type="invalid_request_error")
    assert made.response
    made.response.raw_content = page
    assert (
        judged(runtime, made, x) == "stop"
        and json.loads(made.response.raw_content or b"")["error"]["type"] == "invalid_request_error"
    )


@pytest.mark.parametrize("status", [404, 503])
def test_an_unknown_model_is_404_whatever_a_relay_calls_it(runtime: Runtime, status: int) -> None:
    made, x = under_way(runtime)
    for decision in ("retry", "stop"):
        ended(x, made, "status", status, "No available channel for model gpt-5", code="model_not_found")
        assert judged(runtime, made, x) == decision
    assert len(x.attempts) == 2, "each is asked once"
    assert made.response and made.response.status_code == 404


def test_the_client_leaving_ends_the_attempt(runtime: Runtime) -> None:
    made, x = under_way(runtime)
    Failover(runtime).error(made)
    assert x.current and x.current.outcome and x.current.outcome.kind == "client_left"
    assert runtime.state.of("chat", A.id).key(A.keys[0].id).flying == 0
    assert x.failover and next(x.failover, None) is None


@pytest.mark.parametrize(
    ("faults", "message", "status", "wait"),
    [
        pytest.param([("status", Fault("server", "a", 500))], "a", 500, None, id="one"),
        pytest.param([("status", Fault("server", "a", 500)), ("status", Fault("billing", "b", 402))], "b", 402, None, id="the last"),
        pytest.param([("status", Fault("rate_limit", "a", 429)), ("connect", Fault("timeout", "b", 504))], "a", 429, None, id="words first"),
        pytest.param([("status", Fault("invalid_request", "prompt is too long", 400)), ("status", Fault("server", "b", 500))], "prompt is too long", 400, None, id="what the caller can mend first"),
        pytest.param([("connect", Fault("unavailable", "a", 502)), ("tls", Fault("unavailable", "b", 502))], "b", 502, None, id="no words at all"),
        pytest.param([("status", Fault("rate_limit", "a", 429, retry_after=60.0)), ("status", Fault("rate_limit", "b", 429, retry_after=5.0))], "b", 429, 5.0, id="the shortest wait"),
        pytest.param([("stream_error", Fault("overloaded", "a"))], "a", 529, None, id="a status for what has none"),
        pytest.param([("status", Fault("authentication", "a", 401))], "the upstream refuses the gateway's own key: a", 401, None, id="a key that is not the caller's"),
        pytest.param([("status", Fault("authentication", "API key not valid.", 400))], "the upstream refuses the gateway's own key: API key not valid.", 400, None, id="told with 400"),
        pytest.param([("status", Fault("server", "a", 500)), ("status", Fault("authentication", "b", 401))], "a", 500, None, id="keys last"),
    ],
)  # fmt: skip
def test_the_best_fault(faults: list[tuple[Any, Fault]], message: str, status: int, wait: float | None) -> None:
    x = exchange("chat", A)
    for kind, fault in faults:
        record = attempted(x, A, kind)
        assert record.outcome
        record.outcome = replace(record.outcome, fault=fault)
    found = best_fault(x)
    assert (found.message, found.status, found.retry_after) == (message, status, wait)


@pytest.mark.parametrize(
    ("status", "message", "told", "kind"),
    [
        (400, "Error from provider (Console Go): Upstream request failed", 502, "server"),
        (400, "Our servers are currently overloaded. Please try again later.", 529, "overloaded"),
        (403, "Request was rejected due to rate limiting. Details:TPM limit reached.", 429, "rate_limit"),
        (400, "no available accounts", 503, "unavailable"),
        (401, "Insufficient balance", 402, "billing"),
        (403, "Insufficient balance", 403, "permission"),
        (400, "the tool's name is longer than sixty-four characters", 400, "invalid_request"),
        (500, "it broke", 500, "server"),
    ],
)
def test_what_passes_is_not_told_as_the_callers_fault(status: int, message: str, told: int, kind: str) -> None:
    x = exchange("chat", A)
    record = attempted(x, A, "status")
    assert record.outcome
    record.outcome = replace(record.outcome, fault=Fault(fault_kind(status), message, status))
    found = best_fault(x)
    assert (found.status, found.kind) == (told, kind)


def test_without_attempts_there_is_still_an_answer() -> None:
    assert best_fault(exchange("chat", A)).status == 503 and status_of(Fault("timeout", "x")) == 504


def test_an_outcome_knows_what_was_sent() -> None:
    x = exchange("chat", A)
    x.headers = (("anthropic-beta", "one-2025-01-01, two-2025-01-01"),)
    record = attempted(x, A, None, 400)
    record.fields = frozenset({"model", "top_k"})
    x.ended = Ended("status", "", Fault("invalid_request", "no", 400))
    found = outcome_of(x, record, response(400, retry_after=7), record.started + 2.0)
    assert found.fields == {"model", "top_k", "one-2025-01-01", "two-2025-01-01"}
    assert (found.retry_after, found.elapsed, found.status) == (7.0, 2.0, 400)


@pytest.mark.parametrize("kind", ["connect", "tls", "first_byte_timeout", "reset", "cut", "empty", "converter"])
def test_transport_faults_have_words_of_their_own(kind: Any) -> None:
    x = exchange("chat", A)
    record = attempted(x, A, None)
    x.ended = Ended(kind, "some detail")
    fault = outcome_of(x, record, None, record.started).fault
    assert fault and "some detail" in fault.message and fault.status in (502, 504)


@pytest.mark.parametrize(
    "ended", [Ended("reset", "x" * 99_999), Ended("status", "", Fault("server", "x" * 99_999, 500, "c" * 999))]
)
def test_what_an_upstream_says_is_no_longer_than_vendors_are(ended: Ended) -> None:
    x = exchange("chat", A)
    record = attempted(x, A, None)
    x.ended = ended
    found = outcome_of(x, record, None, record.started)
    assert found.fault and len(found.fault.message) <= MAX_TEXT and len(found.detail) <= MAX_TEXT
    assert len(found.fault.code) <= MAX_CODE


def test_where_no_upstream_counts_an_estimate_does(runtime: Runtime) -> None:
    made, x = under_way(runtime)
    x.ask(endpoints.find("POST", "/v1/messages/count_tokens"))
    x.raw = b"word " * 400
    ended(x, made, "status", 404, "no such path")
    judged(runtime, made, x)
    ended(x, made, "status", 503, "busy")
    assert judged(runtime, made, x) == "stop" and made.response
    assert (made.response.status_code, json.loads(made.response.content or b"")) == (200, {"input_tokens": 500})
