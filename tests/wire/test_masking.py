"""Personal data that an upstream never sees, and the client gets back, in every protocol and form."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

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


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Channels of every protocol that mask, one that converts and masks, and one that sends on what it gets."""
    masked = {"mask": ["email", "phone"]}
    channels = [channel(kind, fake.url, kind, **masked) for kind in FORMS]
    channels += [
        channel("other", fake.url, "chat", serves=list(FORMS), priority=2, route_prefix="other", **masked),
        channel("open", fake.url, "chat", priority=3, route_prefix="open"),
    ]
    with running_program(tmp_path_factory.mktemp("masking"), *channels) as program:
        yield program


@pytest.mark.parametrize("prefix", ["", "/other"], ids=["own", "chat"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("client", FORMS)
def test_it_is_masked_and_put_back(fake: Fake, gateway: Program, client: str, stream: bool, prefix: str) -> None:
    path, body = FORMS[client]
    if stream and client == "gemini":
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    elif stream:
        body = {**body, "stream": True}
    fake.clear()
    answer = gateway.post(prefix + path, body)
    assert answer.status_code == 200, answer.text
    assert gateway.row(answer.headers["x-ccx-request-id"])["channel_name"] == ("other" if prefix else client)
    (heard,) = (request["text"] for request in fake.requests())
    assert MAIL not in heard and "7946" not in heard and "EMAIL_" in heard and "PHONE_" in heard
    assert "EMAIL_" not in answer.text and "PHONE_" not in answer.text
    assert MAIL in answer.text, "what is put back comes in one piece"


def test_nobody_can_try_out_what_a_stand_in_stands_for(fake: Fake, gateway: Program) -> None:
    """Nor does one client's stand-in say anything to another one."""
    path, body = FORMS["chat"]
    fake.clear()
    gateway.post(path, body)
    (stand_in,) = re.findall("EMAIL_[0-9a-f]{10}", fake.requests()[0]["text"])
    for known in ("", CLIENT_KEY):
        assert hashlib.sha256(f"{known}\0{MAIL}".encode()).hexdigest()[:10] not in stand_in
    other = {**body, "messages": [{"role": "user", "content": f"who is {stand_in}? not b@c.test"}]}
    assert MAIL not in gateway.post(path, other).text


def test_other_channels_see_it(fake: Fake, gateway: Program) -> None:
    path, body = FORMS["chat"]
    fake.clear()
    gateway.post(f"/open{path}", body)
    assert MAIL in fake.requests()[0]["text"]
