"""Which bodies are kept, and that no secret is in them."""

import sqlite3
import zlib
from pathlib import Path

import pytest

from tests.patience import wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

SECRET = "sk-upstream-secret-0123456789abcdef"
ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello, my card is 4111-1111 and sk-abc123def456"}]}
SIDES = {"client_request", "upstream_request", "upstream_response", "client_response"}


def bodies(program: Program, request_id: str) -> dict[str, str]:
    program.row(request_id)
    rows = program.query("select side, headers, body from bodies where request_id = ?", request_id)
    return {row["side"]: row["headers"] + zlib.decompress(row["body"]).decode() for row in rows}


def test_everything_is_kept_without_secrets(fake: Fake, tmp_path: Path) -> None:
    policy = {"bodies": {"capture": "all", "redact": [r"4111-\d+", "sk-[a-z0-9]+"]}}
    text = ""
    with running_program(tmp_path, channel("a", fake.url, "chat", SECRET), policy=policy) as program:
        for stream in (False, True):
            answer = program.post("/v1/chat/completions", {**ASK, "stream": stream})
            id = answer.headers["x-ccx-request-id"]
            kept = wait_for(lambda id=id: found if len(found := bodies(program, id)) == 4 else None)
            assert kept.keys() == SIDES and "hello" in kept["client_request"] and "heard" in kept["client_response"]
            assert "include_usage" in kept["upstream_request"] or not stream
            text += " ".join(kept.values())
    whole = (tmp_path / "data" / "ccx.db").read_bytes() + text.encode()
    for secret in (SECRET, CLIENT_KEY, "4111-1111", "sk-abc123def456"):
        assert secret.encode() not in whole


@pytest.mark.parametrize(
    ("capture", "spec", "count"),
    [("errors", "good", 0), ("errors", "fake:status=500:k", 4), ("off", "fake:status=500:k", 0)],
)
def test_what_the_policy_says(fake: Fake, tmp_path: Path, capture: str, spec: str, count: int) -> None:
    policy = {"bodies": {"capture": capture}}
    with running_program(tmp_path, channel("a", fake.url, "chat", spec), policy=policy) as program:
        answer = program.post("/v1/chat/completions", ASK)
        program.row(answer.headers["x-ccx-request-id"])
    with sqlite3.connect(tmp_path / "data" / "ccx.db") as database:
        assert database.execute("select count(*) from bodies").fetchone() == (count,)
    database.close()


def test_a_large_body_is_cut(fake: Fake, tmp_path: Path) -> None:
    policy = {"bodies": {"capture": "all", "max_kb": 1}}
    with running_program(tmp_path, channel("a", fake.url, "chat"), policy=policy) as program:
        ask = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "long:900"}]}
        id = program.post("/v1/chat/completions", ask).headers["x-ccx-request-id"]
        sql = "select side, size, truncated from bodies where request_id = ?"
        rows = wait_for(lambda: len(found := program.query(sql, id)) == len(SIDES) and found)
        cut = {row["side"] for row in rows if row["truncated"]}
        assert cut == {"upstream_response", "client_response"} and all(row["size"] <= 1024 for row in rows)
