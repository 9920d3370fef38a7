"""Spans of real requests at a strict receiver."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.patience import wait_for
from tests.wire.collector import Collector
from tests.wire.program import CLIENT_KEY, Fake, channel, running_program

ASK: Final = {
    "model": "claude-sonnet-4-5", "max_tokens": 99, "temperature": 0.5,
    "messages": [{"role": "user", "content": "say swordfish"}],
}  # fmt: skip
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET: Final = "good-key-0123456789"
CONTENT: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "messages": ("/v1/messages", ASK),
    "chat": ("/v1/chat/completions", {"model": "gpt-4.1", "messages": ASK["messages"]}),
    "responses": ("/v1/responses", {"model": "gpt-5.1", "input": "say swordfish", "stream": True}),
    "gemini": (
        "/v1beta/models/gemini-3-pro:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "say swordfish"}]}]},
    ),
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.close()
    assert found.problems == []


def env(collector: Collector, **more: str) -> dict[str, str]:
    headers = "authorization=Basic cGs6c2s0NzEx,x-team=a"
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": headers, **more}


def spans(collector: Collector, count: int) -> list[dict[str, Any]]:
    """Oldest first, requests before their attempts."""
    wait_for(lambda: len(collector.spans) >= count)
    return sorted(collector.spans, key=lambda span: (span["start"], span["kind"] == "client"))


def sent(fake: Fake) -> list[str]:
    headers = [{name.lower(): value for name, value in request["headers"]} for request in fake.requests()]
    return [found.get("traceparent", "") for found in headers]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_request_and_its_attempts(fake: Fake, tmp_path: Path, collector: Collector, stream: bool) -> None:
    fake.clear()
    channels = [
        channel("bad", fake.url, "messages", "fake:status=500:bad-key", priority=1),
        channel("good", fake.url, "messages", SECRET, priority=2),
    ]
    with running_program(tmp_path, *channels, env=env(collector)) as program:
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        assert program.post("/v1/messages", {**ASK, "stream": stream}, headers).status_code == 200
        request, failed, answered = spans(collector, 3)
        upstream = sent(fake)
    assert {span["trace"] for span in (request, failed, answered)} == {TRACE} and request["parent"] == CALLER
    assert failed["parent"] == answered["parent"] == request["id"]
    assert upstream == [f"00-{TRACE}-{span['id']}-01" for span in (failed, answered)]
    assert (request["kind"], request["name"], request["error"]) == ("server", "POST /v1/messages", False)
    assert request["ccx.attempts"] == 2 and "gen_ai.usage.input_tokens" not in request
    assert failed["error"] and failed["error.type"] == "500" and failed["ccx.channel"] == "bad"
    assert answered["name"] == "chat claude-sonnet-4-5" and answered["gen_ai.provider.name"] == "anthropic"
    assert answered["gen_ai.request.max_tokens"] == 99 and answered["gen_ai.request.temperature"] == 0.5
    assert answered["gen_ai.usage.output_tokens"] > 0 and answered["gen_ai.request.stream"] is stream
    assert ("gen_ai.response.time_to_first_chunk" in answered) is stream
    assert (
        request["start"] <= failed["start"] <= failed["end"] <= answered["start"] <= answered["end"] <= request["end"]
    )
    everything = json.dumps(collector.spans)
    assert "swordfish" not in everything and SECRET not in everything and CLIENT_KEY not in everything
    assert collector.headers[0]["x-team"] == "a" and collector.headers[0]["authorization"] == "Basic cGs6c2s0NzEx"


def test_content_only_when_it_is_asked_for(fake: Fake, tmp_path: Path, collector: Collector) -> None:
    more = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    policy = {"bodies": {"redact": ["sw[a-z]+ish"]}}
    channels = [channel(kind, fake.url, kind) for kind in CONTENT]
    with running_program(tmp_path, *channels, env=env(collector, **more), policy=policy) as program:
        for kind, (path, body) in CONTENT.items():
            collector.spans.clear()
            assert program.post(path, body).status_code == 200, kind
            request, answered = spans(collector, 2)
            assert answered["ccx.channel"] == kind
            asked = json.loads(answered["gen_ai.input.messages"])
            assert asked == [{"role": "user", "parts": [{"type": "text", "content": "say [redacted]"}]}], kind
            (said,) = json.loads(answered["gen_ai.output.messages"])
            assert said["role"] == "assistant" and said["parts"][0]["content"] and said["finish_reason"], kind
            assert "gen_ai.input.messages" not in request
        assert not program.query("select 1 from bodies")


def test_what_a_caller_does_not_sample_goes_on_as_it_came(fake: Fake, tmp_path: Path, collector: Collector) -> None:
    fake.clear()
    with running_program(tmp_path, channel("a", fake.url, "messages"), env=env(collector)) as program:
        unsampled = f"00-{TRACE}-{CALLER}-00"
        program.post("/v1/messages", ASK, {"traceparent": unsampled})
        program.post("/v1/messages", ASK, {"traceparent": "no such thing"})
        request, _answered = spans(collector, 2)
        assert sent(fake)[0] == unsampled and request["trace"] != TRACE and request["parent"] == ""


def test_a_collector_that_is_not_there_fails_nothing(fake: Fake, tmp_path: Path) -> None:
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with running_program(tmp_path, channel("a", fake.url, "messages"), env=more) as program:
        assert program.post("/v1/messages", ASK).status_code == 200
        wait_for(lambda: "spans cannot be sent" in program.log.read_text())
        assert program.post("/v1/messages", ASK).status_code == 200


def test_nothing_is_in_the_chain_where_no_collector_is_named(fake: Fake, tmp_path: Path) -> None:
    fake.clear()
    with running_program(tmp_path, channel("a", fake.url, "messages")) as program:
        parent = f"00-{TRACE}-{CALLER}-01"
        program.post("/v1/messages", ASK, {"traceparent": parent})
        assert sent(fake) == [parent]
