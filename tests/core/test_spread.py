"""Secrets over several events of a stream."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.mask import HIDDEN, Secrets, mask
from ccx_addons.core.spread import LEAST, MOST_HELD, MOST_VOICES, Spread
from ccx_addons.core.voices import TEXT

SECRET = "sk-proj-1a2b3c4d5e6f7g8h"
NEEDLES = (SECRET.encode(), b"c2stcHJvai0xYTJiM2M0ZDVlNmY3Zzh")
CLEAN = Secrets([SECRET]).clean_bytes


def chat(text: str, n: int = 0) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": n, "delta": {"content": text}, "finish_reason": None}]}


def padded(text: str, n: int = 0) -> dict[str, Any]:
    return chat(text, n) | {"usage": None, "obfuscation": "x" * (16 - len(text)), "sequence_number": len(text)}


def claude(text: str, n: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": n, "delta": {"type": "text_delta", "text": text}}


def arguments(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}


def responses(text: str, n: int = 0) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "m", "output_index": n, "content_index": 0, "delta": text}


def gemini(text: str, n: int = 0) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": n}]}


FORMS = [chat, padded, claude, arguments, responses, gemini]
MANY = [chat, padded, claude, responses, gemini]
"""Of which several may be told side by side."""


def event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def said(events: bytes) -> str:
    return b"".join(TEXT.findall(events)).decode()


def passed(spread: Spread, form: Any, *texts: str) -> list[bytes]:
    return [*(spread.feed(event(form(text))) for text in texts), spread.rest()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_in_two_events_is_masked(form: Any, cut: int) -> None:
    out = passed(Spread(NEEDLES, CLEAN), form, "the key is ", SECRET[:cut], SECRET[cut:] + ", yes")
    text = said(b"".join(out))
    assert SECRET[LEAST:] not in text and HIDDEN in text and text.startswith("the key is ") and text.endswith(", yes")
    for line in b"".join(out).decode().split("\n\n")[:-1]:
        json.loads(line.removeprefix("data: "))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_however_many_events_it_comes_in(form: Any, size: int) -> None:
    whole = f"a {SECRET} b"
    out = b"".join(passed(Spread(NEEDLES, CLEAN), form, *(whole[n : n + size] for n in range(0, len(whole), size))))
    assert SECRET[LEAST:] not in said(out) and said(out).endswith(" b") and HIDDEN in said(out)


def test_other_text_passes_at_once_as_it_came() -> None:
    spread = Spread(NEEDLES, CLEAN)
    for text in ("ask me", "sk-", "proj", "x", "sk-pro", "mise", '\\"quoted\\"'):
        assert spread.feed(event(chat(text))) == event(chat(text))
    assert spread.rest() == b""


def test_what_begins_like_a_secret_waits_for_one_event() -> None:
    spread = Spread(NEEDLES, CLEAN)
    assert spread.feed(event(chat("sk-proj-1a"))) == b""
    assert spread.feed(event(chat(" is how keys begin"))) == event(chat("sk-proj-1a")) + event(
        chat(" is how keys begin")
    )
    assert spread.feed(event(chat(SECRET[:-1]))) == b""
    assert spread.rest() == event(chat(SECRET[:-1]))


def test_no_more_waits_than_a_secret_is_long() -> None:
    spread, most = Spread(NEEDLES, CLEAN), 0
    for _ in range(50):
        for letter in SECRET[:-1]:
            spread.feed(event(chat(letter)))
            most = max(most, spread._size)
    assert most <= len(SECRET) * len(event(chat("x")))


def test_events_without_text_keep_their_place() -> None:
    spread, ping = Spread(NEEDLES, CLEAN), b'event: ping\ndata: {"type": "ping"}\n\n'
    assert spread.feed(event(chat(SECRET[:12]))) == b"" and spread.feed(ping) == b""
    assert spread.feed(event(chat("?"))) == event(chat(SECRET[:12])) + ping + event(chat("?"))


def test_an_event_passes_as_soon_as_another_one_begins_a_secret() -> None:
    spread, event_ = Spread(NEEDLES, CLEAN), event(chat("sk-proj-1a"))
    assert spread.feed(event_) == b""
    for _ in range(20):
        assert spread.feed(event_) == event_
    assert spread.rest() == event_


def test_events_that_decide_nothing_do_not_pile_up() -> None:
    spread, ping, most = Spread(NEEDLES, CLEAN), b'event: ping\ndata: {"type": "ping"}\n\n', 0
    spread.feed(event(chat(SECRET[:-1])))
    for _ in range(3 * MOST_HELD // len(ping)):
        spread.feed(ping)
        most = max(most, spread._size)
    assert most < MOST_HELD + 1000


def test_without_secrets_nothing_is_looked_at() -> None:
    assert Spread((), CLEAN).feed(b"anything") == b"anything"


LED = re.compile(f"(?:(?:{'|'.join(SECRET[:n] for n in range(LEAST - 1, 0, -1))})?{HIDDEN})+")
"""Marks, and what passed before them: too little to say anything."""


def masked(text: str) -> str:
    return LED.sub(HIDDEN, text.replace(mask(SECRET), HIDDEN))


PIECES = st.lists(
    st.sampled_from(
        [*SECRET, SECRET[:9], SECRET[9:], SECRET[:3], SECRET, "s", "sk", " ", "é", '"', "\\", "\n", "words"]
    ),
    max_size=40,
)
WHOLE = st.builds(
    lambda text, size: [text[n : n + size] for n in range(0, len(text), size)],
    st.lists(st.sampled_from([SECRET, SECRET[:14], " and ", "x"]), max_size=5).map("".join),
    st.integers(1, 9),
)
CUTS = st.lists(st.integers(1, 4), min_size=40, max_size=200)


def joined(events: list[bytes], cuts: list[int]) -> list[bytes]:
    """Events as they may come together."""
    out, at = [], 0
    for cut in cuts:
        out.append(b"".join(events[at : at + cut]))
        at += cut
    return [event for event in (*out, b"".join(events[at:])) if event]


@pytest.mark.parametrize("form", [claude, padded])
@given(pieces=PIECES | WHOLE, cuts=CUTS)
def test_any_pieces(form: Any, pieces: list[str], cuts: list[int]) -> None:
    spread = Spread(NEEDLES, CLEAN)
    out = b"".join(map(spread.feed, joined([event(form(piece)) for piece in pieces], cuts))) + spread.rest()
    text = "".join(json.dumps(piece)[1:-1] for piece in pieces)
    assert masked(said(out)) == masked(text.replace(SECRET, HIDDEN))
    assert out.count(b"\n\n") == len(pieces)


@given(pieces=PIECES | WHOLE)
def test_what_passes_and_when(pieces: list[str]) -> None:
    """All but the events from that one on in which a secret began, unless it passed when it was too short for one."""
    spread, events, text, ends, out, before = Spread(NEEDLES, CLEAN), [], "", [0], b"", 0
    for piece in pieces:
        text += json.dumps(piece)[1:-1]
        ends.append(len(text))
        events.append(event(chat(piece)))
        out += spread.feed(events[-1])
        if SECRET in text:
            return
        begun = max((n for n in range(LEAST, len(SECRET)) if text.endswith(SECRET[:n])), default=0)
        before = max(before, len(events) - sum(end > len(text) - begun for end in ends))
        assert out == b"".join(events[:before])
    assert out + spread.rest() == b"".join(events)


@pytest.mark.parametrize("form", MANY)
@given(tells=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=30), cuts=CUTS)
def test_answers_told_side_by_side(form: Any, tells: list[tuple[int, int]], cuts: list[int]) -> None:
    """Each voice says the secret in pieces of its own, and none is masked for what another one says."""
    spread, rests, events = Spread(NEEDLES, CLEAN), [f"my {SECRET} yes", "sk-proj-", f"{SECRET[8:]} no"], []
    for n, size in tells:
        events.append((n, rests[n][:size]))
        rests[n] = rests[n][size:]
    out = b"".join(map(spread.feed, joined([event(form(text, n)) for n, text in events], cuts))) + spread.rest()
    heard = {n: "" for n in range(3)}
    for line in out.decode().split("\n\n")[:-1]:
        n = int(re.findall(r'"(?:output_)?index": (\d)', line)[0])
        heard[n] += said(line.encode())
    told = {n: "".join(text for whose, text in events if whose == n) for n in range(3)}
    assert heard[1] == told[1] and heard[2] == told[2]
    assert masked(heard[0]) == told[0].replace(SECRET, HIDDEN)


def test_one_event_of_two_answers() -> None:
    def both(first: str, second: str) -> bytes:
        return event({"candidates": gemini(first)["candidates"] + gemini(second, 1)["candidates"]})

    spread = Spread(NEEDLES, CLEAN)
    events = [both(SECRET[n : n + 6], "ab"[n // 6 % 2] + SECRET[n : n + 6]) for n in range(0, 24, 6)]
    out = b"".join(map(spread.feed, events)) + spread.rest()
    texts = [text.decode() for text in TEXT.findall(out)]
    assert masked("".join(texts[::2])) == HIDDEN
    assert "".join(texts[1::2]) == "".join("ab"[n // 6 % 2] + SECRET[n : n + 6] for n in range(0, 24, 6))


def test_a_secret_behind_a_masked_one() -> None:
    twice = f"{SECRET} {SECRET}."
    for size in range(1, 20):
        out = b"".join(passed(Spread(NEEDLES, CLEAN), chat, *(twice[n : n + size] for n in range(0, len(twice), size))))
        assert masked(said(out)) == f"{HIDDEN} {HIDDEN}."


def test_a_secret_behind_one_that_was_whole() -> None:
    spread = Spread(NEEDLES, CLEAN)
    out = spread.feed(event(chat(f"{SECRET} {SECRET[:12]}"))) + spread.feed(event(chat(SECRET[12:]))) + spread.rest()
    assert said(out) == f"{mask(SECRET)} {HIDDEN}"


def test_what_stands_around_a_text_is_looked_at_too() -> None:
    spread = Spread(NEEDLES, CLEAN)
    assert spread.feed(event(padded("a"))) == event(padded("a"))
    for id in ("c", SECRET, f"d {SECRET}"):
        assert SECRET.encode() not in spread.feed(event({**padded("b"), "id": id}))
        assert SECRET.encode() not in spread.feed(event({**padded("b"), "obfuscation": id}))


def test_many_voices_cost_no_more_memory() -> None:
    spread = Spread(NEEDLES, CLEAN)
    for n in range(5 * MOST_VOICES):
        spread.feed(event(chat("s", n)))
        spread.feed(event(chat(SECRET[:-1], n)))
    assert len(spread._ends) <= MOST_VOICES and len(spread._open) <= MOST_VOICES and spread._size <= MOST_HELD
