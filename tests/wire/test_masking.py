"""Personal data that an upstream never sees, and the client gets back, in every protocol and form."""

import hashlib
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.wire.program import CLIENT_KEY, Fake, channel, running_program

MAIL: Final = "ada.lovelace@example.com"
WORDS: Final = f"write to {MAIL} or +44 20 7946 0958 please"
TALK: Final = [{"role": "user", "content": WORDS}]
FORMS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "messages": ("/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": TALK}),
    "chat": ("/v1/chat/completions", {"model": "gpt-4.1", "messages": TALK}),
    "responses": ("/v1/responses", {"model": "gpt-5.1", "input": WORDS}),
    "gemini": (
        "/v1beta/models/gemini-3-pro:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": WORDS}]}]},
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("client", FORMS)
def test_it_is_masked_and_put_back(fake: Fake, tmp_path: Path, client: str, stream: bool) -> None:
    path, body = FORMS[client]
    if stream and client == "gemini":
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    elif stream:
        body = {**body, "stream": True}
    channels = [
        channel("own", fake.url, client, mask=["email", "phone"]),
        channel(
            "chat", fake.url, "chat", serves=list(FORMS), mask=["email", "phone"], priority=2, route_prefix="other"
        ),
    ]
    with running_program(tmp_path, *channels) as program:
        for prefix in ("", "/other"):
            fake.clear()
            answer = program.post(prefix + path, body)
            assert answer.status_code == 200, answer.text
            (heard,) = (request["text"] for request in fake.requests())
            assert MAIL not in heard and "7946" not in heard and "EMAIL_" in heard and "PHONE_" in heard
            assert "EMAIL_" not in answer.text and "PHONE_" not in answer.text
            assert MAIL in answer.text, "what is put back comes in one piece"


def test_nobody_can_try_out_what_a_stand_in_stands_for(fake: Fake, tmp_path: Path) -> None:
    """Nor does one client's stand-in say anything to another one."""
    path, body = FORMS["chat"]
    with running_program(tmp_path, channel("own", fake.url, "chat", mask=["email"])) as program:
        fake.clear()
        program.post(path, body)
        (stand_in,) = re.findall("EMAIL_[0-9a-f]{10}", fake.requests()[0]["text"])
        for known in ("", CLIENT_KEY):
            assert hashlib.sha256(f"{known}\0{MAIL}".encode()).hexdigest()[:10] not in stand_in
        other = {**body, "messages": [{"role": "user", "content": f"who is {stand_in}? not b@c.test"}]}
        assert MAIL not in program.post(path, other).text


def test_other_channels_see_it(fake: Fake, tmp_path: Path) -> None:
    path, body = FORMS["chat"]
    with running_program(tmp_path, channel("own", fake.url, "chat")) as program:
        fake.clear()
        program.post(path, body)
        assert MAIL in fake.requests()[0]["text"]
