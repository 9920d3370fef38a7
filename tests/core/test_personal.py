import json
from typing import Any

import pytest

from ccx_addons.core.neutral import Event, Finished, PartDelta, PartStarted, PartStopped, Text, ToolCall
from ccx_addons.core.personal import KINDS, STAND_IN, Mask, Restorer, restored
from ccx_addons.core.wire_json import BadJson

ALL = tuple(KINDS)


def masked(text: str, *names: str) -> tuple[str, dict[str, str]]:
    mask = Mask(names or ALL, "k")
    return mask.text(text), mask.known


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ada.lovelace+x@example.co.uk", "EMAIL"),
        ("4111 1111 1111 1111", "CARD"),
        ("5500-0000-0000-0004", "CARD"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("GB82WEST12345698765432", "IBAN"),
        ("+44 20 7946 0958", "PHONE"),
        ("+1 (415) 555-0132", "PHONE"),
    ],
)
def test_what_is_found_is_put_back(text: str, kind: str) -> None:
    found, known = masked(f"before {text}, after")
    assert text not in found and found.startswith(f"before {kind}_") and found.endswith(", after")
    assert restored(found, known) == f"before {text}, after"


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "1769860800000", "0000 0000 0000 0000", "DE88 3704 0044 0532 0130 00", "a@b", "@user",
        "git@github", "v1.2.3+4567", "3+12345678", "sha 4111111111111111abc", "2026-01-31 12:00", "",
    ],
)  # fmt: skip
def test_what_is_none_stays(text: str) -> None:
    assert masked(text) == (text, {})


def test_only_what_is_asked_for_and_always_the_same() -> None:
    text = "a@example.com and +44 20 7946 0958"
    assert masked(text, "phone")[0].startswith("a@example.com and PHONE_")
    assert masked(text) == masked(text) and Mask(ALL, "other").text(text) != masked(text)[0]


def test_of_a_body_only_texts_are_changed() -> None:
    mask = Mask(ALL, "k")
    body: dict[str, Any] = {
        "model": "a@example.com", "n": 4111111111111111, "user": "a@example.com", "tools": [{"description": "a@example.com"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a@example.com"}, {"data": "a@example.com"}]}],
        "url": "data:text/plain,a@example.com",
    }  # fmt: skip
    found = json.loads(mask.body(json.dumps(body).encode()))
    assert STAND_IN.fullmatch(found["messages"][0]["content"][0].pop("text"))
    body["messages"][0]["content"][0].pop("text")
    assert found == body and list(mask.known.values()) == ["a@example.com"]


def test_a_body_without_any_goes_on_byte_for_byte() -> None:
    raw = b'{"a" :  "none here"}'
    assert Mask(ALL, "k").body(raw) is raw
    with pytest.raises(BadJson):
        Mask(ALL, "k").body(b"--form")


class Events:
    counted = None

    def __init__(self, *events: Event) -> None:
        self.events = events

    def feed(self, data: bytes) -> list[Event]:
        return list(self.events)

    def flush(self) -> list[Event]:
        return []


@pytest.mark.parametrize("size", [1, 2, 5, 11, 100])
def test_a_stand_in_in_pieces_is_put_back(size: int) -> None:
    text, known = masked("write to ada@example.com, EMAIL_ or ada@example.com")
    pieces = [PartDelta(0, text[at : at + size]) for at in range(0, len(text), size)]
    found = Restorer(Events(PartStarted(0, Text("")), *pieces, PartStopped(0), Finished("end")), known).feed(b"")
    said = "".join(event.text for event in found if isinstance(event, PartDelta))
    assert said == "write to ada@example.com, EMAIL_ or ada@example.com"
    assert isinstance(found[-2], PartStopped) and isinstance(found[-1], Finished)


def test_parts_that_come_at_once_and_ends_without_a_stop() -> None:
    text, known = masked("ada@example.com")
    call = ToolCall("c", "f", json.dumps({"to": text}))
    found = Restorer(
        Events(PartStarted(0, call), PartStarted(1, Text("")), PartDelta(1, text[:6]), Finished("end")), known
    ).feed(b"")
    assert found[0] == PartStarted(0, ToolCall("c", "f", '{"to": "ada@example.com"}'))
    assert found[-2] == PartDelta(1, text[:6]) and Restorer(Events(), known).flush() == []
