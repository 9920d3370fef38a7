"""The command-line clients when their upstream limits them. They run as in test_clis.py says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.patience import wait_for
from tests.wire import test_clis as clis
from tests.wire.program import Fake, channel, running_program

DAY: Final = {
    "code": 429,
    "message": "You exceeded your current quota, please check your plan and billing details.\nPlease retry in 2.1s.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"},
    ],
}
MINUTE: Final = json.loads(json.dumps(DAY).replace("PerDay", "PerMinute"))
HOURS: Final = json.loads(json.dumps(MINUTE).replace('"2s"', '"9000s"'))
PLAN: Final = {
    "type": "usage_limit_reached",
    "message": "The usage limit has been reached",
    "plan_type": "plus",
    "resets_in_seconds": 18_000,
}
BUSY: Final = {"type": "server_error", "message": "currently overloaded", "code": "server_is_overloaded"}
TYPED: Final = {"type": "rate_limit_error", "message": "This request would exceed your account's rate limit."}
LIMITED: Final[list[tuple[str, str, int, Any, Mapping[str, str], str]]] = [
    ("gemini", "gemini", 429, {"error": DAY}, {}, "exhausted your daily quota"),
    ("gemini", "gemini", 429, {"error": HOURS}, {}, "Suggested retry after"),
    ("gemini", "chat", 429, {"error": PLAN}, {}, "Suggested retry after"),
    ("codex", "responses", 429, {"error": PLAN}, {}, "hit your usage limit"),
    ("codex", "chat", 429, {"error": PLAN}, {}, "hit your usage limit"),
    ("codex", "responses", 429, {"error": TYPED}, {"retry-after": "1"}, "exceeded retry limit, last status: 429"),
    ("codex", "responses", 503, {"error": BUSY}, {}, "at capacity"),
    ("claude", "messages", 429, {"type": "error", "error": TYPED}, {"retry-after": "3600"}, "exceed your account's"),
]
"""Client, what its upstream speaks, how that limits it, and what the client says in the end."""

if clis.CLIS:

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize(("name", "protocol", "status", "body", "headers", "words"), LIMITED)
    def test_a_client_that_is_limited_ends_with_a_word_about_it(
        fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: str, status: int, body: Any,
        headers: Mapping[str, str], words: str,
    ) -> None:  # fmt: skip
        """Also when the upstream is not asked any more, and the gateway answers from memory."""
        printed: list[str] = []

        def told(arguments: list[str], home: Path, env: Mapping[str, str]) -> str:
            done = clis.ended(arguments, home, env)
            printed.append(done.stdout + done.stderr)
            return done.stdout

        monkeypatch.setattr(clis, "run", told)
        fake.script({"limit": {"status": status, "body": body, "headers": headers}})
        only = channel("only", fake.url, protocol, "fake:scripted=limit:k", serves=list(clis.KINDS))
        (tmp_path / "gateway").mkdir()
        with running_program(tmp_path / "gateway", only) as program:
            asked = 1 if "retry limit" in words or status == 503 else 5
            for n in range(asked):
                (tmp_path / str(n)).mkdir()
                clis.CLIENTS[name](program.url, tmp_path / str(n), "hello there")
            rows = wait_for(program.rows)
        assert words in printed[0] and len(printed) == asked
        assert all(words in text or "no messages channel" in text or "Suggested" in text for text in printed)
        assert {row["state"] for row in rows} == {"failed"}

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize(("name", "protocol", "status", "body", "headers", "words"), LIMITED)
    def test_a_client_hears_nothing_of_it_where_another_channel_is_well(
        fake: Fake, tmp_path: Path, name: str, protocol: str, status: int, body: Any, headers: Mapping[str, str],
        words: str,
    ) -> None:  # fmt: skip
        fake.script({"limit": {"status": status, "body": body, "headers": headers}})
        first = channel("first", fake.url, protocol, "fake:scripted=limit:k", serves=list(clis.KINDS))
        second = channel(
            "second", fake.url, protocol, priority=2, serves=list(clis.KINDS), models={"*": clis.MODELS[protocol]}
        )
        (tmp_path / "gateway").mkdir()
        with running_program(tmp_path / "gateway", first, second) as program:
            assert "hello there" in clis.CLIENTS[name](program.url, tmp_path, "hello there")
            assert {row["state"] for row in wait_for(program.rows)} == {"ok"}
