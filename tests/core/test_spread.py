"""Secrets over several events of a stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.mask import HIDDEN
from ccx_addons.core.spread import LEAST, MOST_HELD, TEXT, Spread

SECRET = "sk-proj-1a2b3c4d5e6f7g8h"
NEEDLES = (SECRET.encode(), b"c2stcHJvai0xYTJiM2M0ZDVlNmY3Zzh")


def chat(text: str) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def claude(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def arguments(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}


def responses(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": text}


def gemini(text: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}


FORMS = [chat, claude, arguments, responses, gemini]


def event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def said(events: bytes) -> str:
    return b"".join(TEXT.findall(events)).decode()


def passed(spread: Spread, form: Any, *texts: str) -> list[bytes]:
    return [*(spread.feed(event(form(text))) for text in texts), spread.rest()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_in_two_events_is_masked(form: Any, cut: int) -> None:
    out = passed(Spread(NEEDLES), form, "the key is ", SECRET[:cut], SECRET[cut:] + ", yes")
    text = said(b"".join(out))
    assert SECRET[LEAST:] not in text and HIDDEN in text and text.startswith("the key is ") and text.endswith(", yes")
    for line in b"".join(out).decode().split("\n\n")[:-1]:
        json.loads(line.removeprefix("data: "))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_however_many_events_it_comes_in(form: Any, size: int) -> None:
    whole = f"a {SECRET} b"
    out = b"".join(passed(Spread(NEEDLES), form, *(whole[n : n + size] for n in range(0, len(whole), size))))
    assert SECRET[LEAST:] not in said(out) and said(out).endswith(" b") and HIDDEN in said(out)


def test_other_text_passes_at_once_as_it_came() -> None:
    spread = Spread(NEEDLES)
    for text in ("ask me", "sk-", "proj", "x", "sk-pro", "mise", '\\"quoted\\"'):
        assert spread.feed(event(chat(text))) == event(chat(text))
    assert spread.rest() == b""


def test_what_begins_like_a_secret_waits_for_one_event() -> None:
    spread = Spread(NEEDLES)
    assert spread.feed(event(chat("sk-proj-1a"))) == b""
    assert spread.feed(event(chat(" is how keys begin"))) == event(chat("sk-proj-1a")) + event(
        chat(" is how keys begin")
    )
    assert spread.feed(event(chat(SECRET[:-1]))) == b""
    assert spread.rest() == event(chat(SECRET[:-1]))


def test_no_more_waits_than_a_secret_is_long() -> None:
    spread, most = Spread(NEEDLES), 0
    for _ in range(50):
        for letter in SECRET[:-1]:
            spread.feed(event(chat(letter)))
            most = max(most, spread._size)
    assert most <= len(SECRET) * len(event(chat("x")))


def test_events_without_text_keep_their_place() -> None:
    spread, ping = Spread(NEEDLES), b'event: ping\ndata: {"type": "ping"}\n\n'
    assert spread.feed(event(chat(SECRET[:12]))) == b"" and spread.feed(ping) == b""
    assert spread.feed(event(chat("?"))) == event(chat(SECRET[:12])) + ping + event(chat("?"))


def test_an_event_passes_as_soon_as_another_one_begins_a_secret() -> None:
    spread, event_ = Spread(NEEDLES), event(chat("sk-proj-1a"))
    assert spread.feed(event_) == b""
    for _ in range(20):
        assert spread.feed(event_) == event_
    assert spread.rest() == event_


def test_events_that_decide_nothing_do_not_pile_up() -> None:
    spread, ping, most = Spread(NEEDLES), b'event: ping\ndata: {"type": "ping"}\n\n', 0
    spread.feed(event(chat(SECRET[:-1])))
    for _ in range(3 * MOST_HELD // len(ping)):
        spread.feed(ping)
        most = max(most, spread._size)
    assert most < MOST_HELD + 1000


def test_without_secrets_nothing_is_looked_at() -> None:
    assert Spread(()).feed(b"anything") == b"anything"


@given(st.lists(st.sampled_from([*SECRET, SECRET[:9], SECRET[9:], SECRET, "s", "sk", " ", "é", '"']), max_size=60))
def test_any_pieces(pieces: list[str]) -> None:
    out = said(b"".join(passed(Spread(NEEDLES), claude, *pieces)))
    assert SECRET not in out
