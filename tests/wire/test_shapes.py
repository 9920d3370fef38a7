"""Why a prompt cache was lost, with bodies off: nothing of what was said is in the database."""

from pathlib import Path
from typing import Any, Final

import httpx

from tests.patience import wait_for
from tests.wire.program import ADMIN_KEY, Fake, channel, running_program

WORDS: Final = ("swordfish", "platypus", "mongoose")
SESSION: Final = {"x-claude-code-session-id": "session-one"}
LOST: Final = "SELECT why, again_tokens, again_usd FROM shapes WHERE again_tokens > 0"


def asked(turns: int, **more: Any) -> dict[str, Any]:
    tools = [{"name": n, "description": WORDS[0] * 99, "input_schema": {"type": "object"}} for n in ("Read", "Bash")]
    talk = [{"role": ("user", "assistant")[n % 2], "content": f"{WORDS[1]} {n} " * 300} for n in range(2 * turns + 1)]
    talk[-1]["content"] = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]  # type: ignore[assignment]
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "system": WORDS[2] * 500, "tools": tools, "messages": talk}
    return {**body, **more}


def test_the_page_says_why_and_the_database_holds_no_words(fake: Fake, tmp_path: Path) -> None:
    hit = {"input_tokens": 10, "cache_read_input_tokens": 30_000, "cache_creation_input_tokens": 0, "output_tokens": 5}
    miss = {**hit, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 31_000}
    answer = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
    said = {**answer, "content": [{"type": "text", "text": "a reply"}]}
    fake.script(
        {
            "cache": {"status": 200, "body": {**said, "usage": hit}, "unless": "Grep"},
            "miss": {"status": 200, "body": {**said, "usage": miss}},
        }
    )
    key, other = "fake:scripted=cache:a", "fake:scripted=miss:b"
    policy = {"bodies": {"capture": "off"}}
    with running_program(tmp_path, channel("main", fake.url, "messages", key), policy=policy, panel=True) as program:
        for turns in (1, 2):
            assert program.post("/v1/messages", asked(turns), SESSION).status_code == 200
        assert not program.query(LOST)
        program.configure(channel("main", fake.url, "messages", other), policy=policy)
        tools = [{"name": "Read", "description": WORDS[0], "input_schema": {"type": "object"}}]
        answered = program.post("/v1/messages", asked(3, tools=tools), SESSION)
        found = wait_for(lambda: program.query(LOST))[0]
        assert '"key"' in found["why"] and found["again_tokens"] == 30_000 and found["again_usd"] > 0
        admin = httpx.Client(base_url=program.url, headers={"x-api-key": ADMIN_KEY})
        token = admin.get("/login").text.partition('name="csrf_token" value="')[2].partition('"')[0]
        admin.post("/login", data={"key": ADMIN_KEY, "csrf_token": token})
        page = admin.get(f"/requests/{answered.headers['x-ccx-request-id']}").text
        assert "The prompt cache was lost: another key of the channel was used." in page
    for file in (tmp_path / "data").glob("ccx.db*"):
        assert not [word for word in WORDS if word.encode() in file.read_bytes()]
